/// `ashlar img dd` beside QEMU's: the same disks, texts and exit codes. Requirement: BLK-IMG-026.
module Ashlar.Conformance.Tests.Img.DdTests

open System.IO
open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Img.ImgTests

/// Command lines in their order; each side works on files of its own.
let private lines = [
    [ "if=base.qcow2"; "of=o" ]
    [ "bs=1M"; "count=2"; "skip=1"; "if=base.qcow2"; "of=o" ]
    [ "-O"; "qcow2"; "bs=1M"; "if=top.qcow2"; "of=o" ]
    [ "-f"; "raw"; "-O"; "raw"; "bs=3"; "count=5"; "skip=1"; "if=base.qcow2"; "of=o" ]
    [ "bs=1000"; "skip=3"; "count=9"; "-O"; "qcow2"; "if=base.qcow2"; "of=o" ]
    [ "skip=10"; "bs=1M"; "if=base.qcow2"; "of=o" ]
    [ "skip=100"; "bs=1M"; "if=base.qcow2"; "of=o" ]
    [ "count=0"; "if=base.qcow2"; "of=o" ]
    [ "count=1k"; "bs=1k"; "if=base.qcow2"; "of=o" ]
    [ "if=base.qcow2"; "of=o"; "count=9223372036854775807"; "bs=64k" ]
    [ "if=empty.raw"; "of=o"; "-O"; "qcow2" ]
    [ "-U"; "if=holes.raw"; "of=o" ]
    [ "--image-opts"; "if=driver=raw,file.filename=holes.raw"; "of=o" ]
    [ "if=base.qcow2" ]
    [ "of=o" ]
    []
    [ "bs=0"; "if=base.qcow2"; "of=o" ]
    [ "bs=3G"; "if=base.qcow2"; "of=o" ]
    [ "bs=x"; "if=base.qcow2"; "of=o" ]
    [ "count=-1"; "if=base.qcow2"; "of=o" ]
    [ "strange=3"; "if=base.qcow2"; "of=o" ]
    [ "strange"; "if=base.qcow2"; "of=o" ]
    [ "-O"; "strange"; "if=base.qcow2"; "of=o" ]
    [ "-n"; "if=base.qcow2"; "of=o" ]
    [ "if=none"; "of=o" ]
    [ "-f"; "qcow2"; "if=holes.raw"; "of=o" ]
    [ "if=base.qcow2"; "of=none/o" ]
]

let tests =
    testList "dd" [
        test "copies what QEMU copies (BLK-IMG-026)" {
            Temporary.withDirectory "dd" (fun directory ->
                let mine, other = Path.Combine(directory, "mine"), Path.Combine(directory, "other")

                for side in [ mine; other ] do
                    Directory.CreateDirectory side |> ignore
                    MapTests.images side

                for line in lines do
                    let said = String.concat " " line
                    let expected = theirs other ("dd" :: line)
                    Expect.equal (ours mine ("dd" :: line)) expected said

                    if File.Exists(Path.Combine(other, "o")) then
                        theirs directory [ "compare"; "mine/o"; "other/o" ]
                        |> expectOk
                        |> fun text -> Expect.equal text "Images are identical.\n" said)
        }
    ]
