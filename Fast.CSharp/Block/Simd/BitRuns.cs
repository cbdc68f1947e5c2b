// Bitmaps as files have them: bit 0 is the lowest of the first byte. Spec: spec/block/simd.md
// (BLK-SIMD-005).
using System;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ashlar.Block;

/// <summary>Searching, counting and joining bitmaps.</summary>
internal static class BitRuns
{
    private const int ByteBits = 8;

    /// <summary>The first set bit at or after a place, or -1 (BLK-SIMD-005).</summary>
    public static long NextSet(ReadOnlySpan<byte> map, long from) => Next(map, from, 0);

    /// <summary>The first clear bit at or after a place, or -1 (BLK-SIMD-005).</summary>
    public static long NextClear(ReadOnlySpan<byte> map, long from) => Next(map, from, 0xFF);

    /// <summary>How many bits are set (BLK-SIMD-005).</summary>
    public static long Count(ReadOnlySpan<byte> map)
    {
        // Four sums, because each addition waits for the one before.
        ReadOnlySpan<FourWords> words = MemoryMarshal.Cast<byte, FourWords>(map);
        long a = 0;
        long b = 0;
        long c = 0;
        long d = 0;
        foreach (ref readonly FourWords four in words)
        {
            a += BitOperations.PopCount(four.A);
            b += BitOperations.PopCount(four.B);
            c += BitOperations.PopCount(four.C);
            d += BitOperations.PopCount(four.D);
        }
        foreach (byte rest in map[(words.Length * Unsafe.SizeOf<FourWords>())..])
        {
            a += BitOperations.PopCount(rest);
        }
        return a + b + c + d;
    }

    /// <summary>Sets in one map what is set in another of its length (BLK-SIMD-005).</summary>
    public static void Merge(Span<byte> into, ReadOnlySpan<byte> from)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(from.Length, into.Length);
        Span<Vector512<byte>> target = MemoryMarshal.Cast<byte, Vector512<byte>>(into);
        ReadOnlySpan<Vector512<byte>> source = MemoryMarshal.Cast<byte, Vector512<byte>>(from);
        int index = 0;
        for (; index < target.Length && index < source.Length; index++)
        {
            target[index] |= source[index];
        }
        for (index *= Vector512<byte>.Count; index < into.Length; index++)
        {
            into[index] |= from[index];
        }
    }

    // The first bit that is not as all bits of `passed` are.
    private static long Next(ReadOnlySpan<byte> map, long from, byte passed)
    {
        long place = from / ByteBits;
        if (place >= map.Length)
        {
            return -1;
        }
        int first = (map[(int)place] ^ passed) >> (int)(from % ByteBits);
        if (first != 0)
        {
            return from + BitOperations.TrailingZeroCount(first);
        }
        int found = ZeroBytes.FirstOther(map[((int)place + 1)..], passed);
        if (found < 0)
        {
            return -1;
        }
        place += 1 + found;
        int bit = BitOperations.TrailingZeroCount(map[(int)place] ^ passed);
        return (place * ByteBits) + bit;
    }

#pragma warning disable CS0649 // Filled by looking at bytes as this type.
    private readonly struct FourWords
    {
        public readonly ulong A;
        public readonly ulong B;
        public readonly ulong C;
        public readonly ulong D;
    }
#pragma warning restore CS0649
}
