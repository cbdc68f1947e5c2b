// One at a time, in the order of coming, across awaits. Spec: spec/block/io.md (BLK-IO-006).
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>
/// A lock that may be held while requests are awaited. It allocates only for who has to wait. Not
/// reentrant.
/// </summary>
internal sealed class LoopGate
{
    private readonly Lock _lock = new();
    private readonly Queue<LoopWaiter> _waiting = new();
    private bool _isTaken;

    /// <summary>Enters, after those who came before.</summary>
    internal ValueTask EnterAsync()
    {
        lock (_lock)
        {
            if (!_isTaken)
            {
                _isTaken = true;
                return default;
            }
            LoopWaiter waiter = new();
            _waiting.Enqueue(waiter);
            return waiter.Completion;
        }
    }

    /// <summary>Leaves; who waits longest is inside from now on.</summary>
    internal void Leave()
    {
        LoopWaiter? next;
        lock (_lock)
        {
            if (!_waiting.TryDequeue(out next))
            {
                _isTaken = false;
            }
        }
        next?.Wake();
    }
}
