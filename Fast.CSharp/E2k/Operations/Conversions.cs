// Numbers in other formats, as integers and from them, and rounded in place.
// Spec: spec/e2k/floating.md, E2K-FP-030 to E2K-FP-034.
using System;
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k.Operations;

/// <summary>Where the direction of a conversion to integers comes from.</summary>
internal interface IDirected
{
    static abstract Direction Of(uint pfpfr);
}

internal readonly struct InForce : IDirected
{
    public static Direction Of(uint pfpfr) => (Direction)((pfpfr >> 13) & 3);
}

internal readonly struct TowardsZero : IDirected
{
    public static Direction Of(uint pfpfr) => Direction.Truncate;
}

/// <summary>Conversions of the second source that PFPFR governs.</summary>
internal static class Conversions
{
    /// <summary>2^31 and 2^63: the least numbers that are too large.</summary>
    private const double TooLarge32 = 2147483648.0;
    private const double TooLarge64 = 9223372036854775808.0;

    /// <summary>E2K-FP-030: exact, but for a NaN that becomes quiet.</summary>
    internal static ulong SingleToDouble(ulong a, ulong b, ref FloatControl control)
    {
        float number = BitConverter.UInt32BitsToSingle((uint)b);
        return float.IsNaN(number)
            ? Soft<F32, F64>(b, ref control)
            : BitConverter.DoubleToUInt64Bits(number);
    }

    internal static V SinglesToDoubles(ulong a, ulong b, ref FloatControl control) =>
        Vector128.Create(
            SingleToDouble(0, (uint)b, ref control),
            SingleToDouble(0, b >> 32, ref control)
        );

    /// <summary>E2K-FP-030: rounded.</summary>
    internal static ulong DoubleToSingle(ulong a, ulong b, ref FloatControl control)
    {
        double number = BitConverter.UInt64BitsToDouble(b);
        float result = (float)number;
        float size = Math.Abs(result);
        // Beyond the least normal number there is neither underflow nor overflow.
        bool isSettled = size > 1.17549435e-38f && size < float.PositiveInfinity;

        if (number == result && (isSettled || size == 0))
        {
            return BitConverter.SingleToUInt32Bits(result);
        }

        if (isSettled && (control.Pfpfr & FloatFlags.Directions) == 0)
        {
            control.Pfpfr |= FloatFlags.Inexact;
            return BitConverter.SingleToUInt32Bits(result);
        }

        return Soft<F64, F32>(b, ref control);
    }

    internal static ulong DoublesToSingles(V a, V b, ref FloatControl control)
    {
        ulong low = DoubleToSingle(0, b.GetElement(0), ref control);
        return low | (DoubleToSingle(0, b.GetElement(1), ref control) << 32);
    }

    // E2K-FP-031: names say source, then result.

    internal static ulong SingleToInt32<K>(ulong a, ulong b, ref FloatControl control)
        where K : IDirected => ToInt32<K>(Single((uint)b), ref control);

    internal static ulong SingleToInt64<K>(ulong a, ulong b, ref FloatControl control)
        where K : IDirected => ToInt64<K>(Single((uint)b), ref control);

    internal static ulong DoubleToInt32<K>(ulong a, ulong b, ref FloatControl control)
        where K : IDirected => ToInt32<K>(Double(b), ref control);

    internal static ulong DoubleToInt64<K>(ulong a, ulong b, ref FloatControl control)
        where K : IDirected => ToInt64<K>(Double(b), ref control);

    internal static ulong SinglesToInts32<K>(ulong a, ulong b, ref FloatControl control)
        where K : IDirected
    {
        ulong low = ToInt32<K>(Single((uint)b), ref control);
        return low | (ToInt32<K>(Single((uint)(b >> 32)), ref control) << 32);
    }

    internal static V SinglesToInts64<K>(ulong a, ulong b, ref FloatControl control)
        where K : IDirected =>
        Vector128.Create(
            ToInt64<K>(Single((uint)b), ref control),
            ToInt64<K>(Single((uint)(b >> 32)), ref control)
        );

    internal static V FourToInts32<K>(V a, V b, ref FloatControl control)
        where K : IDirected =>
        Vector128.Create(
            SinglesToInts32<K>(0, b.GetElement(0), ref control),
            SinglesToInts32<K>(0, b.GetElement(1), ref control)
        );

    internal static ulong DoublesToInts32<K>(V a, V b, ref FloatControl control)
        where K : IDirected
    {
        ulong low = ToInt32<K>(Double(b.GetElement(0)), ref control);
        return low | (ToInt32<K>(Double(b.GetElement(1)), ref control) << 32);
    }

    internal static V DoublesToInts64<K>(V a, V b, ref FloatControl control)
        where K : IDirected =>
        Vector128.Create(
            ToInt64<K>(Double(b.GetElement(0)), ref control),
            ToInt64<K>(Double(b.GetElement(1)), ref control)
        );

    // E2K-FP-032.

    internal static ulong Int32ToSingle(ulong a, ulong b, ref FloatControl control) =>
        ToSingle((int)b, ref control);

    internal static ulong Int64ToSingle(ulong a, ulong b, ref FloatControl control) =>
        ToSingle((long)b, ref control);

    internal static ulong Int32ToDouble(ulong a, ulong b, ref FloatControl control) =>
        BitConverter.DoubleToUInt64Bits((int)b);

    internal static ulong Int64ToDouble(ulong a, ulong b, ref FloatControl control) =>
        ToDouble((long)b, ref control);

    internal static ulong Ints32ToSingles(ulong a, ulong b, ref FloatControl control)
    {
        ulong low = ToSingle((int)b, ref control);
        return low | (ToSingle((int)(b >> 32), ref control) << 32);
    }

    internal static V Ints32ToDoubles(ulong a, ulong b, ref FloatControl control) =>
        Vector128.Create((double)(int)b, (int)(b >> 32)).AsUInt64();

    internal static V FourInts32ToSingles(V a, V b, ref FloatControl control) =>
        Vector128.Create(
            Ints32ToSingles(0, b.GetElement(0), ref control),
            Ints32ToSingles(0, b.GetElement(1), ref control)
        );

    internal static ulong Ints64ToSingles(V a, V b, ref FloatControl control)
    {
        ulong low = ToSingle((long)b.GetElement(0), ref control);
        return low | (ToSingle((long)b.GetElement(1), ref control) << 32);
    }

    internal static V Ints64ToDoubles(V a, V b, ref FloatControl control) =>
        Vector128.Create(
            ToDouble((long)b.GetElement(0), ref control),
            ToDouble((long)b.GetElement(1), ref control)
        );

    /// <summary>E2K-FP-034.</summary>
    internal static ulong ScaleSingle(ulong a, ulong b, ref FloatControl control) =>
        SoftFloat
            .Scale<F32>(
                F32.Unpack(new(a, 0)),
                (int)b,
                RoundingMode.Packed(control.Pfpfr),
                ref control.Pfpfr
            )
            .Low;

    /// <summary>E2K-FP-034.</summary>
    internal static ulong ScaleDouble(ulong a, ulong b, ref FloatControl control) =>
        SoftFloat
            .Scale<F64>(
                F64.Unpack(new(a, 0)),
                (int)b,
                RoundingMode.Packed(control.Pfpfr),
                ref control.Pfpfr
            )
            .Low;

    private static double Single(uint bits) => BitConverter.UInt32BitsToSingle(bits);

    private static double Double(ulong bits) => BitConverter.UInt64BitsToDouble(bits);

    private static ulong Soft<A, T>(ulong bits, ref FloatControl control)
        where A : IFormat
        where T : IFormat =>
        SoftFloat
            .Convert<T>(
                A.Unpack(new(bits, 0)),
                RoundingMode.Packed(control.Pfpfr),
                ref control.Pfpfr
            )
            .Low;

    private static double Whole(double number, Direction direction) =>
        direction switch
        {
            Direction.Nearest => Math.Round(number),
            Direction.Down => Math.Floor(number),
            Direction.Up => Math.Ceiling(number),
            _ => Math.Truncate(number),
        };

    private static ulong ToInt32<K>(double number, ref FloatControl control)
        where K : IDirected
    {
        double whole = Whole(number, K.Of(control.Pfpfr));

        if (whole >= -TooLarge32 && whole < TooLarge32)
        {
            control.Pfpfr |= whole == number ? 0 : FloatFlags.Inexact;
            return (uint)(int)whole;
        }

        control.Pfpfr |= FloatFlags.Invalid;
        return Planted.Is(Bug.TooLargeIntegerSaturates) && whole > 0 ? 0x7fffffff : 0x80000000UL;
    }

    private static ulong ToInt64<K>(double number, ref FloatControl control)
        where K : IDirected
    {
        double whole = Whole(number, K.Of(control.Pfpfr));

        if (whole >= -TooLarge64 && whole < TooLarge64)
        {
            control.Pfpfr |= whole == number ? 0 : FloatFlags.Inexact;
            return (ulong)(long)whole;
        }

        control.Pfpfr |= FloatFlags.Invalid;
        return 1UL << 63;
    }

    private static ulong ToSingle(long number, ref FloatControl control)
    {
        const long ExactMax = 1 << 24;
        bool isCertain =
            (number >= -ExactMax && number <= ExactMax)
            || (control.Pfpfr & (FloatFlags.Directions | FloatFlags.Inexact)) == FloatFlags.Inexact;

        if (isCertain)
        {
            return BitConverter.SingleToUInt32Bits(number);
        }

        RoundingMode mode = RoundingMode.Packed(control.Pfpfr);
        return SoftFloat.OfInteger<F32>(number, mode, ref control.Pfpfr).Low;
    }

    private static ulong ToDouble(long number, ref FloatControl control)
    {
        const long ExactMax = 1L << 53;
        bool isCertain =
            (number >= -ExactMax && number <= ExactMax)
            || (control.Pfpfr & (FloatFlags.Directions | FloatFlags.Inexact)) == FloatFlags.Inexact;

        if (isCertain)
        {
            return BitConverter.DoubleToUInt64Bits(number);
        }

        RoundingMode mode = RoundingMode.Packed(control.Pfpfr);
        return SoftFloat.OfInteger<F64>(number, mode, ref control.Pfpfr).Low;
    }
}
