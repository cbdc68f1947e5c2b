// A wide instruction's syllables put together: the way back of Syllables.Unpack. It knows where a
// syllable goes and nothing of what it means. Spec: spec/e2k/encoding.md, E2K-ENC.
using System;

namespace Ashlar.E2k.Symbolic;

/// <summary>The syllables of a bundle to be, and its words.</summary>
internal sealed class BundleWriter
{
    private const int Channels = 6;

    internal int Nop { get; set; }

    internal bool LoopMode { get; set; }

    internal bool SetMark { get; set; }

    internal uint? Stub { get; set; }

    internal uint?[] Als { get; } = new uint?[Channels];

    internal ushort?[] Ales { get; } = new ushort?[Channels];

    /// <summary>Whether ALES2 and ALES5 get their word whatever they are.</summary>
    internal bool NeedsWide { get; set; }

    internal uint? Control0 { get; set; }

    internal uint? Control1 { get; set; }

    /// <summary>AAS by slot, as <see cref="Syllables.Arrays"/>.</summary>
    internal ushort?[] Arrays { get; } = new ushort?[Channels];

    /// <summary>In order of memory, LTS0 last.</summary>
    internal uint[] Literals { get; set; } = [];

    /// <summary>PLS0 first.</summary>
    internal uint[] Predicates { get; set; } = [];

    /// <summary>CDS0 first.</summary>
    internal uint[] Conditions { get; set; } = [];

    /// <summary>The words of the bundle, in order of memory.</summary>
    internal uint[] Pack()
    {
        Span<uint> front = stackalloc uint[Channels + 5];
        int middle = 0;
        Put(front, ref middle, Stub);
        foreach (uint? word in Als)
        {
            Put(front, ref middle, word);
        }
        Put(front, ref middle, Control0);
        Put(front, ref middle, Wide());
        Put(front, ref middle, Control1);

        Span<uint> halves = stackalloc uint[Channels];
        int packed = PackHalves(halves);
        int used = 1 + middle + packed + Literals.Length + Predicates.Length + Conditions.Length;
        int total = used + (used & 1);
        if (total > Syllables.WordsMax)
        {
            throw new IllegalBundleException(
                "E2K-ENC-002",
                $"a bundle of {used} words; there are at most {Syllables.WordsMax}"
            );
        }

        // What is missing to an even number stands before the literals (E2K-ENC-007), which are
        // found from the end of the bundle (E2K-ENC-016).
        uint[] words = new uint[total];
        words[0] = Header(middle, total);
        front[..middle].CopyTo(words.AsSpan(1));
        halves[..packed].CopyTo(words.AsSpan(1 + middle));
        int at = total - Conditions.Length - Predicates.Length - Literals.Length;
        Literals.CopyTo(words, at);
        for (int index = 0; index < Conditions.Length; index++)
        {
            words[total - 1 - index] = Conditions[index];
        }
        for (int index = 0; index < Predicates.Length; index++)
        {
            words[total - 1 - Conditions.Length - index] = Predicates[index];
        }
        return words;
    }

    private static void Put(Span<uint> words, ref int count, uint? word)
    {
        if (word is { } present)
        {
            words[count++] = present;
        }
    }

    private static uint Flag(bool isSet, int position) => isSet ? 1u << position : 0;

    private uint Header(int middle, int total)
    {
        uint header =
            (uint)middle
            | ((uint)((total / 2) - 1) << 4)
            | ((uint)Nop << 7)
            | Flag(LoopMode, 10)
            | Flag(Stub is not null, 12)
            | Flag(SetMark, 13)
            | Flag(Control0 is not null, 14)
            | Flag(Control1 is not null, 15)
            | ((uint)Conditions.Length << 16)
            | ((uint)Predicates.Length << 18);
        for (int channel = 0; channel < Channels; channel++)
        {
            header |= Flag(Ales[channel] is not null, 20 + channel);
            header |= Flag(Als[channel] is not null, 26 + channel);
        }
        return header;
    }

    /// <summary>The word of ALES2 and ALES5, where one of them asks for it (E2K-ENC-012).</summary>
    private uint? Wide()
    {
        ushort high = Ales[2] ?? Syllables.ImplicitExtension;
        ushort low = Ales[5] ?? Syllables.ImplicitExtension;
        bool isImplicit = high == Syllables.ImplicitExtension && low == Syllables.ImplicitExtension;
        return isImplicit && !NeedsWide ? null : ((uint)high << 16) | low;
    }

    /// <summary>Two half-syllables a word, the high half first (E2K-ENC-011).</summary>
    private int PackHalves(Span<uint> words)
    {
        words.Clear();
        int count = 0;
        foreach (
            ushort? half in (ReadOnlySpan<ushort?>)[Ales[0], Ales[1], Ales[3], Ales[4], .. Arrays]
        )
        {
            if (half is { } bits)
            {
                words[count / 2] |= (count & 1) == 0 ? (uint)bits << 16 : bits;
                count++;
            }
        }
        return (count + 1) / 2;
    }
}
