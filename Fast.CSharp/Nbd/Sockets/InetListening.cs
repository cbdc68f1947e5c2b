// Listening at a host and a port, for servers and monitors alike, with QEMU's texts.
using System.Net;
using System.Net.Sockets;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal static class InetListening
{
    /// <summary>Listens at the first of the host's addresses that allows it.</summary>
    internal static BlockError? TryListen(
        string host,
        string port,
        int backlog,
        out Socket? listener
    )
    {
        listener = null;
        BlockError? error = InetResolver.ToListen(host, port, out IPEndPoint[] ends);
        if (error is not null)
        {
            return error;
        }
        HostErrno errno = HostErrno.None;
        foreach (IPEndPoint end in ends)
        {
            Socket? socket = null;
            try
            {
                socket = NewSocket(end);
                // The runtime lets a port be taken from dying connections by itself; its option
                // ReuseAddress would share it with a server that lives.
                socket.Bind(end);
                socket.Listen(backlog);
                listener = socket;
                return null;
            }
            catch (SocketException failure)
            {
                socket?.Dispose();
                errno = SocketErrors.Of(failure);
            }
        }
        string what =
            errno == SocketErrors.AddressInUse
                ? "Failed to find an available port"
                : "Failed to bind socket";
        return new BlockError(BlockErrorKind.Host, $"{what}: {HostErrnoText.Of(errno)}")
        {
            Errno = errno,
        };
    }

    // Every IPv6 address takes every IPv4 one along.
    private static Socket NewSocket(IPEndPoint end)
    {
        Socket socket = new(end.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        if (end.Address.Equals(IPAddress.IPv6Any))
        {
            socket.DualMode = true;
        }
        return socket;
    }
}
