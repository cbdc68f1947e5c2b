// Answers on the wire: simple ones, and chunks where the client knows them.
// Spec: spec/block/nbd.md (BLK-NBD-012, BLK-NBD-016).
using System;
using System.Text;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal sealed partial class NbdTransmission
{
    private const ushort Done = 1;

    private void ReplySimple(NbdRequest request, NbdError error)
    {
        Span<byte> head = stackalloc byte[NbdLimits.SimpleReplyBytes];
        PutSimple(head, request, error);
        _output.Write(head, GoesAtOnce);
    }

    private void ReplyError(NbdRequest request, NbdError error, string text)
    {
        if (!_hasStructuredReplies)
        {
            ReplySimple(request, error);
            return;
        }
        int textBytes = Encoding.UTF8.GetByteCount(text);
        byte[] chunk = new byte[NbdLimits.ChunkBytes + sizeof(uint) + sizeof(ushort) + textBytes];
        NbdWriter writer = new(chunk);
        PutChunk(ref writer, request, Done, NbdChunk.Error, chunk.Length - NbdLimits.ChunkBytes);
        writer.Put((uint)error);
        writer.Put((ushort)textBytes);
        writer.Put(Encoding.UTF8.GetBytes(text));
        _output.Write(chunk, GoesAtOnce);
    }

    /// <summary>The answer to everything that gives no data back.</summary>
    private void ReplyOutcome(NbdRequest request, BlockError? error, string prefix)
    {
        if (error is null)
        {
            ReplySimple(request, NbdError.None);
        }
        else
        {
            ReplyError(request, NbdErrors.ToWire(error), $"{prefix}: {error.Text}");
        }
    }

    private void ReplyData(NbdRequest request)
    {
        int length = (int)request.LengthBytes;
        if (!_hasStructuredReplies)
        {
            Span<byte> message = request.WithHead(NbdLimits.SimpleReplyBytes, 0, length);
            PutSimple(message, request, NbdError.None);
            _output.Write(message, GoesAtOnce);
            return;
        }
        if (length == 0)
        {
            Span<byte> head = stackalloc byte[NbdLimits.ChunkBytes];
            NbdWriter writer = new(head);
            PutChunk(ref writer, request, Done, NbdChunk.None, 0);
            _output.Write(head, GoesAtOnce);
            return;
        }
        for (int index = 0; index < request.PieceCount; index++)
        {
            bool isLast = index + 1 == request.PieceCount;
            ReplyPiece(request, request.Pieces[index], isLast ? Done : (ushort)0);
        }
    }

    private void ReplyPiece(NbdRequest request, NbdPiece piece, ushort flags)
    {
        bool flush = flags == Done && GoesAtOnce;
        ulong offset = request.Offset + (uint)piece.StartBytes;
        if (piece.IsHole)
        {
            Span<byte> hole = stackalloc byte[NbdRequest.HeadBytes + sizeof(uint)];
            NbdWriter holeWriter = new(hole);
            PutChunk(ref holeWriter, request, flags, NbdChunk.OffsetHole, 12);
            holeWriter.Put(offset);
            holeWriter.Put((uint)piece.LengthBytes);
            _output.Write(hole, flush);
            return;
        }
        // The head takes the place of bytes that are a hole or were sent before.
        Span<byte> chunk = request.WithHead(
            NbdRequest.HeadBytes,
            piece.StartBytes,
            piece.LengthBytes
        );
        NbdWriter writer = new(chunk);
        int payload = sizeof(ulong) + piece.LengthBytes;
        PutChunk(ref writer, request, flags, NbdChunk.OffsetData, payload);
        writer.Put(offset);
        _output.Write(chunk, flush);
    }

    private static void PutSimple(Span<byte> target, NbdRequest request, NbdError error)
    {
        NbdWriter writer = new(target);
        writer.Put(NbdMagic.SimpleReply);
        writer.Put((uint)error);
        writer.Put(request.Cookie);
    }

    private static void PutChunk(
        ref NbdWriter writer,
        NbdRequest request,
        ushort flags,
        NbdChunk kind,
        int payloadBytes
    )
    {
        writer.Put(NbdMagic.StructuredReply);
        writer.Put(flags);
        writer.Put((ushort)kind);
        writer.Put(request.Cookie);
        writer.Put((uint)payloadBytes);
    }
}
