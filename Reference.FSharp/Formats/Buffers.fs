/// What the engine's loops over bytes mean, a line each. Spec: spec/block/simd.md.
module Ashlar.Reference.Formats.Buffers

/// The first byte that is not zero (BLK-SIMD-001).
let firstNonZero (bytes: byte[]) = Array.tryFindIndex ((<>) 0uy) bytes

/// The last one (BLK-SIMD-001).
let lastNonZero (bytes: byte[]) = Array.tryFindIndexBack ((<>) 0uy) bytes

/// Whether the first blocks are zeroes, and how many bytes long their run is (BLK-SIMD-002).
let firstRun (blockBytes: int) (bytes: byte[]) =
    let blocks = bytes |> Array.chunkBySize blockBytes
    let isZero = Array.forall ((=) 0uy)
    let kind = isZero blocks[0]
    kind, blocks |> Array.takeWhile (isZero >> (=) kind) |> Array.sumBy Array.length

/// How many bytes two buffers begin with in common (BLK-SIMD-003).
let commonLength (one: byte[]) (other: byte[]) =
    Seq.zip one other |> Seq.takeWhile (fun (a, b) -> a = b) |> Seq.length

/// Each number of so many bytes turned around (BLK-SIMD-004).
let turned (width: int) (bytes: byte[]) =
    bytes |> Array.chunkBySize width |> Array.collect Array.rev

/// The bits of a map, the lowest of a byte first (BLK-SIMD-005).
let bits (map: byte[]) = [|
    for byte in map do
        for bit in 0..7 -> (byte >>> bit) &&& 1uy = 1uy
|]

/// The next bit that is set, or the next one that is not (BLK-SIMD-005).
let nextBit (isSet: bool) (from: int) (map: byte[]) =
    bits map
    |> Array.indexed
    |> Array.tryFind (fun (place, bit) -> place >= from && bit = isSet)
    |> Option.map fst

/// How many bits are set (BLK-SIMD-005).
let countBits (map: byte[]) = bits map |> Array.filter id |> Array.length

/// What is set in one of two maps (BLK-SIMD-005).
let merged (one: byte[]) (other: byte[]) = Array.map2 (|||) one other

/// CRC-32C, bit by bit (BLK-SIMD-006).
let crc32c (bytes: byte[]) =
    let step state = (state >>> 1) ^^^ (if state &&& 1u = 1u then 0x82F63B78u else 0u)

    let take state (byte: byte) =
        Seq.fold (fun state _ -> step state) (state ^^^ uint32 byte) [ 1..8 ]

    ~~~(Array.fold take ~~~0u bytes)
