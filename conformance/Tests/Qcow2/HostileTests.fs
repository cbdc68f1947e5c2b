/// Damaged and hostile images: whatever the bytes say, the answer is the engine's own refusal or
/// bytes, without an exception, in bounded time and memory (FMT-QCOW2-019, FMT-QCOW2-020).
module internal Ashlar.Conformance.Tests.Qcow2.HostileTests

open System
open System.Buffers.Binary
open System.Diagnostics
open Expecto
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Qcow2.Scenario

/// An image with some of everything in it, as bytes.
let private drawImage (random: Random) =
    let options = drawOptions random
    let _, file = newImage options
    let subject = Scenario.start file None

    for _ in 1 .. random.Next 12 do
        step random subject

    writeBack subject
    bytesOf file

let private tableStarts (bytes: byte[]) =
    let at (offset: int) =
        int (BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(bytes, offset, 8)) &&& 0x7fffffffUL)

    let inside place = if place + 64 < bytes.Length then Some place else None
    let l1 = inside (at 40)
    let refcounts = inside (at 48)
    let l2 = l1 |> Option.bind (at >> inside)
    let block = refcounts |> Option.bind (at >> inside)
    List.choose id [ Some 0; Some 72; l1; refcounts; l2; block ]

/// Values that tend to hurt: nothing, everything, borders, other tables' places.
let private nasty (random: Random) (bytes: byte[]) =
    match random.Next 8 with
    | 0 -> 0UL
    | 1 -> UInt64.MaxValue
    | 2 -> 1UL <<< random.Next 64
    | 3 -> (1UL <<< 63) ||| uint64 (random.Next(bytes.Length / 512 + 1)) * 512UL
    | 4 -> uint64 (random.Next(bytes.Length / 512 + 1)) * 512UL
    | 5 -> (1UL <<< 63) ||| (uint64 (random.NextInt64()) &&& 0x00fffffffffffe00UL)
    | 6 -> uint64 (random.NextInt64())
    | _ -> uint64 (random.Next 4)

let private damage (random: Random) (bytes: byte[]) =
    let starts = tableStarts bytes

    for _ in 1 .. 1 + random.Next 4 do
        let start = starts[random.Next starts.Length]
        let reach = min 128 (bytes.Length - start - 8)
        let at = start + random.Next(reach + 1)

        match random.Next 4 with
        | 0 -> bytes[at] <- bytes[at] ^^^ byte (1 <<< random.Next 8)
        | 1 ->
            let aligned = at &&& ~~~7
            BinaryPrimitives.WriteUInt64BigEndian(Span(bytes, aligned, 8), nasty random bytes)
        | 2 ->
            let aligned = at &&& ~~~3
            let value = uint32 (nasty random bytes)
            BinaryPrimitives.WriteUInt32BigEndian(Span(bytes, aligned, 4), value)
        | _ -> bytes[at] <- byte (random.Next 256)

    if random.Next 8 = 0 then
        bytes[.. random.Next bytes.Length]
    else
        bytes

/// Requests that an innocent user could make; the refusals are what they are.
let private use' (random: Random) (image: Qcow2Image) =
    let size = image.GuestLengthBytes
    let buffer = Array.zeroCreate<byte> 65536
    let offset () = random.NextInt64(max 1L size)

    for _ in 1..12 do
        let at = offset ()
        let length = int (min (size - at) (int64 (random.Next buffer.Length)))

        match random.Next 7 with
        | 0
        | 1 -> image.ReadAsync(at, Memory(buffer, 0, length)) |> wait |> ignore
        | 2
        | 3 -> image.WriteAsync(at, ReadOnlyMemory(buffer, 0, length)) |> wait |> ignore
        | 4 -> image.WriteZeroesAsync(at, int64 length, random.Next 2 = 0) |> wait |> ignore
        | 5 -> image.TruncateAsync(at &&& ~~~511L) |> wait |> ignore
        | _ -> image.WriteBackAsync() |> wait |> ignore

    image.WriteBackAsync() |> wait |> ignore
    image.Dispose()

/// Far above what an honest image of this size needs, far below what an unchecked size would ask
/// for.
let private allocatedBytesMax = 256L * 1024L * 1024L

let private secondsMax = 10.0

/// A repair ends with a result or a refusal, and what it calls whole is whole (FMT-QCOW2-807).
let private repair (file: HostFile) =
    let mutable opened: Qcow2Image | null = null

    match Qcow2Image.Open(HostFileStorage file, true, &opened) with
    | null ->
        use image = there opened

        let check fixes =
            let struct (result, error) = image.CheckAsync(fixes).AsTask().GetAwaiter().GetResult()

            result, Option.ofObj error

        match check Qcow2Fixes.All with
        | result, None when result.Corruptions = 0L && result.CheckErrors = 0L ->
            let again, error = check Qcow2Fixes.None
            Expect.isNone error "a second look"
            Expect.equal again.Corruptions 0L (String.concat "\n" again.Lines)
        | _ -> ()
    | refusal -> Expect.isNotEmpty refusal.Text "a refusal says why"

let private scenario (random: Random) =
    let original = drawImage random

    for _ in 1..4 do
        let bytes = damage random (Array.copy original)
        let host = MemoryHostFiles()
        host.Create("image", MemoryContent.Of(ReadOnlySpan bytes)) |> ignore
        let file = openFile host "image"
        let before = GC.GetAllocatedBytesForCurrentThread()
        let watch = Stopwatch.StartNew()

        match tryOpen file with
        | Ok image -> use' random image
        | Error refusal -> Expect.isNotEmpty refusal.Text "a refusal says why"

        host.Create("damaged", MemoryContent.Of(ReadOnlySpan bytes)) |> ignore
        repair (openFile host "damaged")

        let allocated = GC.GetAllocatedBytesForCurrentThread() - before

        if allocated > allocatedBytesMax then
            failwith $"{allocated} bytes were allocated"

        if watch.Elapsed.TotalSeconds > secondsMax then
            failwith $"it took {watch.Elapsed.TotalSeconds} s"

let private refusalOf (edit: byte[] -> unit) =
    let options = Qcow2CreationOptions(SizeBytes = 1048576L)
    let _, file = newImage options
    let bytes = bytesOf file
    edit bytes
    let host = MemoryHostFiles()
    host.Create("image", MemoryContent.Of(ReadOnlySpan bytes)) |> ignore

    match tryOpen (openFile host "image") with
    | Error refusal -> refusal.Text
    | Ok image ->
        match image.CheckWritable() with
        | null -> "opens read-write"
        | refusal -> refusal.Text

let private put32 (offset: int) (value: uint32) (bytes: byte[]) =
    BinaryPrimitives.WriteUInt32BigEndian(Span(bytes, offset, 4), value)

let private put64 (offset: int) (value: uint64) (bytes: byte[]) =
    BinaryPrimitives.WriteUInt64BigEndian(Span(bytes, offset, 8), value)

/// A feature name table with one row, as an extension right behind the header.
let private nameFeature (bit: byte) (name: string) bytes =
    put32 112 0x6803f857u bytes
    put32 116 48u bytes
    bytes[120] <- 0uy
    bytes[121] <- bit
    Text.Encoding.ASCII.GetBytes(name).CopyTo(bytes, 122)

let private refusals = [
    "Image is not in qcow2 format", put32 0 0x51464900u
    "Unsupported qcow2 version 4", put32 4 4u
    "Unsupported cluster size: 2^8", put32 20 8u
    "Unsupported cluster size: 2^22", put32 20 22u
    "qcow2 header too short", put32 100 103u
    "qcow2 header exceeds cluster size", put32 100 65544u
    "Invalid backing file offset", put64 8 65537UL
    "qcow2: unknown compression type: 2", (fun bytes -> bytes[104] <- 2uy)
    "qcow2: Compression type incompatible feature bit must be set", (fun b -> b[104] <- 1uy)
    "qcow2: Compression type incompatible feature bit must not be set", put64 72 8UL
    "Unsupported qcow2 feature(s): external data file", put64 72 4UL
    "Unsupported qcow2 feature(s): extended L2 entries", put64 72 16UL
    "Unsupported qcow2 feature(s): Unknown incompatible feature: 20", put64 72 32UL
    "Unsupported qcow2 feature(s): time travel",
    (fun bytes ->
        put64 72 32UL bytes
        nameFeature 5uy "time travel" bytes)
    "Reference count entry width too large; may not exceed 64 bits", put32 96 7u
    "qcow2: encryption is not supported", put32 32 2u
    "Image does not contain a reference count table", put32 56 0u
    "Reference count table too large", put32 56 129u
    "Reference count table offset invalid", put64 48 65537UL
    "Reference count table offset invalid", put64 48 0xffffffffffff0000UL
    "Snapshot table too large", put32 60 65537u
    "Snapshot table offset invalid", put64 64 1UL
    "Active L1 table too large", put32 36 4194305u
    "Active L1 table offset invalid", put64 40 1UL
    "Image is too big", put64 24 UInt64.MaxValue
    "L1 table is too small", put64 24 (1UL <<< 40)
    "Header extension too large",
    (fun bytes ->
        put32 112 0x12345678u bytes
        put32 116 0xfffffff0u bytes)
    "ERROR: ext_backing_format: len=16 too large (>=16)",
    (fun bytes ->
        put32 112 0xe2792acau bytes
        put32 116 16u bytes)
    "CRYPTO header extension only expected with LUKS encryption method",
    (fun bytes ->
        put32 112 0x0537be77u bytes
        put32 116 16u bytes)
    "Backing file name too long",
    (fun bytes ->
        put64 8 1024UL bytes
        put32 16 1024u bytes)
    "qcow2: Image is corrupt; cannot be opened read/write", put64 72 2UL
    "opens read-write", put64 72 1UL
    "qcow2: Image has persistent bitmaps; cannot be opened read/write", put64 88 1UL
    "opens read-write", put64 88 4UL
    "opens read-write", ignore
]

/// The text of the first request that is refused, and that the file stayed as it was.
let private requestRefusal (edit: byte[] -> unit) request =
    let _, file = newImage (Qcow2CreationOptions(SizeBytes = 1048576L))
    let first = openOn file
    write first 0L (Array.create 131072 1uy)
    first.WriteBackAsync() |> wait |> orFail "write back"
    first.Dispose()
    let bytes = bytesOf file
    let l1 = int (BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(bytes, 40, 8)))
    let entry = BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(bytes, l1, 8))
    let l2 = int (entry &&& 0x00fffffffffffe00UL)
    let damaged = Array.copy bytes
    let row = damaged[l2 .. l2 + 15]
    edit row
    row.CopyTo(damaged, l2)
    file.Write(0L, ReadOnlySpan damaged) |> ignore
    let image = openOn file
    let refusal: BlockError option = request image
    image.WriteBackAsync() |> wait |> ignore
    Expect.equal (bytesOf file) damaged "the file is as it was"
    let again = image.WriteAsync(524288L, ReadOnlyMemory [| 1uy |]) |> wait
    refusal |> Option.map _.Text, again |> Option.map _.Text

let private damagedEntries =
    testList "a damaged entry refuses the request, and from then on every write (BLK-DATA-010)" [
        let writeFirst (image: Qcow2Image) = image.WriteAsync(0L, ReadOnlyMemory [| 1uy |]) |> wait

        let readFirst (image: Qcow2Image) = image.ReadAsync(0L, Memory(Array.zeroCreate 1)) |> wait

        let cases = [
            "unaligned", 0x8000000000050200UL, true, "is invalid"
            "reserved bits", 0x8000000000050002UL, true, "is invalid"
            "copied without a place", 0x8000000000000000UL, true, "is invalid"
            "beyond the file", 0x8000000100000000UL, false, "is beyond the file"
            "over the header's neighbour", 0x8000000000010000UL, false, "lies over a table"
        ]

        for name, entry, isSeenByReads, text in cases do
            test name {
                for request in writeFirst :: (if isSeenByReads then [ readFirst ] else []) do
                    let refusal, again = requestRefusal (put64 0 entry) request
                    Expect.stringContains (defaultArg refusal "accepted") text "the refusal"
                    Expect.stringStarts (defaultArg refusal "") "qcow2: " "the refusal"
                    let later = "qcow2: Image is corrupt; it cannot be written"
                    Expect.equal again (Some later) "a later write"
            }

        test "bytes that cannot be unpacked fail what needs them (BLK-DATA-019)" {
            let refusal, again = requestRefusal (put64 0 0x4000000000050000UL) readFirst
            let text = "cannot be decompressed"
            Expect.stringContains (defaultArg refusal "accepted") text "the refusal"
            Expect.isNone again "a write elsewhere"
        }
    ]

let tests =
    testList "hostile images" [
        let name = "random damage never makes more than a refusal (BLK-DATA-010)"
        test name { Seeds.forSeeds name 300 scenario }

        testList "refusals at open (BLK-OPEN-011, -021)" [
            for index, (text, edit) in List.indexed refusals do
                test $"{index}: {text}" { Expect.equal (refusalOf edit) text "the refusal" }
        ]

        damagedEntries
    ]
