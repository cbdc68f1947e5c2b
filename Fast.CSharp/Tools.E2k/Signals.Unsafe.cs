// A guest that a signal killed: this process dies of the same one. Spec: spec/e2k/traps.md,
// E2K-TRAP-003 and E2K-SIG-003.
using System.Runtime.InteropServices;
using Ashlar.E2k;

namespace Ashlar.Tools.E2k;

/// <summary>Signals that traps become.</summary>
internal static partial class Signals
{
    /// <summary>What a shell reports for a death by a signal.</summary>
    private const int DeathBySignal = 128;

    private const int SetDumpable = 4;

    /// <summary>The signal, and the trap where there was one.</summary>
    internal static string Describe(Ending ending)
    {
        Trap trap = ending.Trap;
        string name = SignalNumbers.NameOf(ending.Status);
        string why = trap.Kind switch
        {
            TrapKind.IllegalOperation => $"illegal: {trap.Illegal?.Reason} ({trap.Illegal?.Rule})",
            TrapKind.InvalidOperand => "an invalid value where a number is wanted",
            TrapKind.WindowBounds => "a register outside the window",
            TrapKind.StackBounds => "a stack ends",
            TrapKind.PageFault => $"no access to address {trap.Address:x}",
            TrapKind.DivisionByZero => "division by zero",
            _ => "sent by the program itself",
        };
        return $"{name}, {why}";
    }

    /// <summary>Dies of the signal; the number is what is left where the system refuses.</summary>
    internal static int Die(int signal)
    {
        // It is the guest that failed: no dump of ours.
        _ = Control(SetDumpable, 0, 0, 0, 0);
        _ = Handle(signal, 0);
        _ = Raise(signal);
        return DeathBySignal + signal;
    }

    [LibraryImport("libc", EntryPoint = "prctl")]
    private static partial int Control(int option, nint a, nint b, nint c, nint d);

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Handle(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "raise")]
    private static partial int Raise(int signal);
}
