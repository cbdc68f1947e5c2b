// The calls whose answers come from outside a program: streams, files, and what is told of the
// system. They see of the program its memory only. Spec: spec/e2k/linux.md, E2K-SYS-009.
using System;
using System.Text;

namespace Ashlar.E2k;

/// <summary>Answers calls by a host and a policy; what a program has opened is kept here.</summary>
/// <param name="pagesMax">Pages that the program may have, which it can ask for.</param>
public sealed partial class Outside(IHost host, FilePolicy policy, long pagesMax) : IDisposable
{
    /// <summary>Bytes that one call moves (E2K-SYS-006).</summary>
    private const int TransferMax = 0x100000;

    /// <summary>Bytes of a name with the zero behind it (E2K-SYS-011).</summary>
    private const int NameMax = 4096;

    /// <summary>O_CLOEXEC, which is alike on all machines.</summary>
    private const ulong CloseOnExec = 0x80000;

    private readonly IHost _host = host;
    private readonly Gate _gate = new(policy);
    private readonly Descriptors _files = new();
    private IGuestBytes _memory = null!;

    /// <summary>One call by its number and six arguments; ENOSYS where there is none.</summary>
    public long Call(IGuestBytes memory, ulong number, ReadOnlySpan<ulong> arguments)
    {
        _memory = memory;
        ulong a = arguments[0];
        ulong b = arguments[1];
        ulong c = arguments[2];
        ulong d = arguments[3];
        switch ((CallNumber)number)
        {
            case CallNumber.Read:
                return Read(a, b, c, null);
            case CallNumber.Write:
                return Write(a, b, c, null);
            case CallNumber.PositionedRead:
                return Read(a, b, c, (long)d);
            case CallNumber.PositionedWrite:
                return Write(a, b, c, (long)d);
            case CallNumber.ReadVector:
                return ReadVector(a, b, c);
            case CallNumber.WriteVector:
                return WriteVector(a, b, c);
            case CallNumber.Open:
                return Open(Here, a, (int)b, (uint)c);
            case CallNumber.Create:
                return Open(Here, a, 0x241, (uint)b);
            case CallNumber.OpenAt:
                return Open(a, b, (int)c, (uint)d);
            case CallNumber.Close:
                return _files.Close(a);
            case CallNumber.Seek:
                return Seek(a, (long)b, (int)c);
            case CallNumber.Duplicate:
                return Duplicate(a, 0, closesOnExec: false);
            case CallNumber.DuplicateTo:
                return a == b && _files[a] is not null ? (long)b : DuplicateTo(a, b, false);
            case CallNumber.DuplicateTo3:
                return a == b || (c & ~CloseOnExec) != 0
                    ? ErrorNumber.BadArgument
                    : DuplicateTo(a, b, c != 0);
            case CallNumber.Control:
            case CallNumber.Control64:
                return Control(a, (int)b, c);
            case CallNumber.Device:
                return _files[a] is null ? ErrorNumber.BadDescriptor : ErrorNumber.NoTerminal;
            case CallNumber.ReadFolder:
                return ReadFolder(a, b, c);
            default:
                return CallByName((CallNumber)number, a, b, c, d, arguments[4]);
        }
    }

    public void Dispose()
    {
        _files.Dispose();
        _gate.Dispose();
    }

    /// <summary>The descriptor that says: the current folder.</summary>
    private static ulong Here => unchecked((ulong)HostLibrary.CurrentFolder);

    /// <summary>Calls about a file that is named.</summary>
    private long CallByName(CallNumber call, ulong a, ulong b, ulong c, ulong d, ulong e) =>
        call switch
        {
            CallNumber.Status => Status(Here, a, b, 0, StatusForm.Ordinary),
            CallNumber.StatusOfLink => Status(Here, a, b, NoFollow, StatusForm.Ordinary),
            CallNumber.StatusOfFile => StatusOf(a, b, StatusForm.Ordinary),
            CallNumber.StatusAt => Status(a, b, c, (int)d, StatusForm.Ordinary),
            CallNumber.Status64 => Status(Here, a, b, 0, StatusForm.Short),
            CallNumber.StatusOfLink64 => Status(Here, a, b, NoFollow, StatusForm.Short),
            CallNumber.StatusOfFile64 => StatusOf(a, b, StatusForm.Short),
            CallNumber.StatusAt64 => Status(a, b, c, (int)d, StatusForm.Short),
            CallNumber.StatusExtended => Status(a, b, e, (int)c, StatusForm.Extended),
            CallNumber.Access => Access(Here, a, (int)b, 0),
            CallNumber.AccessAt => Access(a, b, (int)c, 0),
            CallNumber.AccessAt2 => Access(a, b, (int)c, (int)d),
            CallNumber.ReadLink => ReadLink(Here, a, b, c),
            CallNumber.ReadLinkAt => ReadLink(a, b, c, d),
            CallNumber.CurrentFolder => CurrentFolder(a, b),
            CallNumber.Unlink => Remove(Here, a, 0),
            CallNumber.RemoveFolder => Remove(Here, a, HostLibrary.RemoveFolder),
            CallNumber.UnlinkAt => Remove(a, b, (int)c),
            CallNumber.MakeFolder => MakeFolder(Here, a, (uint)b),
            CallNumber.MakeFolderAt => MakeFolder(a, b, (uint)c),
            CallNumber.Rename => Rename(Here, a, Here, b),
            CallNumber.RenameAt => Rename(a, b, c, d),
            _ => CallOfSystem(call, a, b, c, d),
        };

    /// <summary>Calls about time, the system and the program itself.</summary>
    private long CallOfSystem(CallNumber call, ulong a, ulong b, ulong c, ulong d) =>
        call switch
        {
            CallNumber.Seconds => Seconds(a),
            CallNumber.TimeOfDay => TimeOfDay(a, b),
            CallNumber.ClockTime => TimeOf(a, b),
            CallNumber.ClockResolution => ResolutionOf(a, b),
            CallNumber.ProcessTimes => Ticks(a),
            CallNumber.Sleep => Sleep(GuestClock.Steady, 0, a),
            CallNumber.ClockSleep => SleepBy(a, b, c),
            CallNumber.Draw => Draw(a, b, c),
            CallNumber.SystemName => SystemName(a),
            CallNumber.SystemFacts => SystemFacts(a),
            CallNumber.Use => Use(a, b),
            CallNumber.OldLimit or CallNumber.Limit => LimitsOf(a, 0, b),
            CallNumber.SetLimit => LimitsOf(a, 1, 0),
            CallNumber.ProcessLimit => LimitsOfProcess(a, b, c, d),
            CallNumber.Processor => Processor(a, b),
            CallNumber.Processors => Processors(b, c),
            CallNumber.Yield => 0,
            CallNumber.Process
            or CallNumber.Thread
            or CallNumber.ThreadAddress
            or CallNumber.ProcessGroup
            or CallNumber.GroupOf
            or CallNumber.Session => OnlyProcess,
            CallNumber.ParentProcess => 0,
            CallNumber.UserNumber
            or CallNumber.User32
            or CallNumber.GroupNumber
            or CallNumber.Group32
            or CallNumber.EffectiveUser
            or CallNumber.EffectiveUser32
            or CallNumber.EffectiveGroup
            or CallNumber.EffectiveGroup32 => OnlyUser,
            CallNumber.RobustList => b == ListHeadBytes ? 0 : ErrorNumber.BadArgument,
            _ => ErrorNumber.NoSuchCall,
        };

    /// <summary>A text that ends with a zero; an error where none can be read.</summary>
    private int TryName(ulong address, out string name)
    {
        name = "";
        byte[] bytes = new byte[NameMax];
        int count = 0;
        while (count < NameMax)
        {
            // Up to the end of a page, behind which may be nothing.
            int part = (int)
                Math.Min(
                    (ulong)(NameMax - count),
                    GuestMemory.PageBytes - (address % GuestMemory.PageBytes)
                );
            if (!_memory.TryCopyOut(address, bytes.AsSpan(count, part)))
            {
                return ErrorNumber.BadAddress;
            }
            int end = bytes.AsSpan(count, part).IndexOf((byte)0);
            if (end >= 0)
            {
                name = Encoding.Latin1.GetString(bytes, 0, count + end);
                return 0;
            }
            count += part;
            address += (ulong)part;
        }
        return ErrorNumber.NameTooLong;
    }

    /// <summary>Puts bytes into memory; EFAULT where the program may not write them.</summary>
    private long Give(ulong address, ReadOnlySpan<byte> bytes)
    {
        if (!_memory.AllowsWriteRange(address, (ulong)bytes.Length))
        {
            return ErrorNumber.BadAddress;
        }
        _memory.CopyIn(address, bytes);
        return 0;
    }
}
