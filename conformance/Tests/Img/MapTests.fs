/// `ashlar img map` beside QEMU's: the same extents, texts and exit codes. Requirements:
/// BLK-IMG-021, BLK-DATA-023.
module Ashlar.Conformance.Tests.Img.MapTests

open System
open System.IO
open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2
open Ashlar.Conformance.Tests.Img.ImgTests

let private make directory (arguments: string list) =
    theirs directory arguments |> expectOk |> ignore

let private write directory image (commands: string list) =
    let words = commands |> List.map (fun command -> $"-c '{command}'") |> String.concat " "

    Programs.start "sh" [ "-c"; $"cd '{directory}' && exec qemu-io {words} '{image}'" ]
    |> expectOk
    |> ignore

/// Chains, holes, packed and prepared clusters.
let images directory =
    let overlay below format name size =
        make directory ([ "create"; "-q"; "-f"; "qcow2"; "-b"; below; "-F"; format; name ] @ size)

    make directory [ "create"; "-q"; "-f"; "qcow2"; "base.qcow2"; "10M" ]
    write directory "base.qcow2" [ "write 0 1M"; "write -z 2M 1M"; "write 5M 64k" ]
    overlay "base.qcow2" "qcow2" "top.qcow2" [ "12M" ]
    write directory "top.qcow2" [ "write 512k 1M"; "write -z -u 5M 64k"; "write 11M 10k" ]
    overlay "top.qcow2" "qcow2" "short.qcow2" [ "900k" ]
    write directory "short.qcow2" [ "write 128k 64k"; "write -z 600k 100k" ]
    overlay "short.qcow2" "qcow2" "long.qcow2" [ "3M" ]
    File.WriteAllBytes(Path.Combine(directory, "empty.raw"), [||])
    make directory [ "create"; "-q"; "holes.raw"; "4M" ]
    write directory "holes.raw" [ "write 1M 64k" ]
    overlay "holes.raw" "raw" "over.qcow2" []
    let prepared = "preallocation=metadata"
    make directory [ "create"; "-q"; "-f"; "qcow2"; "-o"; prepared; "prepared.qcow2"; "20M" ]
    write directory "prepared.qcow2" [ "write 3M 1M" ]
    make directory [ "create"; "-q"; "-f"; "qcow2"; "-o"; "cluster_size=512"; "small.qcow2"; "1M" ]
    write directory "small.qcow2" [ "write 5000 3000"; "write 100000 3000"; "write 900k 5k" ]
    make directory [ "convert"; "-c"; "-O"; "qcow2"; "top.qcow2"; "packed.qcow2" ]
    Directory.CreateDirectory(Path.Combine(directory, "d")) |> ignore
    overlay "../top.qcow2" "qcow2" "d/away.qcow2" [ "12M" ]

let private same directory arguments =
    let expected = theirs directory ("map" :: arguments)
    let said = String.concat " " arguments
    Expect.equal (ours directory ("map" :: arguments)) expected said

let names = [
    "base.qcow2"
    "top.qcow2"
    "short.qcow2"
    "long.qcow2"
    "empty.raw"
    "holes.raw"
    "over.qcow2"
    "prepared.qcow2"
    "small.qcow2"
    "packed.qcow2"
    "d/away.qcow2"
    "none"
]

let private others = [
    []
    [ "base.qcow2"; "top.qcow2" ]
    [ "-s"; "x"; "base.qcow2" ]
    [ "-s"; "-1"; "base.qcow2" ]
    [ "-l"; "0"; "--output=json"; "base.qcow2" ]
    [ "-s"; "11M"; "--output=json"; "base.qcow2" ]
    [ "-s"; "11M"; "base.qcow2" ]
    [ "--start-offset=1M"; "--max-length=1k"; "base.qcow2" ]
    [ "--output=xml"; "base.qcow2" ]
    [ "-U"; "base.qcow2" ]
    [ "-q"; "base.qcow2" ]
    [ "--image-opts"; "driver=raw,offset=512k,size=1M,file.filename=holes.raw" ]
    [ "--image-opts"; "driver=null-co,size=1M"; "--output=json" ]
    [ "--image-opts"; "driver=null-co,size=1M,read-zeroes=on"; "--output=json" ]
]

/// Parts of every image.
let private parts (random: Random) =
    Temporary.withDirectory "map" (fun directory ->
        images directory

        for name in names do
            let start, most = random.Next 4_000_000, random.Next 2_000_000
            same directory [ "-s"; $"{start}"; "-l"; $"{most}"; "--output=json"; name ])

let private partsName = "tells of parts what QEMU tells (BLK-IMG-021)"

let tests =
    testList "map" [
        test "tells of whole images what QEMU tells (BLK-IMG-021, BLK-DATA-023)" {
            Temporary.withDirectory "map" (fun directory ->
                images directory

                for name in names do
                    same directory [ name ]
                    same directory [ "--output=json"; name ]
                    same directory [ "-f"; "raw"; "--output=json"; name ]

                for arguments in others do
                    same directory arguments)
        }

        test partsName { Seeds.forSeeds partsName 2 parts }
    ]
