// The operations of packed and scalar numbers in the host's own arithmetic, with what tells where
// that is the exact result rounded to nearest, and the same by whole numbers.
// Spec: spec/e2k/floating.md, E2K-FP-010 to E2K-FP-017.
using System.Runtime.Intrinsics;
using D = System.Runtime.Intrinsics.Vector128<double>;
using S = System.Runtime.Intrinsics.Vector128<float>;

namespace Ashlar.E2k.Operations;

/// <summary>A function of two sources, lane by lane.</summary>
internal interface IArithmetic
{
    static abstract S Do(S a, S b);
    static abstract D Do(D a, D b);

    /// <summary>Lanes of a result that is right and has no flag but perhaps inexact.</summary>
    static abstract S Settled(S a, S b, S result);
    static abstract D Settled(D a, D b, D result);

    /// <summary>Lanes of a settled result that are exact for sure.</summary>
    static abstract S Exact(S a, S b, S result);
    static abstract D Exact(D a, D b, D result);

    /// <summary>The same in every direction and for every source.</summary>
    static abstract Bits Soft<T>(Number a, Number b, int lane, RoundingMode mode, ref uint flags)
        where T : IFormat;
}

/// <summary>The functions.</summary>
internal static class Arithmetic
{
    internal readonly struct Add : IArithmetic
    {
        public static S Do(S a, S b) => a + b;

        public static D Do(D a, D b) => a + b;

        public static S Settled(S a, S b, S result) => Certain.Finite(result);

        public static D Settled(D a, D b, D result) => Certain.Finite(result);

        public static S Exact(S a, S b, S result) => Certain.ExactSum(a, b, result);

        public static D Exact(D a, D b, D result) => Certain.ExactSum(a, b, result);

        public static Bits Soft<T>(Number a, Number b, int lane, RoundingMode mode, ref uint flags)
            where T : IFormat => SoftFloat.Add<T>(a, b, false, mode, ref flags);
    }

    internal readonly struct Sub : IArithmetic
    {
        public static S Do(S a, S b) => a - b;

        public static D Do(D a, D b) => a - b;

        public static S Settled(S a, S b, S result) => Certain.Finite(result);

        public static D Settled(D a, D b, D result) => Certain.Finite(result);

        public static S Exact(S a, S b, S result) => Certain.ExactSum(a, -b, result);

        public static D Exact(D a, D b, D result) => Certain.ExactSum(a, -b, result);

        public static Bits Soft<T>(Number a, Number b, int lane, RoundingMode mode, ref uint flags)
            where T : IFormat => SoftFloat.Add<T>(a, b, true, mode, ref flags);
    }

    internal readonly struct ReverseSub : IArithmetic
    {
        public static S Do(S a, S b) => b - a;

        public static D Do(D a, D b) => b - a;

        public static S Settled(S a, S b, S result) => Certain.Finite(result);

        public static D Settled(D a, D b, D result) => Certain.Finite(result);

        public static S Exact(S a, S b, S result) => Certain.ExactSum(b, -a, result);

        public static D Exact(D a, D b, D result) => Certain.ExactSum(b, -a, result);

        public static Bits Soft<T>(Number a, Number b, int lane, RoundingMode mode, ref uint flags)
            where T : IFormat => SoftFloat.Add<T>(b, a, true, mode, ref flags);
    }

    /// <summary>E2K-FP-015: even lanes are subtracted, odd ones added.</summary>
    internal readonly struct AddSub : IArithmetic
    {
        public static S Do(S a, S b) => a + Turned(b);

        public static D Do(D a, D b) => a + Turned(b);

        public static S Settled(S a, S b, S result) => Certain.Finite(result);

        public static D Settled(D a, D b, D result) => Certain.Finite(result);

        public static S Exact(S a, S b, S result) => Certain.ExactSum(a, Turned(b), result);

        public static D Exact(D a, D b, D result) => Certain.ExactSum(a, Turned(b), result);

        public static Bits Soft<T>(Number a, Number b, int lane, RoundingMode mode, ref uint flags)
            where T : IFormat => SoftFloat.Add<T>(a, b, (lane & 1) == 0, mode, ref flags);

        private static S Turned(S b) => b ^ Vector128.Create(-0.0f, 0.0f, -0.0f, 0.0f);

        private static D Turned(D b) => b ^ Vector128.Create(-0.0, 0.0);
    }

    internal readonly struct Mul : IArithmetic
    {
        public static S Do(S a, S b) => a * b;

        public static D Do(D a, D b) => a * b;

        public static S Settled(S a, S b, S result) =>
            Certain.Normal(result) | (Certain.Zero(result) & (Certain.Zero(a) | Certain.Zero(b)));

        public static D Settled(D a, D b, D result) =>
            Certain.Normal(result) | (Certain.Zero(result) & (Certain.Zero(a) | Certain.Zero(b)));

        public static S Exact(S a, S b, S result) => Certain.ExactProduct(a, b, result);

        public static D Exact(D a, D b, D result) => Certain.ExactProduct(a, b, result);

        public static Bits Soft<T>(Number a, Number b, int lane, RoundingMode mode, ref uint flags)
            where T : IFormat => SoftFloat.Mul<T>(a, b, mode, ref flags);
    }

    internal readonly struct Div : IArithmetic
    {
        public static S Do(S a, S b) => a / b;

        public static D Do(D a, D b) => a / b;

        public static S Settled(S a, S b, S result) =>
            Certain.Normal(result) | (Certain.Zero(result) & Certain.Zero(a));

        public static D Settled(D a, D b, D result) =>
            Certain.Normal(result) | (Certain.Zero(result) & Certain.Zero(a));

        public static S Exact(S a, S b, S result) =>
            Certain.Zero(a) | (Certain.Large(result) & Certain.ExactProduct(result, b, a));

        public static D Exact(D a, D b, D result) =>
            Certain.Zero(a) | (Certain.Large(result) & Certain.ExactProduct(result, b, a));

        public static Bits Soft<T>(Number a, Number b, int lane, RoundingMode mode, ref uint flags)
            where T : IFormat => SoftFloat.Div<T>(a, b, mode, ref flags);
    }

    /// <summary>E2K-FP-013: of the second source.</summary>
    internal readonly struct Sqrt : IArithmetic
    {
        public static S Do(S a, S b) => Vector128.Sqrt(b);

        public static D Do(D a, D b) => Vector128.Sqrt(b);

        public static S Settled(S a, S b, S result) => Certain.Finite(result);

        public static D Settled(D a, D b, D result) => Certain.Finite(result);

        public static S Exact(S a, S b, S result) => Certain.ExactProduct(result, result, b);

        public static D Exact(D a, D b, D result) => Certain.ExactProduct(result, result, b);

        public static Bits Soft<T>(Number a, Number b, int lane, RoundingMode mode, ref uint flags)
            where T : IFormat => SoftFloat.Sqrt<T>(b, mode, ref flags);
    }

    /// <summary>E2K-FP-017: the root of the first source.</summary>
    internal readonly struct SqrtFinal : IArithmetic
    {
        public static S Do(S a, S b) => Sqrt.Do(b, a);

        public static D Do(D a, D b) => Sqrt.Do(b, a);

        public static S Settled(S a, S b, S result) => Sqrt.Settled(b, a, result);

        public static D Settled(D a, D b, D result) => Sqrt.Settled(b, a, result);

        public static S Exact(S a, S b, S result) => Sqrt.Exact(b, a, result);

        public static D Exact(D a, D b, D result) => Sqrt.Exact(b, a, result);

        public static Bits Soft<T>(Number a, Number b, int lane, RoundingMode mode, ref uint flags)
            where T : IFormat => SoftFloat.Sqrt<T>(a, mode, ref flags);
    }

    /// <summary>E2K-FP-017: one divided by the second source.</summary>
    internal readonly struct Reciprocal : IArithmetic
    {
        public static S Do(S a, S b) => S.One / b;

        public static D Do(D a, D b) => D.One / b;

        public static S Settled(S a, S b, S result) => Div.Settled(S.One, b, result);

        public static D Settled(D a, D b, D result) => Div.Settled(D.One, b, result);

        public static S Exact(S a, S b, S result) => Div.Exact(S.One, b, result);

        public static D Exact(D a, D b, D result) => Div.Exact(D.One, b, result);

        public static Bits Soft<T>(Number a, Number b, int lane, RoundingMode mode, ref uint flags)
            where T : IFormat => SoftFloat.Div<T>(Number.Of(false, 1), b, mode, ref flags);
    }
}
