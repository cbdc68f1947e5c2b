// Between the errors of the block layer and those of the wire, both ways (BLK-NBD-016).
using System;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal static class NbdErrors
{
    private const string NoSpaceText = "No space left on device";

    /// <summary>The number a client is told for a refusal of the block layer.</summary>
    internal static NbdError ToWire(BlockError? error) =>
        error is null
            ? NbdError.None
            : error.Kind switch
            {
                BlockErrorKind.Permission or BlockErrorKind.ReadOnly => NbdError.NotPermitted,
                BlockErrorKind.NotSupported => NbdError.NotSupported,
                BlockErrorKind.InvalidArgument => NbdError.Invalid,
                BlockErrorKind.Host => ToWire(error.Errno),
                _ => string.Equals(error.Text, NoSpaceText, StringComparison.Ordinal)
                    ? NbdError.NoSpace
                    : NbdError.Io,
            };

    /// <summary>The refusal a server's number stands for.</summary>
    internal static BlockError FromWire(uint error, long offsetBytes)
    {
        HostErrno errno = (NbdError)error switch
        {
            NbdError.NotPermitted => HostErrno.NotPermitted,
            NbdError.NoMemory => HostErrno.NoMemory,
            NbdError.Invalid => HostErrno.Invalid,
            NbdError.NoSpace => HostErrno.NoSpace,
            NbdError.NotSupported => HostErrno.NotSupported,
            NbdError.Overflow => (HostErrno)NbdError.Overflow,
            NbdError.Shutdown => (HostErrno)NbdError.Shutdown,
            _ => HostErrno.Io,
        };
        return new BlockError(BlockErrorKind.Host, HostErrnoText.Of(errno))
        {
            Errno = errno,
            OffsetBytes = offsetBytes,
        };
    }

    private static NbdError ToWire(HostErrno errno) =>
        errno switch
        {
            HostErrno.NotPermitted or HostErrno.AccessDenied or HostErrno.ReadOnlyFileSystem =>
                NbdError.NotPermitted,
            HostErrno.NoMemory => NbdError.NoMemory,
            HostErrno.Invalid => NbdError.Invalid,
            HostErrno.NoSpace or HostErrno.FileTooBig => NbdError.NoSpace,
            HostErrno.NotSupported => NbdError.NotSupported,
            (HostErrno)NbdError.Overflow => NbdError.Overflow,
            (HostErrno)NbdError.Shutdown => NbdError.Shutdown,
            _ => NbdError.Io,
        };
}
