// One descriptor of the Linux kernel: whole transfers, zeroing with fallbacks, locks of the open
// file description. It has no buffers and no policy. Spec: spec/block/file.md.
using System;
using System.Buffers;
using System.Runtime.InteropServices;
using System.Threading.Tasks;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.Block;

internal sealed class LinuxHostFile : HostFile
{
    // One write of zeroes where the file system can neither zero nor punch; large enough to be
    // rare, small enough to stay in the second-level cache.
    private const int ZeroBufferBytes = 64 * 1024;

    // A kernel transfers at most 2 GiB less one page in one call.
    internal const int LargestTransferBytes = 1 << 30;

    private readonly SafeFileHandle _handle;
    private readonly AioEngine _kind;
    private IoEngine _engine;
    private int _memoryAlignment = 1;
    private int _transferAlignment = 1;
    private bool _canZeroRange = true;
    private bool _canPunchHole = true;

    internal LinuxHostFile(SafeFileHandle handle, FileStatus status, HostFileMode mode)
    {
        _handle = handle;
        _kind = mode.Engine;
        _engine = EngineFor(mode.Direct);
        Identity = status.Identity;
        int flags = Libc.Control(handle, Libc.GetStatusFlags, 0);
        IsWritable =
            flags < 0 ? mode.Writable : (flags & Libc.OpenAccessMode) == Libc.OpenReadWrite;
    }

    public override FileIdentity Identity { get; }

    public override long AllocatedBytes =>
        Libc.TryStatus(_handle, out FileStatus status) == HostErrno.None
            ? (long)status.Blocks * Libc.BlockBytes
            : -1;

    public override bool IsWritable { get; }

    public override int MemoryAlignment => _memoryAlignment;

    public override int TransferAlignment => _transferAlignment;

    internal SafeFileHandle Handle => _handle;

    // A seek to the end, because it also tells a block device's size and costs less than a stat.
    // The descriptor's position is nobody's: all transfers are positional.
    public override long Length => Libc.Seek(_handle, 0, Libc.SeekEnd);

    // EINTR means that a signal came before anything was done: every call is simply repeated.
    public override HostErrno Read(long offsetBytes, Span<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            nint done = Libc.Read(
                _handle,
                ref MemoryMarshal.GetReference(buffer),
                Math.Min(buffer.Length, LargestTransferBytes),
                offsetBytes
            );
            if (done < 0)
            {
                HostErrno errno = Libc.LastError();
                if (errno == HostErrno.Interrupted)
                {
                    continue;
                }
                return errno;
            }
            buffer = buffer[(int)done..];
            offsetBytes += done;
            if (done == 0 || EndsAfter(done))
            {
                buffer.Clear();
                return HostErrno.None;
            }
        }
        return HostErrno.None;
    }

    /// <summary>
    /// True when a transfer so short can only be that of the file's end: what would follow it could
    /// not be asked for.
    /// </summary>
    internal bool EndsAfter(nint bytes) => (bytes & (TransferAlignment - 1)) != 0;

    /// <summary>
    /// Reads what needs no waiting. TryAgain when a part is missing, after the bytes that are not;
    /// NotSupported when the file system cannot tell.
    /// </summary>
    internal HostErrno ReadCached(long offsetBytes, Span<byte> buffer, out int doneBytes)
    {
        doneBytes = 0;
        while (doneBytes < buffer.Length)
        {
            nint done = Libc.ReadCached(_handle, buffer[doneBytes..], offsetBytes + doneBytes);
            if (done > 0)
            {
                doneBytes += (int)done;
                continue;
            }
            if (done == 0)
            {
                buffer[doneBytes..].Clear();
                return HostErrno.None;
            }
            HostErrno errno = Libc.LastError();
            if (errno != HostErrno.Interrupted)
            {
                return errno;
            }
        }
        return HostErrno.None;
    }

    public override ValueTask<HostErrno> ReadAsync(long offsetBytes, Memory<byte> buffer) =>
        _engine.ReadAsync(offsetBytes, buffer);

    public override ValueTask<HostErrno> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer
    ) => _engine.WriteAsync(offsetBytes, MemoryMarshal.AsMemory(buffer));

    public override ValueTask<HostErrno> WriteZeroesAsync(long offsetBytes, long lengthBytes) =>
        _engine.ChangeAsync(IoOperation.WriteZeroes, offsetBytes, lengthBytes);

    public override ValueTask<HostErrno> ZeroFastAsync(long offsetBytes, long lengthBytes) =>
        _engine.ChangeAsync(IoOperation.ZeroFast, offsetBytes, lengthBytes);

    public override ValueTask<HostErrno> DiscardAsync(long offsetBytes, long lengthBytes) =>
        _engine.ChangeAsync(IoOperation.Discard, offsetBytes, lengthBytes);

    public override ValueTask<HostErrno> FlushAsync() => _engine.FlushAsync();

    public override HostErrno Write(long offsetBytes, ReadOnlySpan<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            nint done = Libc.Write(
                _handle,
                ref MemoryMarshal.GetReference(buffer),
                Math.Min(buffer.Length, LargestTransferBytes),
                offsetBytes
            );
            if (done < 0)
            {
                HostErrno errno = Libc.LastError();
                if (errno == HostErrno.Interrupted)
                {
                    continue;
                }
                return errno;
            }
            if (done == 0)
            {
                return HostErrno.NoSpace;
            }
            buffer = buffer[(int)done..];
            offsetBytes += done;
        }
        return HostErrno.None;
    }

    // Zeroing keeps the blocks allocated where the file system can do that (a zero write is not a
    // deallocation); where it cannot, a punched hole is filled again so that later writes do not
    // fail for want of space; the last resort is to write zeroes.
    public override HostErrno WriteZeroes(long offsetBytes, long lengthBytes)
    {
        HostErrno errno = ZeroFast(offsetBytes, lengthBytes);
        return errno == HostErrno.NotSupported ? WriteZeroBytes(offsetBytes, lengthBytes) : errno;
    }

    public override HostErrno ZeroFast(long offsetBytes, long lengthBytes)
    {
        if (lengthBytes == 0)
        {
            return HostErrno.None;
        }
        if (_canZeroRange)
        {
            HostErrno errno = Allocate(Libc.FallocateZeroRange, offsetBytes, lengthBytes);
            if (!IsUnsupported(errno))
            {
                return errno;
            }
            _canZeroRange = false;
        }
        if (_canPunchHole)
        {
            int punch = Libc.FallocatePunchHole | Libc.FallocateKeepSize;
            HostErrno errno = Allocate(punch, offsetBytes, lengthBytes);
            if (errno == HostErrno.None)
            {
                errno = Allocate(0, offsetBytes, lengthBytes);
            }
            if (!IsUnsupported(errno))
            {
                return errno;
            }
            _canPunchHole = false;
        }
        return HostErrno.NotSupported;
    }

    public override HostErrno Discard(long offsetBytes, long lengthBytes)
    {
        HostErrno errno = Allocate(
            Libc.FallocatePunchHole | Libc.FallocateKeepSize,
            offsetBytes,
            lengthBytes
        );
        return IsUnsupported(errno) ? HostErrno.NotSupported : errno;
    }

    // The kernel's two questions: where is data from here on, and where does it end. No data at all
    // from here on is an error of its own, and so is an offset behind the end.
    public override bool IsData(long offsetBytes, long lengthBytes, out long extentBytes)
    {
        extentBytes = lengthBytes;
        long data = Libc.Seek(_handle, offsetBytes, Libc.SeekData);
        if (data < 0)
        {
            return Libc.LastError() != HostErrno.NoDeviceOrAddress;
        }
        if (data > offsetBytes)
        {
            extentBytes = Math.Min(lengthBytes, data - offsetBytes);
            return false;
        }
        long hole = Libc.Seek(_handle, offsetBytes, Libc.SeekHole);
        // Somebody may have punched it in between.
        extentBytes = hole > offsetBytes ? Math.Min(lengthBytes, hole - offsetBytes) : lengthBytes;
        return true;
    }

    public override HostErrno Flush()
    {
        while (Libc.SyncData(_handle) != 0)
        {
            HostErrno errno = Libc.LastError();
            if (errno != HostErrno.Interrupted)
            {
                return errno;
            }
        }
        return HostErrno.None;
    }

    public override HostErrno Truncate(long lengthBytes)
    {
        while (Libc.Truncate(_handle, lengthBytes) != 0)
        {
            HostErrno errno = Libc.LastError();
            if (errno != HostErrno.Interrupted)
            {
                return errno;
            }
        }
        return HostErrno.None;
    }

    public override HostErrno SetDirect(bool direct)
    {
        int flags = Libc.Control(_handle, Libc.GetStatusFlags, 0);
        flags = direct ? flags | Libc.OpenDirect : flags & ~Libc.OpenDirect;
        if (Libc.Control(_handle, Libc.SetStatusFlags, flags) != 0)
        {
            return Libc.LastError();
        }
        _engine = EngineFor(direct);
        return HostErrno.None;
    }

    public override HostErrno LockShared(int byteOffset) => SetLock(byteOffset, Libc.ReadLock);

    public override void Unlock(int byteOffset) => SetLock(byteOffset, Libc.NoLock);

    // Asking for an exclusive lock reports every other holder's shared one, and never one's own; a
    // host that cannot answer is taken to say yes, since going on would not be safe.
    public override bool IsLockedByOthers(int byteOffset)
    {
        FileLock question = LockOf(byteOffset, Libc.WriteLock);
        int result = Libc.Control(_handle, Libc.OfdGetLock, ref question);
        return result != 0 || question.Type != Libc.NoLock;
    }

    public override void Dispose() => _handle.Dispose();

    // BLK-IO-001
    private IoEngine EngineFor(bool direct)
    {
        (_memoryAlignment, _transferAlignment) = direct ? Libc.DirectAlignment(_handle) : (1, 1);
        IoEngine engine =
            _kind == AioEngine.Threads || (_kind == AioEngine.Native && !direct)
                ? new ThreadsEngine(this, direct)
                : new QueueEngine(this, _kind);
        return direct ? new AlignedEngine(this, engine) : engine;
    }

    private HostErrno SetLock(int byteOffset, short type)
    {
        FileLock wish = LockOf(byteOffset, type);
        int result = Libc.Control(_handle, Libc.OfdSetLock, ref wish);
        return result == 0 ? HostErrno.None : Libc.LastError();
    }

    private static FileLock LockOf(int byteOffset, short type) =>
        new()
        {
            Type = type,
            StartBytes = byteOffset,
            LengthBytes = 1,
        };

    private HostErrno Allocate(int mode, long offsetBytes, long lengthBytes)
    {
        while (Libc.Allocate(_handle, mode, offsetBytes, lengthBytes) != 0)
        {
            HostErrno errno = Libc.LastError();
            if (errno != HostErrno.Interrupted)
            {
                return errno;
            }
        }
        return HostErrno.None;
    }

    private static bool IsUnsupported(HostErrno errno) =>
        errno
            is HostErrno.NotSupported
                or HostErrno.Invalid
                or HostErrno.NoSystemCall
                or HostErrno.NoDevice;

    private HostErrno WriteZeroBytes(long offsetBytes, long lengthBytes)
    {
        int chunkBytes = (int)Math.Min(lengthBytes, ZeroBufferBytes);
        byte[] zeroes = ArrayPool<byte>.Shared.Rent(chunkBytes);
        Array.Clear(zeroes, 0, chunkBytes);
        HostErrno errno = HostErrno.None;
        while (lengthBytes > 0 && errno == HostErrno.None)
        {
            int step = (int)Math.Min(lengthBytes, chunkBytes);
            errno = Write(offsetBytes, zeroes.AsSpan(0, step));
            offsetBytes += step;
            lengthBytes -= step;
        }
        ArrayPool<byte>.Shared.Return(zeroes);
        return errno;
    }
}
