// A listening socket: made, asked for clients, taken away with the name it stands under. The texts
// are QEMU's. Spec: spec/block/nbd.md (BLK-NBD-001).
using System;
using System.Globalization;
using System.IO;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal sealed class NbdListener : IDisposable
{
    // Clients that may wait in the kernel; more of them are told to come again.
    private const int Backlog = 128;

    // Nobody but this user connects.
    private const uint OwnerReadWrite = 0x180;

    private readonly Socket _socket;
    private readonly FileName? _name;

    private NbdListener(Socket socket, NbdListenAddress address, FileName? name)
    {
        _socket = socket;
        _name = name;
        Address = address;
    }

    internal NbdListenAddress Address { get; }

    internal static BlockError? TryOpen(NbdListenAddress address, out NbdListener? listener) =>
        address switch
        {
            NbdListenAddress.Unix unix => OpenUnix(unix, out listener),
            NbdListenAddress.Inet inet => OpenInet(inet, out listener),
            _ => throw new ArgumentException("An address of a kind of its own", nameof(address)),
        };

    /// <summary>
    /// The next client, or null when there is no descriptor for it. One that is gone before it is
    /// accepted is passed over.
    /// </summary>
    internal async ValueTask<Socket?> AcceptAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                Socket socket = await _socket.AcceptAsync(cancellation).ConfigureAwait(false);
                // Answers are gathered by the server itself; a UNIX socket has no such option.
                if (socket.AddressFamily != AddressFamily.Unix)
                {
                    socket.NoDelay = true;
                }
                return socket;
            }
            catch (SocketException failure) when (!cancellation.IsCancellationRequested)
            {
                if (failure.SocketErrorCode == SocketError.TooManyOpenSockets)
                {
                    return null;
                }
                // An error of that one client: the next may fare better.
                await Task.Yield();
            }
            catch (Exception error) when (error is SocketException or ObjectDisposedException)
            {
                throw new OperationCanceledException(cancellation);
            }
        }
    }

    /// <summary>True for the path, however it is written, or a port of this host.</summary>
    internal bool IsAt(string? path, IPEndPoint? end)
    {
        if (_name is not null)
        {
            return path is not null && _name.IsSameFile(FileName.Behind(path));
        }
        return end is not null && end.Equals(_socket.LocalEndPoint)
            || (
                end is not null
                && _socket.LocalEndPoint is IPEndPoint own
                && own.Port == end.Port
                && (
                    IPAddress.IsLoopback(end.Address) && IPAddress.IsLoopback(own.Address)
                    || own.Address.Equals(IPAddress.Any)
                    || own.Address.Equals(IPAddress.IPv6Any)
                )
            );
    }

    /// <summary>Stops listening; the socket's name goes if it is still this socket's.</summary>
    public void Dispose()
    {
        _name?.Remove();
        _socket.Dispose();
    }

    private static BlockError? OpenUnix(NbdListenAddress.Unix address, out NbdListener? listener)
    {
        listener = null;
        string path = address.Path;
        if (Encoding.UTF8.GetByteCount(path) >= UnixSocket.PathBytes)
        {
            return Refused(HostErrno.NameTooLong, $"UNIX socket path '{path}' is too long");
        }
        BlockError? error = UnixSocket.TryListen(path, OwnerReadWrite, Backlog, out Socket? socket);
        if (error is not null)
        {
            return error;
        }
        // A daemon leaves its directory when it goes to the background; the name must outlive that.
        listener = new NbdListener(socket!, address, FileName.Of(Path.GetFullPath(path)));
        return null;
    }

    private static BlockError? OpenInet(NbdListenAddress.Inet address, out NbdListener? listener)
    {
        listener = null;
        string host = address.Host;
        BlockError? error = InetListening.TryListen(
            host,
            address.Port,
            Backlog,
            out Socket? socket
        );
        if (error is not null)
        {
            return error;
        }
        int port = ((IPEndPoint)socket!.LocalEndPoint!).Port;
        string text = port.ToString(CultureInfo.InvariantCulture);
        listener = new NbdListener(socket, address with { Port = text }, null);
        return null;
    }

    private static BlockError Refused(HostErrno errno, string text) =>
        new(BlockErrorKind.Host, text) { Errno = errno };
}
