/// Images that QEMU's tools make, by random options and workloads: the reference reads the same
/// disk and counts the same faults. Requirements: spec/formats/qcow2.
module internal Ashlar.Conformance.Tests.Formats.QemuTests

open System
open System.IO
open Expecto
open Ashlar.Reference.Formats
open Ashlar.Reference.Formats.Qcow2
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2
open Ashlar.Conformance.Tests.Formats.Drafts

let private qemuImg arguments = Programs.run "qemu-img" arguments |> ignore

/// Options of an image as qemu-img takes them.
type private Made = { Options: string list; HasData: bool; HasBacking: bool; SizeBytes: int64 }

let private drawOptions (random: Random) (directory: string) : Made =
    let isOld = random.Next 5 = 0
    let isExtended = not isOld && random.Next 4 = 0
    let bits = if isExtended then 14 + random.Next 3 else 9 + random.Next 9
    let hasData = not isOld && random.Next 6 = 0
    let hasBacking = random.Next 3 = 0
    let isPreallocated = not hasBacking && random.Next 6 = 0
    let size = 512L * (1L + random.NextInt64(2048L * 3L))

    {
        Options = [
            $"cluster_size={1 <<< bits}"
            if isOld then
                "compat=0.10"
            if isExtended then
                "extended_l2=on"
            if not isOld && random.Next 2 = 0 then
                $"refcount_bits={1 <<< random.Next 7}"
            if not isOld && random.Next 3 = 0 then
                "compression_type=zstd"
            if not isOld && random.Next 4 = 0 then
                "lazy_refcounts=on"
            if isPreallocated then
                "preallocation=metadata"
            if hasData then
                $"""data_file={Path.Combine(directory, "data.raw")}"""
            if hasData && not hasBacking && random.Next 2 = 0 then
                "data_file_raw=on"
        ]
        HasData = hasData
        HasBacking = hasBacking
        SizeBytes = size
    }

/// One request as qemu-io takes it.
let private drawRequest (random: Random) (made: Made) =
    let sectors = made.SizeBytes / 512L
    let from = random.NextInt64 sectors
    let count = 1L + random.NextInt64(min 400L (sectors - from))
    let range = $"{from * 512L} {count * 512L}"
    let pattern = $"-P {1 + random.Next 255}"

    match random.Next 12 with
    | 0
    | 1 -> $"write -z {range}"
    | 2 -> $"write -z -u {range}"
    | 3
    | 4 -> $"discard {range}"
    | 5
    | 6
    | 7 when not made.HasData ->
        let cluster = 65536L
        let start = from * 512L / cluster * cluster
        let length = min (cluster * (1L + random.NextInt64 3L)) (made.SizeBytes - start)
        $"write -c {pattern} {start} {length}"
    | _ -> $"write {pattern} {range}"

/// A request may be refused (a compressed cluster that is not alone); the image must stay sound.
let private work (random: Random) (path: string) (made: Made) =
    let requests = [
        for _ in 1 .. 1 + random.Next 25 do
            "-c"
            drawRequest random made
    ]

    Programs.start "qemu-io" ([ "-f"; "qcow2"; "-d"; "unmap" ] @ requests @ [ path ])
    |> ignore

let private between (random: Random) (path: string) (made: Made) =
    let number = random.Next 1000

    match random.Next 5 with
    | 0 when not made.HasData ->
        Programs.start "qemu-img" [ "snapshot"; "-c"; $"s{number}"; path ] |> ignore
    | 1 -> Programs.start "qemu-img" [ "bitmap"; "--add"; path; $"b{number}" ] |> ignore
    | 2 ->
        let size = 512L * (1L + random.NextInt64(made.SizeBytes / 256L))
        Programs.start "qemu-img" [ "resize"; "--shrink"; path; string size ] |> ignore
    | _ -> ()

let private outside directory (made: Made) (backing: byte[]) = {
    DataFile =
        if made.HasData then
            Some(File.ReadAllBytes(Path.Combine(directory, "data.raw")))
        else
            None
    Backing =
        if made.HasBacking then
            Some(Contents.backingOf backing)
        else
            None
}

/// FMT-QCOW2-305, FMT-QCOW2-307, FMT-QCOW2-504: images with room to grow, and with a past.
let private compare directory path (made: Made) backing =
    let bytes = File.ReadAllBytes path
    let image = image bytes
    let outside = outside directory made backing
    expectSame "the disk" (readAll image outside (Image.active image)) (Qemu.convert [] path)
    let theirs, output = Qemu.check [] path
    let report = check image

    if Qemu.ofReport report <> theirs then
        let ours = report.Corruptions @ report.Leaks |> List.truncate 6 |> List.map Fault.text
        let lines = String.concat "\n" ours
        failwith $"checks differ: {Qemu.ofReport report} here\n{lines}\n{theirs}\n{output}"

    for snapshot in image.Snapshots do
        match Image.ofSnapshot image snapshot with
        | Error fault -> failwith (Fault.text fault)
        | Ok view when view.SizeBytes = (Image.active image).SizeBytes ->
            let theirs = Qemu.convert [ "-l"; $"snapshot.id={snapshot.Id}" ] path
            expectSame $"snapshot {snapshot.Id}" (readAll image outside view) theirs
        | Ok _ -> ()

let private scenario (random: Random) =
    Temporary.withDirectory "formats" (fun directory ->
        let path = Path.Combine(directory, "image.qcow2")
        let made = drawOptions random directory
        let backing = Array.zeroCreate<byte>(512 * (1 + random.Next 4000))
        random.NextBytes backing
        let below = Path.Combine(directory, "below.raw")
        File.WriteAllBytes(below, backing)
        let backed = if made.HasBacking then [ "-b"; below; "-F"; "raw" ] else []
        let options = String.concat "," made.Options

        try
            qemuImg (
                [ "create"; "-q"; "-f"; "qcow2" ]
                @ backed
                @ [ "-o"; options; path; string made.SizeBytes ]
            )

            for _ in 0 .. random.Next 3 do
                work random path made
                between random path made

            compare directory path made backing
        with error ->
            failwith $"{options}, {made.SizeBytes} bytes: {error.Message}")

let private luks =
    test "an encrypted image is checked, its bytes are refused (FMT-QCOW2-703, FMT-QCOW2-704)" {
        Needs.qemuImg ()

        Temporary.withDirectory "formats" (fun directory ->
            let path = Path.Combine(directory, "image.qcow2")
            let secret = [ "--object"; "secret,id=s,data=abc" ]
            let form = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10"
            qemuImg ([ "create"; "-q"; "-f"; "qcow2" ] @ secret @ [ "-o"; form; path; "1M" ])
            let opened = $"driver=qcow2,file.filename={path},encrypt.key-secret=s"

            Programs.run "qemu-io" (secret @ [ "--image-opts"; opened; "-c"; "write -P 7 0 64k" ])
            |> ignore

            let image = image (File.ReadAllBytes path)
            Expect.equal image.Header.Encryption Luks "method"
            expectClean "check" (check image)

            match Contents.read image Contents.alone (Image.active image) 0UL 512 with
            | Ok _ -> failtest "read"
            | Error fault -> Expect.equal fault.Requirement "FMT-QCOW2-704" "rule"

            match Contents.read image Contents.alone (Image.active image) 131072UL 512 with
            | Ok bytes -> Expect.all bytes ((=) 0uy) "what is not there is zero all the same"
            | Error fault -> failtest (Fault.text fault))
    }

let private bitmap =
    test "bits of a bitmap follow the writes (FMT-QCOW2-605, FMT-QCOW2-606)" {
        Needs.qemuImg ()

        Temporary.withDirectory "formats" (fun directory ->
            let path = Path.Combine(directory, "image.qcow2")
            qemuImg [ "create"; "-q"; "-f"; "qcow2"; path; "16M" ]
            qemuImg [ "bitmap"; "--add"; "-g"; "65536"; path; "b" ]
            Programs.run "qemu-io" [ "-f"; "qcow2"; "-c"; "write 1M 100k"; path ] |> ignore
            let image = image (File.ReadAllBytes path)
            Expect.equal (image.Bitmaps |> List.map _.Name) [ "b" ] "names"
            let bitmap = image.Bitmaps.Head
            Expect.isFalse bitmap.IsInUse "in use"
            Expect.isTrue bitmap.IsAuto "auto"

            for at, expected in
                [
                    0UL, false
                    1048575UL, false
                    1048576UL, true
                    1179647UL, true
                    1179648UL, false
                ] do
                let found = Bitmaps.isSet image.Header image.Bytes bitmap at
                Expect.equal found (Ok expected) $"byte {at}")
    }

let tests =
    testList "made by QEMU" [
        let name = "are read and checked the same (FMT-QCOW2-108, FMT-QCOW2-803)"

        test name {
            Needs.qemuImg ()
            Needs.qemuIo ()
            Seeds.forSeeds name 40 scenario
        }

        luks
        bitmap
    ]
