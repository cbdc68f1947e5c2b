// Requests that do not fit a server's blocks: reads take more than was asked for, writes read what
// they must not change. Spec: spec/block/nbd.md (BLK-NBD-025).
using System;
using System.Buffers;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal sealed partial class NbdRemoteExport
{
    private async ValueTask<BlockError?> ReadAroundAsync(long offset, Memory<byte> buffer)
    {
        long start = offset & ~_blockMask;
        long end = (offset + buffer.Length + _blockMask) & ~_blockMask;
        byte[] around = ArrayPool<byte>.Shared.Rent(checked((int)(end - start)));
        BlockError? error = await ReadAlignedAsync(start, around.AsMemory(0, (int)(end - start)))
            .ConfigureAwait(false);
        if (error is null)
        {
            around.AsSpan((int)(offset - start), buffer.Length).CopyTo(buffer.Span);
        }
        ArrayPool<byte>.Shared.Return(around);
        return error;
    }

    // Whole blocks too wait for a change in part, which would write back what it read before them.
    private async ValueTask<BlockError?> ChangeAsync(
        long offset,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    )
    {
        await _changing.WaitAsync().ConfigureAwait(false);
        try
        {
            if (IsAligned(offset, buffer.Length))
            {
                return await WriteAlignedAsync(offset, buffer, flags).ConfigureAwait(false);
            }
            long start = offset & ~_blockMask;
            long end = (offset + buffer.Length + _blockMask) & ~_blockMask;
            int length = checked((int)(end - start));
            byte[] around = ArrayPool<byte>.Shared.Rent(length);
            BlockError? error = await ReadAlignedAsync(start, around.AsMemory(0, length))
                .ConfigureAwait(false);
            if (error is null)
            {
                buffer.Span.CopyTo(around.AsSpan((int)(offset - start)));
                error = await WriteAlignedAsync(start, around.AsMemory(0, length), flags)
                    .ConfigureAwait(false);
            }
            ArrayPool<byte>.Shared.Return(around);
            return error;
        }
        finally
        {
            _changing.Release();
        }
    }
}
