// The Castagnoli checksum. Spec: spec/block/simd.md (BLK-SIMD-006).
using System;
using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Ashlar.Block;

/// <summary>CRC-32C of buffers.</summary>
internal static class Crc32C
{
    // The processor's instruction takes three steps and can begin one in each, so that three pieces
    // are summed side by side; what a piece adds to the sum before it is looked up.
    private const int PieceBytes = 1024;

    private static readonly uint[] Moved = Move(PieceBytes);

    /// <summary>Continues a checksum; that of nothing is 0 (BLK-SIMD-006).</summary>
    public static uint Append(uint checksum, ReadOnlySpan<byte> bytes)
    {
        uint state = ~checksum;
        while (bytes.Length >= 3 * PieceBytes)
        {
            state = Three(state, bytes[..(3 * PieceBytes)]);
            bytes = bytes[(3 * PieceBytes)..];
        }
        while (bytes.Length >= sizeof(ulong))
        {
            state = BitOperations.Crc32C(state, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
            bytes = bytes[sizeof(ulong)..];
        }
        foreach (byte one in bytes)
        {
            state = BitOperations.Crc32C(state, one);
        }
        return ~state;
    }

    private static uint Three(uint first, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<ulong> a = MemoryMarshal.Cast<byte, ulong>(bytes[..PieceBytes]);
        ReadOnlySpan<ulong> b = MemoryMarshal.Cast<byte, ulong>(
            bytes.Slice(PieceBytes, PieceBytes)
        );
        ReadOnlySpan<ulong> c = MemoryMarshal.Cast<byte, ulong>(
            bytes.Slice(2 * PieceBytes, PieceBytes)
        );
        uint second = 0;
        uint third = 0;
        for (int index = 0; index < a.Length && index < b.Length && index < c.Length; index++)
        {
            first = BitOperations.Crc32C(first, LittleEndian(a[index]));
            second = BitOperations.Crc32C(second, LittleEndian(b[index]));
            third = BitOperations.Crc32C(third, LittleEndian(c[index]));
        }
        return MoveOn(MoveOn(first) ^ second) ^ third;
    }

    private static ulong LittleEndian(ulong word) =>
        BitConverter.IsLittleEndian ? word : BinaryPrimitives.ReverseEndianness(word);

    // What a state is after a piece of zeroes.
    private static uint MoveOn(uint state) =>
        Moved[state & 0xFF]
        ^ Moved[256 + ((state >> 8) & 0xFF)]
        ^ Moved[512 + ((state >> 16) & 0xFF)]
        ^ Moved[768 + (state >> 24)];

    // A state after zeroes is linear in the state, so that 32 single bits say all.
    private static uint[] Move(int zeroes)
    {
        Span<uint> ofBit = stackalloc uint[32];
        for (int bit = 0; bit < ofBit.Length; bit++)
        {
            uint state = 1u << bit;
            for (int done = 0; done < zeroes; done += sizeof(ulong))
            {
                state = BitOperations.Crc32C(state, 0ul);
            }
            ofBit[bit] = state;
        }
        uint[] table = new uint[4 * 256];
        for (int index = 0; index < table.Length; index++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                table[index] ^= (index >> bit & 1) == 0 ? 0 : ofBit[((index >> 8) * 8) + bit];
            }
        }
        return table;
    }
}
