// Floating-point numbers taken apart, and the formats they come in. Numbers of all formats look
// alike, so that operations need not know which format a source had.
// Spec: spec/e2k/floating.md, E2K-FP-001.
using System.Numerics;

namespace Ashlar.E2k.Operations;

/// <summary>What a pattern is.</summary>
internal enum NumberKind
{
    Zero,
    Finite,
    Infinity,
    Quiet,
    Signaling,

    /// <summary>An f80 whose leading bit contradicts its exponent.</summary>
    Unsupported,
}

/// <summary>
/// A pattern taken apart. A finite number is `Significand * 2^(Exponent - 63)` with bit 63 of the
/// significand set; of a NaN the significand has the fraction below bit 63.
/// </summary>
internal readonly record struct Number(
    NumberKind Kind,
    bool Negative,
    int Exponent,
    ulong Significand
)
{
    internal bool IsNaN => Kind is NumberKind.Quiet or NumberKind.Signaling;

    internal bool IsUnsupported => Kind == NumberKind.Unsupported;

    internal Number Negated => this with { Negative = !Negative };

    /// <summary>A whole number.</summary>
    internal static Number Of(bool negative, ulong magnitude)
    {
        int zeros = BitOperations.LeadingZeroCount(magnitude);
        return magnitude == 0
            ? new(NumberKind.Zero, negative, 0, 0)
            : new(NumberKind.Finite, negative, 63 - zeros, magnitude << zeros);
    }
}

/// <summary>A format: its widths, and patterns from parts and back.</summary>
internal interface IFormat
{
    /// <summary>Bits of the significand, with the leading one.</summary>
    static abstract int Precision { get; }

    /// <summary>The exponent of one, which is the largest exponent too.</summary>
    static abstract int Bias { get; }

    static abstract Number Unpack(Bits bits);

    /// <summary>
    /// A pattern of a biased exponent and a significand, whose leading bit is dropped where the
    /// format has none.
    /// </summary>
    static abstract Bits Assemble(bool negative, int exponent, ulong stored);
}

internal readonly struct F32 : IFormat
{
    public static int Precision => 24;
    public static int Bias => 127;

    public static Number Unpack(Bits bits) =>
        Formats.Unpack<F32>(
            (bits.Low & 0x80000000) != 0,
            (int)(bits.Low >> 23) & 0xff,
            bits.Low << 41 >> 1
        );

    public static Bits Assemble(bool negative, int exponent, ulong stored) =>
        new((negative ? 0x80000000UL : 0) | ((ulong)exponent << 23) | (stored & 0x7fffff), 0);
}

internal readonly struct F64 : IFormat
{
    public static int Precision => 53;
    public static int Bias => 1023;

    public static Number Unpack(Bits bits) =>
        Formats.Unpack<F64>((long)bits.Low < 0, (int)(bits.Low >> 52) & 0x7ff, bits.Low << 12 >> 1);

    public static Bits Assemble(bool negative, int exponent, ulong stored) =>
        new((negative ? 1UL << 63 : 0) | ((ulong)exponent << 52) | (stored & 0xfffffffffffff), 0);
}

internal readonly struct F80 : IFormat
{
    public static int Precision => 64;
    public static int Bias => 16383;

    public static Number Unpack(Bits bits)
    {
        int exponent = (int)bits.High & 0x7fff;
        bool negative = (bits.High & 0x8000) != 0;

        // The leading bit is stored: it must be there where the exponent says so.
        return exponent != 0 && (long)bits.Low >= 0
            ? new(NumberKind.Unsupported, negative, 0, 0)
            : Formats.Unpack<F80>(negative, exponent, bits.Low);
    }

    public static Bits Assemble(bool negative, int exponent, ulong stored) =>
        new(stored, (negative ? 0x8000UL : 0) | (uint)exponent);
}

/// <summary>What formats have in common.</summary>
internal static class Formats
{
    private const ulong Leading = 1UL << 63;
    private const ulong QuietBit = 1UL << 62;

    /// <summary>
    /// A number from its sign, biased exponent and significand moved up to bit 63, with or without
    /// its leading bit.
    /// </summary>
    internal static Number Unpack<T>(bool negative, int exponent, ulong significand)
        where T : IFormat
    {
        ulong fraction = significand & ~Leading;

        if (exponent == 2 * T.Bias + 1)
        {
            NumberKind kind =
                fraction == 0 ? NumberKind.Infinity
                : (fraction & QuietBit) != 0 ? NumberKind.Quiet
                : NumberKind.Signaling;
            return new(kind, negative, 0, fraction);
        }

        if (exponent != 0)
        {
            return new(NumberKind.Finite, negative, exponent - T.Bias, significand | Leading);
        }

        int zeros = BitOperations.LeadingZeroCount(significand);
        return significand == 0
            ? new(NumberKind.Zero, negative, 0, 0)
            : new(NumberKind.Finite, negative, 1 - T.Bias - zeros, significand << zeros);
    }

    internal static Bits Zero<T>(bool negative)
        where T : IFormat => T.Assemble(negative, 0, 0);

    internal static Bits Infinity<T>(bool negative)
        where T : IFormat => T.Assemble(negative, 2 * T.Bias + 1, 1UL << (T.Precision - 1));

    /// <summary>E2K-FP-002: a NaN with the highest bits of this fraction, quiet.</summary>
    internal static Bits Quiet<T>(bool negative, ulong fraction)
        where T : IFormat =>
        T.Assemble(negative, 2 * T.Bias + 1, (fraction | Leading | QuietBit) >> (64 - T.Precision));

    /// <summary>E2K-FP-002: the NaN of an invalid operation.</summary>
    internal static Bits Indefinite<T>(ref uint flags)
        where T : IFormat
    {
        flags |= FloatFlags.Invalid;
        return Quiet<T>(true, 0);
    }
}
