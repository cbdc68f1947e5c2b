// A callback at a time. Spec: spec/block/io.md (BLK-IO-006).
using System;
using System.Threading;

namespace Ashlar.Block;

/// <summary>A callback that a loop makes once, later, unless it is cancelled before.</summary>
public sealed class IoTimer : IDisposable
{
    private Action? _callback;

    internal IoTimer(Action callback, long dueTicks)
    {
        _callback = callback;
        DueTicks = dueTicks;
    }

    /// <summary>When, on the clock of Stopwatch.</summary>
    internal long DueTicks { get; }

    /// <summary>Cancels it; harmless when it has fired.</summary>
    public void Dispose() => Interlocked.Exchange(ref _callback, null);

    internal void Fire() => Interlocked.Exchange(ref _callback, null)?.Invoke();
}
