// What an image lives in, as the format layer sees it: bytes at offsets. The adapters put it over
// an edge of the graph (permissions are checked there) or over a host file (tools, tests).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>
/// Storage below a format. Reads beyond the end give zeroes, writes beyond it extend the storage.
/// Offsets and lengths are bytes; null means success.
/// </summary>
internal abstract class ImageStorage
{
    internal abstract long LengthBytes { get; }

    internal abstract ValueTask<BlockError?> ReadAsync(long offset, Memory<byte> buffer);

    internal abstract ValueTask<BlockError?> WriteAsync(long offset, ReadOnlyMemory<byte> buffer);

    internal abstract ValueTask<BlockError?> WriteZeroesAsync(long offset, long length);

    internal abstract ValueTask<BlockError?> FlushAsync();

    /// <summary>Says what is about to be done; completes when it may be (BLK-DEBUG-001).</summary>
    internal virtual ValueTask RaiseAsync(BlockDebugEvent happened) => default;

    /// <summary>Reads after an event.</summary>
    internal virtual ValueTask<BlockError?> ReadAsync(
        long offset,
        Memory<byte> buffer,
        BlockDebugEvent happened
    ) => ReadAsync(offset, buffer);

    /// <summary>Writes after an event.</summary>
    internal virtual ValueTask<BlockError?> WriteAsync(
        long offset,
        ReadOnlyMemory<byte> buffer,
        BlockDebugEvent happened
    ) => WriteAsync(offset, buffer);
}

/// <summary>The child behind an edge of the graph.</summary>
internal sealed class EdgeStorage(BlockEdge edge) : ImageStorage
{
    internal BlockEdge Edge => edge;

    internal override long LengthBytes => edge.Child.LengthBytes;

    internal override ValueTask<BlockError?> ReadAsync(long offset, Memory<byte> buffer) =>
        edge.ReadAsync(offset, buffer);

    internal override ValueTask<BlockError?> WriteAsync(long offset, ReadOnlyMemory<byte> buffer) =>
        edge.WriteAsync(offset, buffer);

    internal override ValueTask<BlockError?> WriteZeroesAsync(long offset, long length) =>
        edge.WriteZeroesAsync(offset, length);

    internal override ValueTask<BlockError?> FlushAsync() => edge.FlushAsync();

    internal override ValueTask RaiseAsync(BlockDebugEvent happened) => edge.RaiseAsync(happened);

    internal override ValueTask<BlockError?> ReadAsync(
        long offset,
        Memory<byte> buffer,
        BlockDebugEvent happened
    ) => edge.ReadAsync(offset, buffer, happened);

    internal override ValueTask<BlockError?> WriteAsync(
        long offset,
        ReadOnlyMemory<byte> buffer,
        BlockDebugEvent happened
    ) => edge.WriteAsync(offset, buffer, BlockWriteFlags.None, happened);
}

/// <summary>A host file without a graph around it.</summary>
internal sealed class HostFileStorage(HostFile file) : ImageStorage
{
    internal override long LengthBytes => file.Length;

    internal override async ValueTask<BlockError?> ReadAsync(long offset, Memory<byte> buffer) =>
        HostErrors.OfRequest(await file.ReadAsync(offset, buffer).ConfigureAwait(false), offset);

    internal override async ValueTask<BlockError?> WriteAsync(
        long offset,
        ReadOnlyMemory<byte> buffer
    ) => HostErrors.OfRequest(await file.WriteAsync(offset, buffer).ConfigureAwait(false), offset);

    internal override async ValueTask<BlockError?> WriteZeroesAsync(long offset, long length) =>
        HostErrors.OfRequest(
            await file.WriteZeroesAsync(offset, length).ConfigureAwait(false),
            offset
        );

    internal override async ValueTask<BlockError?> FlushAsync() =>
        HostErrors.OfRequest(await file.FlushAsync().ConfigureAwait(false), -1);
}
