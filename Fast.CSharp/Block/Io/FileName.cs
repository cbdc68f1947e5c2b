// A name in the file system and the file it led to when it was looked at: who made a file under a
// name removes it later only if it is still that file. Used for sockets and pidfiles.
// Spec: spec/block/nbd.md (BLK-NBD-001), storaged.md (BLK-SD-009, BLK-SD-012).
namespace Ashlar.Block;

/// <summary>Which file stands under a name, so that somebody else's is never removed.</summary>
internal sealed record FileName(string Path, FileIdentity Identity)
{
    /// <summary>The file under the path now, a link itself included, or null.</summary>
    internal static FileName? Of(string path) =>
        Libc.TryStatus(path, followsLink: false, out FileStatus status) == HostErrno.None
            ? new FileName(path, status.Identity)
            : null;

    /// <summary>The file a path leads to in the end, or null.</summary>
    internal static FileName? Behind(string path) =>
        Libc.TryStatus(path, followsLink: true, out FileStatus status) == HostErrno.None
            ? new FileName(path, status.Identity)
            : null;

    /// <summary>
    /// Takes a socket away that stands under the path, whoever's it was; what is no socket stays.
    /// </summary>
    internal static HostErrno ClearSocket(string path)
    {
        bool isSocket =
            Libc.TryStatus(path, followsLink: false, out FileStatus status) == HostErrno.None
            && (status.Mode & Libc.TypeMask) == Libc.TypeSocket;
        if (!isSocket || Libc.Unlink(path) == 0)
        {
            return HostErrno.None;
        }
        HostErrno errno = Libc.LastError();
        // Somebody else was faster.
        return errno == HostErrno.NoEntry ? HostErrno.None : errno;
    }

    /// <summary>True when both names lead to one file.</summary>
    internal bool IsSameFile(FileName? other) => other?.Identity == Identity;

    /// <summary>Removes the name unless another file has taken it.</summary>
    internal void Remove()
    {
        if (IsSameFile(Of(Path)))
        {
            _ = Libc.Unlink(Path);
        }
    }
}
