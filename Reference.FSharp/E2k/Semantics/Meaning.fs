/// What an operation computes, as a value: a function of operand patterns, and of the control of
/// floating point where it rounds. Requirements: spec/e2k/semantics.md, E2K-SEM.
namespace Ashlar.Reference.E2k

/// The patterns an operation works on; what it has not is zero.
type Sources = {
    First: Bits
    Second: Bits
    Third: Bits
    /// The byte in the half-syllable.
    Byte: int
    /// The tag of the second source.
    Tag: int
    /// The predicate that a merge is given.
    Chosen: bool
}

/// A kind of function.
type Meaning =
    /// Whole numbers and bits; cannot fail.
    | Whole of (Sources -> Bits)
    /// A division, which has no result where it traps (E2K-INT-012).
    | Dividing of (Sources -> Bits option)
    /// Rounds as PFPFR says and sets its flags.
    | ByPfpfr of (FloatMode -> Sources -> struct (Bits * int))
    /// Rounds as FPCR says and sets flags of FPSR.
    | ByFpcr of (FloatMode -> Sources -> struct (Bits * int))

/// The registers that govern floating point.
[<Struct>]
type FloatControl = { Pfpfr: uint32; Fpcr: uint32; Fpsr: uint32 }

/// What came of an operation.
type Outcome =
    | Result of Bits * FloatControl
    /// E2K-INT-012.
    | DivisionTrap

/// Environments from registers.
module FloatControl =
    /// E2K-FP-040: the values at the start of a program.
    let initial = { Pfpfr = 0x1f80u; Fpcr = 0x37fu; Fpsr = 0u }

    /// E2K-FP-041: PFPFR has the rounding in bits 14:13 and in bit 15 that small results become
    /// zero; results have the precision of their format.
    let packed (control: FloatControl) : FloatMode = {
        Rounding = enum (int (control.Pfpfr >>> 13) &&& 3)
        Kept = 64
        FlushResults = control.Pfpfr >>> 15 &&& 1u = 1u
    }

    /// E2K-F80-001: FPCR has the rounding in bits 11:10 and the precision in bits 9:8.
    let extended (control: FloatControl) : FloatMode = {
        Rounding = enum (int (control.Fpcr >>> 10) &&& 3)
        Kept =
            match int (control.Fpcr >>> 8) &&& 3 with
            | 0 -> 24
            | 2 -> 53
            | _ -> 64
        FlushResults = false
    }

/// Applying functions.
module Meaning =
    /// E2K-SEM-001: the result, and flags added to those there were.
    let apply (meaning: Meaning) (control: FloatControl) (operands: Sources) : Outcome =
        match meaning with
        | Whole f -> Result(f operands, control)
        | Dividing f ->
            match f operands with
            | Some bits -> Result(bits, control)
            | None -> DivisionTrap
        | ByPfpfr f ->
            let struct (bits, flags) = f (FloatControl.packed control) operands
            let pfpfr = control.Pfpfr ||| uint32 flags
            Result(bits, { control with Pfpfr = pfpfr })
        | ByFpcr f ->
            let struct (bits, flags) = f (FloatControl.extended control) operands
            let fpsr = control.Fpsr ||| uint32 flags
            Result(bits, { control with Fpsr = fpsr })

    /// E2K-SEM-010: a second stage takes the third source and the result of the first, which is
    /// rounded but not made zero for being small (E2K-FP-042).
    let compose (first: Meaning) (second: Meaning) : Meaning option =
        let after (operands: Sources) bits = { operands with First = operands.Third; Second = bits }

        match first, second with
        | Whole f, Whole g -> Some(Whole(fun operands -> g (after operands (f operands))))
        | ByPfpfr f, ByPfpfr g ->
            Some(
                ByPfpfr(fun mode operands ->
                    let between = { mode with FlushResults = false }
                    let struct (bits, flags) = f between operands
                    let struct (result, more) = g mode (after operands bits)
                    struct (result, flags ||| more))
            )
        | _ -> None
