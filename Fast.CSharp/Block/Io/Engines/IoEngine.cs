// How the requests of an open file reach the kernel: the seam behind the option aio.
// Spec: spec/block/io.md (BLK-IO-001).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>The values of the option aio.</summary>
public enum AioEngine
{
    /// <summary>System calls of this process's threads.</summary>
    Threads,

    /// <summary>Linux aio, for files that are open with cache.direct.</summary>
    Native,

    /// <summary>A ring shared with the kernel.</summary>
    IoUring,
}

/// <summary>
/// One file's way to the kernel. Offsets and lengths are bytes; a transfer completes as a whole or
/// with an error, and its buffer is the engine's until then.
/// </summary>
internal abstract class IoEngine
{
    internal abstract ValueTask<HostErrno> ReadAsync(long offsetBytes, Memory<byte> buffer);

    internal abstract ValueTask<HostErrno> WriteAsync(long offsetBytes, Memory<byte> buffer);

    internal abstract ValueTask<HostErrno> FlushAsync();

    /// <summary>What is neither of these: zeroes and discards.</summary>
    internal abstract ValueTask<HostErrno> ChangeAsync(
        IoOperation operation,
        long offsetBytes,
        long lengthBytes
    );
}
