// Signals: handlers, entering them with a frame on the user stack, and coming back. Spec:
// spec/e2k/traps.md, E2K-SIG.
using System;
using System.Collections.Generic;
using Ashlar.E2k.Operations;

namespace Ashlar.E2k;

/// <summary>What a program wants of a signal, as it says it to the system.</summary>
internal readonly record struct SignalAction(
    ulong Handler,
    ulong Flags,
    ulong Restorer,
    ulong Mask
);

/// <summary>Why a signal came: the code, and an address or who sent it.</summary>
internal readonly record struct SignalInfo(int Code, ulong Value);

/// <summary>The signals of a program.</summary>
internal sealed partial class Signals(Machine machine)
{
    /// <summary>Where a handler returns to: no address of a program (E2K-SIG-002).</summary>
    internal const ulong ReturnAddress = 0xe20000000000;

    /// <summary>Handlers that may be interrupted by others at once (E2K-SIG-005).</summary>
    private const int NestedMax = 64;

    /// <summary>Registers of a handler's window: number, information, context.</summary>
    private const int HandlerWindow = 8;

    private const ulong Default = 0;
    private const ulong Ignore = 1;

    // Flags of an action.
    private const ulong OnStack = 0x08000000;
    private const ulong NoDefer = 0x40000000;
    private const ulong Once = 0x80000000;

    /// <summary>Globals that a handler may use as its own, up to the last.</summary>
    private const int FirstOwnGlobal = 16;

    private readonly SignalAction[] _actions = new SignalAction[SignalNumbers.Last + 1];
    private readonly SignalInfo[] _infos = new SignalInfo[SignalNumbers.Last + 1];
    private readonly Stack<Interrupted> _interrupted = new();
    private ulong _blocked;
    private ulong _pending;
    private ulong _alternate;
    private ulong _alternateBytes;

    /// <summary>What comes back when a handler is done.</summary>
    private sealed record Interrupted(
        Control Control,
        ulong StackLimit,
        ulong Frame,
        (Bits Bits, int Tag)[] Globals,
        ulong[][] Arrays
    );

    /// <summary>The last call asked to leave a handler; its result goes nowhere.</summary>
    internal bool IsReturning { get; private set; }

    /// <summary>Whether handlers are to be entered or left before the next bundle.</summary>
    internal bool IsUnsettled => IsReturning || (_pending & ~_blocked) != 0;

    /// <summary>Enters and leaves them; 0, or the signal that kills.</summary>
    internal int Settle() => IsReturning ? Return() : Deliver();

    /// <summary>Whether a trap says that a handler has returned.</summary>
    internal bool IsLeft(Trap trap) =>
        trap is { Kind: TrapKind.PageFault, Address: ReturnAddress }
        && machine.Now.Ip == ReturnAddress
        && _interrupted.Count > 0;

    /// <summary>After a trap: 0 where the program goes on, or the signal that kills.</summary>
    internal int Trapped(Trap trap)
    {
        if (IsLeft(trap))
        {
            return Return();
        }
        int signal = SignalNumbers.Of(trap.Kind);
        ulong handler = _actions[signal].Handler;
        if ((_blocked & SignalNumbers.BitOf(signal)) != 0 || handler is Default or Ignore)
        {
            return signal;
        }
        return Enter(signal, InfoOf(trap)) ? 0 : SignalNumbers.Segment;
    }

    /// <summary>After a call: signals that wait and are not blocked.</summary>
    private int Deliver()
    {
        for (int signal = 1; signal <= SignalNumbers.Last; signal++)
        {
            ulong bit = SignalNumbers.BitOf(signal);
            if ((_pending & ~_blocked & bit) == 0)
            {
                continue;
            }
            _pending &= ~bit;
            ulong handler = _actions[signal].Handler;
            if (handler == Ignore || (handler == Default && SignalNumbers.IsIgnored(signal)))
            {
                continue;
            }
            if (handler == Default)
            {
                return signal;
            }
            if (!Enter(signal, _infos[signal]))
            {
                return SignalNumbers.Segment;
            }
        }
        return 0;
    }

    /// <summary>What was interrupted goes on, where the frame says (E2K-SIG-004).</summary>
    private int Return()
    {
        IsReturning = false;
        if (_interrupted.Count == 0)
        {
            return SignalNumbers.Segment;
        }
        Interrupted before = _interrupted.Pop();
        GuestMemory memory = machine.Memory;
        if (
            !memory.TryRead(before.Frame + SignalFrame.IpAt, 8, out ulong ip)
            || !memory.TryRead(before.Frame + SignalFrame.MaskAt, 8, out ulong mask)
        )
        {
            return SignalNumbers.Segment;
        }
        FloatControl now = machine.Now.Float;
        machine.Now = before.Control;
        machine.Now.Float = now;
        machine.Now.Locks = [];
        machine.Now.Ip = ip < GuestMemory.AddressEnd ? ip & ~7UL : before.Control.Ip;
        machine.StackLimit = before.StackLimit;
        for (int index = 0; index < before.Globals.Length; index++)
        {
            (Bits bits, int tag) = before.Globals[index];
            machine.Registers.Write(FirstOwnGlobal + index, bits, tag);
        }
        ulong[][] arrays = ArrayRegisters();
        for (int index = 0; index < arrays.Length; index++)
        {
            before.Arrays[index].CopyTo(arrays[index], 0);
        }
        _blocked = mask & ~SignalNumbers.Unstoppable;
        return Deliver();
    }

    private ulong[][] ArrayRegisters() =>
        [
            machine.Arrays.Descriptors,
            machine.Arrays.Indices,
            machine.Arrays.Increments,
            machine.Arrays.StoreIndices,
        ];

    private SignalInfo InfoOf(Trap trap) =>
        trap.Kind switch
        {
            TrapKind.PageFault => new(
                machine.Memory.IsMapped(trap.Address / GuestMemory.PageBytes) ? 2 : 1,
                trap.Address
            ),
            TrapKind.WindowBounds or TrapKind.StackBounds => new(3, machine.Now.Ip),
            TrapKind.InvalidOperand => new(2, machine.Now.Ip),
            _ => new(1, machine.Now.Ip),
        };

    private bool IsOnAlternate(ulong top) =>
        top > _alternate && top - _alternate <= _alternateBytes;

    /// <summary>A procedure that nobody called, above all that is in use (E2K-SIG-001).</summary>
    private bool Enter(int signal, SignalInfo info)
    {
        ref Control now = ref machine.Now;
        SignalAction action = _actions[signal];
        int first = now.Window.Base + now.Window.Size;
        if (
            action.Handler >= GuestMemory.AddressEnd
            || _interrupted.Count == NestedMax
            || first + HandlerWindow > RegisterFile.DepthMax
            || now.Depth >= Machine.DepthMax
        )
        {
            return false;
        }
        ulong top = now.StackTop;
        ulong limit = machine.StackLimit;
        if ((action.Flags & OnStack) != 0 && _alternateBytes != 0 && !IsOnAlternate(top))
        {
            top = _alternate + _alternateBytes;
            limit = _alternate;
        }
        ulong frame = (top - SignalFrame.Bytes) & ~15UL;
        if (
            top < SignalFrame.Bytes
            || frame < limit
            || !machine.Memory.AllowsWriteRange(frame, SignalFrame.Bytes)
        )
        {
            return false;
        }
        machine.Memory.CopyIn(frame, SignalFrame.Of(machine, signal, info, _blocked, StackWords()));
        _interrupted.Push(new(now, machine.StackLimit, frame, OwnGlobals(), CopiedArrays()));
        machine.Push(
            now.Depth,
            new(ReturnAddress, now.Window, now.Based, now.Turning, now.Predicates)
        );
        now.Depth++;
        now.Ip = action.Handler & ~7UL;
        now.Window = new(first, HandlerWindow, HandlerWindow);
        now.Based = default;
        now.Turning = default;
        now.Predicates = machine.Unwritten;
        now.ForgetTransfers();
        now.Locks = [];
        now.Left = null;
        now.Right = null;
        now.StackTop = frame;
        machine.StackLimit = limit;
        GiveRegisters(first, [(ulong)signal, frame, frame + SignalFrame.ContextAt]);
        _blocked |= action.Mask & ~SignalNumbers.Unstoppable;
        _blocked |= (action.Flags & NoDefer) == 0 ? SignalNumbers.BitOf(signal) : 0;
        if ((action.Flags & Once) != 0)
        {
            _actions[signal] = action with { Handler = Default };
        }
        return true;
    }

    private void GiveRegisters(int first, ReadOnlySpan<ulong> values)
    {
        int place = RegisterFile.Globals + first;
        int invalid = machine.HasTags ? Tags.Invalid(Width.Double) : 0;
        for (int index = 0; index < HandlerWindow; index++)
        {
            bool isGiven = index < values.Length;
            machine.Registers.Write(
                place + index,
                new(isGiven ? values[index] : 0, 0),
                isGiven ? 0 : invalid
            );
        }
    }

    private (Bits Bits, int Tag)[] OwnGlobals()
    {
        (Bits, int)[] globals = new (Bits, int)[RegisterFile.Globals - FirstOwnGlobal];
        for (int index = 0; index < globals.Length; index++)
        {
            int place = FirstOwnGlobal + index;
            globals[index] = (machine.Registers.Read(place), machine.Registers.TagOf(place));
        }
        return globals;
    }

    private ulong[][] CopiedArrays() =>
        Array.ConvertAll(ArrayRegisters(), registers => (ulong[])registers.Clone());
}
