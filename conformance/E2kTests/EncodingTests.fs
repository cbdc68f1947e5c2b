/// The encodings of the e2k reference: rows of vectors both ways, words that nobody wrote, and what
/// is refused. Requirements: spec/e2k/encoding.md, literals.md, predicates.md,
/// operands.md and operations.md.
module Ashlar.Conformance.Tests.E2k.EncodingTests

open System.IO
open System.IO.Compression
open System.Reflection
open Expecto
open Hedgehog.FSharp
open Ashlar.Reference.E2k
open Ashlar.Conformance.E2k
open Ashlar.Conformance.Tests.Generators.Replay

/// A part of a larger collection: every operation once, and a share of whole bundles.
let rows =
    lazy
        (match Assembly.GetExecutingAssembly().GetManifestResourceStream "e2k-encoding" with
         | null -> []
         | packed ->
             use packed = packed
             use stream = new GZipStream(packed, CompressionMode.Decompress)
             use reader = new StreamReader(stream)

             reader.ReadToEnd().Split '\n' |> Array.choose EncodingVectors.parse |> List.ofArray)

let private failuresOf wanted =
    rows.Value
    |> List.filter wanted
    |> List.collect EncodingVectors.check
    |> List.map (fun failure -> $"{failure.Row.Source}: {failure.Direction}: {failure.Found}")

let private vectors kind =
    test $"rows of the kind {kind} agree" {
        let failures = failuresOf (fun row -> row.Kind = kind && row.IsRoundTrip)
        Expect.isEmpty failures "E2K-TXT-001, E2K-ENC-001, E2K-OPS-002"
    }

let private refuses (rule: string) (version: int) (text: string) =
    test $"{rule} refuses {text}" {
        match EncodingVectors.assemble version false text with
        | Ok words -> failtest $"assembled to {words.Length} words"
        | Error wrong -> Expect.stringContains wrong rule "another rule"
    }

/// Two texts that are the same words.
let private same name (version: int) (text: string) (other: string) =
    test name {
        let words = EncodingVectors.assemble version false text
        Expect.isOk words "assembles"
        Expect.equal words (EncodingVectors.assemble version false other) "the same words"
    }

let private illegal (rule: string) (words: uint32 list) =
    test $"{rule} refuses words" {
        match EncodingVectors.disassemble 5 false (Array.ofList words) with
        | Ok text -> failtest $"disassembled to {text}"
        | Error wrong -> Expect.stringContains wrong rule "another rule"
    }

let private draws = 3000<Hedgehog.tests>

/// Words with a header that is more often right than a random one would be.
let bundles =
    gen {
        let! header = Gen.uint32 (Range.linearBounded ())
        let! length = Gen.int32 (Range.constant 0 7)
        let! tame = Gen.bool
        let! rest = Gen.list (Range.constant 0 17) (Gen.uint32 (Range.linearBounded ()))
        let kept = if tame then header &&& 0x04001780u else header

        let middle =
            if tame then
                System.Numerics.BitOperations.PopCount kept - 1
            else
                0

        let first = kept &&& ~~~0x8f0u ||| (uint32 length <<< 4) ||| (uint32 (max 0 middle) &&& 15u)
        return Array.ofList (first :: rest)
    }

/// Text of a decoded bundle that is assembled, printed and assembled again stays what it is.
let private settles (version: int) (words: uint32[]) =
    match EncodingVectors.disassemble version false words with
    | Error _
    | Ok "(empty)" -> true
    | Ok text ->
        match EncodingVectors.assemble version false text with
        | Error _ -> true
        | Ok again ->
            match EncodingVectors.disassemble version false again with
            | Ok second -> EncodingVectors.assemble version false second = Ok again
            | Error _ -> false

let tests =
    testList "encoding" [
        test "there are rows" { Expect.isGreaterThan rows.Value.Length 2000 "the embedded vectors" }
        yield! [ "single"; "multi"; "control"; "regs" ] |> List.map vectors

        test "sources assemble to their words" {
            let failures = failuresOf (fun row -> not row.IsRoundTrip)
            Expect.isEmpty failures "E2K-LIT-004, E2K-LIT-006"
        }

        same
            "E2K-LIT-004 packs 16 bits before a bare 32"
            5
            "ands,0 %r1, _f16s 0x6916, %r2 ; ands,1 %r1, _f16s 0x458e, %r3 ; \
ands,3 %r1, 0x1291a006, %r4"
            "ands,0 %r1, _f16s,_lts0hi 0x6916, %r2 ; ands,1 %r1, _f16s,_lts0lo 0x458e, %r3 ; \
ands,3 %r1, _f32s,_lts1 0x1291a006, %r4"
        same
            "E2K-LIT-004 places 32 bits before one of 16"
            5
            "ands,0 %r1, _f16s 0x6916, %r2 ; ands,3 %r1, 0x1291a006, %r4"
            "ands,0 %r1, _f16s,_lts1hi 0x6916, %r2 ; ands,3 %r1, _f32s,_lts0 0x1291a006, %r4"

        same
            "E2K-LIT-007 shares equal literals"
            3
            "addd,1 %r2, 16, %r2 ; subd,3 %r3, 16, %r3"
            "addd,1 %r2, _f16s,_lts0hi 16, %r2 ; subd,3 %r3, _f16s,_lts0hi 16, %r3"
        same
            "E2K-LIT-006 widens what finds no place"
            5
            "addd,0 %r1, _f64,_lts0 0x1122334455667788, %r2 ; addd,1 %r2, 0x6003, %r2"
            "addd,0 %r1, _f64,_lts0 0x1122334455667788, %r2 ; addd,1 %r2, _f32s,_lts2 0x6003, %r2"

        test "E2K-CDS-006 keeps the channel of a guarded pair" {
            let text = "ldq,5,sm %b[102], %b[2], %r48 ? %pred21 ; fdtoidtr,4 %r21, %r43 ? ~%pcnt7"
            let words = EncodingVectors.assemble 6 false text

            let again =
                words
                |> Result.bind (EncodingVectors.disassemble 6 false)
                |> Result.bind (EncodingVectors.assemble 6 false)

            Expect.isOk words "assembles"
            Expect.equal again words "the order of guards is kept"
        }

        law
            draws
            "any words are decoded or refused"
            (property {
                let! words = bundles
                let! version = Gen.int32 (Range.constant 2 6)
                EncodingVectors.disassemble version false words |> ignore
                return true
             }
             |> Property.falseToFailure)
        law
            draws
            "taking apart and putting together gives the same words"
            (property {
                let! words = bundles

                return
                    match Syllables.unpack words with
                    | Error _ -> true
                    | Ok syllables ->
                        match Syllables.pack syllables with
                        | Ok packed ->
                            // What fills an odd half-word is not kept (E2K-ENC-011).
                            Syllables.unpack packed = Ok syllables
                        | Error _ -> false
             }
             |> Property.falseToFailure)
        law
            draws
            "what was assembled from a disassembly stays"
            (property {
                let! words = bundles
                let! version = Gen.int32 (Range.constant 2 6)
                return settles version words
             }
             |> Property.falseToFailure)

        illegal "E2K-ENC-002" [ 0x00000070u; 0u ]
        illegal "E2K-ENC-003" [ 0x00000800u; 0u ]
        illegal "E2K-ENC-005" [ 0x00000003u; 0u ]
        illegal "E2K-ENC-006" [ 0x0c000002u; 0u ]
        illegal "E2K-OPS-002" [ 0x08000001u; 0x7fffffffu ]
        illegal "E2K-LIT-002" [ 0x04000001u; 0x1183d4adu ]
        illegal "E2K-REG-004" [ 0x04000001u; 0x1183d6adu ]
        illegal "E2K-SS-004" [ 0x00001001u; 0xc0000541u ]
        illegal "E2K-CS-001" [ 0x00004001u; 0x2000000cu ]
        illegal "E2K-CS-004" [ 0x00008001u; 0x00000000u ]
        illegal "E2K-PLS-003" [ 0x00040000u; 0x00008020u ]

        refuses "E2K-OPS-001" 5 "nonsense,0 %r1, %r2, %r3"
        refuses "E2K-OPS-003" 5 "addd,0 %r1, %r2"
        refuses "E2K-OPS-004" 5 "fdivd,0 %r1, %r2, %r3"
        refuses "E2K-REG-001" 5 "addd,0 %r64, %r2, %r3"
        refuses "E2K-REG-002" 5 "addd,0 32, %r2, %r3"
        refuses "E2K-REG-005" 5 "addd,0 %r1, %r2, %psr"
        refuses "E2K-ENC-004" 5 "addd,0 %r1, %r2, %r3 ; subd,0 %r1, %r2, %r4"
        refuses "E2K-CDS-003" 5 "addd,0 %r1, %r2, %r3 ? %LOOP_END"
        refuses "E2K-CS-003" 5 "setwd wsz = 0x8 ; call %ctpr1, wbs = 0x4"
        refuses "E2K-TXT-002" 5 "addd,0 %r1 %r2, %r3"
        refuses "E2K-TXT-006" 5 "addd,0 %r1, (2 + 3, %r3"
    ]
