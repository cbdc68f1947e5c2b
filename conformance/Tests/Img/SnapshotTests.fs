/// `ashlar img snapshot` and `convert -l` beside QEMU's: the same texts, exit codes and disks.
module Ashlar.Conformance.Tests.Img.SnapshotTests

open System
open System.IO
open System.Text.Json
open System.Text.RegularExpressions
open Expecto
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Img.ImgTests

let private image = "a.qcow2"

/// Command lines in their order; each side works on files of its own.
let private alike = [
    [ "create"; "-q"; "-f"; "qcow2"; image; "1M" ]
    [ "create"; "-q"; "-f"; "qcow2"; "-o"; "refcount_bits=1"; "narrow.qcow2"; "1M" ]
    [ "create"; "-q"; "-f"; "raw"; "a.raw"; "1M" ]
    [ "snapshot"; "-l"; image ]
    [ "snapshot"; "-c"; "one"; image ]
    [ "snapshot"; "-c"; "one"; image ]
    [ "snapshot"; "-c"; "nämé"; image ]
    [ "snapshot"; "-c"; String('x', 300); image ]
    [ "snapshot"; "-c"; ""; image ]
    [ "snapshot"; image ]
    [ "snapshot"; "-l"; image ]
    [ "info"; image ]
    [ "snapshot"; "-a"; "nope"; image ]
    [ "snapshot"; "-a"; "2"; image ]
    [ "snapshot"; "-a"; "nämé"; image ]
    [ "snapshot"; "-d"; "nope"; image ]
    [ "snapshot"; "-d"; "1"; image ]
    [ "snapshot"; "-d"; "one"; image ]
    [ "snapshot"; "-q"; "-c"; "last"; image ]
    [ "snapshot"; "-U"; "-l"; image ]
    [ "resize"; image; "2M" ]
    [ "snapshot"; "-a"; "one"; image ]
    [ "info"; image ]
    [ "snapshot"; "-l"; "-c"; "x"; image ]
    [ "snapshot"; "-c"; "x"; "-c"; "y"; image ]
    [ "snapshot"; "-c" ]
    [ "snapshot"; "-l" ]
    [ "snapshot"; "-l"; image; image ]
    [ "snapshot"; "-l"; "none" ]
    [ "snapshot"; "-l"; "a.raw" ]
    [ "convert"; "-l"; "nope"; "-O"; "raw"; image; "o.raw" ]
    [ "convert"; "-l"; "snapshot.id=9"; "-O"; "raw"; image; "o.raw" ]
    [ "convert"; "-l"; "snapshot.foo=9"; "-O"; "raw"; image; "o.raw" ]
    [ "convert"; "-l"; "snapshot.id=2,snapshot.name=two"; "-O"; "raw"; image; "o.raw" ]
    [ "convert"; "-l"; "snapshot.id=2,snapshot.name=one"; "-O"; "raw"; image; "o.raw" ]
    [ "convert"; "-l"; "x"; "-f"; "raw"; "-O"; "raw"; "a.raw"; "o.raw" ]
    [ "check"; image ]
]

/// Without the times that the two sides differ in, and what the host keeps of each file.
let private timeless (text: string) =
    let text = Regex.Replace(text, @"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "DATE")
    Regex.Replace(text, @"disk size: .*|Image end offset: .*", "")

let private texts =
    test "the same texts and exit codes as QEMU's (BLK-IMG-028, BLK-IMG-029)" {
        Temporary.withDirectory "snapshot" (fun directory ->
            let place name = (Directory.CreateDirectory(Path.Combine(directory, name))).FullName
            let here, there = place "here", place "there"

            for arguments in alike do
                let code, output, errors = ours here arguments
                let expectedCode, expected, expectedErrors = theirs there arguments
                let line = String.concat " " arguments
                Expect.equal code expectedCode $"{line}: the exit code; {errors}"
                Expect.equal (timeless output) (timeless expected) line
                Expect.equal errors expectedErrors line)
    }

let private members (text: string) =
    use parsed = JsonDocument.Parse text

    [
        for one in parsed.RootElement.GetProperty("snapshots").EnumerateArray() do
            [ for part in one.EnumerateObject() -> part.Name, part.Value.ToString() ] |> List.sort
    ]

let private json =
    test "info tells of snapshots in QEMU's members (BLK-IMG-028, BLK-IMG-010)" {
        Temporary.withDirectory "snapshot" (fun directory ->
            theirs directory [ "create"; "-q"; "-f"; "qcow2"; image; "1M" ] |> expectOk |> ignore
            theirs directory [ "snapshot"; "-c"; "one"; image ] |> expectOk |> ignore
            ours directory [ "snapshot"; "-c"; "two"; image ] |> expectOk |> ignore
            let asked = [ "info"; "--output=json"; image ]
            let found = ours directory asked |> expectOk |> members
            Expect.equal found (theirs directory asked |> expectOk |> members) "members"
            Expect.hasLength found 2 "snapshots")
    }

let private lengths =
    test "a snapshot is copied in its own length (BLK-IMG-029)" {
        Temporary.withDirectory "snapshot" (fun directory ->
            let run arguments = ours directory arguments |> expectOk |> ignore
            let bytes = Array.zeroCreate<byte> 1048576
            Random(7).NextBytes bytes
            File.WriteAllBytes(Path.Combine(directory, "a.raw"), bytes)
            run [ "convert"; "-f"; "raw"; "-O"; "qcow2"; "a.raw"; image ]
            run [ "snapshot"; "-c"; "whole"; image ]
            run [ "resize"; "--shrink"; image; "64k" ]
            run [ "convert"; "-l"; "whole"; "-O"; "raw"; image; "o.raw" ]
            let copied = File.ReadAllBytes(Path.Combine(directory, "o.raw"))
            Expect.isTrue (copied = bytes) "the snapshot"
            run [ "convert"; "-O"; "raw"; image; "o.raw" ]
            let now = File.ReadAllBytes(Path.Combine(directory, "o.raw"))
            Expect.isTrue (now = bytes[..65535]) "the disk")
    }

let tests = testList "snapshot" [ texts; json; lengths ]
