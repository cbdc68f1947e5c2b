/// Floating-point operations on one lane of any format: special values first, then the exact result
/// of SoftFloat, rounded once. Each gives a pattern and flags. Requirements:
/// spec/e2k/floating.md, E2K-FP.
module Ashlar.Reference.E2k.Floating

open System
open Ashlar.Reference.E2k.SoftFloat

let private isNaN (number: Float) = number.Class = Class.Quiet || number.Class = Class.Signaling

let private isSignaling (number: Float) = number.Class = Class.Signaling

/// A fraction of a NaN moved from one format to another, its highest bits kept.
let private moved (source: Format) (target: Format) (fraction: UInt128) =
    let shift = source.Precision - target.Precision

    if shift >= 0 then
        fraction >>> shift
    else
        fraction <<< -shift

/// A NaN in a format that need not be its own.
let private carry source target (number: Float) =
    quiet target number.Negative (moved source target number.Significand)

let private invalidIf condition = if condition then Flags.invalid else Flags.none

/// E2K-FP-004: the NaN that a result is where operands are: of two a quiet one before a signaling
/// one, then the larger fraction, then the positive one; of three the first.
let private propagate source target (operands: Float list) =
    let flags = invalidIf (List.exists isSignaling operands)
    let found = operands |> List.filter isNaN

    let kept =
        match operands, found with
        | [ _; _ ], [ a; b ] when isSignaling a <> isSignaling b -> if isSignaling a then b else a
        | [ _; _ ], [ a; b ] when a.Significand <> b.Significand ->
            if a.Significand > b.Significand then a else b
        | [ _; _ ], [ a; b ] -> if a.Negative then b else a
        | _ -> List.head found

    struct (carry source target kept, flags)

let private invalid target = struct (indefinite target, Flags.invalid)
let private isUnsupported (number: Float) = number.Class = Class.Unsupported

/// How to make a result: the mode, the format of the operands and that of the result.
[<Struct>]
type Setting = { Mode: FloatMode; Source: Format; Target: Format }

let private finish setting (number: Float) =
    round setting.Target setting.Mode number.Negative number.Exponent number.Significand

let private clean bits = struct (bits, Flags.none)

/// E2K-FP-005: the sign of a sum that is zero.
let private zeroSum setting (a: Float) (b: Float) =
    let negative =
        if a.Class = Class.Zero && b.Class = Class.Zero && a.Negative = b.Negative then
            a.Negative
        else
            setting.Mode.Rounding = Rounding.Down

    clean (zero setting.Target negative)

/// A sum of numbers of which none is a NaN.
let private addNumbers setting (a: Float) (b: Float) =
    match a.Class, b.Class with
    | Class.Infinity, Class.Infinity when a.Negative <> b.Negative -> invalid setting.Target
    | Class.Infinity, _ -> clean (infinity setting.Target a.Negative)
    | _, Class.Infinity -> clean (infinity setting.Target b.Negative)
    | _ ->
        let total = sum a b

        if total.Class = Class.Zero then
            zeroSum setting a b
        else
            finish setting total

let private binary setting (a: Float) (b: Float) whenNumbers =
    if isUnsupported a || isUnsupported b then
        invalid setting.Target
    elif isNaN a || isNaN b then
        propagate setting.Source setting.Target [ a; b ]
    else
        whenNumbers a b

let private negated (number: Float) = { number with Negative = not number.Negative }

/// E2K-FP-010: sum.
let add setting a b = binary setting a b (addNumbers setting)

/// E2K-FP-010: difference.
let sub setting a b = binary setting a b (fun a b -> addNumbers setting a (negated b))

let private isZeroTimesInfinity (a: Float) (b: Float) =
    (a.Class = Class.Zero && b.Class = Class.Infinity)
    || (a.Class = Class.Infinity && b.Class = Class.Zero)

/// E2K-FP-011: product.
let mul setting a b =
    binary setting a b (fun a b ->
        let negative = a.Negative <> b.Negative

        if isZeroTimesInfinity a b then
            invalid setting.Target
        elif a.Class = Class.Infinity || b.Class = Class.Infinity then
            clean (infinity setting.Target negative)
        elif a.Class = Class.Zero || b.Class = Class.Zero then
            clean (zero setting.Target negative)
        else
            finish setting (product a b))

/// E2K-FP-012: quotient.
let div setting a b =
    binary setting a b (fun a b ->
        let negative = a.Negative <> b.Negative

        match a.Class, b.Class with
        | Class.Infinity, Class.Infinity
        | Class.Zero, Class.Zero -> invalid setting.Target
        | Class.Infinity, _ -> clean (infinity setting.Target negative)
        | _, Class.Infinity
        | Class.Zero, _ -> clean (zero setting.Target negative)
        | _, Class.Zero -> struct (infinity setting.Target negative, Flags.divideByZero)
        | _ -> finish setting (quotient a b))

/// E2K-FP-013: root.
let sqrt setting (a: Float) =
    if isUnsupported a then
        invalid setting.Target
    elif isNaN a then
        propagate setting.Source setting.Target [ a ]
    else
        match a.Class with
        | Class.Zero -> clean (zero setting.Target a.Negative)
        | _ when a.Negative -> invalid setting.Target
        | Class.Infinity -> clean (infinity setting.Target false)
        | _ -> finish setting (root a)

let private one = finite false 0 UInt128.One

/// E2K-FP-017: one divided by a number, rounded once.
let reciprocal setting (a: Float) = div setting one a

/// E2K-FP-017: one divided by a root, rounded twice.
let reciprocalRoot setting (a: Float) =
    let struct (root, before) = sqrt setting a
    let struct (bits, flags) = reciprocal setting (unpack setting.Target root)
    struct (bits, before ||| flags)

/// E2K-FP-014: a product and a sum rounded once; `negateProduct` and `negateSum` say which signs
/// are turned before.
let fused setting negateProduct negateSum (a: Float) (b: Float) (c: Float) =
    let turn negate number = if negate then negated number else number

    if isNaN a || isNaN b || isNaN c then
        propagate setting.Source setting.Target [ a; b; c ]
    elif isZeroTimesInfinity a b then
        invalid setting.Target
    else

    let a, c = turn negateProduct a, turn negateSum c
    let negative = a.Negative <> b.Negative

    if a.Class = Class.Infinity || b.Class = Class.Infinity then
        let infinite = { a with Class = Class.Infinity; Negative = negative }

        addNumbers setting infinite c
    elif a.Class = Class.Zero || b.Class = Class.Zero then
        addNumbers setting (finite negative 0 UInt128.Zero) c
    else
        addNumbers setting (product a b) c

/// -1, 0 or 1 for numbers of which none is a NaN; zeros are equal.
let private order (a: Float) (b: Float) =
    let sign (number: Float) =
        if number.Class = Class.Zero then 0
        elif number.Negative then -1
        else 1

    if sign a <> sign b then
        Math.Sign(sign a - sign b)
    elif sign a = 0 then
        0
    else
        match a.Class = Class.Infinity, b.Class = Class.Infinity with
        | true, true -> 0
        | true, false -> sign a
        | false, true -> -(sign b)
        | false, false ->
            let difference = sum a (negated b)

            if difference.Class = Class.Zero then 0
            elif difference.Negative then -1
            else 1

/// How two patterns compare: -1, 0, 1, or nothing where they are unordered.
let relation (a: Float) (b: Float) =
    if isNaN a || isNaN b || isUnsupported a || isUnsupported b then
        None
    else
        Some(order a b)

/// E2K-FP-020: the eight comparisons; those of order are invalid with any NaN, the others with a
/// signaling one, or with any where `isStrict`.
let compare (name: string) isStrict (a: Float) (b: Float) =
    let found = relation a b
    let signals = isSignaling a || isSignaling b || isUnsupported a || isUnsupported b

    let isTrue =
        match name, found with
        | "eq", found -> found = Some 0
        | "neq", found -> found <> Some 0
        | "lt", found -> found = Some -1
        | "nlt", found -> found <> Some -1
        | "le", found -> found = Some -1 || found = Some 0
        | "nle", found -> not (found = Some -1 || found = Some 0)
        | "od", found -> found.IsSome
        | _, found -> found.IsNone

    let isOrder = name = "lt" || name = "nlt" || name = "le" || name = "nle"
    struct (isTrue, invalidIf (signals || ((isOrder || isStrict) && found.IsNone)))

/// E2K-FP-021: the relation as bits of a flags register: 45 unordered, 40 equal, 1 less. A NaN is
/// not invalid; what is unsupported is, beside a number.
let relationFlags (a: Float) (b: Float) =
    match relation a b with
    | None ->
        let isInvalid = not (isNaN a || isNaN b)
        struct (0x45UL, invalidIf isInvalid)
    | Some 0 -> struct (0x40UL, Flags.none)
    | Some -1 -> struct (1UL, Flags.none)
    | Some _ -> struct (0UL, Flags.none)

/// E2K-FP-022: the smaller or the larger; the second where they are equal or unordered.
let extreme isMaximum (a: Float) (aBits: Bits) (b: Float) (bBits: Bits) =
    match relation a b with
    | None -> struct (bBits, Flags.invalid)
    | Some found when found = (if isMaximum then 1 else -1) -> clean aBits
    | Some _ -> clean bBits

/// E2K-FP-030: a number in another format.
let convert setting (a: Float) =
    match a.Class with
    | Class.Unsupported -> invalid setting.Target
    | Class.Zero -> clean (zero setting.Target a.Negative)
    | Class.Infinity -> clean (infinity setting.Target a.Negative)
    | Class.Finite -> finish setting a
    | _ -> propagate setting.Source setting.Target [ a ]

/// A finite number as a whole number of any size, and whether that is exact.
let private whole rounding (a: Float) =
    if a.Exponent >= 0 then
        struct (a.Significand <<< a.Exponent, true)
    else
        // Two more bits below the point decide, the lowest of them for all that is below.
        let scaled = shiftRightJam a.Significand (-a.Exponent - 2)
        let kept = scaled >>> 2
        let rest = toUInt64 scaled &&& 3UL

        let up =
            match rounding with
            | Rounding.Nearest -> rest = 3UL || (rest = 2UL && UInt128.IsOddInteger kept)
            | Rounding.Down -> a.Negative && rest <> 0UL
            | Rounding.Up -> not a.Negative && rest <> 0UL
            | _ -> false

        struct ((if up then kept + UInt128.One else kept), rest = 0UL)

/// E2K-FP-031: a number as a signed integer of a width; what does not fit is the smallest one, and
/// invalid.
let toInteger (width: int) rounding (a: Float) =
    let smallest = 1UL <<< (width - 1)
    let outside = struct (smallest, Flags.invalid)

    match a.Class with
    | Class.Zero -> struct (0UL, Flags.none)
    | Class.Finite when a.Exponent < 64 ->
        let struct (magnitude, isExact) = whole rounding a
        let limit = UInt128(0UL, smallest)

        if magnitude > limit || (magnitude = limit && not a.Negative) then
            outside
        else
            let bits = toUInt64 magnitude

            let signed = Bits.truncate width (if a.Negative then 0UL - bits else bits)

            struct (signed, (if isExact then Flags.none else Flags.inexact))
    | _ -> outside

/// E2K-FP-032: a signed integer as a number.
let ofInteger setting (width: int) (integer: uint64) =
    let signed = Bits.signed width integer

    if signed = 0L then
        clean (zero setting.Target false)
    else
        let magnitude = if signed < 0L then 0UL - uint64 signed else uint64 signed
        finish setting (finite (signed < 0L) 0 (UInt128(0UL, magnitude)))

/// E2K-FP-033: a number rounded to a whole number of the same format.
let integral setting rounding (a: Float) =
    match a.Class with
    | Class.Finite when a.Exponent < 0 ->
        let struct (magnitude, isExact) = whole rounding a
        let flags = if isExact then Flags.none else Flags.inexact

        if magnitude = UInt128.Zero then
            struct (zero setting.Target a.Negative, flags)
        else
            let struct (bits, _) = finish setting (finite a.Negative 0 magnitude)
            struct (bits, flags)
    | _ -> convert setting a

/// E2K-FP-034: a number times a power of two. A power that is beyond the exponents of the format
/// gives zero or infinity and no flag.
let scale setting (a: Float) (power: int64) =
    let powerMax = 1L <<< (setting.Target.ExponentBits - 1)

    match a.Class with
    | Class.Finite when power >= powerMax -> clean (infinity setting.Target a.Negative)
    | Class.Finite when power <= -powerMax -> clean (zero setting.Target a.Negative)
    | Class.Finite -> finish setting { a with Exponent = a.Exponent + int power }
    | _ -> convert setting a
