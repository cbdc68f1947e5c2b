// What a bundle as written may hold at all, whatever the words are. Spec: spec/e2k/operations.md,
// E2K-OPS-001; labels E2K-TXT-003 and E2K-CS-002.
using System.Collections.Generic;
using System.Linq;

namespace Ashlar.E2k.Symbolic;

/// <summary>Looks at operations before they are encoded.</summary>
internal static class Written
{
    /// <summary>The most that the header can wait.</summary>
    private const int NopMax = 7;

    /// <summary>Whether an operation takes an arithmetic-logic channel.</summary>
    internal static bool IsOfChannel(Operation operation) =>
        operation.Channel is not null
        && Vocabulary.RoleOf(operation.Name) is not (Role.ArrayMove or Role.Increment);

    /// <summary>
    /// Refuses operations that no syllable has, and labels where a bundle cannot hold one.
    /// </summary>
    internal static void Check(IReadOnlyList<Operation> operations)
    {
        if (operations.FirstOrDefault(IsStranger) is { } stranger)
        {
            throw new IllegalBundleException(
                "E2K-OPS-001",
                OperationTable.Specification.Find(stranger.Name) is null
                    ? $"there is no operation {stranger.Name}"
                    : $"{stranger.Name} needs a channel"
            );
        }
        foreach (Operation operation in operations)
        {
            CheckLabels(operation);
        }
    }

    /// <summary>How long a bundle waits: what is written first.</summary>
    internal static int Nops(IEnumerable<Operation> operations)
    {
        long wait = operations.FirstOrDefault(one => one.Name == "nop")?.FirstNumber ?? 0;
        return wait is >= 0 and <= NopMax
            ? (int)wait
            : throw new IllegalBundleException(
                "E2K-ENC-001",
                $"nop waits 0 to {NopMax}, not {wait}"
            );
    }

    private static bool IsStranger(Operation operation) =>
        operation.Channel is null
        && Vocabulary.RoleOf(operation.Name) is null or Role.ChannelTransfer;

    /// <summary>
    /// A label may be a target or what a channel takes; anywhere else it would be lost.
    /// </summary>
    private static void CheckLabels(Operation operation)
    {
        bool isTarget =
            IsOfChannel(operation)
            || operation.Name is "disp" or "ldisp" or "sdisp" or "ibranch" or "rbranch";
        if (!isTarget && operation.Arguments.Any(IsLabelled))
        {
            throw new IllegalBundleException("E2K-CS-002", $"{operation.Name} takes no label");
        }
        if (operation.Settings.Any(one => one.Value.Label is not null))
        {
            throw new IllegalBundleException("E2K-TXT-003", "a setting is a number, not a label");
        }
    }

    private static bool IsLabelled(Argument argument) =>
        argument switch
        {
            Argument.Number number => number.Value.Label is not null,
            Argument.Literal literal => literal.Value.Label is not null,
            Argument.Address address => IsLabelled(address.Base)
                || (address.Index is { } index && IsLabelled(index)),
            _ => false,
        };
}
