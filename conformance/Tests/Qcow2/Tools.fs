/// QEMU's image tools as judges, and directories to work in.
module internal Ashlar.Conformance.Tests.Qcow2.Tools

open System.Diagnostics
open System.IO
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Qcow2.Scenario

/// Runs a program; an exit code other than 0 fails with what it said.
let run (program: string) (arguments: string list) =
    let info =
        ProcessStartInfo(
            program,
            arguments,
            RedirectStandardOutput = true,
            RedirectStandardError = true
        )

    use child = there (Process.Start info)
    let errors = child.StandardError.ReadToEndAsync()
    let output = child.StandardOutput.ReadToEnd()
    child.WaitForExit()

    if child.ExitCode <> 0 then
        let arguments = String.concat " " arguments
        failwith $"{program} {arguments}: exit code {child.ExitCode}: {output}{errors.Result}"

/// QEMU's tools must find a clean image with the same content, alone and over its backing chain.
let judge directory path (subject: Subject) =
    writeBack subject
    run "qemu-img" [ "check"; "-q"; "-f"; "qcow2"; path ]
    let expected = Path.Combine(directory, "expected.raw")
    File.WriteAllBytes(expected, subject.Expected)
    run "qemu-img" [ "compare"; "-q"; "-f"; "qcow2"; "-F"; "raw"; path; expected ]

/// A directory that is gone afterwards.
let withDirectory body = Temporary.withDirectory "qcow2" body
