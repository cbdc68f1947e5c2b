// Expressions as numbers, and as places before addresses are known. Spec: spec/e2k/assembly.md,
// E2K-ASM-015 and E2K-ASM-017.
using System;
using Ashlar.E2k.Symbolic;

namespace Ashlar.E2k.Assembly;

/// <summary>Says what expressions are.</summary>
internal static class Expressions
{
    /// <summary>An expression that depends on no addresses, or on all that are known.</summary>
    internal static long Number(
        Func<SectionKind, long> addresses,
        NameTable names,
        Standing standing,
        Segment segment
    )
    {
        if (segment.Text.Length > SourceLimits.OperationLength)
        {
            throw segment.Problem(0, "E2K-ASM-030", "the expression is too long");
        }
        Fault? fault = OperationParser.TryParseNumber(
            segment.Text,
            name => names.Find(standing, name)?.NumberAt(addresses),
            out Quantity value
        );
        if (fault is not null)
        {
            throw segment.Problem(fault);
        }
        return value.Label is { } label
            ? throw segment.Problem(0, "E2K-ASM-015", $"{label} is not defined")
            : value.Offset;
    }

    /// <summary>
    /// An expression before addresses are known: a number that does not depend on them, or a place
    /// in a section (E2K-ASM-017).
    /// </summary>
    internal static Position Place(NameTable names, Standing standing, Segment segment)
    {
        long number = Number(_ => 0, names, standing, segment);
        long moved = Number(Probe, names, standing, segment);
        if (number == moved)
        {
            return new(null, number);
        }
        foreach (SectionKind section in Sections.All)
        {
            if (moved - number == Probe(section))
            {
                return new(section, number);
            }
        }
        throw segment.Problem(
            0,
            "E2K-ASM-017",
            "this is neither a number nor a place in a section"
        );
    }

    /// <summary>An expression that has to be a number before addresses are known.</summary>
    internal static long Constant(NameTable names, Standing standing, Segment segment)
    {
        Position place = Place(names, standing, segment);
        return place.Section is null
            ? place.Offset
            : throw segment.Problem(
                0,
                "E2K-ASM-017",
                "a number is wanted, not a place in a section"
            );
    }

    /// <summary>
    /// Addresses that no sum of names hides: each section has a bit of its own.
    /// </summary>
    private static long Probe(SectionKind section) => 1L << (40 + (int)section);
}
