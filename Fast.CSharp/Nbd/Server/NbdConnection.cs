// One client from the first byte to the last: a thread that shakes hands, then reads requests, and
// the end of it all. Spec: spec/block/nbd.md (BLK-NBD-002, BLK-NBD-003).
using System;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Nbd;

/// <summary>
/// A client's connection. It has a thread of its own, because most drivers complete at once and a
/// blocking read is the shortest way to the next request; what does not complete at once goes on
/// beside it.
/// </summary>
internal sealed class NbdConnection
{
    private readonly NbdServer _server;
    private readonly Socket _socket;
    private readonly CancellationTokenSource _closing = new();
    private readonly TaskCompletionSource _ended = new(
        TaskCreationOptions.RunContinuationsAsynchronously
    );

    internal NbdConnection(NbdServer server, Socket socket)
    {
        _server = server;
        _socket = socket;
    }

    /// <summary>What the client has chosen; null before.</summary>
    internal ServedExport? Export { get; private set; }

    /// <summary>True once it is one of the connections that are served (BLK-NBD-002).</summary>
    internal bool HasPlace { get; set; }

    /// <summary>Completes when the connection touches neither graph nor socket any more.</summary>
    internal Task Ended => _ended.Task;

    internal void Start()
    {
        Thread thread = new(Run) { IsBackground = true, Name = "nbd client" };
        thread.Start();
    }

    /// <summary>Cuts the connection; its thread then finds its own end. From any thread.</summary>
    internal void BeginClose()
    {
        try
        {
            _closing.Cancel();
            _socket.Shutdown(SocketShutdown.Both);
        }
        catch (Exception failure) when (SocketErrors.IsGone(failure))
        {
            // The client was faster.
        }
    }

    private void Run()
    {
        try
        {
            using NbdInput input = new(_socket);
            using NbdOutput output = new(_socket);
            Serve(input, output);
        }
        catch (Exception failure) when (IsOrdinary(failure))
        {
            // The client is gone, or said what ends a connection.
        }
        // A defect of ours must not end the process, which serves others; the embedder is told.
        catch (Exception failure)
        {
            _server.Options.OnFault?.Invoke(failure);
        }
        finally
        {
            _socket.Dispose();
            _server.Leave(this);
            _ended.SetResult();
        }
    }

    private void Serve(NbdInput input, NbdOutput output)
    {
        NbdSession? session;
        // BLK-NBD-002: a client that neither chooses nor goes would hold a place for ever.
        using (var limit = new Timer(_ => BeginClose()))
        {
            limit.Change(_server.Options.HandshakeLimit, Timeout.InfiniteTimeSpan);
            session = new NbdHandshake(_server, input, output).Run();
            if (session is null)
            {
                return;
            }
        }
        Export = session.Export;
        if (!_server.TryJoin(session.Export, this, _closing.Token))
        {
            return;
        }
        output.Flush();
        new NbdTransmission(_server, session, input, output, BeginClose).Run(_closing.Token);
    }

    private static bool IsOrdinary(Exception failure) =>
        SocketErrors.IsGone(failure) || failure is OperationCanceledException;
}

/// <summary>What a handshake has settled.</summary>
internal sealed record NbdSession(
    ServedExport Export,
    bool HasStructuredReplies,
    bool HasAllocation
);
