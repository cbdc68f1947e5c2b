// Which ranges are being written, so that nobody reads an edge, changes it and writes it back while
// another writes it. Spec: spec/block/io.md (BLK-IO-009).
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>
/// Writes in flight. One that is alone waits for whatever it overlaps; others wait for those that
/// are alone.
/// </summary>
internal sealed class WriteRanges
{
    private readonly Lock _lock = new();
    private readonly List<Range> _active = [];
    private readonly Stack<Range> _kept = new();

    internal sealed class Range
    {
        internal long Start;
        internal long End;
        internal bool IsAlone;
        internal TaskCompletionSource? Ended;
    }

    /// <summary>
    /// Enters a range if nothing is in its way; otherwise what to wait for before asking again.
    /// </summary>
    internal Range? TryEnter(long start, long end, bool isAlone, out Task? obstacle)
    {
        lock (_lock)
        {
            foreach (Range other in _active)
            {
                if (other.Start < end && start < other.End && (isAlone || other.IsAlone))
                {
                    other.Ended ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
                    obstacle = other.Ended.Task;
                    return null;
                }
            }
            obstacle = null;
            Range range = _kept.Count > 0 ? _kept.Pop() : new Range();
            range.Start = start;
            range.End = end;
            range.IsAlone = isAlone;
            _active.Add(range);
            return range;
        }
    }

    /// <summary>Enters a range, when nothing is in its way any more.</summary>
    internal async ValueTask<Range> EnterAsync(long start, long end, bool isAlone)
    {
        while (true)
        {
            if (TryEnter(start, end, isAlone, out Task? obstacle) is { } range)
            {
                return range;
            }
            await obstacle!.ConfigureAwait(false);
        }
    }

    /// <summary>Leaves a range.</summary>
    internal void Leave(Range range)
    {
        TaskCompletionSource? ended;
        lock (_lock)
        {
            int place = _active.IndexOf(range);
            _active[place] = _active[^1];
            _active.RemoveAt(_active.Count - 1);
            ended = range.Ended;
            range.Ended = null;
            _kept.Push(range);
        }
        ended?.SetResult();
    }
}
