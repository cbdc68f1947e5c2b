// Sparse bytes for files that live in memory: a frozen template shared by many files, and over it
// the chunks one file has changed. Forgetting all changes is O(1), which is what lets a bench reset
// its world thousands of times a second. Not thread-safe. Spec: spec/block/file.md.
using System;
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>Immutable sparse bytes: what a memory file holds when its world begins.</summary>
public sealed class MemoryContent
{
    /// <summary>Content is kept and copied in pieces of this many bytes.</summary>
    public const int ChunkBytes = 1 << ChunkBits;

    internal const int ChunkBits = 12;

    /// <summary>No bytes.</summary>
    public static readonly MemoryContent Empty = new(0, []);

    private readonly Dictionary<long, byte[]> _chunks;

    private MemoryContent(long lengthBytes, Dictionary<long, byte[]> chunks)
    {
        LengthBytes = lengthBytes;
        _chunks = chunks;
    }

    /// <summary>The length in bytes; what no chunk holds is zero.</summary>
    public long LengthBytes { get; }

    /// <summary>The indexes of the chunks that are not all zero.</summary>
    internal IEnumerable<long> ChunkIndexes => _chunks.Keys;

    /// <summary>That many zero bytes.</summary>
    public static MemoryContent Zeroes(long lengthBytes) => new(lengthBytes, []);

    /// <summary>A copy of the bytes.</summary>
    public static MemoryContent Of(ReadOnlySpan<byte> bytes)
    {
        Dictionary<long, byte[]> chunks = [];
        for (int start = 0; start < bytes.Length; start += ChunkBytes)
        {
            ReadOnlySpan<byte> part = bytes.Slice(
                start,
                Math.Min(ChunkBytes, bytes.Length - start)
            );
            AddChunk(chunks, start >> ChunkBits, part);
        }
        return new MemoryContent(bytes.Length, chunks);
    }

    /// <summary>A copy of what an open file holds now. Holes are looked for by reading.</summary>
    public static MemoryContent Of(HostFile file)
    {
        long length = file.Length;
        Dictionary<long, byte[]> chunks = [];
        Span<byte> part = stackalloc byte[ChunkBytes];
        for (long start = 0; start < length; start += ChunkBytes)
        {
            if (file.Read(start, part) == HostErrno.None)
            {
                AddChunk(chunks, start >> ChunkBits, part);
            }
        }
        return new MemoryContent(length, chunks);
    }

    internal static MemoryContent Of(long lengthBytes, Dictionary<long, byte[]> chunks) =>
        new(lengthBytes, chunks);

    internal byte[]? Find(long chunkIndex) => _chunks.GetValueOrDefault(chunkIndex);

    private static void AddChunk(
        Dictionary<long, byte[]> chunks,
        long index,
        ReadOnlySpan<byte> part
    )
    {
        if (!ZeroBytes.AreAll(part))
        {
            byte[] chunk = new byte[ChunkBytes];
            part.CopyTo(chunk);
            chunks.Add(index, chunk);
        }
    }
}

/// <summary>The changes of one memory file over a <see cref="MemoryContent"/>.</summary>
internal sealed class SparseChunks
{
    private const int FirstSlotCount = 16;

    private Slot[] _slots = new Slot[FirstSlotCount];
    private int _usedCount;

    // A slot whose stamp is not this one is empty, though its buffer is kept for the next use.
    private uint _stamp = 1;
    private MemoryContent _template = MemoryContent.Empty;

    // Chunks of the template from here on were cut off; a chunk cut in the middle was copied.
    private long _templateChunkLimit = long.MaxValue;

    internal long LengthBytes { get; private set; }

    /// <summary>Forgets every change and takes another template.</summary>
    internal void Reset(MemoryContent template)
    {
        _template = template;
        _templateChunkLimit = long.MaxValue;
        LengthBytes = template.LengthBytes;
        _usedCount = 0;
        if (++_stamp == 0)
        {
            Array.Clear(_slots);
            _stamp = 1;
        }
    }

    /// <summary>Fills the buffer; beyond the end there are zeroes.</summary>
    internal void Read(long offset, Span<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            int inChunk = (int)(offset & (MemoryContent.ChunkBytes - 1));
            int step = Math.Min(buffer.Length, MemoryContent.ChunkBytes - inChunk);
            byte[]? chunk = Find(offset >> MemoryContent.ChunkBits);
            if (chunk is null)
            {
                buffer[..step].Clear();
            }
            else
            {
                chunk.AsSpan(inChunk, step).CopyTo(buffer);
            }
            buffer = buffer[step..];
            offset += step;
        }
    }

    /// <summary>Writes the bytes, growing the file where they end beyond it.</summary>
    internal void Write(long offset, ReadOnlySpan<byte> bytes)
    {
        LengthBytes = Math.Max(LengthBytes, offset + bytes.Length);
        while (bytes.Length > 0)
        {
            int inChunk = (int)(offset & (MemoryContent.ChunkBytes - 1));
            int step = Math.Min(bytes.Length, MemoryContent.ChunkBytes - inChunk);
            bool isWhole = step == MemoryContent.ChunkBytes;
            byte[] chunk = Own(offset >> MemoryContent.ChunkBits, isWhole);
            bytes[..step].CopyTo(chunk.AsSpan(inChunk));
            bytes = bytes[step..];
            offset += step;
        }
    }

    /// <summary>Makes [offset, end) zero without changing the length.</summary>
    internal void Clear(long offset, long end)
    {
        long first = (offset + MemoryContent.ChunkBytes - 1) >> MemoryContent.ChunkBits;
        long last = end >> MemoryContent.ChunkBits;
        if (first > last)
        {
            ClearPart(offset, end);
            return;
        }
        ClearPart(offset, first << MemoryContent.ChunkBits);
        ClearPart(last << MemoryContent.ChunkBits, end);
        ClearWhole(first, last);
    }

    /// <summary>A copy of the bytes as they are now.</summary>
    internal MemoryContent Freeze()
    {
        Dictionary<long, byte[]> chunks = [];
        foreach (long chunk in _template.ChunkIndexes)
        {
            byte[]? bytes = FindInTemplate(chunk);
            if (bytes is not null)
            {
                chunks.Add(chunk, bytes);
            }
        }
        foreach (Slot slot in _slots)
        {
            if (slot.Stamp != _stamp)
            {
                continue;
            }
            chunks.Remove(slot.Chunk);
            if (!slot.IsHole && !ZeroBytes.AreAll(slot.Bytes))
            {
                chunks.Add(slot.Chunk, [.. slot.Bytes!]);
            }
        }
        return MemoryContent.Of(LengthBytes, chunks);
    }

    internal void SetLength(long lengthBytes)
    {
        if (lengthBytes < LengthBytes)
        {
            long cut = (lengthBytes + MemoryContent.ChunkBytes - 1) >> MemoryContent.ChunkBits;
            ClearPart(lengthBytes, cut << MemoryContent.ChunkBits);
            for (int index = 0; index < _slots.Length; index++)
            {
                ref Slot slot = ref _slots[index];
                if (slot.Stamp == _stamp && slot.Chunk >= cut)
                {
                    slot.IsHole = true;
                }
            }
            _templateChunkLimit = Math.Min(_templateChunkLimit, cut);
        }
        LengthBytes = lengthBytes;
    }

    private byte[]? Find(long chunk)
    {
        if (_usedCount > 0)
        {
            ref Slot slot = ref SlotOf(chunk);
            if (slot.Stamp == _stamp)
            {
                return slot.IsHole ? null : slot.Bytes;
            }
        }
        return FindInTemplate(chunk);
    }

    private byte[]? FindInTemplate(long chunk) =>
        chunk < _templateChunkLimit ? _template.Find(chunk) : null;

    private void ClearPart(long offset, long end)
    {
        long chunk = offset >> MemoryContent.ChunkBits;
        if (offset < end && Find(chunk) is not null)
        {
            int inChunk = (int)(offset & (MemoryContent.ChunkBytes - 1));
            Own(chunk, isOverwritten: false).AsSpan(inChunk, (int)(end - offset)).Clear();
        }
    }

    // Only chunks that exist need work, so a zeroed range of any length costs no more than what it
    // holds.
    private void ClearWhole(long first, long last)
    {
        for (int index = 0; index < _slots.Length; index++)
        {
            ref Slot slot = ref _slots[index];
            if (slot.Stamp == _stamp && slot.Chunk >= first && slot.Chunk < last)
            {
                slot.IsHole = true;
            }
        }
        foreach (long chunk in _template.ChunkIndexes)
        {
            if (chunk >= first && chunk < last && Find(chunk) is not null)
            {
                MakeHole(chunk);
            }
        }
    }

    private void MakeHole(long chunk)
    {
        Own(chunk, isOverwritten: true);
        SlotOf(chunk).IsHole = true;
    }

    // The file's own copy of a chunk, made from the template unless all of it will be overwritten.
    private byte[] Own(long chunk, bool isOverwritten)
    {
        ref Slot slot = ref SlotOf(chunk);
        bool isNew = slot.Stamp != _stamp;
        if (!isNew && !slot.IsHole)
        {
            return slot.Bytes!;
        }
        if (isNew && (_usedCount + 1) * 2 > _slots.Length)
        {
            Grow();
            slot = ref SlotOf(chunk);
        }
        byte[] bytes = slot.Bytes ??= new byte[MemoryContent.ChunkBytes];
        byte[]? origin = isNew ? FindInTemplate(chunk) : null;
        _usedCount += isNew ? 1 : 0;
        slot.Chunk = chunk;
        slot.Stamp = _stamp;
        slot.IsHole = false;
        if (!isOverwritten)
        {
            if (origin is null)
            {
                Array.Clear(bytes);
            }
            else
            {
                origin.CopyTo(bytes, 0);
            }
        }
        return bytes;
    }

    // Open addressing with at least half of the slots empty, so the probe always ends.
    private ref Slot SlotOf(long chunk)
    {
        int mask = _slots.Length - 1;
        int index = (int)(((ulong)chunk * 0x9E3779B97F4A7C15ul) >> 40) & mask;
        while (_slots[index].Stamp == _stamp && _slots[index].Chunk != chunk)
        {
            index = (index + 1) & mask;
        }
        return ref _slots[index];
    }

    private void Grow()
    {
        Slot[] old = _slots;
        _slots = new Slot[old.Length * 2];
        foreach (Slot slot in old)
        {
            if (slot.Stamp == _stamp)
            {
                SlotOf(slot.Chunk) = slot;
            }
        }
    }

    private struct Slot
    {
        internal long Chunk;
        internal byte[]? Bytes;
        internal uint Stamp;
        internal bool IsHole;
    }
}
