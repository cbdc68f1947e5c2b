/// Random requests on an image beside a plain array of bytes that says what must be read.
module internal Ashlar.Conformance.Tests.Qcow2.Scenario

open System
open Ashlar.Block
open Ashlar.Conformance.Tests.Qcow2.Images

/// An image under test: the file it is in, the image while it is open, what it must read as.
type Subject = {
    File: HostFile
    mutable Image: Qcow2Image
    mutable Expected: byte[]
    Backing: Subject option
}

let private clusterSizes = [| for bits in 9..21 -> 1 <<< bits |]

/// Small clusters are drawn more often: they reach every table level with little data.
let drawOptions (random: Random) =
    let cluster =
        if random.Next 3 > 0 then
            clusterSizes[random.Next 4]
        else
            clusterSizes[random.Next clusterSizes.Length]

    let version = if random.Next 4 = 0 then 2 else 3

    let width =
        if version = 2 || random.Next 2 = 0 then
            16
        else
            1 <<< random.Next 7

    let largest = min (2 * 1024 * 1024) (cluster * 400)
    let size = int64 (random.Next(largest / 512) + 1) * 512L

    Qcow2CreationOptions(
        SizeBytes = size,
        Version = version,
        ClusterBytes = cluster,
        RefcountBits = width,
        IsZstandard = (version = 3 && random.Next 2 = 0)
    )

let connect (subject: Subject) =
    match subject.Backing with
    | Some backing -> subject.Image.Backing <- BackingStorage backing.Image
    | None -> ()

/// A new subject on an empty image; what the backing covers is read from it.
let start (file: HostFile) (backing: Subject option) =
    let image = openOn file
    let expected = Array.zeroCreate<byte>(int image.GuestLengthBytes)

    match backing with
    | Some b -> Array.blit b.Expected 0 expected 0 (min b.Expected.Length expected.Length)
    | None -> ()

    let subject = { File = file; Image = image; Expected = expected; Backing = backing }
    connect subject
    subject

let private drawRange (random: Random) (subject: Subject) =
    let length = subject.Expected.Length
    let cluster = subject.Image.ClusterBytes

    let drawOffset () =
        match random.Next 3 with
        | 0 -> random.Next(length + 1)
        | 1 -> random.Next(length / 512 + 1) * 512
        | _ -> random.Next(length / cluster + 1) * cluster

    let a = drawOffset ()

    let b =
        match random.Next 4 with
        | 0 -> drawOffset ()
        | 1 -> a + random.Next 4096
        | _ -> a + random.Next(4 * cluster)

    min a (min b length), max a (min b length)

let writeBack (subject: Subject) = subject.Image.WriteBackAsync() |> wait |> orFail "write back"

let reopen (subject: Subject) =
    writeBack subject
    subject.Image.Dispose()
    subject.Image <- openOn subject.File
    connect subject

/// The first difference between what is read and what must be.
let compare (subject: Subject) from till =
    let found = read subject.Image (int64 from) (till - from)
    let at = found.AsSpan().CommonPrefixLength(subject.Expected.AsSpan(from, till - from))

    if at < till - from then
        failwith $"byte {from + at} is {found[at]}, not {subject.Expected[from + at]}"

let private truncate (random: Random) (subject: Subject) =
    let old = subject.Expected.Length
    let reach = max 4096 (min old (subject.Image.ClusterBytes * 40))
    let size = max 512 ((old + random.Next(-reach, reach)) / 512 * 512)

    // Snapshots of version 2 need not say how long their disk was (BLK-SIZE-006).
    let isFixed = subject.Image.Version = 2 && subject.Image.SnapshotCount > 0L

    if size <= 12 * 1024 * 1024 && not isFixed then
        subject.Image.TruncateAsync(int64 size) |> wait |> orFail $"truncate to {size}"
        let resized = Array.zeroCreate<byte> size
        Array.blit subject.Expected 0 resized 0 (min old size)
        subject.Expected <- resized

/// The clusters that lie whole in a range; the last may end with the guest.
let wholeClusters (subject: Subject) from till =
    let cluster = subject.Image.ClusterBytes
    let first = (from + cluster - 1) / cluster * cluster

    let last =
        if till = subject.Expected.Length then
            till
        else
            till / cluster * cluster

    if first < last then first, last else 0, 0

/// Bytes of which some runs pack well and others do not.
let drawCompressible (random: Random) (bytes: byte[]) =
    let mutable at = 0

    while at < bytes.Length do
        let stop = min bytes.Length (at + 1 + random.Next 3000)

        if random.Next 3 = 0 then
            random.NextBytes(bytes.AsSpan(at, stop - at))
        else
            Array.fill bytes at (stop - at) (byte (random.Next 256))

        at <- stop

/// One random request, done on the image and on the array.
let step (random: Random) (subject: Subject) =
    match random.Next 40 with
    | n when n < 18 ->
        let from, till = drawRange random subject
        let bytes = Array.zeroCreate<byte>(till - from)

        if random.Next 8 > 0 then
            random.NextBytes bytes

        write subject.Image (int64 from) bytes
        Array.blit bytes 0 subject.Expected from bytes.Length
    | n when n < 24 ->
        let from, till = drawRange random subject

        subject.Image.WriteZeroesAsync(int64 from, int64 (till - from), random.Next 2 = 0)
        |> wait
        |> orFail "write zeroes"

        Array.fill subject.Expected from (till - from) 0uy
    | n when n < 32 ->
        let from, till = drawRange random subject
        compare subject from till
    | n when n < 34 -> truncate random subject
    | n when n < 36 ->
        let from, till = drawRange random subject

        subject.Image.OwnAsync(int64 from, int64 (till - from)) |> wait |> orFail "own"
    | n when n < 37 -> writeBack subject
    | n when n < 39 ->
        let from, till = drawRange random subject
        let from, till = wholeClusters subject from till
        let bytes = Array.zeroCreate<byte>(till - from)
        drawCompressible random bytes

        subject.Image.WriteCompressedAsync(int64 from, ReadOnlyMemory bytes)
        |> wait
        |> orFail "compressed write"

        Array.blit bytes 0 subject.Expected from bytes.Length
    | _ -> reopen subject

/// Compares everything and brings the file to rest.
let finish (subject: Subject) =
    compare subject 0 subject.Expected.Length
    reopen subject
    compare subject 0 subject.Expected.Length
    writeBack subject
