/// `ashlar img measure` beside QEMU's: the same sizes, texts and exit codes (BLK-IMG-023).
module Ashlar.Conformance.Tests.Img.MeasureTests

open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Img.ImgTests

let private ofImages = [
    for name in MapTests.names do
        [ name ]
        [ "--output=json"; "-O"; "qcow2"; name ]

        for options in
            [
                "cluster_size=512"
                "cluster_size=2M"
                "compat=0.10"
                "refcount_bits=1"
                "preallocation=falloc"
                "preallocation=metadata"
                "backing_file=x,backing_fmt=raw"
            ] do
            [ "-O"; "qcow2"; "-o"; options; name ]
]

let private ofSizes = [
    for size in [ "0"; "1"; "512"; "1000"; "1M"; "1G"; "100T"; "7E" ] do
        [ "--size"; size ]

        for cluster in [ "512"; "4k"; "64k"; "2M" ] do
            [ "-O"; "qcow2"; "-o"; $"cluster_size={cluster}"; "--size"; size ]
]

let private others = [
    []
    [ "base.qcow2"; "--size"; "4" ]
    [ "-f"; "raw"; "--size"; "1" ]
    [ "-O"; "strange"; "--size"; "1" ]
    [ "-O"; "qcow2"; "-o"; "strange=1"; "--size"; "1G" ]
    [ "-O"; "raw"; "-o"; "strange=1"; "--size"; "1G" ]
    [ "-O"; "raw"; "-o"; "preallocation=full"; "--size"; "1M" ]
    [ "-O"; "qcow2"; "-o"; "cluster_size=3"; "--size"; "1G" ]
    [ "-O"; "qcow2"; "-o"; "refcount_bits=3"; "--size"; "1G" ]
    [ "-O"; "qcow2"; "-o"; "preallocation=strange"; "--size"; "1M" ]
    [ "-O"; "luks"; "--size"; "1M" ]
    [ "a"; "b" ]
    [ "--size"; "x" ]
    [ "-l"; "x"; "base.qcow2" ]
    [ "--output=strange"; "--size"; "1" ]
]

let tests =
    testList "measure" [
        for name, lines in
            [ "of images", ofImages; "of sizes", ofSizes; "of nothing that there is", others ] do
            test $"foretells {name} what QEMU foretells (BLK-IMG-023)" {
                Temporary.withDirectory "measure" (fun directory ->
                    MapTests.images directory

                    for line in lines do
                        let arguments = "measure" :: line
                        let expected = theirs directory arguments
                        Expect.equal (ours directory arguments) expected (String.concat " " line))
            }
    ]
