// Host error numbers as refusals of requests. Refusals of opening have their own texts
// (BLK-FILE-003).
namespace Ashlar.Block;

internal static class HostErrors
{
    /// <summary>
    /// Null for success, else the host's text; the offset is in bytes, -1 for none.
    /// </summary>
    internal static BlockError? OfRequest(HostErrno errno, long offsetBytes) =>
        errno == HostErrno.None
            ? null
            : new BlockError(BlockErrorKind.Host, HostErrnoText.Of(errno))
            {
                Errno = errno,
                OffsetBytes = offsetBytes,
            };
}
