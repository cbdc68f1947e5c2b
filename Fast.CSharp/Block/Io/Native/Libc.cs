// The calls into the C library that the host-file layer needs, and nothing else. Every wrapper
// keeps the C library's shape; meaning (retry, fallback, locks) is in LinuxHostFile. Spec:
// spec/block/file.md.
using System;
using System.Numerics;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.Arm;
using Microsoft.Win32.SafeHandles;

namespace Ashlar.Block;

/// <summary>The kernel's struct flock for 64-bit offsets.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct FileLock
{
    internal short Type;
    internal short Whence;
    internal long StartBytes;
    internal long LengthBytes;
    internal int ProcessId;
}

/// <summary>What statx tells that the engine uses.</summary>
internal readonly record struct FileStatus(
    ushort Mode,
    ulong Inode,
    long SizeBytes,
    ulong Blocks,
    uint DeviceMajor,
    uint DeviceMinor
)
{
    /// <summary>Which file it is, whatever its name.</summary>
    internal FileIdentity Identity => new(((ulong)DeviceMajor << 32) | DeviceMinor, Inode);
}

internal static partial class Libc
{
    internal const int OpenReadOnly = 0;
    internal const int OpenReadWrite = 2;
    internal const int OpenAccessMode = 3;
    internal const int OpenCreate = 0x40;
    internal const int OpenExclusive = 0x80;
    internal const int OpenNonBlocking = 0x800;
    internal const int OpenCloseOnExec = 0x80000;

    // One of the few flags that machines number differently.
    internal static readonly int OpenDirect = ArmBase.Arm64.IsSupported ? 0x10000 : 0x4000;

    internal const int GetStatusFlags = 3;
    internal const int SetStatusFlags = 4;
    internal const int OfdGetLock = 36;
    internal const int OfdSetLock = 37;
    internal const short ReadLock = 0;
    internal const short WriteLock = 1;
    internal const short NoLock = 2;

    internal const int FallocateKeepSize = 1;
    internal const int FallocatePunchHole = 2;
    internal const int FallocateZeroRange = 16;

    internal const int SeekEnd = 2;
    internal const int SeekData = 3;
    internal const int SeekHole = 4;

    /// <summary>What <see cref="FileStatus.Blocks"/> counts, on every file system.</summary>
    internal const int BlockBytes = 512;

    internal const int TypeMask = 0xF000;
    internal const int TypeRegular = 0x8000;
    internal const int TypeBlockDevice = 0x6000;
    internal const int TypeDirectory = 0x4000;
    internal const int TypeSocket = 0xC000;

    private const int StatusBufferBytes = 256;
    private const int EmptyPath = 0x1000;
    private const int NoFollow = 0x100;
    private const int CurrentDirectory = -100;
    private const uint BasicStatistics = 0x7ff;
    private const uint AlignmentStatistics = 0x2000;
    private const int PageBytes = 4096;

    [LibraryImport(
        "libc",
        EntryPoint = "open",
        SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8
    )]
    internal static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Control(SafeFileHandle file, int command, int argument);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    internal static partial int Control(SafeFileHandle file, int command, ref FileLock fileLock);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    internal static partial nint Read(
        SafeFileHandle file,
        ref byte buffer,
        nint countBytes,
        long offsetBytes
    );

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    internal static partial nint Write(
        SafeFileHandle file,
        ref byte buffer,
        nint countBytes,
        long offsetBytes
    );

    [LibraryImport("libc", EntryPoint = "fallocate", SetLastError = true)]
    internal static partial int Allocate(
        SafeFileHandle file,
        int mode,
        long offsetBytes,
        long lengthBytes
    );

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    internal static partial int Truncate(SafeFileHandle file, long lengthBytes);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    internal static partial int SyncData(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    internal static partial long Seek(SafeFileHandle file, long offsetBytes, int whence);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true)]
    private static partial int Status(
        SafeFileHandle file,
        ref byte path,
        int flags,
        uint mask,
        ref byte buffer
    );

    [LibraryImport(
        "libc",
        EntryPoint = "statx",
        SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8
    )]
    private static partial int Status(
        int directory,
        string path,
        int flags,
        uint mask,
        ref byte buffer
    );

    [LibraryImport(
        "libc",
        EntryPoint = "unlink",
        SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8
    )]
    internal static partial int Unlink(string path);

    /// <summary>
    /// Asks for the open file's kind, identity and size; statx has one layout on every machine.
    /// </summary>
    internal static HostErrno TryStatus(SafeFileHandle file, out FileStatus status)
    {
        Span<byte> buffer = stackalloc byte[StatusBufferBytes];
        byte emptyPath = 0;
        int result = Status(
            file,
            ref emptyPath,
            EmptyPath,
            BasicStatistics,
            ref MemoryMarshal.GetReference(buffer)
        );
        return Take(result, buffer, out status);
    }

    /// <summary>The same of what stands under a path now, or of what it leads to.</summary>
    internal static HostErrno TryStatus(string path, bool followsLink, out FileStatus status)
    {
        Span<byte> buffer = stackalloc byte[StatusBufferBytes];
        int result = Status(
            CurrentDirectory,
            path,
            followsLink ? 0 : NoFollow,
            BasicStatistics,
            ref MemoryMarshal.GetReference(buffer)
        );
        return Take(result, buffer, out status);
    }

    /// <summary>
    /// What direct transfers of a file must be aligned to, of memory and of the file. An old kernel
    /// does not tell, and then a page is enough for any device.
    /// </summary>
    internal static (int Memory, int Transfer) DirectAlignment(SafeFileHandle file)
    {
        Span<byte> buffer = stackalloc byte[StatusBufferBytes];
        byte emptyPath = 0;
        int result = Status(
            file,
            ref emptyPath,
            EmptyPath,
            AlignmentStatistics,
            ref MemoryMarshal.GetReference(buffer)
        );
        int memory = MemoryMarshal.Read<int>(buffer[152..]);
        int transfer = MemoryMarshal.Read<int>(buffer[156..]);
        return result == 0 && BitOperations.IsPow2(memory) && BitOperations.IsPow2(transfer)
            ? (memory, transfer)
            : (PageBytes, PageBytes);
    }

    private static HostErrno Take(int result, ReadOnlySpan<byte> buffer, out FileStatus status)
    {
        if (result != 0)
        {
            status = default;
            return LastError();
        }
        status = new FileStatus(
            MemoryMarshal.Read<ushort>(buffer[28..]),
            MemoryMarshal.Read<ulong>(buffer[32..]),
            MemoryMarshal.Read<long>(buffer[40..]),
            MemoryMarshal.Read<ulong>(buffer[48..]),
            MemoryMarshal.Read<uint>(buffer[136..]),
            MemoryMarshal.Read<uint>(buffer[140..])
        );
        return HostErrno.None;
    }

    /// <summary>The error number of the last call that was declared to set one.</summary>
    internal static HostErrno LastError() => (HostErrno)Marshal.GetLastPInvokeError();
}
