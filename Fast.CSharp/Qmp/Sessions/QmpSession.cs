// One conversation: greeting, negotiation, commands with their ids, events.
// Spec: spec/block/qmp.md (BLK-QMP-001 to BLK-QMP-006).
using System;
using System.IO;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>
/// One client of a server, over a stream to read from and one to write to, which may be the same.
/// </summary>
public sealed class QmpSession
{
    private readonly QmpDispatcher _dispatcher;
    private readonly Stream _input;
    private readonly QmpOutbox _outbox;
    private readonly MessageScanner _scanner = new();
    private readonly CancellationTokenSource _ending = new();
    private bool _isNegotiated;

    /// <param name="dispatcher">The server.</param>
    /// <param name="input">Where the client's messages come from.</param>
    /// <param name="output">Where replies and events go.</param>
    /// <param name="isPretty">Whether replies are laid out for people.</param>
    public QmpSession(QmpDispatcher dispatcher, Stream input, Stream output, bool isPretty = false)
    {
        _dispatcher = dispatcher;
        _input = input;
        _outbox = new QmpOutbox(output, isPretty);
    }

    /// <summary>
    /// Talks until the client closes, the server quits or the token is cancelled. A client that
    /// breaks off is no error, and no fault in here is one of the server: it ends this conversation
    /// and no other (BLK-SD-016). The streams stay the caller's.
    /// </summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using CancellationTokenSource linked = CancellationTokenSource.CreateLinkedTokenSource(
            cancellation,
            _ending.Token
        );
        _outbox.AddReply(WriteGreeting);
        try
        {
            await _outbox.SendAsync(linked.Token).ConfigureAwait(false);
            await TalkAsync(linked.Token).ConfigureAwait(false);
        }
        catch (Exception error) when (error is not OutOfMemoryException)
        {
            // The client is gone, or the server ends; or a reply broke off in the middle by a
            // defect of ours, after which the client could make nothing of what follows.
        }
        finally
        {
            _dispatcher.Leave(this);
        }
    }

    /// <summary>Tells the client of an event; never blocks.</summary>
    internal void Tell(QmpEvent raised, DateTimeOffset time)
    {
        _outbox.AddEvent(writer => WriteEvent(writer, raised, time));
        if (_outbox.IsOverfull)
        {
            _ending.Cancel();
        }
        else
        {
            _ = _outbox.SendSoonAsync(_ending.Token);
        }
    }

    private async Task TalkAsync(CancellationToken cancellation)
    {
        while (true)
        {
            int count = await _input.ReadAsync(_scanner.Room(), cancellation).ConfigureAwait(false);
            if (count == 0)
            {
                return;
            }
            _scanner.Came(count);
            Scan scan;
            while ((scan = _scanner.Next()) != Scan.NeedsMore)
            {
                bool endsServer = Handle(scan);
                if (endsServer || _outbox.IsLarge)
                {
                    // A client that asks and does not read is not read from either.
                    await _outbox.SendAsync(cancellation).ConfigureAwait(false);
                }
                if (endsServer)
                {
                    _dispatcher.RequestQuit();
                    return;
                }
            }
            await _outbox.SendAsync(cancellation).ConfigureAwait(false);
        }
    }

    // True when the server is to end.
    private bool Handle(Scan scan)
    {
        if (scan == Scan.Fault)
        {
            Reply(QmpAnswer.Error(_scanner.Reason), null);
            return false;
        }
        string? reason = JsonCodec.TryParse(_scanner.Text, out OptionValue? message);
        if (reason is not null)
        {
            Reply(QmpAnswer.Error("JSON parse error, " + reason), null);
            return false;
        }
        if (message!.Kind != OptionKind.Dictionary)
        {
            Reply(QmpAnswer.Error("QMP input must be a JSON object"), null);
            return false;
        }
        OptionValue? id = message.Find("id");
        QmpAnswer? refusal = QmpEnvelope.Open(
            message,
            out string command,
            out OptionValue arguments
        );
        QmpAnswer answer = refusal ?? Execute(command, arguments);
        Reply(answer, id);
        return answer.EndsServer;
    }

    private QmpAnswer Execute(string command, OptionValue arguments)
    {
        bool negotiates = string.Equals(command, QmpEnvelope.Negotiation);
        if (_isNegotiated)
        {
            return negotiates
                ? QmpAnswer.Error(
                    QmpErrorClass.CommandNotFound,
                    "Capabilities negotiation is already complete, command ignored"
                )
                : _dispatcher.Execute(command, arguments);
        }
        if (!negotiates)
        {
            return QmpAnswer.Error(
                QmpErrorClass.CommandNotFound,
                $"Expecting capabilities negotiation with '{QmpEnvelope.Negotiation}'"
            );
        }
        QmpAnswer answer = QmpEnvelope.Negotiate(arguments);
        if (answer.Result is not null)
        {
            _isNegotiated = true;
            _dispatcher.Join(this);
        }
        return answer;
    }

    private void Reply(QmpAnswer answer, OptionValue? id) =>
        _outbox.AddReply(writer => WriteReply(writer, answer, id));

    private static void WriteReply(Utf8JsonWriter writer, QmpAnswer answer, OptionValue? id)
    {
        writer.WriteStartObject();
        if (answer.Result is not null)
        {
            writer.WritePropertyName("return"u8);
            JsonCodec.Write(writer, answer.Result);
        }
        else
        {
            writer.WriteStartObject("error"u8);
            writer.WriteString("class"u8, answer.ErrorClass);
            writer.WriteString("desc"u8, answer.ErrorText);
            writer.WriteEndObject();
        }
        if (id is not null)
        {
            writer.WritePropertyName("id"u8);
            JsonCodec.Write(writer, id);
        }
        writer.WriteEndObject();
    }

    private void WriteGreeting(Utf8JsonWriter writer)
    {
        writer.WriteStartObject();
        writer.WriteStartObject("QMP"u8);
        writer.WritePropertyName("version"u8);
        JsonCodec.Write(writer, _dispatcher.Version.ToValue());
        writer.WriteStartArray("capabilities"u8);
        writer.WriteEndArray();
        writer.WriteEndObject();
        writer.WriteEndObject();
    }

    private static void WriteEvent(Utf8JsonWriter writer, QmpEvent raised, DateTimeOffset time)
    {
        const int TicksPerMicrosecond = 10;
        writer.WriteStartObject();
        writer.WriteStartObject("timestamp"u8);
        writer.WriteNumber("seconds"u8, time.ToUnixTimeSeconds());
        writer.WriteNumber(
            "microseconds"u8,
            time.Ticks % TimeSpan.TicksPerSecond / TicksPerMicrosecond
        );
        writer.WriteEndObject();
        writer.WriteString("event"u8, raised.Name);
        if (raised.Data.Count > 0)
        {
            writer.WritePropertyName("data"u8);
            JsonCodec.Write(writer, raised.Data);
        }
        writer.WriteEndObject();
    }
}
