// Requests of any offset, length and memory over an engine that takes only aligned ones: what does
// not fit goes through memory of our own, and blocks that a write covers in part are read first.
// Spec: spec/block/io.md (BLK-IO-009).
using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed class AlignedEngine(LinuxHostFile file, IoEngine inner) : IoEngine
{
    // A long request goes through it piece by piece.
    private const int WindowBytes = 1 << 20;

    private readonly WriteRanges _writes = new();

    internal override ValueTask<HostErrno> ReadAsync(long offsetBytes, Memory<byte> buffer) =>
        Fits(offsetBytes, buffer.Length)
            ? ReadStraightAsync(offsetBytes, buffer)
            : ReadThroughAsync(offsetBytes, buffer);

    internal override ValueTask<HostErrno> WriteAsync(long offsetBytes, Memory<byte> buffer) =>
        Fits(offsetBytes, buffer.Length)
            ? WriteStraightAsync(offsetBytes, buffer)
            : WriteThroughAsync(offsetBytes, buffer);

    internal override ValueTask<HostErrno> FlushAsync() => inner.FlushAsync();

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal override async ValueTask<HostErrno> ChangeAsync(
        IoOperation operation,
        long offsetBytes,
        long lengthBytes
    )
    {
        // The kernel zeroes parts of blocks by itself, but not before a write of the whole block.
        WriteRanges.Range range = await EnterAsync(offsetBytes, offsetBytes + lengthBytes, true)
            .ConfigureAwait(false);
        try
        {
            return await inner
                .ChangeAsync(operation, offsetBytes, lengthBytes)
                .ConfigureAwait(false);
        }
        finally
        {
            _writes.Leave(range);
        }
    }

    private bool Fits(long offsetBytes, int lengthBytes) =>
        ((offsetBytes | (uint)lengthBytes) & (file.TransferAlignment - 1)) == 0;

    /// <summary>True while the memory stays where it is: whoever asks holds it there.</summary>
    private bool Fits(MemoryHandle pin) => AlignedBuffer.IsAligned(pin, file.MemoryAlignment);

    private long Down(long offset) => offset & -(long)file.TransferAlignment;

    private long Up(long offset) => -Down(-offset);

    private ValueTask<WriteRanges.Range> EnterAsync(long start, long end, bool isAlone)
    {
        WriteRanges.Range? range = _writes.TryEnter(Down(start), Up(end), isAlone, out _);
        return range is null ? _writes.EnterAsync(Down(start), Up(end), isAlone) : new(range);
    }

    // Memory that is aligned by chance can be moved until its transfer ends, also while it waits
    // for a place in the kernel's queue.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<HostErrno> ReadStraightAsync(long offset, Memory<byte> buffer)
    {
        using MemoryHandle pin = buffer.Pin();
        return Fits(pin)
            ? await inner.ReadAsync(offset, buffer).ConfigureAwait(false)
            : await ReadThroughAsync(offset, buffer).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<HostErrno> WriteStraightAsync(long offset, Memory<byte> buffer)
    {
        using MemoryHandle pin = buffer.Pin();
        if (!Fits(pin))
        {
            return await WriteThroughAsync(offset, buffer).ConfigureAwait(false);
        }
        WriteRanges.Range range = await EnterAsync(offset, offset + buffer.Length, false)
            .ConfigureAwait(false);
        try
        {
            return await inner.WriteAsync(offset, buffer).ConfigureAwait(false);
        }
        finally
        {
            _writes.Leave(range);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<HostErrno> ReadThroughAsync(long offset, Memory<byte> buffer)
    {
        using AlignedBuffer window = Window(offset, buffer.Length);
        HostErrno errno = HostErrno.None;
        while (buffer.Length > 0 && errno == HostErrno.None)
        {
            long start = Down(offset);
            int skipped = (int)(offset - start);
            int count = Math.Min(buffer.Length, window.Memory.Length - skipped);
            Memory<byte> whole = window.Memory[..(int)(Up(offset + count) - start)];
            errno = await inner.ReadAsync(start, whole).ConfigureAwait(false);
            whole.Slice(skipped, count).CopyTo(buffer);
            offset += count;
            buffer = buffer[count..];
        }
        return errno;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<HostErrno> WriteThroughAsync(long offset, Memory<byte> buffer)
    {
        WriteRanges.Range range = await EnterAsync(offset, buffer.Length).ConfigureAwait(false);
        try
        {
            return await WriteWindowsAsync(offset, buffer).ConfigureAwait(false);
        }
        finally
        {
            _writes.Leave(range);
        }
    }

    /// <summary>
    /// Enters what a write that does not fit covers. Who moves the file's end and may have to move
    /// it back is alone with all behind it.
    /// </summary>
    private async ValueTask<WriteRanges.Range> EnterAsync(long offset, int length)
    {
        bool hasEdges = ((offset | (uint)length) & (file.TransferAlignment - 1)) != 0;
        bool mayGrow = false;
        while (true)
        {
            long end = mayGrow ? Down(long.MaxValue) : offset + length;
            WriteRanges.Range range = await EnterAsync(offset, end, hasEdges).ConfigureAwait(false);
            // Asked inside: from outside, the end may be one that another is about to move back.
            // Now whoever moves it stands behind this range, and so does the end that it leaves.
            if (mayGrow || !hasEdges || Up(offset + length) <= file.Length)
            {
                return range;
            }
            _writes.Leave(range);
            mayGrow = true;
        }
    }

    private async ValueTask<HostErrno> WriteWindowsAsync(long offset, Memory<byte> buffer)
    {
        using AlignedBuffer window = Window(offset, buffer.Length);
        HostErrno errno = HostErrno.None;
        while (buffer.Length > 0 && errno == HostErrno.None)
        {
            long start = Down(offset);
            int skipped = (int)(offset - start);
            int count = Math.Min(buffer.Length, window.Memory.Length - skipped);
            Memory<byte> whole = window.Memory[..(int)(Up(offset + count) - start)];
            errno = await WriteWindowAsync(start, whole, skipped, buffer[..count])
                .ConfigureAwait(false);
            offset += count;
            buffer = buffer[count..];
        }
        return errno;
    }

    private async ValueTask<HostErrno> WriteWindowAsync(
        long start,
        Memory<byte> whole,
        int skipped,
        Memory<byte> buffer
    )
    {
        int block = file.TransferAlignment;
        int end = skipped + buffer.Length;
        HostErrno errno = HostErrno.None;
        if (skipped != 0)
        {
            errno = await inner.ReadAsync(start, whole[..block]).ConfigureAwait(false);
        }
        bool hasTail = end != whole.Length && (whole.Length > block || skipped == 0);
        if (hasTail && errno == HostErrno.None)
        {
            long tail = start + whole.Length - block;
            errno = await inner.ReadAsync(tail, whole[^block..]).ConfigureAwait(false);
        }
        if (errno != HostErrno.None)
        {
            return errno;
        }
        buffer.CopyTo(whole[skipped..]);
        long lengthBefore = end != whole.Length ? file.Length : 0;
        errno = await inner.WriteAsync(start, whole).ConfigureAwait(false);
        bool isLonger = end != whole.Length && lengthBefore < start + whole.Length;
        // What fills the last block is nobody's: the file ends where it did, or with the request.
        return errno == HostErrno.None && isLonger
            ? file.Truncate(Math.Max(lengthBefore, start + end))
            : errno;
    }

    private AlignedBuffer Window(long offset, int length) =>
        AlignedBuffer.Rent((int)Math.Min(Up(offset + length) - Down(offset), WindowBytes));
}
