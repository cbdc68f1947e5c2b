/// AES and XTS: the standards' own vectors, and the engine against the reference. Both ways of the
/// engine are asked, the processor's instructions and the library's.
module Ashlar.Conformance.Tests.Simd.AesTests

open System
open Expecto
open Hedgehog
open Hedgehog.FSharp
open Ashlar.Block
open Ashlar.Reference.Formats
open Ashlar.Conformance.Tests.Generators.Replay

/// The reference takes a millisecond for a sector.
let private draws = 40<tests>

let private hex (text: string) = Convert.FromHexString(text.Replace(" ", ""))

let private bytes length = Gen.array (Range.singleton length) (Gen.byte (Range.constantBounded ()))

let private key = Gen.item [ 16; 24; 32 ] |> Gen.bind bytes

let private keyAndBlocks =
    gen {
        let! key = key
        let! count = Gen.int32 (Range.linear 0 20)
        let! blocks = bytes (16 * count)
        return key, blocks
    }

/// What the machine has, and what is taken where it has nothing.
let private kinds: (string * (byte[] -> AesBlocks)) list = [
    "of this machine", (fun key -> AesBlocks.Create(ReadOnlySpan key))
    "of the library", (fun key -> new LibraryAes(ReadOnlySpan key))
]

let private agree name (inputs: Gen<'a>) (holds: 'a -> bool) =
    law
        draws
        name
        (property {
            let! input = inputs
            return holds input
         }
         |> Property.falseToFailure)

let private xtsOf make (key: byte[]) =
    let data, tweak = Array.splitAt (key.Length / 2) key
    new AesXts(make data, make tweak)

let private sectorsOfXts =
    gen {
        let! half = Gen.item [ 16; 24; 32 ]
        let! key = bytes (2 * half)
        let! count = Gen.int32 (Range.linear 0 11)
        let! blocks = Gen.item [ 1; 2; 32 ]
        let! sectors = Gen.list (Range.singleton count) (bytes (16 * blocks))
        let! starts = Gen.list (Range.singleton count) (bytes 16)
        return key, sectors, starts
    }

let private sameXts make (key, sectors: byte[] list, starts: byte[] list) =
    use xts = xtsOf make key
    let data = Array.concat sectors
    xts.Encrypt(Span data, Span(Array.concat starts))
    let expected = List.map2 (Aes.encryptXts key) starts sectors |> Array.concat
    let back = Array.copy data
    xts.Decrypt(Span back, Span(Array.concat starts))
    data = expected && back = Array.concat sectors

let tests =
    testList "aes" [
        test "BLK-SIMD-007 the vectors of FIPS 197, appendix C" {
            let plain = hex "00112233445566778899aabbccddeeff"

            for length, cipher in
                [
                    16, "69c4e0d86a7b0430d8cdb78070b4c55a"
                    24, "dda97ca4864cdfe06eaf70a0ec0d7191"
                    32, "8ea2b7ca516745bfeafc49904b496089"
                ] do
                let key = [| 0uy .. byte (length - 1) |]
                Expect.equal (Aes.encryptBlock key plain) (hex cipher) "encrypted"
                Expect.equal (Aes.decryptBlock key (hex cipher)) plain "decrypted"
        }
        test "BLK-SIMD-008 vectors 1, 2 and 10 of IEEE 1619" {
            let first key start plain = (Aes.encryptXts (hex key) (hex start) plain)[..15]
            let zeroes = Array.zeroCreate<byte> 32

            Expect.equal
                (first (String('0', 64)) (String('0', 32)) zeroes)
                (hex "917cf69ebd68b2ec9b9fe9a3eadda692")
                "vector 1"

            Expect.equal
                (first
                    (String('1', 32) + String('2', 32))
                    "33333333330000000000000000000000"
                    (Array.create 32 0x44uy))
                (hex "c454185e6a16936e39334038acef838b")
                "vector 2"

            let long =
                "2718281828459045235360287471352662497757247093699959574966967627"
                + "3141592653589793238462643383279502884197169399375105820974944592"

            Expect.equal
                (first long ("ff" + String('0', 30)) (Array.init 512 byte))
                (hex "1c3b3a102f770386e4836c99e370cf9b")
                "vector 10"
        }
        for name, make in kinds do
            agree $"BLK-SIMD-007 blocks {name}" keyAndBlocks (fun (key, blocks) ->
                use aes = make key
                let data = Array.copy blocks
                aes.Encrypt(Span data, ReadOnlySpan())

                let expected =
                    blocks |> Array.chunkBySize 16 |> Array.collect (Aes.encryptBlock key)

                let back = Array.copy data
                aes.Decrypt(Span back, ReadOnlySpan())
                data = expected && back = blocks)

            agree $"BLK-SIMD-008 sectors {name}" sectorsOfXts (sameXts make)
        agree
            "BLK-SIMD-008 the reference decrypts what it encrypts"
            sectorsOfXts
            (fun (key, sectors, starts) ->
                List.forall2
                    (fun start sector ->
                        Aes.decryptXts key start (Aes.encryptXts key start sector) = sector)
                    starts
                    sectors)
    ]
