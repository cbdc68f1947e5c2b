// Operations with an f80, which FPCR governs: sources become f80 exactly, the result is rounded to
// the precision in force and once more where it is shorter. Spec: spec/e2k/floating.md, E2K-F80.
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k.Operations;

/// <summary>Arithmetic; the types are of both sources and of the result.</summary>
internal static class Extended<F, A, B, T>
    where F : IArithmetic
    where A : IFormat
    where B : IFormat
    where T : IFormat
{
    /// <summary>E2K-F80-002.</summary>
    internal static V Apply(V a, V b, ref FloatControl control)
    {
        RoundingMode mode = RoundingMode.Extended(control.Fpcr);
        Number x = SoftFloat.Widened<A>(A.Unpack(Bits.Of(a)), ref control.Fpsr);
        Number y = SoftFloat.Widened<B>(B.Unpack(Bits.Of(b)), ref control.Fpsr);
        Bits result = F.Soft<F80>(x, y, 0, mode, ref control.Fpsr);
        return ExtendedSteps.Narrowed<T>(result, mode, ref control);
    }

    /// <summary>E2K-F80-005: with a first source that is rounded to the precision.</summary>
    internal static V ApplyFinal(V a, V b, ref FloatControl control)
    {
        RoundingMode mode = RoundingMode.Extended(control.Fpcr);
        Number x = ExtendedSteps.Rounded<A>(a, mode, ref control);
        Bits result = F.Soft<F80>(x, F80.Unpack(Bits.Of(b)), 0, mode, ref control.Fpsr);
        return ExtendedSteps.Narrowed<T>(result, mode, ref control);
    }
}

/// <summary>Comparisons of an f80 with a number of a type.</summary>
internal static class ExtendedRelation<R, B>
    where R : IRelation
    where B : IFormat
{
    /// <summary>E2K-F80-006: any NaN is invalid.</summary>
    internal static ulong Truth(V a, V b, ref FloatControl control)
    {
        int? relation = SoftFloat.Relation(F80.Unpack(Bits.Of(a)), B.Unpack(Bits.Of(b)));
        control.Fpsr |= relation is null ? FloatFlags.Invalid : 0;
        return Comparisons.Bit(R.Holds(relation));
    }
}

/// <summary>Other operations with an f80.</summary>
internal static class ExtendedSteps
{
    /// <summary>E2K-FP-021: only what is unsupported beside a number is invalid.</summary>
    internal static ulong Flags<B>(V a, V b, ref FloatControl control)
        where B : IFormat
    {
        Number x = F80.Unpack(Bits.Of(a));
        Number y = SoftFloat.Widened<B>(B.Unpack(Bits.Of(b)), ref control.Fpsr);
        int? relation = SoftFloat.Relation(x, y);
        bool isInvalid = relation is null && !x.IsNaN && !y.IsNaN;
        control.Fpsr |= isInvalid ? FloatFlags.Invalid : 0;
        return RelationFlags.Of(relation);
    }

    /// <summary>E2K-F80-004: the second source in another format, whatever the precision.</summary>
    internal static V Convert<A, T>(V a, V b, ref FloatControl control)
        where A : IFormat
        where T : IFormat
    {
        RoundingMode mode = RoundingMode.Extended(control.Fpcr).Whole;
        return SoftFloat.Convert<T>(A.Unpack(Bits.Of(b)), mode, ref control.Fpsr).Vector;
    }

    /// <summary>E2K-F80-005: the second source as an f80 of the precision in force.</summary>
    internal static V Estimate<A>(V a, V b, ref FloatControl control)
        where A : IFormat
    {
        RoundingMode mode = RoundingMode.Extended(control.Fpcr);
        return SoftFloat.Convert<F80>(A.Unpack(Bits.Of(b)), mode, ref control.Fpsr).Vector;
    }

    /// <summary>E2K-F80-005: the root of the first source.</summary>
    internal static V Root<A>(V a, V b, ref FloatControl control)
        where A : IFormat
    {
        RoundingMode mode = RoundingMode.Extended(control.Fpcr);
        Number x = Rounded<A>(a, mode, ref control);
        return SoftFloat.Sqrt<F80>(x, mode, ref control.Fpsr).Vector;
    }

    internal static ulong ToInt32(V a, V b, ref FloatControl control) =>
        ToInteger(b, 32, RoundingMode.Extended(control.Fpcr).Direction, ref control);

    internal static ulong ToInt64(V a, V b, ref FloatControl control) =>
        ToInteger(b, 64, RoundingMode.Extended(control.Fpcr).Direction, ref control);

    internal static ulong TruncateToInt32(V a, V b, ref FloatControl control) =>
        ToInteger(b, 32, Direction.Truncate, ref control);

    internal static ulong TruncateToInt64(V a, V b, ref FloatControl control) =>
        ToInteger(b, 64, Direction.Truncate, ref control);

    internal static V OfInt32(ulong a, ulong b, ref FloatControl control) =>
        OfInteger((int)b, ref control);

    internal static V OfInt64(ulong a, ulong b, ref FloatControl control) =>
        OfInteger((long)b, ref control);

    /// <summary>E2K-FP-034.</summary>
    internal static V Scale(V a, V b, ref FloatControl control)
    {
        RoundingMode mode = RoundingMode.Extended(control.Fpcr);
        Number x = F80.Unpack(Bits.Of(a));
        return SoftFloat.Scale<F80>(x, (int)b.ToScalar(), mode, ref control.Fpsr).Vector;
    }

    /// <summary>An f80 as a result, rounded once more where that is shorter.</summary>
    internal static V Narrowed<T>(Bits wide, RoundingMode mode, ref FloatControl control)
        where T : IFormat =>
        T.Precision == 64
            ? wide.Vector
            : SoftFloat.Convert<T>(F80.Unpack(wide), mode.Whole, ref control.Fpsr).Vector;

    /// <summary>A source rounded to the precision, unless it is an f80.</summary>
    internal static Number Rounded<A>(V a, RoundingMode mode, ref FloatControl control)
        where A : IFormat
    {
        Number number = A.Unpack(Bits.Of(a));
        return A.Precision == 64
            ? number
            : F80.Unpack(SoftFloat.Convert<F80>(number, mode, ref control.Fpsr));
    }

    private static ulong ToInteger(V b, int width, Direction direction, ref FloatControl control) =>
        SoftFloat.ToInteger(F80.Unpack(Bits.Of(b)), width, direction, ref control.Fpsr);

    private static V OfInteger(long integer, ref FloatControl control)
    {
        RoundingMode mode = RoundingMode.Extended(control.Fpcr);
        return SoftFloat.OfInteger<F80>(integer, mode, ref control.Fpsr).Vector;
    }
}
