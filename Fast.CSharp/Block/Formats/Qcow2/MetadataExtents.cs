// Which clusters of the file hold tables, so that no allocation and no data write can hit one.
// Built once, before the first change, by reading both upper tables; it refuses an image in which
// tables overlap. Spec: spec/block/data.md (BLK-DATA-010).
using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed class MetadataExtents
{
    // The upper tables are at most 40 MiB together, so there are at most 5 million second-level
    // tables and refcount blocks; each is one number in this set.
    private readonly HashSet<long> _tableClusters = [];

    // Second-level tables of snapshots, which may be those of the disk too.
    private readonly HashSet<long> _snapshotTables = [];
    private ClusterRange _l1;
    private ClusterRange _refcountTable;

    /// <summary>True when the cluster holds the header or a table.</summary>
    internal bool Contains(long cluster) => IsAlone(cluster) || _snapshotTables.Contains(cluster);

    internal void Add(long cluster) => _tableClusters.Add(cluster);

    internal void Remove(long cluster) => _tableClusters.Remove(cluster);

    internal void MoveL1(long firstCluster, long count) => _l1 = new(firstCluster, count);

    internal void MoveRefcountTable(long firstCluster, long count) =>
        _refcountTable = new(firstCluster, count);

    /// <summary>
    /// Reads the upper tables as they are in the file, where no change is pending yet.
    /// </summary>
    internal async ValueTask<BlockError?> LoadAsync(
        ImageStorage storage,
        Qcow2Header header,
        Qcow2SnapshotsResult snapshots,
        long fileEnd
    )
    {
        _tableClusters.Clear();
        _snapshotTables.Clear();
        Qcow2Geometry geometry = header.Geometry;
        long l1Bytes = (long)header.L1EntryCount * sizeof(ulong);
        long refcountBytes = (long)header.RefcountTableClusters << geometry.ClusterBits;
        long l1Cluster = (long)header.L1Offset >> geometry.ClusterBits;
        long refcountCluster = (long)header.RefcountTableOffset >> geometry.ClusterBits;
        MoveRefcountTable(refcountCluster, header.RefcountTableClusters);
        MoveL1(l1Cluster, geometry.ClustersFor(l1Bytes));
        if (_l1.Contains(0) || _refcountTable.Contains(0) || _l1.Overlaps(_refcountTable))
        {
            return Qcow2Corruption.At($"header, L1 table and refcount table overlap");
        }
        return await LoadTableAsync(
                    storage,
                    geometry,
                    (long)header.RefcountTableOffset,
                    refcountBytes,
                    Qcow2Entry.RefcountOffsetMask,
                    _tableClusters,
                    fileEnd
                )
                .ConfigureAwait(false)
            ?? await LoadSnapshotsAsync(storage, header, snapshots, fileEnd).ConfigureAwait(false)
            ?? await LoadTableAsync(
                    storage,
                    geometry,
                    (long)header.L1Offset,
                    l1Bytes,
                    Qcow2Entry.OffsetMask,
                    _tableClusters,
                    fileEnd
                )
                .ConfigureAwait(false);
    }

    // FMT-QCOW2-503: first the tables that are each snapshot's own, then those that are shared.
    private async ValueTask<BlockError?> LoadSnapshotsAsync(
        ImageStorage storage,
        Qcow2Header header,
        Qcow2SnapshotsResult found,
        long fileEnd
    )
    {
        Qcow2Geometry geometry = header.Geometry;
        long entries = 0;
        BlockError? error = AddRun(geometry, (long)header.SnapshotsOffset, found.TableBytes);
        foreach (Qcow2Snapshot one in found.Snapshots)
        {
            entries += one.L1EntryCount;
            if (entries > Qcow2Limits.MaxCheckedL1Entries)
            {
                return Qcow2Header.Refused("qcow2: too many entries of L1 tables of snapshots");
            }
            error ??= one.CheckL1(geometry) ?? AddRun(geometry, one.L1Offset, one.L1Bytes);
        }
        foreach (Qcow2Snapshot one in found.Snapshots)
        {
            error ??= await LoadTableAsync(
                    storage,
                    geometry,
                    one.L1Offset,
                    one.L1Bytes,
                    Qcow2Entry.OffsetMask,
                    _snapshotTables,
                    fileEnd
                )
                .ConfigureAwait(false);
        }
        return error;
    }

    private BlockError? AddRun(Qcow2Geometry geometry, long offset, long bytes)
    {
        long first = offset >> geometry.ClusterBits;
        for (long index = 0; index < geometry.ClustersFor(bytes); index++)
        {
            if (IsAlone(first + index))
            {
                return Qcow2Corruption.At($"a table of snapshots at {offset:x} lies over another");
            }
            _tableClusters.Add(first + index);
        }
        return null;
    }

    // What nothing else may be: an upper table, a refcount block, a table of the disk.
    private bool IsAlone(long cluster) =>
        cluster == 0
        || _l1.Contains(cluster)
        || _refcountTable.Contains(cluster)
        || _tableClusters.Contains(cluster);

    private async ValueTask<BlockError?> LoadTableAsync(
        ImageStorage storage,
        Qcow2Geometry geometry,
        long tableOffset,
        long tableBytes,
        ulong offsetMask,
        HashSet<long> found,
        long fileEnd
    )
    {
        int pieceBytes = (int)Math.Min(tableBytes, Qcow2Limits.CopyBufferBytes);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(pieceBytes);
        BlockError? error = null;
        // Beyond the file's end a table is zero.
        long end = Math.Min(tableOffset + tableBytes, fileEnd);
        for (long at = tableOffset; at < end && error is null; at += pieceBytes)
        {
            Memory<byte> piece = buffer.AsMemory(0, (int)Math.Min(pieceBytes, end - at));
            error =
                await storage.ReadAsync(at, piece).ConfigureAwait(false)
                ?? AddEntries(geometry, piece.Span, offsetMask, found, fileEnd);
        }
        ArrayPool<byte>.Shared.Return(buffer);
        return error;
    }

    private BlockError? AddEntries(
        Qcow2Geometry geometry,
        ReadOnlySpan<byte> entries,
        ulong offsetMask,
        HashSet<long> found,
        long fileEnd
    )
    {
        while (true)
        {
            // Most entries are zero; the search for one that is not is vectorized.
            int skipped = ZeroBytes.First(entries);
            if (skipped < 0)
            {
                return null;
            }
            entries = entries[(skipped & ~7)..];
            ulong offset = BinaryPrimitives.ReadUInt64BigEndian(entries) & offsetMask;
            entries = entries[sizeof(ulong)..];
            if (offset == 0)
            {
                continue;
            }
            long cluster = (long)(offset >> geometry.ClusterBits);
            if (!geometry.IsAligned(offset) || offset >= (ulong)fileEnd)
            {
                return Qcow2Corruption.At($"table at {offset:x} is unaligned or beyond the file");
            }
            if (IsAlone(cluster))
            {
                return Qcow2Corruption.At($"two tables lie at {offset:x}");
            }
            found.Add(cluster);
        }
    }

    private readonly record struct ClusterRange(long First, long Count)
    {
        internal bool Contains(long cluster) => cluster >= First && cluster - First < Count;

        internal bool Overlaps(ClusterRange other) =>
            First < other.First + other.Count && other.First < First + Count;
    }
}
