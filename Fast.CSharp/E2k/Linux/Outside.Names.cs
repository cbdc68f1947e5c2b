// Calls about files by name, each through the gate. Spec: spec/e2k/linux.md, E2K-SYS-010,
// E2K-SYS-011, E2K-SYS-015 to E2K-SYS-018.
using System;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.E2k;

public sealed partial class Outside
{
    private const int NoFollow = 0x100;
    private const int EmptyPath = 0x1000;

    // What a program numbers as Linux does on most machines.
    private const int GuestFolder = 0x10000;
    private const int GuestNoFollow = 0x20000;
    private const int GuestPassed = 0x1fc3;
    private const int GuestKept = ~0x803c0;

    /// <summary>Bytes of entries of a folder in one call.</summary>
    private const int EntriesMax = 0x10000;
    private const int EntriesMin = 24;

    /// <summary>Where names begin that do not begin at the root.</summary>
    private bool TryFrom(ulong descriptor, out OpenFile? from)
    {
        from = null;
        if ((int)descriptor == HostLibrary.CurrentFolder)
        {
            return true;
        }
        from = _files[(uint)descriptor];
        return from?.Handle is not null;
    }

    /// <summary>Where a name in memory leads; the caller closes it.</summary>
    private FoundName Find(ulong descriptor, ulong address, out string name, out OpenFile? from)
    {
        from = null;
        int wrong = TryName(address, out name);
        return wrong != 0 ? FoundName.Nowhere(wrong)
            : !(name is ['/', ..] || TryFrom(descriptor, out from))
                ? FoundName.Nowhere(ErrorNumber.BadDescriptor)
            : _gate.Find(from, name);
    }

    private long Open(ulong descriptor, ulong address, int flags, uint mode)
    {
        using FoundName place = Find(descriptor, address, out string name, out OpenFile? from);
        if (!place.IsFound)
        {
            return place.Error;
        }
        int wanted =
            (flags & GuestPassed)
            | ((flags & GuestFolder) != 0 ? HostLibrary.OpenFolder : 0)
            | ((flags & GuestNoFollow) != 0 ? HostLibrary.OpenNoFollow : 0);
        if (!_gate.AllowsHost)
        {
            long refused = WhyNotOpened(place, flags);
            if (refused != 0)
            {
                return refused;
            }
            wanted |=
                HostLibrary.OpenNoFollow | HostLibrary.OpenNonBlocking | HostLibrary.OpenNoTerminal;
        }
        SafeFileHandle? handle = HostLibrary.Open(
            place.Folder,
            place.Name,
            wanted,
            mode & 0xfff,
            out int error
        );
        if (handle is not null && !_gate.AllowsHost && !IsStillAllowed(handle))
        {
            handle.Dispose();
            return ErrorNumber.NotPermitted;
        }
        return handle is null
            ? error
            : _files.Add(
                new(0, handle, _gate.FullName(from, name))
                {
                    Flags = flags & GuestKept,
                    DescriptorFlags = ((ulong)flags & CloseOnExec) != 0 ? 1 : 0,
                }
            );
    }

    /// <summary>In the sandbox: to be read, a file or a folder, no link (E2K-SYS-010).</summary>
    private static long WhyNotOpened(FoundName place, int flags)
    {
        const int Changing =
            HostLibrary.OpenAccessMode | HostLibrary.OpenCreate | HostLibrary.OpenTruncate;
        if ((flags & Changing) != 0)
        {
            return ErrorNumber.ReadOnly;
        }
        byte[] status = new byte[HostLibrary.StatusBytes];
        long wrong = HostLibrary.Status(place.Folder, place.Name, NoFollow, status);
        return wrong != 0 ? wrong
            : FileStatus.IsLink(status) ? ErrorNumber.Links
            : FileStatus.IsFileOrFolder(status) ? 0
            : ErrorNumber.NotPermitted;
    }

    /// <summary>Between two looks another process may have put something else there.</summary>
    private static bool IsStillAllowed(SafeFileHandle handle)
    {
        byte[] status = new byte[HostLibrary.StatusBytes];
        int number = (int)handle.DangerousGetHandle();
        return HostLibrary.Status(number, [0], EmptyPath, status) == 0
            && FileStatus.IsFileOrFolder(status);
    }

    private long StatusOf(ulong descriptor, ulong address, StatusForm form)
    {
        if (_files[descriptor] is not { } file)
        {
            return ErrorNumber.BadDescriptor;
        }
        byte[] status = FileStatus.OfStream(file.Stream);
        long wrong = file.Handle is { } handle
            ? HostLibrary.Status((int)handle.DangerousGetHandle(), [0], EmptyPath, status)
            : 0;
        return wrong != 0 ? wrong : Give(address, FileStatus.As(form, status));
    }

    private long Status(ulong descriptor, ulong name, ulong address, int flags, StatusForm form)
    {
        if ((flags & EmptyPath) != 0 && TryName(name, out string empty) == 0 && empty.Length == 0)
        {
            return StatusOf((uint)descriptor, address, form);
        }
        using FoundName place = Find(descriptor, name, out _, out _);
        if (!place.IsFound)
        {
            return place.Error;
        }
        byte[] status = new byte[HostLibrary.StatusBytes];
        int asked = _gate.AllowsHost ? flags & NoFollow : NoFollow;
        long wrong = HostLibrary.Status(place.Folder, place.Name, asked, status);
        return wrong != 0 ? wrong
            : asked != (flags & NoFollow) && FileStatus.IsLink(status) ? ErrorNumber.Links
            : Give(address, FileStatus.As(form, status));
    }

    private long Access(ulong descriptor, ulong name, int mode, int flags)
    {
        using FoundName place = Find(descriptor, name, out _, out _);
        return !place.IsFound ? place.Error
            : _gate.AllowsHost
                ? HostLibrary.Access(place.Folder, place.Name, mode, flags & NoFollow)
            : (mode & 2) != 0 ? ErrorNumber.ReadOnly
            : HostLibrary.Access(place.Folder, place.Name, mode, NoFollow);
    }

    private long ReadLink(ulong descriptor, ulong name, ulong address, ulong count)
    {
        if ((long)count <= 0)
        {
            return ErrorNumber.BadArgument;
        }
        using FoundName place = Find(descriptor, name, out _, out _);
        if (!place.IsFound)
        {
            return place.Error;
        }
        byte[] target = new byte[Math.Min(count, NameMax)];
        long taken = HostLibrary.ReadLink(place.Folder, place.Name, target);
        if (taken < 0)
        {
            return taken;
        }
        long wrong = Give(address, target.AsSpan(0, (int)taken));
        return wrong != 0 ? wrong : taken;
    }

    private long CurrentFolder(ulong address, ulong count)
    {
        byte[] name = Gate.Named(_gate.CurrentFolder);
        if (count < (ulong)name.Length)
        {
            return ErrorNumber.OutOfRange;
        }
        long wrong = Give(address, name);
        return wrong != 0 ? wrong : name.Length;
    }

    /// <summary>Entries as the host gives them: machines do not differ (E2K-SYS-017).</summary>
    private long ReadFolder(ulong descriptor, ulong address, ulong count)
    {
        if (_files[descriptor] is not { } file)
        {
            return ErrorNumber.BadDescriptor;
        }
        if (file.Handle is not { } handle)
        {
            return ErrorNumber.NoFolder;
        }
        if (count < EntriesMin)
        {
            return ErrorNumber.BadArgument;
        }
        byte[] entries = new byte[Math.Min(count, EntriesMax)];
        if (!_memory.AllowsWriteRange(address, (ulong)entries.Length))
        {
            return ErrorNumber.BadAddress;
        }
        long taken = HostLibrary.ReadFolder(handle, entries);
        if (taken > 0)
        {
            _memory.CopyIn(address, entries.AsSpan(0, (int)taken));
        }
        return taken;
    }

    private long Remove(ulong descriptor, ulong name, int flags)
    {
        using FoundName place = ToChange(descriptor, name);
        return !place.IsFound ? place.Error
            : (flags & ~HostLibrary.RemoveFolder) != 0 ? ErrorNumber.BadArgument
            : HostLibrary.Unlink(place.Folder, place.Name, flags);
    }

    private long MakeFolder(ulong descriptor, ulong name, uint mode)
    {
        using FoundName place = ToChange(descriptor, name);
        return place.IsFound
            ? HostLibrary.MakeFolder(place.Folder, place.Name, mode & 0xfff)
            : place.Error;
    }

    private long Rename(ulong from, ulong name, ulong to, ulong other)
    {
        using FoundName source = ToChange(from, name);
        using FoundName target = ToChange(to, other);
        return !source.IsFound ? source.Error
            : !target.IsFound ? target.Error
            : HostLibrary.Rename(source.Folder, source.Name, target.Folder, target.Name);
    }

    /// <summary>Names change only where the host is open (E2K-SYS-018).</summary>
    private FoundName ToChange(ulong descriptor, ulong name)
    {
        FoundName place = Find(descriptor, name, out _, out _);
        if (_gate.AllowsHost || !place.IsFound)
        {
            return place;
        }
        place.Dispose();
        return FoundName.Nowhere(ErrorNumber.ReadOnly);
    }
}
