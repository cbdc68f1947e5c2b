// One transfer on its way: what is asked of which file, and who waits for it. Requests are used
// again, so that a steady stream of them allocates nothing. Spec: spec/block/io.md (BLK-IO-002).
using System;
using System.Buffers;
using System.Threading;
using System.Threading.Tasks;
using System.Threading.Tasks.Sources;

namespace Ashlar.Block;

internal enum IoOperation
{
    Read,
    Write,
    Flush,
    WriteZeroes,
    ZeroFast,
    Discard,
}

internal sealed partial class IoRequest : IoWork, IValueTaskSource<HostErrno>, IThreadPoolWorkItem
{
    // More than a loop has in flight at once are not kept.
    private const int KeptPerThread = 512;

    [ThreadStatic]
    private static IoRequest? _kept;

    [ThreadStatic]
    private static int _keptCount;

    private ManualResetValueTaskSourceCore<HostErrno> _core;
    private IoThread? _loop;
    private Memory<byte> _buffer;
    private MemoryHandle _pin;
    private bool _isPinned;
    private HostErrno _result;

    private IoRequest() { }

    internal LinuxHostFile File { get; private set; } = null!;

    internal IoOperation Operation { get; private set; }

    /// <summary>Where the rest of the transfer starts.</summary>
    internal long OffsetBytes { get; private set; }

    /// <summary>How much is left of it.</summary>
    internal long LengthBytes { get; private set; }

    /// <summary>What to wait for; to be awaited once.</summary>
    internal ValueTask<HostErrno> Completion => new(this, _core.Version);

    /// <summary>
    /// A request of the current thread: an event loop gets its answer itself, others by the pool.
    /// </summary>
    internal static IoRequest Of(
        LinuxHostFile file,
        IoOperation operation,
        long offsetBytes,
        long lengthBytes,
        Memory<byte> buffer
    )
    {
        IoRequest? request = _kept;
        if (request is null)
        {
            request = new IoRequest();
        }
        else
        {
            _kept = (IoRequest?)request.Next;
            _keptCount--;
            request.Next = null;
        }
        request.File = file;
        request.Operation = operation;
        request.OffsetBytes = offsetBytes;
        request.LengthBytes = lengthBytes;
        request._buffer = buffer;
        request._loop = IoThread.Current;
        request._loop?.Enter();
        bool hasReference = false;
        // The descriptor's number must not be given to another file while the kernel works on it.
        file.Handle.DangerousAddRef(ref hasReference);
        return request;
    }

    /// <summary>
    /// Takes what the kernel says of it: a number of bytes, or an error below zero. False when
    /// there is more to do: the transfer was short, or a signal came in between.
    /// </summary>
    internal bool Advance(int result, out HostErrno errno)
    {
        errno = result < 0 ? (HostErrno)(-result) : HostErrno.None;
        if (errno is HostErrno.Interrupted or HostErrno.TryAgain)
        {
            return false;
        }
        if (errno != HostErrno.None || Operation is IoOperation.Flush)
        {
            return true;
        }
        if (result == 0 && LengthBytes > 0)
        {
            if (Operation == IoOperation.Read)
            {
                // Beyond the end of the file there are zeroes.
                _buffer.Span[^(int)LengthBytes..].Clear();
            }
            else
            {
                errno = HostErrno.NoSpace;
            }
            return true;
        }
        OffsetBytes += result;
        LengthBytes -= result;
        if (Operation == IoOperation.Read && File.EndsAfter(result))
        {
            _buffer.Span[^(int)LengthBytes..].Clear();
            LengthBytes = 0;
        }
        return LengthBytes == 0;
    }

    /// <summary>Does all of it at once in this thread.</summary>
    internal HostErrno Perform()
    {
        Span<byte> rest = Operation is IoOperation.Read or IoOperation.Write
            ? _buffer.Span[^(int)LengthBytes..]
            : default;
        return Operation switch
        {
            IoOperation.Read => File.Read(OffsetBytes, rest),
            IoOperation.Write => File.Write(OffsetBytes, rest),
            IoOperation.Flush => File.Flush(),
            IoOperation.WriteZeroes => File.WriteZeroes(OffsetBytes, LengthBytes),
            IoOperation.ZeroFast => File.ZeroFast(OffsetBytes, LengthBytes),
            _ => File.Discard(OffsetBytes, LengthBytes),
        };
    }

    /// <summary>Ends the request here, if this is its own loop, or has it ended there.</summary>
    internal void Finish(HostErrno result)
    {
        _result = result;
        if (_loop is null)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        else if (_loop.IsCurrent)
        {
            Run();
        }
        else
        {
            _loop.Post(this);
        }
    }

    /// <summary>Tells who waits; in its loop.</summary>
    internal override void Run()
    {
        if (_isPinned)
        {
            _pin.Dispose();
            _isPinned = false;
        }
        _buffer = default;
        File.Handle.DangerousRelease();
        _loop?.Leave();
        _core.SetResult(_result);
    }

    /// <summary>The same, in a thread of the pool.</summary>
    void IThreadPoolWorkItem.Execute() => Run();

    HostErrno IValueTaskSource<HostErrno>.GetResult(short token)
    {
        HostErrno result = _core.GetResult(token);
        _core.Reset();
        File = null!;
        _loop = null;
        if (_keptCount < KeptPerThread)
        {
            Next = _kept;
            _kept = this;
            _keptCount++;
        }
        return result;
    }

    ValueTaskSourceStatus IValueTaskSource<HostErrno>.GetStatus(short token) =>
        _core.GetStatus(token);

    void IValueTaskSource<HostErrno>.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags
    ) => _core.OnCompleted(continuation, state, token, flags);
}
