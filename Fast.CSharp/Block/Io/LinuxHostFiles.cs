// Host files through the kernel: opening by name. What an open file can do is in LinuxHostFile.
// Spec: spec/block/file.md.
using System;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.Block;

/// <summary>
/// The host's files on Linux (BLK-FILE-003, BLK-FILE-020). Has no state of its own.
/// </summary>
public sealed class LinuxHostFiles : IHostFiles
{
    /// <summary>The one instance anybody needs.</summary>
    public static readonly LinuxHostFiles Instance = new();

    /// <inheritdoc/>
    public HostErrno Open(string path, HostFileMode mode, out HostFile? file)
    {
        int access = mode.Writable ? Libc.OpenReadWrite : Libc.OpenReadOnly;
        // Non-blocking, because opening a FIFO would otherwise wait for its other end for ever; it
        // means nothing to a regular file.
        int flags = access | Libc.OpenNonBlocking | (mode.Direct ? Libc.OpenDirect : 0);
        return Open(path, flags, 0, mode, out file);
    }

    /// <summary>
    /// Makes a new empty file, which must not exist yet, and opens it read-write. The permission
    /// bits of <paramref name="mode"/> are narrowed by the process's umask.
    /// </summary>
    public HostErrno Create(string path, int mode, out HostFile? file) =>
        Open(
            path,
            Libc.OpenReadWrite | Libc.OpenCreate | Libc.OpenExclusive,
            mode,
            new HostFileMode(Writable: true),
            out file
        );

    private static HostErrno Open(
        string path,
        int flags,
        int permissions,
        HostFileMode mode,
        out HostFile? file
    )
    {
        file = null;
        if (path.Contains('\0', StringComparison.Ordinal))
        {
            return HostErrno.Invalid;
        }
        int descriptor;
        do
        {
            descriptor = Libc.Open(path, flags | Libc.OpenCloseOnExec, permissions);
        } while (descriptor < 0 && Libc.LastError() == HostErrno.Interrupted);
        if (descriptor < 0)
        {
            return Explain(Libc.LastError(), path, mode);
        }
        SafeFileHandle handle = new(descriptor, ownsHandle: true);
        HostErrno errno = Accept(handle, out FileStatus status);
        if (errno != HostErrno.None)
        {
            handle.Dispose();
            return errno;
        }
        file = new LinuxHostFile(handle, status, mode);
        return HostErrno.None;
    }

    // The kernel looks for direct transfers first, and no directory has them; and it does not open
    // a socket at all, which is one more kind of file that is no image (BLK-FILE-020).
    private static HostErrno Explain(HostErrno refusal, string path, HostFileMode mode) =>
        refusal switch
        {
            HostErrno.Invalid when mode.Direct && TypeOf(path) == Libc.TypeDirectory =>
                HostErrno.IsDirectory,
            HostErrno.NoDeviceOrAddress when TypeOf(path) == Libc.TypeSocket => HostErrno.Invalid,
            _ => refusal,
        };

    private static int TypeOf(string path) =>
        Libc.TryStatus(path, followsLink: true, out FileStatus status) == HostErrno.None
            ? status.Mode & Libc.TypeMask
            : 0;

    // Only what has a length and random access can be an image (BLK-FILE-020).
    private static HostErrno Accept(SafeFileHandle handle, out FileStatus status)
    {
        HostErrno errno = Libc.TryStatus(handle, out status);
        if (errno != HostErrno.None)
        {
            return errno;
        }
        return (status.Mode & Libc.TypeMask) switch
        {
            Libc.TypeRegular or Libc.TypeBlockDevice => HostErrno.None,
            Libc.TypeDirectory => HostErrno.IsDirectory,
            _ => HostErrno.Invalid,
        };
    }
}
