// null-co, data path: zeroes out, nothing in. Spec: spec/block/data.md (BLK-DATA-008).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class NullDriver : IBlockReader, IBlockWriter, IZeroWriter, IBlockStatus
{
    /// <inheritdoc/>
    public ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        buffer.Span.Clear();
        return default;
    }

    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    ) => default;

    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    ) => default;

    /// <summary>Nothing is stored, all reads as zeroes (BLK-DATA-016).</summary>
    public ValueTask<BlockExtent> StatusAsync(long offsetBytes, long lengthBytes) =>
        new(new BlockExtent(BlockExtentFlags.Zero, lengthBytes));
}
