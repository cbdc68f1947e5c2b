// Who has come and not yet chosen an export, in the order of coming. A client that says nothing
// costs a server as much as one that works; when there are many, the oldest goes first, because a
// client that means it has chosen by then. Spec: spec/block/nbd.md (BLK-NBD-002).
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Nbd;

/// <summary>The connections in their handshake. Thread-safe.</summary>
internal sealed class NbdArrivals
{
    private readonly Lock _lock = new();
    private readonly LinkedList<NbdConnection> _inOrder = [];

    internal void Add(NbdConnection connection)
    {
        lock (_lock)
        {
            _inOrder.AddLast(connection);
        }
    }

    /// <summary>The connection has chosen, or has ended; one that is not there is fine.</summary>
    internal void Remove(NbdConnection connection)
    {
        lock (_lock)
        {
            _inOrder.Remove(connection);
        }
    }

    /// <summary>
    /// Closes the oldest until no more than so many are left; completes when they are gone with
    /// their descriptors.
    /// </summary>
    internal async ValueTask EvictAsync(int left)
    {
        while (TakeOldest(left) is { } oldest)
        {
            oldest.BeginClose();
            await oldest.Ended.ConfigureAwait(false);
        }
    }

    private NbdConnection? TakeOldest(int left)
    {
        lock (_lock)
        {
            if (_inOrder.Count <= left)
            {
                return null;
            }
            NbdConnection oldest = _inOrder.First!.Value;
            _inOrder.RemoveFirst();
            return oldest;
        }
    }
}
