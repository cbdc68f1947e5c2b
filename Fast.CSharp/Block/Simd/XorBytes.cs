// Adding one buffer to another, bit by bit. Spec: spec/block/simd.md (BLK-SIMD-008).
using System;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Ashlar.Block;

/// <summary>Exclusive or over buffers of whole blocks of 16 bytes.</summary>
internal static class XorBytes
{
    /// <summary>Adds one buffer to as many bytes of another; nothing beyond is touched.</summary>
    public static void Add(Span<byte> into, ReadOnlySpan<byte> from)
    {
        Span<Vector128<byte>> target = MemoryMarshal.Cast<byte, Vector128<byte>>(into);
        var source = MemoryMarshal.Cast<byte, Vector128<byte>>(from);
        for (int index = 0; index < target.Length && index < source.Length; index++)
        {
            target[index] ^= source[index];
        }
    }
}
