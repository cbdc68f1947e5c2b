// Literals: the places that an assembler gives them among the literal syllables. Spec:
// spec/e2k/literals.md, E2K-LIT.
using System;
using System.Collections.Generic;
using System.Linq;

namespace Ashlar.E2k.Symbolic;

/// <summary>A literal that wants a place.</summary>
/// <param name="Wanted">The place that is written, if one is.</param>
/// <param name="IsBare">Whether its size was left to the assembler.</param>
/// <param name="Bits">As many as the size says.</param>
/// <param name="Said">The number as written: a label's bits are not known at first.</param>
internal sealed record LiteralRequest(
    LiteralSize Size,
    Slot? Wanted,
    bool IsBare,
    ulong Bits,
    Quantity Said
)
{
    /// <summary>Whether it can share a place with another (E2K-LIT-007).</summary>
    internal bool IsAlike(LiteralRequest other) =>
        Wanted == other.Wanted && Size == other.Size && Said == other.Said;
}

/// <summary>Choosing places and filling syllables.</summary>
internal static class Literals
{
    /// <summary>Literal syllables of a bundle.</summary>
    private const int Syllables = 4;

    /// <summary>Half-words of LTS0 as a mask, where it holds the sizes of a window.</summary>
    internal const int FirstTaken = 3;

    private static readonly Slot[] Halves =
    [
        new(0, true),
        new(0, false),
        new(1, true),
        new(1, false),
    ];

    private static readonly Slot[] Wholes =
    [
        new(0, false),
        new(1, false),
        new(2, false),
        new(3, false),
    ];

    /// <summary>
    /// The bits of a literal, not extended; null where a syllable is not there (E2K-LIT-002).
    /// </summary>
    internal static ulong? Read(Syllables syllables, LiteralSize size, Slot slot)
    {
        if (syllables.Literal(slot.Index) is not { } word)
        {
            return null;
        }
        return size switch
        {
            LiteralSize.Bits16 => slot.IsHigh ? word >> 16 : word & 0xffff,
            LiteralSize.Bits32 => word,
            _ => syllables.Literal(slot.Index + 1) is { } high ? ((ulong)high << 32) | word : null,
        };
    }

    /// <summary>
    /// Places in the order of the requests, or null where there is no room (E2K-LIT-004).
    /// </summary>
    /// <param name="taken">Half-words that are not free, as a mask.</param>
    internal static Slot[]? Place(int taken, IReadOnlyList<LiteralRequest> requests)
    {
        List<LiteralRequest> kept = [];
        int[] sharedWith = new int[requests.Count];
        for (int index = 0; index < requests.Count; index++)
        {
            int known = kept.FindIndex(requests[index].IsAlike);
            sharedWith[index] = known < 0 ? kept.Count : known;
            if (known < 0)
            {
                kept.Add(requests[index]);
            }
        }

        int small = kept.Count(one => one.Size == LiteralSize.Bits16 && one.Wanted is null);
        bool isPacked =
            small > 1
            && kept.Exists(one => one is { Size: LiteralSize.Bits16, Wanted: null, IsBare: false });
        int[] order = [.. Enumerable.Range(0, kept.Count).OrderBy(at => Rank(kept[at], isPacked))];
        Slot[] found = new Slot[kept.Count];
        return Search(kept, order, taken, found) ? [.. sharedWith.Select(at => found[at])] : null;
    }

    /// <summary>
    /// Requests with places; numbers of no written size become wider together where that helps
    /// (E2K-LIT-006).
    /// </summary>
    internal static (LiteralRequest[] Requests, Slot[] Slots) Fit(
        int taken,
        LiteralRequest[] requests
    )
    {
        if (Place(taken, requests) is { } slots)
        {
            return (requests, slots);
        }
        LiteralRequest[] widened =
        [
            .. requests.Select(one =>
                one is { Size: LiteralSize.Bits16, IsBare: true }
                    ? one with
                    {
                        Size = LiteralSize.Bits32,
                    }
                    : one
            ),
        ];
        return Place(taken, widened) is { } wide
            ? (widened, wide)
            : throw new IllegalBundleException("E2K-LIT-004", "there is no room for the literals");
    }

    /// <summary>The literal syllables in order of memory, LTS0 last.</summary>
    /// <param name="first">What stands in LTS0 by itself, if something does.</param>
    internal static uint[] Fill(uint? first, LiteralRequest[] requests, Slot[] slots)
    {
        Span<uint> words = stackalloc uint[Syllables];
        words.Clear();
        words[0] = first ?? 0;
        int count = first is null ? 0 : 1;
        for (int index = 0; index < requests.Length; index++)
        {
            uint low = (uint)requests[index].Bits;
            Slot slot = slots[index];
            switch (requests[index].Size)
            {
                case LiteralSize.Bits16:
                    words[slot.Index] |= slot.IsHigh ? low << 16 : low & 0xffff;
                    count = Math.Max(count, slot.Index + 1);
                    break;
                case LiteralSize.Bits32:
                    words[slot.Index] = low;
                    count = Math.Max(count, slot.Index + 1);
                    break;
                default:
                    words[slot.Index] = low;
                    words[slot.Index + 1] = (uint)(requests[index].Bits >> 32);
                    count = Math.Max(count, slot.Index + 2);
                    break;
            }
        }
        uint[] filled = words[..count].ToArray();
        Array.Reverse(filled);
        return filled;
    }

    /// <summary>The row of the table of E2K-LIT-004 that a request belongs to.</summary>
    private static int Rank(LiteralRequest request, bool isPacked) =>
        request switch
        {
            { Wanted: not null } => 0,
            { Size: LiteralSize.Bits64 } => 1,
            { Size: LiteralSize.Bits32, IsBare: false } => 2,
            { Size: LiteralSize.Bits16 } when isPacked => request.IsBare ? 4 : 3,
            { Size: LiteralSize.Bits32 } => 5,
            _ => request.IsBare ? 7 : 6,
        };

    private static ReadOnlySpan<Slot> SlotsFor(LiteralSize size) =>
        size switch
        {
            LiteralSize.Bits16 => Halves,
            LiteralSize.Bits32 => Wholes,
            _ => Wholes.AsSpan(0, 3),
        };

    private static int MaskOf(LiteralSize size, Slot slot) =>
        size switch
        {
            LiteralSize.Bits16 => 1 << ((2 * slot.Index) + (slot.IsHigh ? 1 : 0)),
            LiteralSize.Bits32 => 3 << (2 * slot.Index),
            _ => 15 << (2 * slot.Index),
        };

    /// <summary>The first place for each that leaves room for the rest.</summary>
    private static bool Search(
        List<LiteralRequest> requests,
        ReadOnlySpan<int> order,
        int taken,
        Slot[] found
    )
    {
        if (order.IsEmpty)
        {
            return true;
        }
        LiteralRequest request = requests[order[0]];
        foreach (Slot slot in SlotsFor(request.Size))
        {
            int mask = MaskOf(request.Size, slot);
            if ((request.Wanted is { } wanted && wanted != slot) || (mask & taken) != 0)
            {
                continue;
            }
            found[order[0]] = slot;
            if (Search(requests, order[1..], taken | mask, found))
            {
                return true;
            }
        }
        return false;
    }
}
