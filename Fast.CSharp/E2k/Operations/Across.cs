// Functions across lanes: neighbours, narrowing, interleaving, distances, signs.
// Spec: spec/e2k/packed.md, E2K-PACK-011 to E2K-PACK-018.
using System;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using V = System.Runtime.Intrinsics.Vector128<ulong>;

namespace Ashlar.E2k.Operations;

/// <summary>Functions across lanes.</summary>
internal static class Across
{
    /// <summary>E2K-PACK-011: neighbours of the first source, then those of the second.</summary>
    internal static V PairHalves<F>(V a, V b)
        where F : ILanes
    {
        Vector128<short> even = Vector128.Narrow(a.AsInt32(), b.AsInt32());
        Vector128<short> odd = Vector128.Narrow(a.AsInt32() >> 16, b.AsInt32() >> 16);
        return F.Apply(even.AsUInt64(), odd.AsUInt64());
    }

    internal static ulong PairHalvesNarrow<F>(ulong a, ulong b)
        where F : ILanes => PairHalves<F>(Vector128.Create(a, b), V.Zero).ToScalar();

    /// <summary>E2K-PACK-011.</summary>
    internal static V PairWords<F>(V a, V b)
        where F : ILanes
    {
        return F.Apply(EvenWords(a, b), OddWords(a, b));
    }

    /// <summary>The even words of both, the first source's low.</summary>
    internal static V EvenWords(V a, V b) => Vector128.Narrow(a, b).AsUInt64();

    /// <summary>The odd words of both, the first source's low.</summary>
    internal static V OddWords(V a, V b) => Vector128.Narrow(a >> 32, b >> 32).AsUInt64();

    internal static ulong PairWordsNarrow<F>(ulong a, ulong b)
        where F : ILanes => PairWords<F>(Vector128.Create(a, b), V.Zero).ToScalar();

    /// <summary>E2K-PACK-012: halves to bytes with sign, the second source's low.</summary>
    internal static V PackHalvesSigned(V a, V b) =>
        PackHalves(a, b, sbyte.MinValue, sbyte.MaxValue);

    internal static ulong PackHalvesSignedNarrow(ulong a, ulong b) =>
        PackHalvesSigned(V.Zero, Vector128.Create(b, a)).ToScalar();

    internal static V PackHalvesUnsigned(V a, V b) =>
        PackHalves(a, b, byte.MinValue, byte.MaxValue);

    internal static ulong PackHalvesUnsignedNarrow(ulong a, ulong b) =>
        PackHalvesUnsigned(V.Zero, Vector128.Create(b, a)).ToScalar();

    /// <summary>E2K-PACK-012: words to halves.</summary>
    internal static V PackWordsSigned(V a, V b) => PackWords(a, b, short.MinValue, short.MaxValue);

    internal static ulong PackWordsSignedNarrow(ulong a, ulong b) =>
        PackWordsSigned(V.Zero, Vector128.Create(b, a)).ToScalar();

    internal static V PackWordsUnsigned(V a, V b) =>
        PackWords(a, b, ushort.MinValue, ushort.MaxValue);

    internal static ulong PackWordsUnsignedNarrow(ulong a, ulong b) =>
        PackWordsUnsigned(V.Zero, Vector128.Create(b, a)).ToScalar();

    /// <summary>E2K-PACK-013: low and high lanes in turn, the second source's first.</summary>
    internal static ulong LowBytes(ulong a, ulong b) => Bytes(a, b).GetElement(0);

    internal static ulong HighBytes(ulong a, ulong b) => Bytes(a, b).GetElement(1);

    internal static ulong LowHalves(ulong a, ulong b) => Halves(a, b).GetElement(0);

    internal static ulong HighHalves(ulong a, ulong b) => Halves(a, b).GetElement(1);

    internal static ulong LowWords(ulong a, ulong b) => (uint)b | (a << 32);

    internal static ulong HighWords(ulong a, ulong b) => (b >> 32) | (a & 0xffffffff00000000);

    /// <summary>E2K-PACK-014.</summary>
    internal static ulong Distances(ulong a, ulong b) =>
        Distances(Vector128.CreateScalar(a), Vector128.CreateScalar(b)).ToScalar();

    /// <summary>E2K-PACK-014.</summary>
    internal static V Distances(V a, V b)
    {
        if (Sse2.IsSupported)
        {
            return Sse2.SumAbsoluteDifferences(a.AsByte(), b.AsByte()).AsUInt64();
        }

        Vector128<byte> most = Vector128.Max(a.AsByte(), b.AsByte());
        Vector128<byte> difference = most - Vector128.Min(a.AsByte(), b.AsByte());
        (Vector128<ushort> low, Vector128<ushort> high) = Vector128.Widen(difference);
        return Vector128.Create((ulong)Vector128.Sum(low), Vector128.Sum(high));
    }

    /// <summary>E2K-PACK-015.</summary>
    internal static ulong SlidingDistances(ulong a, ulong b)
    {
        ulong result = 0;

        for (int lane = 0; lane < 4; lane++)
        {
            int sum = 0;

            for (int index = 0; index < 4; index++)
            {
                sum += Math.Abs((byte)(a >> (8 * (lane + index))) - (byte)(b >> (8 * index)));
            }

            result |= (ulong)sum << (16 * lane);
        }

        return result;
    }

    /// <summary>E2K-PACK-015: each 64 bits of the first source, the low bytes of both.</summary>
    internal static V SlidingDistances(V a, V b) =>
        Vector128.Create(
            SlidingDistances(a.GetElement(0), b.GetElement(0)),
            SlidingDistances(a.GetElement(1), b.GetElement(0))
        );

    /// <summary>E2K-PACK-016: four halves of each source.</summary>
    internal static ulong Smallest(ulong a, ulong b) =>
        SmallestOf(Vector128.Create(a, b).AsUInt16());

    /// <summary>E2K-PACK-016: eight halves of each source.</summary>
    internal static ulong Smallest(V a, V b)
    {
        ulong first = SmallestOf(a.AsUInt16());
        ulong second = SmallestOf(b.AsUInt16());
        bool isBelow = (ushort)second < (ushort)first;
        isBelow |= Planted.Is(Bug.LastSmallestHalf) && (ushort)second == (ushort)first;
        return isBelow ? second + (8UL << 16) : first;
    }

    /// <summary>E2K-PACK-017: of sixteen bytes of the second source.</summary>
    internal static ulong Signs(V a, V b) => Vector128.ExtractMostSignificantBits(b.AsByte());

    /// <summary>E2K-PACK-017: of both sources, the first's above.</summary>
    internal static ulong SignsOfBytes(ulong a, ulong b) =>
        Vector128.ExtractMostSignificantBits(Vector128.Create(b, a).AsByte());

    internal static ulong SignsOfWords(ulong a, ulong b) =>
        Vector128.ExtractMostSignificantBits(Vector128.Create(b, a).AsUInt32());

    internal static ulong SignsOfLongs(ulong a, ulong b) => (b >> 63) | (a >> 63 << 1);

    /// <summary>E2K-PACK-018: sixteen bits as the signs of bytes.</summary>
    internal static V SetSigns(V a, ulong signs)
    {
        V spread = Vector128.Create(
            (byte)signs * 0x0101010101010101UL,
            (byte)(signs >> 8) * 0x0101010101010101UL
        );
        V places = Vector128.Create(0x8040201008040201UL);
        Vector128<byte> clear = Vector128.Equals((spread & places).AsByte(), Vector128<byte>.Zero);
        Vector128<byte> sign = Vector128.Create((byte)0x80);
        return (Vector128.AndNot(a.AsByte(), sign) | Vector128.AndNot(sign, clear)).AsUInt64();
    }

    /// <summary>E2K-PACK-019.</summary>
    internal static V Blend(V a, V b, V mask) =>
        Vector128.ConditionalSelect((mask.AsSByte() >> 7).AsUInt64(), b, a);

    internal static ulong Blend(ulong a, ulong b, ulong mask)
    {
        // A byte of ones for each sign.
        ulong chosen = (mask >> 7 & 0x0101010101010101) * 0xff;
        return (b & chosen) | (a & ~chosen);
    }

    private static V PackHalves(V a, V b, short least, short most)
    {
        (a, b) = Planted.Is(Bug.NarrowedSourcesSwapped) ? (b, a) : (a, b);
        Vector128<short> low = Vector128.Clamp(
            b.AsInt16(),
            Vector128.Create(least),
            Vector128.Create(most)
        );
        Vector128<short> high = Vector128.Clamp(
            a.AsInt16(),
            Vector128.Create(least),
            Vector128.Create(most)
        );
        return Vector128.Narrow(low, high).AsUInt64();
    }

    private static V PackWords(V a, V b, int least, int most)
    {
        Vector128<int> low = Vector128.Clamp(
            b.AsInt32(),
            Vector128.Create(least),
            Vector128.Create(most)
        );
        Vector128<int> high = Vector128.Clamp(
            a.AsInt32(),
            Vector128.Create(least),
            Vector128.Create(most)
        );
        return Vector128.Narrow(low, high).AsUInt64();
    }

    private static V Bytes(ulong a, ulong b)
    {
        Vector128<ushort> first = Vector128.WidenLower(Vector128.CreateScalar(a).AsByte());
        Vector128<ushort> second = Vector128.WidenLower(Vector128.CreateScalar(b).AsByte());
        return (second | (first << 8)).AsUInt64();
    }

    private static V Halves(ulong a, ulong b)
    {
        Vector128<uint> first = Vector128.WidenLower(Vector128.CreateScalar(a).AsUInt16());
        Vector128<uint> second = Vector128.WidenLower(Vector128.CreateScalar(b).AsUInt16());
        return (second | (first << 16)).AsUInt64();
    }

    private static ulong SmallestOf(Vector128<ushort> halves)
    {
        if (Sse41.IsSupported)
        {
            return Sse41.MinHorizontal(halves).AsUInt64().ToScalar();
        }

        int least = 0;

        for (int index = 1; index < 8; index++)
        {
            if (halves[index] < halves[least])
            {
                least = index;
            }
        }

        return halves[least] | ((ulong)least << 16);
    }
}
