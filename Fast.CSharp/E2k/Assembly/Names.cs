// Sections, and what a name stands for before addresses are known. Spec: spec/e2k/assembly.md,
// E2K-ASM-010, E2K-ASM-015 and E2K-ASM-016.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;

namespace Ashlar.E2k.Assembly;

/// <summary>The sections that there are, in the order in which they lie in memory.</summary>
internal enum SectionKind
{
    Text,
    Constants,
    Data,
    Reserved,
}

/// <summary>Sections by name.</summary>
internal static class Sections
{
    /// <summary>All of them in order.</summary>
    internal static ImmutableArray<SectionKind> All { get; } = [.. Enum.GetValues<SectionKind>()];

    internal static string NameOf(SectionKind section) =>
        section switch
        {
            SectionKind.Text => ".text",
            SectionKind.Constants => ".rodata",
            SectionKind.Data => ".data",
            _ => ".bss",
        };

    internal static SectionKind? Named(string name)
    {
        foreach (SectionKind section in All)
        {
            if (NameOf(section) == name)
            {
                return section;
            }
        }
        return null;
    }
}

/// <summary>
/// What a name stands for: bytes from the start of a section, or without one a number.
/// </summary>
internal readonly record struct Position(SectionKind? Section, long Offset)
{
    /// <summary>The number where sections have these addresses.</summary>
    internal long NumberAt(Func<SectionKind, long> addresses) =>
        Section is { } section ? addresses(section) + Offset : Offset;
}

/// <summary>
/// Where an expression stands: the order of its statement, and the place that <c>.</c> is.
/// </summary>
internal readonly record struct Standing(int Order, Position Here);

/// <summary>Names, and the labels that are numbers.</summary>
internal sealed class NameTable
{
    // Of each number the places that have it, in order of statements.
    private readonly Dictionary<string, List<Standing>> _locals = new(StringComparer.Ordinal);

    /// <summary>Names in the order of their characters.</summary>
    internal SortedDictionary<string, Position> Symbols { get; } = new(StringComparer.Ordinal);

    /// <summary>A label that is a number, at a place.</summary>
    internal void AddLocal(string number, Standing place)
    {
        if (!_locals.TryGetValue(number, out List<Standing>? places))
        {
            _locals.Add(number, places = []);
        }
        places.Add(place);
    }

    /// <summary>What a name stands for where it is used; null where it is not defined.</summary>
    internal Position? Find(Standing standing, string name)
    {
        if (name == ".")
        {
            return standing.Here;
        }
        if (char.IsAsciiDigit(name[0]))
        {
            return FindLocal(standing, name);
        }
        return Symbols.TryGetValue(name, out Position known) ? known : null;
    }

    /// <summary>What <c>1f</c> or <c>1b</c> refers to (E2K-ASM-016).</summary>
    private Position? FindLocal(Standing standing, string name)
    {
        if (!_locals.TryGetValue(name[..^1], out List<Standing>? places))
        {
            return null;
        }
        // The first place behind the statement; a statement is no place itself.
        int low = 0;
        int high = places.Count;
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (places[middle].Order > standing.Order)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }
        if (name.EndsWith('f'))
        {
            return low < places.Count ? places[low].Here : null;
        }
        int before = low - 1;
        if (before >= 0 && places[before].Order == standing.Order)
        {
            before--;
        }
        return before >= 0 ? places[before].Here : null;
    }
}
