// The rules of a blkdebug node while it lives: which are active, in which state it is, and who
// waits. Spec: spec/block/debugging.md (BLK-DEBUG-002, BLK-DEBUG-003).
using System;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>Requests may come from any thread.</summary>
internal sealed class BlkdebugState
{
    private readonly object _lock = new();
    private readonly List<BlkdebugRule> _rules = [];
    private readonly List<(BlockDebugEvent Event, string Tag)> _breaks = [];
    private readonly List<(string Tag, TaskCompletionSource Request)> _suspended = [];
    private readonly Action<string>? _log;
    private List<BlkdebugRule> _active = [];
    private int _state = 1;

    internal BlkdebugState(BlkdebugSettings settings)
    {
        // Errors are looked at before changes of the state, and what was said last comes first.
        foreach (BlkdebugRule rule in settings.Rules)
        {
            if (rule.NewState is null)
            {
                _rules.Insert(0, rule);
            }
        }
        foreach (BlkdebugRule rule in settings.Rules)
        {
            if (rule.NewState is not null)
            {
                _rules.Insert(0, rule);
            }
        }
        _log = settings.Log;
    }

    /// <summary>An event happened; completes when the request may go on.</summary>
    internal ValueTask RaiseAsync(BlockDebugEvent happened)
    {
        List<(string Tag, TaskCompletionSource Request)>? waiting = null;
        lock (_lock)
        {
            if (_rules.Count == 0 && _breaks.Count == 0)
            {
                return default;
            }
            for (int index = _breaks.Count - 1; index >= 0; index--)
            {
                if (_breaks[index].Event == happened)
                {
                    (string, TaskCompletionSource) one = (_breaks[index].Tag, new());
                    _breaks.RemoveAt(index);
                    _suspended.Insert(0, one);
                    (waiting ??= []).Add(one);
                }
            }
            Process(happened);
        }
        return waiting is null ? default : WaitAsync(waiting);
    }

    /// <summary>The error that a request meets, if any.</summary>
    internal HostErrno Check(BlkdebugRequests kind, long offset, long length)
    {
        lock (_lock)
        {
            foreach (BlkdebugRule rule in _active)
            {
                bool isHit =
                    rule.OffsetBytes < 0
                    || (rule.OffsetBytes >= offset && rule.OffsetBytes - offset < length);
                if (!isHit || (rule.Requests & kind) == 0)
                {
                    continue;
                }
                if (rule.IsOnce && rule.Errno != HostErrno.None)
                {
                    _active.Remove(rule);
                    _rules.Remove(rule);
                }
                return rule.Errno;
            }
            return HostErrno.None;
        }
    }

    internal void Break(BlockDebugEvent happened, string tag)
    {
        lock (_lock)
        {
            _breaks.Add((happened, tag));
        }
    }

    /// <summary>Lets one request of a tag go on; false when there is none.</summary>
    internal bool Resume(string tag)
    {
        TaskCompletionSource? request = null;
        lock (_lock)
        {
            int index = _suspended.FindIndex(one => one.Tag == tag);
            if (index >= 0)
            {
                request = _suspended[index].Request;
                _suspended.RemoveAt(index);
            }
        }
        if (request is null)
        {
            return false;
        }
        _log?.Invoke($"blkdebug: Resuming request '{tag}'\n");
        // Whoever waits continues here and now.
        request.SetResult();
        return true;
    }

    /// <summary>
    /// Forgets a breakpoint and lets its requests go on; false when none was waiting for its event.
    /// </summary>
    internal bool RemoveBreak(string tag)
    {
        bool isKnown;
        lock (_lock)
        {
            isKnown = _breaks.RemoveAll(one => one.Tag == tag) > 0;
        }
        bool isResumed;
        do
        {
            isResumed = Resume(tag);
        } while (isResumed);
        return isKnown;
    }

    /// <summary>Lets all requests go on.</summary>
    internal void ResumeAll()
    {
        while (true)
        {
            string tag;
            lock (_lock)
            {
                _breaks.Clear();
                if (_suspended.Count == 0)
                {
                    return;
                }
                tag = _suspended[0].Tag;
            }
            _ = Resume(tag);
        }
    }

    internal bool IsSuspended(string tag)
    {
        lock (_lock)
        {
            return _suspended.Exists(one => one.Tag == tag);
        }
    }

    // The first error of an event takes the place of those that were active.
    private void Process(BlockDebugEvent happened)
    {
        int state = _state;
        bool isFirst = true;
        foreach (BlkdebugRule rule in _rules)
        {
            if (rule.Event != happened || (rule.State != 0 && rule.State != _state))
            {
                continue;
            }
            if (rule.NewState is int next)
            {
                state = next;
                continue;
            }
            if (isFirst)
            {
                _active = [];
                isFirst = false;
            }
            _active.Insert(0, rule);
        }
        _state = state;
    }

    private async ValueTask WaitAsync(List<(string Tag, TaskCompletionSource Request)> waiting)
    {
        foreach ((string tag, _) in waiting)
        {
            _log?.Invoke($"blkdebug: Suspended request '{tag}'\n");
        }
        foreach ((_, TaskCompletionSource request) in waiting)
        {
            await request.Task.ConfigureAwait(false);
        }
    }
}
