// An event loop: one thread that takes the kernel's answers, callbacks and timers, and sleeps when
// there is nothing. Spec: spec/block/io.md (BLK-IO-006, BLK-IO-007).
using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>
/// An event loop. What continues a request of this thread runs in this thread; callbacks run in the
/// order they were posted, each once.
/// </summary>
public sealed partial class IoThread : IDisposable
{
    /// <summary>QEMU's longest busy wait, in nanoseconds.</summary>
    public const int DefaultPollMaxNanoseconds = 32_768;

    private const int FirstPollNanoseconds = 4_000;
    private const int RetryNanoseconds = 1_000_000;

    private static readonly Lazy<IoThread> SharedThread = new(() => new IoThread("block io"));

    [ThreadStatic]
    private static IoThread? _current;

    private readonly Thread _thread;
    private readonly Lock _lock = new();
    private readonly PriorityQueue<IoTimer, (long, long)> _timers = new();
    private readonly int _wakeUp;
    private readonly long _pollMaxTicks;
    private IoWorkChain _posted;
    private KernelQueue? _uring;
    private KernelQueue? _aio;
    private long _pollTicks;
    private long _timerCount;
    private int _inFlight;
    private int _isAsleep;
    private volatile bool _isStopping;

    /// <summary>Starts a loop.</summary>
    /// <param name="name">The thread's name.</param>
    /// <param name="pollMaxNanoseconds">
    /// How long the loop looks for work before it sleeps, at most; 0 means that it sleeps at once.
    /// </param>
    public IoThread(string name, int pollMaxNanoseconds = DefaultPollMaxNanoseconds)
    {
        _pollMaxTicks = IoClock.Ticks(pollMaxNanoseconds);
        _wakeUp = EventDescriptor.Open();
        if (_wakeUp < 0)
        {
            throw new BlockException(
                new BlockError(
                    BlockErrorKind.Host,
                    $"Could not start an event loop: {HostErrnoText.Of(Libc.LastError())}"
                )
            );
        }
        _thread = new Thread(Loop) { IsBackground = true, Name = name };
        _thread.Start();
    }

    /// <summary>The loop of the thread that asks; null outside of loops.</summary>
    public static IoThread? Current => _current;

    /// <summary>True in the loop's own thread.</summary>
    public bool IsCurrent => ReferenceEquals(_current, this);

    /// <summary>The loop for requests that come from no loop.</summary>
    internal static IoThread Shared => SharedThread.Value;

    /// <summary>Has the loop call something, soon and once; from any thread.</summary>
    public void Post(Action callback) => Post(new IoCallback(callback));

    /// <summary>Has the loop call something after a time, unless the timer is disposed.</summary>
    public IoTimer Schedule(TimeSpan delay, Action callback)
    {
        long due = IoClock.Now + IoClock.Ticks(delay);
        IoTimer timer = new(callback, due);
        if (IsCurrent)
        {
            Add(timer);
        }
        else
        {
            Post(() => Add(timer));
        }
        return timer;
    }

    /// <summary>Runs something in the loop; what it awaits of files continues there.</summary>
    public Task RunAsync(Func<Task> body)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(async () =>
        {
            try
            {
                await body().ConfigureAwait(false);
                done.SetResult();
            }
            catch (Exception error)
            {
                done.SetException(error);
            }
        });
        return done.Task;
    }

    /// <summary>
    /// Ends the loop after all that is posted and in flight; not from the loop itself.
    /// </summary>
    public void Dispose()
    {
        _isStopping = true;
        Wake();
        _thread.Join();
    }

    /// <summary>
    /// Starts a request and waits for it, for commands, which are one thread's from begin to end.
    /// In a loop the answer would come to the thread that waits for it, so it is sent elsewhere.
    /// </summary>
    internal static T Await<T>(Func<ValueTask<T>> start)
    {
        IoThread? loop = _current;
        _current = null;
        try
        {
            ValueTask<T> request = start();
            return request.IsCompletedSuccessfully
                ? request.Result
                : request.AsTask().GetAwaiter().GetResult();
        }
        finally
        {
            _current = loop;
        }
    }

    internal void Post(IoWork work)
    {
        _posted.Push(work);
        Wake();
    }

    // The loop's own requests, whichever way they go; its thread alone counts them.
    internal void Enter() => _inFlight++;

    internal void Leave() => _inFlight--;

    internal void Wake()
    {
        if (!IsCurrent && Interlocked.Exchange(ref _isAsleep, 0) != 0)
        {
            EventDescriptor.Signal(_wakeUp);
        }
    }

    /// <summary>The loop's queue into the kernel; made when it is first wanted.</summary>
    /// <exception cref="BlockException">The kernel gives none.</exception>
    internal KernelQueue QueueOf(AioEngine kind)
    {
        KernelQueue? queue = kind == AioEngine.IoUring ? _uring : _aio;
        if (queue is not null)
        {
            return queue;
        }
        BlockException.ThrowIf(TryPrepare(kind));
        return (kind == AioEngine.IoUring ? _uring : _aio)!;
    }

    /// <summary>Makes sure that the loop has a queue of a kind, or says why it cannot.</summary>
    internal BlockError? TryPrepare(AioEngine kind)
    {
        lock (_lock)
        {
            HostErrno errno = HostErrno.None;
            if (kind == AioEngine.IoUring && _uring is null)
            {
                errno = UringQueue.TryCreate(this, out UringQueue? queue);
                _uring = queue;
            }
            else if (kind == AioEngine.Native && _aio is null)
            {
                errno = AioQueue.TryCreate(this, out AioQueue? queue);
                _aio = queue;
            }
            if (errno != HostErrno.None)
            {
                string what =
                    kind == AioEngine.IoUring
                        ? "Unable to use io_uring: failed to init linux io_uring ring"
                        : "Unable to use native AIO: failed to create linux AIO context";
                return new BlockError(
                    BlockErrorKind.NotSupported,
                    $"{what}: {HostErrnoText.Of(errno)}"
                );
            }
        }
        // A loop that sleeps does not look at the new queue yet.
        Wake();
        return null;
    }

    private void Add(IoTimer timer) => _timers.Enqueue(timer, (timer.DueTicks, _timerCount++));

    private void Loop()
    {
        _current = this;
        while (true)
        {
            if (RunOnce())
            {
                continue;
            }
            if (_isStopping && IsIdle)
            {
                break;
            }
            long start = IoClock.Now;
            if (!PollUntil(start + _pollTicks))
            {
                Sleep();
                Adapt(IoClock.Now - start);
            }
        }
        _uring?.Dispose();
        _aio?.Dispose();
        _ = Uring.Close(_wakeUp);
    }

    private bool IsIdle =>
        _inFlight == 0
        && _posted.IsEmpty
        && _uring is not { IsBusy: true }
        && _aio is not { IsBusy: true };

    private bool HasUnsent => _uring is { HasUnsent: true } || _aio is { HasUnsent: true };

    /// <summary>One round; false when there was nothing to do.</summary>
    private bool RunOnce()
    {
        bool isAny = RunPosted() | RunTimers();
        isAny |= Serve(_uring) | Serve(_aio);
        return isAny;
    }

    private static bool Serve(KernelQueue? queue)
    {
        if (queue is null)
        {
            return false;
        }
        if (queue.HasUnsent)
        {
            queue.Send();
        }
        return queue.TakeAnswers();
    }

    private bool RunPosted()
    {
        IoWork? work = _posted.IsEmpty ? null : _posted.TakeAll();
        bool isAny = work is not null;
        while (work is not null)
        {
            IoWork? next = work.Next;
            work.Next = null;
            work.Run();
            work = next;
        }
        return isAny;
    }

    private bool RunTimers()
    {
        bool isAny = false;
        while (_timers.TryPeek(out IoTimer? timer, out _) && timer.DueTicks <= IoClock.Now)
        {
            _timers.Dequeue();
            timer.Fire();
            isAny = true;
        }
        return isAny;
    }

    private bool PollUntil(long end)
    {
        while (IoClock.Now < end)
        {
            if (RunOnce())
            {
                return true;
            }
            Thread.SpinWait(1);
        }
        return false;
    }

    // Work that came soon after the loop went to sleep would have been found by looking a little
    // longer; when it came late, looking was in vain.
    private void Adapt(long idleTicks)
    {
        if (idleTicks > _pollMaxTicks)
        {
            _pollTicks = 0;
        }
        else if (idleTicks > _pollTicks)
        {
            _pollTicks = Math.Clamp(
                _pollTicks * 2,
                IoClock.Ticks(FirstPollNanoseconds),
                _pollMaxTicks
            );
        }
    }

    private bool TryTimeToTimer(out long seconds, out long nanoseconds)
    {
        seconds = 0;
        nanoseconds = 0;
        if (!_timers.TryPeek(out IoTimer? timer, out _))
        {
            return false;
        }
        long ticks = Math.Max(0, timer.DueTicks - IoClock.Now);
        (seconds, nanoseconds) = IoClock.Split(ticks);
        return true;
    }
}
