// Mappings that grow or shrink, and advice about them. Spec: spec/e2k/linux.md, E2K-SYS-024 and
// E2K-SYS-025.
namespace Ashlar.E2k;

internal sealed partial class Kernel
{
    private const ulong MayMove = 1;
    private const ulong NotNeeded = 4;

    /// <summary>Advice that is known; of all of it one part has an effect.</summary>
    private static bool IsAdvice(ulong advice) => advice is <= 4 or (>= 8 and <= 19);

    private bool AreThere(ulong first, ulong count)
    {
        if (count > (ulong)_memory.PageCount)
        {
            return false;
        }
        for (ulong page = first; page < first + count; page++)
        {
            if (!_memory.IsMapped(page))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Pages that are not needed hold zeros from then on.</summary>
    private long Advise(ulong address, ulong length, ulong advice)
    {
        if (address % PageBytes != 0 || !IsAdvice(advice))
        {
            return ErrorNumber.BadArgument;
        }
        if (length == 0)
        {
            return 0;
        }
        ulong first = address / PageBytes;
        ulong count = length > GuestMemory.AddressEnd ? ulong.MaxValue : PagesOf(length);
        if (!AreThere(first, count))
        {
            return ErrorNumber.NoMemory;
        }
        for (ulong page = first; advice == NotNeeded && page < first + count; page++)
        {
            _memory.Map(page, _memory.ProtectionOf(page) ?? Protection.None);
        }
        return 0;
    }

    /// <summary>Less stays where it is; for more a mapping moves, if it may.</summary>
    private long Remap(ulong address, ulong length, ulong wanted, ulong flags)
    {
        if (
            !AreOnPages(address, length)
            || wanted == 0
            || wanted > GuestMemory.AddressEnd
            || (flags & ~MayMove) != 0
        )
        {
            return ErrorNumber.BadArgument;
        }
        ulong first = address / PageBytes;
        ulong count = PagesOf(length);
        ulong more = PagesOf(wanted);
        if (!AreThere(first, count))
        {
            return ErrorNumber.BadAddress;
        }
        if (more <= count)
        {
            for (ulong page = first + more; page < first + count; page++)
            {
                _memory.Unmap(page);
            }
            return (long)address;
        }
        if ((flags & MayMove) == 0 || !_memory.HasRoom(more - count) || !HasPlace(more))
        {
            return ErrorNumber.NoMemory;
        }
        Protection allowed = _memory.ProtectionOf(first + count - 1) ?? Protection.None;
        ulong moved = TakePlace(more);
        for (ulong index = 0; index < more; index++)
        {
            if (index < count)
            {
                _memory.Move(first + index, (moved / PageBytes) + index);
            }
            else
            {
                _memory.Map((moved / PageBytes) + index, allowed);
            }
        }
        return (long)moved;
    }
}
