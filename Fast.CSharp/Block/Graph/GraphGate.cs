// Who may touch a graph now: requests of many threads together, or one control command alone. It
// orders, and decides nothing else. Spec: spec/block/data.md (BLK-DATA-014).
using System;
using System.Threading;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>
/// The door to a graph for an embedder with more than one thread (BLK-DATA-014). Requests enter
/// together, a control command alone; a waiting command holds new requests back, and between two
/// commands every request that waited gets in. Not reentrant: what runs inside must not enter
/// again.
/// </summary>
public sealed class GraphGate
{
    // Above any number of requests; each of them is bounded by a connection's limit.
    private const int ControlBit = 1 << 30;

    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _controls = new(1, 1);
    private readonly SemaphoreSlim _drained = new(0, 1);

    // The requests inside, and ControlBit while a command is inside or waits for them to leave.
    private int _state;

    // The requests held back by one command wait for this together.
    private TaskCompletionSource? _admission;
    private int _heldBack;

    /// <summary>
    /// Enters for one request; waits while a control command is inside or wants to be. Does not
    /// allocate when it need not wait.
    /// </summary>
    public ValueTask<Pass> EnterRequestAsync(CancellationToken cancellation = default) =>
        TryEnterRequest(out Pass pass) ? new(pass) : new(WaitForAdmission(cancellation));

    /// <summary>Enters for one request if no control command is in the way.</summary>
    public bool TryEnterRequest(out Pass pass)
    {
        int state = Volatile.Read(ref _state);
        while ((state & ControlBit) == 0)
        {
            int seen = Interlocked.CompareExchange(ref _state, state + 1, state);
            if (seen == state)
            {
                pass = new Pass(this, isControl: false);
                return true;
            }
            state = seen;
        }
        pass = default;
        return false;
    }

    /// <summary>
    /// Enters for a control command, after the requests that are inside; blocks the thread.
    /// </summary>
    public Pass EnterControl()
    {
        _controls.Wait();
        // Nobody enters once the bit is set, so the count reaches zero once, and one release comes.
        if (Interlocked.Add(ref _state, ControlBit) != ControlBit)
        {
            _drained.Wait();
        }
        return new Pass(this, isControl: true);
    }

    private async Task<Pass> WaitForAdmission(CancellationToken cancellation)
    {
        TaskCompletionSource admission;
        lock (_lock)
        {
            // The command may have left since; the bit goes only under this lock.
            if (TryEnterRequest(out Pass pass))
            {
                return pass;
            }
            _admission ??= new(TaskCreationOptions.RunContinuationsAsynchronously);
            admission = _admission;
            _heldBack++;
        }
        try
        {
            await admission.Task.WaitAsync(cancellation).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            Withdraw(admission);
            throw;
        }
        return new Pass(this, isControl: false);
    }

    // Given up while waiting; if the admission came in the meantime, there is a pass to give back.
    private void Withdraw(TaskCompletionSource admission)
    {
        bool isInside;
        lock (_lock)
        {
            isInside = !ReferenceEquals(_admission, admission);
            _heldBack -= isInside ? 0 : 1;
        }
        if (isInside)
        {
            LeaveRequest();
        }
    }

    private void LeaveRequest()
    {
        if (Interlocked.Decrement(ref _state) == ControlBit)
        {
            _drained.Release();
        }
    }

    private void LeaveControl()
    {
        TaskCompletionSource? admission;
        lock (_lock)
        {
            // Those held back are inside from now on, before the next command can be.
            admission = _admission;
            _admission = null;
            Interlocked.Add(ref _state, _heldBack - ControlBit);
            _heldBack = 0;
        }
        _controls.Release();
        admission?.SetResult();
    }

    /// <summary>Being inside; disposing it leaves. To be disposed once.</summary>
    public readonly struct Pass : IDisposable
    {
        private readonly GraphGate? _gate;
        private readonly bool _isControl;

        internal Pass(GraphGate gate, bool isControl)
        {
            _gate = gate;
            _isControl = isControl;
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            if (_isControl)
            {
                _gate!.LeaveControl();
            }
            else
            {
                _gate?.LeaveRequest();
            }
        }
    }
}
