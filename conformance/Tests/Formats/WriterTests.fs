/// Images that the reference writes: the reference reads what was put in and finds nothing wrong,
/// and so do QEMU's tools. Requirements: spec/formats/qcow2.
module internal Ashlar.Conformance.Tests.Formats.WriterTests

open System
open System.IO
open Expecto
open Ashlar.Reference.Formats
open Ashlar.Reference.Formats.Qcow2
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2
open Ashlar.Conformance.Tests.Formats.Drafts

let private outside (draft: Draft) (written: Written) = {
    DataFile = written.DataFile
    Backing = draft.Backing |> Option.map Contents.backingOf
}

let private told (draft: Draft) (act: unit -> unit) =
    try
        act ()
    with error ->
        failwith $"{describe draft}: {error.Message}"

/// The drafts reach FMT-QCOW2-030, FMT-QCOW2-103, FMT-QCOW2-107, FMT-QCOW2-109, FMT-QCOW2-154,
/// FMT-QCOW2-201 to FMT-QCOW2-206 (FMT-QCOW2-202, FMT-QCOW2-203, FMT-QCOW2-204), FMT-QCOW2-301,
/// FMT-QCOW2-303, FMT-QCOW2-304, FMT-QCOW2-401, FMT-QCOW2-404, FMT-QCOW2-505 and FMT-QCOW2-802.
/// FMT-QCOW2-902: the same draft gives the same bytes, and another seed the same disk.
let private readBack (random: Random) =
    let draft = Drafts.draw random

    told draft (fun () ->
        let written = written draft
        let image = image written.File
        let outside = outside draft written
        let expected = disk draft draft.Cells
        expectSame "the disk" (readAll image outside (Image.active image)) expected

        for snapshot, kept in List.zip draft.Options.Snapshots image.Snapshots do
            Expect.equal (kept.Id, kept.Name) (snapshot.Id, snapshot.Name) "FMT-QCOW2-501"

            match Image.ofSnapshot image kept with
            | Error fault -> failwith (Fault.text fault)
            | Ok view ->
                expectSame snapshot.Name (readAll image outside view) (disk draft snapshot.Cells)

        let unknown = image.Extensions.Unknown |> List.map (fun one -> one.Type, one.Data)
        Expect.equal unknown draft.Options.UnknownExtensions "FMT-QCOW2-032"
        Expect.equal image.BackingName (Option.map fst draft.Options.Backing) "FMT-QCOW2-011"
        let format = draft.Options.Backing |> Option.bind snd
        Expect.equal image.Extensions.BackingFormat format "FMT-QCOW2-033"

        Expect.equal
            image.Extensions.DataFile
            (Option.map fst draft.Options.DataFile)
            "FMT-QCOW2-402"

        expectClean "check" (check image)
        Expect.equal (Drafts.written draft) written "written again"

        match draft.Options.DataFile, written.DataFile with
        | Some(_, true), Some data when draft.Backing.IsNone ->
            expectSame "the raw data file, FMT-QCOW2-406" data[.. expected.Length - 1] expected
        | _ -> ())

let private extentsCover (random: Random) =
    let draft = Drafts.draw random

    told draft (fun () ->
        let image = image (written draft).File
        let view = Image.active image

        let till =
            Contents.extents image view
            |> Seq.fold
                (fun at found ->
                    match found with
                    | Error fault -> failwith (Fault.text fault)
                    | Ok extent ->
                        Expect.equal extent.Start at "an extent begins where the last one ended"
                        Expect.isGreaterThan extent.Length 0UL "an extent is not empty"
                        at + extent.Length)
                0UL

        Expect.equal till view.SizeBytes "the extents cover the disk (FMT-QCOW2-101)")

/// The files of a draft; QEMU looks for a data file where it stands, not beside the image.
let private intoDirectory directory (draft: Draft) =
    let data = Path.Combine(directory, "data.raw")
    let dataFile = draft.Options.DataFile |> Option.map (fun (_, isRaw) -> data, isRaw)
    let written = written { draft with Options = { draft.Options with DataFile = dataFile } }
    let path = Path.Combine(directory, "image.qcow2")
    File.WriteAllBytes(path, written.File)
    written.DataFile |> Option.iter (fun bytes -> File.WriteAllBytes(data, bytes))

    draft.Backing
    |> Option.iter (fun bytes -> File.WriteAllBytes(Path.Combine(directory, "below.raw"), bytes))

    path

let private judgedByQemu (random: Random) =
    let draft = Drafts.draw random

    told draft (fun () ->
        Temporary.withDirectory "formats" (fun directory ->
            let path = intoDirectory directory draft
            let theirs, output = Qemu.check [] path
            let ours = Qemu.ofReport (check (image (File.ReadAllBytes path)))
            Expect.equal theirs ours $"numbers of a check (FMT-QCOW2-803): {output}"
            expectSame "QEMU reads the disk" (Qemu.convert [] path) (disk draft draft.Cells)

            for snapshot in draft.Options.Snapshots do
                let theirs = Qemu.convert [ "-l"; $"snapshot.name={snapshot.Name}" ] path
                expectSame $"QEMU reads {snapshot.Name}" theirs (disk draft snapshot.Cells)))

let tests =
    testList "written by the reference" [
        let name = "is read back and found clean (FMT-QCOW2-902, FMT-QCOW2-801)"
        test name { Seeds.forSeeds name 150 readBack }

        let name = "has extents that cover the disk (FMT-QCOW2-101)"
        test name { Seeds.forSeeds name 60 extentsCover }

        let name = "qemu-img finds nothing wrong and reads the same (FMT-QCOW2-901)"

        test name {
            Needs.qemuImg ()
            Seeds.forSeeds name 40 judgedByQemu
        }
    ]
