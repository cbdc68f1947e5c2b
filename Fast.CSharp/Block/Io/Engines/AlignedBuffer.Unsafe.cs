// Memory that a device can be given: it starts where the kernel wants it, and stays there.
using System;
using System.Buffers;
using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ashlar.Block;

/// <summary>
/// A block of memory aligned to a page. Disposing it gives it back; it must not be used after.
/// </summary>
public sealed class AlignedBuffer : IDisposable
{
    /// <summary>What every address is a multiple of, in bytes: enough for any device.</summary>
    public const int Alignment = 4096;

    // A size class of 4 KiB to 2 MiB each; what is larger is not kept.
    private const int SmallestShift = 12;
    private const int SizeClasses = 10;

    // Of each class, for the process.
    private const int KeptOfOneClass = 64;

    private static readonly ConcurrentBag<AlignedBuffer>[] Kept = NewShelves();

    private readonly int _shelf;

    private unsafe AlignedBuffer(int bytes)
    {
        _shelf = ShelfOf(bytes);
        byte[] array = GC.AllocateUninitializedArray<byte>(bytes + Alignment, pinned: true);
        nint start = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(array));
        int skipped = (int)(-start & (Alignment - 1));
        Memory = MemoryMarshal.CreateFromPinnedArray(array, skipped, bytes);
    }

    /// <summary>The memory; it never moves.</summary>
    public Memory<byte> Memory { get; }

    /// <summary>At least so many bytes, of any content.</summary>
    public static AlignedBuffer Rent(int bytes)
    {
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(bytes, Alignment));
        int shelf = ShelfOf(size);
        return shelf < SizeClasses && Kept[shelf].TryTake(out AlignedBuffer? buffer)
            ? buffer
            : new AlignedBuffer(size);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_shelf < SizeClasses && Kept[_shelf].Count < KeptOfOneClass)
        {
            Kept[_shelf].Add(this);
        }
    }

    /// <summary>True when pinned memory starts at a multiple of a power of two.</summary>
    internal static unsafe bool IsAligned(MemoryHandle pin, int alignment) =>
        ((nint)pin.Pointer & (alignment - 1)) == 0;

    private static int ShelfOf(int size) => BitOperations.Log2((uint)size) - SmallestShift;

    private static ConcurrentBag<AlignedBuffer>[] NewShelves()
    {
        var shelves = new ConcurrentBag<AlignedBuffer>[SizeClasses];
        for (int shelf = 0; shelf < SizeClasses; shelf++)
        {
            shelves[shelf] = [];
        }
        return shelves;
    }
}
