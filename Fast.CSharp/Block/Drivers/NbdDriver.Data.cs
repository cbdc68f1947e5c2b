// nbd, data path: requests go to the connection as far as the server's length goes. What the
// connection cannot do is refused. Spec: spec/block/data.md (BLK-DATA-011), resize.md
// (BLK-SIZE-003).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class NbdDriver
    : IBlockReader,
        IBlockWriter,
        IZeroWriter,
        IFlusher,
        ITruncater,
        IDiscarder,
        IBlockStatus
{
    private const long SectorMask = 511;

    /// <inheritdoc/>
    public ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        long rest = Math.Max(0, Remote!.LengthBytes - offsetBytes);
        int inside = (int)Math.Min(rest, buffer.Length);
        buffer.Span[inside..].Clear();
        if (inside == 0)
        {
            return default;
        }
        return Remote is IBlockReader reader
            ? reader.ReadAsync(offsetBytes, buffer[..inside])
            : new(Unsupported(offsetBytes));
    }

    // What lies between the server's end and the next multiple of 512 reads as zeroes and takes
    // zeroes.
    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    )
    {
        long rest = Math.Max(0, Remote!.LengthBytes - offsetBytes);
        int inside = (int)Math.Min(rest, buffer.Length);
        if (!ZeroBytes.AreAll(buffer.Span[inside..]))
        {
            return new(new BlockError(BlockErrorKind.Io, "No space left on device"));
        }
        return Remote is IBlockWriter writer
            ? writer.WriteAsync(offsetBytes, buffer[..inside], flags)
            : new(Unsupported(offsetBytes));
    }

    internal override bool CanZeroFast(long offsetBytes, long lengthBytes) =>
        Remote!.CanZeroFast(
            offsetBytes,
            Math.Clamp(Remote.LengthBytes - offsetBytes, 0, lengthBytes)
        );

    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    )
    {
        long inside = Math.Clamp(Remote!.LengthBytes - offsetBytes, 0, lengthBytes);
        return Remote is IZeroWriter writer
            ? writer.WriteZeroesAsync(offsetBytes, inside, flags)
            : new(Unsupported(offsetBytes));
    }

    /// <inheritdoc/>
    public ValueTask<BlockError?> FlushAsync() =>
        Remote is IFlusher flusher ? flusher.FlushAsync() : default;

    /// <inheritdoc/>
    public ValueTask<BlockError?> DiscardAsync(long offsetBytes, long lengthBytes)
    {
        long inside = Math.Clamp(Remote!.LengthBytes - offsetBytes, 0, lengthBytes);
        return Remote is IDiscarder discarder && inside > 0
            ? discarder.DiscardAsync(offsetBytes, inside)
            : default;
    }

    /// <inheritdoc/>
    public ValueTask<BlockExtent> StatusAsync(long offsetBytes, long lengthBytes)
    {
        long inside = Math.Clamp(Remote!.LengthBytes - offsetBytes, 0, lengthBytes);
        if (inside == 0)
        {
            return new(new BlockExtent(BlockExtentFlags.Zero, lengthBytes));
        }
        return Remote is IBlockStatus status
            ? status.StatusAsync(offsetBytes, inside)
            : new(new BlockExtent(BlockExtentFlags.Data, inside));
    }

    /// <summary>
    /// A server's length cannot change; asking for no more than it has is no error.
    /// </summary>
    public ValueTask<BlockError?> TruncateAsync(long lengthBytes) =>
        lengthBytes <= Remote!.LengthBytes
            ? default
            : new(new BlockError(BlockErrorKind.NotSupported, "Cannot grow NBD nodes"));

    private BlockError Unsupported(long offsetBytes) =>
        new(BlockErrorKind.NotSupported, "Operation not supported")
        {
            NodeName = Node.Name,
            OffsetBytes = offsetBytes,
        };
}
