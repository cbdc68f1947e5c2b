// The transmission phase: requests are read one after another, checked, and started; what does not
// complete at once is answered when it does. Spec: spec/block/nbd.md (BLK-NBD-010 to BLK-NBD-016).
using System;
using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Nbd;

/// <summary>The requests of one client (BLK-NBD-010).</summary>
internal sealed partial class NbdTransmission
{
    // Longer than a batch takes that the page cache answers, and shorter than most disks do.
    private static readonly TimeSpan AnswersWait = TimeSpan.FromMicroseconds(50);

    private readonly NbdServer _server;
    private readonly GraphGate _gate;
    private readonly BlockBackend _backend;
    private readonly ServedExport _export;
    private readonly bool _hasStructuredReplies;
    private readonly bool _hasAllocation;
    private readonly NbdInput _input;
    private readonly NbdOutput _output;
    private readonly NbdFlight _flight = new();
    private readonly int _readerThread = Environment.CurrentManagedThreadId;
    private readonly Action _cut;
    private CancellationToken _closing;

    /// <summary>The thread that makes it reads; <paramref name="cut"/> ends its reads.</summary>
    internal NbdTransmission(
        NbdServer server,
        NbdSession session,
        NbdInput input,
        NbdOutput output,
        Action cut
    )
    {
        _server = server;
        _gate = server.Graph.Gate;
        _export = session.Export;
        _backend = session.Export.Export.Backend;
        _hasStructuredReplies = session.HasStructuredReplies;
        _hasAllocation = session.HasAllocation;
        _input = input;
        _output = output;
        _cut = cut;
    }

    /// <summary>
    /// Serves until the client leaves or breaks the protocol; returns when nothing is under way.
    /// </summary>
    internal void Run(CancellationToken closing)
    {
        _closing = closing;
        try
        {
            long sent = Stopwatch.GetTimestamp();
            while (ReadOne())
            {
                // The answers of requests that came together go together, unless the first of them
                // would wait: a client that knows of one sends the next while the rest are served.
                bool isLast = _input.BufferedBytes < NbdLimits.RequestBytes;
                if (isLast || Stopwatch.GetElapsedTime(sent) > AnswersWait)
                {
                    _output.Flush();
                    sent = Stopwatch.GetTimestamp();
                }
            }
        }
        finally
        {
            _flight.WaitForAll();
        }
        _output.Flush();
    }

    // False when the conversation is over.
    private bool ReadOne()
    {
        if (!_input.TryTake(NbdLimits.RequestBytes, out ReadOnlySpan<byte> header))
        {
            return false;
        }
        NbdRequest request = _flight.Take();
        // BLK-NBD-010: no way to tell where the next request begins.
        if (!request.TryParse(header) || request.Command == NbdCommand.Disconnect)
        {
            return false;
        }
        if (!_flight.TryBegin(request))
        {
            _output.Flush();
            _flight.Begin(request);
        }
        bool goesOn = true;
        NbdError error;
        string? text;
        try
        {
            goesOn = TryTakePayload(request);
            error = Check(request, out text);
        }
        catch
        {
            _flight.End(request);
            throw;
        }
        if (error != NbdError.None)
        {
            ReplyError(request, error, text!);
            _flight.End(request);
            return goesOn;
        }
        // Its outcome is its answer; the box of one that takes longer comes from a pool.
        _ = ServeAsync(request);
        return true;
    }

    // A payload that is too long to be taken ends the conversation after its answer.
    private bool TryTakePayload(NbdRequest request)
    {
        if (request.Command != NbdCommand.Write)
        {
            return true;
        }
        if (request.LengthBytes > NbdLimits.PayloadBytes)
        {
            return false;
        }
        int length = (int)request.LengthBytes;
        request.Rent(length);
        _input.Read(request.Data(0, length).Span);
        return true;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask ServeAsync(NbdRequest request)
    {
        try
        {
            await AnswerAsync(request).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // The connection is being closed; nobody waits for the answer.
        }
        catch (Exception failure)
        {
            if (!SocketErrors.IsGone(failure))
            {
                _server.Options.OnFault?.Invoke(failure);
            }
            _cut();
        }
        finally
        {
            _flight.End(request);
        }
    }

    private ValueTask AnswerAsync(NbdRequest request) =>
        request.Command switch
        {
            NbdCommand.Read => ReadAsync(request),
            NbdCommand.BlockStatus => TellStatusAsync(request),
            _ => CarryOutAsync(request),
        };

    // Answers of other threads go at once: the reader may be waiting for the client.
    private bool GoesAtOnce => Environment.CurrentManagedThreadId != _readerThread;
}
