// A term of a sum: a number or a product of two, exact. Spec: spec/e2k/floating.md, E2K-FP-003.
using System;

namespace Ashlar.E2k.Operations;

/// <summary>
/// A finite one is `Significand * 2^(Exponent - 127)` with bit 127 set; the lowest bit may stand
/// for all below it.
/// </summary>
internal readonly record struct Term(
    NumberKind Kind,
    bool Negative,
    int Exponent,
    UInt128 Significand
)
{
    internal static Term Of(Number a) =>
        new(a.Kind, a.Negative, a.Exponent, new UInt128(a.Significand, 0));

    /// <summary>The product of two that are no NaNs, nor zero and infinity.</summary>
    internal static Term Product(Number a, Number b)
    {
        bool negative = a.Negative != b.Negative;

        if (a.Kind != NumberKind.Finite || b.Kind != NumberKind.Finite)
        {
            bool isInfinite = a.Kind == NumberKind.Infinity || b.Kind == NumberKind.Infinity;
            return new(isInfinite ? NumberKind.Infinity : NumberKind.Zero, negative, 0, 0);
        }

        ulong high = Math.BigMul(a.Significand, b.Significand, out ulong low);
        UInt128 product = new(high, low);
        int carried = (long)high < 0 ? 1 : 0;
        return new(
            NumberKind.Finite,
            negative,
            a.Exponent + b.Exponent + carried,
            product << (1 - carried)
        );
    }

    /// <summary>The sum of two that are finite or zero; the sign of a zero means nothing.</summary>
    internal static Term Sum(Term a, Term b)
    {
        if (a.Kind == NumberKind.Zero)
        {
            return b;
        }

        if (b.Kind == NumberKind.Zero)
        {
            return a;
        }

        if (a.Exponent < b.Exponent || (a.Exponent == b.Exponent && a.Significand < b.Significand))
        {
            (a, b) = (b, a);
        }

        UInt128 smaller = ShiftRight(b.Significand, a.Exponent - b.Exponent);

        if (a.Negative == b.Negative)
        {
            UInt128 sum = a.Significand + smaller;
            return sum >= a.Significand
                ? a with
                {
                    Significand = sum,
                }
                : a with
                {
                    Exponent = a.Exponent + 1,
                    Significand = ShiftRight(sum, 1) | (UInt128.One << 127),
                };
        }

        UInt128 difference = a.Significand - smaller;

        if (difference == 0)
        {
            return new(NumberKind.Zero, false, 0, 0);
        }

        int zeros = (int)UInt128.LeadingZeroCount(difference);
        return a with { Exponent = a.Exponent - zeros, Significand = difference << zeros };
    }

    internal Bits Round<T>(RoundingMode mode, ref uint flags)
        where T : IFormat =>
        Rounding.Round<T>(
            Negative,
            Exponent,
            (ulong)(Significand >> 64),
            (ulong)Significand,
            mode,
            ref flags
        );

    /// <summary>What is lost stays in the lowest bit.</summary>
    private static UInt128 ShiftRight(UInt128 bits, int count)
    {
        if (count == 0)
        {
            return bits;
        }

        if (count >= 128)
        {
            return UInt128.One;
        }

        UInt128 lost = bits << (128 - count);
        return (bits >> count) | (lost == 0 ? UInt128.Zero : UInt128.One);
    }
}
