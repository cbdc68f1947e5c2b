// Threads for what would hold its caller up: as many as are wanted, up to a bound, and none when
// nothing has been wanted for a while. Spec: spec/block/io.md (BLK-IO-003).
using System;
using System.Threading;

namespace Ashlar.Block;

/// <summary>A bounded pool for blocking calls.</summary>
internal sealed class IoWorkers
{
    /// <summary>QEMU's bound of a pool; a disk has no more to do at once.</summary>
    internal const int MaxThreads = 64;

    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(10);

    /// <summary>One pool for the process: the bound is the machine's, not a file's.</summary>
    internal static readonly IoWorkers Shared = new();

    private readonly object _lock = new();
    private IoRequest? _oldest;
    private IoRequest? _newest;
    private int _waiting;
    private int _idle;
    private int _threads;

    /// <summary>Has a request performed and finished by one of the threads.</summary>
    internal void Submit(IoRequest request)
    {
        lock (_lock)
        {
            request.Next = null;
            if (_newest is null)
            {
                _oldest = request;
            }
            else
            {
                _newest.Next = request;
            }
            _newest = request;
            _waiting++;
            if (_waiting <= _idle)
            {
                Monitor.Pulse(_lock);
            }
            else if (_threads < MaxThreads)
            {
                _threads++;
                new Thread(Work) { IsBackground = true, Name = "block worker" }.UnsafeStart();
            }
        }
    }

    private void Work()
    {
        while (Take() is { } request)
        {
            request.Finish(request.Perform());
        }
    }

    private IoRequest? Take()
    {
        lock (_lock)
        {
            while (_oldest is null)
            {
                _idle++;
                bool isCalled = Monitor.Wait(_lock, IdleTime);
                _idle--;
                if (!isCalled && _oldest is null)
                {
                    _threads--;
                    return null;
                }
            }
            IoRequest request = _oldest;
            _oldest = (IoRequest?)request.Next;
            request.Next = null;
            if (_oldest is null)
            {
                _newest = null;
            }
            _waiting--;
            return request;
        }
    }
}
