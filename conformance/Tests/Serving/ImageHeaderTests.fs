/// The header of a qcow2 image as the oracle's server reads it: what a maker of images wrote, and
/// whatever a hostile one may write.
module Ashlar.Conformance.Tests.Serving.ImageHeaderTests

open System
open System.IO
open Expecto
open FsCheck
open FsCheck.FSharp
open Ashlar.Conformance
open Ashlar.Conformance.Tests
open Ashlar.Reference.Block

let private bytesOf (header: Qcow2Header) (sizeBytes: int64) : byte[] =
    let image = Qcow2Image.make header sizeBytes
    let bytes = Array.zeroCreate<byte>(int (min image.LengthBytes 65_536L))

    for offset, piece in image.Pieces do
        let count = int (min (int64 piece.Length) (int64 bytes.Length - offset))

        if count > 0 then
            Array.blit piece 0 bytes (int offset) count

    bytes

let private headers =
    gen {
        let! name = Gen.elements [ None; Some "b"; Some "/x/base.qcow2"; Some(String('n', 200)) ]
        let! format = Gen.elements [ None; Some "raw"; Some "qcow2" ]
        let! clusterBits = Gen.choose (10, 20)
        let! feature = Gen.elements (None :: List.map (snd >> Some) Features.words)
        let! sectors = Gen.choose (0, 4_096)

        return
            {
                BackingFile = name
                BackingFormat = name |> Option.bind (fun _ -> format)
                ClusterBits = clusterBits
                Feature = feature
            },
            int64 sectors * 512L
    }

let private isFound (header: Qcow2Header) sizeBytes (reading: ImageHeader.Reading) =
    // Compressed clusters do not show in a header.
    let expected =
        if header.Feature = Some ImageFeature.Compressed then
            { header with Feature = None }
        else
            header

    match reading with
    | ImageHeader.Reading.Image found -> found.Header = expected && found.SizeBytes = sizeBytes
    | _ -> false

/// An image that some bytes were changed of, or that was cut.
let private spoilt =
    gen {
        let! header, sizeBytes = headers
        let bytes = bytesOf header sizeBytes
        let! places = Gen.listOf (Gen.zip (Gen.choose (0, 127)) (Gen.choose (0, 255)))

        for place, value in places do
            bytes[place] <- byte value

        let! length = Gen.oneof [ Gen.choose (0, 160); Gen.constant bytes.Length ]
        return Array.truncate length bytes
    }

let private readings (bytes: byte[]) : bool =
    let isImage = Array.truncate 4 bytes = [| byte 'Q'; byte 'F'; byte 'I'; 0xFBuy |]

    match ImageHeader.read bytes with
    | ImageHeader.Reading.NoImage -> not isImage
    | ImageHeader.Reading.Damaged -> isImage
    | ImageHeader.Reading.Image found ->
        isImage
        && found.SizeBytes >= 0L
        && found.Header.ClusterBits >= 9
        && found.Header.ClusterBits <= 21

let tests =
    testList "image header" [
        testProperty "a header says what was written into it"
        <| Prop.forAll (Arb.fromGen headers) (fun (header, sizeBytes) ->
            ImageHeader.read (bytesOf header sizeBytes) |> isFound header sizeBytes)

        testProperty "a spoilt header is an image, damaged, or none"
        <| Prop.forAll (Arb.fromGen spoilt) readings

        test "an image of qemu-img says its data file, and version 2 is read, too" {
            Needs.qemuImg ()

            Temporary.withDirectory "header" (fun directory ->
                let make (options: string) (name: string) =
                    let path = Path.Combine(directory, name)

                    Programs.run "qemu-img" [
                        "create"
                        "-q"
                        "-f"
                        "qcow2"
                        "-o"
                        options
                        path
                        "1M"
                    ]
                    |> ignore

                    match ImageHeader.read (File.ReadAllBytes path) with
                    | ImageHeader.Reading.Image found -> found
                    | other -> failtest $"{other}"

                let withData = make $"data_file={directory}/d.raw" "a.qcow2"
                Expect.equal withData.DataFile (Some $"{directory}/d.raw") "the data file"
                let feature = withData.Header.Feature
                Expect.equal feature (Some ImageFeature.ExternalData) "the feature"
                let old = make "compat=0.10" "b.qcow2"
                Expect.equal (old.Version, old.SizeBytes) (2, 1_048_576L) "version and size"
                let narrow = make "cluster_size=4k,extended_l2=off" "c.qcow2"
                Expect.equal narrow.Header.ClusterBits 12 "cluster bits")
        }
    ]
