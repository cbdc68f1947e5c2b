// Tables of big-endian numbers, converted as a whole. Spec: spec/block/simd.md (BLK-SIMD-004).
using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ashlar.Block;

/// <summary>
/// Turns the numbers of a table from the order of a file into the machine's, or back, which is the
/// same. Source and target are one table or do not overlap. Halves are exchanged by shifts, which
/// every machine with vectors has: native code for any machine gets no byte shuffle, and the
/// library's conversion is twenty times as slow there.
/// </summary>
internal static class BigEndianTable
{
    /// <summary>Converts 64-bit numbers (BLK-SIMD-004).</summary>
    public static void Convert(ReadOnlySpan<ulong> source, Span<ulong> target)
    {
        target = target[..source.Length];
        if (!BitConverter.IsLittleEndian)
        {
            source.CopyTo(target);
            return;
        }
        int done = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            var from = MemoryMarshal.Cast<ulong, Vector512<byte>>(source);
            var to = MemoryMarshal.Cast<ulong, Vector512<byte>>(target);
            for (int index = 0; index < from.Length && index < to.Length; index++)
            {
                Vector512<ulong> words = SwapWords(SwapBytes(from[index])).AsUInt64();
                to[index] = ((words << 32) | (words >>> 32)).AsByte();
            }
            done = from.Length * Vector512<ulong>.Count;
        }
        for (; done < source.Length; done++)
        {
            target[done] = BinaryPrimitives.ReverseEndianness(source[done]);
        }
    }

    /// <summary>Converts 32-bit numbers (BLK-SIMD-004).</summary>
    public static void Convert(ReadOnlySpan<uint> source, Span<uint> target)
    {
        target = target[..source.Length];
        if (!BitConverter.IsLittleEndian)
        {
            source.CopyTo(target);
            return;
        }
        int done = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            var from = MemoryMarshal.Cast<uint, Vector512<byte>>(source);
            var to = MemoryMarshal.Cast<uint, Vector512<byte>>(target);
            for (int index = 0; index < from.Length && index < to.Length; index++)
            {
                to[index] = SwapWords(SwapBytes(from[index]));
            }
            done = from.Length * Vector512<uint>.Count;
        }
        for (; done < source.Length; done++)
        {
            target[done] = BinaryPrimitives.ReverseEndianness(source[done]);
        }
    }

    /// <summary>Converts 16-bit numbers (BLK-SIMD-004).</summary>
    public static void Convert(ReadOnlySpan<ushort> source, Span<ushort> target)
    {
        target = target[..source.Length];
        if (!BitConverter.IsLittleEndian)
        {
            source.CopyTo(target);
            return;
        }
        int done = 0;
        if (Vector128.IsHardwareAccelerated)
        {
            var from = MemoryMarshal.Cast<ushort, Vector512<byte>>(source);
            var to = MemoryMarshal.Cast<ushort, Vector512<byte>>(target);
            for (int index = 0; index < from.Length && index < to.Length; index++)
            {
                to[index] = SwapBytes(from[index]);
            }
            done = from.Length * Vector512<ushort>.Count;
        }
        for (; done < source.Length; done++)
        {
            target[done] = BinaryPrimitives.ReverseEndianness(source[done]);
        }
    }

    private static Vector512<byte> SwapBytes(Vector512<byte> bytes)
    {
        Vector512<ushort> pairs = bytes.AsUInt16();
        return ((pairs << 8) | (pairs >>> 8)).AsByte();
    }

    private static Vector512<byte> SwapWords(Vector512<byte> bytes)
    {
        Vector512<uint> pairs = bytes.AsUInt32();
        return ((pairs << 16) | (pairs >>> 16)).AsByte();
    }
}
