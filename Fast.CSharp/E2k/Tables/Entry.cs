// One row of the table of operations. Spec: spec/e2k/operations.md, E2K-OPS.
using System;
using System.Collections.Immutable;

namespace Ashlar.E2k;

/// <summary>How much of a register an operand means.</summary>
public enum Width : byte
{
    /// <summary>No operand of the table's.</summary>
    None,

    /// <summary>32 bits.</summary>
    Single,

    /// <summary>64 bits, or 80 of a float.</summary>
    Double,

    /// <summary>Half of a pair that holds 128 bits.</summary>
    Quad,

    /// <summary>A register of 128 bits.</summary>
    Packed,
}

/// <summary>The order of an operation's operands and where each stands (E2K-OPS-003).</summary>
public enum Form : byte
{
    TwoSources,
    OneSource,
    ThreeSources,
    TwoAndByte,
    OneAndByte,
    Comparison,
    Test,
    Merge,
    MergeAndThen,
    Load,
    Store,
    ArrayLoad,
    ArrayStore,
    ArrayRead,
    ArrayWrite,
    StateRead,
    StateWrite,
    Jump,
    JumpCall,
}

/// <summary>What the half-syllable of an operation has to be.</summary>
public enum ExtensionKind : byte
{
    /// <summary>There is none.</summary>
    None,

    /// <summary>All 16 bits are fixed.</summary>
    Whole,

    /// <summary>The high byte is fixed; the low one is an operand.</summary>
    High,
}

/// <summary>The half-syllable of an operation.</summary>
public sealed record Extension(ExtensionKind Kind, int Value)
{
    /// <summary>That of an operation without one.</summary>
    public static Extension None { get; } = new(ExtensionKind.None, 0);
}

/// <summary>Channels in which an operation may stand, from one version to another.</summary>
public sealed record Legality(int First, int Last, ImmutableArray<int> Channels);

/// <summary>Two channels that an operation takes together.</summary>
public sealed record ChannelPair(int First, int Second);

/// <summary>An operation of the arithmetic-logic channels.</summary>
public sealed class Entry
{
    /// <summary>The customary name.</summary>
    public required string Mnemonic { get; init; }

    public required Form Form { get; init; }

    /// <summary>Bits 30:24 of the syllable.</summary>
    public required int Opcode { get; init; }

    /// <summary>By channel modulo 3.</summary>
    public required ImmutableArray<Extension> Extensions { get; init; }

    /// <summary>The fixed first operand byte, or null.</summary>
    public required int? Source1 { get; init; }

    /// <summary>The fixed bits 7:5 of the destination byte, or null.</summary>
    public required int? Destination { get; init; }

    /// <summary>The channels of an operation that takes two (E2K-OPS-005).</summary>
    public required ImmutableArray<ChannelPair> Pairs { get; init; }

    /// <summary>Of the operands in written order.</summary>
    public required ImmutableArray<Width> Widths { get; init; }

    public required ImmutableArray<Legality> Legal { get; init; }

    /// <summary>The name of the function it computes (E2K-SEM-003).</summary>
    public required string Semantics { get; init; }

    /// <summary>The width of an operand; 32 bits where the table is silent.</summary>
    public Width WidthAt(int index) =>
        index < Widths.Length && Widths[index] != Width.None ? Widths[index] : Width.Single;

    /// <summary>Whether an operand is half of a pair.</summary>
    public bool IsQuad(int index) => index < Widths.Length && Widths[index] == Width.Quad;

    /// <summary>The last version that the table has rows of.</summary>
    private const int LastVersion = 6;

    /// <summary>Whether it may stand in a channel of a version (E2K-OPS-004).</summary>
    public bool IsLegal(int version, int channel)
    {
        // E2K-OPS-007
        version = Math.Min(version, LastVersion);
        foreach (Legality legality in Legal)
        {
            if (
                legality.First <= version
                && version <= legality.Last
                && legality.Channels.Contains(channel)
            )
            {
                return true;
            }
        }
        return false;
    }
}
