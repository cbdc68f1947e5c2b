/// Floating point from first principles: a pattern is taken apart into sign, exponent and
/// significand, operations are exact (what is cut off below leaves its lowest bit set), and one
/// function rounds. It knows no processor: registers, flags' places and lanes are elsewhere.
/// Requirements: spec/e2k/floating.md, E2K-FP.
namespace Ashlar.Reference.E2k

open System
open System.Numerics

/// A format: widths of exponent and significand; `Explicit` where the leading bit is stored (f80).
type Format = { ExponentBits: int; Precision: int; Explicit: bool }

/// Directions of rounding, in the order of their codes.
type Rounding =
    | Nearest = 0
    | Down = 1
    | Up = 2
    | Truncate = 3

/// What a pattern is.
type Class =
    | Zero = 0
    | Finite = 1
    | Infinity = 2
    | Quiet = 3
    | Signaling = 4
    /// An f80 whose leading bit contradicts its exponent.
    | Unsupported = 5

/// A pattern taken apart. A finite number is `Significand * 2^Exponent`; a NaN keeps its fraction
/// in `Significand`.
[<Struct>]
type Float = {
    Class: Class
    Negative: bool
    Exponent: int
    Significand: UInt128
    /// Finite and below the normal range.
    IsDenormal: bool
}

/// How to round: direction, significant bits, and whether inexact results below the normal range
/// become zero.
[<Struct>]
type FloatMode = {
    Rounding: Rounding
    /// Bits that are kept where the format has more.
    Kept: int
    FlushResults: bool
}

/// Flags as bits, in the order of the control registers.
module Flags =
    let none = 0
    let invalid = 1
    let denormal = 2
    let divideByZero = 4
    let overflow = 8
    let underflow = 16
    let inexact = 32

/// The core: taking apart, rounding, and the exact operations between them.
module SoftFloat =
    let f32 = { ExponentBits = 8; Precision = 24; Explicit = false }
    let f64 = { ExponentBits = 11; Precision = 53; Explicit = false }
    let f80 = { ExponentBits = 15; Precision = 64; Explicit = true }

    let private bias (format: Format) = (1 <<< (format.ExponentBits - 1)) - 1
    let private fractionBits (format: Format) = format.Precision - 1
    let private ofUInt64 (bits: uint64) = UInt128(0UL, bits)
    let internal toUInt64 (wide: UInt128) : uint64 = UInt128.op_Explicit wide
    let private lengthOf (wide: UInt128) = 128 - int (UInt128.LeadingZeroCount wide)

    /// E2K-FP-001: what a pattern is.
    let unpack (format: Format) (bits: Bits) : Float =
        let exponentMax = (1 <<< format.ExponentBits) - 1

        let sign, exponent, stored =
            if format.Explicit then
                (bits.High >>> 15) &&& 1UL, int (bits.High &&& 0x7fffUL), bits.Low
            else
                let fraction = fractionBits format

                (bits.Low >>> (fraction + format.ExponentBits)) &&& 1UL,
                int (bits.Low >>> fraction) &&& exponentMax,
                bits.Low &&& Bits.mask fraction

        let leading = 1UL <<< fractionBits format
        let fraction = stored &&& (leading - 1UL)
        let isUnsupported = format.Explicit && exponent <> 0 && stored &&& leading = 0UL

        let significand =
            if exponent <> 0 && not format.Explicit then
                fraction ||| leading
            else
                stored

        let kind =
            if isUnsupported then
                Class.Unsupported
            elif exponent = exponentMax && fraction = 0UL then
                Class.Infinity
            elif exponent = exponentMax && fraction &&& (leading >>> 1) <> 0UL then
                Class.Quiet
            elif exponent = exponentMax then
                Class.Signaling
            elif significand = 0UL then
                Class.Zero
            else
                Class.Finite

        {
            Class = kind
            Negative = (sign = 1UL)
            Exponent = max exponent 1 - bias format - fractionBits format
            Significand = ofUInt64 (if exponent = exponentMax then fraction else significand)
            IsDenormal = (exponent = 0 && significand <> 0UL)
        }

    /// A pattern from its parts; `stored` is the significand without a leading bit where the format
    /// has none.
    let private assemble (format: Format) negative (exponent: int) (stored: uint64) =
        let sign = if negative then 1UL else 0UL

        if format.Explicit then
            Bits.both stored ((sign <<< 15) ||| uint64 exponent)
        else
            let fraction = fractionBits format

            Bits.low (
                (sign <<< (fraction + format.ExponentBits))
                ||| (uint64 exponent <<< fraction)
                ||| (stored &&& Bits.mask fraction)
            )

    let zero (format: Format) negative = assemble format negative 0 0UL

    let infinity (format: Format) negative =
        assemble format negative ((1 <<< format.ExponentBits) - 1) (1UL <<< fractionBits format)

    let private largest (format: Format) (kept: int) negative =
        assemble
            format
            negative
            ((1 <<< format.ExponentBits) - 2)
            (Bits.mask kept <<< (format.Precision - kept))

    /// E2K-FP-002: a NaN with this fraction, quiet.
    let quiet (format: Format) negative (fraction: UInt128) =
        let leading = 1UL <<< fractionBits format

        assemble
            format
            negative
            ((1 <<< format.ExponentBits) - 1)
            (leading ||| (leading >>> 1) ||| toUInt64 fraction)

    /// E2K-FP-002: the NaN of an invalid operation: negative, only the quiet bit set.
    let indefinite (format: Format) = quiet format true UInt128.Zero

    /// A right shift that keeps in the lowest bit whether anything was lost.
    let shiftRightJam (wide: UInt128) (count: int) =
        if count <= 0 then
            wide <<< -count
        elif count >= 128 then
            (if wide = UInt128.Zero then UInt128.Zero else UInt128.One)
        else
            let kept = wide >>> count

            if (kept <<< count) = wide then
                kept
            else
                kept ||| UInt128.One

    let private roundsUp (rounding: Rounding) negative isOdd (rest: UInt128) (half: UInt128) =
        match rounding with
        | Rounding.Nearest -> rest > half || (rest = half && isOdd)
        | Rounding.Down -> negative && rest <> UInt128.Zero
        | Rounding.Up -> not negative && rest <> UInt128.Zero
        | _ -> false

    /// A number cut to a place and rounded there, and whether it was exact.
    let private roundAt rounding negative (significand: UInt128) (cut: int) =
        if cut <= 0 then
            struct (significand <<< -cut, true)
        else
            let cut' = min cut 126
            let significand = shiftRightJam significand (cut - cut')
            let kept = significand >>> cut'
            let rest = significand - (kept <<< cut')
            let half = UInt128.One <<< (cut' - 1)

            let up = roundsUp rounding negative (UInt128.IsOddInteger kept) rest half

            struct ((if up then kept + UInt128.One else kept), rest = UInt128.Zero)

    /// E2K-FP-003: the pattern nearest to `significand * 2^exponent`, and the flags. Whether a
    /// result is below the normal range is judged after rounding with an unbounded exponent.
    let round (format: Format) (mode: FloatMode) negative exponent (significand: UInt128) =
        if significand = UInt128.Zero then
            struct (zero format negative, Flags.none)
        else

        let exponentMin = 1 - bias format
        let rounding, kept = mode.Rounding, min mode.Kept format.Precision
        let length = lengthOf significand
        let struct (unbounded, isExact) = roundAt rounding negative significand (length - kept)
        let carried = if lengthOf unbounded > kept then 1 else 0
        // The exponent of the leading bit.
        let top = exponent + length - 1 + carried

        if top > bias format then
            let isInfinite =
                match rounding with
                | Rounding.Nearest -> true
                | Rounding.Down -> negative
                | Rounding.Up -> not negative
                | _ -> false

            let bits =
                if isInfinite then
                    infinity format negative
                else
                    largest format kept negative

            struct (bits, Flags.overflow ||| Flags.inexact)
        elif top >= exponentMin then
            let stored = toUInt64 (unbounded >>> carried) <<< (format.Precision - kept)
            let flags = if isExact then Flags.none else Flags.inexact
            struct (assemble format negative (top + bias format) stored, flags)
        else
            // The place of the lowest bit that a result below the normal range has.
            let lowest = exponentMin - (kept - 1)

            let struct (bits, isExact) = roundAt rounding negative significand (lowest - exponent)

            let stored = toUInt64 bits <<< (format.Precision - kept)
            let isNormal = stored >>> fractionBits format = 1UL

            if isExact then
                struct (assemble format negative (if isNormal then 1 else 0) stored, Flags.none)
            elif mode.FlushResults then
                struct (zero format negative, Flags.underflow ||| Flags.inexact)
            else
                struct (assemble format negative (if isNormal then 1 else 0) stored,
                        Flags.underflow ||| Flags.inexact)

    /// A significand moved up until bit 125 is its highest.
    let private normalise (number: Float) =
        let shift = 126 - lengthOf number.Significand
        struct (number.Significand <<< shift, number.Exponent - shift)

    let finite negative exponent significand = {
        Class =
            (if significand = UInt128.Zero then
                 Class.Zero
             else
                 Class.Finite)
        Negative = negative
        Exponent = exponent
        Significand = significand
        IsDenormal = false
    }

    /// The sum of two numbers that are neither infinite nor NaN; the sign of a zero is left to the
    /// caller. Exact but for a lowest bit that stands for all below it.
    let sum (a: Float) (b: Float) : Float =
        if a.Class = Class.Zero then
            b
        elif b.Class = Class.Zero then
            a
        else

        let struct (sa, ea) = normalise a
        let struct (sb, eb) = normalise b
        let exponent = max ea eb
        let sa, sb = shiftRightJam sa (exponent - ea), shiftRightJam sb (exponent - eb)

        if a.Negative = b.Negative then
            finite a.Negative exponent (sa + sb)
        elif sa >= sb then
            finite a.Negative exponent (sa - sb)
        else
            finite b.Negative exponent (sb - sa)

    /// The product of two numbers that are neither infinite nor NaN; exact.
    let product (a: Float) (b: Float) : Float =
        finite (a.Negative <> b.Negative) (a.Exponent + b.Exponent) (a.Significand * b.Significand)

    /// The quotient of two numbers that are not zero; 126 bits, the lowest stands for the rest.
    let quotient (a: Float) (b: Float) : Float =
        let shiftOf (number: Float) = 64 - lengthOf number.Significand
        let divisor = b.Significand <<< shiftOf b
        let dividend = a.Significand <<< shiftOf a <<< 63
        let high = dividend / divisor
        let rest = (dividend - high * divisor) <<< 62
        let low = rest / divisor
        let sticky = if rest = low * divisor then UInt128.Zero else UInt128.One
        let exponent = a.Exponent - shiftOf a - b.Exponent + shiftOf b - 125
        finite (a.Negative <> b.Negative) exponent ((high <<< 62) + low ||| sticky)

    /// The root of a positive number; 70 bits, the lowest stands for the rest.
    let root (a: Float) : Float =
        let shift = 126 - lengthOf a.Significand
        let shift = if (a.Exponent - shift) % 2 = 0 then shift else shift - 1
        // 14 more bits than 128 hold, so this is the one place with numbers of any size.
        let big = (BigInteger.op_Implicit (a.Significand <<< shift): BigInteger) <<< 14

        let rec newton (guess: BigInteger) =
            let next = (guess + big / guess) >>> 1
            if next >= guess then guess else newton next

        let found = newton (BigInteger.One <<< 71)
        let sticky = if found * found = big then 0UL else 1UL
        let exponent = (a.Exponent - shift - 14) / 2

        finite false exponent ((BigInteger.op_Explicit found: UInt128) ||| ofUInt64 sticky)
