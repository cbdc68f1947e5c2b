// Bytes and lanes moved about, functions of three bits, and the parts of an f80 as patterns.
// Spec: spec/e2k/packed.md, E2K-PACK-020 to E2K-PACK-026; spec/e2k/floating.md, E2K-F80-010.
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k.Operations;

/// <summary>Functions that choose and move.</summary>
internal static class Shuffles
{
    /// <summary>E2K-PACK-020.</summary>
    internal static ulong Shuffle8(ulong a, ulong b, ulong selectors)
    {
        Vector128<byte> selector = Vector128.CreateScalar(selectors).AsByte();
        Vector128<byte> code = selector >> 4;
        return Changed(code, Pick(Vector128.Create(b, a), selector)).ToScalar();
    }

    /// <summary>E2K-PACK-021.</summary>
    internal static V Shuffle16(V a, V b, V selectors)
    {
        Vector128<byte> selector = selectors.AsByte();
        V low = Pick(b, selector).AsUInt64();
        V high = Pick(a, selector).AsUInt64();
        V picked = Vector128.Create(low.GetLower(), high.GetUpper());
        return Changed(selector >> 4, picked.AsByte());
    }

    /// <summary>E2K-PACK-022.</summary>
    internal static V Permute(V a, V b, V selectors)
    {
        Vector128<byte> selector = selectors.AsByte();
        // Bit 4 of the selector, moved to the sign and spread.
        Vector128<byte> isFirst = ((selector << 3).AsSByte() >> 7).AsByte();
        Vector128<byte> picked = Vector128.ConditionalSelect(
            isFirst,
            Pick(a, selector),
            Pick(b, selector)
        );
        return Changed(selector >> 5, picked);
    }

    /// <summary>E2K-PACK-023: four halves by two bits each.</summary>
    internal static ulong SelectHalves(ulong a, ulong b, int choice)
    {
        ulong first = (ushort)(b >> (16 * (choice & 3)));
        ulong second = (ushort)(b >> (16 * ((choice >> 2) & 3)));
        ulong third = (ushort)(b >> (16 * ((choice >> 4) & 3)));
        ulong fourth = b >> (16 * ((choice >> 6) & 3));
        return first | (second << 16) | (third << 32) | (fourth << 48);
    }

    /// <summary>E2K-PACK-023: two words of four, the second source's first.</summary>
    internal static ulong SelectWords(ulong a, ulong b, int choice) =>
        WordOf(a, b, choice) | ((ulong)WordOf(a, b, choice >> 2) << 32);

    /// <summary>E2K-PACK-024.</summary>
    internal static ulong BytesLeftHigh(ulong a, ulong b, int bytes) =>
        bytes switch
        {
            0 => a,
            < 8 => (a << (8 * bytes)) | (b >> (64 - 8 * bytes)),
            < 16 => b << (8 * (bytes - 8)),
            _ => 0,
        };

    /// <summary>E2K-PACK-024.</summary>
    internal static ulong BytesRightLow(ulong a, ulong b, int bytes) =>
        bytes switch
        {
            0 => b,
            < 8 => (b >> (8 * bytes)) | (a << (64 - 8 * bytes)),
            < 16 => a >> (8 * (bytes - 8)),
            _ => 0,
        };

    /// <summary>E2K-PACK-024.</summary>
    internal static ulong BytesLeftLow(ulong a, ulong b, int bytes) => b << (8 * (bytes & 7));

    /// <summary>E2K-PACK-024.</summary>
    internal static ulong BytesRightHigh(ulong a, ulong b, int bytes) => a >> (8 * (bytes & 7));

    /// <summary>E2K-PACK-025: the function whose values are the bits of the code.</summary>
    internal static ulong OfThree(ulong a, ulong b, ulong c, int code)
    {
        (a, b) = Planted.Is(Bug.ThreeBitCodeReversed) ? (b, a) : (a, b);
        ulong above = (b & Mux(c, code >> 6)) | (~b & Mux(c, code >> 4));
        ulong below = (b & Mux(c, code >> 2)) | (~b & Mux(c, code));
        return (a & above) | (~a & below);
    }

    /// <summary>E2K-PACK-025.</summary>
    internal static V OfThree(V a, V b, V c, int code)
    {
        V above = Vector128.ConditionalSelect(b, Mux(c, code >> 6), Mux(c, code >> 4));
        V below = Vector128.ConditionalSelect(b, Mux(c, code >> 2), Mux(c, code));
        return Vector128.ConditionalSelect(a, above, below);
    }

    /// <summary>E2K-PACK-026.</summary>
    internal static ulong InsertHalf(ulong a, ulong b, int place) =>
        place > 3 ? a : (a & ~(0xffffUL << (16 * place))) | ((ulong)(ushort)b << (16 * place));

    /// <summary>E2K-PACK-026.</summary>
    internal static ulong ExtractHalf(ulong a, ulong b, int place) =>
        place > 7 ? 0UL : (ushort)((place < 4 ? b : a) >> (16 * (place & 3)));

    /// <summary>The second source below the first.</summary>
    internal static V Join(ulong a, ulong b) => Vector128.Create(b, a);

    /// <summary>The second source below bytes that are all the same.</summary>
    internal static V Fill(ulong a, ulong b, int filler) =>
        Vector128.Create(b, (byte)filler * 0x0101010101010101UL);

    /// <summary>The lanes of every pair change places.</summary>
    internal static V SwitchWords(V a, V b) => (b >> 32) | (b << 32);

    internal static V SwitchLongs(V a, V b) => Vector128.Create(b.GetElement(1), b.GetElement(0));

    // Parts of an f80 (E2K-F80-010).

    internal static ulong Exponent(V a, V b) => (ushort)b.GetElement(1);

    internal static V SetExponent(ulong a, ulong b) => Vector128.Create(a, (ushort)b);

    internal static V MoveExtended(V a, V b) =>
        Planted.Is(Bug.MovedF80KeepsBits) ? b : b & Vector128.Create(ulong.MaxValue, 0xffff);

    internal static V AbsoluteExtended(V a, V b) => b & Vector128.Create(ulong.MaxValue, 0x7fff);

    internal static V NegatedExtended(V a, V b) =>
        (b ^ Vector128.Create(0, 0x8000UL)) & Vector128.Create(ulong.MaxValue, 0xffff);

    private static uint WordOf(ulong a, ulong b, int choice)
    {
        ulong half = (choice & 2) == 0 ? b : a;
        return (uint)(half >> (32 * (choice & 1)));
    }

    private static ulong Mux(ulong c, int pair) =>
        (c & (0 - (ulong)((pair >> 1) & 1))) | (~c & (0 - (ulong)(pair & 1)));

    private static V Mux(V c, int pair) =>
        Vector128.ConditionalSelect(
            c,
            Vector128.Create(0 - (ulong)((pair >> 1) & 1)),
            Vector128.Create(0 - (ulong)(pair & 1))
        );

    /// <summary>Bytes of sixteen by the low four bits of selectors.</summary>
    private static Vector128<byte> Pick(V table, Vector128<byte> selector) =>
        Vector128.ShuffleNative(table.AsByte(), selector & Vector128.Create((byte)15));

    /// <summary>E2K-PACK-020: bytes changed as codes of four bits say.</summary>
    private static V Changed(Vector128<byte> code, Vector128<byte> picked)
    {
        if (code == Vector128<byte>.Zero)
        {
            return picked.AsUInt64();
        }

        Vector128<byte> isReversed = IsCode(code, 6, 2);
        Vector128<byte> isHighest = IsCode(code, 6, 4);
        Vector128<byte> isLowest = IsCode(code, 6, 6);
        Vector128<byte> isComplement = IsCode(code, 1, 1);
        Vector128<byte> isConstant = IsCode(code, 8, 8);

        Vector128<byte> highest = (picked.AsSByte() >> 7).AsByte();
        Vector128<byte> lowest = ((picked << 7).AsSByte() >> 7).AsByte();
        Vector128<byte> made = Vector128.ConditionalSelect(isReversed, Reversed(picked), picked);
        made = Vector128.ConditionalSelect(isHighest, highest, made);
        made = Vector128.ConditionalSelect(isLowest, lowest, made);
        made ^= Planted.Is(Bug.ShuffledComplementForgotten) ? default : isComplement;

        Vector128<byte> constants = Vector128.ShuffleNative(
            Vector128.Create((byte)0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 0, 0x80, 0, 0xff, 0),
            code
        );
        return Vector128.ConditionalSelect(isConstant, constants, made).AsUInt64();
    }

    private static Vector128<byte> IsCode(Vector128<byte> code, byte bits, byte wanted) =>
        Vector128.Equals(code & Vector128.Create(bits), Vector128.Create(wanted));

    private static Vector128<byte> Reversed(Vector128<byte> bytes)
    {
        Vector128<byte> nibble = Vector128.Create((byte)15);
        Vector128<byte> turned = Vector128.Create(
            (byte)0,
            8,
            4,
            12,
            2,
            10,
            6,
            14,
            1,
            9,
            5,
            13,
            3,
            11,
            7,
            15
        );
        Vector128<byte> low = Vector128.ShuffleNative(turned, bytes & nibble);
        return (low << 4) | Vector128.ShuffleNative(turned, bytes >> 4);
    }
}
