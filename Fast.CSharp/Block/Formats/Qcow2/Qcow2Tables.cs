// The parts of an open image that every layer above shares: where the tables are, how far the file
// goes, and the guards on raw access to it. No policy.
using System;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>The state under refcounts, allocation and mapping of one open image.</summary>
internal sealed class Qcow2Tables
{
    // Data is written outside the lock of the tables, so counts say what a flush covers.
    private long _endedWrites;
    private long _durableWrites;

    internal Qcow2Tables(
        ImageStorage storage,
        Qcow2Header header,
        Func<ValueTask<BlockError?>> writeBack
    )
    {
        Storage = storage;
        Header = header;
        Geometry = header.Geometry;
        Cache = new MetadataCache(this, Geometry.PageBytes, writeBack);
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

    internal long L1Offset => (long)Header.L1Offset;

    internal long RefcountTableOffset => (long)Header.RefcountTableOffset;

    /// <summary>How many refcount blocks the refcount table has room for.</summary>
    internal long RefcountTableEntries =>
        (long)Header.RefcountTableClusters << (Geometry.ClusterBits - 3);

    /// <summary>
    /// True when the active table is a snapshot's, which may be shorter than its disk.
    /// </summary>
    internal bool IsSnapshotShown { get; set; }

    internal void ExtendTo(long endBytes) => FileEndBytes = Math.Max(FileEndBytes, endBytes);

    /// <summary>
    /// Makes all writes that have ended durable before anything written later. Those that end while
    /// it runs need another one.
    /// </summary>
    internal async ValueTask<BlockError?> BarrierAsync()
    {
        long ended = Interlocked.Read(ref _endedWrites);
        if (ended == _durableWrites)
        {
            return null;
        }
        BlockError? error = await Storage.FlushAsync().ConfigureAwait(false);
        if (error is null)
        {
            _durableWrites = ended;
        }
        return error;
    }

    /// <summary>Writes what a table will point to, or a table.</summary>
    internal ValueTask<BlockError?> WriteAsync(long offset, ReadOnlyMemory<byte> bytes) =>
        Note(Storage.WriteAsync(offset, bytes));

    /// <summary>The same after an event.</summary>
    internal ValueTask<BlockError?> WriteAsync(
        long offset,
        ReadOnlyMemory<byte> bytes,
        BlockDebugEvent happened
    ) => Note(Storage.WriteAsync(offset, bytes, happened));

    /// <summary>
    /// Zeroes what the file has of a range; beyond its end there is nothing to do.
    /// </summary>
    internal ValueTask<BlockError?> ClearAsync(long offset, long length) =>
        offset >= Storage.LengthBytes ? default : Note(Storage.WriteZeroesAsync(offset, length));

    /// <summary>
    /// Makes the file reach into the last cluster before the given end: a table entry that points
    /// beyond the file is damage. What is new reads as zeroes.
    /// </summary>
    internal ValueTask<BlockError?> ReachAsync(long endBytes)
    {
        const int LastBytes = 512;
        return Storage.LengthBytes > endBytes - Geometry.ClusterBytes
            ? default
            : Note(Storage.WriteZeroesAsync(endBytes - LastBytes, LastBytes));
    }

    // A write counts when it has ended, since a flush that began before does not cover it. One that
    // failed may have reached the file in part, so it counts too.
    private ValueTask<BlockError?> Note(ValueTask<BlockError?> write)
    {
        if (!write.IsCompletedSuccessfully)
        {
            return NoteAfterAsync(write);
        }
        Interlocked.Increment(ref _endedWrites);
        return write;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockError?> NoteAfterAsync(ValueTask<BlockError?> write)
    {
        BlockError? error = await write.ConfigureAwait(false);
        Interlocked.Increment(ref _endedWrites);
        return error;
    }

    // A storage length near the end of what a number holds is cut rather than wrapped.
    private long EndOf(long length) =>
        Geometry.ClusterEnd(Math.Min(length, Qcow2Limits.HostEndBytes));
}
