/// What the reference says of a file that the engine wrote: its check, and the disk it reads there.
/// `qemu-img` is the second opinion.
module internal Ashlar.Conformance.Tests.Qcow2.Soundness

open Ashlar.Reference.Formats
open Ashlar.Reference.Formats.Qcow2

let private orFail (found: Result<'a, Fault>) =
    match found with
    | Ok found -> found
    | Error fault -> failwith (Fault.text fault)

/// The check of the bytes of a file.
let check (bytes: byte[]) : Report = Image.read bytes |> Result.bind Check.image |> orFail

let private lines (faults: Fault list) =
    faults |> List.truncate 5 |> List.map Fault.text |> String.concat "\n"

/// Fails where anything damages the image; leaks are allowed.
let expectSound (what: string) (bytes: byte[]) =
    let report = check bytes

    if not report.Corruptions.IsEmpty then
        failwith $"{what}: {lines report.Corruptions}"

/// Fails where anything is wrong at all.
let expectClean (what: string) (bytes: byte[]) =
    let report = check bytes
    let found = report.Corruptions @ report.Leaks

    if not found.IsEmpty then
        failwith $"{what}: {lines found}"

let private expectView (image: Image) (backing: byte[] option) (view: View) (expected: byte[]) =
    let outside = { DataFile = None; Backing = Option.map Contents.backingOf backing }

    if view.SizeBytes <> uint64 expected.Length then
        failwith $"{view.Name} has {view.SizeBytes} bytes, not {expected.Length}"

    let found = Contents.read image outside view 0UL expected.Length |> orFail

    if found <> expected then
        failwith $"the reference reads {view.Name} as something else"

/// Fails where the reference reads another disk over this backing.
let expectDisk (bytes: byte[]) (backing: byte[] option) (expected: byte[]) =
    let image = Image.read bytes |> orFail
    expectView image backing (Image.active image) expected

/// Fails where the reference sees other snapshots than those, by name and disk.
let expectSnapshots (bytes: byte[]) (backing: byte[] option) (expected: (string * byte[]) list) =
    let image = Image.read bytes |> orFail
    let names = image.Snapshots |> List.map _.Name

    if names <> List.map fst expected then
        failwith $"the reference sees the snapshots {names}"

    for snapshot, (_, disk) in List.zip image.Snapshots expected do
        expectView image backing (Image.ofSnapshot image snapshot |> orFail) disk
