// Reading and writing entries of refcount blocks, 1 to 64 bits wide. Widths below a byte count from
// the least significant bit; wider ones are big-endian.
using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace Ashlar.Block;

/// <summary>
/// Entries within one page of a refcount block; the order is the binary logarithm of the width.
/// </summary>
internal static class RefcountEntries
{
    private const int OrderOfByte = 3;

    internal static ulong Get(ReadOnlySpan<byte> page, int index, int order)
    {
        switch (order)
        {
            case 3:
                return page[index];
            case 4:
                return BinaryPrimitives.ReadUInt16BigEndian(page[(index * 2)..]);
            case 5:
                return BinaryPrimitives.ReadUInt32BigEndian(page[(index * 4)..]);
            case 6:
                return BinaryPrimitives.ReadUInt64BigEndian(page[(index * 8)..]);
            default:
                (int place, int shift, int mask) = WithinByte(index, order);
                return (ulong)((page[place] >> shift) & mask);
        }
    }

    internal static void Set(Span<byte> page, int index, int order, ulong value)
    {
        switch (order)
        {
            case 3:
                page[index] = (byte)value;
                break;
            case 4:
                BinaryPrimitives.WriteUInt16BigEndian(page[(index * 2)..], (ushort)value);
                break;
            case 5:
                BinaryPrimitives.WriteUInt32BigEndian(page[(index * 4)..], (uint)value);
                break;
            case 6:
                BinaryPrimitives.WriteUInt64BigEndian(page[(index * 8)..], value);
                break;
            default:
                (int place, int shift, int mask) = WithinByte(index, order);
                page[place] = (byte)((page[place] & ~(mask << shift)) | ((int)value << shift));
                break;
        }
    }

    /// <summary>
    /// The first index at or after <paramref name="from"/> whose count is 0, or -1.
    /// </summary>
    internal static int IndexOfZero(ReadOnlySpan<byte> page, int from, int order)
    {
        if (order == 4)
        {
            // Zero is zero in either byte order, so the search needs no conversion.
            int found = MemoryMarshal.Cast<byte, ushort>(page)[from..].IndexOf((ushort)0);
            return found < 0 ? -1 : from + found;
        }
        int count = (page.Length << OrderOfByte) >> order;
        for (int index = from; index < count; index++)
        {
            if (Get(page, index, order) == 0)
            {
                return index;
            }
        }
        return -1;
    }

    private static (int Place, int Shift, int Mask) WithinByte(int index, int order)
    {
        int perByteBits = OrderOfByte - order;
        int shift = (index & ((1 << perByteBits) - 1)) << order;
        return (index >> perByteBits, shift, (1 << (1 << order)) - 1);
    }
}
