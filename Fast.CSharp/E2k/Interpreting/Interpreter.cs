// One bundle: all sources are read from the state before it, and what it does happens at once, or a
// trap and nothing. Spec: spec/e2k/step.md, E2K-STEP and E2K-BR.
namespace Ashlar.E2k;

/// <summary>Carries out bundles one at a time.</summary>
public sealed partial class Interpreter(Machine machine)
{
    private readonly Machine _machine = machine;
    private readonly Pending _pending = new();

    // The bundle in the making.
    private Control _after;
    private WindowPart _window;
    private Bundle _bundle = null!;
    private Trap _trap;
    private bool _isLockLost;
    private Frame? _pushed;

    /// <summary>
    /// The system's entry that the last bundle called, and the place of the first register of the
    /// window it would have had; null where it called none.
    /// </summary>
    public (int Entry, int Place)? SystemCall { get; private set; }

    /// <summary>Whether the last bundle's transfer was taken.</summary>
    public bool IsTaken { get; private set; }

    /// <summary>Registers that the last bundle wrote, in order.</summary>
    public System.ReadOnlySpan<RegisterWrite> Registers => _pending.Registers;

    /// <summary>Bytes that the last bundle wrote, in order.</summary>
    public System.ReadOnlySpan<MemoryWrite> Bytes => _pending.Bytes;

    private ref readonly Control Before => ref _machine.Now;

    /// <summary>Carries out a bundle; the trap that stopped it has changed nothing.</summary>
    public Trap Step(Bundle bundle)
    {
        _pending.Clear();
        _bundle = bundle;
        _after = _machine.Now;
        _trap = default;
        _isLockLost = false;
        _pushed = null;
        SystemCall = null;
        IsTaken = false;
        _after.Ip += (ulong)bundle.Bytes;
        _window = Before.Window;
        Collect(bundle);
        if (_trap.Kind != TrapKind.None)
        {
            SystemCall = null;
            return _trap;
        }
        _pending.Commit(_machine);
        if (_pushed is { } frame)
        {
            _machine.Push(_after.Depth - 1, frame);
        }
        _machine.Now = _after;
        return default;
    }

    private void Collect(Bundle bundle)
    {
        // A new window holds for the operations beside it (E2K-STEP-006).
        foreach (Setting setting in bundle.Settings)
        {
            if (setting.Kind == SettingKind.Window)
            {
                SetWindow(setting.Number);
            }
        }
        _after.Window = _window;
        foreach (Job job in bundle.Jobs)
        {
            CarryOut(job);
            if (_trap.Kind != TrapKind.None)
            {
                return;
            }
        }
        foreach (ArrayMove move in bundle.Moves)
        {
            Move(move);
        }
        if (!bundle.Logic.IsEmpty)
        {
            _after.Predicates = Predicates.Logic(
                Before,
                _machine.HasTags,
                bundle.Logic,
                _after.Predicates
            );
        }
        foreach (Setting setting in bundle.Settings)
        {
            Set(setting);
        }
        if (bundle.StopsArrays)
        {
            // Prefetch is over (E2K-ARR-005).
            _after.Left = null;
            _after.Right = null;
        }
        if (bundle.StartsArrays)
        {
            StartArrays();
        }
        if (_trap.Kind == TrapKind.None)
        {
            End(bundle);
        }
    }

    private void End(Bundle bundle)
    {
        switch (Predicates.OfTransfer(Before, bundle, _isLockLost))
        {
            case Verdict.Holds:
                IsTaken = true;
                Turn(bundle, true);
                Transfer(bundle);
                break;
            case Verdict.HoldsNot:
                Turn(bundle, false);
                break;
            default:
                Fail(TrapKind.InvalidOperand);
                break;
        }
    }

    /// <summary>What goes wrong first is what is reported (E2K-TRAP-002).</summary>
    private void Fail(TrapKind kind, ulong address = 0)
    {
        if (_trap.Kind == TrapKind.None)
        {
            _trap = new(kind, address);
        }
    }

    private void Illegal(string rule, string reason)
    {
        if (_trap.Kind == TrapKind.None)
        {
            _trap = new(TrapKind.IllegalOperation, 0, new(rule, reason));
        }
    }

    /// <summary>Registers that come into sight are invalid (E2K-ST-004).</summary>
    private void SetWindow(int size)
    {
        if (size < _window.Parameters)
        {
            Illegal("E2K-ST-004", "a window smaller than its parameters");
        }
        else if (_window.Base + size > RegisterFile.DepthMax)
        {
            Fail(TrapKind.StackBounds);
        }
        else if (_machine.HasTags && !Planted.Is(Bug.NewRegistersValid))
        {
            for (int number = _window.Size; number < size; number++)
            {
                Invalidate(number);
            }
        }
        _window = _window with { Size = size };
    }

    private void Invalidate(int number) =>
        _pending.Register(
            RegisterFile.Globals + _window.Base + number,
            default,
            Tags.Invalid(Width.Double)
        );

    private void Set(Setting setting)
    {
        switch (setting.Kind)
        {
            case SettingKind.Based:
                SetBased(setting.Area);
                break;
            case SettingKind.Turning:
                SetTurning(setting.Number);
                break;
            case SettingKind.Displacement:
                _after.Prepare(setting.Number, new(TransferKind.Direct, Near(setting.Distance)));
                break;
            case SettingKind.PrefetchDisplacement:
                _after.Prepare(setting.Number, new(TransferKind.Prefetch, Near(setting.Distance)));
                break;
            case SettingKind.SystemEntry:
                _after.Prepare(
                    setting.Number,
                    new(TransferKind.SystemEntry, (ulong)setting.Distance)
                );
                break;
            case SettingKind.Return:
                _after.Prepare(setting.Number, new(TransferKind.Return, 0));
                break;
        }
    }

    private ulong Near(long distance) => Before.Ip + (ulong)distance;

    /// <summary>Registers that leave the rotating area become invalid (E2K-ST-006).</summary>
    private void SetBased(Rotation area)
    {
        Rotation old = Before.Based;
        int end = old.First + (2 * old.Pairs);
        for (int number = old.First; _machine.HasTags && number < end; number++)
        {
            bool isInside = number >= area.First && number < area.First + (2 * area.Pairs);
            if (!isInside && number < _window.Size)
            {
                Invalidate(number);
            }
        }
        _after.Based = area;
    }

    /// <summary>Predicates that leave the area that turns become invalid (E2K-ST-009).</summary>
    private void SetTurning(int size)
    {
        for (int number = size; number < Before.Turning.Pairs; number++)
        {
            _after.Predicates = Predicates.Write(
                Before,
                _machine.HasTags,
                number,
                Verdict.Unknown,
                _after.Predicates
            );
        }
        _after.Turning = new(0, size, 0);
    }

    /// <summary>Rotation and counters, as the transfer is taken or not (E2K-BR-005).</summary>
    private void Turn(Bundle bundle, bool isTaken)
    {
        if (bundle.TurnBased.For(isTaken))
        {
            _after.Based = _after.Based.TurnedBack();
        }
        if (bundle.TurnPredicates.For(isTaken))
        {
            _after.Turning = _after.Turning.TurnedBack();
        }
        if (bundle.Advance.For(isTaken))
        {
            _after.Loop.Advance();
        }
    }

    /// <summary>Not prepared for it, a transfer is illegal (E2K-BR-002).</summary>
    private void Transfer(Bundle bundle)
    {
        Transfer prepared = Before.TransferOf(bundle.Transfer);
        switch (bundle.Leave, prepared.Kind)
        {
            case (LeaveKind.Onward, _):
                break;
            case (LeaveKind.Branch, _):
                _after.Ip = Aligned(Near(bundle.Distance));
                break;
            case (LeaveKind.Jump or LeaveKind.Call, TransferKind.Direct):
                ulong address = Aligned(prepared.Value);
                if (bundle.Leave == LeaveKind.Jump)
                {
                    _after.Ip = address;
                }
                else
                {
                    Enter(bundle.Shift, address);
                }
                break;
            case (LeaveKind.Jump, TransferKind.Return) when bundle.Transfer == 3:
                Leave();
                break;
            case (LeaveKind.Call, TransferKind.SystemEntry):
                _after.ForgetTransfers();
                // Without a window there is nothing to read and nothing happens (E2K-SYS-002).
                if (bundle.Shift < _window.Size)
                {
                    SystemCall = ((int)prepared.Value, _window.Base + bundle.Shift);
                }
                break;
            default:
                Illegal("E2K-BR-002", $"%ctpr{bundle.Transfer} is not prepared for this");
                break;
        }
    }

    private static ulong Aligned(ulong address) => address & ~7UL;

    /// <summary>A procedure sees the caller's registers from its window on (E2K-BR-003).</summary>
    private void Enter(int shift, ulong address)
    {
        if (shift > _window.Size)
        {
            Fail(TrapKind.WindowBounds);
            return;
        }
        if (_after.Depth >= Machine.DepthMax)
        {
            Fail(TrapKind.StackBounds);
            return;
        }
        _pushed = new(
            Before.Ip + (ulong)_bundle.Bytes,
            _window,
            _after.Based,
            _after.Turning,
            _after.Predicates
        );
        int handed = _window.Size - shift;
        _after.Ip = address;
        _after.Window = new(_window.Base + shift, handed, handed);
        _after.Based = default;
        _after.Turning = default;
        _after.Predicates = Planted.Is(Bug.PredicatesHandedOver)
            ? _after.Predicates
            : _machine.Unwritten;
        _after.Depth++;
        _after.ForgetTransfers();
    }

    /// <summary>The caller's window, rotation and predicates as they were (E2K-BR-004).</summary>
    private void Leave()
    {
        if (_after.Depth == 0)
        {
            Fail(TrapKind.StackBounds);
            return;
        }
        ref readonly Frame frame = ref _machine.FrameAt(_after.Depth - 1);
        _after.Ip = frame.ReturnTo;
        _after.Window = frame.Window;
        _after.Based = frame.Based;
        _after.Turning = frame.Turning;
        _after.Predicates = frame.Predicates;
        _after.Depth--;
        _after.ForgetTransfers();
    }
}
