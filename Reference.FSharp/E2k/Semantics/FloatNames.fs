/// The names of the functions of floating point: those of packed and scalar numbers, which PFPFR
/// governs, and those with an f80, which FPCR governs. Requirements: spec/e2k/semantics.md,
/// E2K-SEM-003; spec/e2k/floating.md.
module internal Ashlar.Reference.E2k.FloatNames

open System
open Ashlar.Reference.E2k

let private formatOf (shape: Shape) =
    match shape.Width with
    | 32 -> SoftFloat.f32
    | 64 -> SoftFloat.f64
    | _ -> SoftFloat.f80

/// The pattern of one lane as a register of its own.
let private laneOf (shape: Shape) index (bits: Bits) =
    if shape.Width = 80 then
        Bits.both bits.Low (bits.High &&& 0xffffUL)
    else
        Bits.low (Bits.lane shape.Width index bits)

let private number (shape: Shape) index (bits: Bits) =
    SoftFloat.unpack (formatOf shape) (laneOf shape index bits)

let private setting mode source target : Floating.Setting = {
    Mode = mode
    Source = formatOf source
    Target = formatOf target
}

let private packedSetting mode shape = setting mode shape shape

/// E2K-SEM-002: lanes computed one by one, their flags together.
let private each (count: int) width (f: int -> struct (Bits * int)) =
    let mutable flags = 0

    let lanes =
        Array.init count (fun index ->
            let struct (bits, more) = f index
            flags <- flags ||| more
            bits.Low)

    struct (Bits.join width lanes, flags)

type private Binary = Floating.Setting -> Float -> Float -> struct (Bits * int)

let private lanes (f: Binary) (shape: Shape) =
    ByPfpfr(fun mode o ->
        let setting = packedSetting mode shape

        each shape.Count shape.Width (fun index ->
            f setting (number shape index o.First) (number shape index o.Second)))

let private unary f (source: Shape) (target: Shape) pick =
    ByPfpfr(fun mode o ->
        let setting = setting mode source target

        each source.Count target.Width (fun index -> f setting (number source index (pick o))))

let private unaryOf f (shape: Shape) = unary f shape shape _.Second

let private rsub: Binary = fun setting a b -> Floating.sub setting b a

/// E2K-FP-015: lanes that are even are subtracted, odd ones added.
let private addSub (shape: Shape) =
    ByPfpfr(fun mode o ->
        let setting = packedSetting mode shape

        each shape.Count shape.Width (fun index ->
            let f: Binary = if index % 2 = 0 then Floating.sub else Floating.add
            f setting (number shape index o.First) (number shape index o.Second)))

/// E2K-FP-016: neighbours; those of the first source are the low lanes.
let private horizontal (f: Binary) (shape: Shape) =
    ByPfpfr(fun mode o ->
        let setting = packedSetting mode shape
        let half = shape.Count / 2

        each shape.Count shape.Width (fun index ->
            let source = if index < half then o.First else o.Second
            let place = 2 * (index % half)
            f setting (number shape place source) (number shape (place + 1) source)))

/// E2K-FP-014: the signs of product and sum by lane.
let private fused (signs: int -> bool * bool) (shape: Shape) =
    ByPfpfr(fun mode o ->
        let setting = packedSetting mode shape

        each shape.Count shape.Width (fun index ->
            let negateProduct, negateSum = signs index

            Floating.fused
                setting
                negateProduct
                negateSum
                (number shape index o.First)
                (number shape index o.Second)
                (number shape index o.Third)))

let private extreme isMaximum (shape: Shape) =
    ByPfpfr(fun _ o ->
        each shape.Count shape.Width (fun index ->
            let a, b = laneOf shape index o.First, laneOf shape index o.Second
            let unpack = SoftFloat.unpack (formatOf shape)
            Floating.extreme isMaximum (unpack a) a (unpack b) b))

let private mask name (shape: Shape) =
    ByPfpfr(fun _ o ->
        each shape.Count shape.Width (fun index ->
            let struct (isTrue, flags) =
                Floating.compare
                    name
                    false
                    (number shape index o.First)
                    (number shape index o.Second)

            struct (Bits.low (if isTrue then Bits.mask shape.Width else 0UL), flags)))

/// A comparison of two numbers, by the registers of their formats.
let private governed (first: Shape) (second: Shape) f =
    if first.Width = 80 || second.Width = 80 then
        ByFpcr f
    else
        ByPfpfr f

let private truth name (first: Shape) (second: Shape) =
    governed first second (fun _ o ->
        let struct (isTrue, flags) =
            Floating.compare
                name
                // E2K-F80-006.
                (first.Width = 80)
                (number first 0 o.First)
                (number second 0 o.Second)

        struct (Bits.low (if isTrue then 1UL else 0UL), flags))

let private f80: Shape = { Kind = 'f'; Width = 80; Count = 1 }

/// A source as an f80, and the flags of that.
let private widenedTo (mode: FloatMode) (shape: Shape) (bits: Bits) =
    if shape.Width = 80 then
        struct (number shape 0 bits, Flags.none)
    else
        let struct (wide, flags) = Floating.convert (setting mode shape f80) (number shape 0 bits)
        struct (SoftFloat.unpack SoftFloat.f80 wide, flags)

/// E2K-F80-004: that is exact, whatever the precision.
let private widened (mode: FloatMode) (shape: Shape) (bits: Bits) =
    widenedTo { mode with Kept = 64 } shape bits

/// An f80 as a result, rounded once more where that is shorter.
let private narrowed (mode: FloatMode) (target: Shape) before (wide: Bits) =
    if target.Width = 80 then
        struct (wide, before)
    else
        let exact = { mode with Kept = 64 }

        let struct (bits, flags) =
            Floating.convert (setting exact f80 target) (SoftFloat.unpack SoftFloat.f80 wide)

        struct (bits, before ||| flags)

/// Sources of an f80 relation are widened first, where a signaling one is invalid.
let private relation (first: Shape) (second: Shape) =
    if first.Width = 80 then
        ByFpcr(fun mode o ->
            let struct (a, flagsA) = widened mode first o.First
            let struct (b, flagsB) = widened mode second o.Second
            let struct (bits, flags) = Floating.relationFlags a b
            struct (Bits.low bits, flagsA ||| flagsB ||| flags))
    else
        ByPfpfr(fun _ o ->
            let struct (bits, _) =
                Floating.relationFlags (number first 0 o.First) (number second 0 o.Second)

            struct (Bits.low bits, Flags.none))

/// E2K-F80-002: an operation of f80, rounded to the precision of FPCR.
let private extended (f: Binary) (first: Shape) (second: Shape) (target: Shape) =
    ByFpcr(fun mode o ->
        let struct (a, flagsA) = widened mode first o.First
        let struct (b, flagsB) = widened mode second o.Second
        let struct (wide, flags) = f (setting mode f80 f80) a b
        narrowed mode target (flagsA ||| flagsB ||| flags) wide)

/// E2K-F80-005: the last step of a division: as E2K-F80-002, with a first source that is rounded.
let private extendedDivision (first: Shape) (second: Shape) (target: Shape) =
    ByFpcr(fun mode o ->
        let struct (a, before) = widenedTo mode first o.First
        let struct (b, _) = widened mode second o.Second
        let struct (wide, flags) = Floating.div (setting mode f80 f80) a b
        narrowed mode target (before ||| flags) wide)

/// E2K-F80-005: the last step of a root: that of the first source, of which the second is an
/// approximation.
let private extendedRoot (source: Shape) (target: Shape) =
    ByFpcr(fun mode o ->
        let struct (a, before) = widenedTo mode source o.First
        let struct (wide, flags) = Floating.sqrt (setting mode f80 f80) a
        narrowed mode target (before ||| flags) wide)

/// E2K-FP-030, E2K-F80-004: conversion between formats.
let private convert isExact (source: Shape) (target: Shape) =
    if source.Width = 80 || target.Width = 80 then
        ByFpcr(fun mode o ->
            let mode = if isExact then { mode with Kept = 64 } else mode
            let setting = setting mode source target
            Floating.convert setting (number source 0 o.Second))
    else
        unary Floating.convert source target _.Second

let private toInteger isTruncated (source: Shape) (target: Shape) =
    let f (mode: FloatMode) (o: Sources) =
        let rounding = if isTruncated then Rounding.Truncate else mode.Rounding

        each source.Count target.Width (fun index ->
            let struct (bits, flags) =
                Floating.toInteger target.Width rounding (number source index o.Second)

            struct (Bits.low bits, flags))

    governed source source f

let private ofInteger (source: Shape) (target: Shape) =
    if target.Width = 80 then
        ByFpcr(fun mode o ->
            let setting = setting mode target target
            Floating.ofInteger setting source.Width (Bits.lane source.Width 0 o.Second))
    else
        ByPfpfr(fun mode o ->
            let setting = packedSetting mode target

            each source.Count target.Width (fun index ->
                Floating.ofInteger setting source.Width (Bits.lane source.Width index o.Second)))

/// E2K-FP-033: the low bits of the first source say how: bit 2 as PFPFR rounds, else bits 1:0;
/// with bit 3 nothing is flagged as inexact.
let private integral (shape: Shape) =
    ByPfpfr(fun mode o ->
        let how = int o.First.Low &&& 15

        let rounding = if how &&& 4 = 4 then mode.Rounding else enum (how &&& 3)

        let setting = packedSetting mode shape

        let struct (bits, flags) =
            each shape.Count shape.Width (fun index ->
                Floating.integral setting rounding (number shape index o.Second))

        let flags = if how &&& 8 = 8 then flags &&& ~~~Flags.inexact else flags
        struct (bits, flags))

let private scale (shape: Shape) (source: Shape) =
    governed shape shape (fun mode o ->
        let setting = setting mode shape shape
        let power = Bits.signed source.Width (Bits.lane source.Width 0 o.Second)
        Floating.scale setting (number shape 0 o.First) power)

let private comparisons = [ "eq"; "neq"; "lt"; "nlt"; "le"; "nle"; "od"; "uod" ]

/// Functions of one type.
let ofOne: Map<string, Shape -> Meaning> =
    Map.ofList [
        "add", lanes Floating.add
        "sub", lanes Floating.sub
        "rsub", lanes rsub
        "mul", lanes Floating.mul
        "div", lanes Floating.div
        "addsub", addSub
        "hadd", horizontal Floating.add
        "hsub", horizontal Floating.sub
        "min", extreme false
        "max", extreme true
        "madd", fused (fun _ -> false, false)
        "msub", fused (fun _ -> false, true)
        "nmadd", fused (fun _ -> true, false)
        "nmsub", fused (fun _ -> true, true)
        "maddsub", fused (fun lane -> false, lane % 2 = 1)
        "msubadd", fused (fun lane -> false, lane % 2 = 0)
        "sqrt", unaryOf Floating.sqrt
        // The first source, of which the second is an approximation (E2K-FP-017).
        "sqrtfinal", (fun shape -> unary Floating.sqrt shape shape _.First)
        "rcp", unaryOf Floating.reciprocal
        "rsqrt", unaryOf Floating.reciprocalRoot
        "integral", integral
        for name in comparisons do
            $"cmp{name}", mask name
    ]

/// Functions of two types: of both sources, or of source and result.
let ofTwo: Map<string, Shape -> Shape -> Meaning> =
    Map.ofList [
        "convert", convert true
        // To the precision of FPCR (E2K-F80-005).
        "estimate", convert false
        "sqrtfinal", extendedRoot
        "toint", toInteger false
        "truncint", toInteger true
        "ofint", ofInteger
        "scale", scale
        for name in comparisons do
            $"is{name}", truth name
        "flags", relation
    ]

/// Functions of three types: of the sources and the result.
let ofThree: Map<string, Shape -> Shape -> Shape -> Meaning> =
    Map.ofList [
        "add", extended Floating.add
        "sub", extended Floating.sub
        "rsub", extended rsub
        "mul", extended Floating.mul
        "div", extended Floating.div
        "divfinal", extendedDivision
    ]
