// What is to be sent to one client: replies of its own conversation and events of the server, in
// the order in which they came about. Spec: spec/block/qmp.md (BLK-QMP-004, BLK-QMP-006).
using System;
using System.Buffers;
using System.IO;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Qmp;

/// <summary>
/// The outgoing side of a conversation. Anybody adds, one at a time sends. While the client does
/// not read, what is added waits, up to a bound.
/// </summary>
internal sealed class QmpOutbox : IDisposable
{
    private static readonly byte[] LineEnd = "\r\n"u8.ToArray();

    private readonly Stream _output;
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _sending = new(1, 1);
    private readonly Utf8JsonWriter _writer;
    private ArrayBufferWriter<byte> _waiting = new();
    private ArrayBufferWriter<byte> _sent = new();

    private bool _isSendAsked;

    public QmpOutbox(Stream output, bool isPretty)
    {
        _output = output;
        JsonWriterOptions options = new()
        {
            Indented = isPretty,
            IndentSize = 4,
            // What goes over a socket to a program needs no care about HTML.
            Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
            SkipValidation = true,
            MaxDepth = QmpLimits.SentNestingMax,
        };
        _writer = new Utf8JsonWriter(_waiting, options);
    }

    /// <summary>True once more waits than may: the client does not read.</summary>
    public bool IsOverfull { get; private set; }

    /// <summary>True when so much waits that it is to be sent before more is asked.</summary>
    public bool IsLarge
    {
        get
        {
            lock (_lock)
            {
                return _waiting.WrittenCount > QmpLimits.KeptBufferBytes;
            }
        }
    }

    /// <summary>Adds a reply or the greeting.</summary>
    public void AddReply(Action<Utf8JsonWriter> write)
    {
        lock (_lock)
        {
            Add(write);
        }
    }

    /// <summary>Adds an event, unless too much waits already.</summary>
    public void AddEvent(Action<Utf8JsonWriter> write)
    {
        lock (_lock)
        {
            if (_waiting.WrittenCount > QmpLimits.OutboxBytesMax)
            {
                IsOverfull = true;
                return;
            }
            Add(write);
        }
    }

    /// <summary>Sends what waits; returns when it is sent, by whomever.</summary>
    public async ValueTask SendAsync(CancellationToken cancellation)
    {
        await _sending.WaitAsync(cancellation).ConfigureAwait(false);
        try
        {
            Volatile.Write(ref _isSendAsked, false);
            while (Swap())
            {
                await _output.WriteAsync(_sent.WrittenMemory, cancellation).ConfigureAwait(false);
            }
            await _output.FlushAsync(cancellation).ConfigureAwait(false);
        }
        finally
        {
            _sending.Release();
        }
    }

    /// <summary>Sends if nobody does; for those who must not wait.</summary>
    public async Task SendSoonAsync(CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref _isSendAsked, true))
        {
            // Who was asked and still waits for its turn sends this too. Without this a client
            // that does not read would collect a waiting task for every event.
            return;
        }
        try
        {
            await Task.Yield();
            await SendAsync(cancellation).ConfigureAwait(false);
        }
        catch (Exception error)
            when (error is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // The conversation itself notices that its client is gone.
        }
    }

    public void Dispose()
    {
        _writer.Dispose();
        _sending.Dispose();
    }

    private void Add(Action<Utf8JsonWriter> write)
    {
        _writer.Reset(_waiting);
        write(_writer);
        _writer.Flush();
        _waiting.Write(LineEnd);
    }

    private bool Swap()
    {
        lock (_lock)
        {
            _sent.ResetWrittenCount();
            if (_sent.Capacity > QmpLimits.KeptBufferBytes)
            {
                _sent = new ArrayBufferWriter<byte>();
            }
            (_waiting, _sent) = (_sent, _waiting);
            return _sent.WrittenCount > 0;
        }
    }
}
