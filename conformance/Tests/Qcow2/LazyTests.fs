/// Images whose counts may lag: they say so while they are written, and whoever finds one that says
/// so repairs it before it writes (FMT-QCOW2-311, FMT-QCOW2-314).
module internal Ashlar.Conformance.Tests.Qcow2.LazyTests

open System
open System.Collections.Generic
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2.CrashLog
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Qcow2.RepairTests
open Ashlar.Conformance.Tests.Qcow2.Scenario

let private complete (image: Qcow2Image) =
    image.CompleteAsync() |> wait |> orFail "the end"
    image.Dispose()

let private lazyImage (random: Random) =
    let drawn = drawOptions random
    let cluster = drawn.ClusterBytes

    newImage (
        Qcow2CreationOptions(
            SizeBytes = drawn.SizeBytes,
            ClusterBytes = cluster,
            RefcountBits = drawn.RefcountBits,
            HasLazyRefcounts = true
        )
    )
    |> snd

let private isDirty (bytes: byte[]) = bytes[79] &&& 1uy = 1uy

let private openRecording (file: HostFile) log =
    let mutable image: Qcow2Image | null = null

    match Qcow2Image.Open(Recording(file, log), &image) with
    | null -> there image
    | refusal -> failwith refusal.Text

let private patch (random: Random) (image: Qcow2Image) =
    let at = random.NextInt64 image.GuestLengthBytes
    let length = int (min 9000L (image.GuestLengthBytes - at))
    let bytes = Array.zeroCreate<byte> length
    random.NextBytes bytes
    write image at bytes

/// The bit is durable before a table changes, whatever a crash keeps; the next writer repairs.
let private crashes (random: Random) =
    let file = lazyImage random
    let start = bytesOf file
    let log = List<Change>()
    let image = openRecording file log

    for _ in 0 .. random.Next 8 do
        patch random image

        if random.Next 3 = 0 then
            image.WriteBackAsync() |> wait |> orFail "write back"

    Expect.isTrue (isDirty (bytesOf file)) "it says that it is written"

    for _ in 1..3 do
        let length = random.Next(log.Count + 1)
        let cut = crash random (MemoryContent.Of(ReadOnlySpan start)) log length
        let left = bytesOf cut

        if not (isDirty left) then
            // Of the header, the table and its blocks nothing has changed.
            let same = min start.Length left.Length
            let from = start.AsSpan(0, same).CommonPrefixLength(left.AsSpan(0, same))
            Expect.equal from same "what was there before"

        let next = openOn cut
        patch random next
        complete next
        Expect.isFalse (isDirty (bytesOf cut)) "it was completed"
        // A count beyond the cut file's end is a leak as soon as the file grows.
        Soundness.expectSound "repaired and written" (bytesOf cut)

    complete image
    Expect.isFalse (isDirty (bytesOf file)) "the bit at the end"
    Soundness.expectClean "at the end" (bytesOf file)

let private leaking =
    test "counts of a dirty image are not relied on (FMT-QCOW2-311)" {
        let bytes, l2 = small ()
        let block = int (at64 bytes (int (at64 bytes 48)))
        let data = int (at64 bytes l2 &&& placeMask) / 65536
        bytes[79] <- 1uy
        bytes[block + 2 * data + 1] <- 0uy
        let file = fileOf bytes
        let image = openOn file
        Expect.equal (read image 0L 65536) (Array.create 65536 1uy) "read before"
        write image 524288L (Array.create 65536 9uy)
        Expect.equal (read image 0L 65536) (Array.create 65536 1uy) "nothing was given away"
        complete image
        Expect.isFalse (isDirty (bytesOf file)) "the bit"
        Soundness.expectClean "repaired" (bytesOf file)
    }

let private beside =
    test "a reader leaves a dirty image alone; version 2 has no such bit" {
        let bytes, _ = small ()
        bytes[79] <- 1uy
        let file = fileOf bytes
        let image = openOn file
        read image 0L 65536 |> ignore
        complete image
        Expect.equal (bytesOf file) bytes "the file"
        let options = Qcow2CreationOptions(SizeBytes = 65536L, Version = 2, HasLazyRefcounts = true)
        let mutable content = MemoryContent.Empty

        match Qcow2Creation.TryCreate(options, &content) with
        | null -> failtest "it was made"
        | refusal -> Expect.stringStarts refusal.Text "Lazy refcounts only supported" "the refusal"
    }

let tests =
    testList "lazy refcounts" [
        let name = "a crash at any moment is known and repaired (FMT-QCOW2-314)"
        test name { Seeds.forSeeds name 40 crashes }
        leaking
        beside
    ]
