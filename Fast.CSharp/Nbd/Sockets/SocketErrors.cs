// The host's error numbers behind the exceptions of sockets.
using System;
using System.IO;
using System.Net.Sockets;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal static class SocketErrors
{
    internal const HostErrno AddressInUse = (HostErrno)98;
    private const HostErrno AddressNotAvailable = (HostErrno)99;
    internal const HostErrno TimedOut = (HostErrno)110;

    // As the kernel has it; larger numbers are the library's own.
    private const int LargestErrno = 4096;

    /// <summary>True for what a peer that goes away makes of any call on a socket.</summary>
    internal static bool IsGone(Exception failure) =>
        failure is SocketException or IOException or ObjectDisposedException;

    /// <summary>
    /// As <see cref="Of(Exception)"/> for an address that is a path: the library reports one that
    /// leads nowhere as an address that is none.
    /// </summary>
    internal static HostErrno OfPath(Exception failure) =>
        Of(failure) == AddressNotAvailable ? HostErrno.NoEntry : Of(failure);

    internal static HostErrno Of(Exception failure) =>
        failure is SocketException socket ? Of(socket) : HostErrno.Io;

    // The library keeps the host's number beside its own name for it.
    private static HostErrno Of(SocketException failure) =>
        failure.NativeErrorCode is > 0 and < LargestErrno
            ? (HostErrno)failure.NativeErrorCode
            : HostErrno.Io;
}
