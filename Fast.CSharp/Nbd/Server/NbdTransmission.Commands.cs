// Requests carried out in the graph. The gate is held while the graph works and never while a
// client is waited for. Spec: spec/block/nbd.md (BLK-NBD-012 to BLK-NBD-016).
using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal sealed partial class NbdTransmission
{
    // For a shorter read, asking for holes costs more than a hole saves.
    private const int SparseReadBytes = 16 * 1024;

    // How much a CACHE request reads at a time.
    private const int CacheStepBytes = 256 * 1024;

    // BLK-NBD-015: enough for any client's next step, and over before anybody waits long.
    private const int ExtentsMax = 2048;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ReadAsync(NbdRequest request)
    {
        int length = (int)request.LengthBytes;
        request.Rent(length);
        BlockError? error = null;
        using (await _gate.EnterRequestAsync(_closing).ConfigureAwait(false))
        {
            if (request.Has(NbdCommandFlags.ForceUnitAccess))
            {
                error = await _backend.TryFlushAsync().ConfigureAwait(false);
            }
            bool isWhole =
                !_hasStructuredReplies
                || length < SparseReadBytes
                || request.Has(NbdCommandFlags.DontFragment);
            if (error is null)
            {
                error = await (
                    isWhole ? ReadWholeAsync(request, 0) : ReadPiecesAsync(request)
                ).ConfigureAwait(false);
            }
        }
        if (error is null)
        {
            ReplyData(request);
        }
        else
        {
            ReplyError(request, NbdErrors.ToWire(error), $"reading from file failed: {error.Text}");
        }
    }

    // The read from there on, as one piece.
    private ValueTask<BlockError?> ReadWholeAsync(NbdRequest request, int startBytes)
    {
        int length = (int)request.LengthBytes - startBytes;
        request.Pieces[request.PieceCount++] = new NbdPiece(startBytes, length, IsHole: false);
        return _backend.TryReadAsync(
            request.OffsetBytes + startBytes,
            request.Data(startBytes, length)
        );
    }

    // BLK-NBD-012: what is known to be zero is not read and not sent.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockError?> ReadPiecesAsync(NbdRequest request)
    {
        int length = (int)request.LengthBytes;
        int start = 0;
        while (start < length && request.PieceCount < NbdRequest.PiecesMax - 1)
        {
            BlockExtent extent = await _backend
                .TryStatusAsync(request.OffsetBytes + start, length - start)
                .ConfigureAwait(false);
            if (extent.Error is not null)
            {
                return extent.Error;
            }
            int part = (int)Math.Min(extent.LengthBytes, length - start);
            bool isHole = (extent.Flags & BlockExtentFlags.Zero) != 0;
            if (!isHole)
            {
                BlockError? error = await _backend
                    .TryReadAsync(request.OffsetBytes + start, request.Data(start, part))
                    .ConfigureAwait(false);
                if (error is not null)
                {
                    return error;
                }
            }
            AddPiece(request, new NbdPiece(start, part, isHole));
            start += part;
        }
        return start < length ? await ReadWholeAsync(request, start).ConfigureAwait(false) : null;
    }

    private static void AddPiece(NbdRequest request, NbdPiece piece)
    {
        ref NbdPiece last = ref request.Pieces[Math.Max(0, request.PieceCount - 1)];
        if (request.PieceCount > 0 && last.IsHole == piece.IsHole)
        {
            last = last with { LengthBytes = last.LengthBytes + piece.LengthBytes };
        }
        else
        {
            request.Pieces[request.PieceCount++] = piece;
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask CarryOutAsync(NbdRequest request)
    {
        BlockError? error;
        using (await _gate.EnterRequestAsync(_closing).ConfigureAwait(false))
        {
            error = await ChangeAsync(request).ConfigureAwait(false);
        }
        ReplyOutcome(request, error, FailureOf(request.Command));
    }

    // BLK-NBD-013, BLK-NBD-014
    private ValueTask<BlockError?> ChangeAsync(NbdRequest request)
    {
        long offset = request.OffsetBytes;
        long length = request.LengthBytes;
        BlockWriteFlags flags = IsDurable(request)
            ? BlockWriteFlags.ForceUnitAccess
            : BlockWriteFlags.None;
        switch (request.Command)
        {
            case NbdCommand.Write:
                return _backend.TryWriteAsync(offset, request.Data(0, (int)length), flags);
            case NbdCommand.WriteZeroes:
                flags |= request.Has(NbdCommandFlags.NoHole) ? 0 : BlockWriteFlags.MayUnmap;
                flags |= request.Has(NbdCommandFlags.FastZero) ? BlockWriteFlags.NoFallback : 0;
                return _backend.TryWriteZeroesAsync(offset, length, flags);
            case NbdCommand.Trim:
                return TrimAsync(request);
            case NbdCommand.Cache:
                return CacheAsync(offset, length);
            default:
                return _backend.TryFlushAsync();
        }
    }

    private bool IsDurable(NbdRequest request) =>
        _export.IsWriteThrough || request.Has(NbdCommandFlags.ForceUnitAccess);

    private async ValueTask<BlockError?> TrimAsync(NbdRequest request)
    {
        BlockError? error = await _backend
            .TryDiscardAsync(request.OffsetBytes, request.LengthBytes)
            .ConfigureAwait(false);
        return error is null && IsDurable(request)
            ? await _backend.TryFlushAsync().ConfigureAwait(false)
            : error;
    }

    // Reading brings the bytes where the next reader finds them, and tells whether they can be.
    private async ValueTask<BlockError?> CacheAsync(long offset, long length)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(CacheStepBytes);
        BlockError? error = null;
        while (length > 0 && error is null)
        {
            int step = (int)Math.Min(length, CacheStepBytes);
            error = await _backend
                .TryReadAsync(offset, buffer.AsMemory(0, step))
                .ConfigureAwait(false);
            offset += step;
            length -= step;
        }
        ArrayPool<byte>.Shared.Return(buffer);
        return error;
    }

    // BLK-NBD-015
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask TellStatusAsync(NbdRequest request)
    {
        const int ExtentBytes = 2 * sizeof(uint);
        int most = request.Has(NbdCommandFlags.RequestOne) ? 1 : ExtentsMax;
        request.Rent(most * ExtentBytes);
        BlockError? error;
        int count;
        using (await _gate.EnterRequestAsync(_closing).ConfigureAwait(false))
        {
            (error, count) = await CollectAsync(request, most).ConfigureAwait(false);
        }
        if (error is not null)
        {
            string text = $"unable to get block status: {error.Text}";
            ReplyError(request, NbdErrors.ToWire(error), text);
            return;
        }
        ReplyExtents(request, count * ExtentBytes);
    }

    private void ReplyExtents(NbdRequest request, int extentBytes)
    {
        const int Head = NbdLimits.ChunkBytes + sizeof(uint);
        Span<byte> chunk = request.WithHead(Head, 0, extentBytes);
        NbdWriter writer = new(chunk);
        int payload = sizeof(uint) + extentBytes;
        PutChunk(ref writer, request, Done, NbdChunk.BlockStatus, payload);
        writer.Put(NbdAllocation.ContextId);
        _output.Write(chunk, GoesAtOnce);
    }

    // Neighbours of the same kind are one extent.
    private async ValueTask<(BlockError? Error, int Count)> CollectAsync(
        NbdRequest request,
        int most
    )
    {
        long offset = request.OffsetBytes;
        long end = offset + request.LengthBytes;
        uint lastState = uint.MaxValue;
        long lastLength = 0;
        int count = 0;
        while (offset < end)
        {
            BlockExtent extent = await _backend
                .TryStatusAsync(offset, end - offset)
                .ConfigureAwait(false);
            if (extent.Error is not null)
            {
                return (extent.Error, count);
            }
            uint state =
                ((extent.Flags & BlockExtentFlags.Data) != 0 ? 0 : NbdAllocation.Hole)
                | ((extent.Flags & BlockExtentFlags.Zero) != 0 ? NbdAllocation.Zero : 0);
            long length = Math.Min(extent.LengthBytes, end - offset);
            if (state != lastState && count == most)
            {
                break;
            }
            lastLength = state == lastState ? lastLength + length : length;
            count += state == lastState ? 0 : 1;
            lastState = state;
            PutExtent(request, count - 1, (uint)lastLength, state);
            offset += length;
        }
        return (null, count);
    }

    private static void PutExtent(NbdRequest request, int index, uint lengthBytes, uint state)
    {
        Span<byte> field = request.Data(index * 2 * sizeof(uint), 2 * sizeof(uint)).Span;
        BinaryPrimitives.WriteUInt32BigEndian(field, lengthBytes);
        BinaryPrimitives.WriteUInt32BigEndian(field[sizeof(uint)..], state);
    }

    private static string FailureOf(NbdCommand command) =>
        command switch
        {
            NbdCommand.Flush => "flush failed",
            NbdCommand.Trim => "discard failed",
            NbdCommand.Cache => "caching data failed",
            _ => "writing to file failed",
        };
}
