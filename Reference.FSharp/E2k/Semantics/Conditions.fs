/// A flags register as x86 has it: what operations leave in it, and conditions on it. No source
/// shows results of these operations; the layout is that of the comparisons of floating point that
/// make such a register. Requirements: spec/e2k/semantics.md, E2K-INT-030, E2K-INT-031.
module Ashlar.Reference.E2k.Conditions

open System.Numerics

let private carry = 0x001UL
let private parity = 0x004UL
let private auxiliary = 0x010UL
let private zero = 0x040UL
let private sign = 0x080UL
let private overflow = 0x800UL

let private flagIf isSet flag = if isSet then flag else 0UL

/// Parity, zero and sign of a result.
let private ofResult width (result: uint64) =
    flagIf (BitOperations.PopCount(result &&& 0xffUL) % 2 = 0) parity
    ||| flagIf (result = 0UL) zero
    ||| flagIf (Bits.signed width result < 0L) sign

let private isNegative width (a: uint64) = Bits.signed width a < 0L

let private ofSum width (a: uint64) (b: uint64) =
    let result = Integer.add width a b

    ofResult width result
    ||| flagIf (result < a) carry
    ||| flagIf ((a ^^^ b ^^^ result) &&& 0x10UL <> 0UL) auxiliary
    ||| flagIf (isNegative width ((a ^^^ result) &&& (b ^^^ result))) overflow

let private ofDifference width (a: uint64) (b: uint64) =
    let result = Integer.sub width a b

    ofResult width result
    ||| flagIf (a < b) carry
    ||| flagIf ((a ^^^ b ^^^ result) &&& 0x10UL <> 0UL) auxiliary
    ||| flagIf (isNegative width ((a ^^^ b) &&& (a ^^^ result))) overflow

let private keepCarry (old: uint64) (flags: uint64) = (flags &&& ~~~carry) ||| (old &&& carry)

/// A product that its lower half does not hold sets carry and overflow.
let private ofProduct isSigned width (a: uint64) (b: uint64) =
    let fits =
        if isSigned then
            let product = Bits.signed width a * Bits.signed width b
            Bits.signed width (uint64 product) = product
        else
            a * b <= Bits.mask width

    ofResult width (Integer.mul width a b) ||| flagIf (not fits) (carry ||| overflow)

/// Shifts and rotations: by nothing they leave the old flags; the carry is the last bit to leave,
/// and overflow a change of sign. Rotations change only these two.
let private ofShift (name: string) width (a: uint64) (amount: uint64) (old: uint64) =
    let count = int amount &&& (if width = 64 then 63 else 31)

    if count = 0 then
        old
    else
        let top = width - 1
        let bit place = place >= 0 && place < width && (a >>> place) &&& 1UL = 1UL

        let result, last =
            match name with
            | "shl" ->
                (if count < width then
                     Integer.shiftLeft width a (uint64 count)
                 else
                     0UL),
                bit (width - count)
            | "shr" -> (if count < width then a >>> count else 0UL), bit (count - 1)
            | "sar" ->
                let count = min count top
                Bits.truncate width (uint64 (Bits.signed width a >>> count)), bit (count - 1)
            | "scl" ->
                let result = Integer.turnLeft width a (uint64 count)
                result, result &&& 1UL = 1UL
            | _ ->
                let result = Integer.turnRight width a (uint64 count)
                result, isNegative width result

        let moved =
            flagIf last carry ||| flagIf (isNegative width a <> isNegative width result) overflow

        if name.StartsWith "sc" then
            (old &&& ~~~(carry ||| overflow)) ||| moved
        else
            ofResult width result ||| moved

/// E2K-INT-030: the flags that an operation leaves, by its name.
let flagsOf (name: string) width (a: uint64) (b: uint64) (old: uint64) =
    match name with
    | "add" -> ofSum width a b
    | "sub" -> ofDifference width a b
    | "inc" -> keepCarry old (ofSum width a b)
    | "dec" -> keepCarry old (ofDifference width a b)
    | "smulx" -> ofProduct true width a b
    | "umulx" -> ofProduct false width a b
    | "shl"
    | "shr"
    | "sar"
    | "scl"
    | "scr" -> ofShift name width a b old
    | _ -> ofResult width (Integer.logic name width a b)

/// E2K-INT-031: conditions on a flags register, by the letters of E2K-INT-020.
let holds (name: string) (flags: uint64) =
    let has flag = flags &&& flag <> 0UL
    let isLess = has sign <> has overflow

    match name with
    | "o" -> has overflow
    | "b" -> has carry
    | "e" -> has zero
    | "be" -> has carry || has zero
    | "s" -> has sign
    | "p" -> has parity
    | "l" -> isLess
    | _ -> isLess || has zero
