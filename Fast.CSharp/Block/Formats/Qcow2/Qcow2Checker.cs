// A check of a whole image: every reference counted anew and compared with the counts. What it
// repairs is in the other part of the class. Spec: spec/formats/qcow2/consistency.md
// (FMT-QCOW2-801 to -806), refcounts.md.
using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>What a check found (FMT-QCOW2-803).</summary>
internal sealed class Qcow2CheckResult
{
    public long Corruptions { get; set; }

    /// <summary>Clusters that count more references than there are.</summary>
    public long Leaks { get; set; }

    /// <summary>What could not be looked at.</summary>
    public long CheckErrors { get; set; }

    public long CorruptionsFixed { get; set; }

    public long LeaksFixed { get; set; }

    public long TotalClusters { get; set; }

    /// <summary>Entries of the disk as it is now that have a place.</summary>
    public long AllocatedClusters { get; set; }

    /// <summary>Those of them that do not follow the one before.</summary>
    public long FragmentedClusters { get; set; }

    public long CompressedClusters { get; set; }

    /// <summary>Where the last cluster that is used or counted ends.</summary>
    public long EndBytes { get; set; }

    /// <summary>A line for each fault, the first of them.</summary>
    public List<string> Lines { get; } = [];
}

internal sealed partial class Qcow2Checker(
    ImageStorage storage,
    Qcow2Header header,
    Qcow2Fixes fixes = Qcow2Fixes.None
)
{
    // A damaged image can have as many faults as clusters; nobody reads them all.
    private const int MostLines = 10_000;

    private readonly Qcow2Geometry _geometry = header.Geometry;
    private readonly Qcow2CheckResult _result = new();

    // References to second-level tables: how many, and the active entry's number or -1.
    private readonly Dictionary<long, (uint Times, long Active)> _tables = [];
    private readonly List<(long Index, ulong Entry)> _activeL1 = [];
    private Qcow2References _references = new(header.Geometry, 0);
    private ulong[] _counts = [];
    private long _fileBytes;
    private long _l1Entries;
    private long _nextContiguous;

    /// <summary>
    /// Looks at all of it; an error when the file cannot be read or asks too much.
    /// </summary>
    internal async ValueTask<(Qcow2CheckResult Result, BlockError? Error)> RunAsync()
    {
        _result.TotalClusters = _geometry.ClustersFor((long)header.SizeBytes);
        BlockError? error =
            await CountAllAsync(fixes).ConfigureAwait(false)
            ?? await CompareAndRepairAsync().ConfigureAwait(false)
            ?? await CheckCopiedAsync().ConfigureAwait(false);
        return (_result, error);
    }

    // What was counted before is forgotten.
    private async ValueTask<BlockError?> CountAllAsync(Qcow2Fixes allowed)
    {
        _fileBytes = storage.LengthBytes;
        long clusters = _geometry.ClustersFor(_fileBytes) + 1;
        if (clusters > Array.MaxLength / sizeof(ulong))
        {
            return Qcow2Header.Refused("qcow2: the file is too long for a check");
        }
        _references = new Qcow2References(_geometry, _fileBytes);
        _counts = new ulong[clusters];
        Forget(allowed);
        Reserve(0, _geometry.ClusterBytes, MetadataUse.Other);
        Count(0, _geometry.ClusterBytes, 1);
        return await AddL1Async((long)header.L1Offset, header.L1EntryCount, isActive: true)
                .ConfigureAwait(false)
            ?? await AddSnapshotsAsync().ConfigureAwait(false)
            ?? await AddTablesAsync().ConfigureAwait(false)
            ?? await AddRefcountsAsync().ConfigureAwait(false)
            ?? await ZeroUnalignedAsync().ConfigureAwait(false);
    }

    // FMT-QCOW2-307, FMT-QCOW2-804
    private bool Count(long offset, long length, uint times)
    {
        if (length == 0)
        {
            return true;
        }
        long beyond = _fileBytes + _geometry.ClusterBytes;
        if (offset >= Qcow2Limits.HostEndBytes || offset + length >= beyond)
        {
            Corrupt(
                "ERROR: counting reference for region exceeding the end of the file by one cluster "
                    + $"or more: offset 0x{Hex(offset)} size 0x{Hex(length)}"
            );
            MissRange(offset, length, times);
            return false;
        }
        _references.Add(offset, length, times, Overflow);
        return true;
    }

    private async ValueTask<BlockError?> AddL1Async(long offset, long entries, bool isActive)
    {
        // FMT-QCOW2-806
        _l1Entries += entries;
        if (_l1Entries > Qcow2Limits.MaxCheckedL1Entries)
        {
            return Qcow2Header.Refused("qcow2: too many entries of L1 tables for a check");
        }
        _missesTables |= !Count(offset, entries * sizeof(ulong), 1);
        MetadataUse use = isActive ? MetadataUse.ActiveL1 : MetadataUse.Other;
        Reserve(offset, entries * sizeof(ulong), use);
        return await WalkAsync(
                offset,
                entries,
                (index, entry) =>
                {
                    long table = Qcow2Entry.Offset(entry);
                    if (isActive)
                    {
                        _activeL1.Add((index, entry));
                    }
                    if ((entry & Qcow2Entry.ReservedInL1) != 0)
                    {
                        Corrupt($"ERROR found L1 entry with reserved bits set: {Hex((long)entry)}");
                    }
                    if (!_geometry.IsAligned((ulong)table))
                    {
                        Corrupt(
                            $"ERROR l2_offset={Hex(table)}: Table is not cluster aligned; L1 entry "
                                + "corrupted"
                        );
                        _missesTables = true;
                    }
                    else if (table != 0)
                    {
                        _missesTables |= !Count(table, _geometry.ClusterBytes, 1);
                        _tables.TryGetValue(table, out var known);
                        long before = known.Times > 0 ? known.Active : -1;
                        long active = isActive ? index : before;
                        _tables[table] = (known.Times + 1, active);
                    }
                }
            )
            .ConfigureAwait(false);
    }

    // A table that several entries point to is walked once (FMT-QCOW2-806), the active ones in the
    // order of the disk.
    private async ValueTask<BlockError?> AddTablesAsync()
    {
        List<KeyValuePair<long, (uint Times, long Active)>> tables = [.. _tables];
        tables.Sort((a, b) => a.Value.Active.CompareTo(b.Value.Active));
        foreach ((long table, (uint times, long active)) in tables)
        {
            _nextContiguous = 0;
            BlockError? error = await WalkAsync(
                    table,
                    1L << _geometry.L2Bits,
                    (index, entry) =>
                        AddEntry(table + (index * sizeof(ulong)), entry, times, active >= 0)
                )
                .ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
        }
        return null;
    }

    private void AddEntry(long place, ulong entry, uint times, bool isActive)
    {
        if ((entry & Qcow2Entry.Compressed) != 0)
        {
            AddCompressed(entry, times, isActive);
            return;
        }
        long offset = Qcow2Entry.Offset(entry);
        if ((entry & Qcow2Entry.ReservedInL2) != 0)
        {
            Corrupt($"ERROR found l2 entry with reserved bits set: {Hex((long)entry)}");
        }
        if (offset == 0)
        {
            return;
        }
        if (!_geometry.IsAligned((ulong)offset))
        {
            bool isZero = (entry & Qcow2Entry.Zero) != 0;
            string fault =
                $"offset={Hex(offset)}: {(isZero ? "Preallocated" : "Data")} cluster is not "
                + "properly aligned; L2 entry corrupted.";
            if (isZero && TryZero(place, fault))
            {
                return;
            }
            Corrupt("ERROR " + fault);
        }
        if (isActive)
        {
            _result.AllocatedClusters++;
            if (_nextContiguous != 0 && offset != _nextContiguous)
            {
                _result.FragmentedClusters++;
            }
            _nextContiguous = offset + _geometry.ClusterBytes;
        }
        Count(offset, _geometry.ClusterBytes, times);
    }

    private void AddCompressed(ulong entry, uint times, bool isActive)
    {
        long start = _geometry.PackedOffset(entry);
        if ((entry & Qcow2Entry.Copied) != 0)
        {
            Corrupt(
                $"ERROR: coffset=0x{Hex(start)}: copied flag must never be set for compressed "
                    + "clusters"
            );
        }
        if (isActive)
        {
            // They are fragmented by nature.
            _result.AllocatedClusters++;
            _result.CompressedClusters++;
            _result.FragmentedClusters++;
        }
        Count(start, _geometry.PackedBytes(entry), times);
    }

    private async ValueTask<BlockError?> AddRefcountsAsync()
    {
        long tableBytes = (long)header.RefcountTableClusters << _geometry.ClusterBits;
        Count((long)header.RefcountTableOffset, tableBytes, 1);
        Reserve((long)header.RefcountTableOffset, tableBytes, MetadataUse.Other);
        List<(long Index, ulong Entry)> blocks = [];
        BlockError? error = await WalkAsync(
                (long)header.RefcountTableOffset,
                tableBytes / sizeof(ulong),
                (index, entry) => blocks.Add((index, entry))
            )
            .ConfigureAwait(false);
        foreach ((long index, ulong entry) in blocks)
        {
            if (error is null)
            {
                error = await AddBlockAsync(index, entry).ConfigureAwait(false);
            }
        }
        return error;
    }

    private async ValueTask<BlockError?> AddBlockAsync(long index, ulong entry)
    {
        long offset = (long)(entry & Qcow2Entry.RefcountOffsetMask);
        bool isAligned = _geometry.IsAligned((ulong)offset);
        if (!isAligned || offset < 0)
        {
            _unreadableBlocks.Add(index);
        }
        if ((entry & ~Qcow2Entry.RefcountOffsetMask) != 0)
        {
            Corrupt($"ERROR refcount table entry {index} has reserved bits set");
            _needsRebuild = true;
        }
        else if (!isAligned)
        {
            Corrupt(
                $"ERROR refcount block {index} is not cluster aligned; refcount table entry "
                    + "corrupted"
            );
            _needsRebuild = true;
        }
        else if (offset < 0 || offset >= _fileBytes)
        {
            MissBlock(index);
        }
        else if (offset != 0)
        {
            Reserve(offset, _geometry.ClusterBytes, MetadataUse.Other);
            Count(offset, _geometry.ClusterBytes, 1);
            if (_references[offset >> _geometry.ClusterBits] > 1)
            {
                // FMT-QCOW2-313
                uint references = _references[offset >> _geometry.ClusterBits];
                Corrupt($"ERROR refcount block {index} refcount={references}");
                _needsRebuild = true;
            }
        }
        bool isThere = isAligned && offset > 0 && offset < _fileBytes;
        return isThere ? await ReadBlockAsync(index, offset).ConfigureAwait(false) : null;
    }

    private async ValueTask<BlockError?> ReadBlockAsync(long index, long offset)
    {
        _blocks[index] = offset;
        byte[] block = ArrayPool<byte>.Shared.Rent(_geometry.ClusterBytes);
        Memory<byte> bytes = block.AsMemory(0, _geometry.ClusterBytes);
        BlockError? error = await storage.ReadAsync(offset, bytes).ConfigureAwait(false);
        long first = index << _geometry.RefcountBlockBits;
        long count = 1L << _geometry.RefcountBlockBits;
        for (long entry = 0; entry < count && error is null; entry++)
        {
            ulong number = RefcountEntries.Get(bytes.Span, (int)entry, _geometry.RefcountOrder);
            if (first + entry < _counts.Length)
            {
                _counts[first + entry] = number;
            }
            else if (_farCounts.ContainsKey(first + entry))
            {
                _farCounts[first + entry] = number;
            }
        }
        ArrayPool<byte>.Shared.Return(block);
        return error;
    }

    private ulong CountOf(long offset)
    {
        long cluster = offset >> _geometry.ClusterBits;
        return cluster < _counts.Length ? _counts[cluster] : _farCounts.GetValueOrDefault(cluster);
    }

    private async ValueTask<BlockError?> AddSnapshotsAsync()
    {
        const int FixedBytes = 40;
        long start = (long)header.SnapshotsOffset;
        long at = start;
        byte[] head = new byte[FixedBytes];
        for (uint index = 0; index < header.SnapshotCount; index++)
        {
            at = (at + 7) & ~7L;
            BlockError? error = await storage.ReadAsync(at, head).ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
            long l1 = BinaryPrimitives.ReadInt64BigEndian(head);
            uint entries = BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(8));
            at +=
                FixedBytes
                + BinaryPrimitives.ReadUInt32BigEndian(head.AsSpan(36))
                + BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(12))
                + BinaryPrimitives.ReadUInt16BigEndian(head.AsSpan(14));
            bool isBad = l1 < 0 || !_geometry.IsAligned((ulong)l1);
            if (isBad || entries > Qcow2Limits.MaxL1Bytes / sizeof(ulong) || at > _fileBytes)
            {
                Corrupt($"ERROR snapshot {index} has an invalid L1 table or is beyond the file");
                _missesTables = true;
                return null;
            }
            error = await AddL1Async(l1, entries, isActive: false).ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
        }
        Count(start, at - start, 1);
        Reserve(start, at - start, MetadataUse.Other);
        return null;
    }

    // The words of a table that are not 0. Beyond the file's end they are.
    private async ValueTask<BlockError?> WalkAsync(
        long offset,
        long entries,
        Action<long, ulong> take
    )
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Qcow2Limits.CopyBufferBytes);
        long bytes = offset < 0 ? 0 : Math.Min(entries * sizeof(ulong), _fileBytes - offset);
        BlockError? error = null;
        for (long done = 0; done < bytes && error is null; done += Qcow2Limits.CopyBufferBytes)
        {
            int piece = (int)Math.Min(Qcow2Limits.CopyBufferBytes, (bytes - done + 7) & ~7L);
            error = await storage
                .ReadAsync(offset + done, buffer.AsMemory(0, piece))
                .ConfigureAwait(false);
            ReadOnlySpan<byte> rest = buffer.AsSpan(0, error is null ? piece : 0);
            long index = done / sizeof(ulong);
            while (ZeroBytes.First(rest) is var first and >= 0)
            {
                index += first / sizeof(ulong);
                rest = rest[(first & ~7)..];
                take(index++, BinaryPrimitives.ReadUInt64BigEndian(rest));
                rest = rest[sizeof(ulong)..];
            }
        }
        ArrayPool<byte>.Shared.Return(buffer);
        return error;
    }

    private void Corrupt(string line)
    {
        _result.Corruptions++;
        Say(line);
    }

    private void Say(string line)
    {
        if (_result.Lines.Count < MostLines)
        {
            _result.Lines.Add(line);
        }
    }

    private static string Hex(long number) => number.ToString("x", CultureInfo.InvariantCulture);
}
