// How much one connection may have under way: requests by number and by the memory they hold. The
// reader waits here, which is how a client that asks too much is held back.
// Spec: spec/block/nbd.md (BLK-NBD-010).
using System.Collections.Generic;
using System.Threading;

namespace Ashlar.Nbd;

internal sealed class NbdFlight
{
    // A monitor, because the reader's thread waits on it.
    private readonly object _lock = new();
    private readonly Stack<NbdRequest> _spare = new();
    private int _count;
    private int _heldBytes;

    /// <summary>A request to fill; kept from an earlier one where there is one.</summary>
    internal NbdRequest Take()
    {
        lock (_lock)
        {
            return _spare.TryPop(out NbdRequest? request) ? request : new NbdRequest();
        }
    }

    /// <summary>True when the request is under way now; false when it must wait.</summary>
    internal bool TryBegin(NbdRequest request)
    {
        lock (_lock)
        {
            return TryBeginHeld(request);
        }
    }

    internal void Begin(NbdRequest request)
    {
        lock (_lock)
        {
            while (!TryBeginHeld(request))
            {
                Monitor.Wait(_lock);
            }
        }
    }

    internal void End(NbdRequest request)
    {
        request.Release();
        lock (_lock)
        {
            _count--;
            _heldBytes -= request.HeldBytes;
            _spare.Push(request);
            // Only the reader waits here.
            Monitor.Pulse(_lock);
        }
    }

    /// <summary>Waits until nothing is under way.</summary>
    internal void WaitForAll()
    {
        lock (_lock)
        {
            while (_count > 0)
            {
                Monitor.Wait(_lock);
            }
        }
    }

    // A single request is never too large: its length was checked.
    private bool TryBeginHeld(NbdRequest request)
    {
        bool fits =
            _count == 0
            || (
                _count < NbdLimits.RequestsInFlight
                && _heldBytes + request.HeldBytes <= NbdLimits.PayloadBytes
            );
        if (fits)
        {
            _count++;
            _heldBytes += request.HeldBytes;
        }
        return fits;
    }
}
