// Why a bundle was not carried out. Spec: spec/e2k/traps.md, E2K-TRAP-001.
namespace Ashlar.E2k;

/// <summary>A kind of trap.</summary>
public enum TrapKind : byte
{
    None,
    IllegalOperation,

    /// <summary>An invalid value where a number is wanted.</summary>
    InvalidOperand,
    WindowBounds,
    StackBounds,
    PageFault,
    DivisionByZero,
}

/// <summary>
/// A trap, with the address of a page fault and the reason of an illegal operation.
/// </summary>
public readonly record struct Trap(TrapKind Kind, ulong Address = 0, Illegal? Illegal = null);
