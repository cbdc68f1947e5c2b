// Who waits for another request rather than for the kernel: woken in its own event loop, never in
// the thread of whoever made way. Spec: spec/block/io.md (BLK-IO-006).
using System;
using System.Threading;
using System.Threading.Tasks;
using System.Threading.Tasks.Sources;

namespace Ashlar.Block;

/// <summary>One wait, begun in the thread that makes it; to be awaited once.</summary>
internal sealed class LoopWaiter : IoWork, IValueTaskSource, IThreadPoolWorkItem
{
    private readonly IoThread? _loop = IoThread.Current;
    private ManualResetValueTaskSourceCore<bool> _core;

    internal LoopWaiter()
    {
        _loop?.Enter();
    }

    /// <summary>What to wait for.</summary>
    internal ValueTask Completion => new(this, _core.Version);

    /// <summary>Ends the wait, from any thread.</summary>
    internal void Wake()
    {
        if (_loop is null)
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
        else
        {
            _loop.Post(this);
        }
    }

    internal override void Run()
    {
        _loop?.Leave();
        _core.SetResult(true);
    }

    void IThreadPoolWorkItem.Execute() => Run();

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags
    ) => _core.OnCompleted(continuation, state, token, flags);
}
