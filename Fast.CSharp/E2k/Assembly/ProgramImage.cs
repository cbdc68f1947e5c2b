// A program as sections at their addresses, with names for addresses. Spec: spec/e2k/assembly.md,
// E2K-FILE.
using System.Collections.Immutable;

namespace Ashlar.E2k.Assembly;

/// <summary>A part of a program.</summary>
/// <param name="Name">As in <c>.text</c>.</param>
/// <param name="Address">Of its first byte.</param>
/// <param name="Bytes">What the file holds of it.</param>
/// <param name="Size">Bytes in memory; what the file does not hold is zero.</param>
public sealed record ProgramSection(string Name, ulong Address, byte[] Bytes, ulong Size)
{
    public bool IsExecutable { get; init; }

    public bool IsWritable { get; init; }
}

/// <summary>A name for an address.</summary>
/// <param name="Size">Bytes of what it names; 0 where nobody says.</param>
/// <param name="Section">The place of its section among all, or null for a number.</param>
public sealed record ProgramSymbol(string Name, ulong Address, ulong Size, int? Section)
{
    public bool IsGlobal { get; init; }

    public bool IsFunction { get; init; }
}

/// <summary>A program: in the file the sections follow each other in order.</summary>
/// <param name="Version">Of the instruction set, 1 to 7.</param>
/// <param name="Entry">The address of its first bundle.</param>
public sealed record ProgramImage(
    int Version,
    ulong Entry,
    ImmutableArray<ProgramSection> Sections,
    ImmutableArray<ProgramSymbol> Symbols
);
