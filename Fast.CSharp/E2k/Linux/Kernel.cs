// System calls of 64-bit Linux: those that change the program itself. All others are answered from
// outside (Outside.cs). Spec: spec/e2k/linux.md, E2K-SYS.
using System;

namespace Ashlar.E2k;

/// <summary>The system's side of a program: its break, its mappings, its calls.</summary>
internal sealed partial class Kernel(
    Machine machine,
    Signals signals,
    Outside outside,
    Image image,
    Action<string>? told
)
{
    /// <summary>Of all calls, and of a few that are fast.</summary>
    private const int Entry = 3;
    private const int FastEntry = 6;

    private const ulong PageBytes = GuestMemory.PageBytes;
    private const ulong MappingsStart = 0x10000000000;

    /// <summary>MAP_ANONYMOUS by the numbers of this machine and of others (E2K-SYS-008).</summary>
    private const ulong Anonymous = 0x30;

    private readonly GuestMemory _memory = machine.Memory;
    private readonly HardwareStacks _stacks = new(machine);
    private readonly ulong _breakStart = PagesOf(image.End) * PageBytes;
    private ulong _break = PagesOf(image.End) * PageBytes;
    private ulong _nextMapping = MappingsStart;

    /// <summary>The status of a program that has ended; null while it runs.</summary>
    internal int? ExitStatus { get; private set; }

    /// <summary>One call by its number and arguments, with a line for who listens.</summary>
    private long Call(ulong number, ReadOnlySpan<ulong> arguments, int place)
    {
        string text = told is null ? "" : CallText.Of(_memory, number, arguments);
        long result = CarryOut(number, arguments, place);
        told?.Invoke($"{text} = {(ExitStatus is null ? CallText.Result(result) : "?")}");
        return result;
    }

    /// <summary>One call by an entry of the system (E2K-SYS-002).</summary>
    internal long CallBy(int entry, ulong number, ReadOnlySpan<ulong> arguments, int place) =>
        (entry, number) switch
        {
            (Entry, _) => Call(number, arguments, place),
            (FastEntry, 0) => Call((ulong)CallNumber.TimeOfDay, arguments, place),
            (FastEntry, 1) => Call((ulong)CallNumber.ClockTime, arguments, place),
            (FastEntry, 2) => Call((ulong)CallNumber.Processor, arguments, place),
            (FastEntry, 3) => signals.TellMask(arguments[0], arguments[1]),
            _ => Refuse(entry),
        };

    /// <summary>No call: an entry of the system that is none, or an invalid number.</summary>
    internal long Refuse(int entry)
    {
        told?.Invoke($"entry {entry} = {CallText.Result(ErrorNumber.NoSuchCall)}");
        return ErrorNumber.NoSuchCall;
    }

    /// <summary>The program's own calls (E2K-SYS-001), or one from outside.</summary>
    private long CarryOut(ulong number, ReadOnlySpan<ulong> arguments, int place)
    {
        switch ((CallNumber)number)
        {
            case CallNumber.Exit:
            case CallNumber.ExitGroup:
                ExitStatus = (int)(arguments[0] & 255);
                return 0;
            case CallNumber.Break:
                return (long)MoveBreak(arguments[0]);
            case CallNumber.Map:
                return Map(arguments[1], arguments[2], arguments[3]);
            case CallNumber.Unmap:
                return Unmap(arguments[0], arguments[1]);
            case CallNumber.Protect:
                return Protect(arguments[0], arguments[1], ProtectionOf(arguments[2]));
            case CallNumber.HardwareStacks:
                return _stacks.Call(arguments, place);
            case CallNumber.Advise:
                return Advise(arguments[0], arguments[1], arguments[2]);
            case CallNumber.Remap:
                return Remap(arguments[0], arguments[1], arguments[2], arguments[3]);
            default:
                return signals.Call((CallNumber)number, arguments)
                    ?? CallOutside(number, arguments);
        }
    }

    /// <summary>A call from outside; nobody reads what a broken pipe takes (E2K-SIG-008).</summary>
    private long CallOutside(ulong number, ReadOnlySpan<ulong> arguments)
    {
        long result = outside.Call(_memory, number, arguments);
        if (
            result == ErrorNumber.BrokenPipe
            && (CallNumber)number
                is CallNumber.Write
                    or CallNumber.WriteVector
                    or CallNumber.PositionedWrite
        )
        {
            signals.Raise(SignalNumbers.BrokenPipe);
        }
        return result;
    }

    private static ulong PagesOf(ulong bytes) => (bytes + PageBytes - 1) / PageBytes;

    private static Protection ProtectionOf(ulong bits) => (Protection)(bits & 7);

    /// <summary>
    /// The break moves in whole pages; what cannot be met changes nothing (E2K-SYS-007).
    /// </summary>
    private ulong MoveBreak(ulong wish)
    {
        if (wish < _breakStart || wish > MappingsStart)
        {
            return _break;
        }
        ulong first = PagesOf(_break);
        ulong last = PagesOf(wish);
        if (last > first && !_memory.HasRoom(last - first))
        {
            return _break;
        }
        for (ulong page = first; page < last; page++)
        {
            _memory.Map(page, Protection.Read | Protection.Write);
        }
        for (ulong page = last; page < first; page++)
        {
            _memory.Unmap(page);
        }
        return _break = wish;
    }

    /// <summary>Private mappings of nothing, where the system chooses (E2K-SYS-008).</summary>
    private long Map(ulong length, ulong protection, ulong flags)
    {
        ulong count = PagesOf(length);
        if (length == 0 || length > GuestMemory.AddressEnd)
        {
            return ErrorNumber.BadArgument;
        }
        if ((flags & Anonymous) == 0)
        {
            return ErrorNumber.BadDescriptor;
        }
        if (!_memory.HasRoom(count) || !HasPlace(count))
        {
            return ErrorNumber.NoMemory;
        }
        ulong address = TakePlace(count);
        for (ulong page = address / PageBytes; page < (address / PageBytes) + count; page++)
        {
            _memory.Map(page, ProtectionOf(protection));
        }
        return (long)address;
    }

    /// <summary>Whether so many pages are left for mappings.</summary>
    private bool HasPlace(ulong count) => count * PageBytes <= image.StackLimit - _nextMapping;

    /// <summary>The address of the next mapping; a page behind it is never there.</summary>
    private ulong TakePlace(ulong count)
    {
        ulong address = _nextMapping;
        _nextMapping = Math.Min(address + ((count + 1) * PageBytes), image.StackLimit);
        return address;
    }

    private static bool AreOnPages(ulong address, ulong length) =>
        address % PageBytes == 0
        && length != 0
        && length <= GuestMemory.AddressEnd
        && address <= GuestMemory.AddressEnd;

    private long Unmap(ulong address, ulong length)
    {
        ulong count = PagesOf(length);
        // Only pages that are there can go, and they are limited in number.
        if (!AreOnPages(address, length) || count > (ulong)_memory.PageCount)
        {
            return ErrorNumber.BadArgument;
        }
        for (ulong page = address / PageBytes; page < (address / PageBytes) + count; page++)
        {
            _memory.Unmap(page);
        }
        return 0;
    }

    private long Protect(ulong address, ulong length, Protection allowed)
    {
        if (!AreOnPages(address, length))
        {
            return ErrorNumber.BadArgument;
        }
        ulong first = address / PageBytes;
        ulong count = PagesOf(length);
        if (count > (ulong)_memory.PageCount)
        {
            return ErrorNumber.NoMemory;
        }
        for (ulong page = first; page < first + count; page++)
        {
            if (!_memory.IsMapped(page))
            {
                return ErrorNumber.NoMemory;
            }
        }
        for (ulong page = first; page < first + count; page++)
        {
            _memory.Protect(page, allowed);
        }
        return 0;
    }
}
