// qcow2, data path: the image answers; what it does not own it reads through the backing edge.
// Spec: spec/block/data.md (BLK-DATA-005, BLK-DATA-006, BLK-DATA-012), resize.md.
using System;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class Qcow2Driver
    : IBlockReader,
        IBlockWriter,
        IZeroWriter,
        IFlusher,
        ITruncater,
        IContentOwner,
        IDiscarder,
        IBlockStatus
{
    private const long SectorMask = 511;

    private EdgeStorage? _backing;

    /// <inheritdoc/>
    public ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer) =>
        Connected().ReadAsync(offsetBytes, buffer);

    /// <inheritdoc/>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    )
    {
        Qcow2Image image = Connected();
        return await GrowToAsync(image, offsetBytes + buffer.Length).ConfigureAwait(false)
            ?? await (
                (flags & BlockWriteFlags.Compressed) != 0
                    ? image.WriteCompressedAsync(offsetBytes, buffer)
                    : image.WriteAsync(offsetBytes, buffer)
            ).ConfigureAwait(false)
            ?? await SyncIfAskedAsync(flags).ConfigureAwait(false);
    }

    internal override bool CanZeroFast(long offsetBytes, long lengthBytes) =>
        Image?.HasZeroClusters(offsetBytes, lengthBytes) ?? false;

    /// <inheritdoc/>
    public async ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    )
    {
        Qcow2Image image = Connected();
        bool mayUnmap = (flags & BlockWriteFlags.MayUnmap) != 0;
        return await GrowToAsync(image, offsetBytes + lengthBytes).ConfigureAwait(false)
            ?? await image
                .WriteZeroesAsync(offsetBytes, lengthBytes, mayUnmap)
                .ConfigureAwait(false)
            ?? await SyncIfAskedAsync(flags).ConfigureAwait(false);
    }

    /// <summary>
    /// Writes the tables back; the file below is flushed by whoever flushes the node.
    /// </summary>
    public ValueTask<BlockError?> FlushAsync() => Image is null ? default : Image.WriteBackAsync();

    /// <inheritdoc/>
    public ValueTask<BlockError?> TruncateAsync(long lengthBytes) =>
        Connected().TruncateAsync(lengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockError?> OwnAsync(long offsetBytes, long lengthBytes) =>
        Connected().OwnAsync(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockError?> DiscardAsync(long offsetBytes, long lengthBytes) =>
        Connected().DiscardAsync(offsetBytes, lengthBytes);

    /// <summary>
    /// Clusters of the image's own are data or zero; what it does not own is as in the backing, and
    /// zero beyond the backing's end (BLK-DATA-016).
    /// </summary>
    public async ValueTask<BlockExtent> StatusAsync(long offsetBytes, long lengthBytes)
    {
        LayerExtent own = await LayerAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
        bool isBelow = own.Error is null && own.Flags == BlockExtentFlags.None;
        return isBelow && Node.Backing is BlockEdge backing
            ? await backing.StatusAsync(offsetBytes, own.LengthBytes).ConfigureAwait(false)
            : new BlockExtent(own.Flags, own.LengthBytes, own.Error);
    }

    // The backing edge comes and goes with commands; the image is told before each request.
    private Qcow2Image Connected()
    {
        BlockEdge? edge = Node.Backing;
        if (!ReferenceEquals(_backing?.Edge, edge))
        {
            _backing = edge is null ? null : new EdgeStorage(edge);
        }
        Image!.Backing = _backing;
        return Image;
    }

    // Only a parent with RZ writes beyond the end (an image in this image); the length follows.
    private static ValueTask<BlockError?> GrowToAsync(Qcow2Image image, long endBytes) =>
        endBytes <= image.GuestLengthBytes
            ? default
            : image.TruncateAsync((endBytes + SectorMask) & ~SectorMask);

    private ValueTask<BlockError?> SyncIfAskedAsync(BlockWriteFlags flags) =>
        (flags & BlockWriteFlags.ForceUnitAccess) != 0 ? Node.FlushAsync() : default;
}
