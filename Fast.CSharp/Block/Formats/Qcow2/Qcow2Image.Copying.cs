// Copying what guest bytes read as into clusters that are not linked yet (BLK-DATA-005).
using System;
using System.Buffers;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    // What guest bytes read as, put into host bytes. Zeroes are not read to find out that they are.
    private async ValueTask<BlockError?> CopyUpAsync(
        long guest,
        long host,
        long length,
        bool isFresh
    )
    {
        while (length > 0)
        {
            MappingResult run = await FindAsync(guest, length).ConfigureAwait(false);
            if (run.Error is not null)
            {
                return run.Error;
            }
            bool isZero =
                run.Kind == ClusterKind.Zero
                || guest >= GuestLengthBytes
                || (run.Kind == ClusterKind.Unallocated && !IsBacked(guest));
            BlockError? error = null;
            if (!isZero)
            {
                error = await CopyRunAsync(guest, host, run.LengthBytes, isFresh)
                    .ConfigureAwait(false);
            }
            else if (!isFresh)
            {
                error = await _tables.ClearAsync(host, run.LengthBytes).ConfigureAwait(false);
            }
            if (error is not null)
            {
                return error;
            }
            guest += run.LengthBytes;
            host += run.LengthBytes;
            length -= run.LengthBytes;
        }
        return null;
    }

    private async ValueTask<BlockError?> CopyRunAsync(
        long guest,
        long host,
        long length,
        bool isFresh
    )
    {
        int pieceBytes = (int)Math.Min(length, Qcow2Limits.CopyBufferBytes);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(pieceBytes);
        BlockError? error = null;
        while (length > 0 && error is null)
        {
            Memory<byte> piece = buffer.AsMemory(0, (int)Math.Min(pieceBytes, length));
            await _tables.Storage.RaiseAsync(BlockDebugEvent.CowRead).ConfigureAwait(false);
            error = await ReadClaimedAsync(guest, piece).ConfigureAwait(false);
            bool isZero = ZeroBytes.AreAll(piece.Span);
            if (error is null && !isZero)
            {
                error = await _tables
                    .WriteAsync(host, piece, BlockDebugEvent.CowWrite)
                    .ConfigureAwait(false);
            }
            else if (error is null && !isFresh)
            {
                error = await _tables.ClearAsync(host, piece.Length).ConfigureAwait(false);
            }
            guest += piece.Length;
            host += piece.Length;
            length -= piece.Length;
        }
        ArrayPool<byte>.Shared.Return(buffer);
        return error;
    }
}
