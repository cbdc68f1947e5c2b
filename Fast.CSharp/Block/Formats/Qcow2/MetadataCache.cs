// The bounded cache of table pages. It knows pages and their order of use; when dirty pages may be
// written is the write-back's business. A page is safe to use until 16 later accesses, and only
// while the lock of the tables is held: who has that lock is alone here.
using System;
using System.Buffers;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed class MetadataCache
{
    private readonly Qcow2Tables _tables;
    private readonly Func<ValueTask<BlockError?>> _writeBack;
    private readonly int _pageBytes;
    private readonly int _maxPages;
    private readonly Dictionary<long, MetadataPage> _pages = [];
    private readonly List<MetadataPage>[] _dirty =
    [
        [],
        [],
        [],
        [],
    ];
    private MetadataPage? _newest;
    private MetadataPage? _oldest;
    private long _accessCount;

    internal MetadataCache(
        Qcow2Tables tables,
        int pageBytes,
        Func<ValueTask<BlockError?>> writeBack
    )
    {
        _tables = tables;
        _pageBytes = pageBytes;
        _maxPages = Qcow2Limits.CacheBytes / pageBytes;
        _writeBack = writeBack;
    }

    internal bool HasDirty(MetadataKind kind) => _dirty[(int)kind].Count > 0;

    /// <summary>
    /// The page that holds the byte at this offset of the file, read when not here yet.
    /// </summary>
    internal ValueTask<PageResult> GetAsync(long offset, MetadataKind kind)
    {
        long pageOffset = offset & ~((long)_pageBytes - 1);
        if (_pages.TryGetValue(pageOffset, out MetadataPage? page))
        {
            if (page.Kind != kind)
            {
                return new(new PageResult(null, Overlap(page.Kind, kind, offset)));
            }
            Touch(page);
            return new(new PageResult(page, null));
        }
        return LoadAsync(pageOffset, kind, isNew: false);
    }

    /// <summary>The page of a table that was just made: zeroes, without reading the file.</summary>
    internal ValueTask<PageResult> GetNewAsync(long offset, MetadataKind kind)
    {
        long pageOffset = offset & ~((long)_pageBytes - 1);
        if (_pages.TryGetValue(pageOffset, out MetadataPage? page))
        {
            return new(new PageResult(null, Overlap(page.Kind, kind, offset)));
        }
        return LoadAsync(pageOffset, kind, isNew: true);
    }

    internal void MarkDirty(MetadataPage page)
    {
        if (!page.IsDirty)
        {
            page.IsDirty = true;
            _dirty[(int)page.Kind].Add(page);
        }
    }

    /// <summary>
    /// Writes the dirty pages of one kind; those that could not be written stay dirty.
    /// </summary>
    internal async ValueTask<BlockError?> WriteDirtyAsync(MetadataKind kind)
    {
        List<MetadataPage> pages = _dirty[(int)kind];
        while (pages.Count > 0)
        {
            MetadataPage page = pages[^1];
            BlockError? error = await WriteAsync(page).ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
            page.IsDirty = false;
            pages.RemoveAt(pages.Count - 1);
        }
        return null;
    }

    /// <summary>
    /// Drops what is cached of a range of the file, which no table uses any more.
    /// </summary>
    internal void Forget(long offset, long length)
    {
        for (long at = offset; at < offset + length; at += _pageBytes)
        {
            if (_pages.TryGetValue(at, out MetadataPage? page))
            {
                if (page.IsDirty)
                {
                    _dirty[(int)page.Kind].Remove(page);
                }
                Remove(page);
                ArrayPool<byte>.Shared.Return(page.Bytes);
            }
        }
    }

    /// <summary>Gives all memory back. Dirty pages are lost: write back before.</summary>
    internal void Clear()
    {
        for (MetadataPage? page = _newest; page is not null; page = page.Older)
        {
            ArrayPool<byte>.Shared.Return(page.Bytes);
            page.Bytes = [];
        }
        _pages.Clear();
        _newest = _oldest = null;
        foreach (List<MetadataPage> pages in _dirty)
        {
            pages.Clear();
        }
    }

    private async ValueTask<PageResult> LoadAsync(long pageOffset, MetadataKind kind, bool isNew)
    {
        MetadataPage page = new();
        if (_pages.Count >= _maxPages)
        {
            BlockError? refusal = await MakeRoomAsync().ConfigureAwait(false);
            if (refusal is not null)
            {
                return new PageResult(null, refusal);
            }
        }
        byte[] bytes = ArrayPool<byte>.Shared.Rent(_pageBytes);
        BlockError? error = null;
        if (isNew)
        {
            Array.Clear(bytes, 0, _pageBytes);
        }
        else
        {
            error = await _tables
                .Storage.ReadAsync(pageOffset, bytes.AsMemory(0, _pageBytes), LoadOf(kind))
                .ConfigureAwait(false);
        }
        if (error is not null)
        {
            ArrayPool<byte>.Shared.Return(bytes);
            return new PageResult(null, error);
        }
        page.OffsetBytes = pageOffset;
        page.Kind = kind;
        page.Bytes = bytes;
        _pages.Add(pageOffset, page);
        PutFirst(page);
        page.LastAccess = ++_accessCount;
        return new PageResult(page, null);
    }

    // A clean page goes at once. A dirty one of a refcount block may be written at any time, since
    // counts are lowered only after the tables that used the clusters are safe. Other dirty pages
    // have to wait for their order, so then everything is written back.
    private async ValueTask<BlockError?> MakeRoomAsync()
    {
        MetadataPage? victim = Oldest(static page => !page.IsDirty);
        if (victim is null)
        {
            victim = Oldest(static page => page.Kind == MetadataKind.RefcountBlock);
            BlockError? error;
            if (victim is not null)
            {
                error = await WriteAsync(victim).ConfigureAwait(false);
                if (error is null)
                {
                    victim.IsDirty = false;
                    _dirty[(int)MetadataKind.RefcountBlock].Remove(victim);
                }
            }
            else
            {
                error = await _writeBack().ConfigureAwait(false);
                victim = Oldest(static page => !page.IsDirty);
            }
            if (error is not null)
            {
                return error;
            }
        }
        if (victim is not null)
        {
            Remove(victim);
            ArrayPool<byte>.Shared.Return(victim.Bytes);
        }
        return null;
    }

    private MetadataPage? Oldest(Func<MetadataPage, bool> condition)
    {
        long recent = _accessCount - Qcow2Limits.CacheGraceAccesses;
        for (MetadataPage? page = _oldest; page is not null; page = page.Newer)
        {
            if (page.LastAccess > recent)
            {
                return null;
            }
            if (condition(page))
            {
                return page;
            }
        }
        return null;
    }

    private ValueTask<BlockError?> WriteAsync(MetadataPage page) =>
        _tables.WriteAsync(
            page.OffsetBytes,
            page.Bytes.AsMemory(0, _pageBytes),
            UpdateOf(page.Kind)
        );

    private static BlockDebugEvent LoadOf(MetadataKind kind) =>
        kind switch
        {
            MetadataKind.RefcountBlock => BlockDebugEvent.RefblockLoad,
            MetadataKind.RefcountTable => BlockDebugEvent.ReftableLoad,
            // QEMU reads the first table at open, without a word.
            MetadataKind.L1Table => BlockDebugEvent.None,
            _ => BlockDebugEvent.L2Load,
        };

    private static BlockDebugEvent UpdateOf(MetadataKind kind) =>
        kind switch
        {
            MetadataKind.RefcountBlock => BlockDebugEvent.RefblockUpdatePart,
            MetadataKind.RefcountTable => BlockDebugEvent.ReftableUpdate,
            MetadataKind.L1Table => BlockDebugEvent.L1Update,
            _ => BlockDebugEvent.L2Update,
        };

    private void Touch(MetadataPage page)
    {
        page.LastAccess = ++_accessCount;
        if (!ReferenceEquals(page, _newest))
        {
            TakeOut(page);
            PutFirst(page);
        }
    }

    private void Remove(MetadataPage page)
    {
        TakeOut(page);
        _pages.Remove(page.OffsetBytes);
    }

    private void PutFirst(MetadataPage page)
    {
        page.Newer = null;
        page.Older = _newest;
        if (_newest is not null)
        {
            _newest.Newer = page;
        }
        _newest = page;
        _oldest ??= page;
    }

    private void TakeOut(MetadataPage page)
    {
        if (page.Newer is null)
        {
            _newest = page.Older;
        }
        else
        {
            page.Newer.Older = page.Older;
        }
        if (page.Older is null)
        {
            _oldest = page.Newer;
        }
        else
        {
            page.Older.Newer = page.Newer;
        }
    }

    private static BlockError Overlap(MetadataKind held, MetadataKind wanted, long offset) =>
        Qcow2Corruption.At($"{wanted} at {offset:x} lies over {held}");
}
