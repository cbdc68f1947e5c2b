// Sockets in the file system, for servers and monitors alike. The runtime's own class blurs the
// host's errors and removes the name a socket was bound to when the socket goes, whoever's that
// name is by then, so that the few calls are made here.
// Spec: spec/block/nbd.md (BLK-NBD-001), storaged.md (BLK-SD-008, BLK-SD-009).
using System;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal static partial class UnixSocket
{
    /// <summary>What the kernel's address has room for.</summary>
    internal const int PathBytes = 108;

    private const int Family = 1;
    private const int Stream = 1;
    private const int CloseOnExec = 0x80000;
    private const int FamilyBytes = 2;

    /// <summary>
    /// Why nobody can listen at a path, or null. The kernel would take an empty one for a name of
    /// its own choice, one that begins with a zero byte for a name outside the file system, and
    /// anything behind a zero byte for nothing.
    /// </summary>
    internal static BlockError? Refuse(string path) =>
        path.Length == 0 ? Failed("UNIX socket path '' is empty", path)
        : path.Contains('\0', StringComparison.Ordinal)
            ? Failed($"Failed to bind socket to {path}", path, HostErrno.Invalid)
        : null;

    /// <summary>
    /// Listens at a path of at most <see cref="PathBytes"/>. A socket that lies there is taken for
    /// a left-over and removed; what is no socket stays, which QEMU would remove, and the bind says
    /// that the name is in use. The mode a socket has before it is bound is the one its name gets,
    /// less the process's mask, so that nobody else can connect for a moment.
    /// </summary>
    internal static BlockError? TryListen(string path, uint mode, int backlog, out Socket? socket)
    {
        socket = null;
        BlockError? refusal = Refuse(path);
        if (refusal is not null)
        {
            return refusal;
        }
        HostErrno errno = FileName.ClearSocket(path);
        if (errno != HostErrno.None)
        {
            return Failed($"Failed to unlink socket {path}", path, errno);
        }
        SafeSocketHandle handle = Create();
        byte[] address = AddressOf(path);
        bool isFine =
            !handle.IsInvalid
            && ChangeMode(handle, mode) == 0
            && Bind(handle, ref address[0], address.Length) == 0
            && Listen(handle, backlog) == 0;
        return Finish(isFine, handle, $"Failed to bind socket to {path}", path, out socket);
    }

    /// <summary>Connects to somebody who listens at a path.</summary>
    internal static BlockError? TryConnect(string path, out Socket? socket)
    {
        SafeSocketHandle handle = Create();
        byte[] address = AddressOf(path);
        bool isFine = !handle.IsInvalid && Connect(handle, ref address[0], address.Length) == 0;
        return Finish(isFine, handle, $"Failed to connect to '{path}'", path, out socket);
    }

    private static SafeSocketHandle Create() =>
        new(New(Family, Stream | CloseOnExec, 0), ownsHandle: true);

    private static BlockError? Finish(
        bool isFine,
        SafeSocketHandle handle,
        string what,
        string path,
        out Socket? socket
    )
    {
        if (isFine)
        {
            socket = new Socket(handle);
            return null;
        }
        HostErrno errno = Libc.LastError();
        handle.Dispose();
        socket = null;
        return Failed(what, path, errno);
    }

    private static byte[] AddressOf(string path)
    {
        byte[] address = new byte[FamilyBytes + PathBytes];
        address[0] = Family;
        Encoding.UTF8.GetBytes(path, 0, path.Length, address, FamilyBytes);
        return address;
    }

    private static BlockError Failed(string text, string path) =>
        new(BlockErrorKind.Host, text) { Errno = HostErrno.Invalid, Path = path };

    private static BlockError Failed(string what, string path, HostErrno errno) =>
        new(BlockErrorKind.Host, $"{what}: {HostErrnoText.Of(errno)}")
        {
            Errno = errno,
            Path = path,
        };

    [LibraryImport("libc", EntryPoint = "socket", SetLastError = true)]
    private static partial int New(int family, int type, int protocol);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    private static partial int ChangeMode(SafeHandle socket, uint mode);

    [LibraryImport("libc", EntryPoint = "bind", SetLastError = true)]
    private static partial int Bind(SafeHandle socket, ref byte address, int addressBytes);

    [LibraryImport("libc", EntryPoint = "listen", SetLastError = true)]
    private static partial int Listen(SafeHandle socket, int backlog);

    [LibraryImport("libc", EntryPoint = "connect", SetLastError = true)]
    private static partial int Connect(SafeHandle socket, ref byte address, int addressBytes);
}
