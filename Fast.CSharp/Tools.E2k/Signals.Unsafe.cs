// A guest that a signal killed: this process dies of the same one. Spec: spec/e2k/traps.md,
// E2K-TRAP-003.
using System.Runtime.InteropServices;
using Ashlar.E2k;

namespace Ashlar.Tools.E2k;

/// <summary>Signals that traps become.</summary>
internal static partial class Signals
{
    private const int SigIll = 4;
    private const int SigFpe = 8;
    private const int SigSegv = 11;

    /// <summary>What a shell reports for a death by a signal.</summary>
    private const int DeathBySignal = 128;

    private const int SetDumpable = 4;

    internal static string Describe(Trap trap)
    {
        string name = NumberOf(trap.Kind) switch
        {
            SigIll => "SIGILL",
            SigFpe => "SIGFPE",
            _ => "SIGSEGV",
        };
        string why = trap.Kind switch
        {
            TrapKind.IllegalOperation => $"illegal: {trap.Illegal?.Reason} ({trap.Illegal?.Rule})",
            TrapKind.InvalidOperand => "an invalid value where a number is wanted",
            TrapKind.WindowBounds => "a register outside the window",
            TrapKind.StackBounds => "a stack ends",
            TrapKind.PageFault => $"no access to address {trap.Address:x}",
            _ => "division by zero",
        };
        return $"{name}, {why}";
    }

    /// <summary>Dies of the signal; the number is what is left where the system refuses.</summary>
    internal static int Die(TrapKind kind)
    {
        int signal = NumberOf(kind);
        // It is the guest that failed: no dump of ours.
        _ = Control(SetDumpable, 0, 0, 0, 0);
        _ = Handle(signal, 0);
        _ = Raise(signal);
        return DeathBySignal + signal;
    }

    private static int NumberOf(TrapKind kind) =>
        kind switch
        {
            TrapKind.IllegalOperation or TrapKind.InvalidOperand => SigIll,
            TrapKind.DivisionByZero => SigFpe,
            _ => SigSegv,
        };

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int Control(int option, nint a, nint b, nint c, nint d);

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Handle(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "raise")]
    private static partial int Raise(int signal);
}
