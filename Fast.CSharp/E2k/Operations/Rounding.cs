// The one place where results are rounded, and what governs it.
// Spec: spec/e2k/floating.md, E2K-FP-003, E2K-FP-041, E2K-FP-042, E2K-F80-001.
using System;

namespace Ashlar.E2k.Operations;

/// <summary>Flags as they stand in PFPFR and FPSR.</summary>
internal static class FloatFlags
{
    internal const uint Invalid = 1;
    internal const uint DivideByZero = 4;
    internal const uint Overflow = 8;
    internal const uint Underflow = 16;
    internal const uint Inexact = 32;

    /// <summary>The bits of PFPFR that say in which direction to round.</summary>
    internal const uint Directions = 0x6000;

    /// <summary>The bit of PFPFR that makes small results zero.</summary>
    internal const uint Flush = 0x8000;
}

/// <summary>Directions of rounding, by their codes.</summary>
internal enum Direction
{
    Nearest,
    Down,
    Up,
    Truncate,
}

/// <summary>How to round: direction, bits kept of a longer significand, flushing.</summary>
internal readonly record struct RoundingMode(Direction Direction, int Kept, bool Flush)
{
    /// <summary>E2K-FP-041.</summary>
    internal static RoundingMode Packed(uint pfpfr) =>
        new((Direction)((pfpfr >> 13) & 3), 64, (pfpfr & FloatFlags.Flush) != 0);

    /// <summary>E2K-F80-001.</summary>
    internal static RoundingMode Extended(uint fpcr) =>
        new(
            (Direction)((fpcr >> 10) & 3),
            (Planted.Is(Bug.PrecisionIgnored) ? 3 : (fpcr >> 8) & 3) switch
            {
                0 => 24,
                2 => 53,
                _ => 64,
            },
            false
        );

    /// <summary>The same with the precision of the format.</summary>
    internal RoundingMode Whole => this with { Kept = 64 };
}

/// <summary>Rounding of exact results.</summary>
internal static class Rounding
{
    /// <summary>
    /// E2K-FP-003: the pattern of `high:low * 2^(exponent - 127)`, where bit 63 of `high` is set
    /// and the lowest bit of `low` stands for all below it.
    /// </summary>
    internal static Bits Round<T>(
        bool negative,
        int exponent,
        ulong high,
        ulong low,
        RoundingMode mode,
        ref uint flags
    )
        where T : IFormat
    {
        int kept = Math.Min(mode.Kept, T.Precision);
        int unused = T.Precision - kept;
        ulong rounded = Cut(negative, high, low, 64 - kept, mode.Direction, out bool isExact);

        // Carried out of the bits kept, which of 64 leaves nothing.
        if (kept == 64 ? rounded == 0 : rounded >> kept != 0)
        {
            rounded = 1UL << (kept - 1);
            exponent++;

            if (exponent >= 1 - T.Bias && exponent <= T.Bias)
            {
                flags |= FloatFlags.Inexact;
                return T.Assemble(negative, exponent + T.Bias, rounded << unused);
            }

            exponent--;
        }
        else if (exponent >= 1 - T.Bias && exponent <= T.Bias)
        {
            flags |= isExact ? 0 : FloatFlags.Inexact;
            return T.Assemble(negative, exponent + T.Bias, rounded << unused);
        }

        return exponent > 0
            ? Overflowed<T>(negative, kept, mode.Direction, ref flags)
            : Small<T>(negative, exponent, high, low, kept, mode, ref flags);
    }

    /// <summary>A finite number in another format.</summary>
    internal static Bits Round<T>(Number number, RoundingMode mode, ref uint flags)
        where T : IFormat =>
        Round<T>(number.Negative, number.Exponent, number.Significand, 0, mode, ref flags);

    /// <summary>
    /// The bits of `high` above a cut, rounded; whole numbers are rounded here too.
    /// </summary>
    internal static ulong Cut(
        bool negative,
        ulong high,
        ulong low,
        int cut,
        Direction direction,
        out bool isExact
    )
    {
        // The bit below the cut, and whether anything is below that.
        ulong kept;
        bool half;
        bool rest;

        switch (cut)
        {
            case 0:
                kept = high;
                half = (long)low < 0;
                rest = low << 1 != 0;
                break;
            case < 64:
                kept = high >> cut;
                half = ((high >> (cut - 1)) & 1) != 0;
                rest = (high << (65 - cut) != 0 && cut > 1) || low != 0;
                break;
            case 64:
                kept = 0;
                half = (long)high < 0;
                rest = high << 1 != 0 || low != 0;
                break;
            default:
                kept = 0;
                half = false;
                rest = true;
                break;
        }

        isExact = !half && !rest;
        bool isUp = direction switch
        {
            Direction.Nearest => half && (rest || (kept & 1) != 0),
            Direction.Down => negative && !isExact,
            Direction.Up => !negative && !isExact,
            _ => false,
        };
        return isUp ? kept + 1 : kept;
    }

    private static Bits Overflowed<T>(bool negative, int kept, Direction direction, ref uint flags)
        where T : IFormat
    {
        flags |= FloatFlags.Overflow | FloatFlags.Inexact;
        bool isInfinite = direction switch
        {
            Direction.Nearest => true,
            Direction.Down => negative,
            Direction.Up => !negative,
            _ => false,
        };
        ulong ones = ulong.MaxValue >> (64 - kept) << (T.Precision - kept);
        return isInfinite ? Formats.Infinity<T>(negative) : T.Assemble(negative, 2 * T.Bias, ones);
    }

    /// <summary>Below the normal range, where fewer bits are left.</summary>
    private static Bits Small<T>(
        bool negative,
        int exponent,
        ulong high,
        ulong low,
        int kept,
        RoundingMode mode,
        ref uint flags
    )
        where T : IFormat
    {
        int cut = 64 - kept + (1 - T.Bias - exponent);
        ulong rounded = Cut(negative, high, low, cut, mode.Direction, out bool isExact);
        ulong stored = rounded << (T.Precision - kept);

        if (!isExact)
        {
            flags |= FloatFlags.Underflow | FloatFlags.Inexact;

            // E2K-FP-042.
            if (mode.Flush && !Planted.Is(Bug.FlushForgotten))
            {
                return Formats.Zero<T>(negative);
            }
        }

        return T.Assemble(negative, stored >> (T.Precision - 1) == 1 ? 1 : 0, stored);
    }
}
