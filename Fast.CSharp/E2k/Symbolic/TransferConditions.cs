// The condition of a transfer: nine bits of SS and the guard that they are. Spec:
// spec/e2k/encoding.md, E2K-SS-004.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;

namespace Ashlar.E2k.Symbolic;

/// <summary>Conditions of transfers, read and written.</summary>
internal static class TransferConditions
{
    private const int Always = 1 << 5;

    private static readonly Condition Never = new("never");
    private static readonly Condition LoopEnd = new("LOOP_END");
    private static readonly Condition NotLoopEnd = new("NOT_LOOP_END");
    private static readonly Condition Locked = new("MLOCK");

    /// <summary>Loads that may have been overtaken, by the bit of a mask.</summary>
    private static readonly string[] Loads = ["dt_al0", "dt_al1", "dt_al3", "dt_al4"];

    /// <summary>Comparisons of this bundle, by number.</summary>
    private static readonly string[] Comparisons = ["cmp0", "cmp1", "cmp3", "cmp4"];

    /// <summary>The guard of nine bits, or null where they are no condition.</summary>
    internal static ImmutableArray<Condition>? Read(int code)
    {
        int low = code & 31;
        bool isOdd = (code & 1) != 0;
        Condition Predicate(bool isNegated) => new($"pred{low}", isNegated);

        return (code >> 5, low) switch
        {
            (0, 0) => [Never],
            (1, 0) => [],
            (2, _) => [Predicate(false)],
            (3, _) => [Predicate(true)],
            (4, 0) => [LoopEnd],
            (5, 0) => [NotLoopEnd],
            (6, _) => [Predicate(false), LoopEnd],
            (7, _) => [Predicate(true), NotLoopEnd],
            (8, < 16) => [Locked, .. Overtaken(low)],
            (9, < 8) => [Locked, new(Comparisons[low >> 1], isOdd)],
            (9, >= 16 and < 22) => [Locked, new($"clp{(low - 16) >> 1}", isOdd)],
            (14, _) => [Predicate(true), LoopEnd],
            (15, _) => [Predicate(false), NotLoopEnd],
            _ => null,
        };
    }

    /// <summary>The nine bits of a guard.</summary>
    internal static int CodeOf(ReadOnlySpan<Condition> guard)
    {
        if (guard.IsEmpty)
        {
            return Always;
        }
        Condition first = guard[0];
        int? predicate = NumberedName.NumberOf("pred", first.Name, 32);
        int? code = guard.Length switch
        {
            _ when first.Name == Locked.Name => LockedCode(guard[1..]),
            1 when predicate is { } number => ((first.IsNegated ? 3 : 2) << 5) | number,
            1 => first.Name switch
            {
                "always" => Always,
                "never" => 0,
                "LOOP_END" => 4 << 5,
                "NOT_LOOP_END" => 5 << 5,
                _ => ComparedCode(first),
            },
            2 when predicate is { } number => guard[1].Name switch
            {
                "LOOP_END" => ((first.IsNegated ? 14 : 6) << 5) | number,
                "NOT_LOOP_END" => ((first.IsNegated ? 7 : 15) << 5) | number,
                _ => null,
            },
            _ => null,
        };
        return code
            ?? throw new IllegalBundleException("E2K-SS-004", "no transfer has this condition");
    }

    private static IEnumerable<Condition> Overtaken(int mask)
    {
        for (int bit = 0; bit < Loads.Length; bit++)
        {
            if ((mask >> bit & 1) != 0)
            {
                yield return new(Loads[bit]);
            }
        }
    }

    private static int? LockedCode(ReadOnlySpan<Condition> others)
    {
        int mask = 0;
        foreach (Condition one in others)
        {
            if (one.IsNegated || Array.IndexOf(Loads, one.Name) is not (>= 0 and var bit))
            {
                return others.Length == 1 ? ComparedCode(one) : null;
            }
            mask |= 1 << bit;
        }
        return (8 << 5) | mask;
    }

    private static int ComparedCode(Condition one)
    {
        int negation = one.IsNegated ? 1 : 0;
        if (Array.IndexOf(Comparisons, one.Name) is >= 0 and var index)
        {
            return (9 << 5) | (index << 1) | negation;
        }
        return NumberedName.NumberOf("clp", one.Name, 3) is { } local
            ? (9 << 5) | 16 | (local << 1) | negation
            : throw new IllegalBundleException(
                "E2K-SS-004",
                $"%{one.Name} cannot stand behind %MLOCK"
            );
    }
}
