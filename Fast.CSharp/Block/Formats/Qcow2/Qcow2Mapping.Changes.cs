// Changes of the mapping: making second-level tables, linking, zeroing and unlinking clusters. What
// an entry pointed to before is freed when the change is safe.
using System;
using System.Buffers;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Mapping
{
    /// <summary>
    /// The second-level table that maps a guest offset, made when there is none and copied when a
    /// snapshot has it too (FMT-QCOW2-505).
    /// </summary>
    internal async ValueTask<OffsetResult> FindOrMakeTableAsync(long guestOffset)
    {
        OffsetResult table = await FindTableAsync(guestOffset).ConfigureAwait(false);
        if (table.Error is not null)
        {
            return table;
        }
        if (table.Offset == 0)
        {
            return await MakeTableAsync(guestOffset).ConfigureAwait(false);
        }
        RefcountResult count = await _refcounts
            .GetAsync(table.Offset >> _geometry.ClusterBits)
            .ConfigureAwait(false);
        if (count.Error is not null || count.Count == 1)
        {
            return new(table.Offset, count.Error);
        }
        return count.Count == 0
            ? new(0, Qcow2Corruption.At($"L2 table at {table.Offset:x} counts as free"))
            : await CopyTableAsync(guestOffset, table.Offset).ConfigureAwait(false);
    }

    /// <summary>
    /// Points guest clusters to host clusters, which hold their data already. The guest clusters
    /// lie in one page of one table.
    /// </summary>
    internal ValueTask<BlockError?> LinkAsync(long guestOffset, long hostOffset, int count) =>
        ReplaceAsync(guestOffset, count, (ulong)hostOffset | Qcow2Entry.Copied, keepsHost: false);

    /// <summary>Gives a guest cluster an entry for compressed bytes.</summary>
    internal ValueTask<BlockError?> LinkCompressedAsync(long guestOffset, ulong entry) =>
        ReplaceAsync(guestOffset, 1, entry, keepsHost: false);

    /// <summary>
    /// Makes guest clusters zero clusters, keeping the host clusters they have unless they may be
    /// unmapped. They lie in one page of one table; version 3 only.
    /// </summary>
    internal ValueTask<BlockError?> ZeroAsync(long guestOffset, int count, bool mayUnmap) =>
        ReplaceAsync(guestOffset, count, Qcow2Entry.Zero, keepsHost: !mayUnmap);

    /// <summary>
    /// Makes guest clusters not the image's own any more. They lie in one page of one table.
    /// </summary>
    internal ValueTask<BlockError?> ForgetAsync(long guestOffset, int count) =>
        ReplaceAsync(guestOffset, count, 0, keepsHost: false);

    /// <summary>
    /// How many clusters from a guest offset on have their entries in the same page.
    /// </summary>
    internal int ClustersInPage(long guestOffset) =>
        (_geometry.PageBytes - PlaceInPage(guestOffset)) / sizeof(ulong);

    /// <summary>
    /// Frees every cluster from a guest offset, where one begins, to the end of the first-level
    /// entry before <paramref name="l1End"/>, and the tables that lie wholly in that range.
    /// </summary>
    internal async ValueTask<BlockError?> UnlinkAsync(long guestOffset, long l1End)
    {
        long mapped = 1L << _geometry.L1EntryBits;
        for (long index = _geometry.L1Index(guestOffset); index < l1End; index++)
        {
            long tableStart = index << _geometry.L1EntryBits;
            long start = Math.Max(guestOffset, tableStart);
            OffsetResult table = await FindTableAsync(start).ConfigureAwait(false);
            BlockError? error = table.Error;
            if (table.Offset != 0)
            {
                error = await UnlinkInTableAsync(start, tableStart + mapped).ConfigureAwait(false);
                if (error is null && start == tableStart)
                {
                    // A table that a snapshot has too was copied meanwhile.
                    table = await FindTableAsync(start).ConfigureAwait(false);
                    error =
                        table.Error
                        ?? await DropTableAsync(start, table.Offset).ConfigureAwait(false);
                }
            }
            if (error is not null)
            {
                return error;
            }
        }
        return null;
    }

    private async ValueTask<BlockError?> UnlinkInTableAsync(long guestOffset, long guestEnd)
    {
        while (guestOffset < guestEnd)
        {
            long left = _geometry.ClustersFor(guestEnd - guestOffset);
            int count = (int)Math.Min(left, ClustersInPage(guestOffset));
            BlockError? error = await ForgetAsync(guestOffset, count).ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
            guestOffset += (long)count << _geometry.ClusterBits;
        }
        return null;
    }

    // The table is empty now. It is cleared in L1 first and freed when that is safe.
    private async ValueTask<BlockError?> DropTableAsync(long guestOffset, long tableOffset)
    {
        BlockError? error = await SetL1Async(guestOffset, 0).ConfigureAwait(false);
        if (error is null)
        {
            _tables.Cache.Forget(tableOffset, _geometry.ClusterBytes);
            _tables.Extents.Remove(tableOffset >> _geometry.ClusterBits);
            _allocator.FreeLater(tableOffset >> _geometry.ClusterBits);
        }
        return error;
    }

    // The copy refers to what the shared table refers to, which counts each of both already. It is
    // in the file before an entry leads there, and the old one is let go when that entry is safe.
    private async ValueTask<OffsetResult> CopyTableAsync(long guestOffset, long shared)
    {
        RunResult run = await _allocator.TakeAsync(1).ConfigureAwait(false);
        if (run.Error is not null)
        {
            return new(0, run.Error);
        }
        long offset = run.FirstCluster << _geometry.ClusterBits;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(_geometry.ClusterBytes);
        Memory<byte> table = buffer.AsMemory(0, _geometry.ClusterBytes);
        await _tables.Storage.RaiseAsync(BlockDebugEvent.L2AllocCowRead).ConfigureAwait(false);
        BlockError? error =
            await _tables.Storage.ReadAsync(shared, table).ConfigureAwait(false)
            ?? await _tables
                .WriteAsync(offset, table, BlockDebugEvent.L2AllocWrite)
                .ConfigureAwait(false)
            ?? await SetL1Async(guestOffset, (ulong)offset | Qcow2Entry.Copied)
                .ConfigureAwait(false);
        ArrayPool<byte>.Shared.Return(buffer);
        if (error is not null)
        {
            _ = await _allocator.GiveBackAsync(run).ConfigureAwait(false);
            return new(0, error);
        }
        _tables.Extents.Remove(shared >> _geometry.ClusterBits);
        _tables.Extents.Add(run.FirstCluster);
        _allocator.FreeLater(shared >> _geometry.ClusterBits);
        return new(offset, null);
    }

    private async ValueTask<OffsetResult> MakeTableAsync(long guestOffset)
    {
        RunResult run = await _allocator.TakeAsync(1).ConfigureAwait(false);
        if (run.Error is not null)
        {
            return new(0, run.Error);
        }
        long offset = run.FirstCluster << _geometry.ClusterBits;
        await _tables.Storage.RaiseAsync(BlockDebugEvent.L2AllocWrite).ConfigureAwait(false);
        BlockError? error =
            await _tables.ClearAsync(offset, _geometry.ClusterBytes).ConfigureAwait(false)
            ?? await AddFirstPageAsync(offset).ConfigureAwait(false)
            ?? await SetL1Async(guestOffset, (ulong)offset | Qcow2Entry.Copied)
                .ConfigureAwait(false);
        if (error is not null)
        {
            _tables.Cache.Forget(offset, _geometry.ClusterBytes);
            _ = await _allocator.GiveBackAsync(run).ConfigureAwait(false);
            return new(0, error);
        }
        _tables.Extents.Add(run.FirstCluster);
        return new(offset, null);
    }

    // The first page is written in any case, so that the table is never beyond the file's end.
    private async ValueTask<BlockError?> AddFirstPageAsync(long tableOffset)
    {
        PageResult first = await _tables
            .Cache.GetNewAsync(tableOffset, MetadataKind.L2Table)
            .ConfigureAwait(false);
        if (first.Error is null)
        {
            _tables.Cache.MarkDirty(first.Page!);
        }
        return first.Error;
    }

    private async ValueTask<BlockError?> SetL1Async(long guestOffset, ulong entry)
    {
        long entryOffset = _tables.L1Offset + (_geometry.L1Index(guestOffset) * sizeof(ulong));
        PageResult page = await _tables
            .Cache.GetAsync(entryOffset, MetadataKind.L1Table)
            .ConfigureAwait(false);
        if (page.Error is null)
        {
            page.Page!.SetEntry((int)(entryOffset & (_geometry.PageBytes - 1)), entry);
            _tables.Cache.MarkDirty(page.Page);
        }
        return page.Error;
    }

    // An entry with a host offset is followed by entries with the next ones. Nothing is changed
    // unless all old entries are valid.
    private async ValueTask<BlockError?> ReplaceAsync(
        long guestOffset,
        int count,
        ulong entry,
        bool keepsHost
    )
    {
        OffsetResult table = await FindOrMakeTableAsync(guestOffset).ConfigureAwait(false);
        if (table.Error is not null)
        {
            return table.Error;
        }
        PageResult result = await PageAsync(table.Offset, guestOffset).ConfigureAwait(false);
        if (result.Error is not null)
        {
            return result.Error;
        }
        MetadataPage page = result.Page!;
        int place = PlaceInPage(guestOffset);
        for (int index = 0; index < count; index++)
        {
            ulong old = page.Entry(place + (index * sizeof(ulong)));
            BlockError? error = Classify(old, guestOffset, out _, out long host);
            error ??= CheckOwned(host);
            if (error is not null)
            {
                return error;
            }
        }
        bool isPacked = (entry & Qcow2Entry.Compressed) != 0;
        for (int index = 0; index < count; index++)
        {
            int at = place + (index * sizeof(ulong));
            ulong before = page.Entry(at);
            long old = Qcow2Entry.Offset(before);
            ulong replacement = entry;
            if ((before & Qcow2Entry.Compressed) != 0)
            {
                FreePacked(before);
            }
            else if (keepsHost && old != 0)
            {
                replacement |= before & (Qcow2Entry.OffsetMask | Qcow2Entry.Copied);
            }
            else if (old != 0 && (isPacked || old != Qcow2Entry.Offset(entry)))
            {
                _allocator.FreeLater(old >> _geometry.ClusterBits);
            }
            page.SetEntry(at, replacement);
            if (!isPacked && Qcow2Entry.Offset(entry) != 0)
            {
                entry += (ulong)_geometry.ClusterBytes;
            }
        }
        _tables.Cache.MarkDirty(page);
        return null;
    }

    // One reference for each host cluster that the sectors touch (FMT-QCOW2-206).
    private void FreePacked(ulong entry)
    {
        long start = _geometry.PackedOffset(entry);
        long last = (start + _geometry.PackedBytes(entry) - 1) >> _geometry.ClusterBits;
        for (long cluster = start >> _geometry.ClusterBits; cluster <= last; cluster++)
        {
            _allocator.FreeLater(cluster);
        }
    }

    /// <summary>Refuses a host cluster that data of this image cannot be in; 0 is none.</summary>
    internal BlockError? CheckOwned(long hostOffset)
    {
        if (hostOffset >= _tables.FileEndBytes)
        {
            return Qcow2Corruption.At($"cluster at {hostOffset:x} is beyond the file");
        }
        bool isTable =
            hostOffset != 0 && _tables.Extents.Contains(hostOffset >> _geometry.ClusterBits);
        return isTable ? Qcow2Corruption.At($"data at {hostOffset:x} lies over a table") : null;
    }
}
