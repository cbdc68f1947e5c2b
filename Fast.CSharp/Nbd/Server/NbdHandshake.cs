// The handshake: the server's greeting, then one option after another until the client has chosen
// an export or given up. Answers, their order and texts are those of QEMU 7.2.
// Spec: spec/block/nbd.md (BLK-NBD-004 to BLK-NBD-007).
using System;
using System.Text;

namespace Ashlar.Nbd;

/// <summary>The handshake with one client (BLK-NBD-004).</summary>
internal sealed partial class NbdHandshake
{
    private readonly NbdServer _server;
    private readonly NbdInput _input;
    private readonly NbdOutput _output;
    private readonly NbdOptionPayload _payload;
    private NbdOption _option;
    private bool _omitsZeroes;
    private bool _hasStructuredReplies;

    // The export whose allocation the client wants to know about; asked for before it chooses.
    private ServedExport? _allocationOf;

    internal NbdHandshake(NbdServer server, NbdInput input, NbdOutput output)
    {
        _server = server;
        _input = input;
        _output = output;
        _payload = new NbdOptionPayload(input);
    }

    /// <summary>
    /// What was settled, or null when the connection is to be closed. The last answer is not
    /// flushed yet: the connection joins the export first.
    /// </summary>
    internal NbdSession? Run()
    {
        Greet();
        const uint FixedNewstyle = (uint)NbdHandshakeFlags.FixedNewstyle;
        const uint NoZeroes = (uint)NbdHandshakeFlags.NoZeroes;
        uint flags = _input.TakeUInt32();
        if ((flags & ~(FixedNewstyle | NoZeroes)) != 0)
        {
            return null;
        }
        bool isFixed = (flags & FixedNewstyle) != 0;
        _omitsZeroes = (flags & NoZeroes) != 0;
        while (true)
        {
            if (_input.TakeUInt64() != NbdMagic.Option)
            {
                return null;
            }
            _option = (NbdOption)_input.TakeUInt32();
            uint length = _input.TakeUInt32();
            // A client that is not of the fixed kind cannot be told anything but an export's size.
            if (length > NbdLimits.PayloadBytes || (!isFixed && _option != NbdOption.ExportName))
            {
                return null;
            }
            _payload.Begin(length);
            if (Answer(out NbdSession? session))
            {
                return session;
            }
            _payload.SkipRest();
            _output.Flush();
        }
    }

    private void Greet()
    {
        Span<byte> greeting = stackalloc byte[18];
        NbdWriter writer = new(greeting);
        writer.Put(NbdMagic.Init);
        writer.Put(NbdMagic.Option);
        writer.Put((ushort)(NbdHandshakeFlags.FixedNewstyle | NbdHandshakeFlags.NoZeroes));
        _output.Write(greeting, flush: true);
    }

    // True when the handshake is over, with a session or without one.
    private bool Answer(out NbdSession? session)
    {
        session = null;
        switch (_option)
        {
            case NbdOption.ExportName:
                session = ChooseByName();
                return true;
            case NbdOption.Abort:
                Reply(NbdReply.Ack, []);
                _output.Flush();
                return true;
            case NbdOption.Info:
            case NbdOption.Go:
                session = Describe();
                return session is not null;
            case NbdOption.ListMetaContext:
            case NbdOption.SetMetaContext:
                AnswerContexts();
                return false;
            case NbdOption.List:
            case NbdOption.StartTls:
            case NbdOption.StructuredReply:
                AnswerEmpty();
                return false;
            default:
                string number = $"{(uint)_option}";
                Refuse(NbdReply.ErrorUnsupported, $"Unsupported option {number} ({Title})");
                return false;
        }
    }

    // The options without a payload.
    private void AnswerEmpty()
    {
        if (_payload.LeftBytes > 0)
        {
            RefuseLength();
            return;
        }
        switch (_option)
        {
            case NbdOption.List:
                foreach (ServedExport export in _server.List())
                {
                    ReplyListed(export);
                }
                Reply(NbdReply.Ack, []);
                break;
            case NbdOption.StructuredReply when _hasStructuredReplies:
                Refuse(NbdReply.ErrorInvalid, "structured reply already negotiated");
                break;
            case NbdOption.StructuredReply:
                _hasStructuredReplies = true;
                Reply(NbdReply.Ack, []);
                break;
            default:
                Refuse(NbdReply.ErrorPolicy, "TLS not configured");
                break;
        }
    }

    // BLK-NBD-004: there is no way to say no but to go.
    private NbdSession? ChooseByName()
    {
        if (_payload.LeftBytes > NbdLimits.NameBytes)
        {
            return null;
        }
        byte[] name = new byte[_payload.LeftBytes];
        _ = _payload.TryTake(name);
        ServedExport? export = _server.Find(name);
        if (export is null)
        {
            return null;
        }
        Span<byte> answer = stackalloc byte[10 + NbdLimits.ReservedBytes];
        answer.Clear();
        NbdWriter writer = new(answer);
        writer.Put((ulong)export.SizeBytes);
        writer.Put((ushort)FlagsOf(export));
        _output.Write(_omitsZeroes ? answer[..writer.LengthBytes] : answer, flush: false);
        return Settle(export);
    }

    private NbdSession Settle(ServedExport export) =>
        new(
            export,
            _hasStructuredReplies,
            // A context belongs to the export it was asked for (BLK-NBD-007).
            HasAllocation: ReferenceEquals(_allocationOf, export)
        );

    private NbdExportFlags FlagsOf(ServedExport export) =>
        export.Flags | (_hasStructuredReplies ? NbdExportFlags.DontFragment : 0);

    private void ReplyListed(ServedExport export)
    {
        byte[] entry = new byte[sizeof(uint) + export.Name.Length + export.Description.Length];
        NbdWriter writer = new(entry);
        writer.Put((uint)export.Name.Length);
        writer.Put(export.Name);
        writer.Put(export.Description);
        Reply(NbdReply.Server, entry);
    }

    private void Reply(NbdReply kind, ReadOnlySpan<byte> payload)
    {
        Span<byte> head = stackalloc byte[NbdLimits.OptionReplyBytes];
        NbdWriter writer = new(head);
        writer.Put(NbdMagic.OptionReply);
        writer.Put((uint)_option);
        writer.Put((uint)kind);
        writer.Put((uint)payload.Length);
        _output.Write(head, payload, flush: false);
    }

    private void Refuse(NbdReply kind, string text) => Reply(kind, Encoding.UTF8.GetBytes(text));

    private void RefuseLength() =>
        Refuse(NbdReply.ErrorInvalid, $"option '{Title}' has unexpected length");

    // BLK-NBD-005
    private void RefuseInconsistent() =>
        Refuse(NbdReply.ErrorInvalid, $"Inconsistent lengths in option {Title}");

    private string Title =>
        _option switch
        {
            NbdOption.ExportName => "export name",
            NbdOption.Abort => "abort",
            NbdOption.List => "list",
            NbdOption.StartTls => "starttls",
            NbdOption.Info => "info",
            NbdOption.Go => "go",
            NbdOption.StructuredReply => "structured reply",
            NbdOption.ListMetaContext => "list meta context",
            NbdOption.SetMetaContext => "set meta context",
            _ => "<unknown>",
        };
}
