// The way from an nbd node to its server: connect, shake hands, hand the connection over. It runs
// inside a control command, so it blocks, and not for long.
// Spec: spec/block/nbd.md (BLK-NBD-020, BLK-NBD-021, BLK-NBD-024).
using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using Ashlar.Block;

namespace Ashlar.Nbd;

/// <summary>
/// Connects nbd nodes to their servers. One connector belongs to one graph
/// (<see cref="BlockGraphOptions.RemoteExports"/>); servers of that graph make themselves known to
/// it, and it does not connect to them (BLK-NBD-024).
/// </summary>
public sealed class NbdConnector : IRemoteExportConnector
{
    private const HostErrno Deadlock = (HostErrno)35;

    private readonly Lock _lock = new();
    private readonly List<NbdServer> _ownServers = [];

    /// <summary>How long connecting and shaking hands may take together (BLK-NBD-020).</summary>
    public TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(10);

    /// <inheritdoc/>
    public BlockError? Connect(RemoteExportAddress address, out RemoteExport? export)
    {
        export = null;
        bool isUnix = address.Path is not null;
        string place = address.Server;
        if (Encoding.UTF8.GetByteCount(address.Export) > NbdLimits.NameBytes)
        {
            return Refused(HostErrno.NameTooLong, "export name too long to send to server");
        }
        if (isUnix && Encoding.UTF8.GetByteCount(place) >= UnixSocket.PathBytes)
        {
            return Refused(HostErrno.NameTooLong, $"UNIX socket path '{place}' is too long");
        }
        if (isUnix && (place.Length == 0 || place.Contains('\0', StringComparison.Ordinal)))
        {
            // No file has such a name; the kernel would look elsewhere (BLK-OPEN-015).
            return Unreached(place, HostErrno.NoEntry);
        }
        EndPoint[] ends;
        if (isUnix)
        {
            ends = [new UnixDomainSocketEndPoint(place)];
        }
        else
        {
            BlockError? error = InetResolver.ToConnect(address, out IPEndPoint[] all);
            if (error is not null)
            {
                return error;
            }
            ends = all;
        }
        HostErrno errno = HostErrno.None;
        foreach (EndPoint end in ends)
        {
            if (IsOwn(address.Path, end))
            {
                errno = Deadlock;
                break;
            }
            errno = TryConnect(end, address, out BlockError? refusal, out export);
            if (errno == HostErrno.None)
            {
                return refusal;
            }
        }
        return Unreached(place, errno);
    }

    internal void Know(NbdServer server)
    {
        lock (_lock)
        {
            _ownServers.Add(server);
        }
    }

    internal void Forget(NbdServer server)
    {
        lock (_lock)
        {
            _ownServers.Remove(server);
        }
    }

    // An errno when nobody listens there; otherwise the connection or what the handshake refused.
    private HostErrno TryConnect(
        EndPoint end,
        RemoteExportAddress address,
        out BlockError? refusal,
        out RemoteExport? export
    )
    {
        refusal = null;
        export = null;
        bool isUnix = end.AddressFamily == AddressFamily.Unix;
        Socket socket = new(
            end.AddressFamily,
            SocketType.Stream,
            isUnix ? ProtocolType.Unspecified : ProtocolType.Tcp
        );
        NbdLink? link = null;
        bool isLate = false;
        // A socket that goes away under a call ends the call, whatever it waits for.
        using Timer limit = new(_ =>
        {
            Volatile.Write(ref isLate, true);
            socket.Dispose();
        });
        limit.Change(Limit, Timeout.InfiniteTimeSpan);
        try
        {
            if (!isUnix)
            {
                socket.NoDelay = true;
                // An IPv4 address may come in the form of an IPv6 one.
                if (end.AddressFamily == AddressFamily.InterNetworkV6)
                {
                    socket.DualMode = true;
                }
                KeepAlive(socket, address.KeepsAlive);
            }
            socket.Connect(end);
            link = new NbdLink(socket);
            refusal = new NbdClientHandshake(link, address.Export).Run(out NbdRemoteFacts? facts);
            if (refusal is null)
            {
                export = new NbdRemoteExport(link, facts!);
                return HostErrno.None;
            }
        }
        catch (Exception failure) when (NbdLink.IsGone(failure))
        {
            if (link is null)
            {
                socket.Dispose();
                return Volatile.Read(ref isLate) ? SocketErrors.TimedOut
                    : isUnix ? SocketErrors.OfPath(failure)
                    : SocketErrors.Of(failure);
            }
            refusal = Refused(
                HostErrno.None,
                failure is NbdProtocolException ? failure.Message
                    : Volatile.Read(ref isLate)
                        ? $"Failed to read data: {HostErrnoText.Of(SocketErrors.TimedOut)}"
                    : "Failed to read data: Unexpected end-of-file before all bytes were read"
            );
        }
        link.Dispose();
        return HostErrno.None;
    }

    private static void KeepAlive(Socket socket, bool isOn) =>
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, isOn);

    // BLK-NBD-024
    private bool IsOwn(string? path, EndPoint end)
    {
        lock (_lock)
        {
            foreach (NbdServer server in _ownServers)
            {
                if (server.IsAt(path, end as IPEndPoint))
                {
                    return true;
                }
            }
        }
        return false;
    }

    private static BlockError Unreached(string place, HostErrno errno) =>
        Refused(errno, $"Failed to connect to '{place}': {HostErrnoText.Of(errno)}");

    private static BlockError Refused(HostErrno errno, string text) =>
        new(BlockErrorKind.Host, text) { Errno = errno };
}
