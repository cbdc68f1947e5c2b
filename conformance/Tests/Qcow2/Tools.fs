/// QEMU's image tools as judges, and directories to work in.
module internal Ashlar.Conformance.Tests.Qcow2.Tools

open System.IO
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Qcow2.Scenario

/// QEMU's tools must find a clean image with the same content, alone and over its backing chain.
let judge directory path (subject: Subject) =
    writeBack subject
    Programs.run "qemu-img" [ "check"; "-q"; "-f"; "qcow2"; path ] |> ignore
    let expected = Path.Combine(directory, "expected.raw")
    File.WriteAllBytes(expected, subject.Expected)

    Programs.run "qemu-img" [ "compare"; "-q"; "-f"; "qcow2"; "-F"; "raw"; path; expected ]
    |> ignore

/// A directory that is gone afterwards.
let withDirectory body = Temporary.withDirectory "qcow2" body
