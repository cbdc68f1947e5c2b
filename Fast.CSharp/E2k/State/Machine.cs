// A machine: registers, memory, the array unit, and the control state of the last bundle that was
// carried out. Spec: spec/e2k/state.md, E2K-ST.
using System;

namespace Ashlar.E2k;

/// <summary>The state of a program that runs.</summary>
public sealed class Machine : IDisposable
{
    /// <summary>Registers that a program finds in its window, all 0 (E2K-ST-001).</summary>
    public const int FirstWindow = 32;

    /// <summary>Calls that may be open at once; more is a stack overflow (E2K-ST-005).</summary>
    public const int DepthMax = 1 << 18;

    /// <summary>State registers by their code.</summary>
    public const int StateRegisters = 256;

    internal const int Pfpfr = 0x84;

    // Of floating point at the start (E2K-FP-040).
    private const uint PfpfrAtStart = 0x1f80;
    private const uint FpcrAtStart = 0x37f;
    private const int FramesAtStart = 64;

    /// <summary>What changes from bundle to bundle.</summary>
    internal Control Now;

    private Frame[] _frames = new Frame[FramesAtStart];

    public Machine(int version, bool hasTags, GuestMemory memory, ulong ip)
    {
        Version = version;
        HasTags = hasTags;
        Memory = memory;
        Now.Ip = ip;
        Now.Window = new(0, FirstWindow, 0);
        Now.Predicates = Unwritten;
        Now.Float.Pfpfr = PfpfrAtStart;
        Now.Float.Fpcr = FpcrAtStart;
        Now.Locks = [];
    }

    /// <summary>Of the instruction set, from 2 to 7.</summary>
    public int Version { get; }

    /// <summary>Whether invalid values are told from numbers (E2K-ST-016).</summary>
    public bool HasTags { get; }

    public GuestMemory Memory { get; }

    public RegisterFile Registers { get; } = new();

    public ArrayUnit Arrays { get; } = new();

    /// <summary>The lowest address of the user stack.</summary>
    public ulong StackLimit { get; set; }

    /// <summary>What a bundle sees of the rest.</summary>
    public ref readonly Control State => ref Now;

    /// <summary>Before anything is written predicates are invalid, or false without tags.</summary>
    internal PredicateFile Unwritten => new(0, HasTags ? uint.MaxValue : 0);

    /// <summary>State registers that only keep what was written, by code (E2K-ST-013).</summary>
    internal ulong[] Other { get; } = new ulong[StateRegisters];

    /// <summary>The frame of an open call, the outermost first.</summary>
    public ref readonly Frame FrameAt(int index) => ref _frames[index];

    public void Dispose()
    {
        Registers.Dispose();
        Memory.Dispose();
    }

    internal void Push(int depth, in Frame frame)
    {
        if (depth == _frames.Length)
        {
            Array.Resize(ref _frames, 2 * _frames.Length);
        }
        _frames[depth] = frame;
    }

    /// <summary>The value of a state register (E2K-ST-013).</summary>
    internal ulong ReadState(in Control control, int code)
    {
        if (code == Pfpfr || code == Codes.Pfpfr)
        {
            return control.Float.Pfpfr;
        }
        if (code == Codes.Lsr)
        {
            return control.Loop.Bits;
        }
        if (code == Codes.Fpcr)
        {
            return control.Float.Fpcr;
        }
        return code == Codes.Fpsr ? control.Float.Fpsr : Other[code];
    }

    /// <summary>
    /// Puts a value into a register that a bundle's control holds; false for others.
    /// </summary>
    internal static bool TryWriteState(ref Control control, int code, ulong value)
    {
        if (code == Pfpfr || code == Codes.Pfpfr)
        {
            control.Float.Pfpfr = (uint)value;
        }
        else if (code == Codes.Lsr)
        {
            control.Loop.Bits = value;
        }
        else if (code == Codes.Fpcr)
        {
            control.Float.Fpcr = (uint)value;
        }
        else if (code == Codes.Fpsr)
        {
            control.Float.Fpsr = (uint)value;
        }
        else
        {
            return false;
        }
        return true;
    }

    /// <summary>Codes of the state registers that have a meaning here.</summary>
    private static class Codes
    {
        internal static readonly int Lsr = Of("lsr");
        internal static readonly int Pfpfr = Of("pfpfr");
        internal static readonly int Fpcr = Of("fpcr");
        internal static readonly int Fpsr = Of("fpsr");

        private static int Of(string name) =>
            OperationTable.Specification.StateCodes.TryGetValue(name, out int code) ? code : -1;
    }
}
