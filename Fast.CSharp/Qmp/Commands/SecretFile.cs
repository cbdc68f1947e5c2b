// The file a secret is read from. Spec: spec/block/objects.md (BLK-OBJ-004).
using System;
using Ashlar.Block;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.Qmp;

/// <summary>Reads the files of secrets.</summary>
internal static class SecretFile
{
    /// <summary>The longest secret in bytes; a longer file is no secret but a mistake.</summary>
    public const int BytesMax = 1 << 20;

    /// <summary>
    /// Null and the bytes, at most one more than <see cref="BytesMax"/>; or why not, in the words
    /// of GLib, which reads the file in QEMU. Whoever asks waits for nobody: what is no regular
    /// file is refused, since a pipe may never say anything.
    /// </summary>
    public static string? TryRead(string path, out byte[] bytes)
    {
        bytes = [];
        // A name ends before a zero byte, so that none has one.
        int descriptor = path.Contains('\0', StringComparison.Ordinal)
            ? -(int)HostErrno.NoEntry
            : Open(path);
        if (descriptor < 0)
        {
            HostErrno errno = (HostErrno)(-descriptor);
            return $"Failed to open file \u201c{path}\u201d: {HostErrnoText.Of(errno)}";
        }
        using SafeFileHandle handle = new(descriptor, ownsHandle: true);
        HostErrno found = Libc.TryStatus(handle, out FileStatus status);
        int type = status.Mode & Libc.TypeMask;
        if (found == HostErrno.None && type is not (Libc.TypeRegular or Libc.TypeDirectory))
        {
            return $"\u201c{path}\u201d is no regular file";
        }
        if (type == Libc.TypeDirectory)
        {
            found = HostErrno.IsDirectory;
        }
        if (found == HostErrno.None)
        {
            found = Read(handle, out bytes);
        }
        return found == HostErrno.None
            ? null
            : $"Error reading file \u201c{path}\u201d: {HostErrnoText.Of(found)}";
    }

    // A descriptor, or an error number below zero. Without waiting, because the open of a pipe
    // waits for its other end.
    private static int Open(string path)
    {
        const int Flags = Libc.OpenReadOnly | Libc.OpenNonBlocking | Libc.OpenCloseOnExec;
        while (true)
        {
            int descriptor = Libc.Open(path, Flags, 0);
            if (descriptor >= 0)
            {
                return descriptor;
            }
            HostErrno errno = Libc.LastError();
            if (errno != HostErrno.Interrupted)
            {
                return -(int)errno;
            }
        }
    }

    private static HostErrno Read(SafeFileHandle handle, out byte[] bytes)
    {
        bytes = new byte[BytesMax + 1];
        int count = 0;
        while (count < bytes.Length)
        {
            nint done = Libc.Read(handle, ref bytes[count], bytes.Length - count, count);
            if (done < 0 && Libc.LastError() != HostErrno.Interrupted)
            {
                return Libc.LastError();
            }
            if (done == 0)
            {
                break;
            }
            count += (int)Math.Max(done, 0);
        }
        bytes = bytes[..count];
        return HostErrno.None;
    }
}
