// System calls of 64-bit Linux. What leaves the machine goes through a host that the caller
// supplies. Spec: spec/e2k/linux.md, E2K-SYS.
using System;

namespace Ashlar.E2k;

/// <summary>The system's side of a program: its break, its mappings, its calls.</summary>
internal sealed class Kernel(Machine machine, IHost host, Image image)
{
    // Error numbers, negative in the result (E2K-SYS-003).
    private const long BadDescriptor = -9;
    private const long NoMemory = -12;
    private const long BadAddress = -14;
    private const long BadArgument = -22;
    private const long NoSuchCall = -38;

    /// <summary>Bytes that one call moves (E2K-SYS-006).</summary>
    private const ulong TransferMax = 0x100000;

    private const ulong PageBytes = GuestMemory.PageBytes;
    private const ulong MappingsStart = 0x10000000000;

    /// <summary>MAP_ANONYMOUS by the numbers of this machine and of others (E2K-SYS-008).</summary>
    private const ulong Anonymous = 0x30;

    private readonly GuestMemory _memory = machine.Memory;
    private readonly ulong _breakStart = PagesOf(image.End) * PageBytes;
    private ulong _break = PagesOf(image.End) * PageBytes;
    private ulong _nextMapping = MappingsStart;

    /// <summary>The status of a program that has ended; null while it runs.</summary>
    internal int? ExitStatus { get; private set; }

    /// <summary>One call by its number and arguments (E2K-SYS-001).</summary>
    internal long Call(ulong number, ReadOnlySpan<ulong> arguments)
    {
        switch (number)
        {
            case 1:
            case 252:
                ExitStatus = (int)(arguments[0] & 255);
                return 0;
            case 3:
                return Read(arguments[0], arguments[1], arguments[2]);
            case 4:
                return Write(arguments[0], arguments[1], arguments[2]);
            case 20:
                return 1;
            case 45:
                return (long)MoveBreak(arguments[0]);
            case 90:
                return Map(arguments[1], arguments[2], arguments[3]);
            case 91:
                return Unmap(arguments[0], arguments[1]);
            case 125:
                return Protect(arguments[0], arguments[1], ProtectionOf(arguments[2]));
            default:
                return NoSuchCall;
        }
    }

    private static ulong PagesOf(ulong bytes) => (bytes + PageBytes - 1) / PageBytes;

    private static Protection ProtectionOf(ulong bits) => (Protection)(bits & 7);

    private long Write(ulong stream, ulong address, ulong count)
    {
        if (stream is not (1 or 2))
        {
            return BadDescriptor;
        }
        byte[] bytes = new byte[Math.Min(count, TransferMax)];
        return _memory.TryCopyOut(address, bytes) ? host.Write(bytes, (int)stream) : BadAddress;
    }

    private long Read(ulong descriptor, ulong address, ulong count)
    {
        count = Math.Min(count, TransferMax);
        if (descriptor != 0)
        {
            return BadDescriptor;
        }
        if (!_memory.AllowsWriteRange(address, count))
        {
            return BadAddress;
        }
        byte[] bytes = new byte[count];
        int taken = host.Read(bytes);
        _memory.CopyIn(address, bytes.AsSpan(0, Math.Max(0, taken)));
        return taken;
    }

    /// <summary>The break moves in whole pages; what cannot be met changes nothing.</summary>
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
            return BadArgument;
        }
        if ((flags & Anonymous) == 0)
        {
            return BadDescriptor;
        }
        if (!_memory.HasRoom(count) || count * PageBytes > image.StackLimit - _nextMapping)
        {
            return NoMemory;
        }
        ulong address = _nextMapping;
        for (ulong page = address / PageBytes; page < (address / PageBytes) + count; page++)
        {
            _memory.Map(page, ProtectionOf(protection));
        }
        // A page between two mappings is never there.
        _nextMapping = Math.Min(address + ((count + 1) * PageBytes), image.StackLimit);
        return (long)address;
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
            return BadArgument;
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
            return BadArgument;
        }
        ulong first = address / PageBytes;
        ulong count = PagesOf(length);
        if (count > (ulong)_memory.PageCount)
        {
            return NoMemory;
        }
        for (ulong page = first; page < first + count; page++)
        {
            if (!_memory.IsMapped(page))
            {
                return NoMemory;
            }
        }
        for (ulong page = first; page < first + count; page++)
        {
            _memory.Protect(page, allowed);
        }
        return 0;
    }
}
