// Numbers rounded to whole ones in place, by a direction that the first source carries.
// Spec: spec/e2k/floating.md, E2K-FP-033.
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k.Operations;

/// <summary>Of numbers of 32 bits.</summary>
internal readonly struct IntegralSingles<N> : IFloatStage
    where N : ILaneCount
{
    public static V Apply(V a, V b, ref FloatControl control)
    {
        Vector128<float> number = b.AsSingle();
        Vector128<float> whole = Integral.DirectionOf(a, control.Pfpfr) switch
        {
            Direction.Nearest => Vector128.Round(number),
            Direction.Down => Vector128.Floor(number),
            Direction.Up => Vector128.Ceiling(number),
            _ => Vector128.Truncate(number),
        };
        Vector128<float> isNaN = ~Vector128.Equals(number, number);
        Vector128<float> changed = ~Vector128.Equals(number, whole) & ~isNaN;

        if ((Vector128.ExtractMostSignificantBits(isNaN) & N.Lanes) != 0)
        {
            // A sum with zero makes a NaN quiet and leaves all else as it is.
            V sum = Singles<Arithmetic.Add, N>.Apply(b, V.Zero, ref control);
            whole = Vector128.ConditionalSelect(isNaN, sum.AsSingle(), whole);
        }

        uint lanes = Vector128.ExtractMostSignificantBits(changed) & N.Lanes;
        control.Pfpfr |= Integral.FlagsOf(a, lanes != 0);
        return N.Clean(whole.AsUInt64());
    }
}

/// <summary>Of numbers of 64 bits.</summary>
internal readonly struct IntegralDoubles<N> : IFloatStage
    where N : ILaneCount
{
    public static V Apply(V a, V b, ref FloatControl control)
    {
        Vector128<double> number = b.AsDouble();
        Vector128<double> whole = Integral.DirectionOf(a, control.Pfpfr) switch
        {
            Direction.Nearest => Vector128.Round(number),
            Direction.Down => Vector128.Floor(number),
            Direction.Up => Vector128.Ceiling(number),
            _ => Vector128.Truncate(number),
        };
        Vector128<double> isNaN = ~Vector128.Equals(number, number);
        Vector128<double> changed = ~Vector128.Equals(number, whole) & ~isNaN;

        if ((Vector128.ExtractMostSignificantBits(isNaN) & N.Lanes) != 0)
        {
            V sum = Doubles<Arithmetic.Add, N>.Apply(b, V.Zero, ref control);
            whole = Vector128.ConditionalSelect(isNaN, sum.AsDouble(), whole);
        }

        uint lanes = Vector128.ExtractMostSignificantBits(changed) & N.Lanes;
        control.Pfpfr |= Integral.FlagsOf(a, lanes != 0);
        return N.Clean(whole.AsUInt64());
    }
}

/// <summary>What the first source says.</summary>
internal static class Integral
{
    internal static Direction DirectionOf(V how, uint pfpfr) =>
        (how.ToScalar() & 4) != 0
            ? (Direction)((pfpfr >> 13) & 3)
            : (Direction)(how.ToScalar() & 3);

    internal static uint FlagsOf(V how, bool isInexact) =>
        isInexact && (how.ToScalar() & 8) == 0 ? FloatFlags.Inexact : 0;
}
