// The parts of an open image that every layer above shares: where the tables are, how far the file
// goes, and the guards on raw access to it. No policy.
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>The state under refcounts, allocation and mapping of one open image.</summary>
internal sealed class Qcow2Tables
{
    internal Qcow2Tables(
        ImageStorage storage,
        Qcow2Header header,
        Func<ValueTask<BlockError?>> writeBack
    )
    {
        Storage = storage;
        Header = header;
        Geometry = header.Geometry;
        Cache = new MetadataCache(storage, Geometry.PageBytes, writeBack);
        FileEndBytes = EndOf(storage.LengthBytes);
    }

    internal ImageStorage Storage { get; }
    internal Qcow2Header Header { get; }
    internal Qcow2Geometry Geometry { get; }
    internal MetadataCache Cache { get; }
    internal MetadataExtents Extents { get; } = new();

    /// <summary>
    /// The end of the last cluster of the file or, beyond that, of what was allocated; tables and
    /// data lie before it.
    /// </summary>
    internal long FileEndBytes { get; private set; }

    /// <summary>True when something was written to the file since its last flush.</summary>
    internal bool IsUnsynced
    {
        get => Cache.IsUnsynced;
        set => Cache.IsUnsynced = value;
    }

    internal long L1Offset => (long)Header.L1Offset;

    internal long RefcountTableOffset => (long)Header.RefcountTableOffset;

    /// <summary>How many refcount blocks the refcount table has room for.</summary>
    internal long RefcountTableEntries =>
        (long)Header.RefcountTableClusters << (Geometry.ClusterBits - 3);

    internal void ExtendTo(long endBytes) => FileEndBytes = Math.Max(FileEndBytes, endBytes);

    /// <summary>Makes everything written so far durable before anything written later.</summary>
    internal async ValueTask<BlockError?> BarrierAsync()
    {
        if (!IsUnsynced)
        {
            return null;
        }
        BlockError? error = await Storage.FlushAsync().ConfigureAwait(false);
        if (error is null)
        {
            IsUnsynced = false;
        }
        return error;
    }

    internal ValueTask<BlockError?> WriteAsync(long offset, ReadOnlyMemory<byte> bytes)
    {
        IsUnsynced = true;
        return Storage.WriteAsync(offset, bytes);
    }

    /// <summary>
    /// Zeroes what the file has of a range; beyond its end there is nothing to do.
    /// </summary>
    internal ValueTask<BlockError?> ClearAsync(long offset, long length)
    {
        if (offset >= Storage.LengthBytes)
        {
            return default;
        }
        IsUnsynced = true;
        return Storage.WriteZeroesAsync(offset, length);
    }

    /// <summary>
    /// Makes the file reach into the last cluster before the given end: a table entry that points
    /// beyond the file is damage. What is new reads as zeroes.
    /// </summary>
    internal ValueTask<BlockError?> ReachAsync(long endBytes)
    {
        const int LastBytes = 512;
        if (Storage.LengthBytes > endBytes - Geometry.ClusterBytes)
        {
            return default;
        }
        IsUnsynced = true;
        return Storage.WriteZeroesAsync(endBytes - LastBytes, LastBytes);
    }

    // A storage length near the end of what a number holds is cut rather than wrapped.
    private long EndOf(long length) =>
        Geometry.ClusterEnd(Math.Min(length, Qcow2Limits.HostEndBytes));
}
