// Operations to words: which syllable each goes to, where literals and guards are put. Spec:
// spec/e2k/encoding.md, E2K-ENC; spec/e2k/operations.md, E2K-OPS.
using System.Collections.Generic;
using System.Linq;

namespace Ashlar.E2k.Symbolic;

/// <summary>The number of a quantity: of a label's, the place that it stands for.</summary>
public delegate long Resolver(Quantity value);

/// <summary>Writes wide instructions of one version.</summary>
/// <param name="version">From 2 to 7.</param>
public sealed class BundleEncoder(int version)
{
    /// <summary>
    /// The words of a bundle, or why it has none. How many there are does not depend on what labels
    /// are (E2K-LIT-006).
    /// </summary>
    /// <param name="operations">What is written in the bundle; nothing is a bundle, too.</param>
    /// <param name="resolve">The number of a quantity, in bytes where it is a place.</param>
    /// <param name="here">The bundle's own address, in bytes.</param>
    /// <param name="words">In order of memory; none where it is refused.</param>
    public Illegal? TryEncode(
        IReadOnlyList<Operation> operations,
        Resolver resolve,
        long here,
        out uint[] words
    )
    {
        try
        {
            words = Encode(operations, resolve, here).Pack();
            return null;
        }
        catch (IllegalBundleException wrong)
        {
            words = [];
            return wrong.Illegal;
        }
    }

    private BundleWriter Encode(IReadOnlyList<Operation> operations, Resolver resolve, long here)
    {
        Written.Check(operations);
        ChannelWriter channels = new(version, resolve, operations);
        ControlWriter control = new(operations, resolve, here);
        BundleWriter bundle = new()
        {
            Nop = Written.Nops(operations),
            SetMark = operations.Any(one => one.Name == "set_mark"),
            LoopMode = operations.Any(one => one.Name == "loop_mode"),
            NeedsWide = channels.NeedsWide,
        };
        uint arrayMask = ArrayMoves.Write(OfRole(operations, Role.ArrayMove), bundle.Arrays);
        bundle.Control0 = control.Control0();
        (bundle.Control1, uint? sizes) = control.Control1(channels.Specifiers);
        bundle.Predicates = LogicText.Write(OfRole(operations, Role.Logic));
        bundle.Conditions = GuardsOf(channels, operations);
        channels.Fill(bundle, sizes);
        bundle.Stub = StubWriter.Write(operations, arrayMask);
        return bundle;
    }

    private static List<Operation> OfRole(IEnumerable<Operation> operations, Role role) =>
        [.. operations.Where(one => Vocabulary.RoleOf(one.Name) == role)];

    /// <summary>Guards of the channels, then those of the stub (E2K-CDS-002).</summary>
    private static uint[] GuardsOf(ChannelWriter channels, IReadOnlyList<Operation> operations)
    {
        GuardWriter guards = new();
        channels.WriteGuards(guards);
        foreach (Operation operation in operations)
        {
            if (operation.Name is "srp" or "crp" or "slrp")
            {
                foreach (Condition condition in operation.Guard)
                {
                    guards.Add(GuardTarget.Stub, 0, condition);
                }
            }
        }
        return guards.ToWords();
    }
}
