// What an event loop is given to do from anywhere: a chain that many threads push to and one takes.
using System;
using System.Threading;

namespace Ashlar.Block;

/// <summary>Something to be done in an event loop, once.</summary>
internal abstract class IoWork
{
    /// <summary>The neighbour in whatever chain the work stands in; it stands in one.</summary>
    internal IoWork? Next;

    internal abstract void Run();
}

/// <summary>A callback of somebody's.</summary>
internal sealed class IoCallback(Action callback) : IoWork
{
    internal override void Run() => callback();
}

/// <summary>Pushed to by any thread, emptied by one; nothing is allocated.</summary>
internal struct IoWorkChain
{
    private IoWork? _newest;

    internal readonly bool IsEmpty => Volatile.Read(in _newest) is null;

    internal void Push(IoWork work)
    {
        IoWork? newest = Volatile.Read(ref _newest);
        while (true)
        {
            work.Next = newest;
            IoWork? seen = Interlocked.CompareExchange(ref _newest, work, newest);
            if (ReferenceEquals(seen, newest))
            {
                return;
            }
            newest = seen;
        }
    }

    /// <summary>All that is there, the oldest first.</summary>
    internal IoWork? TakeAll()
    {
        IoWork? work = Interlocked.Exchange(ref _newest, null);
        IoWork? oldest = null;
        while (work is not null)
        {
            IoWork? next = work.Next;
            work.Next = oldest;
            oldest = work;
            work = next;
        }
        return oldest;
    }
}
