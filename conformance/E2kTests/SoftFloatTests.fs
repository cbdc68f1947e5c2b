/// The soft float of the e2k reference against exact fractions of whole numbers of any size: what
/// it rounds to is next to the exact result, on the right side, and flagged when it is not it.
/// Requirements: E2K-FP-003, E2K-F80-002.
module Ashlar.Conformance.Tests.E2k.SoftFloatTests

open System
open System.Numerics
open Expecto
open Hedgehog.FSharp
open Ashlar.Reference.E2k
open Ashlar.Conformance.Tests.Generators.Replay

/// An exact number: numerator and a positive denominator.
type private Fraction = { Top: BigInteger; Bottom: BigInteger }

let private power (exponent: int) = BigInteger.Pow(2I, exponent)

let private fraction negative (exponent: int) (significand: BigInteger) =
    let top = if negative then -significand else significand

    if exponent >= 0 then
        { Top = top * power exponent; Bottom = 1I }
    else
        { Top = top; Bottom = power -exponent }

let private order a b = compare (a.Top * b.Bottom) (b.Top * a.Bottom)

/// Whether a fraction is below, at or above the middle of two others.
let private middle low high exact =
    let sum = {
        Top = low.Top * high.Bottom + high.Top * low.Bottom
        Bottom = 2I * low.Bottom * high.Bottom
    }

    order exact sum

let private exactOf format (bits: Bits) =
    let number = SoftFloat.unpack format bits

    match number.Class with
    | Class.Zero -> Some { Top = 0I; Bottom = 1I }
    | Class.Finite ->
        Some(
            fraction
                number.Negative
                number.Exponent
                (BigInteger.op_Implicit number.Significand: BigInteger)
        )
    | _ -> None

/// The pattern one place away in the order of numbers of one sign.
let private step (format: Format) away (bits: Bits) =
    if not format.Explicit then
        Bits.low (if away then bits.Low + 1UL else bits.Low - 1UL)
    elif away then
        match bits.Low + 1UL with
        | 0UL -> Bits.both 0x8000000000000000UL (bits.High + 1UL)
        | 0x8000000000000000UL when bits.High &&& 0x7fffUL = 0UL ->
            Bits.both 0x8000000000000000UL (bits.High + 1UL)
        | low -> Bits.both low bits.High
    elif bits.Low = 0x8000000000000000UL && bits.High &&& 0x7fffUL > 1UL then
        Bits.both UInt64.MaxValue (bits.High - 1UL)
    elif bits.Low = 0x8000000000000000UL then
        Bits.both (bits.Low - 1UL) (bits.High &&& 0x8000UL)
    else
        Bits.both (bits.Low - 1UL) bits.High

let private isZero bits format = (SoftFloat.unpack format bits).Class = Class.Zero

/// Whether a finite result is what an exact one rounds to.
let private isRounded format rounding exact (bits: Bits) flags =
    match exactOf format bits with
    // Overflow: the exact result is beyond the largest number.
    | None -> flags &&& Flags.overflow <> 0
    | Some found ->
        let difference = order found exact
        let isInexact = flags &&& Flags.inexact <> 0
        let negative = (SoftFloat.unpack format bits).Negative

        let neighbour isAbove =
            // Away from zero is up for positive numbers and down for negative ones.
            if isZero bits format then
                let away = step format true (SoftFloat.zero format (not isAbove))
                exactOf format away
            else
                exactOf format (step format (isAbove <> negative) bits)

        let isNext () =
            // The exact result lies between the one found and its neighbour on that side.
            match neighbour (difference < 0) with
            | None -> true
            | Some other ->
                let low, high = if difference < 0 then found, other else other, found
                let side = middle low high exact
                let inside = order low exact < 0 && order exact high < 0

                inside
                && (rounding <> Rounding.Nearest
                    || (if difference < 0 then side <= 0 else side >= 0))

        let isRightSide =
            match rounding with
            | Rounding.Down -> difference <= 0
            | Rounding.Up -> difference >= 0
            | Rounding.Truncate ->
                order { found with Top = abs found.Top } { exact with Top = abs exact.Top } <= 0
            | _ -> true

        (difference <> 0) = isInexact && (difference = 0 || (isRightSide && isNext ()))

let private mode rounding : FloatMode = { Rounding = rounding; Kept = 64; FlushResults = false }

let private formats = [ SoftFloat.f32; SoftFloat.f64; SoftFloat.f80 ]

/// Patterns of finite numbers, their exponents often near one another or near an end.
let private finite (format: Format) =
    gen {
        let! low = Gen.uint64 (Range.linearBounded ())
        let! shape = Gen.int32 (Range.constant 0 3)
        let! ones = Gen.int32 (Range.constant 0 63)
        let! negative = Gen.bool
        let exponentMax = (1 <<< format.ExponentBits) - 2

        let! exponent =
            match shape with
            | 0 -> Gen.int32 (Range.constant 0 2)
            | 1 -> Gen.int32 (Range.constant (exponentMax - 2) exponentMax)
            | 2 -> Gen.int32 (Range.constant (exponentMax / 2 - 70) (exponentMax / 2 + 70))
            | _ -> Gen.int32 (Range.constant 0 exponentMax)

        // Long runs of ones and zeros reach the middles between numbers.
        let! isRun = Gen.bool
        let stored = if isRun then UInt64.MaxValue <<< ones else low
        let sign = if negative then 1UL else 0UL

        if format.Explicit then
            let leading = 0x8000000000000000UL

            let significand =
                if exponent = 0 then
                    stored &&& ~~~leading
                else
                    stored ||| leading

            return Bits.both significand ((sign <<< 15) ||| uint64 exponent)
        else
            let fraction = format.Precision - 1

            return
                Bits.low (
                    (sign <<< (fraction + format.ExponentBits))
                    ||| (uint64 exponent <<< fraction)
                    ||| (stored &&& Bits.mask fraction)
                )
    }

let private draws = 2000<Hedgehog.tests>

let private roundings = [ Rounding.Nearest; Rounding.Down; Rounding.Up; Rounding.Truncate ]

let private lawOf name operation exact =
    law
        draws
        name
        (property {
            let! format = Gen.item formats
            let! rounding = Gen.item roundings
            let! a = finite format
            let! b = finite format
            let! c = finite format

            let setting: Floating.Setting = {
                Mode = mode rounding
                Source = format
                Target = format
            }

            let unpack = SoftFloat.unpack format
            let fractions = [ a; b; c ] |> List.choose (exactOf format)

            return
                match exact fractions with
                | None -> true
                | Some exact ->
                    let struct (bits, flags) = operation setting (unpack a) (unpack b) (unpack c)
                    isRounded format rounding exact bits flags
         }
         |> Property.falseToFailure)

let private plus a b = { Top = a.Top * b.Bottom + b.Top * a.Bottom; Bottom = a.Bottom * b.Bottom }

let private times a b = { Top = a.Top * b.Top; Bottom = a.Bottom * b.Bottom }

let private over a b =
    if b.Top = 0I then
        None
    else
        let sign = if b.Top < 0I then -1I else 1I
        Some { Top = sign * a.Top * b.Bottom; Bottom = sign * b.Top * a.Bottom }

let tests =
    testList "soft float" [
        lawOf
            "sums are rounded (E2K-FP-003)"
            (fun setting a b _ -> Floating.add setting a b)
            (function
             | a :: b :: _ -> Some(plus a b)
             | _ -> None)
        lawOf
            "products are rounded (E2K-FP-003)"
            (fun setting a b _ -> Floating.mul setting a b)
            (function
             | a :: b :: _ -> Some(times a b)
             | _ -> None)
        lawOf
            "quotients are rounded (E2K-FP-003)"
            (fun setting a b _ -> Floating.div setting a b)
            (function
             | a :: b :: _ -> over a b
             | _ -> None)

        law
            draws
            "fused sums are rounded once (E2K-FP-014)"
            (property {
                let! format = Gen.item [ SoftFloat.f32; SoftFloat.f64 ]
                let! rounding = Gen.item roundings
                let! a = finite format
                let! b = finite format
                let! c = finite format

                let setting: Floating.Setting = {
                    Mode = mode rounding
                    Source = format
                    Target = format
                }

                let unpack = SoftFloat.unpack format

                return
                    match exactOf format a, exactOf format b, exactOf format c with
                    | Some x, Some y, Some z ->
                        let struct (bits, flags) =
                            Floating.fused setting false false (unpack a) (unpack b) (unpack c)

                        isRounded format rounding (plus (times x y) z) bits flags
                    | _ -> true
             }
             |> Property.falseToFailure)

        law
            draws
            "the square of a root is next to the number (E2K-FP-013)"
            (property {
                let! format = Gen.item formats
                let! bits = finite format

                let setting: Floating.Setting = {
                    Mode = mode Rounding.Down
                    Source = format
                    Target = format
                }

                let number = { SoftFloat.unpack format bits with Negative = false }
                let struct (root, _) = Floating.sqrt setting number

                return
                    match exactOf format root, exactOf format (step format true root) with
                    | Some low, Some high ->
                        let exact =
                            fraction
                                false
                                number.Exponent
                                (BigInteger.op_Implicit number.Significand: BigInteger)

                        order (times low low) exact <= 0 && order exact (times high high) < 0
                    | _ -> false
             }
             |> Property.falseToFailure)
    ]
