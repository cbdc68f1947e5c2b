// Which host clusters to take and when to give them back. A freed cluster is not free before the
// tables that pointed to it are safe in the file: until then it waits in a list, so that no crash
// can leave a pointer to somebody else's data. Spec: spec/block/data.md (BLK-DATA-013).
using System;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Allocator
{
    // A table of many clusters looks for a place behind the file's end; every failed attempt makes
    // a block there or passes a cluster that an image counts without having it.
    private const int MaxPlacementAttempts = 4096;

    private readonly Qcow2Tables _tables;
    private readonly Qcow2Refcounts _refcounts;
    private readonly Qcow2Geometry _geometry;
    private readonly Func<ValueTask<BlockError?>> _writeBack;
    private readonly List<long> _freed = [];

    // No cluster before this one is free.
    private long _firstFree;

    internal Qcow2Allocator(
        Qcow2Tables tables,
        Qcow2Refcounts refcounts,
        Func<ValueTask<BlockError?>> writeBack
    )
    {
        _tables = tables;
        _refcounts = refcounts;
        _geometry = tables.Geometry;
        _writeBack = writeBack;
    }

    /// <summary>How many freed clusters wait for a write-back.</summary>
    internal int FreedCount => _freed.Count;

    /// <summary>
    /// Takes a run of at least one and at most that many clusters, the first that are free.
    /// </summary>
    internal async ValueTask<RunResult> TakeAsync(int maxCount)
    {
        await _tables.Storage.RaiseAsync(BlockDebugEvent.ClusterAlloc).ConfigureAwait(false);
        long cluster = _firstFree;
        while (true)
        {
            if (cluster >= _refcounts.ClustersCovered)
            {
                BlockError? error = await _writeBack().ConfigureAwait(false);
                if (error is null && _firstFree >= cluster)
                {
                    error = await _refcounts.GrowTableAsync().ConfigureAwait(false);
                }
                if (error is not null)
                {
                    return new(0, 0, error);
                }
                cluster = _firstFree;
                continue;
            }
            RunResult run = await TakeFromAsync(cluster, maxCount).ConfigureAwait(false);
            if (run.Error is not null || run.Count > 0)
            {
                return run;
            }
            cluster = run.FirstCluster;
            _firstFree = Math.Max(_firstFree, cluster);
        }
    }

    /// <summary>Takes exactly that many clusters in one run, for a table.</summary>
    internal async ValueTask<RunResult> TakeTogetherAsync(int count)
    {
        RunResult run = await TakeAsync(count).ConfigureAwait(false);
        if (run.Error is not null || run.Count == count)
        {
            return run;
        }
        BlockError? error = await GiveBackAsync(run).ConfigureAwait(false);
        long start = _tables.FileEndBytes >> _geometry.ClusterBits;
        for (int attempt = 0; attempt < MaxPlacementAttempts && error is null; attempt++)
        {
            (long next, error) = await PrepareRangesAsync(start, count).ConfigureAwait(false);
            if (error is null && next == start)
            {
                next = await FirstCountedAsync(start, count).ConfigureAwait(false);
                if (next == start)
                {
                    return await CountRunAsync(start, count).ConfigureAwait(false);
                }
            }
            start = next;
        }
        error ??= Qcow2Corruption.At($"no room for a table of {count} clusters");
        return new(0, 0, error);
    }

    /// <summary>Frees clusters that no table has ever pointed to, at once.</summary>
    internal async ValueTask<BlockError?> GiveBackAsync(RunResult run)
    {
        await _tables.Storage.RaiseAsync(BlockDebugEvent.ClusterFree).ConfigureAwait(false);
        for (int index = 0; index < run.Count; index++)
        {
            ForgetPacked(run.FirstCluster + index);
            BlockError? error = await _refcounts
                .DecrementAsync(run.FirstCluster + index)
                .ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
        }
        _firstFree = Math.Min(_firstFree, run.FirstCluster);
        return null;
    }

    /// <summary>Forgets what was known of free clusters: counts have changed elsewhere.</summary>
    internal void Restart()
    {
        _firstFree = 0;
        _packedEnd = 0;
    }

    /// <summary>Frees a cluster as soon as the tables that pointed to it are safe.</summary>
    internal void FreeLater(long cluster) => _freed.Add(cluster);

    /// <summary>Frees what waits. The caller has made the tables safe.</summary>
    internal async ValueTask<BlockError?> FreeWaitingAsync()
    {
        while (_freed.Count > 0)
        {
            long cluster = _freed[^1];
            ForgetPacked(cluster);
            BlockError? error = await _refcounts.DecrementAsync(cluster).ConfigureAwait(false);
            if (error is null or { Kind: BlockErrorKind.Corrupt })
            {
                // What is damaged would fail again for ever.
                _freed.RemoveAt(_freed.Count - 1);
            }
            if (error is not null)
            {
                return error;
            }
            _firstFree = Math.Min(_firstFree, cluster);
        }
        return null;
    }

    // A run of no clusters says with its first cluster where to look next.
    private async ValueTask<RunResult> TakeFromAsync(long cluster, int maxCount)
    {
        OffsetResult block = await _refcounts.FindBlockAsync(cluster).ConfigureAwait(false);
        if (block.Error is not null)
        {
            return new(0, 0, block.Error);
        }
        if (block.Offset == 0)
        {
            // All of the range is free, so its block can be its first cluster and count itself.
            long range = cluster >> _geometry.RefcountBlockBits;
            BlockError? error = await _refcounts
                .AddBlockAsync(range, range << _geometry.RefcountBlockBits)
                .ConfigureAwait(false);
            return new(cluster, 0, error);
        }
        RunResult run = await _refcounts
            .TakeFreeInPageAsync(block.Offset, cluster, maxCount)
            .ConfigureAwait(false);
        if (run.Error is not null)
        {
            return run;
        }
        if (run.Count == 0)
        {
            long pageEntries = ((long)_geometry.PageBytes << 3) >> _geometry.RefcountOrder;
            return new((cluster & ~(pageEntries - 1)) + pageEntries, 0, null);
        }
        long end = (run.FirstCluster + run.Count) << _geometry.ClusterBits;
        if (end > Qcow2Limits.HostEndBytes)
        {
            BlockError? error = await GiveBackAsync(run).ConfigureAwait(false);
            return new(0, 0, error ?? HostErrors.OfRequest(HostErrno.FileTooBig, -1));
        }
        bool isFresh = run.FirstCluster << _geometry.ClusterBits >= _tables.FileEndBytes;
        _tables.ExtendTo(end);
        _firstFree = run.FirstCluster + run.Count;
        return run with { IsFresh = isFresh };
    }

    // Sees to it that every cluster of a run behind the file's end has a refcount block. When
    // something had to be made, the file's end has moved and the run begins there.
    private async ValueTask<(long Start, BlockError? Error)> PrepareRangesAsync(
        long start,
        int count
    )
    {
        long perBlock = 1L << _geometry.RefcountBlockBits;
        for (long at = start; at < start + count; at = (at & ~(perBlock - 1)) + perBlock)
        {
            if (at >= _refcounts.ClustersCovered)
            {
                BlockError? error =
                    await _writeBack().ConfigureAwait(false)
                    ?? await _refcounts.GrowTableAsync().ConfigureAwait(false);
                return (_tables.FileEndBytes >> _geometry.ClusterBits, error);
            }
            OffsetResult block = await _refcounts.FindBlockAsync(at).ConfigureAwait(false);
            if (block.Error is not null)
            {
                return (start, block.Error);
            }
            if (block.Offset == 0)
            {
                BlockError? error = await AddBlockElsewhereAsync(at).ConfigureAwait(false);
                return (_tables.FileEndBytes >> _geometry.ClusterBits, error);
            }
        }
        return (start, null);
    }

    private async ValueTask<BlockError?> AddBlockElsewhereAsync(long cluster)
    {
        RunResult place = await TakeAsync(1).ConfigureAwait(false);
        if (place.Error is not null)
        {
            return place.Error;
        }
        // Looking for the place may have come into the range and made its block already.
        OffsetResult block = await _refcounts.FindBlockAsync(cluster).ConfigureAwait(false);
        if (block.Error is not null || block.Offset != 0)
        {
            return await GiveBackAsync(place).ConfigureAwait(false) ?? block.Error;
        }
        long range = cluster >> _geometry.RefcountBlockBits;
        return await _refcounts.AddBlockAsync(range, place.FirstCluster).ConfigureAwait(false);
    }

    // The start itself when all counts of the run are 0, else the cluster after the last that is
    // not.
    private async ValueTask<long> FirstCountedAsync(long start, int count)
    {
        for (long cluster = start + count - 1; cluster >= start; cluster--)
        {
            RefcountResult result = await _refcounts.GetAsync(cluster).ConfigureAwait(false);
            if (result.Error is not null || result.Count != 0)
            {
                return cluster + 1;
            }
        }
        return start;
    }

    private async ValueTask<RunResult> CountRunAsync(long start, int count)
    {
        long end = (start + count) << _geometry.ClusterBits;
        if (end > Qcow2Limits.HostEndBytes)
        {
            return new(0, 0, HostErrors.OfRequest(HostErrno.FileTooBig, -1));
        }
        for (long cluster = start; cluster < start + count; cluster++)
        {
            BlockError? error = await _refcounts.SetAsync(cluster, 1).ConfigureAwait(false);
            if (error is not null)
            {
                return new(0, 0, error);
            }
        }
        _tables.ExtendTo(end);
        return new(start, count, null);
    }
}
