// Comparisons of floating-point numbers as masks, predicates and flags, and the choice of the
// smaller or larger. Spec: spec/e2k/floating.md, E2K-FP-020 to E2K-FP-022, E2K-F80-006.
using System.Runtime.Intrinsics;
using D = System.Runtime.Intrinsics.Vector128<double>;
using S = System.Runtime.Intrinsics.Vector128<float>;
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k.Operations;

/// <summary>One of the eight comparisons.</summary>
internal interface IRelation
{
    /// <summary>Whether any NaN is invalid, not only a signaling one.</summary>
    static abstract bool IsOrder { get; }

    static abstract S Holds(S a, S b);
    static abstract D Holds(D a, D b);

    /// <summary>By the relation -1, 0 or 1, or null where there is none.</summary>
    static abstract bool Holds(int? relation);
}

/// <summary>The comparisons.</summary>
internal static class Relation
{
    internal readonly struct Equal : IRelation
    {
        public static bool IsOrder => false;

        public static S Holds(S a, S b) => Vector128.Equals(a, b);

        public static D Holds(D a, D b) => Vector128.Equals(a, b);

        public static bool Holds(int? relation) => relation == 0;
    }

    internal readonly struct Less : IRelation
    {
        public static bool IsOrder => true;

        public static S Holds(S a, S b) => Vector128.LessThan(a, b);

        public static D Holds(D a, D b) => Vector128.LessThan(a, b);

        public static bool Holds(int? relation) => relation == -1;
    }

    internal readonly struct LessOrEqual : IRelation
    {
        public static bool IsOrder => true;

        public static S Holds(S a, S b) => Vector128.LessThanOrEqual(a, b);

        public static D Holds(D a, D b) => Vector128.LessThanOrEqual(a, b);

        public static bool Holds(int? relation) => relation <= 0;
    }

    internal readonly struct Ordered : IRelation
    {
        public static bool IsOrder => false;

        public static S Holds(S a, S b) => Vector128.Equals(a, a) & Vector128.Equals(b, b);

        public static D Holds(D a, D b) => Vector128.Equals(a, a) & Vector128.Equals(b, b);

        public static bool Holds(int? relation) => relation is not null;
    }

    internal readonly struct Not<R> : IRelation
        where R : IRelation
    {
        public static bool IsOrder => R.IsOrder;

        public static S Holds(S a, S b) => ~R.Holds(a, b);

        public static D Holds(D a, D b) => ~R.Holds(a, b);

        public static bool Holds(int? relation) => !R.Holds(relation);
    }
}

/// <summary>Comparisons of numbers of 32 bits.</summary>
internal readonly struct ComparedSingles<R, N> : IFloatStage
    where R : IRelation
    where N : ILaneCount
{
    public static V Apply(V a, V b, ref FloatControl control)
    {
        S x = a.AsSingle();
        S y = b.AsSingle();
        S invalid = ~Relation.Ordered.Holds(x, y);

        if (!R.IsOrder && !Planted.Is(Bug.QuietNaNInvalid))
        {
            invalid &= Signaling(x) | Signaling(y);
        }

        bool isInvalid = (Vector128.ExtractMostSignificantBits(invalid) & N.Lanes) != 0;
        control.Pfpfr |= isInvalid ? FloatFlags.Invalid : 0;
        return N.Clean(R.Holds(x, y).AsUInt64());
    }

    private static S Signaling(S a)
    {
        Vector128<uint> quiet = a.AsUInt32() & Vector128.Create(0x400000u);
        return ~Vector128.Equals(a, a) & Vector128.Equals(quiet, Vector128<uint>.Zero).AsSingle();
    }
}

/// <summary>Comparisons of numbers of 64 bits.</summary>
internal readonly struct ComparedDoubles<R, N> : IFloatStage
    where R : IRelation
    where N : ILaneCount
{
    public static V Apply(V a, V b, ref FloatControl control)
    {
        D x = a.AsDouble();
        D y = b.AsDouble();
        D invalid = ~Relation.Ordered.Holds(x, y);

        if (!R.IsOrder)
        {
            invalid &= Signaling(x) | Signaling(y);
        }

        bool isInvalid = (Vector128.ExtractMostSignificantBits(invalid) & N.Lanes) != 0;
        control.Pfpfr |= isInvalid ? FloatFlags.Invalid : 0;
        return N.Clean(R.Holds(x, y).AsUInt64());
    }

    private static D Signaling(D a)
    {
        V quiet = a.AsUInt64() & Vector128.Create(0x8000000000000UL);
        return ~Vector128.Equals(a, a) & Vector128.Equals(quiet, V.Zero).AsDouble();
    }
}

/// <summary>E2K-FP-022: the first source where the relation holds, else the second.</summary>
internal readonly struct ExtremeSingles<N, M> : IFloatStage
    where N : ILaneCount
    where M : IMaximum
{
    public static V Apply(V a, V b, ref FloatControl control)
    {
        S x = a.AsSingle();
        S y = b.AsSingle();
        S unordered = ~Relation.Ordered.Holds(x, y);
        bool isInvalid = (Vector128.ExtractMostSignificantBits(unordered) & N.Lanes) != 0;
        control.Pfpfr |= isInvalid ? FloatFlags.Invalid : 0;
        S isFirst = M.IsMaximum ? Vector128.GreaterThan(x, y) : Vector128.LessThan(x, y);
        isFirst |= Planted.Is(Bug.ExtremeOfEqualsIsFirst) ? Vector128.Equals(x, y) : default;
        return N.Clean(Vector128.ConditionalSelect(isFirst, x, y).AsUInt64());
    }
}

/// <summary>E2K-FP-022: the first source where the relation holds, else the second.</summary>
internal readonly struct ExtremeDoubles<N, M> : IFloatStage
    where N : ILaneCount
    where M : IMaximum
{
    public static V Apply(V a, V b, ref FloatControl control)
    {
        D x = a.AsDouble();
        D y = b.AsDouble();
        D unordered = ~Relation.Ordered.Holds(x, y);
        bool isInvalid = (Vector128.ExtractMostSignificantBits(unordered) & N.Lanes) != 0;
        control.Pfpfr |= isInvalid ? FloatFlags.Invalid : 0;
        D isFirst = M.IsMaximum ? Vector128.GreaterThan(x, y) : Vector128.LessThan(x, y);
        return N.Clean(Vector128.ConditionalSelect(isFirst, x, y).AsUInt64());
    }
}

/// <summary>Which extreme.</summary>
internal interface IMaximum
{
    static abstract bool IsMaximum { get; }
}

internal readonly struct Minimum : IMaximum
{
    public static bool IsMaximum => false;
}

internal readonly struct Maximum : IMaximum
{
    public static bool IsMaximum => true;
}

/// <summary>Predicates and flags of one comparison.</summary>
internal static class RelationFlags
{
    /// <summary>A comparison as a predicate.</summary>
    internal static ulong Truth<F>(ulong a, ulong b, ref FloatControl control)
        where F : IFloatStage => Staged<F>.Narrow(a, b, ref control) & 1;

    /// <summary>E2K-FP-021, of two of 32 bits: there nothing is flagged.</summary>
    internal static ulong OfSingles(ulong a, ulong b, ref FloatControl control) =>
        Of(SoftFloat.Relation(F32.Unpack(new(a, 0)), F32.Unpack(new(b, 0))));

    /// <summary>E2K-FP-021, of two of 64 bits: there nothing is flagged.</summary>
    internal static ulong OfDoubles(ulong a, ulong b, ref FloatControl control) =>
        Of(SoftFloat.Relation(F64.Unpack(new(a, 0)), F64.Unpack(new(b, 0))));

    /// <summary>E2K-FP-021: 45 unordered, 40 equal, 1 less, 0 greater.</summary>
    internal static ulong Of(int? relation) =>
        relation switch
        {
            null => 0x45,
            0 => 0x40,
            < 0 => Planted.Is(Bug.RelationReversed) ? 0UL : 1,
            _ => Planted.Is(Bug.RelationReversed) ? 1UL : 0,
        };
}
