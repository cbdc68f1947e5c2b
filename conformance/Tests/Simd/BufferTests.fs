/// The engine's loops over bytes against their definitions.
module Ashlar.Conformance.Tests.Simd.BufferTests

open System
open System.Runtime.InteropServices
open Expecto
open Hedgehog
open Hedgehog.FSharp
open Ashlar.Block
open Ashlar.Reference.Formats
open Ashlar.Conformance.Tests.Generators.Replay

let private draws = 300<tests>

/// Long enough for several vectors of each kind and a rest.
let private mostBytes = 1200

/// Mostly one value, with a few others at any place: what a search must not miss.
let private sparse (usual: byte) =
    gen {
        let! length = Gen.int32 (Range.linear 0 mostBytes)
        let bytes = Array.create length usual
        let! places = Gen.list (Range.linear 0 3) (Gen.int32 (Range.constant 0 mostBytes))
        let! value = Gen.byte (Range.constant 1uy 255uy)

        for place in places do
            if place < length then
                bytes[place] <- usual ^^^ value

        return bytes
    }

let private full = Gen.array (Range.linear 0 mostBytes) (Gen.byte (Range.constantBounded ()))

/// Bytes that do not begin on a boundary of anything.
let private shifted (bytes: byte[]) (by: int) =
    let larger = Array.append (Array.zeroCreate<byte> by) bytes
    Memory<byte>(larger, by, bytes.Length)

let private agree name (inputs: Gen<'a>) (holds: 'a -> bool) =
    law
        draws
        name
        (property {
            let! input = inputs
            return holds input
         }
         |> Property.falseToFailure)

let private place found = Option.defaultValue -1 found

let private shiftedSparse = Gen.zip (sparse 0uy) (Gen.int32 (Range.constant 0 63))

let private mapAndPlace =
    gen {
        let! usual = Gen.item [ 0uy; 255uy ]
        let! map = Gen.choice [ sparse usual; full ]
        let! from = Gen.int32 (Range.constant 0 (8 * mostBytes))
        return map, from
    }

let private words16 (bytes: byte[]) : Span<uint16> = MemoryMarshal.Cast<byte, uint16>(Span bytes)
let private words32 (bytes: byte[]) : Span<uint32> = MemoryMarshal.Cast<byte, uint32>(Span bytes)
let private words64 (bytes: byte[]) : Span<uint64> = MemoryMarshal.Cast<byte, uint64>(Span bytes)

let private turnedBy (width: int) (bytes: byte[]) =
    let source = bytes[.. bytes.Length / width * width - 1]
    let copy = Array.create (source.Length + 1) 0xEEuy
    let inPlace = Array.copy source

    match width with
    | 2 ->
        BigEndianTable.Convert(Span.op_Implicit (words16 source), words16 copy)
        BigEndianTable.Convert(Span.op_Implicit (words16 inPlace), words16 inPlace)
    | 4 ->
        BigEndianTable.Convert(Span.op_Implicit (words32 source), words32 copy)
        BigEndianTable.Convert(Span.op_Implicit (words32 inPlace), words32 inPlace)
    | _ ->
        BigEndianTable.Convert(Span.op_Implicit (words64 source), words64 copy)
        BigEndianTable.Convert(Span.op_Implicit (words64 inPlace), words64 inPlace)

    let expected = Buffers.turned width source
    copy = Array.append expected [| 0xEEuy |] && inPlace = expected

let private mergedAsExpected (one: byte[], other: byte[]) =
    let length = min one.Length other.Length
    let into, from = one[.. length - 1], other[.. length - 1]
    let target = Array.copy into
    BitRuns.Merge(Span target, ReadOnlySpan from)
    target = Buffers.merged into from

let tests =
    testList "buffers" [
        agree "BLK-SIMD-001 the first byte that is not zero" shiftedSparse (fun (bytes, by) ->
            ZeroBytes.First((shifted bytes by).Span) = place (Buffers.firstNonZero bytes))
        agree "BLK-SIMD-001 the last byte that is not zero" shiftedSparse (fun (bytes, by) ->
            ZeroBytes.Last((shifted bytes by).Span) = place (Buffers.lastNonZero bytes))
        agree "BLK-SIMD-001 all zeroes" (sparse 0uy) (fun bytes ->
            ZeroBytes.AreAll(ReadOnlySpan bytes) = (Buffers.firstNonZero bytes = None))
        agree
            "BLK-SIMD-002 the first run of blocks"
            (Gen.zip (sparse 0uy) (Gen.int32 (Range.constant 1 300)))
            (fun (bytes, blockBytes) ->
                bytes.Length = 0
                || (let mutable isZero = false
                    let length = ZeroBytes.RunLength(ReadOnlySpan bytes, blockBytes, &isZero)
                    (isZero, length) = Buffers.firstRun blockBytes bytes))
        agree
            "BLK-SIMD-003 the common length"
            (Gen.zip (sparse 7uy) (sparse 7uy))
            (fun (one, other) ->
                EqualBytes.CommonLength(ReadOnlySpan one, ReadOnlySpan other) =
                    Buffers.commonLength one other)
        for width in [ 2; 4; 8 ] do
            agree $"BLK-SIMD-004 numbers of {width} bytes, turned around" full (turnedBy width)

        agree "BLK-SIMD-005 the next set bit" mapAndPlace (fun (map, from) ->
            int (BitRuns.NextSet(ReadOnlySpan map, from)) = place (Buffers.nextBit true from map))
        agree "BLK-SIMD-005 the next clear bit" mapAndPlace (fun (map, from) ->
            int (BitRuns.NextClear(ReadOnlySpan map, from)) =
                place (Buffers.nextBit false from map))
        agree "BLK-SIMD-005 the number of set bits" full (fun map ->
            int (BitRuns.Count(ReadOnlySpan map)) = Buffers.countBits map)
        agree "BLK-SIMD-005 the union of two maps" (Gen.zip full full) mergedAsExpected

        agree "BLK-SIMD-006 the checksum of pieces" (Gen.zip full full) (fun (one, other) ->
            // Long enough for what is summed side by side.
            let whole = Array.concat [ one; other; one; other; one; other; one; other ]
            let cut = one.Length
            let first = Crc32C.Append(0u, ReadOnlySpan whole[.. cut - 1])

            Crc32C.Append(first, ReadOnlySpan whole[cut..]) = Buffers.crc32c whole)
        test "BLK-SIMD-006 the checksum of nine digits" {
            let digits = Text.Encoding.ASCII.GetBytes "123456789"
            Expect.equal (Crc32C.Append(0u, ReadOnlySpan digits)) 0xE3069283u "of the engine"
            Expect.equal (Buffers.crc32c digits) 0xE3069283u "of the definition"
        }
        test "BLK-SIMD-005 maps of two lengths are not merged" {
            Expect.throwsT<ArgumentOutOfRangeException>
                (fun () ->
                    BitRuns.Merge(Span(Array.zeroCreate 3), ReadOnlySpan(Array.zeroCreate 2)))
                "one byte is missing"
        }
    ]
