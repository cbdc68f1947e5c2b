// What comes from the server: simple replies and chunks, each checked against the request it
// belongs to. A server that breaks the protocol is gone. Spec: spec/block/nbd.md (BLK-NBD-022,
// BLK-NBD-023).
using System;
using System.Buffers.Binary;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal sealed partial class NbdRequests
{
    private const ushort Done = 1;

    // A text or a list that is longer is not read but passed over.
    private const int LongestExtraBytes = 32 * 1024 * 1024;

    private void Receive()
    {
        try
        {
            while (_link.Input.TryTake(sizeof(uint), out ReadOnlySpan<byte> bytes))
            {
                TakeAnswer(BinaryPrimitives.ReadUInt32BigEndian(bytes));
            }
        }
        catch (Exception failure) when (NbdLink.IsGone(failure))
        {
            // All that waits is told below.
        }
        _link.Cut();
        FailAll();
    }

    private void TakeAnswer(uint magic)
    {
        NbdInput input = _link.Input;
        switch (magic)
        {
            case NbdMagic.SimpleReply:
                uint error = input.TakeUInt32();
                TakeSimple(Find(input.TakeUInt64()), error);
                break;
            case NbdMagic.StructuredReply when _facts.HasStructuredReplies:
                ushort flags = input.TakeUInt16();
                var kind = (NbdChunk)input.TakeUInt16();
                NbdPending pending = Find(input.TakeUInt64());
                uint length = input.TakeUInt32();
                TakeChunk(pending, kind, length);
                if ((flags & Done) != 0)
                {
                    Finish(pending);
                }
                break;
            default:
                throw new NbdProtocolException("invalid magic");
        }
    }

    private void TakeSimple(NbdPending pending, uint error)
    {
        bool isRead = pending.Command == NbdCommand.Read;
        if (isRead && _facts.HasStructuredReplies)
        {
            throw new NbdProtocolException("simple reply to a structured read");
        }
        if (error != 0)
        {
            pending.Complete(NbdErrors.FromWire(error, pending.OffsetBytes));
            return;
        }
        if (isRead)
        {
            _link.Input.Read(pending.Target.Span);
            pending.ReceivedBytes = pending.LengthBytes;
        }
        Finish(pending);
    }

    private void TakeChunk(NbdPending pending, NbdChunk kind, uint length)
    {
        NbdInput input = _link.Input;
        bool isRead = pending.Command == NbdCommand.Read;
        switch (kind)
        {
            case NbdChunk.None when length == 0:
                break;
            case NbdChunk.OffsetData when isRead && length > sizeof(ulong):
                input.Read(Place(pending, input.TakeUInt64(), length - sizeof(ulong)));
                break;
            case NbdChunk.OffsetHole when isRead && length == sizeof(ulong) + sizeof(uint):
                ulong offset = input.TakeUInt64();
                Place(pending, offset, input.TakeUInt32()).Clear();
                break;
            case NbdChunk.BlockStatus when pending.Command == NbdCommand.BlockStatus:
                TakeStatus(pending, length);
                break;
            case >= NbdChunk.Error when length is >= 6 and <= LongestExtraBytes:
                uint error = input.TakeUInt32();
                input.Skip(length - sizeof(uint));
                pending.Error ??= NbdErrors.FromWire(error, pending.OffsetBytes);
                break;
            default:
                throw new NbdProtocolException("unexpected chunk");
        }
    }

    // Where a part of a read goes; it must lie inside what was asked for.
    private static Span<byte> Place(NbdPending pending, ulong offset, uint length)
    {
        ulong start = offset - (ulong)pending.OffsetBytes;
        bool isInside =
            offset >= (ulong)pending.OffsetBytes
            && start <= (ulong)pending.LengthBytes
            && length <= (ulong)pending.LengthBytes - start;
        if (!isInside)
        {
            throw new NbdProtocolException("server sent chunk exceeding requested region");
        }
        pending.ReceivedBytes += length;
        return pending.Target.Span.Slice((int)start, (int)length);
    }

    // Only the first extent counts; others may follow where one was asked for.
    private void TakeStatus(NbdPending pending, uint length)
    {
        const uint First = 3 * sizeof(uint);
        if (length is < First or > LongestExtraBytes)
        {
            throw new NbdProtocolException("invalid block status");
        }
        NbdInput input = _link.Input;
        bool isOurs = input.TakeUInt32() == _facts.AllocationId;
        uint extent = input.TakeUInt32();
        uint state = input.TakeUInt32();
        input.Skip(length - First);
        if (!isOurs || extent == 0)
        {
            throw new NbdProtocolException("invalid block status");
        }
        BlockExtentFlags flags =
            ((state & NbdAllocation.Hole) != 0 ? BlockExtentFlags.None : BlockExtentFlags.Data)
            | ((state & NbdAllocation.Zero) != 0 ? BlockExtentFlags.Zero : BlockExtentFlags.None);
        pending.Extent = new BlockExtent(flags, Math.Min(extent, pending.LengthBytes));
    }

    private static void Finish(NbdPending pending)
    {
        bool isWhole = pending.Command switch
        {
            NbdCommand.Read => pending.ReceivedBytes == pending.LengthBytes,
            NbdCommand.BlockStatus => pending.Extent.LengthBytes > 0,
            _ => true,
        };
        pending.Complete(pending.Error ?? (isWhole ? null : Lost(pending.OffsetBytes)));
    }

    private NbdPending Find(ulong cookie)
    {
        lock (_lock)
        {
            int place = (int)(cookie % (uint)_table.Length);
            NbdPending pending = _table[place];
            bool isWaiting = (_taken & (1u << place)) != 0 && pending.Cookie == cookie;
            return isWaiting && !pending.IsAnswered
                ? pending
                : throw new NbdProtocolException("a reply to no request");
        }
    }

    // BLK-NBD-023
    private void FailAll()
    {
        lock (_lock)
        {
            _isDead = true;
            for (int place = 0; place < _table.Length; place++)
            {
                NbdPending pending = _table[place];
                if ((_taken & (1u << place)) != 0 && !pending.IsAnswered)
                {
                    pending.Complete(Lost(pending.OffsetBytes));
                }
            }
        }
    }
}
