// Products and sums rounded once. Spec: spec/e2k/floating.md, E2K-FP-014.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k.Operations;

/// <summary>Which signs are turned before the sum, a bit for each lane.</summary>
internal interface ITurns
{
    static abstract uint Product { get; }
    static abstract uint Sum { get; }
}

internal readonly struct Plus : ITurns
{
    public static uint Product => 0;
    public static uint Sum => 0;
}

internal readonly struct Minus : ITurns
{
    public static uint Product => 0;
    public static uint Sum => 15;
}

internal readonly struct NegatedPlus : ITurns
{
    public static uint Product => 15;
    public static uint Sum => 0;
}

internal readonly struct NegatedMinus : ITurns
{
    public static uint Product => 15;
    public static uint Sum => 15;
}

/// <summary>Even lanes are added, odd ones subtracted.</summary>
internal readonly struct PlusMinus : ITurns
{
    public static uint Product => 0;
    public static uint Sum => 0b1010;
}

/// <summary>Even lanes are subtracted, odd ones added.</summary>
internal readonly struct MinusPlus : ITurns
{
    public static uint Product => 0;
    public static uint Sum => 0b0101;
}

/// <summary>Fused operations of numbers of 32 bits.</summary>
internal static class FusedSingles<K, N>
    where K : ITurns
    where N : ILaneCount
{
    internal static V Wide(V a, V b, V c, ref FloatControl control)
    {
        if ((control.Pfpfr & FloatFlags.Directions) == 0)
        {
            Vector128<float> x = a.AsSingle() ^ Signs(K.Product);
            Vector128<float> y = b.AsSingle();
            Vector128<float> z = c.AsSingle() ^ Signs(K.Sum);
            Vector128<float> result = Vector128.FusedMultiplyAdd(x, y, z);
            Vector128<float> zero = Certain.Zero(result) & (Certain.Zero(x) | Certain.Zero(y));
            Vector128<float> good = Certain.Normal(result) | zero;

            if ((control.Pfpfr & FloatFlags.Inexact) == 0)
            {
                Vector128<float> product = x * y;
                good &= Certain.ExactProduct(x, y, product);
                good &= Certain.ExactSum(product, z, result);
            }

            if ((Vector128.ExtractMostSignificantBits(good) & N.Lanes) == N.Lanes)
            {
                return N.Clean(result.AsUInt64());
            }
        }

        return Slow(a, b, c, ref control);
    }

    internal static ulong Narrow(ulong a, ulong b, ulong c, ref FloatControl control) =>
        Wide(
                Vector128.CreateScalar(a),
                Vector128.CreateScalar(b),
                Vector128.CreateScalar(c),
                ref control
            )
            .ToScalar();

    private static Vector128<float> Signs(uint lanes) =>
        Vector128
            .Create(lanes << 31, lanes >> 1 << 31, lanes >> 2 << 31, lanes >> 3 << 31)
            .AsSingle();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V Slow(V a, V b, V c, ref FloatControl control)
    {
        RoundingMode mode = RoundingMode.Packed(control.Pfpfr);
        Vector128<uint> result = default;

        for (int lane = 0; lane < BitOperations.PopCount(N.Lanes); lane++)
        {
            Bits bits = SoftFloat.Fused<F32>(
                F32.Unpack(new(a.AsUInt32().GetElement(lane), 0)),
                F32.Unpack(new(b.AsUInt32().GetElement(lane), 0)),
                F32.Unpack(new(c.AsUInt32().GetElement(lane), 0)),
                (K.Product >> lane & 1) != 0,
                (K.Sum >> lane & 1) != 0,
                mode,
                ref control.Pfpfr
            );
            result = result.WithElement(lane, (uint)bits.Low);
        }

        return result.AsUInt64();
    }
}

/// <summary>Fused operations of numbers of 64 bits.</summary>
internal static class FusedDoubles<K, N>
    where K : ITurns
    where N : ILaneCount
{
    internal static V Wide(V a, V b, V c, ref FloatControl control)
    {
        if ((control.Pfpfr & FloatFlags.Directions) == 0)
        {
            Vector128<double> x = a.AsDouble() ^ Signs(K.Product);
            Vector128<double> y = b.AsDouble();
            Vector128<double> z = c.AsDouble() ^ Signs(K.Sum);
            Vector128<double> result = Planted.Is(Bug.FusedRoundsTwice)
                ? (x * y) + z
                : Vector128.FusedMultiplyAdd(x, y, z);
            Vector128<double> zero = Certain.Zero(result) & (Certain.Zero(x) | Certain.Zero(y));
            Vector128<double> good = Certain.Normal(result) | zero;

            if ((control.Pfpfr & FloatFlags.Inexact) == 0)
            {
                Vector128<double> product = x * y;
                good &= Certain.ExactProduct(x, y, product);
                good &= Certain.ExactSum(product, z, result);
            }

            if ((Vector128.ExtractMostSignificantBits(good) & N.Lanes) == N.Lanes)
            {
                return N.Clean(result.AsUInt64());
            }
        }

        return Slow(a, b, c, ref control);
    }

    internal static ulong Narrow(ulong a, ulong b, ulong c, ref FloatControl control) =>
        Wide(
                Vector128.CreateScalar(a),
                Vector128.CreateScalar(b),
                Vector128.CreateScalar(c),
                ref control
            )
            .ToScalar();

    private static Vector128<double> Signs(uint lanes) =>
        Vector128.Create((ulong)lanes << 63, (ulong)lanes >> 1 << 63).AsDouble();

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V Slow(V a, V b, V c, ref FloatControl control)
    {
        RoundingMode mode = RoundingMode.Packed(control.Pfpfr);
        V result = default;

        for (int lane = 0; lane < BitOperations.PopCount(N.Lanes); lane++)
        {
            Bits bits = SoftFloat.Fused<F64>(
                F64.Unpack(new(a.GetElement(lane), 0)),
                F64.Unpack(new(b.GetElement(lane), 0)),
                F64.Unpack(new(c.GetElement(lane), 0)),
                (K.Product >> lane & 1) != 0,
                (K.Sum >> lane & 1) != 0,
                mode,
                ref control.Pfpfr
            );
            result = result.WithElement(lane, bits.Low);
        }

        return result;
    }
}
