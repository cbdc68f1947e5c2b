// aio=threads: system calls that may block, where blocking hurts nobody. What the page cache
// answers at once is asked for in the caller's own thread, since handing it over costs more than
// doing it; what has been slow goes to the workers. Spec: spec/block/io.md (BLK-IO-003).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed class ThreadsEngine(LinuxHostFile file, bool isDirect) : IoEngine
{
    private readonly LinuxHostFile _file = file;

    // Without the page cache every transfer waits for a device.
    private readonly bool _isDirect = isDirect;
    private InlineTrial _reads;
    private InlineTrial _writes;
    private InlineTrial _changes;
    private InlineTrial _flushes;
    private bool _canAskCache = true;

    internal override ValueTask<HostErrno> ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        if (_isDirect)
        {
            return Hand(IoOperation.Read, offsetBytes, buffer.Length, buffer);
        }
        if (_canAskCache)
        {
            HostErrno errno = _file.ReadCached(offsetBytes, buffer.Span, out int done);
            if (errno == HostErrno.NotSupported)
            {
                _canAskCache = false;
            }
            else if (errno != HostErrno.TryAgain)
            {
                return new(errno);
            }
            else
            {
                Memory<byte> rest = buffer[done..];
                return Hand(IoOperation.Read, offsetBytes + done, rest.Length, rest);
            }
        }
        if (!_reads.IsWorthIt)
        {
            return Hand(IoOperation.Read, offsetBytes, buffer.Length, buffer);
        }
        long start = IoClock.Now;
        HostErrno result = _file.Read(offsetBytes, buffer.Span);
        _reads.Note(start);
        return new(result);
    }

    internal override ValueTask<HostErrno> WriteAsync(long offsetBytes, Memory<byte> buffer)
    {
        if (_isDirect || !_writes.IsWorthIt)
        {
            return Hand(IoOperation.Write, offsetBytes, buffer.Length, buffer);
        }
        long start = IoClock.Now;
        HostErrno errno = _file.Write(offsetBytes, buffer.Span);
        _writes.Note(start);
        return new(errno);
    }

    internal override ValueTask<HostErrno> FlushAsync()
    {
        if (!_flushes.IsWorthIt)
        {
            return Hand(IoOperation.Flush, 0, 0, default);
        }
        long start = IoClock.Now;
        HostErrno errno = _file.Flush();
        _flushes.Note(start);
        return new(errno);
    }

    internal override ValueTask<HostErrno> ChangeAsync(
        IoOperation operation,
        long offsetBytes,
        long lengthBytes
    )
    {
        if (!_changes.IsWorthIt)
        {
            return Hand(operation, offsetBytes, lengthBytes, default);
        }
        long start = IoClock.Now;
        HostErrno errno = operation switch
        {
            IoOperation.WriteZeroes => _file.WriteZeroes(offsetBytes, lengthBytes),
            IoOperation.ZeroFast => _file.ZeroFast(offsetBytes, lengthBytes),
            _ => _file.Discard(offsetBytes, lengthBytes),
        };
        _changes.Note(start);
        return new(errno);
    }

    private ValueTask<HostErrno> Hand(
        IoOperation operation,
        long offsetBytes,
        long lengthBytes,
        Memory<byte> buffer
    )
    {
        IoRequest request = IoRequest.Of(_file, operation, offsetBytes, lengthBytes, buffer);
        ValueTask<HostErrno> completion = request.Completion;
        IoWorkers.Shared.Submit(request);
        return completion;
    }
}

/// <summary>
/// Whether a kind of call is quick enough to be made in the caller's own thread. One that was slow
/// sends a number of its followers away, and twice as many the next time; a quick one forgives all.
/// Threads race for it, and a lost count costs one trial.
/// </summary>
internal struct InlineTrial
{
    private const int FirstPenalty = 64;
    private const int LargestPenalty = 1 << 16;

    // Ten times what handing over costs, and far below what a user notices.
    private static readonly long SlowTicks = IoClock.Ticks(500_000);

    private int _left;
    private int _penalty;

    internal bool IsWorthIt
    {
        get
        {
            if (_left <= 0)
            {
                return true;
            }
            _left--;
            return false;
        }
    }

    /// <summary>Takes note of a call that was made at once, from the time it began.</summary>
    internal void Note(long start)
    {
        if (IoClock.Now - start < SlowTicks)
        {
            _penalty = 0;
            return;
        }
        _penalty = Math.Clamp(_penalty * 2, FirstPenalty, LargestPenalty);
        _left = _penalty;
    }
}
