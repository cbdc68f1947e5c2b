// The seam to the host's files: what the file driver needs of a descriptor, errors as values.
// The implementations (Linux, memory) are beside this file. Spec: spec/block/file.md.
using System;
using System.Runtime.InteropServices;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>Linux error numbers, as the host reports them; 0 means success.</summary>
public enum HostErrno
{
    None = 0,
    NotPermitted = 1,
    NoEntry = 2,
    Interrupted = 4,
    Io = 5,
    NoDeviceOrAddress = 6,
    BadDescriptor = 9,
    TryAgain = 11,
    NoMemory = 12,
    AccessDenied = 13,
    Busy = 16,
    AlreadyExists = 17,
    NoDevice = 19,
    NotDirectory = 20,
    IsDirectory = 21,
    Invalid = 22,
    TooManyFiles = 24,
    TextBusy = 26,
    FileTooBig = 27,
    NoSpace = 28,
    ReadOnlyFileSystem = 30,
    NameTooLong = 36,
    NoSystemCall = 38,
    TooManyLinks = 40,
    NotSupported = 95,
    Stale = 116,
}

/// <summary>Which file a descriptor leads to, whatever its name is now (BLK-FILE-005).</summary>
public readonly record struct FileIdentity(ulong Device, ulong Inode);

/// <summary>How a file is opened (BLK-IO-001, BLK-IO-008).</summary>
/// <param name="Writable">Read-write instead of read-only.</param>
/// <param name="Direct">Past the host's page cache.</param>
/// <param name="Engine">How its requests reach the kernel.</param>
public readonly record struct HostFileMode(
    bool Writable,
    bool Direct = false,
    AioEngine Engine = AioEngine.Threads
);

/// <summary>Opens host files. Called by the control thread only.</summary>
public interface IHostFiles
{
    /// <summary>
    /// Opens an existing regular file or block device by name, and never
    /// creates or changes (BLK-FILE-021). The path is used as given (BLK-FILE-020). On success
    /// <paramref name="file"/> is not null.
    /// </summary>
    HostErrno Open(string path, HostFileMode mode, out HostFile? file);
}

/// <summary>
/// One open descriptor. Offsets and lengths are bytes; a short transfer is retried inside, a read
/// beyond the end of the file gives zeroes, a write beyond it extends the file.
/// </summary>
public abstract class HostFile : IDisposable
{
    /// <summary>Device and inode, fixed at open.</summary>
    public abstract FileIdentity Identity { get; }

    /// <summary>The file's length in bytes now; -1 when the host does not tell.</summary>
    public abstract long Length { get; }

    /// <summary>How many bytes the host keeps for it; -1 when it does not tell.</summary>
    public virtual long AllocatedBytes => -1;

    /// <summary>The descriptor's mode, from F_GETFL where there is a kernel to ask.</summary>
    public abstract bool IsWritable { get; }

    public abstract HostErrno Read(long offsetBytes, Span<byte> buffer);

    public abstract HostErrno Write(long offsetBytes, ReadOnlySpan<byte> buffer);

    /// <summary>
    /// Makes the range read as zeroes; the file grows when the range ends beyond it.
    /// </summary>
    public abstract HostErrno WriteZeroes(long offsetBytes, long lengthBytes);

    /// <summary>
    /// The same without writing the zeroes; NotSupported, with nothing done, where the host cannot.
    /// </summary>
    public virtual HostErrno ZeroFast(long offsetBytes, long lengthBytes) => HostErrno.NotSupported;

    /// <summary>
    /// Gives the space of a range inside the file back; the range then reads as zeroes, the length
    /// stays. NotSupported where the host cannot.
    /// </summary>
    public virtual HostErrno Discard(long offsetBytes, long lengthBytes) => HostErrno.NotSupported;

    /// <summary>
    /// True when the byte at the offset is data, false when it stands in a hole, which reads as
    /// zeroes; and how far that goes, at most the given length. Data where the host does not tell.
    /// </summary>
    public virtual bool IsData(long offsetBytes, long lengthBytes, out long extentBytes)
    {
        extentBytes = lengthBytes;
        return true;
    }

    /// <summary>Makes completed writes durable.</summary>
    public abstract HostErrno Flush();

    // What follows is the same without holding the caller up, where the host can do that. A buffer
    // is the file's until the request completes.

    public virtual ValueTask<HostErrno> ReadAsync(long offsetBytes, Memory<byte> buffer) =>
        new(Read(offsetBytes, buffer.Span));

    public virtual ValueTask<HostErrno> WriteAsync(long offsetBytes, ReadOnlyMemory<byte> buffer) =>
        new(Write(offsetBytes, buffer.Span));

    public virtual ValueTask<HostErrno> WriteZeroesAsync(long offsetBytes, long lengthBytes) =>
        new(WriteZeroes(offsetBytes, lengthBytes));

    public virtual ValueTask<HostErrno> ZeroFastAsync(long offsetBytes, long lengthBytes) =>
        new(ZeroFast(offsetBytes, lengthBytes));

    public virtual ValueTask<HostErrno> DiscardAsync(long offsetBytes, long lengthBytes) =>
        new(Discard(offsetBytes, lengthBytes));

    public virtual ValueTask<HostErrno> FlushAsync() => new(Flush());

    /// <summary>
    /// Turns transfers past the host's page cache on or off, while none is in flight; refused
    /// where the file system has none (BLK-IO-008).
    /// </summary>
    public virtual HostErrno SetDirect(bool direct) => HostErrno.None;

    /// <summary>
    /// What offsets and lengths of transfers must be multiples of, in bytes; a power of two.
    /// </summary>
    public virtual int TransferAlignment => 1;

    /// <summary>What the address of a buffer must be a multiple of; a power of two.</summary>
    public virtual int MemoryAlignment => 1;

    /// <summary>Sets the length; new bytes read as zeroes.</summary>
    public abstract HostErrno Truncate(long lengthBytes);

    /// <summary>
    /// Takes a shared lock owned by this open file description on one byte (BLK-FILE-010).
    /// </summary>
    public abstract HostErrno LockShared(int byteOffset);

    /// <summary>Gives one byte's lock up; not held is fine.</summary>
    public abstract void Unlock(int byteOffset);

    /// <summary>
    /// True when another open file description holds a lock on the byte (BLK-FILE-011).
    /// </summary>
    public abstract bool IsLockedByOthers(int byteOffset);

    public abstract void Dispose();
}

/// <summary>
/// The host's texts for error numbers, as strerror of the GNU C library has them.
/// </summary>
public static class HostErrnoText
{
    /// <summary>The text of an error number; rare ones are asked of the C library.</summary>
    public static string Of(HostErrno errno) =>
        errno switch
        {
            HostErrno.None => "Success",
            HostErrno.NotPermitted => "Operation not permitted",
            HostErrno.NoEntry => "No such file or directory",
            HostErrno.Io => "Input/output error",
            HostErrno.BadDescriptor => "Bad file descriptor",
            HostErrno.TryAgain => "Resource temporarily unavailable",
            HostErrno.NoMemory => "Cannot allocate memory",
            HostErrno.AccessDenied => "Permission denied",
            HostErrno.Busy => "Device or resource busy",
            HostErrno.AlreadyExists => "File exists",
            HostErrno.NotDirectory => "Not a directory",
            HostErrno.IsDirectory => "Is a directory",
            HostErrno.Invalid => "Invalid argument",
            HostErrno.TooManyFiles => "Too many open files",
            HostErrno.TextBusy => "Text file busy",
            HostErrno.FileTooBig => "File too large",
            HostErrno.NoSpace => "No space left on device",
            HostErrno.ReadOnlyFileSystem => "Read-only file system",
            HostErrno.NameTooLong => "File name too long",
            HostErrno.TooManyLinks => "Too many levels of symbolic links",
            HostErrno.NotSupported => "Operation not supported",
            HostErrno.Stale => "Stale file handle",
            _ => Marshal.GetPInvokeErrorMessage((int)errno),
        };
}
