/// Whole numbers in many lanes of 64 or 128 bits: saturation, packing, shuffles, shifts by a common
/// count, sums across lanes. Lane by lane what one lane does is in Integer. Requirements:
/// spec/e2k/packed.md, E2K-PACK.
module Ashlar.Reference.E2k.Packed

open System
open System.Numerics

/// E2K-PACK-001: the nearest number of a width, signed or unsigned.
let saturateSigned width (number: int64) =
    let limit = 1L <<< (width - 1)
    Bits.truncate width (uint64 (max -limit (min (limit - 1L) number)))

let saturateUnsigned width (number: int64) = uint64 (max 0L (min (int64 (Bits.mask width)) number))

let addSaturated isSigned width (a: uint64) (b: uint64) =
    if isSigned then
        saturateSigned width (Bits.signed width a + Bits.signed width b)
    else
        saturateUnsigned width (int64 a + int64 b)

let subSaturated isSigned width (a: uint64) (b: uint64) =
    if isSigned then
        saturateSigned width (Bits.signed width a - Bits.signed width b)
    else
        saturateUnsigned width (int64 a - int64 b)

/// E2K-PACK-002: the mean, rounded up.
let average (a: uint64) (b: uint64) = (a + b + 1UL) >>> 1

/// E2K-PACK-003: the smaller or larger.
let extreme isSigned isMaximum width (a: uint64) (b: uint64) =
    let isLess =
        if isSigned then
            Bits.signed width a < Bits.signed width b
        else
            a < b

    if isLess <> isMaximum then a else b

/// E2K-PACK-004: comparison of two lanes; masks are all ones or zero.
let isEqual (_: int) (a: uint64) (b: uint64) = a = b

let isGreater width (a: uint64) (b: uint64) = Bits.signed width a > Bits.signed width b

/// E2K-PACK-005: the first with the sign of the second.
let sign width (a: uint64) (b: uint64) =
    match sign (Bits.signed width b) with
    | -1 -> Bits.truncate width (0UL - a)
    | 0 -> 0UL
    | _ -> a

/// E2K-PACK-006: halves of products.
let mulHighSigned width (a: uint64) (b: uint64) =
    Bits.truncate width (uint64 ((Bits.signed width a * Bits.signed width b) >>> width))

let mulHighUnsigned width (a: uint64) (b: uint64) = (a * b) >>> width

/// E2K-PACK-007: the high bits of a signed product, rounded.
let mulHighRounded width (a: uint64) (b: uint64) =
    let product = Bits.signed width a * Bits.signed width b
    Bits.truncate width (uint64 (((product >>> (width - 2)) + 1L) >>> 1))

/// E2K-PACK-008: bytes without a sign times halves with one: the product without its low byte,
/// rounded.
let mulBytesByHalves (shape: Shape) (bytes: Bits) (halves: Bits) =
    Array.init shape.Count (fun index ->
        let byte = int64 (Bits.lane 8 index bytes)
        uint64 ((byte * Bits.signed 16 (Bits.lane 16 index halves) + 128L) >>> 8))
    |> Bits.join 16

/// E2K-PACK-009: products of neighbours, added.
let mulAddHalves (shape: Shape) (a: Bits) (b: Bits) =
    let product index =
        Bits.signed 16 (Bits.lane 16 index a) * Bits.signed 16 (Bits.lane 16 index b)

    Array.init shape.Count (fun index -> uint64 (product (2 * index) + product (2 * index + 1)))
    |> Bits.join 32

/// E2K-PACK-009: bytes of the first have a sign, those of the second none; the sum is saturated.
let mulAddBytes (shape: Shape) (a: Bits) (b: Bits) =
    let product index = Bits.signed 8 (Bits.lane 8 index a) * int64 (Bits.lane 8 index b)

    Array.init shape.Count (fun index ->
        saturateSigned 16 (product (2 * index) + product (2 * index + 1)))
    |> Bits.join 16

/// E2K-PACK-010: shifts of every lane by one count of 64 bits.
let shiftLeft (shape: Shape) (a: Bits) (count: uint64) =
    a
    |> Bits.map shape (fun lane ->
        if count >= uint64 shape.Width then
            0UL
        else
            lane <<< int count)

let shiftRight (shape: Shape) (a: Bits) (count: uint64) =
    a
    |> Bits.map shape (fun lane ->
        if count >= uint64 shape.Width then
            0UL
        else
            lane >>> int count)

let shiftArithmetic (shape: Shape) (a: Bits) (count: uint64) =
    let count = int (min count (uint64 (shape.Width - 1)))
    a |> Bits.map shape (fun lane -> uint64 (Bits.signed shape.Width lane >>> count))

let turnRight (shape: Shape) (a: Bits) (count: uint64) =
    a |> Bits.map shape (fun lane -> Integer.turnRight shape.Width lane count)

/// E2K-PACK-011: neighbours added or subtracted; those of the first source are the low lanes.
let horizontal (shape: Shape) (f: uint64 -> uint64 -> uint64) (a: Bits) (b: Bits) =
    let half = shape.Count / 2

    Array.init shape.Count (fun index ->
        let source = if index < half then a else b
        let place = 2 * (index % half)
        f (Bits.lane shape.Width place source) (Bits.lane shape.Width (place + 1) source))
    |> Bits.join shape.Width

/// E2K-PACK-012: lanes narrowed by half with saturation; the second source makes the low half.
let pack (shape: Shape) (saturate: int -> int64 -> uint64) (a: Bits) (b: Bits) =
    let narrow = shape.Width / 2

    Array.append (Bits.lanes shape b) (Bits.lanes shape a)
    |> Array.map (fun lane -> saturate narrow (Bits.signed shape.Width lane))
    |> Bits.join narrow

/// E2K-PACK-013: the low or high halves of two sources, lane by lane, the second source first.
let interleave (shape: Shape) isHigh (a: Bits) (b: Bits) =
    let first = if isHigh then shape.Count / 2 else 0

    Array.init shape.Count (fun index ->
        Bits.lane shape.Width (first + index / 2) (if index % 2 = 0 then b else a))
    |> Bits.join shape.Width

/// E2K-PACK-014: sums of distances of bytes, eight at a time.
let distances (shape: Shape) (a: Bits) (b: Bits) =
    Array.init shape.Count (fun group ->
        Seq.sumBy
            (fun index ->
                let place = 8 * group + index
                uint64 (abs (int64 (Bits.lane 8 place a) - int64 (Bits.lane 8 place b))))
            (seq { 0..7 }))
    |> Bits.join 64

/// E2K-PACK-015: sums of the distances of four bytes of the first source from the low four of the
/// second, where four bytes begin in the four low places of each 64 bits.
let slidingDistances (shape: Shape) (a: Bits) (b: Bits) =
    Array.init shape.Count (fun lane ->
        let place = 8 * (lane / 4) + lane % 4

        Seq.sumBy
            (fun index ->
                let byte = int64 (Bits.lane 8 (place + index) a)
                uint64 (abs (byte - int64 (Bits.lane 8 index b))))
            (seq { 0..3 }))
    |> Bits.join 16

/// E2K-PACK-016: the smallest half of both sources and, above it, where it is first; the first
/// source's halves come first.
let smallest (shape: Shape) (a: Bits) (b: Bits) =
    let lanes = Array.append (Bits.lanes shape a) (Bits.lanes shape b)
    let least = Array.min lanes
    Bits.join 16 [| least; uint64 (Array.findIndex ((=) least) lanes) |]

/// E2K-PACK-017: the signs of lanes as bits.
let signs (shape: Shape) (a: Bits) =
    Bits.lanes shape a
    |> Array.mapi (fun index lane -> (lane >>> (shape.Width - 1)) <<< index)
    |> Array.sum

/// E2K-PACK-018: bits as the signs of bytes.
let setSigns (shape: Shape) (a: Bits) (signs: uint64) =
    Bits.lanes shape a
    |> Array.mapi (fun index lane -> (lane &&& 0x7fUL) ||| (((signs >>> index) &&& 1UL) <<< 7))
    |> Bits.join 8

/// E2K-PACK-019: bytes of the second source where the third is negative, else of the first.
let merge (shape: Shape) (a: Bits) (b: Bits) (mask: Bits) =
    Array.init shape.Count (fun index ->
        let source = if Bits.lane 8 index mask >= 0x80UL then b else a
        Bits.lane 8 index source)
    |> Bits.join 8

/// E2K-PACK-020: a byte changed as a code of four bits says.
let private changed (code: int) (byte: uint64) =
    let spread (bit: uint64) = if bit &&& 1UL = 1UL then 0xffUL else 0UL

    match code with
    | 0 -> byte
    | 1 -> byte ^^^ 0xffUL
    | 2 -> Integer.reverse 8 byte
    | 3 -> Integer.reverse 8 byte ^^^ 0xffUL
    | 4 -> spread (byte >>> 7)
    | 5 -> spread (byte >>> 7) ^^^ 0xffUL
    | 6 -> spread byte
    | 7 -> spread byte ^^^ 0xffUL
    | 10 -> 0x7fUL
    | 12 -> 0x80UL
    | 14 -> 0xffUL
    | _ -> 0UL

/// E2K-PACK-020: bytes of sixteen chosen by the low four bits of a selector, changed as its high
/// four bits say.
let private chosen (table: Bits) (selector: uint64) =
    changed (int (selector >>> 4)) (Bits.lane 8 (int selector &&& 15) table)

/// E2K-PACK-020: eight bytes from the sixteen of both sources, the second source first.
let shuffle8 (a: Bits) (b: Bits) (selectors: Bits) =
    let table = Bits.both b.Low a.Low

    Array.init 8 (fun index -> chosen table (Bits.lane 8 index selectors)) |> Bits.join 8

/// E2K-PACK-021: the low eight bytes from the second source, the high eight from the first.
let shuffle16 (a: Bits) (b: Bits) (selectors: Bits) =
    Array.init 16 (fun index -> chosen (if index < 8 then b else a) (Bits.lane 8 index selectors))
    |> Bits.join 8

/// E2K-PACK-022: bytes from thirty-two chosen by five bits, changed as the three above say.
let permute (a: Bits) (b: Bits) (selectors: Bits) =
    Array.init 16 (fun index ->
        let selector = Bits.lane 8 index selectors
        let table = if selector &&& 16UL = 0UL then b else a
        changed (int (selector >>> 5)) (Bits.lane 8 (int selector &&& 15) table))
    |> Bits.join 8

/// E2K-PACK-023: lanes chosen by two bits each of a byte.
let select (shape: Shape) (a: Bits) (byte: int) =
    Array.init shape.Count (fun index -> Bits.lane shape.Width ((byte >>> (2 * index)) &&& 3) a)
    |> Bits.join shape.Width

/// E2K-PACK-024: shifts of 128 bits by bytes, of which 64 bits are the result.
let private wideOf (a: Bits) (b: Bits) = UInt128(a.Low, b.Low)

let shiftBytesLeftHigh (a: Bits) (b: Bits) (bytes: int) =
    if bytes > 15 then
        Bits.zero
    else
        Bits.low (Bits.ofWide (wideOf a b <<< (8 * bytes))).High

let shiftBytesRightLow (a: Bits) (b: Bits) (bytes: int) =
    if bytes > 15 then
        Bits.zero
    else
        Bits.low (Bits.ofWide (wideOf a b >>> (8 * bytes))).Low

let shiftBytesLeftLow (b: Bits) (bytes: int) = Bits.low (b.Low <<< (8 * (bytes &&& 7)))
let shiftBytesRightHigh (a: Bits) (bytes: int) = Bits.low (a.Low >>> (8 * (bytes &&& 7)))

/// E2K-PACK-025: a function of three bits, given by the bit for each of its eight arguments.
let ofThree (code: int) (a: uint64) (b: uint64) (c: uint64) =
    Seq.fold
        (fun sum argument ->
            if (code >>> argument) &&& 1 = 0 then
                sum
            else
                let pick bit (source: uint64) =
                    if (argument >>> bit) &&& 1 = 1 then source else ~~~source

                sum ||| (pick 2 a &&& pick 1 b &&& pick 0 c))
        0UL
        (seq { 0..7 })

/// E2K-PACK-026: a half put in a place of four, or taken from one; other places do not exist.
let insertHalf (a: Bits) (b: Bits) (place: int) =
    if place > 3 then
        Bits.low a.Low
    else
        let lanes = Array.init 4 (fun index -> Bits.lane 16 index a)
        lanes[place] <- b.Low
        Bits.join 16 lanes

/// E2K-PACK-026: one of eight halves, the second source's first.
let extractHalf (a: Bits) (b: Bits) (place: int) =
    if place > 7 then
        Bits.zero
    else
        Bits.low (Bits.lane 16 place (Bits.both b.Low a.Low))
