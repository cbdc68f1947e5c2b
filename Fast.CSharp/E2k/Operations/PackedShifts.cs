// Shifts and turns of all lanes by one count, which has 64 bits.
// Spec: spec/e2k/packed.md, E2K-PACK-010.
using System.Runtime.Intrinsics;
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k.Operations;

/// <summary>A function of all lanes and a count.</summary>
internal interface IShift
{
    static abstract V Apply(V a, ulong count);
}

/// <summary>A shift in both sizes.</summary>
internal static class Shifted<F>
    where F : IShift
{
    internal static V Wide(V a, ulong count) => F.Apply(a, count);

    internal static ulong Narrow(ulong a, ulong count) =>
        F.Apply(Vector128.CreateScalar(a), count).ToScalar();
}

/// <summary>Beyond the width shifts give zeros or signs; turns go round.</summary>
internal static class PackedShifts
{
    internal readonly struct LeftHalves : IShift
    {
        public static V Apply(V a, ulong count) =>
            count > 15 && !Planted.Is(Bug.PackedCountModulo)
                ? V.Zero
                : (a.AsUInt16() << ((int)count & 15)).AsUInt64();
    }

    internal readonly struct LeftWords : IShift
    {
        public static V Apply(V a, ulong count) =>
            count > 31 ? V.Zero : (a.AsUInt32() << (int)count).AsUInt64();
    }

    internal readonly struct LeftLongs : IShift
    {
        public static V Apply(V a, ulong count) => count > 63 ? V.Zero : a << (int)count;
    }

    internal readonly struct RightHalves : IShift
    {
        public static V Apply(V a, ulong count) =>
            count > 15 ? V.Zero : (a.AsUInt16() >> (int)count).AsUInt64();
    }

    internal readonly struct RightWords : IShift
    {
        public static V Apply(V a, ulong count) =>
            count > 31 ? V.Zero : (a.AsUInt32() >> (int)count).AsUInt64();
    }

    internal readonly struct RightLongs : IShift
    {
        public static V Apply(V a, ulong count) => count > 63 ? V.Zero : a >> (int)count;
    }

    internal readonly struct ArithmeticHalves : IShift
    {
        public static V Apply(V a, ulong count) =>
            (a.AsInt16() >> (int)ulong.Min(count, 15)).AsUInt64();
    }

    internal readonly struct ArithmeticWords : IShift
    {
        public static V Apply(V a, ulong count) =>
            (a.AsInt32() >> (int)ulong.Min(count, 31)).AsUInt64();
    }

    internal readonly struct ArithmeticLongs : IShift
    {
        public static V Apply(V a, ulong count) =>
            (a.AsInt64() >> (int)ulong.Min(count, 63)).AsUInt64();
    }

    internal readonly struct TurnWords : IShift
    {
        public static V Apply(V a, ulong count)
        {
            int right = (int)count & 31;
            return ((a.AsUInt32() >> right) | (a.AsUInt32() << ((32 - right) & 31))).AsUInt64();
        }
    }

    internal readonly struct TurnLongs : IShift
    {
        public static V Apply(V a, ulong count)
        {
            int right = (int)count & 63;
            return (a >> right) | (a << ((64 - right) & 63));
        }
    }
}
