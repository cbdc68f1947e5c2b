/// What QEMU's tools say of an image: the counts of a check, the disk, the map.
module internal Ashlar.Conformance.Tests.Formats.Qemu

open System.IO
open System.Text.Json
open Expecto
open Ashlar.Reference.Formats.Qcow2
open Ashlar.Conformance.Tests

/// The numbers of a check (FMT-QCOW2-803).
type Numbers = {
    Corruptions: int
    Leaks: int
    Allocated: uint64
    Compressed: uint64
    EndBytes: uint64
}

/// The numbers of qemu-img, and what it printed.
let check (arguments: string list) (path: string) : Numbers * string =
    let code, output, errors =
        Programs.start "qemu-img" ([ "check"; "--output=json" ] @ arguments @ [ path ])

    // 2 are corruptions, 3 are leaks; 1 means that there was no check.
    Expect.notEqual code 1 $"qemu-img check: {output}{errors}"
    use document = JsonDocument.Parse output
    let root = document.RootElement

    let number (name: string) =
        match root.TryGetProperty name with
        | true, value -> value.GetUInt64()
        | _ -> 0UL

    {
        Corruptions = int (number "corruptions")
        Leaks = int (number "leaks")
        Allocated = number "allocated-clusters"
        Compressed = number "compressed-clusters"
        EndBytes = number "image-end-offset"
    },
    output + errors

/// The same numbers of the reference's report.
let ofReport (report: Report) : Numbers = {
    Corruptions = report.Corruptions.Length
    Leaks = report.Leaks.Length
    Allocated = report.AllocatedClusters
    Compressed = report.CompressedClusters
    EndBytes = report.EndBytes
}

/// The disk as qemu-img converts it; more arguments choose a snapshot.
let convert (arguments: string list) (path: string) : byte[] =
    let raw = path + ".raw"
    Programs.run "qemu-img" ([ "convert"; "-O"; "raw" ] @ arguments @ [ path; raw ]) |> ignore
    File.ReadAllBytes raw
