// The name of a UNIX socket in the file system: cleared before it is taken, and removed afterwards
// only if it is still the one that was made. Spec: spec/block/nbd.md (BLK-NBD-001).
using System;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Ashlar.Block;

namespace Ashlar.Nbd;

/// <summary>Which file stands under a name, so that another server's is never removed.</summary>
internal sealed partial record SocketName(string Path, ulong Inode, ulong Device)
{
    private const int CurrentDirectory = -100;
    private const int NoFollow = 0x100;
    private const uint BasicStatistics = 0x7ff;
    private const int StatusBytes = 256;
    private const int TypeMask = 0xF000;
    private const int TypeSocket = 0xC000;
    private const uint OwnerReadWrite = 0x180;

    /// <summary>The file under the path now, or null.</summary>
    internal static SocketName? Of(string path) => Of(path, NoFollow, out _);

    /// <summary>The file a path leads to in the end, or null.</summary>
    internal static SocketName? Behind(string path) => Of(path, 0, out _);

    /// <summary>
    /// Takes a socket away that stands under the path. What is no socket stays, which QEMU would
    /// remove; binding then says that the name is in use.
    /// </summary>
    internal static BlockError? Clear(string path)
    {
        _ = Of(path, NoFollow, out bool isSocket);
        if (!isSocket || Unlink(path) == 0)
        {
            return null;
        }
        var errno = (HostErrno)Marshal.GetLastPInvokeError();
        return errno == HostErrno.NoEntry
            ? null
            : new BlockError(
                BlockErrorKind.Host,
                $"Failed to unlink socket {path}: {HostErrnoText.Of(errno)}"
            )
            {
                Errno = errno,
                Path = path,
            };
    }

    /// <summary>True when both names lead to one socket.</summary>
    internal bool IsSameFile(SocketName? other) =>
        other is not null && other.Inode == Inode && other.Device == Device;

    /// <summary>
    /// Lets nobody but this user connect. The mode a socket has before it is bound is the one its
    /// name gets, so there is no moment in between.
    /// </summary>
    internal static void MakePrivate(Socket socket)
    {
        if (ChangeMode(socket.SafeHandle, OwnerReadWrite) != 0)
        {
            throw new SocketException(Marshal.GetLastPInvokeError());
        }
    }

    internal void Remove()
    {
        if (Equals(Of(Path)))
        {
            _ = Unlink(Path);
        }
    }

    private static SocketName? Of(string path, int flags, out bool isSocket)
    {
        Span<byte> buffer = stackalloc byte[StatusBytes];
        int result = Status(
            CurrentDirectory,
            path,
            flags,
            BasicStatistics,
            ref MemoryMarshal.GetReference(buffer)
        );
        isSocket =
            result == 0 && (MemoryMarshal.Read<ushort>(buffer[28..]) & TypeMask) == TypeSocket;
        return result == 0
            ? new SocketName(
                path,
                MemoryMarshal.Read<ulong>(buffer[32..]),
                MemoryMarshal.Read<ulong>(buffer[136..])
            )
            : null;
    }

    [LibraryImport(
        "libc",
        EntryPoint = "statx",
        SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8
    )]
    private static partial int Status(
        int directory,
        string path,
        int flags,
        uint mask,
        ref byte buffer
    );

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    private static partial int ChangeMode(SafeHandle socket, uint mode);

    [LibraryImport(
        "libc",
        EntryPoint = "unlink",
        SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8
    )]
    private static partial int Unlink(string path);
}
