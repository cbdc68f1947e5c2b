// Floating point by whole numbers: exact results, rounded once. It serves every format, direction
// and special value; what the host's own arithmetic can do is done elsewhere.
// Spec: spec/e2k/floating.md, E2K-FP.
using System;

namespace Ashlar.E2k.Operations;

/// <summary>Operations on numbers taken apart; `T` is the format of the result.</summary>
internal static class SoftFloat
{
    private const ulong QuietBit = 1UL << 62;

    /// <summary>E2K-FP-010: the sum, or with `negate` the difference.</summary>
    internal static Bits Add<T>(Number a, Number b, bool negate, RoundingMode mode, ref uint flags)
        where T : IFormat =>
        IsSpecial(a, b)
            ? Special<T>(a, b, ref flags)
            : Sum<T>(Term.Of(a), Term.Of(negate ? b.Negated : b), mode, ref flags);

    /// <summary>E2K-FP-011.</summary>
    internal static Bits Mul<T>(Number a, Number b, RoundingMode mode, ref uint flags)
        where T : IFormat
    {
        if (IsSpecial(a, b))
        {
            return Special<T>(a, b, ref flags);
        }

        if (IsZeroByInfinity(a, b))
        {
            return Formats.Indefinite<T>(ref flags);
        }

        Term product = Term.Product(a, b);
        return product.Kind switch
        {
            NumberKind.Infinity => Formats.Infinity<T>(product.Negative),
            NumberKind.Zero => Formats.Zero<T>(product.Negative),
            _ => product.Round<T>(mode, ref flags),
        };
    }

    /// <summary>E2K-FP-012.</summary>
    internal static Bits Div<T>(Number a, Number b, RoundingMode mode, ref uint flags)
        where T : IFormat
    {
        if (IsSpecial(a, b))
        {
            return Special<T>(a, b, ref flags);
        }

        bool negative = a.Negative != b.Negative;

        switch (a.Kind, b.Kind)
        {
            case (NumberKind.Infinity, NumberKind.Infinity):
            case (NumberKind.Zero, NumberKind.Zero):
                return Formats.Indefinite<T>(ref flags);
            case (NumberKind.Infinity, _):
                return Formats.Infinity<T>(negative);
            case (_, NumberKind.Infinity):
            case (NumberKind.Zero, _):
                return Formats.Zero<T>(negative);
            case (_, NumberKind.Zero):
                flags |= FloatFlags.DivideByZero;
                return Formats.Infinity<T>(negative);
            default:
                return Quotient<T>(negative, a, b, mode, ref flags);
        }
    }

    /// <summary>E2K-FP-013.</summary>
    internal static Bits Sqrt<T>(Number a, RoundingMode mode, ref uint flags)
        where T : IFormat
    {
        if (a.IsUnsupported)
        {
            return Formats.Indefinite<T>(ref flags);
        }

        if (a.IsNaN)
        {
            return Kept<T>(a, ref flags);
        }

        return (a.Kind, a.Negative) switch
        {
            (NumberKind.Zero, _) => Formats.Zero<T>(a.Negative),
            (_, true) => Formats.Indefinite<T>(ref flags),
            (NumberKind.Infinity, _) => Formats.Infinity<T>(false),
            _ => Root<T>(a, mode, ref flags),
        };
    }

    /// <summary>E2K-FP-014: a product and a sum rounded once.</summary>
    internal static Bits Fused<T>(
        Number a,
        Number b,
        Number c,
        bool negateProduct,
        bool negateSum,
        RoundingMode mode,
        ref uint flags
    )
        where T : IFormat
    {
        if (a.IsNaN || b.IsNaN || c.IsNaN)
        {
            flags |= IsSignaling(a) || IsSignaling(b) || IsSignaling(c) ? FloatFlags.Invalid : 0;
            Number first =
                a.IsNaN ? a
                : b.IsNaN ? b
                : c;
            return Formats.Quiet<T>(first.Negative, first.Significand);
        }

        if (IsZeroByInfinity(a, b))
        {
            return Formats.Indefinite<T>(ref flags);
        }

        Term product = Term.Product(negateProduct ? a.Negated : a, b);
        return Sum<T>(product, Term.Of(negateSum ? c.Negated : c), mode, ref flags);
    }

    /// <summary>E2K-FP-030: the number in another format.</summary>
    internal static Bits Convert<T>(Number a, RoundingMode mode, ref uint flags)
        where T : IFormat =>
        a.Kind switch
        {
            NumberKind.Unsupported => Formats.Indefinite<T>(ref flags),
            NumberKind.Zero => Formats.Zero<T>(a.Negative),
            NumberKind.Infinity => Formats.Infinity<T>(a.Negative),
            NumberKind.Finite => Rounding.Round<T>(a, mode, ref flags),
            _ => Kept<T>(a, ref flags),
        };

    /// <summary>E2K-FP-031: a signed integer of 32 or 64 bits.</summary>
    internal static ulong ToInteger(Number a, int width, Direction direction, ref uint flags)
    {
        ulong smallest = 1UL << (width - 1);

        if (a.Kind == NumberKind.Zero)
        {
            return 0;
        }

        if (a.Kind == NumberKind.Finite && a.Exponent < 64)
        {
            int cut = 63 - a.Exponent;
            ulong magnitude = Rounding.Cut(
                a.Negative,
                a.Significand,
                0,
                cut,
                direction,
                out bool isExact
            );

            if (magnitude < smallest || (magnitude == smallest && a.Negative))
            {
                flags |= isExact ? 0 : FloatFlags.Inexact;
                ulong signed = a.Negative ? 0 - magnitude : magnitude;
                return width == 64 ? signed : (uint)signed;
            }
        }

        flags |= FloatFlags.Invalid;
        return smallest;
    }

    /// <summary>E2K-FP-032: a signed integer as a number.</summary>
    internal static Bits OfInteger<T>(long integer, RoundingMode mode, ref uint flags)
        where T : IFormat
    {
        ulong magnitude = integer < 0 ? 0 - (ulong)integer : (ulong)integer;
        return magnitude == 0
            ? Formats.Zero<T>(false)
            : Rounding.Round<T>(Number.Of(integer < 0, magnitude), mode, ref flags);
    }

    /// <summary>E2K-FP-034.</summary>
    internal static Bits Scale<T>(Number a, long power, RoundingMode mode, ref uint flags)
        where T : IFormat
    {
        if (a.Kind != NumberKind.Finite)
        {
            return Convert<T>(a, mode, ref flags);
        }

        int powerMax = T.Bias + 1;
        return power >= powerMax ? Formats.Infinity<T>(a.Negative)
            : power <= -powerMax ? Formats.Zero<T>(a.Negative)
            : Rounding.Round<T>(a with { Exponent = a.Exponent + (int)power }, mode, ref flags);
    }

    /// <summary>-1, 0 or 1, or null where either is no number.</summary>
    internal static int? Relation(Number a, Number b)
    {
        if (a.Kind >= NumberKind.Quiet || b.Kind >= NumberKind.Quiet)
        {
            return null;
        }

        int sign = SignOf(a);
        int other = SignOf(b);

        if (sign != other || sign == 0)
        {
            return sign.CompareTo(other);
        }

        // Infinity is beyond every exponent.
        int order =
            a.Kind == b.Kind
                ? a.Exponent != b.Exponent
                    ? a.Exponent.CompareTo(b.Exponent)
                    : a.Significand.CompareTo(b.Significand)
                : a.Kind.CompareTo(b.Kind);
        return a.Kind == NumberKind.Infinity && b.Kind == NumberKind.Infinity ? 0 : sign * order;
    }

    internal static bool IsSignaling(Number a) => a.Kind == NumberKind.Signaling;

    /// <summary>
    /// A source of 32 or 64 bits as an f80, which is exact (E2K-F80-004): a NaN becomes quiet.
    /// </summary>
    internal static Number Widened<T>(Number a, ref uint flags)
        where T : IFormat
    {
        if (T.Precision == 64 || !a.IsNaN)
        {
            return a;
        }

        flags |= IsSignaling(a) ? FloatFlags.Invalid : 0;
        return a with { Kind = NumberKind.Quiet, Significand = a.Significand | QuietBit };
    }

    private static int SignOf(Number a) =>
        a.Kind == NumberKind.Zero ? 0
        : a.Negative ? -1
        : 1;

    private static bool IsSpecial(Number a, Number b) =>
        a.Kind >= NumberKind.Quiet || b.Kind >= NumberKind.Quiet;

    private static bool IsZeroByInfinity(Number a, Number b) =>
        (a.Kind == NumberKind.Zero && b.Kind == NumberKind.Infinity)
        || (a.Kind == NumberKind.Infinity && b.Kind == NumberKind.Zero);

    private static Bits Kept<T>(Number a, ref uint flags)
        where T : IFormat
    {
        flags |= IsSignaling(a) ? FloatFlags.Invalid : 0;
        return Formats.Quiet<T>(a.Negative, a.Significand);
    }

    /// <summary>E2K-FP-004, where one of the sources is a NaN or unsupported.</summary>
    private static Bits Special<T>(Number a, Number b, ref uint flags)
        where T : IFormat
    {
        if (a.IsUnsupported || b.IsUnsupported)
        {
            return Formats.Indefinite<T>(ref flags);
        }

        flags |= IsSignaling(a) || IsSignaling(b) ? FloatFlags.Invalid : 0;
        Number kept =
            !b.IsNaN || (Planted.Is(Bug.FirstNaNKept) && a.IsNaN) ? a
            : !a.IsNaN ? b
            : IsSignaling(a) != IsSignaling(b) ? (IsSignaling(a) ? b : a)
            : a.Significand != b.Significand ? (a.Significand > b.Significand ? a : b)
            : a.Negative ? b
            : a;
        return Formats.Quiet<T>(kept.Negative, kept.Significand);
    }

    private static Bits Sum<T>(Term a, Term b, RoundingMode mode, ref uint flags)
        where T : IFormat
    {
        if (a.Kind == NumberKind.Infinity || b.Kind == NumberKind.Infinity)
        {
            return a.Kind == b.Kind && a.Negative != b.Negative
                ? Formats.Indefinite<T>(ref flags)
                : Formats.Infinity<T>(a.Kind == NumberKind.Infinity ? a.Negative : b.Negative);
        }

        Term total = Term.Sum(a, b);

        if (total.Kind != NumberKind.Zero)
        {
            return total.Round<T>(mode, ref flags);
        }

        // E2K-FP-005.
        bool isAgreed = a.Kind == NumberKind.Zero && b.Kind == NumberKind.Zero;
        return Formats.Zero<T>(
            isAgreed && a.Negative == b.Negative ? a.Negative : mode.Direction == Direction.Down
        );
    }

    private static Bits Quotient<T>(
        bool negative,
        Number a,
        Number b,
        RoundingMode mode,
        ref uint flags
    )
        where T : IFormat
    {
        // A dividend of 127 or 128 bits gives a quotient of exactly 64.
        int isSmaller = a.Significand < b.Significand ? 1 : 0;
        UInt128 dividend = (UInt128)a.Significand << (63 + isSmaller);
        (ulong high, ulong rest) = Divide(dividend, b.Significand);
        (ulong low, ulong last) = Divide((UInt128)rest << 64, b.Significand);
        int exponent = a.Exponent - b.Exponent - isSmaller;
        ulong sticky = last == 0 ? 0UL : 1;
        return Rounding.Round<T>(negative, exponent, high, low | sticky, mode, ref flags);
    }

    private static (ulong Quotient, ulong Remainder) Divide(UInt128 dividend, ulong divisor)
    {
        UInt128 quotient = dividend / divisor;
        return ((ulong)quotient, (ulong)(dividend - quotient * divisor));
    }

    private static Bits Root<T>(Number a, RoundingMode mode, ref uint flags)
        where T : IFormat
    {
        // An even exponent halves, and the root of 127 or 128 bits has 64.
        int isOdd = a.Exponent & 1;
        UInt128 square = (UInt128)a.Significand << (63 + isOdd);
        ulong root = RootOf(square);
        UInt128 rest = square - (UInt128)root * root;
        // The root is above the middle of two neighbours where the rest is above the root.
        ulong low = (rest > root ? 1UL << 63 : 0) | (rest != 0 ? 1UL : 0);
        return Rounding.Round<T>(false, (a.Exponent - isOdd) / 2, root, low, mode, ref flags);
    }

    /// <summary>The whole root of a number of 127 or 128 bits.</summary>
    private static ulong RootOf(UInt128 square)
    {
        double guess = Math.Sqrt((double)(ulong)(square >> 64)) * 4294967296.0;
        ulong root = guess >= 18446744073709551615.0 ? ulong.MaxValue : (ulong)guess;
        // The guess has 52 good bits, so one step has all but the last.
        UInt128 other = square / root;
        root =
            other > ulong.MaxValue
                ? (ulong)(((UInt128)root + other) >> 1)
                : root / 2 + (ulong)other / 2 + (root & (ulong)other & 1);

        while ((UInt128)root * root > square)
        {
            root--;
        }

        while (root != ulong.MaxValue && (UInt128)(root + 1) * (root + 1) <= square)
        {
            root++;
        }

        return root;
    }
}
