// Transfers that the kernel carries out while we do something else: the seam between an event loop
// and the two interfaces Linux has for it. Spec: spec/block/io.md (BLK-IO-004, BLK-IO-005).
using System;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>
/// A queue into the kernel that belongs to one loop. Any thread submits; what the loop's own thread
/// submits goes out together, once in each of its rounds. Only the loop takes answers.
/// </summary>
internal abstract class KernelQueue : IDisposable
{
    /// <summary>How many requests the kernel has at once; more of them wait here.</summary>
    internal const int MaxInFlight = 512;

    private readonly IoThread _loop;
    private readonly IoRequest?[] _slots = new IoRequest?[MaxInFlight];
    private readonly int[] _free = new int[MaxInFlight];
    private int _freeCount = MaxInFlight;
    private IoRequest? _oldestWaiting;
    private IoRequest? _newestWaiting;

    protected KernelQueue(IoThread loop)
    {
        _loop = loop;
        for (int slot = 0; slot < MaxInFlight; slot++)
        {
            _free[slot] = MaxInFlight - 1 - slot;
        }
    }

    /// <summary>Becomes readable when there is an answer.</summary>
    internal abstract int PollDescriptor { get; }

    /// <summary>Guards everything but the taking of answers.</summary>
    protected Lock Guard { get; } = new();

    /// <summary>What the kernel has not been told of yet; a guess outside the lock.</summary>
    internal abstract bool HasUnsent { get; }

    /// <summary>True while somebody waits for an answer; a guess outside the lock.</summary>
    internal bool IsBusy => Volatile.Read(ref _freeCount) < MaxInFlight;

    /// <summary>Accepts a transfer or a flush.</summary>
    internal ValueTask<HostErrno> SubmitAsync(
        LinuxHostFile file,
        IoOperation operation,
        long offsetBytes,
        Memory<byte> buffer
    )
    {
        IoRequest request = IoRequest.Of(file, operation, offsetBytes, buffer.Length, buffer);
        ValueTask<HostErrno> completion = request.Completion;
        Submit(request);
        return completion;
    }

    /// <summary>Tells the kernel of what has been accepted.</summary>
    internal abstract void Send();

    /// <summary>Its descriptor woke the loop.</summary>
    internal virtual void Woken() { }

    /// <summary>Takes the answers that are there, in the loop; false when there are none.</summary>
    internal abstract bool TakeAnswers();

    public abstract void Dispose();

    /// <summary>Puts a request where the kernel will look; under the lock.</summary>
    protected abstract void Place(IoRequest request, int slot);

    /// <summary>Ends the request in a slot, or sends the rest of it.</summary>
    protected void Answer(int slot, int result)
    {
        IoRequest request = _slots[slot]!;
        bool isDone = request.Advance(result, out HostErrno errno);
        lock (Guard)
        {
            if (isDone)
            {
                Release(slot);
            }
            else
            {
                Place(request, slot);
            }
        }
        if (isDone)
        {
            request.Finish(errno);
        }
    }

    /// <summary>Ends a request that the kernel does not accept.</summary>
    protected void Refuse(int slot, HostErrno errno)
    {
        IoRequest request = _slots[slot]!;
        Release(slot);
        request.Finish(errno);
    }

    private void Submit(IoRequest request)
    {
        lock (Guard)
        {
            if (_freeCount == 0)
            {
                Wait(request);
            }
            else
            {
                Occupy(request);
            }
        }
        if (!_loop.IsCurrent)
        {
            Send();
            if (HasUnsent)
            {
                _loop.Wake();
            }
        }
    }

    private void Occupy(IoRequest request)
    {
        int slot = _free[--_freeCount];
        _slots[slot] = request;
        Place(request, slot);
    }

    private void Release(int slot)
    {
        _slots[slot] = null;
        _free[_freeCount++] = slot;
        if (_oldestWaiting is { } waiting)
        {
            _oldestWaiting = (IoRequest?)waiting.Next;
            if (_oldestWaiting is null)
            {
                _newestWaiting = null;
            }
            waiting.Next = null;
            Occupy(waiting);
        }
    }

    private void Wait(IoRequest request)
    {
        if (_newestWaiting is null)
        {
            _oldestWaiting = request;
        }
        else
        {
            _newestWaiting.Next = request;
        }
        _newestWaiting = request;
    }
}

/// <summary>A file's requests through the queue of the loop they come from.</summary>
internal sealed class QueueEngine(LinuxHostFile file, AioEngine kind) : IoEngine
{
    private readonly ThreadsEngine _others = new(file, isDirect: true);

    internal override ValueTask<HostErrno> ReadAsync(long offsetBytes, Memory<byte> buffer) =>
        Queue.SubmitAsync(file, IoOperation.Read, offsetBytes, buffer);

    internal override ValueTask<HostErrno> WriteAsync(long offsetBytes, Memory<byte> buffer) =>
        Queue.SubmitAsync(file, IoOperation.Write, offsetBytes, buffer);

    // Linux aio flushes few file systems; a ring flushes all.
    internal override ValueTask<HostErrno> FlushAsync() =>
        kind == AioEngine.IoUring
            ? Queue.SubmitAsync(file, IoOperation.Flush, 0, default)
            : _others.FlushAsync();

    internal override ValueTask<HostErrno> ChangeAsync(
        IoOperation operation,
        long offsetBytes,
        long lengthBytes
    ) => _others.ChangeAsync(operation, offsetBytes, lengthBytes);

    private KernelQueue Queue => (IoThread.Current ?? IoThread.Shared).QueueOf(kind);
}
