// Error numbers of Linux as calls give them: negative. Spec: spec/e2k/linux.md, E2K-SYS-003.
using System.Collections.Generic;

namespace Ashlar.E2k;

/// <summary>Results that say what went wrong.</summary>
internal static class ErrorNumber
{
    internal const int NotAllowed = -1;
    internal const int NoEntry = -2;
    internal const int NoProcess = -3;
    internal const int Interrupted = -4;
    internal const int InputOutput = -5;
    internal const int BadDescriptor = -9;
    internal const int TryAgain = -11;
    internal const int NoMemory = -12;
    internal const int NotPermitted = -13;
    internal const int BadAddress = -14;
    internal const int NoFolder = -20;
    internal const int BadArgument = -22;
    internal const int TooManyFiles = -24;
    internal const int NoTerminal = -25;
    internal const int CannotSeek = -29;
    internal const int ReadOnly = -30;
    internal const int BrokenPipe = -32;
    internal const int OutOfRange = -34;
    internal const int NameTooLong = -36;
    internal const int NoSuchCall = -38;
    internal const int Links = -40;

    /// <summary>A result is an error from here on; less is an address (E2K-SYS-003).</summary>
    private const long Last = -4095;

    private static readonly Dictionary<long, string> Names = new()
    {
        [NotAllowed] = "EPERM",
        [NoEntry] = "ENOENT",
        [NoProcess] = "ESRCH",
        [Interrupted] = "EINTR",
        [InputOutput] = "EIO",
        [BadDescriptor] = "EBADF",
        [TryAgain] = "EAGAIN",
        [NoMemory] = "ENOMEM",
        [NotPermitted] = "EACCES",
        [BadAddress] = "EFAULT",
        [-17] = "EEXIST",
        [-18] = "EXDEV",
        [NoFolder] = "ENOTDIR",
        [-21] = "EISDIR",
        [BadArgument] = "EINVAL",
        [TooManyFiles] = "EMFILE",
        [NoTerminal] = "ENOTTY",
        [-27] = "EFBIG",
        [-28] = "ENOSPC",
        [CannotSeek] = "ESPIPE",
        [ReadOnly] = "EROFS",
        [BrokenPipe] = "EPIPE",
        [OutOfRange] = "ERANGE",
        [NameTooLong] = "ENAMETOOLONG",
        [NoSuchCall] = "ENOSYS",
        [-39] = "ENOTEMPTY",
        [Links] = "ELOOP",
    };

    /// <summary>Whether a result is an error.</summary>
    internal static bool Is(long result) => result is < 0 and >= Last;

    /// <summary>The customary name; empty where there is none here.</summary>
    internal static string NameOf(long result) => Names.GetValueOrDefault(result, "");
}
