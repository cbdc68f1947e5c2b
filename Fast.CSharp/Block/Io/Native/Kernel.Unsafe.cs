// The kernel's calls that the C library has no function for, and what goes with them: rings, Linux
// aio, event descriptors. Spec: spec/block/io.md.
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;

namespace Ashlar.Block;

internal static unsafe partial class Uring
{
    // The same on every machine.
    internal const nint SetupCall = 425;
    internal const nint EnterCall = 426;

    internal const long OffsetOfRings = 0;
    internal const long OffsetOfEntries = 0x10000000;

    internal const byte Sync = 3;
    internal const byte Read = 22;
    internal const byte Write = 23;

    /// <summary>A sync of the data and of what is needed to find it.</summary>
    internal const uint SyncData = 1;

    private const int ReadWrite = 3;
    private const int SharedPopulated = 0x8001;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint Setup(nint call, uint entries, UringParameters* parameters);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint Enter(
        nint call,
        int ring,
        uint toSubmit,
        uint toComplete,
        uint flags,
        void* argument,
        nuint argumentBytes
    );

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    internal static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "munmap", SetLastError = true)]
    internal static partial int Unmap(void* start, nuint bytes);

    /// <summary>A part of a ring, or null.</summary>
    internal static byte* Map(int ring, nuint bytes, long offset)
    {
        nint start = Map(0, bytes, ReadWrite, SharedPopulated, ring, offset);
        return start == -1 ? null : (byte*)start;
    }

    [LibraryImport("libc", EntryPoint = "mmap", SetLastError = true)]
    private static partial nint Map(
        nint start,
        nuint bytes,
        int protection,
        int flags,
        int descriptor,
        long offset
    );
}

internal static unsafe partial class LinuxAio
{
    internal const ushort Read = 0;
    internal const ushort Write = 1;

    /// <summary>The answer is also counted in an event descriptor.</summary>
    internal const uint TellEvent = 1;

    internal static readonly nint SetupCall = IsArm ? 0 : 206;
    internal static readonly nint DestroyCall = IsArm ? 1 : 207;
    internal static readonly nint SubmitCall = IsArm ? 2 : 209;
    internal static readonly nint GetEventsCall = IsArm ? 4 : 208;

    private static bool IsArm => ArmBase.Arm64.IsSupported;

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint Setup(nint call, uint requests, nint* context);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint Destroy(nint call, nint context);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint Submit(nint call, nint context, nint count, AioEntry** entries);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint GetEvents(
        nint call,
        nint context,
        nint least,
        nint most,
        AioAnswer* answers,
        long* timeout
    );
}

/// <summary>A counter that wakes who polls it.</summary>
internal static partial class EventDescriptor
{
    private const int NonBlockingCloseOnExec = 0x80800;

    internal static int Open() => Create(0, NonBlockingCloseOnExec);

    /// <summary>Counts one more; cannot fail short of 2^64 of them.</summary>
    internal static void Signal(int descriptor)
    {
        ulong one = 1;
        _ = Write(descriptor, ref one, sizeof(ulong));
    }

    internal static void Drain(int descriptor)
    {
        ulong count = 0;
        _ = Read(descriptor, ref count, sizeof(ulong));
    }

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    private static partial int Create(uint start, int flags);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(int descriptor, ref ulong count, nint bytes);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, ref ulong count, nint bytes);
}

/// <summary>The kernel's struct pollfd.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PollEntry
{
    internal const short Readable = 1;

    internal int Descriptor;
    internal short Wanted;
    internal short Found;
}

internal static unsafe partial class Polling
{
    /// <summary>Waits for one of the descriptors; the time is seconds and nanoseconds.</summary>
    [LibraryImport("libc", EntryPoint = "ppoll", SetLastError = true)]
    internal static partial int Wait(
        PollEntry* entries,
        nuint count,
        long* secondsAndNanoseconds,
        void* signals
    );
}
