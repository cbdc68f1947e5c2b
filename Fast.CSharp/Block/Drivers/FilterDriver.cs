// What every filter does with requests: hand them on to its child. Spec: spec/block/data.md
// (BLK-DATA-009), resize.md (BLK-SIZE-003).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>
/// A driver that shows its <see cref="BlockNode.File"/> child's bytes at the same offsets.
/// </summary>
public abstract class FilterDriver
    : BlockDriver,
        IBlockReader,
        IBlockWriter,
        IZeroWriter,
        ITruncater,
        IContentOwner,
        IDiscarder,
        IBlockStatus,
        ILayerStatus
{
    private protected FilterDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <inheritdoc/>
    public override long LengthBytes => Node.File?.Child.LengthBytes ?? 0;

    /// <inheritdoc/>
    public virtual ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        if (Node.File is BlockEdge file)
        {
            return file.ReadAsync(offsetBytes, buffer);
        }
        // blkdebug has its name before its child, so what it opens can refer to it (BLK-OPEN-026).
        buffer.Span.Clear();
        return default;
    }

    /// <inheritdoc/>
    public virtual ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    ) => Node.File!.WriteAsync(offsetBytes, buffer, flags);

    internal override bool CanZeroFast(long offsetBytes, long lengthBytes) => true;

    /// <inheritdoc/>
    public virtual ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    ) => Node.File!.WriteZeroesAsync(offsetBytes, lengthBytes, flags);

    /// <inheritdoc/>
    public virtual ValueTask<BlockError?> DiscardAsync(long offsetBytes, long lengthBytes) =>
        Node.File!.DiscardAsync(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public virtual ValueTask<BlockExtent> StatusAsync(long offsetBytes, long lengthBytes) =>
        Node.File!.StatusAsync(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public ValueTask<LayerExtent> LayerAsync(long offsetBytes, long lengthBytes) =>
        Node.File!.LayerAsync(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockError?> TruncateAsync(long lengthBytes) =>
        Node.File!.TruncateAsync(lengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockError?> OwnAsync(long offsetBytes, long lengthBytes) =>
        Node.File is BlockEdge file ? file.OwnAsync(offsetBytes, lengthBytes) : default;
}
