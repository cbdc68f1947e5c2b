// What the host's arithmetic is certain to have done, lane by lane, as masks.
// Spec: spec/e2k/floating.md, E2K-FP-003.
using System.Runtime.Intrinsics;
using D = System.Runtime.Intrinsics.Vector128<double>;
using S = System.Runtime.Intrinsics.Vector128<float>;

namespace Ashlar.E2k.Operations;

/// <summary>Masks of ones where something holds for sure; in doubt they are zero.</summary>
internal static class Certain
{
    /// <summary>The least normal numbers, which may have been rounded up from below.</summary>
    private const float NormalMin32 = 1.17549435e-38f;
    private const double NormalMin64 = 2.2250738585072014E-308;

    /// <summary>
    /// 2^-60 and 2^-900: the error of a product or quotient of this size is far from being lost
    /// below the smallest number.
    /// </summary>
    private const float Large32 = 8.67361738e-19f;
    private const double Large64 = 1.1830521861667747E-271;

    internal static S Finite(S a) =>
        Vector128.LessThan(Vector128.Abs(a), Vector128.Create(float.PositiveInfinity));

    internal static D Finite(D a) =>
        Vector128.LessThan(Vector128.Abs(a), Vector128.Create(double.PositiveInfinity));

    internal static S Zero(S a) => Vector128.Equals(a, S.Zero);

    internal static D Zero(D a) => Vector128.Equals(a, D.Zero);

    /// <summary>In the normal range whichever way it was rounded.</summary>
    internal static S Normal(S a) =>
        Finite(a) & Vector128.GreaterThan(Vector128.Abs(a), Vector128.Create(NormalMin32));

    internal static D Normal(D a) =>
        Finite(a) & Vector128.GreaterThan(Vector128.Abs(a), Vector128.Create(NormalMin64));

    internal static S Large(S a) =>
        Vector128.GreaterThanOrEqual(Vector128.Abs(a), Vector128.Create(Large32));

    internal static D Large(D a) =>
        Vector128.GreaterThanOrEqual(Vector128.Abs(a), Vector128.Create(Large64));

    /// <summary>The sum's error, computed without one of its own, is zero.</summary>
    internal static S ExactSum(S a, S b, S sum)
    {
        S other = sum - a;
        return Zero((a - (sum - other)) + (b - other));
    }

    internal static D ExactSum(D a, D b, D sum)
    {
        D other = sum - a;
        return Zero((a - (sum - other)) + (b - other));
    }

    internal static S ExactProduct(S a, S b, S product) =>
        (Large(product) & Zero(Vector128.FusedMultiplyAdd(a, b, -product)))
        | (Zero(product) & (Zero(a) | Zero(b)));

    internal static D ExactProduct(D a, D b, D product) =>
        (Large(product) & Zero(Vector128.FusedMultiplyAdd(a, b, -product)))
        | (Zero(product) & (Zero(a) | Zero(b)));
}
