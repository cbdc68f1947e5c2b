// The calls into the C library that files of the host need, each with the C library's shape. What
// may be asked stands in Gate.cs. Spec: spec/e2k/linux.md, E2K-SYS-010.
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.E2k;

/// <summary>Names are bytes that end with a zero; a folder is a descriptor of the host.</summary>
internal static partial class HostLibrary
{
    /// <summary>In a folder's place: names begin at the current folder.</summary>
    internal const int CurrentFolder = -100;

    internal const int OpenAccessMode = 3;
    internal const int OpenCreate = 0x40;
    internal const int OpenNoTerminal = 0x100;
    internal const int OpenTruncate = 0x200;
    internal const int OpenAppend = 0x400;
    internal const int OpenNonBlocking = 0x800;
    internal const int OpenPathOnly = 0x200000;
    internal const int SymlinkNoFollow = 0x100;
    internal const int EmptyPath = 0x1000;
    internal const int RemoveFolder = 0x200;

    internal const short PollInput = 1;
    internal const short PollOutput = 4;

    /// <summary>Bytes of what statx tells.</summary>
    internal const int StatusBytes = 256;

    private const int OpenCloseOnExec = 0x80000;
    private const int DuplicateCloseOnExec = 1030;
    private const int SetStatusFlags = 4;
    private const uint BasicStatistics = 0x7ff;

    // Two of the few flags that machines number differently.
    internal static readonly int OpenFolder = ArmBase.Arm64.IsSupported ? 0x4000 : 0x10000;
    internal static readonly int OpenNoFollow = ArmBase.Arm64.IsSupported ? 0x8000 : 0x20000;

    internal static SafeFileHandle? Open(
        int folder,
        byte[] name,
        int flags,
        uint mode,
        out int error
    ) => Opened(OpenAt(folder, name, flags | OpenCloseOnExec, mode), out error);

    internal static SafeFileHandle? Duplicate(SafeFileHandle handle, out int error) =>
        Opened(Control(handle, DuplicateCloseOnExec, 0), out error);

    internal static long SetFlags(SafeFileHandle handle, int flags) =>
        Result(Control(handle, SetStatusFlags, flags));

    internal static long Status(int folder, byte[] name, int flags, byte[] status) =>
        Result(StatusAt(folder, name, flags, BasicStatistics, status));

    internal static long ReadLink(int folder, byte[] name, byte[] target) =>
        Result(ReadLinkAt(folder, name, target, target.Length));

    internal static long Access(int folder, byte[] name, int mode, int flags) =>
        Result(AccessAt(folder, name, mode, flags));

    internal static long Unlink(int folder, byte[] name, int flags) =>
        Result(UnlinkAt(folder, name, flags));

    internal static long MakeFolder(int folder, byte[] name, uint mode) =>
        Result(MakeFolderAt(folder, name, mode));

    internal static long Rename(int from, byte[] name, int to, byte[] other) =>
        Result(RenameAt(from, name, to, other));

    internal static long Read(SafeFileHandle handle, byte[] bytes) =>
        Result(ReadFrom(handle, bytes, bytes.Length));

    internal static long ReadAt(SafeFileHandle handle, byte[] bytes, long offset) =>
        Result(ReadFromAt(handle, bytes, bytes.Length, offset));

    internal static long Write(SafeFileHandle handle, byte[] bytes) =>
        Result(WriteTo(handle, bytes, bytes.Length));

    internal static long WriteAt(SafeFileHandle handle, byte[] bytes, long offset) =>
        Result(WriteToAt(handle, bytes, bytes.Length, offset));

    internal static long Seek(SafeFileHandle handle, long offset, int origin) =>
        Result(SeekIn(handle, offset, origin));

    /// <summary>Waits, without end, until a handle has events or refuses.</summary>
    internal static void WaitFor(SafeFileHandle handle, short events)
    {
        Awaited[] one = [new((int)handle.DangerousGetHandle(), events, 0)];
        _ = Poll(one, (nuint)one.Length, -1);
    }

    internal static long ReadFolder(SafeFileHandle handle, byte[] entries) =>
        Result(Entries(handle, entries, entries.Length));

    /// <summary>What a call gave, or its error, negative.</summary>
    private static long Result(long found) => found < 0 ? -Marshal.GetLastPInvokeError() : found;

    private static SafeFileHandle? Opened(int found, out int error)
    {
        error = (int)Result(found);
        return found < 0 ? null : new SafeFileHandle(found, ownsHandle: true);
    }

    /// <summary>A descriptor of poll: what is waited for, and what came.</summary>
    private readonly record struct Awaited(int Descriptor, short Events, short Came);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll([In] Awaited[] descriptors, nuint count, int milliseconds);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    private static partial int OpenAt(int folder, byte[] name, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Control(SafeFileHandle handle, int command, int argument);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int StatusAt(
        int folder,
        byte[] name,
        int flags,
        uint mask,
        [Out] byte[] status
    );

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true)]
    private static partial nint ReadLinkAt(
        int folder,
        byte[] name,
        [Out] byte[] target,
        nint count
    );

    [LibraryImport("libc", EntryPoint = "faccessat", SetLastError = true)]
    private static partial int AccessAt(int folder, byte[] name, int mode, int flags);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    private static partial int UnlinkAt(int folder, byte[] name, int flags);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true)]
    private static partial int MakeFolderAt(int folder, byte[] name, uint mode);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true)]
    private static partial int RenameAt(int from, byte[] name, int to, byte[] other);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadFrom(SafeFileHandle handle, [Out] byte[] bytes, nint count);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    private static partial nint ReadFromAt(
        SafeFileHandle handle,
        [Out] byte[] bytes,
        nint count,
        long offset
    );

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteTo(SafeFileHandle handle, byte[] bytes, nint count);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    private static partial nint WriteToAt(
        SafeFileHandle handle,
        byte[] bytes,
        nint count,
        long offset
    );

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial long SeekIn(SafeFileHandle handle, long offset, int origin);

    [LibraryImport("libc", EntryPoint = "getdents64", SetLastError = true)]
    private static partial nint Entries(SafeFileHandle folder, [Out] byte[] entries, nint count);
}
