// Functions of floating-point lanes as stages: the host's arithmetic where it is certain, lane by
// lane by whole numbers where it is not. Spec: spec/e2k/floating.md, E2K-FP;
// spec/e2k/semantics.md, E2K-SEM-002, E2K-SEM-010.
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k.Operations;

/// <summary>A function of two sources that PFPFR governs; outside its lanes it is zero.</summary>
internal interface IFloatStage
{
    static abstract V Apply(V a, V b, ref FloatControl control);
}

/// <summary>How many lanes a function has.</summary>
internal interface ILaneCount
{
    /// <summary>A bit for each lane.</summary>
    static abstract uint Lanes { get; }

    /// <summary>A register with nothing outside the lanes.</summary>
    static abstract V Clean(V a);
}

internal readonly struct OneSingle : ILaneCount
{
    public static uint Lanes => 1;

    public static V Clean(V a) => Vector128.CreateScalar((ulong)(uint)a.ToScalar());
}

internal readonly struct TwoSingles : ILaneCount
{
    public static uint Lanes => 3;

    public static V Clean(V a) => Vector128.CreateScalar(a.ToScalar());
}

internal readonly struct FourSingles : ILaneCount
{
    public static uint Lanes => 15;

    public static V Clean(V a) => a;
}

internal readonly struct OneDouble : ILaneCount
{
    public static uint Lanes => 1;

    public static V Clean(V a) => Vector128.CreateScalar(a.ToScalar());
}

internal readonly struct TwoDoubles : ILaneCount
{
    public static uint Lanes => 3;

    public static V Clean(V a) => a;
}

/// <summary>Functions of numbers of 32 bits.</summary>
internal readonly struct Singles<F, N> : IFloatStage
    where F : IArithmetic
    where N : ILaneCount
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply(V a, V b, ref FloatControl control)
    {
        if ((control.Pfpfr & FloatFlags.Directions) == 0)
        {
            Vector128<float> x = a.AsSingle();
            Vector128<float> y = b.AsSingle();
            Vector128<float> result = F.Do(x, y);
            Vector128<float> good = F.Settled(x, y, result);

            if ((control.Pfpfr & FloatFlags.Inexact) == 0 && !Planted.Is(Bug.InexactForgotten))
            {
                good &= F.Exact(x, y, result);
            }

            if ((Vector128.ExtractMostSignificantBits(good) & N.Lanes) == N.Lanes)
            {
                return N.Clean(result.AsUInt64());
            }
        }

        return Slow(a, b, ref control);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V Slow(V a, V b, ref FloatControl control)
    {
        RoundingMode mode = RoundingMode.Packed(control.Pfpfr);
        Vector128<uint> result = default;

        for (int lane = 0; lane < BitOperations.PopCount(N.Lanes); lane++)
        {
            Number x = F32.Unpack(new(a.AsUInt32().GetElement(lane), 0));
            Number y = F32.Unpack(new(b.AsUInt32().GetElement(lane), 0));
            Bits bits = F.Soft<F32>(x, y, lane, mode, ref control.Pfpfr);
            result = result.WithElement(lane, (uint)bits.Low);
        }

        return result.AsUInt64();
    }
}

/// <summary>Functions of numbers of 64 bits.</summary>
internal readonly struct Doubles<F, N> : IFloatStage
    where F : IArithmetic
    where N : ILaneCount
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static V Apply(V a, V b, ref FloatControl control)
    {
        if ((control.Pfpfr & FloatFlags.Directions) == 0 || Planted.Is(Bug.DirectionIgnored))
        {
            Vector128<double> x = a.AsDouble();
            Vector128<double> y = b.AsDouble();
            Vector128<double> result = F.Do(x, y);
            Vector128<double> good = F.Settled(x, y, result);

            if ((control.Pfpfr & FloatFlags.Inexact) == 0)
            {
                good &= F.Exact(x, y, result);
            }

            if ((Vector128.ExtractMostSignificantBits(good) & N.Lanes) == N.Lanes)
            {
                return N.Clean(result.AsUInt64());
            }
        }

        return Slow(a, b, ref control);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static V Slow(V a, V b, ref FloatControl control)
    {
        RoundingMode mode = RoundingMode.Packed(control.Pfpfr);
        V result = default;

        for (int lane = 0; lane < BitOperations.PopCount(N.Lanes); lane++)
        {
            Number x = F64.Unpack(new(a.GetElement(lane), 0));
            Number y = F64.Unpack(new(b.GetElement(lane), 0));
            Bits bits = F.Soft<F64>(x, y, lane, mode, ref control.Pfpfr);
            result = result.WithElement(lane, bits.Low);
        }

        return result;
    }
}

/// <summary>E2K-FP-016: neighbours of 32 bits; the first source makes the low lane.</summary>
internal readonly struct NeighboursOfTwo<F> : IFloatStage
    where F : IArithmetic
{
    public static V Apply(V a, V b, ref FloatControl control)
    {
        V even = Across.EvenWords(Vector128.Create(a.ToScalar(), b.ToScalar()), V.Zero);
        V odd = Across.OddWords(Vector128.Create(a.ToScalar(), b.ToScalar()), V.Zero);
        return Singles<F, TwoSingles>.Apply(even, odd, ref control);
    }
}

/// <summary>E2K-FP-016: neighbours of four of 32 bits.</summary>
internal readonly struct NeighboursOfFour<F> : IFloatStage
    where F : IArithmetic
{
    public static V Apply(V a, V b, ref FloatControl control) =>
        Singles<F, FourSingles>.Apply(Across.EvenWords(a, b), Across.OddWords(a, b), ref control);
}

/// <summary>E2K-FP-017: one divided by the rounded root.</summary>
internal readonly struct ReciprocalRoot : IFloatStage
{
    public static V Apply(V a, V b, ref FloatControl control) =>
        Singles<Arithmetic.Reciprocal, OneSingle>.Apply(
            a,
            Singles<Arithmetic.Sqrt, OneSingle>.Apply(a, b, ref control),
            ref control
        );
}

/// <summary>A stage in the shape that its lanes need.</summary>
internal static class Staged<F>
    where F : IFloatStage
{
    internal static V Wide(V a, V b, ref FloatControl control) => F.Apply(a, b, ref control);

    internal static ulong Narrow(ulong a, ulong b, ref FloatControl control) =>
        F.Apply(Vector128.CreateScalar(a), Vector128.CreateScalar(b), ref control).ToScalar();
}

/// <summary>
/// E2K-SEM-010: two stages; the result of the first is not flushed (E2K-FP-042).
/// </summary>
internal static class TwoStages<F, G>
    where F : IFloatStage
    where G : IFloatStage
{
    internal static V Wide(V a, V b, V c, ref FloatControl control)
    {
        uint flush = Planted.Is(Bug.FirstStageFlushed) ? 0 : control.Pfpfr & FloatFlags.Flush;
        control.Pfpfr ^= flush;
        V between = F.Apply(a, b, ref control);
        control.Pfpfr |= flush;
        return G.Apply(c, between, ref control);
    }

    internal static ulong Narrow(ulong a, ulong b, ulong c, ref FloatControl control) =>
        Wide(
                Vector128.CreateScalar(a),
                Vector128.CreateScalar(b),
                Vector128.CreateScalar(c),
                ref control
            )
            .ToScalar();
}
