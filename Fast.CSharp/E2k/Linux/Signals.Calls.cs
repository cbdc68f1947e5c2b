// What a program asks of its signals. Spec: spec/e2k/traps.md, E2K-SIG-006 and E2K-SIG-007.
using System;
using System.Buffers.Binary;

namespace Ashlar.E2k;

internal sealed partial class Signals
{
    private const ulong MaskBytes = 8;
    private const int ActionBytes = 32;
    private const int StackBytes = 24;
    private const ulong StackMin = 4096;
    private const ulong StackDisabled = 2;
    private const ulong StackInUse = 1;

    /// <summary>The code of a signal for a thread; for a process it is 0.</summary>
    private const int ToThread = -6;
    private const ulong OnlyProcess = 1;

    /// <summary>A call about signals; null for others.</summary>
    internal long? Call(CallNumber number, ReadOnlySpan<ulong> arguments)
    {
        ulong a = arguments[0];
        ulong b = arguments[1];
        ulong c = arguments[2];
        ulong d = arguments[3];
        switch (number)
        {
            case CallNumber.SignalAction:
                return SetAction(a, b, c, d);
            case CallNumber.SignalMask:
                return SetMask(a, b, c, d);
            case CallNumber.SignalsPending:
                return b != MaskBytes ? ErrorNumber.BadArgument : Give(a, [_pending & _blocked]);
            case CallNumber.SignalStack:
                return SetStack(a, b);
            case CallNumber.Kill:
                return (int)a is 0 or 1 or -1 ? Send(b, 0) : ErrorNumber.NoProcess;
            case CallNumber.ThreadKill:
                return a == OnlyProcess ? Send(b, ToThread) : ErrorNumber.NoProcess;
            case CallNumber.GroupKill:
                return a == OnlyProcess && b == OnlyProcess
                    ? Send(c, ToThread)
                    : ErrorNumber.NoProcess;
            case CallNumber.SignalReturn:
                IsReturning = true;
                return 0;
            default:
                return null;
        }
    }

    /// <summary>The fast entry's call for the mask.</summary>
    internal long TellMask(ulong address, ulong bytes) =>
        bytes != MaskBytes ? ErrorNumber.BadArgument : Give(address, [_blocked]);

    private bool Read(ulong address, Span<ulong> words)
    {
        for (int index = 0; index < words.Length; index++)
        {
            if (!machine.Memory.TryRead(address + (ulong)(8 * index), 8, out words[index]))
            {
                return false;
            }
        }
        return true;
    }

    private long Give(ulong address, ReadOnlySpan<ulong> words)
    {
        Span<byte> bytes = stackalloc byte[8 * words.Length];
        for (int index = 0; index < words.Length; index++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(bytes[(8 * index)..], words[index]);
        }
        if (!machine.Memory.AllowsWriteRange(address, (ulong)bytes.Length))
        {
            return ErrorNumber.BadAddress;
        }
        machine.Memory.CopyIn(address, bytes);
        return 0;
    }

    private long SetAction(ulong signal, ulong wanted, ulong old, ulong bytes)
    {
        bool isFixed =
            signal is > 0 and <= SignalNumbers.Last
            && (SignalNumbers.BitOf((int)signal) & SignalNumbers.Unstoppable) != 0;
        if (bytes != MaskBytes || signal is 0 or > SignalNumbers.Last || (isFixed && wanted != 0))
        {
            return ErrorNumber.BadArgument;
        }
        Span<ulong> words = stackalloc ulong[ActionBytes / 8];
        if (wanted != 0 && !Read(wanted, words))
        {
            return ErrorNumber.BadAddress;
        }
        SignalAction before = _actions[signal];
        long wrong =
            old == 0 ? 0 : Give(old, [before.Handler, before.Flags, before.Restorer, before.Mask]);
        if (wrong == 0 && wanted != 0)
        {
            _actions[signal] = new(words[0], words[1], words[2], words[3]);
        }
        return wrong;
    }

    private long SetMask(ulong how, ulong wanted, ulong old, ulong bytes)
    {
        Span<ulong> words = stackalloc ulong[1];
        if (bytes != MaskBytes || (wanted != 0 && how > 2))
        {
            return ErrorNumber.BadArgument;
        }
        if (wanted != 0 && !Read(wanted, words))
        {
            return ErrorNumber.BadAddress;
        }
        long wrong = old == 0 ? 0 : Give(old, [_blocked]);
        if (wrong == 0 && wanted != 0)
        {
            ulong mask = how switch
            {
                0 => _blocked | words[0],
                1 => _blocked & ~words[0],
                _ => words[0],
            };
            _blocked = mask & ~SignalNumbers.Unstoppable;
        }
        return wrong;
    }

    /// <summary>The alternate stack as a program sees it.</summary>
    private ulong[] StackWords() =>
        [
            _alternate,
            _alternateBytes == 0 ? StackDisabled
            : IsOnAlternate(machine.Now.StackTop) ? StackInUse
            : 0,
            _alternateBytes,
        ];

    private long SetStack(ulong wanted, ulong old)
    {
        Span<ulong> words = stackalloc ulong[StackBytes / 8];
        if (wanted != 0 && !Read(wanted, words))
        {
            return ErrorNumber.BadAddress;
        }
        uint flags = (uint)words[1];
        bool isInUse = _alternateBytes != 0 && IsOnAlternate(machine.Now.StackTop);
        long wrong =
            wanted == 0 ? 0
            : isInUse ? ErrorNumber.NotAllowed
            : flags > StackDisabled ? ErrorNumber.BadArgument
            : flags != StackDisabled && words[2] < StackMin ? ErrorNumber.NoMemory
            : flags != StackDisabled && words[0] > ulong.MaxValue - words[2]
                ? ErrorNumber.BadArgument
            : 0;
        if (wrong == 0 && old != 0)
        {
            wrong = Give(old, StackWords());
        }
        if (wrong == 0 && wanted != 0)
        {
            _alternate = flags == StackDisabled ? 0 : words[0];
            _alternateBytes = flags == StackDisabled ? 0 : words[2];
        }
        return wrong;
    }

    /// <summary>A signal of the system's own, which says nothing of why (E2K-SIG-008).</summary>
    internal void Raise(int signal) => _ = Send((ulong)signal, 0);

    private long Send(ulong signal, int code)
    {
        if (signal > SignalNumbers.Last)
        {
            return ErrorNumber.BadArgument;
        }
        if (signal != 0)
        {
            _pending |= SignalNumbers.BitOf((int)signal);
            _infos[signal] = new(code, OnlyProcess);
        }
        return 0;
    }
}
