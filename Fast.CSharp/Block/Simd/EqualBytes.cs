// Comparing buffers. Spec: spec/block/simd.md (BLK-SIMD-003).
using System;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ashlar.Block;

/// <summary>Where two buffers differ.</summary>
internal static class EqualBytes
{
    /// <summary>
    /// How many bytes two buffers begin with in common: the index of the first difference, or the
    /// length of the shorter one (BLK-SIMD-003).
    /// </summary>
    public static int CommonLength(ReadOnlySpan<byte> one, ReadOnlySpan<byte> other)
    {
        int length = Math.Min(one.Length, other.Length);
        int place = 0;
        if (Vector128.IsHardwareAccelerated && length >= WideBytes.Length)
        {
            ReadOnlySpan<WideBytes> a = MemoryMarshal.Cast<byte, WideBytes>(one[..length]);
            ReadOnlySpan<WideBytes> b = MemoryMarshal.Cast<byte, WideBytes>(other[..length]);
            int index = 0;
            while (
                index < a.Length
                && index < b.Length
                && a[index].Differences(in b[index]) == Vector512<byte>.Zero
            )
            {
                index++;
            }
            place = index * WideBytes.Length;
        }
        return place + one[place..length].CommonPrefixLength(other[place..length]);
    }
}
