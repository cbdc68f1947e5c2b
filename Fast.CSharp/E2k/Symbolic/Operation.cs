// A wide instruction as people write it: operations with operands, settings and guards. Decoder and
// parser make it, encoder and printer take it. Spec: spec/e2k/operands.md, E2K-TXT.
using System.Collections.Immutable;

namespace Ashlar.E2k.Symbolic;

/// <summary>A number, or one that counts from a label; "." is the bundle's own address.</summary>
public readonly record struct Quantity(string? Label, long Offset)
{
    public static implicit operator Quantity(long number) => new(null, number);
}

/// <summary>Bits of a literal.</summary>
public enum LiteralSize : byte
{
    Bits16,
    Bits32,
    Bits64,
}

/// <summary>A literal syllable by number, and of 16 bits which half of it.</summary>
public readonly record struct Slot(int Index, bool IsHigh);

/// <summary>Where a register lives.</summary>
public enum Bank : byte
{
    /// <summary>%b, in the rotating part of the window.</summary>
    Based,

    /// <summary>%r, in the window.</summary>
    Window,

    /// <summary>%g.</summary>
    Global,
}

/// <summary>One operand as written.</summary>
public abstract record Argument
{
    private Argument() { }

    /// <summary>A register, with the width that its prefix says.</summary>
    public sealed record Register(Width Width, Bank Bank, int Index) : Argument;

    /// <summary>
    /// A name behind a percent sign, such as ctpr1; a local predicate's keeps its at sign.
    /// </summary>
    public sealed record Name(string Text, bool IsNegated = false) : Argument;

    /// <summary>A number of no written size.</summary>
    public sealed record Number(Quantity Value) : Argument;

    /// <summary>A number with its size and, where one is written, its place.</summary>
    public sealed record Literal(LiteralSize Size, Slot? Slot, Quantity Value) : Argument;

    /// <summary>What stands in brackets.</summary>
    public sealed record Address(Argument Base, Argument? Index) : Argument;
}

/// <summary>A setting, <c>name = value</c>.</summary>
public readonly record struct Assignment(string Name, Quantity Value);

/// <summary>One condition of a guard, such as ~%pred5.</summary>
public readonly record struct Condition(string Name, bool IsNegated = false);

/// <summary>An operation as written.</summary>
public sealed record Operation(string Name)
{
    public int? Channel { get; init; }

    public bool IsSpeculative { get; init; }

    public ImmutableArray<Argument> Arguments { get; init; } = [];

    public ImmutableArray<Assignment> Settings { get; init; } = [];

    public ImmutableArray<Condition> Guard { get; init; } = [];

    /// <summary>The first operand, where it is a number and no label; else null.</summary>
    internal long? FirstNumber =>
        Arguments is [Argument.Number { Value: { Label: null, Offset: var number } }, ..]
            ? number
            : null;

    /// <summary>So many low bits of a setting's number; 0 where it is not there.</summary>
    internal uint Field(string name, int width) =>
        (uint)(Setting(name)?.Offset ?? 0) & ((1u << width) - 1);

    /// <summary>The first setting of a name, or null.</summary>
    public Quantity? Setting(string name)
    {
        foreach (Assignment one in Settings)
        {
            if (one.Name == name)
            {
                return one.Value;
            }
        }
        return null;
    }
}
