/// Whole numbers in one lane: arithmetic, logic, shifts, fields, counts, comparison, division. Each
/// function takes the width of the lane in bits and patterns of that width. Requirements:
/// spec/e2k/semantics.md, E2K-INT.
module Ashlar.Reference.E2k.Integer

open System
open System.Numerics

/// E2K-INT-001: sum, difference and product are taken modulo the width.
let add width (a: uint64) (b: uint64) = Bits.truncate width (a + b)

let sub width (a: uint64) (b: uint64) = Bits.truncate width (a - b)

/// The difference the other way round, a second stage (E2K-SEM-010).
let rsub width (a: uint64) (b: uint64) = Bits.truncate width (b - a)

let mul width (a: uint64) (b: uint64) = Bits.truncate width (a * b)

/// E2K-INT-002: the functions of two bits; those that end in n take the complement of the second.
let logic (name: string) width (a: uint64) (b: uint64) =
    match name with
    | "and" -> a &&& b
    | "andn" -> a &&& ~~~b
    | "or" -> a ||| b
    | "orn" -> Bits.truncate width (a ||| ~~~b)
    | "xor" -> a ^^^ b
    | _ -> Bits.truncate width (a ^^^ ~~~b)

let private rotateRight width (a: uint64) (count: int) =
    if count = 0 then
        a
    else
        Bits.truncate width ((a >>> count) ||| (a <<< (width - count)))

/// E2K-INT-003: shifts and rotations take their count modulo the width.
let private modulo width (count: uint64) = int count &&& (width - 1)

let shiftLeft width (a: uint64) (count: uint64) = Bits.truncate width (a <<< modulo width count)

let shiftRight width (a: uint64) (count: uint64) = a >>> modulo width count

let shiftArithmetic width (a: uint64) (count: uint64) =
    Bits.truncate width (uint64 (Bits.signed width a >>> modulo width count))

let turnRight width (a: uint64) (count: uint64) = rotateRight width a (modulo width count)

let turnLeft width (a: uint64) (count: uint64) =
    rotateRight width a ((width - modulo width count) &&& (width - 1))

/// E2K-INT-004: bits of a rotated number, and the sign above them if bit 12 asks for one: the
/// control gives the place in its low bits and the length in bits 6 and up.
let private field width (a: uint64) (control: uint64) (sign: uint64 -> int -> uint64) =
    let place = modulo width control
    let length = modulo width (control >>> 6)
    let turned = rotateRight width a place
    let bits = turned &&& Bits.mask length

    if (control >>> 12) &&& sign turned (place + length - 1) &&& 1UL = 1UL then
        bits ||| (Bits.mask width &&& ~~~(Bits.mask length))
    else
        bits

/// E2K-INT-004: the control names the byte of the number that the sign is in; the place in it is
/// that of the field's highest bit.
let getField width (a: uint64) (control: uint64) =
    let byte = int (control >>> 13) &&& (width / 8 - 1)
    field width a control (fun _ highest -> a >>> (8 * byte + (highest &&& 7)))

/// E2K-INT-005: the sign is the field's highest bit; then as many low bits are cleared as bits
/// 15:13 say.
let getFieldCleared width (a: uint64) (control: uint64) =
    let length = modulo width (control >>> 6)
    let highest turned _ = if length = 0 then 0UL else turned >>> (length - 1)
    field width a control highest &&& ~~~(Bits.mask (int (control >>> 13) &&& 7))

/// E2K-INT-006: the low bits of the third source in place of those of the rotated first.
let insertField width (a: uint64) (control: uint64) (inserted: uint64) =
    let mask = Bits.mask (modulo width (control >>> 6))
    let turned = rotateRight width a (modulo width control)
    (turned &&& ~~~mask) ||| (inserted &&& mask)

/// E2K-INT-007: bits in the other order.
let reverse width (a: uint64) =
    Seq.fold
        (fun sofar index -> (sofar <<< 1) ||| ((a >>> index) &&& 1UL))
        0UL
        (seq { 0 .. width - 1 })

/// E2K-INT-007: zeros above the highest one, the width where there is none.
let leadingZeros width (a: uint64) = uint64 (BitOperations.LeadingZeroCount a - (64 - width))

let ones (a: uint64) = uint64 (BitOperations.PopCount a)

/// E2K-INT-008: the high half of a product of 64 bits.
let mulHighUnsigned (a: uint64) (b: uint64) = (Bits.ofWide (UInt128(0UL, a) * UInt128(0UL, b))).High

let mulHighSigned (a: uint64) (b: uint64) =
    let correction (sign: uint64) (other: uint64) = if int64 sign < 0L then other else 0UL

    mulHighUnsigned a b - correction a b - correction b a

/// E2K-INT-009: product without carries, 128 bits.
let carryless (a: uint64) (b: uint64) =
    let factor = UInt128(0UL, a)

    Seq.fold
        (fun sum index ->
            if (b >>> index) &&& 1UL = 1UL then
                sum ^^^ (factor <<< index)
            else
                sum)
        UInt128.Zero
        (seq { 0..63 })

/// E2K-INT-010: carry of a sum of 64 bits and a carry.
let carry (a: uint64) (b: uint64) (carried: uint64) =
    let sum = a + b
    (if sum < a || (sum + carried) < sum then 1UL else 0UL)

/// E2K-INT-011: borrow of a difference of 64 bits and a borrow.
let borrow (a: uint64) (b: uint64) (borrowed: uint64) =
    (if a < b || a - b < borrowed then 1UL else 0UL)

/// E2K-INT-012: division rounds towards zero; by zero it traps. The quotient of the smallest number
/// and -1 is the smallest number.
let divideSigned width (a: uint64) (b: uint64) =
    match Bits.signed width a, Bits.signed width b with
    | _, 0L -> None
    | dividend, -1L -> Some(Bits.truncate width (uint64 (0L - dividend)))
    | dividend, divisor -> Some(Bits.truncate width (uint64 (dividend / divisor)))

let divideUnsigned (a: uint64) (b: uint64) = if b = 0UL then None else Some(a / b)

/// E2K-INT-013: 64 bits by 32: a quotient that does not fit in 32 bits traps.
let divideLongUnsigned (a: uint64) (b: uint64) =
    match divideUnsigned a b with
    | Some quotient when quotient <= 0xffffffffUL -> Some quotient
    | _ -> None

/// E2K-INT-013: the divisor of a signed division of 64 bits by 32 has no sign.
let divideLongSigned (a: uint64) (b: uint64) =
    if b = 0UL then
        None
    else
        let quotient = int64 a / int64 b

        if quotient >= int64 Int32.MinValue && quotient <= int64 Int32.MaxValue then
            Some(Bits.truncate 32 (uint64 quotient))
        else
            None

/// E2K-INT-014: the remainder has the sign of the dividend and does not trap for a large quotient.
let remainderLongUnsigned (a: uint64) (b: uint64) =
    if b = 0UL then None else Some(Bits.truncate 32 (a % b))

let remainderLongSigned (a: uint64) (b: uint64) =
    if b = 0UL then
        None
    else
        Some(Bits.truncate 32 (uint64 (int64 a % int64 b)))

/// E2K-INT-020: the eight comparisons of a difference, by the letters of their names.
let compare (name: string) width (a: uint64) (b: uint64) =
    let x, y = Bits.signed width a, Bits.signed width b
    let difference = Bits.signed width (a - b)

    match name with
    // Signed overflow of the difference.
    | "o" -> (x < y) <> (difference < 0L)
    | "b" -> a < b
    | "e" -> a = b
    | "be" -> a <= b
    | "s" -> difference < 0L
    // Even parity of the low byte of the difference.
    | "p" -> BitOperations.PopCount((a - b) &&& 0xffUL) % 2 = 0
    | "l" -> x < y
    | _ -> x <= y

/// E2K-INT-021: the four tests of a conjunction.
let test (name: string) width (a: uint64) (b: uint64) =
    let both = a &&& b

    match name with
    | "e" -> both = 0UL
    | "s" -> Bits.signed width both < 0L
    | "p" -> BitOperations.PopCount(both &&& 0xffUL) % 2 = 0
    | _ -> Bits.signed width both <= 0L

/// E2K-INT-015: 8, 16 or 32 bits, with their sign unless bit 2 of the control is set, as 64.
let extend (control: int) (a: uint64) =
    let width =
        match control &&& 3 with
        | 0 -> 8
        | 1 -> 16
        | _ -> 32

    if control &&& 4 = 0 then
        uint64 (Bits.signed width a)
    else
        Bits.truncate width a
