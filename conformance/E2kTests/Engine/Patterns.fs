/// Operands worth trying, drawn from a seed: patterns at the edges of every type, and any others.
module Ashlar.Conformance.Tests.E2k.Engine.Patterns

open System
open Ashlar.Reference.E2k

/// Numbers at the edges of 64 bits and of the lanes in them.
let private numbers = [|
    0UL
    1UL
    2UL
    0x7fUL
    0x80UL
    0xffUL
    0x7fffUL
    0x8000UL
    0xffffUL
    0x7fffffffUL
    0x80000000UL
    0xffffffffUL
    0x100000000UL
    0x7fffffffffffffffUL
    0x8000000000000000UL
    0xffffffffffffffffUL
    0x8080808080808080UL
    0x7f7f7f7f7f7f7f7fUL
    0x8000800080008000UL
    0x7fff7fff7fff7fffUL
    0x8000000080000000UL
|]

/// Floating-point numbers of one format, sign apart: zero, below the normal range, its ends, ones
/// and halves, powers at which integers end, infinity, NaNs.
let private floats (format: Format) : (uint64 * uint64)[] =
    let bias = (1 <<< (format.ExponentBits - 1)) - 1
    let fraction = format.Precision - 1
    let leading = 1UL <<< fraction

    let assemble (exponent: int) (bits: uint64) =
        if format.Explicit then
            bits ||| (if exponent = 0 then 0UL else leading), uint64 exponent
        else
            (uint64 exponent <<< fraction) ||| bits, 0UL

    let all = leading - 1UL
    let top = (1 <<< format.ExponentBits) - 1

    [|
        assemble 0 0UL
        assemble 0 1UL
        assemble 0 all
        assemble 0 (leading >>> 1)
        assemble 1 0UL
        assemble 1 1UL
        assemble 1 all
        assemble (fraction + 2) 1UL
        assemble (bias - fraction - 1) all
        assemble (bias - 1) 0UL
        assemble (bias - 1) all
        assemble bias 0UL
        assemble bias 1UL
        assemble bias (leading >>> 1)
        assemble (bias + 1) 0UL
        assemble (bias + 1) (leading >>> 1)
        assemble (bias + 30) (all - 5UL)
        assemble (bias + 31) 0UL
        assemble (bias + 62) all
        assemble (bias + 63) 0UL
        assemble (bias + 63) 1UL
        assemble (bias + fraction) 1UL
        assemble (bias + fraction - 1) 1UL
        assemble (top - 1) 0UL
        assemble (top - 1) all
        assemble top 0UL
        assemble top (leading >>> 1)
        assemble top ((leading >>> 1) ||| 5UL)
        assemble top 1UL
        assemble top ((leading >>> 1) - 1UL)
    |]

let private singles = floats SoftFloat.f32
let private doubles = floats SoftFloat.f64
let private extendeds = floats SoftFloat.f80

let private pick (random: Random) (some: 'a[]) = some[random.Next some.Length]
let private any (random: Random) = uint64 (random.NextInt64()) ^^^ (uint64 (random.Next()) <<< 40)

let private single (random: Random) =
    match random.Next 8 with
    | 0 -> any random &&& 0xffffffffUL
    // Near one, where sums and products round.
    | 1
    | 2 -> (any random &&& 0x807fffffUL) ||| (uint64 (120 + random.Next 16) <<< 23)
    | _ -> fst (pick random singles) ||| (uint64 (random.Next 2) <<< 31)

let private double (random: Random) =
    match random.Next 8 with
    | 0 -> any random
    | 1
    | 2 -> (any random &&& 0x800fffffffffffffUL) ||| (uint64 (1015 + random.Next 16) <<< 52)
    | _ -> fst (pick random doubles) ||| (uint64 (random.Next 2) <<< 63)

let private extended (random: Random) =
    match random.Next 8 with
    | 0 -> Bits.both (any random) (any random &&& 0xffffUL)
    | 1
    | 2 ->
        let sign = uint64 (random.Next 2) <<< 15
        Bits.both (any random ||| 0x8000000000000000UL) (sign ||| uint64 (16375 + random.Next 16))
    | _ ->
        let low, high = pick random extendeds
        Bits.both low (high ||| (uint64 (random.Next 2) <<< 15))

let private number (random: Random) =
    match random.Next 6 with
    | 0 -> any random
    | 1 -> uint64 (random.Next 130)
    | 2 -> pick random numbers + uint64 (random.Next 3) - 1UL
    | _ -> pick random numbers

/// A whole register for an operation whose name has these types.
let bits (random: Random) (name: string) : Bits =
    let types = [ "f32"; "f64"; "f80" ] |> List.filter name.Contains |> Array.ofList

    if types.Length = 0 || random.Next 12 = 0 then
        Bits.both (number random) (number random)
    else
        match pick random types with
        | "f32" ->
            let four = Array.init 4 (fun _ -> single random)
            Bits.both (four[0] ||| (four[1] <<< 32)) (four[2] ||| (four[3] <<< 32))
        | "f64" -> Bits.both (double random) (double random)
        | _ -> extended random

/// Sources of an operation; some add up to ones everywhere, where a carry goes all the way.
let sources (random: Random) (name: string) : Sources =
    let first, second = bits random name, bits random name

    {
        First = first
        Second =
            if random.Next 16 = 0 then
                Bits.both ~~~first.Low second.High
            else
                second
        Third = bits random name
        Byte =
            (if random.Next 2 = 0 then
                 random.Next 20
             else
                 random.Next 256)
        Tag = random.Next 16
        Chosen = (random.Next 2 = 0)
    }

/// Registers of floating point: any direction and precision, flushing or not, flags clear or set.
let control (random: Random) : FloatControl = {
    Pfpfr =
        0x1f80u
        // Half of all round to nearest, where the engine has ways of its own.
        ||| (if random.Next 2 = 0 then
                 0u
             else
                 uint32 (random.Next 4) <<< 13)
        ||| (uint32 (random.Next 2) <<< 15)
        ||| (if random.Next 2 = 0 then 0u else uint32 (random.Next 64))
    Fpcr = 0x7fu ||| (uint32 (random.Next 4) <<< 8) ||| (uint32 (random.Next 4) <<< 10)
    Fpsr = (if random.Next 2 = 0 then 0u else uint32 (random.Next 64))
}
