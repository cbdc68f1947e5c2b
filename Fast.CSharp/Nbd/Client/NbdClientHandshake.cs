// The client's side of the handshake: structured replies, base:allocation, GO; what an older server
// does not know it is not asked again. Refusals have QEMU's texts.
// Spec: spec/block/nbd.md (BLK-NBD-020, BLK-NBD-021).
using System;
using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal sealed class NbdClientHandshake(NbdLink link, string exportName)
{
    // No sensible server has more to say about one option; a longer answer is an attack.
    private const int LongestReplyBytes = 2 * NbdLimits.NameBytes + 64;

    // Listed exports and pieces of information that are read past; a bound like any other.
    private const int RepliesMax = 100_000;

    private readonly byte[] _name = Encoding.UTF8.GetBytes(exportName);
    private readonly NbdRemoteFacts _facts = new();
    private byte[] _reply = [];

    /// <summary>Null and what the server's export is, or the refusal.</summary>
    internal BlockError? Run(out NbdRemoteFacts? facts)
    {
        facts = _facts;
        ulong magic = link.Input.TakeUInt64();
        if (magic != NbdMagic.Init)
        {
            return Refused($"Bad initial magic received: 0x{magic:x}");
        }
        magic = link.Input.TakeUInt64();
        if (magic != NbdMagic.Option)
        {
            return magic == OldstyleMagic
                ? TakeOldstyle()
                : Refused($"Bad server magic received: 0x{magic:x}");
        }
        var server = (NbdHandshakeFlags)link.Input.TakeUInt16();
        var flags = server & (NbdHandshakeFlags.FixedNewstyle | NbdHandshakeFlags.NoZeroes);
        Span<byte> answer = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32BigEndian(answer, (uint)flags);
        link.Output.Write(answer, flush: true);
        if ((flags & NbdHandshakeFlags.FixedNewstyle) != 0)
        {
            BlockError? error = Choose(out bool isChosen);
            if (error is not null || isChosen)
            {
                return error ?? CheckFacts();
            }
        }
        Send(NbdOption.ExportName, _name);
        _facts.SizeBytes = (long)link.Input.TakeUInt64();
        _facts.Flags = (NbdExportFlags)link.Input.TakeUInt16();
        if ((flags & NbdHandshakeFlags.NoZeroes) == 0)
        {
            link.Input.Skip(NbdLimits.ReservedBytes);
        }
        return CheckFacts();
    }

    private const ulong OldstyleMagic = 0x00420281861253;

    private BlockError? TakeOldstyle()
    {
        if (_name.Length > 0)
        {
            return Refused("Server does not support non-empty export names");
        }
        _facts.SizeBytes = (long)link.Input.TakeUInt64();
        uint flags = link.Input.TakeUInt32();
        if (flags > ushort.MaxValue)
        {
            return Refused($"Unexpected export flags {flags:x}");
        }
        _facts.Flags = (NbdExportFlags)flags;
        link.Input.Skip(NbdLimits.ReservedBytes);
        return CheckFacts();
    }

    // Not chosen and no error: the server is too old for GO.
    private BlockError? Choose(out bool isChosen)
    {
        isChosen = false;
        Send(NbdOption.StructuredReply, []);
        _facts.HasStructuredReplies = TakeReply(NbdOption.StructuredReply) == NbdReply.Ack;
        if (_facts.HasStructuredReplies)
        {
            AskForAllocation();
        }
        byte[] payload = new byte[sizeof(uint) + _name.Length + 2 * sizeof(ushort)];
        NbdWriter writer = new(payload);
        writer.Put((uint)_name.Length);
        writer.Put(_name);
        writer.Put((ushort)1);
        writer.Put((ushort)NbdInfo.BlockSize);
        Send(NbdOption.Go, payload);
        bool hasExport = false;
        for (int count = 0; count < RepliesMax; count++)
        {
            NbdReply reply = TakeReply(NbdOption.Go);
            switch (reply)
            {
                case NbdReply.Info:
                    BlockError? error = TakeInfo(ref hasExport);
                    if (error is not null)
                    {
                        return error;
                    }
                    break;
                case NbdReply.Ack:
                    isChosen = true;
                    return hasExport ? null : Refused("broken server omitted NBD_INFO_EXPORT");
                case NbdReply.ErrorUnsupported:
                    return null;
                default:
                    return RefusedBy(reply, NbdOption.Go);
            }
        }
        throw new NbdProtocolException("too many replies");
    }

    private void AskForAllocation()
    {
        byte[] context = Encoding.ASCII.GetBytes(NbdAllocation.Context);
        byte[] payload = new byte[3 * sizeof(uint) + _name.Length + context.Length];
        NbdWriter writer = new(payload);
        writer.Put((uint)_name.Length);
        writer.Put(_name);
        writer.Put(1u);
        writer.Put((uint)context.Length);
        writer.Put(context);
        Send(NbdOption.SetMetaContext, payload);
        for (int count = 0; count < RepliesMax; count++)
        {
            // A server without contexts, and one without the export, says so; GO will say it again.
            if (TakeReply(NbdOption.SetMetaContext) != NbdReply.MetaContext)
            {
                return;
            }
            if (_reply.Length > sizeof(uint) && _reply.AsSpan(sizeof(uint)).SequenceEqual(context))
            {
                _facts.AllocationId = BinaryPrimitives.ReadUInt32BigEndian(_reply);
            }
        }
    }

    private BlockError? TakeInfo(ref bool hasExport)
    {
        if (_reply.Length < sizeof(ushort))
        {
            return Refused($"NBD_REP_INFO length {_reply.Length} is too short");
        }
        var info = (NbdInfo)BinaryPrimitives.ReadUInt16BigEndian(_reply);
        ReadOnlySpan<byte> rest = _reply.AsSpan(sizeof(ushort));
        switch (info)
        {
            case NbdInfo.Export when rest.Length == 10:
                _facts.SizeBytes = (long)BinaryPrimitives.ReadUInt64BigEndian(rest);
                _facts.Flags = (NbdExportFlags)BinaryPrimitives.ReadUInt16BigEndian(rest[8..]);
                hasExport = true;
                return null;
            case NbdInfo.BlockSize when rest.Length == 12:
                _facts.MinimumBlockBytes = BinaryPrimitives.ReadUInt32BigEndian(rest);
                _facts.MaximumBlockBytes = BinaryPrimitives.ReadUInt32BigEndian(rest[8..]);
                return CheckBlocks();
            case NbdInfo.Export:
            case NbdInfo.BlockSize:
                return Refused($"remaining export info len {rest.Length} is unexpected size");
            default:
                return null;
        }
    }

    private BlockError? CheckBlocks()
    {
        uint minimum = _facts.MinimumBlockBytes;
        uint maximum = _facts.MaximumBlockBytes;
        if (!BitOperations.IsPow2(minimum) || minimum > NbdLimits.PayloadBytes)
        {
            return Refused($"server minimum block size {minimum} is not a power of two");
        }
        if (maximum < minimum)
        {
            return Refused($"server maximum block size {maximum} is not valid");
        }
        _facts.MaximumBlockBytes = Math.Min(maximum, NbdLimits.PayloadBytes) & ~(minimum - 1);
        return null;
    }

    // The end is what a node's length is made of: a hostile one must not wrap.
    private BlockError? CheckFacts()
    {
        long size = _facts.SizeBytes;
        if (size is < 0 or > LargestSizeBytes)
        {
            return Refused("Could not refresh total sector count: File too large");
        }
        return (size & (_facts.MinimumBlockBytes - 1)) == 0
            ? null
            : Refused(
                $"export size {size} is not multiple of minimum block size "
                    + $"{_facts.MinimumBlockBytes}"
            );
    }

    private const long LargestSizeBytes = long.MaxValue & ~((1L << 30) - 1);

    private void Send(NbdOption option, ReadOnlySpan<byte> payload)
    {
        Span<byte> head = stackalloc byte[NbdLimits.OptionBytes];
        NbdWriter writer = new(head);
        writer.Put(NbdMagic.Option);
        writer.Put((uint)option);
        writer.Put((uint)payload.Length);
        link.Output.Write(head, payload, flush: true);
    }

    private NbdReply TakeReply(NbdOption option)
    {
        if (link.Input.TakeUInt64() != NbdMagic.OptionReply)
        {
            throw new NbdProtocolException("Unexpected option reply magic");
        }
        if (link.Input.TakeUInt32() != (uint)option)
        {
            throw new NbdProtocolException("Unexpected option type");
        }
        var reply = (NbdReply)link.Input.TakeUInt32();
        uint length = link.Input.TakeUInt32();
        if (length > LongestReplyBytes)
        {
            throw new NbdProtocolException("an option's reply is too long");
        }
        _reply = new byte[length];
        link.Input.Read(_reply);
        return reply;
    }

    private static BlockError RefusedBy(NbdReply reply, NbdOption option)
    {
        string which = $"option {(uint)option} (go)";
        return Refused(
            reply switch
            {
                NbdReply.ErrorPolicy => $"Denied by server for {which}",
                NbdReply.ErrorInvalid => $"Invalid parameters for {which}",
                NbdReply.ErrorPlatform => $"Server lacks support for {which}",
                NbdReply.ErrorTlsRequired => $"TLS negotiation required before {which}",
                NbdReply.ErrorUnknown => "Requested export not available",
                NbdReply.ErrorShutdown => $"Server shutting down before {which}",
                NbdReply.ErrorBlockSizeRequired => $"Server requires INFO_BLOCK_SIZE for {which}",
                _ => $"Unknown error code when asking for {which}",
            }
        );
    }

    private static BlockError Refused(string text) => new(BlockErrorKind.Host, text);
}
