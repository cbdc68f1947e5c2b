// raw, data path: the window's offset is added, and nothing behind the window's end is reached.
// Spec: spec/block/data.md (BLK-DATA-004), resize.md (BLK-SIZE-003).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class RawDriver
    : IBlockReader,
        IBlockWriter,
        IZeroWriter,
        ITruncater,
        IContentOwner,
        IDiscarder,
        IBlockStatus
{
    private bool HasWindow => WindowOffsetBytes != 0 || WindowSizeBytes is not null;

    /// <inheritdoc/>
    public ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        if (WindowSizeBytes is not null)
        {
            long rest = Math.Max(0, LengthBytes - offsetBytes);
            int inside = (int)Math.Min(rest, buffer.Length);
            buffer.Span[inside..].Clear();
            buffer = buffer[..inside];
        }
        return offsetBytes > long.MaxValue - WindowOffsetBytes - buffer.Length
            ? Nothing(buffer)
            : Node.File!.ReadAsync(
                offsetBytes + WindowOffsetBytes,
                buffer,
                BlockDebugEvent.ReadAio
            );
    }

    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    ) =>
        IsOutside(offsetBytes, buffer.Length)
            ? new(NoSpace(offsetBytes))
            : Node.File!.WriteAsync(
                Planted.Is(Bug.RawWriteForgetsOffset)
                    ? offsetBytes
                    : offsetBytes + WindowOffsetBytes,
                buffer,
                flags,
                BlockDebugEvent.WriteAio
            );

    internal override bool CanZeroFast(long offsetBytes, long lengthBytes) => true;

    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    ) =>
        IsOutside(offsetBytes, lengthBytes)
            ? new(NoSpace(offsetBytes))
            : Node.File!.WriteZeroesAsync(offsetBytes + WindowOffsetBytes, lengthBytes, flags);

    /// <inheritdoc/>
    public ValueTask<BlockError?> TruncateAsync(long lengthBytes)
    {
        if (WindowSizeBytes is not null)
        {
            return new(Refused("Cannot resize fixed-size raw disks"));
        }
        return lengthBytes > long.MaxValue - WindowOffsetBytes
            ? new(Refused("Disk size too large for the chosen offset"))
            : Node.File!.TruncateAsync(lengthBytes + WindowOffsetBytes);
    }

    /// <summary>Only a raw node that is nothing but a name hands this on (BLK-DATA-006).</summary>
    public ValueTask<BlockError?> OwnAsync(long offsetBytes, long lengthBytes) =>
        HasWindow ? default : Node.File!.OwnAsync(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockError?> DiscardAsync(long offsetBytes, long lengthBytes) =>
        IsOutside(offsetBytes, lengthBytes)
            ? new(NoSpace(offsetBytes))
            : Node.File!.DiscardAsync(offsetBytes + WindowOffsetBytes, lengthBytes);

    /// <inheritdoc/>
    public ValueTask<BlockExtent> StatusAsync(long offsetBytes, long lengthBytes) =>
        Node.File!.StatusAsync(offsetBytes + WindowOffsetBytes, lengthBytes);

    private bool IsOutside(long offsetBytes, long lengthBytes) =>
        offsetBytes > long.MaxValue - WindowOffsetBytes - lengthBytes
        || (WindowSizeBytes is not null && offsetBytes + lengthBytes > LengthBytes);

    private static ValueTask<BlockError?> Nothing(Memory<byte> buffer)
    {
        buffer.Span.Clear();
        return default;
    }

    private BlockError NoSpace(long offsetBytes) =>
        new(BlockErrorKind.Io, "No space left on device")
        {
            NodeName = Node.Name,
            OffsetBytes = offsetBytes,
        };

    private BlockError Refused(string text) =>
        new(BlockErrorKind.NotSupported, text) { NodeName = Node.Name };
}
