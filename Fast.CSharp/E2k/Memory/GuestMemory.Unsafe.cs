// Guest memory: one reserved mapping of the host, and a byte for each page that says what a program
// may do with it. Every access asks the byte, so that nothing outside is ever reached. Spec:
// spec/e2k/state.md, E2K-MEM.
using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ashlar.E2k;

/// <summary>Bytes by address in pages of 4 KiB; at most so many pages at once.</summary>
public sealed unsafe partial class GuestMemory : IGuestBytes, IDisposable
{
    /// <summary>Bytes of a page (E2K-MEM-001).</summary>
    public const int PageBytes = 4096;

    /// <summary>The first address that no program has (E2K-ELF-004).</summary>
    public const ulong AddressEnd = 1UL << AddressBits;

    internal const int AddressBits = 42;
    internal const int PageBits = 12;

    /// <summary>
    /// What translated code asks: readable, and writable with nothing decoded in it.
    /// </summary>
    internal const byte MayRead = 1;
    internal const byte MayWriteFast = 2;

    private const byte MayExecute = 4;
    private const byte MayWrite = 8;
    private const byte HasBundles = 16;
    private const byte IsThere = 32;

    private const int ReadWrite = 3;

    // Private, of nothing, and not counted until it is touched.
    private const int Reserved = 0x4022;
    private const int DontNeed = 4;

    private byte* _bytes;
    private byte* _pages;

    public GuestMemory(long pagesMax)
    {
        PagesMax = (ulong)pagesMax;
        _bytes = Reserve(AddressEnd);
        _pages = Reserve(AddressEnd >> PageBits);
    }

    ~GuestMemory() => Free();

    /// <summary>Counts what may have changed decoded bundles (E2K-MEM-004).</summary>
    public int CodeChanges { get; private set; }

    /// <summary>Pages that are there.</summary>
    public long PageCount { get; private set; }

    internal nint Address => (nint)_bytes;

    internal nint PagesAddress => (nint)_pages;

    /// <summary>Whether so many pages more would fit.</summary>
    public bool HasRoom(ulong count) => count <= PagesMax && (ulong)PageCount + count <= PagesMax;

    /// <summary>Pages that a program may have.</summary>
    public ulong PagesMax { get; }

    public bool IsMapped(ulong page) => (PageAt(page) & IsThere) != 0;

    /// <summary>What a program may do with a page; null where there is none.</summary>
    public Protection? ProtectionOf(ulong page)
    {
        byte state = PageAt(page);
        return (state & IsThere) == 0
            ? null
            : ((state & MayRead) != 0 ? Protection.Read : 0)
                | ((state & MayWrite) != 0 ? Protection.Write : 0)
                | ((state & MayExecute) != 0 ? Protection.Execute : 0);
    }

    /// <summary>A page of zeros in place of what was there.</summary>
    public void Map(ulong page, Protection allowed)
    {
        Check(page);
        if (IsMapped(page))
        {
            new Span<byte>(_bytes + (page << PageBits), PageBytes).Clear();
        }
        else
        {
            PageCount++;
        }
        _pages[page] = StateOf(allowed, hasBundles: false);
        CodeChanges++;
    }

    /// <summary>Pages that are no longer there.</summary>
    public void Unmap(ulong page)
    {
        if (!IsMapped(page))
        {
            return;
        }
        PageCount--;
        _pages[page] = 0;
        CodeChanges++;
        if (Advise(_bytes + (page << PageBits), PageBytes, DontNeed) != 0)
        {
            new Span<byte>(_bytes + (page << PageBits), PageBytes).Clear();
        }
    }

    /// <summary>A page to another place, where none is.</summary>
    internal void Move(ulong page, ulong to)
    {
        if (ProtectionOf(page) is { } allowed)
        {
            Map(to, allowed);
            new ReadOnlySpan<byte>(_bytes + (page << PageBits), PageBytes).CopyTo(
                new Span<byte>(_bytes + (to << PageBits), PageBytes)
            );
            Unmap(page);
        }
    }

    public void Protect(ulong page, Protection allowed)
    {
        if (IsMapped(page))
        {
            _pages[page] = StateOf(allowed, (_pages[page] & HasBundles) != 0);
            CodeChanges++;
        }
    }

    /// <summary>Up to eight bytes at any address, low end first (E2K-MEM-005).</summary>
    public bool TryRead(ulong address, int count, out ulong value)
    {
        value = 0;
        if (!Allows(address, count, MayRead))
        {
            return false;
        }
        value = count switch
        {
            1 => _bytes[address],
            2 => Unsafe.ReadUnaligned<ushort>(_bytes + address),
            4 => Unsafe.ReadUnaligned<uint>(_bytes + address),
            _ => Unsafe.ReadUnaligned<ulong>(_bytes + address),
        };
        return true;
    }

    /// <summary>Whether all of these bytes may be written (E2K-MEM-002).</summary>
    public bool AllowsWrite(ulong address, int count) => Allows(address, count, MayWrite);

    /// <summary>
    /// Puts bytes where pages are, whatever their protection; a caller has asked.
    /// </summary>
    public void Write(ulong address, int count, ulong value)
    {
        if (!Allows(address, count, IsThere))
        {
            return;
        }
        Noticed(address);
        Noticed(address + (ulong)(count - 1));
        switch (count)
        {
            case 1:
                _bytes[address] = (byte)value;
                break;
            case 2:
                Unsafe.WriteUnaligned(_bytes + address, (ushort)value);
                break;
            case 4:
                Unsafe.WriteUnaligned(_bytes + address, (uint)value);
                break;
            default:
                Unsafe.WriteUnaligned(_bytes + address, value);
                break;
        }
    }

    /// <summary>A word to execute; its page is marked as holding decoded bundles.</summary>
    public bool TryFetch(ulong address, out uint word)
    {
        word = 0;
        if (!Allows(address, 4, MayExecute))
        {
            return false;
        }
        ulong page = address >> PageBits;
        _pages[page] = (byte)((_pages[page] | HasBundles) & ~MayWriteFast);
        word = Unsafe.ReadUnaligned<uint>(_bytes + address);
        return true;
    }

    /// <summary>Bytes that a program may read; false where it may not read all of them.</summary>
    public bool TryCopyOut(ulong address, Span<byte> target)
    {
        if (!AllowsRange(address, (ulong)target.Length, MayRead))
        {
            return false;
        }
        new ReadOnlySpan<byte>(_bytes + address, target.Length).CopyTo(target);
        return true;
    }

    /// <summary>Whether all bytes of a range may be written.</summary>
    public bool AllowsWriteRange(ulong address, ulong count) =>
        AllowsRange(address, count, MayWrite);

    /// <summary>Puts bytes where pages are, whatever their protection.</summary>
    public void CopyIn(ulong address, ReadOnlySpan<byte> source)
    {
        if (source.IsEmpty || !AllowsRange(address, (ulong)source.Length, IsThere))
        {
            return;
        }
        ulong last = (address + (ulong)source.Length - 1) >> PageBits;
        for (ulong page = address >> PageBits; page <= last; page++)
        {
            Noticed(page << PageBits);
        }
        source.CopyTo(new Span<byte>(_bytes + address, source.Length));
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>
    /// For translated code: whether an access may go ahead; one across pages is for the
    /// interpreter.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool Allows(nint pages, ulong address, int bytes, int wanted) =>
        address < AddressEnd
        && (((byte*)pages)[address >> PageBits] & wanted) != 0
        && (address & (PageBytes - 1)) <= (ulong)(PageBytes - bytes);

    private static byte StateOf(Protection allowed, bool hasBundles)
    {
        int state = IsThere | (hasBundles ? HasBundles : 0);
        state |= (allowed & Protection.Read) != 0 ? MayRead : 0;
        state |= (allowed & Protection.Execute) != 0 ? MayExecute : 0;
        if ((allowed & Protection.Write) != 0)
        {
            state |= MayWrite | (hasBundles ? 0 : MayWriteFast);
        }
        return (byte)state;
    }

    private static void Check(ulong page) =>
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(page, AddressEnd >> PageBits);

    private static byte* Reserve(ulong bytes)
    {
        void* address = Map(null, (nuint)bytes, ReadWrite, Reserved, -1, 0);
        return address == (void*)-1
            ? throw new InsufficientMemoryException(
                "the host reserves no address space for a guest"
            )
            : (byte*)address;
    }

    private byte PageAt(ulong page) => page < AddressEnd >> PageBits ? _pages[page] : (byte)0;

    /// <summary>At most eight bytes, so at most two pages.</summary>
    private bool Allows(ulong address, int count, byte wanted)
    {
        ulong last = address + (ulong)(count - 1);
        return address < AddressEnd
            && last < AddressEnd
            && (_pages[address >> PageBits] & wanted) != 0
            && (_pages[last >> PageBits] & wanted) != 0;
    }

    private bool AllowsRange(ulong address, ulong count, byte wanted)
    {
        if (address > AddressEnd || count > AddressEnd - address)
        {
            // Of nothing nothing is asked.
            return count == 0;
        }
        for (ulong at = address; at < address + count; at = (at | (PageBytes - 1)) + 1)
        {
            if ((_pages[at >> PageBits] & wanted) == 0)
            {
                return false;
            }
        }
        return true;
    }

    private void Noticed(ulong address)
    {
        if ((_pages[address >> PageBits] & HasBundles) != 0)
        {
            CodeChanges++;
        }
    }

    private void Free()
    {
        if (_bytes is not null)
        {
            _ = Unmap(_bytes, unchecked((nuint)AddressEnd));
        }
        if (_pages is not null)
        {
            _ = Unmap(_pages, (nuint)(AddressEnd >> PageBits));
        }
        _bytes = null;
        _pages = null;
    }

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(
        void* address,
        nuint length,
        int protection,
        int flags,
        int descriptor,
        nint offset
    );

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(void* address, nuint length, int advice);
}
