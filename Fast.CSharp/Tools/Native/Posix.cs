// The calls into the C library that the daemon needs beside those of the block layer, each with the
// C library's shape. What they are for stands where they are called.
using System.Runtime.InteropServices;

namespace Ashlar.Tools;

internal static partial class Posix
{
    public const int CloseOnExec = 0x80000;
    public const int SetDescriptorFlags = 2;
    public const int DescriptorCloseOnExec = 1;
    public const int SetLock = 6;
    public const int GetLock = 5;
    public const int DuplicateCloseOnExec = 1030;

    /// <summary>SIGHUP.</summary>
    public const int HangUp = 1;

    /// <summary>SIGINT.</summary>
    public const int Interrupt = 2;

    /// <summary>Ends a signal's being ignored; call it before anybody handles the signal.</summary>
    public static void HonourSignal(int signal) => _ = SetDisposition(signal, 0);

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint SetDisposition(int signal, nint handler);

    /// <summary>raise(3), with the system's own answer instead of the runtime's.</summary>
    public static void SendToItself(int signal)
    {
        HonourSignal(signal);
        _ = Raise(signal);
    }

    [LibraryImport("libc", EntryPoint = "raise")]
    private static partial int Raise(int signal);

    [LibraryImport("libc", EntryPoint = "umask")]
    public static partial uint SetModeMask(uint mask);

    [LibraryImport("libc", EntryPoint = "setsid", SetLastError = true)]
    public static partial int StartSession();

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    public static partial int Pipe([Out] int[] ends, int flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Control(int descriptor, int command, int argument);

    [LibraryImport("libc", EntryPoint = "dup2", SetLastError = true)]
    public static partial int Duplicate(int from, int to);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    public static partial int Close(int descriptor);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int descriptor, ref byte buffer, nint count);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int descriptor, ref byte buffer, nint count);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    public static partial int WaitFor(int processId, out int status, int options);

    [LibraryImport(
        "libc",
        EntryPoint = "open",
        SetLastError = true,
        StringMarshalling = StringMarshalling.Utf8
    )]
    public static partial int Open(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "getsockopt", SetLastError = true)]
    public static partial int SocketOption(
        int socket,
        int level,
        int option,
        out int value,
        ref int valueBytes
    );

    /// <summary>Both lists end with null, as C wants it.</summary>
    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Spawn(
        out int processId,
        string path,
        nint actions,
        nint attributes,
        string?[] arguments,
        string?[] environment
    );

    /// <summary>The C library's text for the last error.</summary>
    public static string LastErrorText() => ErrorText(Marshal.GetLastPInvokeError());

    /// <summary>The C library's text for an error number.</summary>
    public static string ErrorText(int errno) => Marshal.GetPInvokeErrorMessage(errno);
}
