// A change of what an image holds as a whole, made beside what the file has and switched over to by
// one write of the header: counts, the active tables and the list of snapshots agree at every
// moment. Spec: spec/formats/qcow2/snapshots.md (FMT-QCOW2-507, FMT-QCOW2-508), refcounts.md
// (FMT-QCOW2-310).
using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>What changes.</summary>
internal sealed record Qcow2Change
{
    /// <summary>The table whose references are counted once more.</summary>
    internal Qcow2L1 Added { get; init; }

    /// <summary>The table whose references are counted once less.</summary>
    internal Qcow2L1 Removed { get; init; }

    /// <summary>First-level tables that are gone.</summary>
    internal IReadOnlyList<Qcow2L1> Gone { get; init; } = [];

    /// <summary>What the active table is a copy of.</summary>
    internal required Qcow2L1 Source { get; init; }

    /// <summary>How many entries the active table has.</summary>
    internal required long L1Entries { get; init; }

    /// <summary>The guest's length in bytes.</summary>
    internal required ulong SizeBytes { get; init; }

    internal required IReadOnlyList<Qcow2Snapshot> Snapshots { get; init; }

    /// <summary>How many bytes the table of snapshots takes that is in the file now.</summary>
    internal required long OldSnapshotBytes { get; init; }
}

/// <summary>One change; nobody else looks at the tables meanwhile.</summary>
internal sealed class Qcow2Restatement(
    Qcow2Tables tables,
    Qcow2Refcounts refcounts,
    Qcow2Allocator allocator,
    Qcow2TableReferences references,
    Func<ValueTask<BlockError?>> writeBack
)
{
    // The header's fields that change lie in one sector: from the length to the snapshots.
    private const int FieldsBytes = 48;

    private readonly Qcow2Geometry _geometry = tables.Geometry;
    private readonly Qcow2Header _header = tables.Header;

    // The new refcount table, and a new block for each that the old one points to, by range.
    private readonly List<RunResult> _taken = [];
    private readonly Dictionary<long, long> _blocks = [];
    private RunResult _table;
    private long _oldTable;
    private long _newL1;
    private long _newSnapshots;

    /// <summary>True when the file's header may be the new one though the change failed.</summary>
    internal bool IsUncertain { get; private set; }

    /// <summary>Makes the change durable, or leaves the image as it was.</summary>
    internal async ValueTask<BlockError?> RunAsync(Qcow2Change change)
    {
        BlockError? error = Qcow2SnapshotTable.TryWrite(change.Snapshots, out byte[] snapshots);
        error ??= await ReserveAsync(change, snapshots.Length).ConfigureAwait(false);
        error ??= await writeBack().ConfigureAwait(false);
        error ??= await CopyCountsAsync().ConfigureAwait(false);
        if (error is null)
        {
            Switch();
            error =
                await DropOldAsync(change).ConfigureAwait(false)
                ?? await MakeL1Async(change).ConfigureAwait(false)
                ?? await WriteSnapshotsAsync(snapshots).ConfigureAwait(false)
                ?? await writeBack().ConfigureAwait(false)
                ?? await tables.ReachAsync(tables.FileEndBytes).ConfigureAwait(false)
                ?? await tables.BarrierAsync().ConfigureAwait(false);
        }
        if (error is not null)
        {
            await UndoAsync().ConfigureAwait(false);
            return error;
        }
        IsUncertain = true;
        error =
            await WriteHeaderAsync(change).ConfigureAwait(false)
            ?? await tables.BarrierAsync().ConfigureAwait(false);
        refcounts.IsFixed = false;
        if (error is not null)
        {
            return error;
        }
        IsUncertain = false;
        allocator.Restart();
        return await references.FreeAsync().ConfigureAwait(false);
    }

    // Room for the new counts, taken in the old ones, so that both know of it. The refcount table
    // must not have to grow later, when there are two of them.
    private async ValueTask<BlockError?> ReserveAsync(Qcow2Change change, int snapshotBytes)
    {
        long tablesNeeded = 0;
        BlockError? error =
            await writeBack().ConfigureAwait(false)
            ?? await references
                .ReadAsync(change.Source, (_, _) => tablesNeeded++)
                .ConfigureAwait(false);
        long needed =
            tablesNeeded
            + _header.RefcountTableClusters
            + _geometry.ClustersFor(change.L1Entries * sizeof(ulong))
            + _geometry.ClustersFor(snapshotBytes);
        long end = tables.FileEndBytes >> _geometry.ClusterBits;
        while (error is null)
        {
            // Every block is copied, and new ones count what is new.
            long blocks = (end + needed >> _geometry.RefcountBlockBits) + 1;
            long clusters = end + ((needed + (2 * blocks)) * 2);
            if (clusters <= refcounts.ClustersCovered)
            {
                break;
            }
            error =
                await refcounts.GrowTableAsync().ConfigureAwait(false)
                ?? await writeBack().ConfigureAwait(false);
            end = tables.FileEndBytes >> _geometry.ClusterBits;
        }
        return error ?? await TakeAsync().ConfigureAwait(false);
    }

    // Taking a cluster can make a block, which needs a copy then too.
    private async ValueTask<BlockError?> TakeAsync()
    {
        _table = await allocator
            .TakeTogetherAsync((int)_header.RefcountTableClusters)
            .ConfigureAwait(false);
        if (_table.Error is not null)
        {
            return _table.Error;
        }
        _taken.Add(_table);
        int known;
        do
        {
            known = _blocks.Count;
            for (long range = 0; range < tables.RefcountTableEntries; range++)
            {
                OffsetResult block = await refcounts
                    .FindBlockAsync(range << _geometry.RefcountBlockBits)
                    .ConfigureAwait(false);
                if (block.Error is not null)
                {
                    return block.Error;
                }
                if (block.Offset == 0 || _blocks.ContainsKey(range))
                {
                    continue;
                }
                RunResult place = await allocator.TakeAsync(1).ConfigureAwait(false);
                if (place.Error is not null)
                {
                    return place.Error;
                }
                _taken.Add(place);
                _blocks.Add(range, place.FirstCluster << _geometry.ClusterBits);
            }
        } while (_blocks.Count > known);
        return null;
    }

    private async ValueTask<BlockError?> CopyCountsAsync()
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(_geometry.ClusterBytes);
        Memory<byte> block = buffer.AsMemory(0, _geometry.ClusterBytes);
        byte[] table = new byte[(long)_header.RefcountTableClusters << _geometry.ClusterBits];
        BlockError? error = null;
        foreach ((long range, long offset) in _blocks)
        {
            OffsetResult old = await refcounts
                .FindBlockAsync(range << _geometry.RefcountBlockBits)
                .ConfigureAwait(false);
            error =
                old.Error
                ?? await tables.Storage.ReadAsync(old.Offset, block).ConfigureAwait(false)
                ?? await tables.WriteAsync(offset, block).ConfigureAwait(false);
            if (error is not null)
            {
                break;
            }
            int at = (int)(range * sizeof(ulong));
            BinaryPrimitives.WriteInt64BigEndian(table.AsSpan(at), offset);
        }
        ArrayPool<byte>.Shared.Return(buffer);
        long place = _table.FirstCluster << _geometry.ClusterBits;
        return error ?? await tables.WriteAsync(place, table).ConfigureAwait(false);
    }

    // From here on counts are the new ones, and the header leads to nothing that is written.
    private void Switch()
    {
        tables.Cache.Clear();
        _oldTable = (long)_header.RefcountTableOffset;
        _header.RefcountTableOffset = (ulong)(_table.FirstCluster << _geometry.ClusterBits);
        foreach (RunResult place in _taken)
        {
            for (int index = 0; index < place.Count; index++)
            {
                tables.Extents.Add(place.FirstCluster + index);
            }
        }
        refcounts.IsFixed = true;
    }

    private async ValueTask<BlockError?> DropOldAsync(Qcow2Change change)
    {
        List<long> blocks = [];
        long tableBytes = (long)_header.RefcountTableClusters << _geometry.ClusterBits;
        Qcow2L1 old = new(_oldTable, tableBytes / sizeof(ulong));
        BlockError? error =
            await references
                .ReadAsync(
                    old,
                    (_, entry) => blocks.Add((long)(entry & Qcow2Entry.RefcountOffsetMask))
                )
                .ConfigureAwait(false)
            ?? await references.DropAsync(_oldTable, tableBytes).ConfigureAwait(false);
        foreach (long block in blocks)
        {
            error ??= await references
                .DropAsync(block, _geometry.ClusterBytes)
                .ConfigureAwait(false);
        }
        error ??=
            await references
                .DropAsync((long)_header.SnapshotsOffset, change.OldSnapshotBytes)
                .ConfigureAwait(false)
            ?? await references.AddAsync(change.Added).ConfigureAwait(false)
            ?? await references.RemoveAsync(change.Removed).ConfigureAwait(false);
        foreach (Qcow2L1 l1 in change.Gone)
        {
            error ??= await references
                .DropAsync(l1.OffsetBytes, l1.LengthBytes)
                .ConfigureAwait(false);
        }
        return error;
    }

    private async ValueTask<BlockError?> MakeL1Async(Qcow2Change change)
    {
        byte[] l1 = new byte[change.L1Entries * sizeof(ulong)];
        BlockError? error = await references
            .ReadAsync(
                change.Source,
                (index, entry) => BinaryPrimitives.WriteUInt64BigEndian(EntryOf(l1, index), entry)
            )
            .ConfigureAwait(false);
        HashSet<long> seen = [];
        byte[] buffer = ArrayPool<byte>.Shared.Rent(_geometry.ClusterBytes);
        Memory<byte> table = buffer.AsMemory(0, _geometry.ClusterBytes);
        for (long index = 0; index < change.L1Entries && error is null; index++)
        {
            ulong old = BinaryPrimitives.ReadUInt64BigEndian(EntryOf(l1, index));
            long offset = Qcow2Entry.Offset(old);
            if (offset != 0 && !seen.Add(offset))
            {
                error = Qcow2Corruption.At($"two entries lead to the L2 table at {offset:x}");
            }
            else if (offset != 0)
            {
                (ulong entry, error) = await MarkAsync(offset, table).ConfigureAwait(false);
                BinaryPrimitives.WriteUInt64BigEndian(EntryOf(l1, index), entry);
            }
        }
        ArrayPool<byte>.Shared.Return(buffer);
        if (error is null)
        {
            (_newL1, error) = await WriteNewAsync(l1).ConfigureAwait(false);
        }
        return error;
    }

    private static Span<byte> EntryOf(byte[] table, long index) =>
        table.AsSpan((int)(index * sizeof(ulong)), sizeof(ulong));

    // FMT-QCOW2-310: the first-level entry of a second-level table, which is replaced by a copy
    // where its copied bits are not what the counts say. In place they could not change with them.
    private async ValueTask<(ulong Entry, BlockError? Error)> MarkAsync(
        long offset,
        Memory<byte> table
    )
    {
        BlockError? error = await tables.Storage.ReadAsync(offset, table).ConfigureAwait(false);
        bool isChanged = false;
        for (int at = 0; at < table.Length && error is null; at += sizeof(ulong))
        {
            ulong entry = BinaryPrimitives.ReadUInt64BigEndian(table.Span[at..]);
            long place = Qcow2Entry.Offset(entry);
            if (place == 0 || (entry & Qcow2Entry.Compressed) != 0)
            {
                continue;
            }
            (bool isAlone, error) = await IsAloneAsync(place).ConfigureAwait(false);
            ulong marked = isAlone ? entry | Qcow2Entry.Copied : entry & ~Qcow2Entry.Copied;
            isChanged |= marked != entry;
            BinaryPrimitives.WriteUInt64BigEndian(table.Span[at..], marked);
        }
        if (error is null && isChanged)
        {
            RunResult place = await allocator.TakeAsync(1).ConfigureAwait(false);
            long copy = place.FirstCluster << _geometry.ClusterBits;
            error =
                place.Error
                ?? await tables.WriteAsync(copy, table).ConfigureAwait(false)
                ?? await references.DropAsync(offset, _geometry.ClusterBytes).ConfigureAwait(false);
            offset = copy;
        }
        if (error is not null)
        {
            return (0, error);
        }
        (bool isOwn, error) = await IsAloneAsync(offset).ConfigureAwait(false);
        return ((ulong)offset | (isOwn ? Qcow2Entry.Copied : 0), error);
    }

    private async ValueTask<(bool IsAlone, BlockError? Error)> IsAloneAsync(long offset)
    {
        long cluster = offset >> _geometry.ClusterBits;
        RefcountResult found = await refcounts.GetAsync(cluster).ConfigureAwait(false);
        bool isFree = found.Count == 0 || references.IsDropped(cluster);
        return found.Error is null && isFree
            ? (false, Qcow2Corruption.At($"cluster {cluster:x} is used but counts as free"))
            : (found.Count == 1, found.Error);
    }

    private async ValueTask<BlockError?> WriteSnapshotsAsync(byte[] bytes)
    {
        if (bytes.Length == 0)
        {
            return null;
        }
        (_newSnapshots, BlockError? error) = await WriteNewAsync(bytes).ConfigureAwait(false);
        return error;
    }

    // A new table of its own clusters, the last filled up with zeroes.
    private async ValueTask<(long Offset, BlockError? Error)> WriteNewAsync(byte[] bytes)
    {
        int clusters = (int)Math.Max(_geometry.ClustersFor(bytes.Length), 1);
        RunResult place = await allocator.TakeTogetherAsync(clusters).ConfigureAwait(false);
        long offset = place.FirstCluster << _geometry.ClusterBits;
        long length = (long)clusters << _geometry.ClusterBits;
        return (
            offset,
            place.Error
                ?? await tables.ClearAsync(offset, length).ConfigureAwait(false)
                ?? await tables.WriteAsync(offset, bytes).ConfigureAwait(false)
                ?? await tables.ReachAsync(offset + length).ConfigureAwait(false)
        );
    }

    private ValueTask<BlockError?> WriteHeaderAsync(Qcow2Change change)
    {
        _header.SizeBytes = change.SizeBytes;
        _header.L1EntryCount = (uint)change.L1Entries;
        _header.L1Offset = (ulong)_newL1;
        _header.SnapshotCount = (uint)change.Snapshots.Count;
        _header.SnapshotsOffset = (ulong)_newSnapshots;
        byte[] fields = new byte[FieldsBytes];
        BinaryPrimitives.WriteUInt64BigEndian(fields, _header.SizeBytes);
        BinaryPrimitives.WriteUInt32BigEndian(fields.AsSpan(8), _header.EncryptionMethod);
        BinaryPrimitives.WriteUInt32BigEndian(fields.AsSpan(12), _header.L1EntryCount);
        BinaryPrimitives.WriteUInt64BigEndian(fields.AsSpan(16), _header.L1Offset);
        BinaryPrimitives.WriteUInt64BigEndian(fields.AsSpan(24), _header.RefcountTableOffset);
        BinaryPrimitives.WriteUInt32BigEndian(fields.AsSpan(32), _header.RefcountTableClusters);
        BinaryPrimitives.WriteUInt32BigEndian(fields.AsSpan(36), _header.SnapshotCount);
        BinaryPrimitives.WriteUInt64BigEndian(fields.AsSpan(40), _header.SnapshotsOffset);
        return tables.WriteAsync(Qcow2Header.SizeFieldOffset, fields);
    }

    // The old counts are in the file as they were; they know what was taken beside them.
    private async ValueTask UndoAsync()
    {
        if (refcounts.IsFixed)
        {
            tables.Cache.Clear();
            _header.RefcountTableOffset = (ulong)_oldTable;
            refcounts.IsFixed = false;
            allocator.Restart();
        }
        foreach (RunResult place in _taken)
        {
            for (int index = 0; index < place.Count; index++)
            {
                tables.Extents.Remove(place.FirstCluster + index);
            }
            _ = await allocator.GiveBackAsync(place).ConfigureAwait(false);
        }
    }
}
