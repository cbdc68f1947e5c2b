// The calls of the C library that take vectors of memory.
using System;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.Block;

internal static partial class Libc
{
    private const int NoWait = 8;

    /// <summary>A read that is refused where it would have to wait for a device.</summary>
    internal static unsafe nint ReadCached(SafeFileHandle file, Span<byte> buffer, long offsetBytes)
    {
        fixed (byte* start = buffer)
        {
            nint* vector = stackalloc nint[2];
            vector[0] = (nint)start;
            vector[1] = Math.Min(buffer.Length, LinuxHostFile.LargestTransferBytes);
            return ReadVector(file, vector, 1, offsetBytes, NoWait);
        }
    }

    [LibraryImport("libc", EntryPoint = "preadv2", SetLastError = true)]
    private static unsafe partial nint ReadVector(
        SafeFileHandle file,
        nint* startAndBytes,
        int count,
        long offsetBytes,
        int flags
    );
}
