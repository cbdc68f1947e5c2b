// Lane by lane what two sources give: sums, extremes, comparisons, products. Each is written once
// for 128 bits; 64 bits are their low half. Spec: spec/e2k/packed.md, E2K-PACK.
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k.Operations;

/// <summary>A function of two registers of 128 bits, each lane of its own.</summary>
internal interface ILanes
{
    static abstract V Apply(V a, V b);
}

/// <summary>A function of lanes in both sizes.</summary>
internal static class Sized<F>
    where F : ILanes
{
    internal static V Wide(V a, V b) => F.Apply(a, b);

    internal static ulong Narrow(ulong a, ulong b) =>
        F.Apply(Vector128.CreateScalar(a), Vector128.CreateScalar(b)).ToScalar();

    /// <summary>E2K-PACK-004: whether all lanes of a mask are ones.</summary>
    internal static ulong AllWide(V a, V b) =>
        Comparisons.Bit(Vector128.EqualsAll(F.Apply(a, b), V.AllBitsSet));

    internal static ulong AllNarrow(ulong a, ulong b) =>
        Comparisons.Bit(Narrow(a, b) == ulong.MaxValue);

    /// <summary>E2K-PACK-004: whether any lane of a mask is ones.</summary>
    internal static ulong AnyWide(V a, V b) => Comparisons.Bit(F.Apply(a, b) != V.Zero);

    internal static ulong AnyNarrow(ulong a, ulong b) => Comparisons.Bit(Narrow(a, b) != 0);
}

/// <summary>The functions, by type of lane.</summary>
internal static class Lanes
{
    /// <summary>E2K-INT-001.</summary>
    internal readonly struct Add<T> : ILanes
    {
        public static V Apply(V a, V b) => (a.As<ulong, T>() + b.As<ulong, T>()).As<T, ulong>();
    }

    /// <summary>E2K-INT-001.</summary>
    internal readonly struct Sub<T> : ILanes
    {
        public static V Apply(V a, V b) => (a.As<ulong, T>() - b.As<ulong, T>()).As<T, ulong>();
    }

    /// <summary>E2K-INT-001.</summary>
    internal readonly struct Mul<T> : ILanes
    {
        public static V Apply(V a, V b) => (a.As<ulong, T>() * b.As<ulong, T>()).As<T, ulong>();
    }

    /// <summary>E2K-INT-002.</summary>
    internal readonly struct And : ILanes
    {
        public static V Apply(V a, V b) => a & b;
    }

    /// <summary>E2K-INT-002.</summary>
    internal readonly struct AndNot : ILanes
    {
        public static V Apply(V a, V b) => Vector128.AndNot(a, b);
    }

    /// <summary>E2K-INT-002.</summary>
    internal readonly struct Or : ILanes
    {
        public static V Apply(V a, V b) => a | b;
    }

    /// <summary>E2K-INT-002.</summary>
    internal readonly struct Xor : ILanes
    {
        public static V Apply(V a, V b) => a ^ b;
    }

    /// <summary>E2K-PACK-001.</summary>
    internal readonly struct AddSaturated<T> : ILanes
    {
        public static V Apply(V a, V b) =>
            Vector128.AddSaturate(a.As<ulong, T>(), b.As<ulong, T>()).As<T, ulong>();
    }

    /// <summary>E2K-PACK-001.</summary>
    internal readonly struct SubSaturated<T> : ILanes
    {
        public static V Apply(V a, V b) =>
            Planted.Is(Bug.SaturationWraps)
                ? Sub<T>.Apply(a, b)
                : Vector128.SubtractSaturate(a.As<ulong, T>(), b.As<ulong, T>()).As<T, ulong>();
    }

    /// <summary>E2K-PACK-003.</summary>
    internal readonly struct Min<T> : ILanes
    {
        public static V Apply(V a, V b) =>
            Vector128.Min(a.As<ulong, T>(), b.As<ulong, T>()).As<T, ulong>();
    }

    /// <summary>E2K-PACK-003.</summary>
    internal readonly struct Max<T> : ILanes
    {
        public static V Apply(V a, V b) =>
            Vector128.Max(a.As<ulong, T>(), b.As<ulong, T>()).As<T, ulong>();
    }

    /// <summary>E2K-PACK-004.</summary>
    internal readonly struct Equal<T> : ILanes
    {
        public static V Apply(V a, V b) =>
            Vector128.Equals(a.As<ulong, T>(), b.As<ulong, T>()).As<T, ulong>();
    }

    /// <summary>E2K-PACK-004.</summary>
    internal readonly struct Greater<T> : ILanes
    {
        public static V Apply(V a, V b) =>
            Vector128.GreaterThan(a.As<ulong, T>(), b.As<ulong, T>()).As<T, ulong>();
    }

    /// <summary>E2K-PACK-002: the mean of bytes.</summary>
    internal readonly struct AverageBytes : ILanes
    {
        public static V Apply(V a, V b) =>
            Sse2.IsSupported
                ? Sse2.Average(a.AsByte(), b.AsByte()).AsUInt64()
                : ((a | b).AsByte() - Vector128.ShiftRightLogical((a ^ b).AsByte(), 1)).AsUInt64();
    }

    /// <summary>E2K-PACK-002: the mean of halves.</summary>
    internal readonly struct AverageHalves : ILanes
    {
        public static V Apply(V a, V b) =>
            Sse2.IsSupported
                ? Sse2.Average(a.AsUInt16(), b.AsUInt16()).AsUInt64()
                : (
                    (a | b).AsUInt16() - Vector128.ShiftRightLogical((a ^ b).AsUInt16(), 1)
                ).AsUInt64();
    }

    /// <summary>E2K-PACK-005: the first with the sign of the second.</summary>
    internal readonly struct Sign<T> : ILanes
    {
        public static V Apply(V a, V b)
        {
            Vector128<T> second = b.As<ulong, T>();
            Vector128<T> negative = Vector128.LessThan(second, Vector128<T>.Zero);
            Vector128<T> turned = (a.As<ulong, T>() ^ negative) - negative;
            Vector128<T> zero = Vector128.Equals(second, Vector128<T>.Zero);
            return Planted.Is(Bug.SignOfZeroKept)
                ? turned.As<T, ulong>()
                : Vector128.AndNot(turned, zero).As<T, ulong>();
        }
    }

    /// <summary>E2K-PACK-006: the high halves of signed products.</summary>
    internal readonly struct MulHighSigned : ILanes
    {
        public static V Apply(V a, V b) =>
            Sse2.IsSupported
                ? Sse2.MultiplyHigh(a.AsInt16(), b.AsInt16()).AsUInt64()
                : Halves(a, b, default(High));
    }

    /// <summary>E2K-PACK-006: the high halves of products without sign.</summary>
    internal readonly struct MulHighUnsigned : ILanes
    {
        public static V Apply(V a, V b)
        {
            if (Sse2.IsSupported)
            {
                return Sse2.MultiplyHigh(a.AsUInt16(), b.AsUInt16()).AsUInt64();
            }

            (Vector128<uint> lowA, Vector128<uint> highA) = Vector128.Widen(a.AsUInt16());
            (Vector128<uint> lowB, Vector128<uint> highB) = Vector128.Widen(b.AsUInt16());
            return Vector128.Narrow((lowA * lowB) >> 16, (highA * highB) >> 16).AsUInt64();
        }
    }

    /// <summary>E2K-PACK-007.</summary>
    internal readonly struct MulHighRounded : ILanes
    {
        public static V Apply(V a, V b) =>
            Ssse3.IsSupported
                ? Ssse3.MultiplyHighRoundScale(a.AsInt16(), b.AsInt16()).AsUInt64()
                : Halves(a, b, default(Rounded));
    }

    /// <summary>E2K-PACK-008: low bytes of the first source by halves of the second.</summary>
    internal readonly struct MulBytesByHalves : ILanes
    {
        public static V Apply(V a, V b) =>
            Halves(Vector128.WidenLower(a.AsByte()).AsUInt64(), b, default(WithoutByte));
    }

    /// <summary>E2K-PACK-009: products of neighbouring halves, added.</summary>
    internal readonly struct MulAddHalves : ILanes
    {
        public static V Apply(V a, V b)
        {
            if (Sse2.IsSupported)
            {
                return Sse2.MultiplyAddAdjacent(a.AsInt16(), b.AsInt16()).AsUInt64();
            }

            Vector128<int> even = (a.AsInt32() << 16 >> 16) * (b.AsInt32() << 16 >> 16);
            return (even + (a.AsInt32() >> 16) * (b.AsInt32() >> 16)).AsUInt64();
        }
    }

    /// <summary>E2K-PACK-009: the bytes of the first source have signs.</summary>
    internal readonly struct MulAddBytes : ILanes
    {
        public static V Apply(V a, V b)
        {
            if (Ssse3.IsSupported)
            {
                return Ssse3.MultiplyAddAdjacent(b.AsByte(), a.AsSByte()).AsUInt64();
            }

            // Each product fits in 16 bits; only the sum needs saturation.
            Vector128<short> even = (a.AsInt16() << 8 >> 8) * (b.AsUInt16() << 8 >> 8).AsInt16();
            Vector128<short> odd = (a.AsInt16() >> 8) * (b.AsUInt16() >> 8).AsInt16();
            return Vector128.AddSaturate(even, odd).AsUInt64();
        }
    }

    /// <summary>What is kept of a product of 32 bits, in its low half.</summary>
    private interface IKept
    {
        static abstract Vector128<int> Of(Vector128<int> product);
    }

    private readonly struct High : IKept
    {
        public static Vector128<int> Of(Vector128<int> product) => product >> 16;
    }

    private readonly struct Rounded : IKept
    {
        public static Vector128<int> Of(Vector128<int> product) =>
            ((product >> 14) + Vector128<int>.One) >> 1;
    }

    private readonly struct WithoutByte : IKept
    {
        public static Vector128<int> Of(Vector128<int> product) =>
            (product + Vector128.Create(128)) >> 8;
    }

    private static V Halves<K>(V a, V b, K _)
        where K : struct, IKept
    {
        (Vector128<int> lowA, Vector128<int> highA) = Vector128.Widen(a.AsInt16());
        (Vector128<int> lowB, Vector128<int> highB) = Vector128.Widen(b.AsInt16());
        return Vector128.Narrow(K.Of(lowA * lowB), K.Of(highA * highB)).AsUInt64();
    }
}
