// Names of a file that can be labels. Spec: spec/e2k/assembly.md, E2K-DIS-003.
using System;
using System.Collections.Generic;
using System.Linq;

namespace Ashlar.E2k.Assembly;

/// <summary>Chooses a name for each place that has some.</summary>
internal static class SymbolNames
{
    private const string Start = "_start";

    /// <summary>Beginnings that mean something else in a source.</summary>
    private static readonly string[] Taken = ["L_", "_f16s", "_f32s", "_f64"];

    /// <summary>
    /// By address: of the names that only one place has the first, but the entry's before others.
    /// </summary>
    internal static SortedDictionary<ulong, string> Of(IEnumerable<ProgramSymbol> symbols)
    {
        SortedDictionary<ulong, string> names = [];
        var unique = symbols
            .Where(symbol => IsName(symbol.Name))
            .GroupBy(symbol => symbol.Name, StringComparer.Ordinal)
            .Where(group => group.Count() == 1);
        foreach (ProgramSymbol symbol in unique.Select(group => group.First()))
        {
            if (!names.TryAdd(symbol.Address, symbol.Name) && symbol.Name == Start)
            {
                names[symbol.Address] = Start;
            }
        }
        return names;
    }

    private static bool IsName(string text) =>
        text.Length > 0
        && (char.IsAsciiLetter(text[0]) || text[0] == '_' || (text[0] == '.' && text.Length > 1))
        && text.All(one => char.IsAsciiLetterOrDigit(one) || one is '_' or '.' or '$')
        && !Taken.Any(taken => text.StartsWith(taken, StringComparison.Ordinal));
}
