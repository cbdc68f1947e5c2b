// An operation of the channels as fields of its syllables, its literal still without a place. Spec:
// spec/e2k/operations.md, E2K-OPS.
using System.Collections.Immutable;

namespace Ashlar.E2k.Symbolic;

/// <summary>What the operands of an operation say.</summary>
/// <param name="First">The byte of src1.</param>
/// <param name="Second">src2.</param>
/// <param name="Destination">The byte of the destination, or what stands in its place.</param>
internal readonly record struct DraftFields(int First, SecondSource Second, int Destination)
{
    /// <summary>The low byte of the half-syllable, where it is an operand.</summary>
    internal int Low { get; init; }

    /// <summary>The predicate that a merge takes.</summary>
    internal Condition? MergeOn { get; init; }
}

/// <summary>An operation of a channel, or of the two channels of a pair.</summary>
internal sealed record ChannelDraft(Entry Entry, Operation Operation, DraftFields Fields)
{
    /// <summary>The channel that is written.</summary>
    internal required int Written { get; init; }

    /// <summary>The channels it takes (E2K-OPS-005).</summary>
    internal required ImmutableArray<int> Channels { get; init; }

    /// <summary>What the second channel of a pair adds to src1 and src2.</summary>
    internal required (int First, int Second) Steps { get; init; }

    /// <summary>The address specifier (E2K-OPS-010).</summary>
    internal required int Specifier { get; init; }

    /// <summary>Whether it is a jump or call, whose guard is the stub's (E2K-SS-005).</summary>
    internal bool IsJump => Entry.Form is Form.Jump or Form.JumpCall;

    /// <summary>Whether it goes through a descriptor, whose index may be incremented.</summary>
    internal bool IsArrayAccess => Entry.Form is Form.ArrayLoad or Form.ArrayStore;

    /// <summary>
    /// Whether the second channel of a pair would go on in another file of registers (E2K-OPS-005).
    /// </summary>
    internal bool IsSplit =>
        Channels.Length == 2
        && (
            OperandBytes.IsLast(Fields.Destination)
            || (Steps.First == 1 && OperandBytes.IsLast(Fields.First))
            || (Steps.Second == 1 && OperandBytes.IsLast(Fields.Second.Code))
        );

    /// <summary>The syllable and half-syllable of its first or second channel.</summary>
    /// <param name="source2">The byte of src2: as drafted, or of the literal's place.</param>
    /// <param name="index">Of the channel among its channels.</param>
    internal (uint Als, ushort? Half) SyllablesOf(int source2, int index)
    {
        int first = (Fields.First + (Steps.First * index)) & 255;
        int second = (source2 + (Steps.Second * index)) & 255;
        int destination = (Fields.Destination + index) & 255;
        uint als =
            (Operation.IsSpeculative ? 1u << 31 : 0)
            | ((uint)Entry.Opcode << 24)
            | ((uint)first << 16)
            | ((uint)second << 8)
            | (uint)destination;
        Extension extension = Entry.Extensions[Channels[index] % 3];
        ushort? half = extension.Kind switch
        {
            ExtensionKind.None => null,
            ExtensionKind.Whole => (ushort)extension.Value,
            _ => (ushort)((extension.Value << 8) | Fields.Low),
        };
        return (als, half);
    }
}
