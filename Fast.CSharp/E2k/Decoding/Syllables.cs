// A wide instruction as its syllables: which words of a bundle are which. It says nothing of what a
// syllable means. Spec: spec/e2k/encoding.md.
using System;
using System.Numerics;

namespace Ashlar.E2k;

/// <summary>The syllables of one wide instruction. Channels are numbered 0 to 5.</summary>
public sealed class Syllables
{
    /// <summary>Words of the longest bundle.</summary>
    public const int WordsMax = 16;

    /// <summary>Arithmetic-logic channels of a bundle.</summary>
    internal const int Channels = 6;

    /// <summary>
    /// The half-syllable of channels 2 and 5 where no word holds one (E2K-ENC-012).
    /// </summary>
    internal const ushort ImplicitExtension = 0x01c0;

    private Syllables() { }

    /// <summary>How many there are.</summary>
    public int Words { get; private init; }

    /// <summary>Bits 9:7 of the header.</summary>
    public int Nop { get; private init; }

    public bool LoopMode { get; private init; }

    public bool SetMark { get; private init; }

    /// <summary>SS: control transfer, loop counters, rotation.</summary>
    public uint? Stub { get; private init; }

    /// <summary>ALS by channel.</summary>
    public uint?[] Als { get; } = new uint?[Channels];

    /// <summary>ALES by channel, where its header bit is set.</summary>
    public ushort?[] Ales { get; } = new ushort?[Channels];

    public uint? Control0 { get; private init; }

    public uint? Control1 { get; private init; }

    /// <summary>AAS by slot: 0 and 1 destinations, 2 to 5 one for each array channel.</summary>
    public ushort?[] Arrays { get; } = new ushort?[Channels];

    /// <summary>
    /// Words between the half-syllables and PLS, in order of memory; LTS0 is last.
    /// </summary>
    public uint[] Free { get; private init; } = [];

    /// <summary>PLS0 first.</summary>
    public uint[] Predicates { get; private init; } = [];

    /// <summary>CDS0 first.</summary>
    public uint[] Conditions { get; private init; } = [];

    internal static bool Bit(uint word, int position) => ((word >> position) & 1) != 0;

    internal static int Field(uint word, int low, int width) =>
        (int)((word >> low) & ((1u << width) - 1));

    /// <summary>Words of a bundle by its header (E2K-ENC-002).</summary>
    public static int LengthOf(uint header) => 2 * (Field(header, 4, 3) + 1);

    /// <summary>The literal syllable of a number from 0 to 3, or null (E2K-LIT-001).</summary>
    public uint? Literal(int index) =>
        index < 4 && index < Free.Length ? Free[Free.Length - 1 - index] : null;

    /// <summary>The syllables of the bundle that begins with these words.</summary>
    internal static Syllables Unpack(ReadOnlySpan<uint> words)
    {
        if (words.IsEmpty)
        {
            throw new IllegalBundleException("E2K-ENC-002", "no header");
        }
        if (LengthOf(words[0]) > words.Length)
        {
            throw new IllegalBundleException(
                "E2K-ENC-002",
                $"{words.Length} words of {LengthOf(words[0])}"
            );
        }
        uint header = words[0];
        if (Bit(header, 11))
        {
            throw new IllegalBundleException("E2K-ENC-003", "bit 11 of the header is set");
        }

        words = words[..LengthOf(header)];
        int stubs = Field(header, 12, 1);
        int control0 = Field(header, 14, 1);
        int control1 = Field(header, 15, 1);
        int conditions = Field(header, 16, 2);
        int predicates = Field(header, 18, 2);
        int extended = Field(header, 20, 6);
        int present = Field(header, 26, 6);
        int middle = Field(header, 0, 4) + 1;
        int beforeWide = 1 + stubs + BitOperations.PopCount((uint)present) + control0;
        bool isWide = (extended & 0b100100) != 0 && middle - beforeWide - control1 == 1;
        int taken = beforeWide + (isWide ? 1 : 0) + control1;
        if (taken != middle)
        {
            throw new IllegalBundleException(
                "E2K-ENC-005",
                $"the header says {middle} words to the middle, there are {taken}"
            );
        }

        uint? stub = stubs == 1 ? words[1] : null;
        int slots = stub is { } word ? SlotsOf(word) : 0;
        int halves =
            BitOperations.PopCount((uint)(extended & 0b011011))
            + BitOperations.PopCount((uint)slots);
        int afterHalves = middle + ((halves + 1) / 2);
        int freeEnd = words.Length - conditions - predicates;
        if (afterHalves > freeEnd)
        {
            throw new IllegalBundleException(
                "E2K-ENC-006",
                "the syllables do not fit in the bundle's length"
            );
        }

        Syllables syllables = new()
        {
            Words = words.Length,
            Nop = Field(header, 7, 3),
            LoopMode = Bit(header, 10),
            SetMark = Bit(header, 13),
            Stub = stub,
            Control0 = control0 == 1 ? words[beforeWide - 1] : null,
            Control1 = control1 == 1 ? words[middle - 1] : null,
            Free = words[afterHalves..freeEnd].ToArray(),
            Predicates = Reversed(words[freeEnd..(freeEnd + predicates)]),
            Conditions = Reversed(words[(freeEnd + predicates)..]),
        };
        int next = 1 + stubs;
        for (int channel = 0; channel < Channels; channel++)
        {
            if ((present >> channel & 1) != 0)
            {
                syllables.Als[channel] = words[next++];
            }
        }
        syllables.FillHalves(
            words[middle..afterHalves],
            extended,
            slots,
            isWide ? words[beforeWide] : null
        );
        return syllables;
    }

    /// <summary>The slots of AAS that the mask of a stub asks for (E2K-ENC-013).</summary>
    private static int SlotsOf(uint stub)
    {
        int moves = Field(stub, 12, 4);
        return (moves << 2) | ((moves & 3) != 0 ? 1 : 0) | ((moves & 12) != 0 ? 2 : 0);
    }

    private static uint[] Reversed(ReadOnlySpan<uint> words)
    {
        uint[] copy = words.ToArray();
        Array.Reverse(copy);
        return copy;
    }

    /// <summary>Half-syllables are packed two in a word, high half first (E2K-ENC-011).</summary>
    private void FillHalves(ReadOnlySpan<uint> words, int extended, int slots, uint? wide)
    {
        int taken = 0;
        for (int channel = 0; channel < Channels; channel++)
        {
            if ((extended >> channel & 1) == 0)
            {
                continue;
            }
            Ales[channel] = channel switch
            {
                2 => wide is { } word ? (ushort)(word >> 16) : ImplicitExtension,
                5 => wide is { } word ? (ushort)word : ImplicitExtension,
                _ => Half(words, taken++),
            };
        }
        for (int slot = 0; slot < Channels; slot++)
        {
            if ((slots >> slot & 1) != 0)
            {
                Arrays[slot] = Half(words, taken++);
            }
        }
    }

    private static ushort Half(ReadOnlySpan<uint> words, int index) =>
        (ushort)((index & 1) == 0 ? words[index / 2] >> 16 : words[index / 2]);
}
