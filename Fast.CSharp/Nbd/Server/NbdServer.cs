// The server: it listens, accepts, and knows exports and connections. What a connection says is in
// NbdConnection. Spec: spec/block/nbd.md (BLK-NBD-001, BLK-NBD-002, BLK-NBD-003).
using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Nbd;

/// <summary>
/// Serves exports of one graph at one address. Requests enter the graph through its
/// <see cref="BlockGraph.Gate"/>; <see cref="Add"/> and <see cref="RemoveAsync"/> belong to a
/// control command and may be called inside it. Thread-safe.
/// </summary>
public sealed class NbdServer : IAsyncDisposable
{
    private static readonly TimeSpan OutOfDescriptorsPause = TimeSpan.FromMilliseconds(100);

    private readonly Lock _lock = new();
    private readonly List<ServedExport> _exports = [];
    private readonly HashSet<NbdConnection> _connections = [];
    private readonly CancellationTokenSource _closing = new();
    private readonly SemaphoreSlim _places;
    private readonly NbdArrivals _arrivals = new();
    private readonly NbdListener _listener;
    private readonly NbdConnector? _connector;
    private readonly Task _accepting;

    private NbdServer(NbdListener listener, BlockGraph graph, NbdServerOptions options)
    {
        _listener = listener;
        Graph = graph;
        Options = options;
        int most = NbdServerOptions.ConnectionsMost;
        _places = new SemaphoreSlim(
            options.MaxConnections > 0 ? Math.Min(options.MaxConnections, most) : most
        );
        _connector = graph.Options.RemoteExports as NbdConnector;
        _connector?.Know(this);
        _accepting = AcceptAsync();
    }

    /// <summary>The address; a TCP port of 0 is replaced by the one the host chose.</summary>
    public NbdListenAddress Address => _listener.Address;

    internal BlockGraph Graph { get; }

    internal NbdServerOptions Options { get; }

    /// <summary>
    /// Begins to listen; throws a <see cref="BlockException"/> with QEMU's text where that is not
    /// possible (BLK-NBD-001).
    /// </summary>
    public static NbdServer Listen(
        NbdListenAddress address,
        BlockGraph graph,
        NbdServerOptions options
    )
    {
        BlockException.ThrowIf(NbdListener.TryOpen(address, out NbdListener? listener));
        return new NbdServer(listener!, graph, options);
    }

    /// <summary>
    /// Serves an export from now on, with the size its node has now. The description is shown to
    /// clients that ask; it has at most 4,096 bytes of UTF-8. With
    /// write-through every change is durable before it is answered.
    /// </summary>
    public void Add(BlockExport export, string? description, bool isWriteThrough = false)
    {
        ServedExport served = new(export, description, Options.MaxConnections != 1, isWriteThrough);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(
            served.Description.Length,
            NbdLimits.NameBytes,
            nameof(description)
        );
        lock (_lock)
        {
            _exports.Add(served);
        }
    }

    /// <summary>
    /// Serves an export no longer: closes its connections and completes when none of them touches
    /// the node any more. An export that is not served is fine.
    /// </summary>
    public async ValueTask RemoveAsync(BlockExport export)
    {
        NbdConnection[] connections;
        lock (_lock)
        {
            ServedExport? served = Find(export);
            if (served is null)
            {
                return;
            }
            _exports.Remove(served);
            connections = [.. served.Connections];
        }
        await CloseAsync(connections).ConfigureAwait(false);
    }

    /// <summary>How many clients have chosen the export and are still there.</summary>
    public int ConnectionCount(BlockExport export)
    {
        lock (_lock)
        {
            return Find(export)?.Connections.Count ?? 0;
        }
    }

    /// <summary>Stops listening and closes every connection.</summary>
    public async ValueTask DisposeAsync()
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        _listener.Dispose();
        await _accepting.ConfigureAwait(false);
        NbdConnection[] connections;
        lock (_lock)
        {
            _exports.Clear();
            connections = [.. _connections];
        }
        await CloseAsync(connections).ConfigureAwait(false);
        _connector?.Forget(this);
    }

    /// <summary>True when connecting there is connecting to this server (BLK-NBD-024).</summary>
    internal bool IsAt(string? path, IPEndPoint? end) => _listener.IsAt(path, end);

    /// <summary>The export of that name, or null. What it tells of itself never changes.</summary>
    internal ServedExport? Find(ReadOnlySpan<byte> name)
    {
        lock (_lock)
        {
            foreach (ServedExport export in _exports)
            {
                if (name.SequenceEqual(export.Name))
                {
                    return export;
                }
            }
        }
        return null;
    }

    /// <summary>All exports now, oldest first.</summary>
    internal ServedExport[] List()
    {
        lock (_lock)
        {
            return [.. _exports];
        }
    }

    /// <summary>
    /// Waits for a place for a client that has chosen (BLK-NBD-002). False when the export went
    /// while the client was choosing it.
    /// </summary>
    internal bool TryJoin(
        ServedExport export,
        NbdConnection connection,
        CancellationToken cancellation
    )
    {
        _arrivals.Remove(connection);
        _places.Wait(cancellation);
        connection.HasPlace = true;
        lock (_lock)
        {
            if (!_exports.Contains(export))
            {
                return false;
            }
            export.Connections.Add(connection);
            return true;
        }
    }

    /// <summary>A connection has ended, with its socket.</summary>
    internal void Leave(NbdConnection connection)
    {
        lock (_lock)
        {
            connection.Export?.Connections.Remove(connection);
            _connections.Remove(connection);
        }
        _arrivals.Remove(connection);
        if (connection.HasPlace)
        {
            _places.Release();
        }
    }

    private static async ValueTask CloseAsync(NbdConnection[] connections)
    {
        foreach (NbdConnection connection in connections)
        {
            connection.BeginClose();
        }
        foreach (NbdConnection connection in connections)
        {
            await connection.Ended.ConfigureAwait(false);
        }
    }

    // BLK-NBD-002: whoever comes when all places are taken waits in the kernel's queue.
    private async Task AcceptAsync()
    {
        CancellationToken closing = _closing.Token;
        try
        {
            while (true)
            {
                await PlaceAsync(closing).ConfigureAwait(false);
                Socket? socket = await _listener.AcceptAsync(closing).ConfigureAwait(false);
                if (socket is null)
                {
                    // No descriptor is left. The silent pay first; others may be about to go.
                    await _arrivals.EvictAsync(0).ConfigureAwait(false);
                    await Task.Delay(OutOfDescriptorsPause, closing).ConfigureAwait(false);
                    continue;
                }
                await WelcomeAsync(socket, closing).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The server stops.
        }
    }

    // The last place may have gone while the client was awaited.
    private async Task WelcomeAsync(Socket socket, CancellationToken closing)
    {
        try
        {
            await PlaceAsync(closing).ConfigureAwait(false);
            await _arrivals.EvictAsync(NbdServerOptions.HandshakesMost - 1).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            socket.Dispose();
            throw;
        }
        Start(socket);
    }

    // A place is taken by who chooses, not by who comes, so that the silent keep nobody out.
    private async Task PlaceAsync(CancellationToken cancellation)
    {
        await _places.WaitAsync(cancellation).ConfigureAwait(false);
        _places.Release();
    }

    private void Start(Socket socket)
    {
        NbdConnection connection = new(this, socket);
        bool isClosing;
        lock (_lock)
        {
            _connections.Add(connection);
            isClosing = _closing.IsCancellationRequested;
        }
        _arrivals.Add(connection);
        connection.Start();
        if (isClosing)
        {
            connection.BeginClose();
        }
    }

    private ServedExport? Find(BlockExport export)
    {
        foreach (ServedExport served in _exports)
        {
            if (ReferenceEquals(served.Export, export))
            {
                return served;
            }
        }
        return null;
    }
}
