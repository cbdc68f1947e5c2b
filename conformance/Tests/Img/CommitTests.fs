/// `ashlar img commit` beside QEMU's: the same disks, lengths, texts and exit codes. Requirements:
/// BLK-IMG-024, FMT-QCOW2-510.
module Ashlar.Conformance.Tests.Img.CommitTests

open System.IO
open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Img.ImgTests

let private make directory (arguments: string list) =
    theirs directory arguments |> expectOk |> ignore

let private write directory image (commands: string list) =
    let words = commands |> List.map (fun command -> $"-c '{command}'") |> String.concat " "

    Programs.start "sh" [ "-c"; $"cd '{directory}' && exec qemu-io {words} '{image}'" ]
    |> expectOk
    |> ignore

let private overlay directory below format name size =
    make directory ([ "create"; "-q"; "-f"; "qcow2"; "-b"; below; "-F"; format; name ] @ size)

/// A chain of three, one over a raw file, one with a short image in between, one from elsewhere.
let private chains directory =
    make directory [ "create"; "-q"; "-f"; "qcow2"; "base.qcow2"; "4M" ]
    write directory "base.qcow2" [ "write -P 1 0 1M" ]
    overlay directory "base.qcow2" "qcow2" "mid.qcow2" []
    overlay directory "mid.qcow2" "qcow2" "top.qcow2" [ "6M" ]
    write directory "mid.qcow2" [ "write -P 2 512k 1M" ]
    write directory "top.qcow2" [ "write -P 3 768k 1M"; "write -P 4 5M 64k"; "write -z 0 64k" ]
    make directory [ "create"; "-q"; "s.raw"; "1M" ]
    overlay directory "s.raw" "raw" "onraw.qcow2" [ "2M" ]
    write directory "onraw.qcow2" [ "write -P 4 1500k 64k" ]
    make directory [ "snapshot"; "-c"; "kept"; "onraw.qcow2" ]
    overlay directory "base.qcow2" "qcow2" "short.qcow2" [ "512k" ]
    overlay directory "short.qcow2" "qcow2" "long.qcow2" [ "3M" ]
    write directory "long.qcow2" [ "write -P 7 100k 9k" ]
    Directory.CreateDirectory(Path.Combine(directory, "d")) |> ignore
    overlay directory "../base.qcow2" "qcow2" "d/away.qcow2" []
    write directory "d/away.qcow2" [ "write -P 9 0 9k" ]

let private images = [
    "base.qcow2"
    "mid.qcow2"
    "top.qcow2"
    "onraw.qcow2"
    "short.qcow2"
    "long.qcow2"
    "d/away.qcow2"
    "s.raw"
]

/// Command lines in their order.
let private lines = [
    [ "base.qcow2" ]
    [ "-b"; "foo"; "top.qcow2" ]
    []
    [ "a"; "b" ]
    [ "-t"; "strange"; "top.qcow2" ]
    [ "-r"; "x"; "top.qcow2" ]
    [ "-f"; "raw"; "s.raw" ]
    [ "none" ]
    [ "-q"; "-b"; "base.qcow2"; "-d"; "long.qcow2" ]
    [ "top.qcow2" ]
    [ "-q"; "-b"; "./base.qcow2"; "top.qcow2" ]
    [ "mid.qcow2" ]
    [ "onraw.qcow2" ]
    [ "-d"; "-r"; "100M"; "d/away.qcow2" ]
    [ "d/away.qcow2" ]
    [ "-b"; "onraw.qcow2"; "onraw.qcow2" ]
    [ "--image-opts"; "driver=qcow2,file.filename=top.qcow2" ]
]

let private lengthOf directory image =
    let text = theirs directory [ "info"; image ] |> expectOk
    text.Split '\n' |> Array.find _.StartsWith("virtual size")

let tests =
    testList "commit" [
        test "leaves the chains that QEMU leaves (BLK-IMG-024, FMT-QCOW2-510)" {
            Temporary.withDirectory "commit" (fun directory ->
                let mine, other = Path.Combine(directory, "mine"), Path.Combine(directory, "other")

                for side in [ mine; other ] do
                    Directory.CreateDirectory side |> ignore
                    chains side

                for line in lines do
                    let said = String.concat " " line
                    let expected = theirs other ("commit" :: line)
                    Expect.equal (ours mine ("commit" :: line)) expected said

                    for image in images do
                        let compared =
                            theirs directory [ "compare"; $"mine/{image}"; $"other/{image}" ]

                        Expect.equal compared (0, "Images are identical.\n", "") $"{image}, {said}"

                        Expect.equal
                            (lengthOf mine image)
                            (lengthOf other image)
                            $"{image}, {said}"

                        if image.EndsWith ".qcow2" then
                            make mine [ "check"; "-q"; image ])
        }
        test "an overlay that was committed holds nothing (FMT-QCOW2-510)" {
            Temporary.withDirectory "commit" (fun directory ->
                chains directory
                ours directory [ "commit"; "-q"; "top.qcow2" ] |> expectOk |> ignore

                let map = theirs directory [ "map"; "--output=json"; "top.qcow2" ] |> expectOk
                Expect.isFalse (map.Contains "\"depth\": 0, \"present\": true") map
                ours directory [ "check"; "-q"; "top.qcow2" ] |> expectOk |> ignore)
        }
    ]
