// What an operation is given and what it gives. Spec: spec/e2k/semantics.md, E2K-SEM-001.
using System.Runtime.Intrinsics;

namespace Ashlar.E2k.Operations;

/// <summary>
/// What a register holds: 64 bits and above them the extension, which is the sign and exponent of
/// an f80 (16 bits) or the high half of 128 bits.
/// </summary>
public readonly record struct Bits(ulong Low, ulong High)
{
    /// <summary>Both halves, the low one as element 0.</summary>
    public Vector128<ulong> Vector => Vector128.Create(Low, High);

    /// <summary>The pattern of two halves.</summary>
    public static Bits Of(Vector128<ulong> vector) =>
        new(vector.GetElement(0), vector.GetElement(1));
}

/// <summary>The patterns an operation works on; what it has not is zero.</summary>
public struct Sources
{
    public Bits First;
    public Bits Second;
    public Bits Third;

    /// <summary>The byte in the half-syllable.</summary>
    public int Byte;

    /// <summary>The tag of the second source.</summary>
    public int Tag;

    /// <summary>The predicate that a merge is given.</summary>
    public bool Chosen;
}

/// <summary>The registers that govern floating point (E2K-FP-041, E2K-F80-001).</summary>
public struct FloatControl
{
    /// <summary>Flags, rounding and flushing of packed and scalar numbers.</summary>
    public uint Pfpfr;

    /// <summary>Rounding and precision of f80.</summary>
    public uint Fpcr;

    /// <summary>Flags of f80.</summary>
    public uint Fpsr;
}

/// <summary>A kind of function.</summary>
public enum MeaningKind
{
    /// <summary>Whole numbers and bits; cannot fail.</summary>
    Whole,

    /// <summary>A division, which has no result where it traps (E2K-INT-012).</summary>
    Dividing,

    /// <summary>Rounds as PFPFR says and sets its flags.</summary>
    ByPfpfr,

    /// <summary>Rounds as FPCR says and sets flags of FPSR.</summary>
    ByFpcr,
}
