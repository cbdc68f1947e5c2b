// The signals of Linux by number: which trap becomes which, and what happens without a handler.
// Spec: spec/e2k/traps.md, E2K-TRAP-003 and E2K-SIG-003.
namespace Ashlar.E2k;

/// <summary>Signals by number.</summary>
public static class SignalNumbers
{
    public const int Illegal = 4;
    public const int Arithmetic = 8;
    public const int Kill = 9;
    public const int Segment = 11;
    public const int BrokenPipe = 13;

    /// <summary>The last number there is.</summary>
    internal const int Last = 64;

    private const int Stop = 19;

    private static readonly string[] Names =
    [
        "0",
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];

    /// <summary>Signals that nobody can catch or block, as a mask.</summary>
    internal static ulong Unstoppable => BitOf(Kill) | BitOf(Stop);

    /// <summary>The signal that a trap becomes (E2K-TRAP-003).</summary>
    public static int Of(TrapKind kind) =>
        kind switch
        {
            TrapKind.IllegalOperation or TrapKind.InvalidOperand => Illegal,
            TrapKind.DivisionByZero => Arithmetic,
            _ => Segment,
        };

    /// <summary>The customary name; later ones have a number only.</summary>
    public static string NameOf(int signal) =>
        signal < Names.Length ? Names[signal] : $"signal {signal}";

    /// <summary>A signal's place in a mask.</summary>
    internal static ulong BitOf(int signal) => 1UL << (signal - 1);

    /// <summary>Without a handler these do nothing; those that stop or go on, too.</summary>
    internal static bool IsIgnored(int signal) => signal is 17 or 18 or (>= 19 and <= 23) or 28;
}
