// The one clock of event loops: for their timers, for how long to look for work, and for what is
// slow.
// What a request does never depends on it. Spec: spec/block/io.md (BLK-IO-003, BLK-IO-006).
using System;
using System.Diagnostics;

namespace Ashlar.Block;

internal static class IoClock
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>Ticks that only grow.</summary>
    internal static long Now => Stopwatch.GetTimestamp();

    internal static long Ticks(TimeSpan time) => (long)(time.TotalSeconds * Stopwatch.Frequency);

    internal static long Ticks(long nanoseconds) =>
        nanoseconds * Stopwatch.Frequency / NanosecondsPerSecond;

    /// <summary>A number of ticks as the kernel wants it.</summary>
    internal static (long Seconds, long Nanoseconds) Split(long ticks)
    {
        (long seconds, long rest) = Math.DivRem(ticks, Stopwatch.Frequency);
        return (seconds, rest * (NanosecondsPerSecond / Stopwatch.Frequency));
    }
}
