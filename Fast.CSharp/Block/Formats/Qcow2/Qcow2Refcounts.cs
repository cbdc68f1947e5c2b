// Reference counts of host clusters: two-level tables, read and changed through the cache. It makes
// blocks where a range has none and grows the table; which cluster to take is the allocator's
// choice. Spec: spec/block/data.md (BLK-DATA-005, BLK-DATA-013).
using System;
using System.Numerics;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>A count, or why it cannot be had.</summary>
internal readonly record struct RefcountResult(ulong Count, BlockError? Error);

/// <summary>A place in the file, 0 for none, or why it cannot be had.</summary>
internal readonly record struct OffsetResult(long Offset, BlockError? Error);

internal sealed partial class Qcow2Refcounts
{
    private readonly Qcow2Tables _tables;
    private readonly Qcow2Geometry _geometry;

    internal Qcow2Refcounts(Qcow2Tables tables)
    {
        _tables = tables;
        _geometry = tables.Geometry;
    }

    /// <summary>
    /// Counts of clusters from here on do not fit into the refcount table as it is.
    /// </summary>
    internal long ClustersCovered => _tables.RefcountTableEntries << _geometry.RefcountBlockBits;

    /// <summary>
    /// True while the file's header leads to another refcount table: this one cannot grow.
    /// </summary>
    internal bool IsFixed { get; set; }

    /// <summary>The largest count that an entry can say.</summary>
    internal ulong MaxCount =>
        _geometry.RefcountOrder == 6 ? ulong.MaxValue : (1ul << (1 << _geometry.RefcountOrder)) - 1;

    internal async ValueTask<RefcountResult> GetAsync(long cluster)
    {
        OffsetResult block = await FindBlockAsync(cluster).ConfigureAwait(false);
        if (block.Error is not null || block.Offset == 0)
        {
            return new(0, block.Error);
        }
        (PageResult page, int index) = await PageAsync(block.Offset, cluster).ConfigureAwait(false);
        return page.Error is not null
            ? new(0, page.Error)
            : new(RefcountEntries.Get(page.Page!.Bytes, index, _geometry.RefcountOrder), null);
    }

    /// <summary>Sets the count of a cluster whose block exists.</summary>
    internal async ValueTask<BlockError?> SetAsync(long cluster, ulong count)
    {
        OffsetResult block = await FindBlockAsync(cluster).ConfigureAwait(false);
        if (block.Error is not null)
        {
            return block.Error;
        }
        if (block.Offset == 0)
        {
            return Qcow2Corruption.At($"cluster {cluster:x} has no refcount block");
        }
        (PageResult page, int index) = await PageAsync(block.Offset, cluster).ConfigureAwait(false);
        if (page.Error is not null)
        {
            return page.Error;
        }
        RefcountEntries.Set(page.Page!.Bytes, index, _geometry.RefcountOrder, count);
        _tables.Cache.MarkDirty(page.Page);
        return null;
    }

    /// <summary>Takes one reference from a cluster; a count that is 0 already is damage.</summary>
    internal async ValueTask<BlockError?> DecrementAsync(long cluster)
    {
        RefcountResult count = await GetAsync(cluster).ConfigureAwait(false);
        if (count.Error is not null)
        {
            return count.Error;
        }
        return count.Count == 0
            ? Qcow2Corruption.At($"cluster {cluster:x} is freed twice")
            : await SetAsync(cluster, count.Count - 1).ConfigureAwait(false);
    }

    /// <summary>
    /// Takes the first free clusters at or after <paramref name="from"/> that lie in one run of at
    /// most <paramref name="maxCount"/> and in one page of one existing block, giving each the
    /// count 1.
    /// </summary>
    internal async ValueTask<RunResult> TakeFreeInPageAsync(
        long blockOffset,
        long from,
        int maxCount
    )
    {
        (PageResult result, int index) = await PageAsync(blockOffset, from).ConfigureAwait(false);
        if (result.Error is not null)
        {
            return new(0, 0, result.Error);
        }
        MetadataPage page = result.Page!;
        int order = _geometry.RefcountOrder;
        int pageEntries = (_geometry.PageBytes << 3) >> order;
        var bytes = page.Bytes.AsSpan(0, _geometry.PageBytes);
        int first = RefcountEntries.IndexOfZero(bytes, index, order);
        if (first < 0)
        {
            return new(0, 0, null);
        }
        int end = first;
        while (
            end < pageEntries
            && end - first < maxCount
            && RefcountEntries.Get(bytes, end, order) == 0
        )
        {
            long cluster = from - index + end;
            if (_tables.Extents.Contains(cluster))
            {
                return new(0, 0, NotFree(cluster));
            }
            end++;
        }
        for (int entry = first; entry < end; entry++)
        {
            RefcountEntries.Set(bytes, entry, order, 1);
        }
        _tables.Cache.MarkDirty(page);
        return new(from - index + first, end - first, null);
    }

    /// <summary>The offset of the block that counts a cluster; 0 when there is none yet.</summary>
    internal async ValueTask<OffsetResult> FindBlockAsync(long cluster)
    {
        long index = cluster >> _geometry.RefcountBlockBits;
        if (index >= _tables.RefcountTableEntries)
        {
            return default;
        }
        long entryOffset = _tables.RefcountTableOffset + (index * sizeof(ulong));
        PageResult page = await _tables
            .Cache.GetAsync(entryOffset, MetadataKind.RefcountTable)
            .ConfigureAwait(false);
        if (page.Error is not null)
        {
            return new(0, page.Error);
        }
        int inPage = (int)(entryOffset & (_geometry.PageBytes - 1));
        ulong offset = page.Page!.Entry(inPage) & Qcow2Entry.RefcountOffsetMask;
        if (!_geometry.IsAligned(offset) || offset >= (ulong)_tables.FileEndBytes)
        {
            return new(
                0,
                Qcow2Corruption.At($"refcount block {index:x} at {offset:x} is misplaced")
            );
        }
        return new((long)offset, null);
    }

    internal static BlockError NotFree(long cluster) =>
        Qcow2Corruption.At($"cluster {cluster:x} counts as free but holds a table");

    private async ValueTask<(PageResult Page, int Index)> PageAsync(long blockOffset, long cluster)
    {
        int order = _geometry.RefcountOrder;
        long inBlock = cluster & ((1L << _geometry.RefcountBlockBits) - 1);
        int pageEntriesBits = BitOperations.Log2((uint)_geometry.PageBytes) + 3 - order;
        long page = inBlock >> pageEntriesBits;
        PageResult result = await _tables
            .Cache.GetAsync(blockOffset + (page * _geometry.PageBytes), MetadataKind.RefcountBlock)
            .ConfigureAwait(false);
        return (result, (int)(inBlock & ((1L << pageEntriesBits) - 1)));
    }
}

/// <summary>
/// A run of host clusters; a count of 0 when there is none; or why it cannot be had.
/// </summary>
internal readonly record struct RunResult(long FirstCluster, int Count, BlockError? Error)
{
    /// <summary>True when nobody has written the clusters: they read as zeroes.</summary>
    internal bool IsFresh { get; init; }
}
