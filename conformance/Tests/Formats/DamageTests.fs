/// Damaged images: each fault of a table is told by its requirement, counts are told as QEMU tells
/// them, and whatever the bytes are, the reference ends with a result or a refusal. Requirements:
/// spec/formats/qcow2/consistency.md.
module internal Ashlar.Conformance.Tests.Formats.DamageTests

open System
open System.Buffers.Binary
open System.Diagnostics
open System.IO
open Expecto
open Ashlar.Reference.Formats
open Ashlar.Reference.Formats.Qcow2
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2
open Ashlar.Conformance.Tests.Formats.Drafts
open Ashlar.Conformance.Tests.Formats.FieldTests

let private at64 (bytes: byte[]) (offset: int) =
    BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(bytes, offset, 8))

let private placeOf (word: uint64) = int (word &&& 0x00fffffffffffe00UL)
let private l1Of bytes = int (at64 bytes 40)
let private l2Of bytes = placeOf (at64 bytes (l1Of bytes))

let private whole: Cells =
    Map [ 0UL, Whole(Array.create 65536 7uy); 1UL, Whole(Array.create 65536 8uy) ]

let private squeezed: Cells = Map [ 0UL, Squeezed(Array.create 65536 7uy) ]

/// What a check tells after an edit, and that what is told of an entry names its place.
let private tells requirement (options: Options) cells (edit: byte[] -> unit) (number: int) =
    test $"{number}: {requirement} is told" {
        let bytes = writtenAs options cells
        expectClean "before" (check (image bytes))
        edit bytes

        let told =
            match Image.read bytes with
            | Error fault -> [ fault ]
            | Ok image ->
                match Check.image image with
                | Error fault -> [ fault ]
                | Ok report -> report.Corruptions @ report.Leaks

        Expect.contains (told |> List.map _.Requirement) requirement "requirements"
    }

let private edits (make: byte[] -> int) (change: uint64 -> uint64) (bytes: byte[]) =
    let at = make bytes
    put64 at (change (at64 bytes at)) bytes

let private extended = { plain with IsExtended = true }

let private mixed: Cells =
    Map [ 0UL, Mixed(Array.create 65536 7uy, List.replicate 32 Stored) ]

let private dataFile = { plain with DataFile = Some("data.raw", false) }

let private kept = {
    plain with
        Snapshots = [ { Id = "1"; Name = "s"; SizeBytes = 1048576UL; Cells = whole } ]
}

let private snapshotsOf bytes = int (at64 bytes 64)

let private faults = [
    tells "FMT-QCOW2-102" plain whole (edits l1Of (fun word -> word ||| 1UL))
    tells "FMT-QCOW2-102" plain whole (edits l1Of (fun word -> word + 512UL))
    tells "FMT-QCOW2-104" plain whole (edits l2Of (fun word -> word ||| 2UL))
    tells "FMT-QCOW2-105" { plain with Version = 2 } whole (edits l2Of (fun word -> word ||| 1UL))
    tells "FMT-QCOW2-106" plain whole (edits l2Of (fun word -> word + 512UL))
    tells
        "FMT-QCOW2-152"
        extended
        mixed
        (edits (fun b -> l2Of b + 8) (fun word -> word ||| (1UL <<< 33)))
    tells "FMT-QCOW2-153" extended mixed (edits l2Of (fun _ -> 0UL))
    tells "FMT-QCOW2-155" extended squeezed (edits (fun b -> l2Of b + 8) (fun _ -> 1UL))
    tells "FMT-QCOW2-156" extended mixed (edits l2Of (fun word -> word ||| 1UL))
    tells "FMT-QCOW2-207" plain squeezed (edits l2Of (fun word -> word ||| (1UL <<< 63)))
    tells
        "FMT-QCOW2-209"
        { plain with ClusterBits = 12 }
        (Map [ 0UL, Squeezed(Array.create 4096 7uy) ])
        (edits l2Of (fun word -> word ||| (1UL <<< 57)))
    tells "FMT-QCOW2-403" dataFile whole (edits l2Of (fun word -> word + 65536UL))
    tells "FMT-QCOW2-405" dataFile whole (edits l2Of (fun _ -> 1UL <<< 62))
    tells "FMT-QCOW2-310" dataFile whole (edits l2Of (fun _ -> 0x10000UL))
    tells "FMT-QCOW2-302" plain whole (edits (fun b -> int (at64 b 48)) (fun word -> word ||| 1UL))
    tells "FMT-QCOW2-313" plain whole (fun bytes ->
        put64 (int (at64 bytes 48) + 8) (at64 bytes 40) bytes)
    tells "FMT-QCOW2-308" plain whole (edits l1Of (fun _ -> 0UL))
    tells "FMT-QCOW2-309" plain whole (fun bytes -> put64 (int (at64 bytes 48)) 0UL bytes)
    tells "FMT-QCOW2-310" plain whole (edits l1Of (fun word -> word &&& ~~~(1UL <<< 63)))
    tells "FMT-QCOW2-312" { plain with RefcountOrder = 0 } whole (fun bytes ->
        put64 (l2Of bytes) (at64 bytes (l2Of bytes + 8)) bytes)
    tells "FMT-QCOW2-503" kept whole (edits snapshotsOf (fun word -> word + 512UL))
    tells "FMT-QCOW2-503" kept whole (fun bytes -> put32 (snapshotsOf bytes + 8) 4194305u bytes)
    tells "FMT-QCOW2-502" kept whole (fun bytes -> put32 (snapshotsOf bytes + 36) 1025u bytes)
    tells "FMT-QCOW2-501" kept whole (fun bytes -> put64 64 (uint64 bytes.Length) bytes)
    tells "FMT-QCOW2-804" plain whole (edits l2Of (fun word -> word + (1UL <<< 40)))
    tells "FMT-QCOW2-804" plain whole (edits l1Of (fun word -> word + (1UL <<< 40)))
]

let private others = [
    test "FMT-QCOW2-205: what does not decompress is a fault of the read" {
        for kind in [ Zlib; Zstd ] do
            let bytes = writtenAs { plain with Compression = kind } squeezed
            let offset = at64 bytes (l2Of bytes) &&& ((1UL <<< 54) - 1UL)
            Array.fill bytes (int offset) 3 0xffuy
            let image = image bytes

            match Contents.read image Contents.alone (Image.active image) 0UL 512 with
            | Ok _ -> failtest "read"
            | Error fault ->
                Expect.equal fault.Requirement "FMT-QCOW2-205" fault.Reason
                Expect.equal fault.Offset offset "offset"
    }

    test "FMT-QCOW2-110: beyond the end is zero, FMT-QCOW2-306: and counts nothing" {
        let bytes = writtenAs plain whole
        put64 (l2Of bytes) (0x8000000000000000UL + (1UL <<< 40)) bytes
        let image = image bytes

        match Contents.read image Contents.alone (Image.active image) 0UL 65536 with
        | Ok read -> Expect.all read ((=) 0uy) "zeroes"
        | Error fault -> failtest (Fault.text fault)

        Expect.equal (Refcounts.stored image.Header bytes (1UL <<< 40)) (Some 0UL) "count"
    }

    test "FMT-QCOW2-806: a million ways to one table are one walk, too many are refused" {
        // Every entry of a full first-level table points to the same second-level table.
        let entries = 131072
        let bytes = Array.append (writtenAs plain whole) (Array.zeroCreate (entries * 8))
        let start = bytes.Length - entries * 8
        let word = at64 bytes (l1Of bytes)

        for index in 0 .. entries - 1 do
            put64 (start + index * 8) word bytes

        put32 36 (uint32 entries) bytes
        put64 40 (uint64 start) bytes
        let watch = Stopwatch.StartNew()
        Expect.isGreaterThan (check (image bytes)).Corruptions.Length 0 "too few counts"
        let snapshots = 200
        let table = Array.zeroCreate<byte>(snapshots * 40)

        for index in 0 .. snapshots - 1 do
            put64 (index * 40) (uint64 start) table
            put32 (index * 40 + 8) (uint32 entries) table

        let pad = Array.zeroCreate<byte>(65536 - bytes.Length % 65536)
        let bytes = Array.concat [ bytes; pad; table ]
        put32 60 (uint32 snapshots) bytes
        put64 64 (uint64 (bytes.Length - table.Length)) bytes

        match Check.image (image bytes) with
        | Ok _ -> failtest "checked"
        | Error fault -> Expect.equal fault.Requirement "FMT-QCOW2-806" fault.Reason

        Expect.isLessThan watch.Elapsed.TotalSeconds 60.0 "bounded"
    }
]

/// A directory of one bitmap with a table of one entry, in clusters behind the file.
let private withBitmap (entry: byte[] -> unit) (table: byte[]) (name: string) count =
    let extension = Array.zeroCreate<byte> 24
    let row = Array.zeroCreate<byte> 32
    let bytes = writtenAs { plain with UnknownExtensions = [ 0x23852875u, extension ] } whole
    let directory = bytes.Length
    put64 0 (uint64 (directory + 65536)) row
    put32 8 1u row
    row[16] <- 1uy
    row[17] <- 16uy
    row[19] <- byte name.Length
    Text.Encoding.ASCII.GetBytes(name).CopyTo(row, 24)
    entry row
    let rows = Array.concat (List.replicate count row)

    let bytes =
        Array.concat [
            bytes
            rows
            Array.zeroCreate (65536 - rows.Length)
            table
            Array.zeroCreate 65528
        ]

    let found = bytes.AsSpan().IndexOf(ReadOnlySpan [| 0x23uy; 0x85uy; 0x28uy; 0x75uy |])
    put32 (found + 8) (uint32 count) bytes
    put64 (found + 16) (uint64 rows.Length) bytes
    put64 (found + 24) (uint64 directory) bytes
    put64 88 1UL bytes
    bytes

let private bitmapFaults = [
    let zero = Array.zeroCreate<byte> 8

    let tells requirement name bytes =
        test $"{requirement}: {name}" {
            let found =
                match Image.read bytes with
                | Error fault -> [ fault.Requirement ]
                | Ok image -> (check image).Corruptions |> List.map _.Requirement

            Expect.contains found requirement "requirements"
        }

    test "FMT-QCOW2-605: a bitmap of one value" {
        for last, expected in [ 0uy, false; 1uy, true ] do
            let image =
                image (withBitmap ignore [| 0uy; 0uy; 0uy; 0uy; 0uy; 0uy; 0uy; last |] "b" 1)

            let found = Bitmaps.isSet image.Header image.Bytes image.Bitmaps.Head 0UL
            Expect.equal found (Ok expected) "bit"
    }

    tells "FMT-QCOW2-603" "flags" (withBitmap (fun row -> row[15] <- 8uy) zero "b" 1)
    tells "FMT-QCOW2-603" "type" (withBitmap (fun row -> row[16] <- 2uy) zero "b" 1)
    tells "FMT-QCOW2-603" "granularity" (withBitmap (fun row -> row[17] <- 64uy) zero "b" 1)
    tells "FMT-QCOW2-603" "no name" (withBitmap ignore zero "" 1)
    tells "FMT-QCOW2-603" "table" (withBitmap (fun row -> row[7] <- 1uy) zero "b" 1)
    tells "FMT-QCOW2-608" "twice" (withBitmap ignore zero "b" 2)

    tells
        "FMT-QCOW2-604"
        "reserved"
        (withBitmap ignore [| 0uy; 0uy; 0uy; 0uy; 0uy; 0uy; 0uy; 2uy |] "b" 1)
]

/// Damage that leaves an image that QEMU opens: counts, marks, entries, the file's end.
let private hurt (random: Random) (bytes: byte[]) =
    let image = image bytes
    let header = image.Header
    let blocks = placeOf (at64 bytes (int header.RefcountTableOffset))
    let anyCount () = blocks + random.Next(int (min 64UL (Header.clusterBytes header)))

    let tables = [
        for index in 0UL .. header.L1Entries - 1UL do
            let at = int (header.L1Offset + index * 8UL)

            if placeOf (at64 bytes at) <> 0 then
                at
    ]

    let anyEntry () =
        let table = placeOf (at64 bytes tables[random.Next tables.Length])
        table + random.Next(int (Header.l2Entries header)) * int (Header.l2EntryBytes header)

    match random.Next 6 with
    | 0
    | 1 ->
        let at = anyCount ()
        bytes[at] <- bytes[at] ^^^ byte (1 <<< random.Next 8)
        bytes
    | 2 when not tables.IsEmpty ->
        let at = tables[random.Next tables.Length]
        put64 at (at64 bytes at ^^^ (1UL <<< 63)) bytes
        bytes
    | 3 when not tables.IsEmpty ->
        let at = anyEntry ()

        if placeOf (at64 bytes at) <> 0 then
            put64 at (at64 bytes at ^^^ (1UL <<< 63)) bytes

        bytes
    | 4 when not tables.IsEmpty ->
        put64 (anyEntry ()) 0UL bytes
        bytes
    | 5 ->
        let cluster = int (Header.clusterBytes header)
        bytes[.. bytes.Length - 1 - random.Next(min (2 * cluster) (bytes.Length / 4))]
    | _ -> bytes

let private sameCounts (random: Random) =
    let drawn = Drafts.draw random
    let options = { drawn.Options with Snapshots = []; DataFile = None; Backing = None }
    let bytes = (Drafts.written { drawn with Options = options }).File
    let bytes = Seq.fold (fun bytes _ -> hurt random bytes) bytes [ 0 .. random.Next 4 ]

    Temporary.withDirectory "formats" (fun directory ->
        let path = Path.Combine(directory, "image.qcow2")
        File.WriteAllBytes(path, bytes)
        let theirs, output = Qemu.check [] path
        let report = check (image bytes)

        if Qemu.ofReport report <> theirs then
            let ours = report.Corruptions @ report.Leaks |> List.truncate 8 |> List.map Fault.text
            let lines = String.concat "\n" ours
            failwith $"{describe drawn}: {Qemu.ofReport report} here\n{lines}\n{theirs}\n{output}")

/// Values that tend to hurt: nothing, everything, borders, other tables' places.
let private nasty (random: Random) (bytes: byte[]) =
    match random.Next 7 with
    | 0 -> 0UL
    | 1 -> UInt64.MaxValue
    | 2 -> 1UL <<< random.Next 64
    | 3 -> (1UL <<< 63) ||| uint64 (random.Next(bytes.Length / 512 + 1)) * 512UL
    | 4 -> uint64 (random.Next(bytes.Length / 512 + 1)) * 512UL
    | 5 -> uint64 (random.NextInt64())
    | _ -> uint64 (random.Next 4)

let private places (bytes: byte[]) = [
    0
    64
    100
    let inside place = place > 0 && place + 64 < bytes.Length

    for at in [ 40; 48; 64 ] do
        let table = placeOf (at64 bytes at)

        if inside table then
            table
            let below = placeOf (at64 bytes table)

            if inside below then
                below
]

/// Bytes of an image with random damage where it hurts.
let mutate (random: Random) (original: byte[]) : byte[] =
    let bytes = Array.copy original
    let starts = places bytes

    for _ in 1 .. 1 + random.Next 4 do
        let start = starts[random.Next starts.Length]
        let at = start + random.Next(min 128 (bytes.Length - start - 8))

        match random.Next 3 with
        | 0 -> bytes[at] <- bytes[at] ^^^ byte (1 <<< random.Next 8)
        | 1 -> put64 (at &&& ~~~7) (nasty random bytes) bytes
        | _ -> put32 (at &&& ~~~3) (uint32 (nasty random bytes)) bytes

    if random.Next 8 = 0 then
        bytes[.. random.Next bytes.Length]
    else
        bytes

let private allocatedBytesMax = 512L * 1024L * 1024L
let private secondsMax = 30.0
let private extentsMax = 200

let private named (fault: Fault) =
    Expect.stringStarts fault.Requirement "FMT-QCOW2-" "requirement"
    Expect.isNotEmpty fault.Field "field"
    Expect.isNotEmpty fault.Reason "reason"

/// Everything one can do with an image; faults are results.
let private useAll (random: Random) (bytes: byte[]) =
    match Image.read bytes with
    | Error fault -> named fault
    | Ok image ->
        let views =
            Ok(Image.active image)
            :: (image.Snapshots |> List.truncate 3 |> List.map (Image.ofSnapshot image))

        for view in views do
            match view with
            | Error fault -> named fault
            | Ok view ->
                for extent in Contents.extents image view |> Seq.truncate extentsMax do
                    Result.mapError named extent |> ignore

                for _ in 1..4 do
                    let offset =
                        uint64 (random.NextInt64(1L + int64 (min view.SizeBytes 1000000UL)))

                    let count = int (min (view.SizeBytes - offset) (uint64 (random.Next 70000)))

                    Contents.read image Contents.alone view offset count
                    |> Result.mapError named
                    |> ignore

        match Check.image image with
        | Error fault -> named fault
        | Ok report -> List.iter named (report.Corruptions @ report.Leaks)

let private survives (random: Random) =
    let draft = Drafts.draw random
    let original = (Drafts.written draft).File

    for _ in 1..6 do
        let bytes = mutate random original
        let before = GC.GetAllocatedBytesForCurrentThread()
        let watch = Stopwatch.StartNew()

        try
            useAll random bytes
        with error ->
            failwith $"{describe draft}: {error}"

        let allocated = GC.GetAllocatedBytesForCurrentThread() - before

        if allocated > allocatedBytesMax + 64L * int64 bytes.Length then
            failwith $"{describe draft}: {allocated} bytes were allocated for {bytes.Length}"

        if watch.Elapsed.TotalSeconds > secondsMax then
            failwith $"{describe draft}: it took {watch.Elapsed.TotalSeconds} s"

let tests =
    testList "damage" [
        testList "of entries" (faults |> List.mapi (fun number make -> make number))
        testList "of places" others
        testList "of bitmaps" bitmapFaults
        let name = "counts of damaged images are those of qemu-img (FMT-QCOW2-803)"

        test name {
            Needs.qemuImg ()
            Seeds.forSeeds name 60 sameCounts
        }

        let name = "whatever the bytes are, there is a result or a refusal (FMT-QCOW2-807)"
        test name { Seeds.forSeeds name 60 survives }
    ]
