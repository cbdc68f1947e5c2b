// Looking for zeroes in buffers. Spec: spec/block/simd.md (BLK-SIMD-001, BLK-SIMD-002).
using System;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ashlar.Block;

/// <summary>Which bytes of a buffer are not zero.</summary>
internal static class ZeroBytes
{
    /// <summary>True when every byte is zero; an empty buffer is (BLK-SIMD-001).</summary>
    public static bool AreAll(ReadOnlySpan<byte> bytes) => First(bytes) < 0;

    /// <summary>The index of the first byte that is not zero, or -1 (BLK-SIMD-001).</summary>
    public static int First(ReadOnlySpan<byte> bytes) => FirstOther(bytes, 0);

    /// <summary>The index of the first byte that has not this value, or -1.</summary>
    internal static int FirstOther(ReadOnlySpan<byte> bytes, byte value)
    {
        // Most buffers that are not all zero say so at once.
        if (
            Vector128.IsHardwareAccelerated
            && bytes.Length >= WideBytes.Length
            && bytes[0] == value
        )
        {
            Vector512<byte> same = Vector512.Create(value);
            ReadOnlySpan<WideBytes> wide = MemoryMarshal.Cast<byte, WideBytes>(bytes);
            int index = 0;
            while (index < wide.Length && wide[index].Differences(same) == Vector512<byte>.Zero)
            {
                index++;
            }
            int place = index * WideBytes.Length;
            int found = bytes[place..].IndexOfAnyExcept(value);
            return found < 0 ? -1 : place + found;
        }
        return bytes.IndexOfAnyExcept(value);
    }

    /// <summary>The index of the last byte that is not zero, or -1 (BLK-SIMD-001).</summary>
    public static int Last(ReadOnlySpan<byte> bytes)
    {
        int end = bytes.Length;
        if (Vector128.IsHardwareAccelerated && end >= WideBytes.Length && bytes[^1] == 0)
        {
            // The pieces are counted from the end, where the search begins.
            int odd = end % WideBytes.Length;
            ReadOnlySpan<WideBytes> wide = MemoryMarshal.Cast<byte, WideBytes>(bytes[odd..]);
            int index = wide.Length;
            while (
                index > 0
                && wide[index - 1].Differences(Vector512<byte>.Zero) == Vector512<byte>.Zero
            )
            {
                index--;
            }
            end = odd + (index * WideBytes.Length);
        }
        return bytes[..end].LastIndexOfAnyExcept((byte)0);
    }

    /// <summary>
    /// The length of the run a buffer begins with: of blocks of zeroes, or of others
    /// (BLK-SIMD-002).
    /// </summary>
    /// <param name="bytes">Not empty; its last block may be shorter than the others.</param>
    /// <param name="blockBytes">What is looked at as a whole; above 0.</param>
    /// <param name="isZero">Which of the two it is.</param>
    public static int RunLength(ReadOnlySpan<byte> bytes, int blockBytes, out bool isZero)
    {
        isZero = AreAll(Block(bytes, 0, blockBytes));
        if (isZero)
        {
            // One search to the end of the zeroes, not one for each block of them.
            int found = First(bytes);
            return found < 0 ? bytes.Length : found - (found % blockBytes);
        }
        int place = blockBytes;
        while (place < bytes.Length && !AreAll(Block(bytes, place, blockBytes)))
        {
            place += blockBytes;
        }
        return Math.Min(place, bytes.Length);
    }

    private static ReadOnlySpan<byte> Block(ReadOnlySpan<byte> bytes, int place, int length) =>
        bytes.Length - place < length ? bytes[place..] : bytes.Slice(place, length);
}
