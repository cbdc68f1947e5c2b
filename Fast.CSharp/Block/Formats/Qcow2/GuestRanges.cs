// Which guest ranges requests are at work in. Data moves outside the lock of the tables, so this is
// what keeps a table change away from transfers that rely on the table as it was. Spec:
// spec/block/data.md (BLK-DATA-018).
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>
/// Claims on guest ranges. One that is alone overlaps no other; those that are not may overlap each
/// other. Nobody overtakes a claim in its way, so nobody waits for ever. A request has one claim at
/// a time and takes it before it looks at tables.
/// </summary>
internal sealed class GuestRanges
{
    private readonly Lock _lock = new();

    // In the order of coming, those that wait among them.
    private readonly List<Claim> _claims = [];
    private readonly Stack<Claim> _kept = new();
    private int _waiting;

    internal sealed class Claim
    {
        internal long Start;
        internal long End;
        internal bool IsAlone;

        /// <summary>Who is told when the claim holds; null when it does.</summary>
        internal LoopWaiter? Waiter;

        internal bool IsInTheWayOf(Claim other) =>
            Start < other.End && other.Start < End && (IsAlone || other.IsAlone);
    }

    /// <summary>
    /// Claims [start, end). The claim holds as soon as <paramref name="held"/> is complete.
    /// </summary>
    internal Claim Enter(long start, long end, bool isAlone, out ValueTask held)
    {
        lock (_lock)
        {
            Claim claim = _kept.Count > 0 ? _kept.Pop() : new Claim();
            claim.Start = start;
            claim.End = end;
            claim.IsAlone = isAlone;
            held = default;
            if (IsBlocked(claim, _claims.Count))
            {
                claim.Waiter = new LoopWaiter();
                held = claim.Waiter.Completion;
                _waiting++;
            }
            _claims.Add(claim);
            return claim;
        }
    }

    /// <summary>Gives a claim up that held.</summary>
    internal void Leave(Claim claim)
    {
        lock (_lock)
        {
            int place = _claims.IndexOf(claim);
            _claims.RemoveAt(place);
            _kept.Push(claim);
            // Only those behind it can have waited for it.
            for (int index = place; _waiting > 0 && index < _claims.Count; index++)
            {
                if (_claims[index] is { Waiter: { } waiter } next && !IsBlocked(next, index))
                {
                    next.Waiter = null;
                    _waiting--;
                    waiter.Wake();
                }
            }
        }
    }

    private bool IsBlocked(Claim claim, int place)
    {
        for (int index = 0; index < place; index++)
        {
            if (_claims[index].IsInTheWayOf(claim))
            {
                return true;
            }
        }
        return false;
    }
}
