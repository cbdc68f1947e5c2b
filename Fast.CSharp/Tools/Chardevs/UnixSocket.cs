// Sockets in the file system. The runtime's own class blurs the host's errors and removes the file
// when it is disposed, whosever it is by then, so that the few calls are made here.
// Spec: spec/block/storaged.md (BLK-SD-008, BLK-SD-009).
using System.Net.Sockets;
using System.Text;
using Ashlar.Tools.Storaged;

namespace Ashlar.Tools.Chardevs;

internal static class UnixSocket
{
    /// <summary>What the kernel's address has room for.</summary>
    public const int PathBytesMax = 108;

    private const int Family = 1;
    private const int Stream = 1;
    private const int FamilyBytes = 2;

    /// <summary>
    /// One client is served, two wait; a socket that lies at the path already is taken for a
    /// left-over and removed (BLK-SD-009).
    /// </summary>
    private const int Backlog = 1;

    /// <summary>Listens at a path.</summary>
    public static Socket Listen(string path)
    {
        if (Posix.Identify(path) is { IsSocket: true } && Posix.Unlink(path) != 0)
        {
            throw new StartException($"Failed to unlink socket {path}: {Posix.LastErrorText()}");
        }
        int socket = New();
        byte[] address = AddressOf(path);
        if (Posix.Bind(socket, ref address[0], address.Length) != 0)
        {
            throw Failed(socket, $"Failed to bind socket to {path}");
        }
        return Posix.Listen(socket, Backlog) == 0
            ? Wrap(socket)
            : throw Failed(socket, "Failed to listen on socket");
    }

    /// <summary>Connects to somebody who listens at a path.</summary>
    public static Socket Connect(string path)
    {
        int socket = New();
        byte[] address = AddressOf(path);
        return Posix.Connect(socket, ref address[0], address.Length) == 0
            ? Wrap(socket)
            : throw Failed(socket, $"Failed to connect to '{path}'");
    }

    private static int New()
    {
        int socket = Posix.Socket(Family, Stream | Posix.CloseOnExec, 0);
        return socket >= 0
            ? socket
            : throw new StartException($"Failed to create Unix socket: {Posix.LastErrorText()}");
    }

    private static byte[] AddressOf(string path)
    {
        byte[] address = new byte[FamilyBytes + PathBytesMax];
        address[0] = Family;
        Encoding.UTF8.GetBytes(path, 0, path.Length, address, FamilyBytes);
        return address;
    }

    private static Socket Wrap(int socket) => new(new SafeSocketHandle(socket, ownsHandle: true));

    private static StartException Failed(int socket, string what)
    {
        StartException error = new($"{what}: {Posix.LastErrorText()}");
        Posix.Close(socket);
        return error;
    }
}
