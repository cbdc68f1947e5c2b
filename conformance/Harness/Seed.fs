/// Randomness of our own: the same numbers on every machine and in every version.
/// The generator is xoshiro256**, seeded through SplitMix64, both as published by Blackman and
/// Vigna (prng.di.unimi.it); checked against their published first outputs in the tests.
namespace Ashlar.Conformance

open System
open System.Numerics

/// Seeds: numbers from which independent streams are split.
module Seed =
    /// SplitMix64's increment, the odd number nearest to 2^64 over the golden ratio.
    let private gamma = 0x9E3779B97F4A7C15UL

    /// SplitMix64's output function: a bijection that scatters neighbouring inputs.
    let mix (z: uint64) : uint64 =
        let z = (z ^^^ (z >>> 30)) * 0xBF58476D1CE4E5B9UL
        let z = (z ^^^ (z >>> 27)) * 0x94D049BB133111EBUL
        z ^^^ (z >>> 31)

    /// The n-th output of SplitMix64 started at the seed.
    let output (seed: uint64) (n: uint64) : uint64 = mix (seed + (n + 1UL) * gamma)

    /// The seed of the child with that index: a run's scripts, a script's parts.
    let split (seed: uint64) (index: int64) : uint64 =
        mix (mix (seed + gamma) + uint64 index * gamma)

    /// The seed of a lane, so that lanes of one run do not repeat each other's scripts.
    let ofName (seed: uint64) (name: string) : uint64 =
        let mutable hash = seed

        for c in name do
            hash <- mix (hash + gamma + uint64 c)

        hash

/// A stream of random numbers. One owner, one thread.
[<Sealed; AllowNullLiteral>]
type Dice(seed: uint64) =
    let mutable s0 = Seed.output seed 0UL
    let mutable s1 = Seed.output seed 1UL
    let mutable s2 = Seed.output seed 2UL
    let mutable s3 = Seed.output seed 3UL

    /// Sixty-four random bits.
    member _.Bits() : uint64 =
        let result = BitOperations.RotateLeft(s1 * 5UL, 7) * 9UL
        let t = s1 <<< 17
        s2 <- s2 ^^^ s0
        s3 <- s3 ^^^ s1
        s1 <- s1 ^^^ s2
        s0 <- s0 ^^^ s3
        s2 <- s2 ^^^ t
        s3 <- BitOperations.RotateLeft(s3, 45)
        result

    /// A number from 0 to bound - 1; 0 when the bound is 0. The bias is below 2^-32.
    member this.Below(bound: int) : int = int (((this.Bits() >>> 32) * uint64 bound) >>> 32)

    /// A number from low to high, both included.
    member this.Between(low: int, high: int) : int = low + this.Below(high - low + 1)

    /// True in `percent` of a hundred throws.
    member this.Percent(percent: int) : bool = this.Below 100 < percent

    /// One element of a table that is not empty.
    member this.Pick(table: 'a[]) : 'a = table[this.Below table.Length]

    /// An index into weights, drawn in proportion to them; the last one when all are zero.
    member this.Weighted(weights: int[]) : int =
        let mutable total = 0

        for w in weights do
            total <- total + w

        let mutable left = this.Below total
        let mutable index = 0

        while index < weights.Length - 1 && left >= weights[index] do
            left <- left - weights[index]
            index <- index + 1

        index

    /// A stream of its own, which does not depend on how much is drawn from this one later.
    member this.Split() : Dice = Dice(this.Bits())
