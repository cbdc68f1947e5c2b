/// Internal snapshots beside a list of disks that says what each must read as: made, applied,
/// deleted and written over at random, by the engine and by QEMU's tool in turns. The reference
/// judges every file.
module internal Ashlar.Conformance.Tests.Qcow2.SnapshotTests

open System
open System.Buffers.Binary
open System.IO
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Qcow2.Scenario

/// An image with snapshots, oldest first.
type private Subject = {
    Disk: Scenario.Subject
    mutable Snapshots: (string * byte[]) list
    mutable Made: int
}

let private list (image: Qcow2Image) =
    let found = image.ListSnapshotsAsync().AsTask().GetAwaiter().GetResult()

    match found.Error with
    | null -> List.ofSeq found.Snapshots
    | refusal -> failwith $"list: {refusal.Text}"

let private now = TimeSpan.FromTicks 17_000_000_001_234_567L

/// Whether it was made; narrow counts have no room for it (FMT-QCOW2-509).
let private make (subject: Subject) name =
    match subject.Disk.Image.CreateSnapshotAsync(name, now) |> wait with
    | None -> true
    | Some refusal when subject.Disk.Image.RefcountBits < 16 ->
        Expect.equal refusal.Text "Invalid argument" "the refusal"
        false
    | Some refusal -> failwith $"make {name}: {refusal.Text}"

let private apply (subject: Subject) (index: int) =
    match subject.Disk.Image.ApplySnapshotAsync index |> wait with
    | None -> true
    | Some refusal when subject.Disk.Image.RefcountBits < 16 ->
        Expect.equal refusal.Text "Invalid argument" "the refusal"
        false
    | Some refusal -> failwith $"apply {index}: {refusal.Text}"

let private delete (subject: Subject) (index: int) =
    subject.Disk.Image.DeleteSnapshotAsync index |> wait |> orFail $"delete {index}"
    true

/// The three, by whoever does them.
type private Hands = {
    Make: Subject -> string -> bool
    Apply: Subject -> int -> bool
    Delete: Subject -> int -> bool
}

let private ours = { Make = make; Apply = apply; Delete = delete }

let private change (random: Random) (hands: Hands) (subject: Subject) =
    let count = subject.Snapshots.Length

    match random.Next 5 with
    | 0
    | 1 when count < 6 ->
        subject.Made <- subject.Made + 1
        let name = $"s{subject.Made}"

        if hands.Make subject name then
            let made = name, Array.copy subject.Disk.Expected
            subject.Snapshots <- subject.Snapshots @ [ made ]
    | 2
    | 3 when count > 0 ->
        let index = random.Next count

        if hands.Delete subject index then
            subject.Snapshots <- List.removeAt index subject.Snapshots
    | _ when count > 0 ->
        let index = random.Next count

        if hands.Apply subject index then
            subject.Disk.Expected <- Array.copy (snd subject.Snapshots[index])
    | _ -> ()

/// The engine shows a snapshot as it must be, in its own length (FMT-QCOW2-504).
let private expectShown (subject: Subject) (index: int) =
    use image = openOn subject.Disk.File

    match subject.Disk.Backing with
    | Some backing -> image.Backing <- BackingStorage backing.Image
    | None -> ()

    image.ShowSnapshotAsync((list image)[index]) |> wait |> orFail "show"
    let expected = snd subject.Snapshots[index]
    Expect.equal image.GuestLengthBytes expected.LongLength "the length"
    Expect.isTrue (read image 0L expected.Length = expected) $"snapshot {index} as it is shown"
    let write = image.WriteAsync(0L, ReadOnlyMemory [| 1uy |]) |> wait
    Expect.isSome write "a write to a snapshot"

let private judge (subject: Subject) =
    let disk = subject.Disk
    finish disk
    let bytes = bytesOf disk.File
    let backing = disk.Backing |> Option.map _.Expected
    Soundness.expectClean "the file" bytes
    Soundness.expectDisk bytes backing disk.Expected
    Soundness.expectSnapshots bytes backing subject.Snapshots
    let struct (found, refusal) = disk.Image.CheckAsync().AsTask().GetAwaiter().GetResult()
    Option.ofObj refusal |> orFail "check"
    Expect.equal (found.Corruptions, found.Leaks) (0L, 0L) (String.concat "; " found.Lines)

    for index in 0 .. subject.Snapshots.Length - 1 do
        expectShown subject index

let private start' file backing = { Disk = start file backing; Snapshots = []; Made = 0 }

let private inMemory (random: Random) =
    let options () = drawOptions random

    let backing =
        if random.Next 2 = 0 then
            let _, file = newImage (options ())
            let backing = start file None

            for _ in 1 .. random.Next 20 do
                step random backing

            Some backing
        else
            None

    let options = options ()
    let _, file = newImage options
    let subject = start' file backing

    try
        for _ in 1 .. 10 + random.Next 60 do
            if random.Next 3 = 0 then
                change random ours subject
            else
                step random subject.Disk

            if random.Next 20 = 0 then
                judge subject

        judge subject

        // Without snapshots nothing of them is left.
        while not subject.Snapshots.IsEmpty do
            delete subject 0 |> ignore
            subject.Snapshots <- subject.Snapshots.Tail

        judge subject
    with error ->
        failwith
            $"version {options.Version}, clusters of {options.ClusterBytes}, counts of \
              {options.RefcountBits} bits, {options.SizeBytes} bytes: {error.Message}"

let private qemuImg arguments = Programs.run "qemu-img" arguments |> ignore

/// QEMU's tool does it, on a file that the engine has closed.
let private theirs (path: string) =
    let run (subject: Subject) arguments =
        writeBack subject.Disk
        subject.Disk.Image.Dispose()
        qemuImg ("snapshot" :: "-q" :: arguments @ [ path ])
        subject.Disk.Image <- openOn subject.Disk.File
        true

    let name (subject: Subject) index = fst subject.Snapshots[index]

    {
        Make = fun subject name -> run subject [ "-c"; name ]
        Apply = fun subject index -> run subject [ "-a"; name subject index ]
        Delete = fun subject index -> run subject [ "-d"; name subject index ]
    }

let private withQemu directory (random: Random) =
    let path = Path.Combine(directory, $"{random.Next()}.qcow2")
    let cluster = 512 <<< random.Next 8

    let options =
        Qcow2CreationOptions(
            SizeBytes = int64 (1 + random.Next 1000) * 512L,
            Version = 2 + random.Next 2,
            ClusterBytes = cluster
        )

    let mutable created: HostFile | null = null
    let errno = LinuxHostFiles.Instance.Create(path, 0o600, &created)
    Expect.equal errno HostErrno.None path
    use file = there created
    Qcow2Creation.TryCreate(file, options) |> Option.ofObj |> orFail "create"
    let subject = start' file None
    let theirs = theirs path

    for _ in 1 .. 5 + random.Next 20 do
        match random.Next 4 with
        | 0 -> change random ours subject
        | 1 -> change random theirs subject
        | _ -> step random subject.Disk

    judge subject
    qemuImg [ "check"; "-q"; "-f"; "qcow2"; path ]

    for name, disk in subject.Snapshots do
        // QEMU shows a snapshot in the disk's length of now.
        let shown = Path.Combine(directory, "shown.raw")

        qemuImg [
            "convert"
            "-f"
            "qcow2"
            "-O"
            "raw"
            "-l"
            $"snapshot.name={name}"
            path
            shown
        ]

        let found = File.ReadAllBytes shown
        let same = min found.Length disk.Length
        Expect.isTrue (found[.. same - 1] = disk[.. same - 1]) $"{name} as QEMU shows it"

/// An image with two snapshots, as bytes, and where their table is.
let private withTable () =
    let _, file = newImage (Qcow2CreationOptions(SizeBytes = 1048576L))
    let image = openOn file
    write image 0L (Array.create 131072 1uy)
    image.CreateSnapshotAsync("first", now) |> wait |> orFail "make"
    write image 65536L (Array.create 131072 2uy)
    image.CreateSnapshotAsync("second", now) |> wait |> orFail "make"
    image.WriteBackAsync() |> wait |> orFail "write back"
    image.Dispose()
    // The table is the last thing in the file, and some tests make it longer.
    let bytes = Array.append (bytesOf file) (Array.zeroCreate<byte> 4096)
    bytes, int (BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(bytes, 64, 8)))

let private put32 (bytes: byte[]) (offset: int) (value: uint32) =
    BinaryPrimitives.WriteUInt32BigEndian(Span(bytes, offset, 4), value)

let private put64 (bytes: byte[]) (offset: int) (value: uint64) =
    BinaryPrimitives.WriteUInt64BigEndian(Span(bytes, offset, 8), value)

let private opened (bytes: byte[]) =
    let host = MemoryHostFiles()
    host.Create("image", MemoryContent.Of(ReadOnlySpan bytes)) |> ignore
    let file = openFile host "image"
    file, openOn file

/// The first request that needs the table is refused with that text, and the file stays.
let private refusals = [
    "Too much extra metadata in snapshot table entry 0", (fun b at -> put32 b (at + 36) 1025u)
    "qcow2: snapshot 1 ends beyond the file", (fun b at -> put32 b (at + 72 + 12) 0xffffffffu)
    "Snapshot L1 table too large", (fun b at -> put32 b (at + 8) 4194305u)
    "Snapshot L1 table offset invalid", (fun b at -> put64 b at 65537UL)
    "Snapshot L1 table offset invalid", (fun b at -> put64 b at 0xffffffffffff0000UL)
    "qcow2: a table of snapshots at 0 lies over another", (fun b at -> put64 b at 0UL)
    "qcow2: too many entries of L1 tables of snapshots",
    (fun b at ->
        // Six entries without names, each with the largest table.
        put32 b 60 6u

        for index in 0..5 do
            let entry = at + 40 * index
            Array.fill b entry 40 0uy
            put64 b entry (uint64 (0x100000 + 0x2000000 * index))
            put32 b (entry + 8) 4194304u)
]

let private hostile =
    testList "a damaged table of snapshots refuses what needs it (FMT-QCOW2-501, -502, -503)" [
        for index, (text, edit) in List.indexed refusals do
            test $"{index}: {text}" {
                let bytes, at = withTable ()
                edit bytes at
                let file, image = opened bytes
                let write = image.WriteAsync(0L, ReadOnlyMemory [| 1uy |]) |> wait
                Expect.equal (write |> Option.map _.Text) (Some text) "a write"
                let made = image.CreateSnapshotAsync("third", now) |> wait
                Expect.isSome made "a snapshot"
                Expect.equal (bytesOf file) bytes "the file"
            }

        let name = "random damage of tables of snapshots never makes more than a refusal"

        test name {
            Seeds.forSeeds name 150 (fun random ->
                let bytes, at = withTable ()

                for _ in 0 .. random.Next 3 do
                    bytes[at + random.Next 140] <- byte (random.Next 256)

                let _, image = opened bytes

                for _ in 1..3 do
                    let found = image.ListSnapshotsAsync().AsTask().GetAwaiter().GetResult()
                    let count = found.Snapshots.Count

                    match random.Next 4 with
                    | 0 -> image.CreateSnapshotAsync("more", now) |> wait |> ignore
                    | 1 when count > 0 -> image.DeleteSnapshotAsync 0 |> wait |> ignore
                    | 2 when count > 0 -> image.ApplySnapshotAsync(count - 1) |> wait |> ignore
                    | _ -> image.WriteAsync(0L, ReadOnlyMemory [| 1uy |]) |> wait |> ignore

                image.WriteBackAsync() |> wait |> ignore
                image.Dispose())
        }
    ]

/// A file whose changes fail after so many of them, until it is healed.
type private Failing(inner: HostFile) =
    inherit HostFile()

    member val Left = Int32.MaxValue with get, set

    member private this.Try(change: unit -> HostErrno) =
        this.Left <- this.Left - 1
        if this.Left < 0 then HostErrno.NoSpace else change ()

    override _.Identity = inner.Identity
    override _.Length = inner.Length
    override _.IsWritable = inner.IsWritable
    override _.Read(offset: int64, buffer: Span<byte>) = inner.Read(offset, buffer)

    override this.Write(offset: int64, buffer: ReadOnlySpan<byte>) =
        let bytes = buffer.ToArray()
        this.Try(fun () -> inner.Write(offset, ReadOnlySpan bytes))

    override this.WriteZeroes(offset, length) =
        this.Try(fun () -> inner.WriteZeroes(offset, length))

    override this.Truncate length = this.Try(fun () -> inner.Truncate length)
    override this.Flush() = this.Try inner.Flush
    override _.LockShared byteOffset = inner.LockShared byteOffset
    override _.Unlock byteOffset = inner.Unlock byteOffset
    override _.IsLockedByOthers byteOffset = inner.IsLockedByOthers byteOffset
    override _.Dispose() = inner.Dispose()

/// What an image holds, as one of those says, without a fault.
let private expectOneOf (file: HostFile) (held: (byte[] * (string * byte[]) list) list) =
    let bytes = bytesOf file
    Soundness.expectSound "the file" bytes

    let isHeld (disk, snapshots) =
        try
            Soundness.expectDisk bytes None disk
            Soundness.expectSnapshots bytes None snapshots
            true
        with _ ->
            false

    Expect.exists held isHeld "the image is neither the one of before nor the one of after"

let private failing (random: Random) =
    let _, inner = newImage (drawOptions random)
    let file = new Failing(inner)
    let subject = start' file None

    for _ in 1 .. 5 + random.Next 20 do
        if random.Next 4 = 0 then
            change random ours subject
        else
            step random subject.Disk

    writeBack subject.Disk
    let image, disk, snapshots = subject.Disk.Image, subject.Disk.Expected, subject.Snapshots
    let index = random.Next(max 1 snapshots.Length)

    let request, after =
        match random.Next 3 with
        | 0 when not snapshots.IsEmpty ->
            (fun () -> image.ApplySnapshotAsync index), (snd snapshots[index], snapshots)
        | 1 when not snapshots.IsEmpty ->
            (fun () -> image.DeleteSnapshotAsync index), (disk, List.removeAt index snapshots)
        | _ ->
            (fun () -> image.CreateSnapshotAsync("more", now)), (disk, snapshots @ [ "more", disk ])

    file.Left <- random.Next 50
    let refusal = request () |> wait
    file.Left <- Int32.MaxValue

    if refusal.IsNone then
        image.WriteBackAsync() |> wait |> orFail "write back"
        expectOneOf file [ after ]
    else
        // The one who failed may be gone, or go on.
        expectOneOf file [ disk, snapshots; after ]
        image.WriteBackAsync() |> wait |> ignore
        expectOneOf file [ disk, snapshots; after ]
        image.WriteAsync(0L, ReadOnlyMemory [| 1uy |]) |> wait |> ignore
        image.CreateSnapshotAsync("again", now) |> wait |> ignore
        image.WriteBackAsync() |> wait |> ignore
        Soundness.expectSound "the file afterwards" (bytesOf file)

let private kept =
    test "an entry is kept with what it says beyond what is known (FMT-QCOW2-506)" {
        let bytes, at = withTable ()
        // The first entry alone, with 32 bytes of extra data and an id that is no number.
        let entry = Array.zeroCreate<byte>(40 + 32 + 3 + 4)
        Array.blit bytes at entry 0 40
        put32 entry 36 32u
        entry[13] <- 3uy
        entry[15] <- 4uy
        put64 entry 40 0x1_0000_0005UL
        put64 entry 48 1048576UL
        put64 entry 56 77UL
        put64 entry 64 0x0102030405060708UL
        Array.blit "x-9name"B 0 entry 72 7
        let other = bytes[at + 72 .. at + 72 + 71]
        Array.fill bytes at 160 0uy
        Array.blit entry 0 bytes at entry.Length
        Array.blit other 0 bytes (at + 80) other.Length
        let file, image = opened bytes
        image.CreateSnapshotAsync("third", now) |> wait |> orFail "make"
        image.WriteBackAsync() |> wait |> orFail "write back"
        let after = bytesOf file
        let table = int (BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(after, 64, 8)))
        Expect.equal after[table + 36 .. table + 78] entry[36..] "the first entry"
        let ids = list image |> List.map (fun one -> one.Id, one.Name)
        Expect.equal ids [ "x-9", "name"; "2", "second"; "3", "third" ] "ids and names"
        let last = List.last (list image)
        Expect.equal (last.Seconds, last.Nanoseconds) (1_700_000_000u, 123_456_700u) "time"
        Soundness.expectClean "the file" after
    }

let tests =
    testList "snapshots" [
        let name =
            "the disk and every snapshot read as they must, without fault or leak (FMT-QCOW2-505, \
             FMT-QCOW2-507, FMT-QCOW2-509)"

        test name { Seeds.forSeeds name 120 inMemory }

        let name = "QEMU's tool and the engine take turns (FMT-QCOW2-504, FMT-QCOW2-507)"

        test name {
            Needs.qemuImg ()
            Tools.withDirectory (fun directory -> Seeds.forSeeds name 12 (withQemu directory))
        }

        let name = "a request that fails leaves the image of before or after (FMT-QCOW2-508)"
        test name { Seeds.forSeeds name 300 failing }

        hostile
        kept
    ]
