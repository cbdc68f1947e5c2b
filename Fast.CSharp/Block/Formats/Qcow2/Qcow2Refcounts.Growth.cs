// Making room in the refcount tables: a block for a range that has none, and a larger table. A
// crash in between leaves at most clusters that nothing points to.
using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Refcounts
{
    /// <summary>
    /// Makes the block of a range that has none, in the given cluster, which is free. The block
    /// counts itself when the cluster is in its own range; otherwise the caller has counted it.
    /// </summary>
    internal async ValueTask<BlockError?> AddBlockAsync(long rangeIndex, long blockCluster)
    {
        if (_tables.Extents.Contains(blockCluster))
        {
            return NotFree(blockCluster);
        }
        long blockOffset = blockCluster << _geometry.ClusterBits;
        long blockEnd = blockOffset + _geometry.ClusterBytes;
        if (blockEnd > Qcow2Limits.HostEndBytes)
        {
            return TooLarge();
        }
        await _tables.Storage.RaiseAsync(BlockDebugEvent.RefblockAlloc).ConfigureAwait(false);
        await _tables.Storage.RaiseAsync(BlockDebugEvent.RefblockAllocWrite).ConfigureAwait(false);
        BlockError? error = await _tables
            .ClearAsync(blockOffset, _geometry.ClusterBytes)
            .ConfigureAwait(false);
        if (error is not null)
        {
            return error;
        }
        // The first page is written in any case, so that the block is never beyond the file's end.
        PageResult first = await _tables
            .Cache.GetNewAsync(blockOffset, MetadataKind.RefcountBlock)
            .ConfigureAwait(false);
        if (first.Error is not null)
        {
            return first.Error;
        }
        _tables.Cache.MarkDirty(first.Page!);
        error = await SetTableEntryAsync(rangeIndex, (ulong)blockOffset).ConfigureAwait(false);
        if (error is not null)
        {
            _tables.Cache.Forget(blockOffset, _geometry.ClusterBytes);
            return error;
        }
        _tables.ExtendTo(blockEnd);
        _tables.Extents.Add(blockCluster);
        return blockCluster >> _geometry.RefcountBlockBits == rangeIndex
            ? await SetAsync(blockCluster, 1).ConfigureAwait(false)
            : null;
    }

    /// <summary>
    /// Moves the refcount table to a larger one behind everything it covers now. Nothing else may
    /// be waiting for a write-back when this is called.
    /// </summary>
    internal async ValueTask<BlockError?> GrowTableAsync()
    {
        if (IsFixed)
        {
            return TooLarge();
        }
        GrowthPlan plan = PlanGrowth();
        long bytes = (long)plan.TableClusters << _geometry.ClusterBits;
        if (bytes > Qcow2Limits.MaxRefcountTableBytes || plan.EndBytes > Qcow2Limits.HostEndBytes)
        {
            return TooLarge();
        }
        long areaStart = plan.FirstCluster << _geometry.ClusterBits;
        BlockError? error =
            CheckArea(plan)
            ?? await _tables.ClearAsync(areaStart, plan.EndBytes - areaStart).ConfigureAwait(false)
            ?? await WriteNewBlocksAsync(plan).ConfigureAwait(false)
            ?? await WriteNewTableAsync(plan).ConfigureAwait(false)
            ?? await _tables.BarrierAsync().ConfigureAwait(false)
            ?? await WriteHeaderFieldAsync(plan).ConfigureAwait(false);
        if (error is not null)
        {
            return error;
        }
        // The header says so now, whether or not it is safe: only who knows that frees the old one.
        error = await _tables.BarrierAsync().ConfigureAwait(false);
        Adopt(plan, out long oldCluster, out long oldClusters);
        return error ?? await FreeTableAsync(oldCluster, oldClusters).ConfigureAwait(false);
    }

    // The blocks that count the new area come first in it, then the table. Sizes depend on each
    // other, so they grow until they fit.
    private GrowthPlan PlanGrowth()
    {
        long oldClusters = _tables.Header.RefcountTableClusters;
        long tableClusters = oldClusters * 2;
        long blocks = 1;
        long perBlock = 1L << _geometry.RefcountBlockBits;
        while (true)
        {
            long needed = (tableClusters + blocks + perBlock - 1) >> _geometry.RefcountBlockBits;
            long entries = tableClusters << (_geometry.ClusterBits - 3);
            if (needed > blocks)
            {
                blocks = needed;
            }
            else if (_tables.RefcountTableEntries + blocks > entries)
            {
                tableClusters++;
            }
            else
            {
                break;
            }
        }
        long first = ClustersCovered;
        long end = (first + blocks + tableClusters) << _geometry.ClusterBits;
        return new GrowthPlan(first, blocks, tableClusters, end);
    }

    private BlockError? CheckArea(GrowthPlan plan)
    {
        long count = plan.BlockCount + plan.TableClusters;
        for (long cluster = plan.FirstCluster; cluster < plan.FirstCluster + count; cluster++)
        {
            if (_tables.Extents.Contains(cluster))
            {
                return NotFree(cluster);
            }
        }
        return null;
    }

    // Written past the cache: a page at a time, each cluster of the area counted once.
    private async ValueTask<BlockError?> WriteNewBlocksAsync(GrowthPlan plan)
    {
        byte[] page = ArrayPool<byte>.Shared.Rent(_geometry.PageBytes);
        int order = _geometry.RefcountOrder;
        int pageEntries = (_geometry.PageBytes << 3) >> order;
        long left = plan.BlockCount + plan.TableClusters;
        long offset = plan.FirstCluster << _geometry.ClusterBits;
        BlockError? error = null;
        while (left > 0 && error is null)
        {
            Array.Clear(page, 0, _geometry.PageBytes);
            int here = (int)Math.Min(left, pageEntries);
            for (int index = 0; index < here; index++)
            {
                RefcountEntries.Set(page, index, order, 1);
            }
            error = await _tables
                .WriteAsync(
                    offset,
                    page.AsMemory(0, _geometry.PageBytes),
                    BlockDebugEvent.RefblockAllocWriteBlocks
                )
                .ConfigureAwait(false);
            offset += _geometry.PageBytes;
            left -= here;
        }
        ArrayPool<byte>.Shared.Return(page);
        return error;
    }

    private async ValueTask<BlockError?> WriteNewTableAsync(GrowthPlan plan)
    {
        long oldBytes = (long)_tables.Header.RefcountTableClusters << _geometry.ClusterBits;
        long to = (plan.FirstCluster + plan.BlockCount) << _geometry.ClusterBits;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(_geometry.PageBytes);
        Memory<byte> piece = buffer.AsMemory(0, _geometry.PageBytes);
        BlockError? error = null;
        for (long at = 0; at < oldBytes && error is null; at += piece.Length)
        {
            error =
                await _tables
                    .Storage.ReadAsync(_tables.RefcountTableOffset + at, piece)
                    .ConfigureAwait(false)
                ?? await _tables
                    .WriteAsync(to + at, piece, BlockDebugEvent.RefblockAllocWriteTable)
                    .ConfigureAwait(false);
        }
        // The new blocks' entries follow the old table's last one.
        byte[] entry = new byte[sizeof(ulong)];
        for (long index = 0; index < plan.BlockCount && error is null; index++)
        {
            long block = (plan.FirstCluster + index) << _geometry.ClusterBits;
            BinaryPrimitives.WriteInt64BigEndian(entry, block);
            error = await _tables
                .WriteAsync(
                    to + oldBytes + (index * sizeof(ulong)),
                    entry,
                    BlockDebugEvent.RefblockAllocWriteTable
                )
                .ConfigureAwait(false);
        }
        ArrayPool<byte>.Shared.Return(buffer);
        return error;
    }

    // Offset and size lie side by side in the header, so that one write changes both.
    private ValueTask<BlockError?> WriteHeaderFieldAsync(GrowthPlan plan)
    {
        byte[] field = new byte[sizeof(ulong) + sizeof(uint)];
        long offset = (plan.FirstCluster + plan.BlockCount) << _geometry.ClusterBits;
        BinaryPrimitives.WriteInt64BigEndian(field, offset);
        BinaryPrimitives.WriteUInt32BigEndian(field.AsSpan(8), (uint)plan.TableClusters);
        return _tables.WriteAsync(
            Qcow2Header.RefcountTableFieldOffset,
            field,
            BlockDebugEvent.RefblockAllocSwitchTable
        );
    }

    private void Adopt(GrowthPlan plan, out long oldCluster, out long oldClusters)
    {
        Qcow2Header header = _tables.Header;
        long oldOffset = (long)header.RefcountTableOffset;
        oldCluster = oldOffset >> _geometry.ClusterBits;
        oldClusters = header.RefcountTableClusters;
        long tableCluster = plan.FirstCluster + plan.BlockCount;
        _tables.Cache.Forget(oldOffset, oldClusters << _geometry.ClusterBits);
        header.RefcountTableOffset = (ulong)(tableCluster << _geometry.ClusterBits);
        header.RefcountTableClusters = (uint)plan.TableClusters;
        _tables.ExtendTo(plan.EndBytes);
        _tables.Extents.MoveRefcountTable(tableCluster, plan.TableClusters);
        for (long index = 0; index < plan.BlockCount; index++)
        {
            _tables.Extents.Add(plan.FirstCluster + index);
        }
    }

    private async ValueTask<BlockError?> FreeTableAsync(long firstCluster, long count)
    {
        for (long index = 0; index < count; index++)
        {
            BlockError? error = await DecrementAsync(firstCluster + index).ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
        }
        return null;
    }

    private async ValueTask<BlockError?> SetTableEntryAsync(long rangeIndex, ulong blockOffset)
    {
        long entryOffset = _tables.RefcountTableOffset + (rangeIndex * sizeof(ulong));
        PageResult page = await _tables
            .Cache.GetAsync(entryOffset, MetadataKind.RefcountTable)
            .ConfigureAwait(false);
        if (page.Error is not null)
        {
            return page.Error;
        }
        page.Page!.SetEntry((int)(entryOffset & (_geometry.PageBytes - 1)), blockOffset);
        _tables.Cache.MarkDirty(page.Page);
        return null;
    }

    private static BlockError TooLarge() => HostErrors.OfRequest(HostErrno.FileTooBig, -1)!;

    private readonly record struct GrowthPlan(
        long FirstCluster,
        long BlockCount,
        long TableClusters,
        long EndBytes
    );
}
