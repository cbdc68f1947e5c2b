/// The engine and the reference on the same images: they read the same, or the engine refuses by
/// name what it does not support. What the engine writes is judged in Qcow2. Requirements:
/// spec/formats/qcow2.
module internal Ashlar.Conformance.Tests.Formats.EngineTests

open System
open System.Threading.Tasks
open Expecto
open Ashlar.Block
open Ashlar.Reference.Formats
open Ashlar.Reference.Formats.Qcow2
open Ashlar.Conformance.Tests.Qcow2
open Ashlar.Conformance.Tests.Qcow2.Images
open Ashlar.Conformance.Tests.Formats.Drafts

/// Bytes below an image that is read only.
type private BytesStorage(bytes: byte[]) =
    inherit ImageStorage()
    override _.LengthBytes = bytes.LongLength

    override _.ReadAsync(offset, buffer) =
        (Bytes.slice bytes (uint64 offset) buffer.Length).CopyTo buffer
        ValueTask<BlockError | null>()

    override _.WriteAsync(_, _) = failwith "a backing is not written"
    override _.WriteZeroesAsync(_, _) = failwith "a backing is not written"
    override _.FlushAsync() = ValueTask<BlockError | null>()

let private openBytes (bytes: byte[]) =
    let host = MemoryHostFiles()
    host.Create("image", MemoryContent.Of(ReadOnlySpan bytes)) |> ignore
    tryOpen (openFile host "image")

let private compressedText = "qcow2: compressed clusters are not supported"

/// Both sides read a cluster; where both succeed the bytes are the same. True where they did.
let private sameCluster (ours: Qcow2Image) (image: Image) (outside: Outside) guest count =
    let buffer = Array.create<byte> count 0xa5uy
    let theirs = Contents.read image outside (Image.active image) guest count

    match ours.ReadAsync(int64 guest, Memory buffer) |> wait, theirs with
    | None, Ok bytes ->
        expectSame $"the cluster at {guest}" buffer bytes
        true
    | Some refusal, Ok _ when refusal.Text = compressedText ->
        match Contents.clusterAt image (Image.active image) guest with
        | Ok(Compressed _) -> false
        | other -> failwith $"refused as compressed at {guest}: {other}"
    | Some refusal, Ok _ -> failwith $"refused at {guest}: {refusal.Text}"
    | _, Error _ -> false

/// What the engine has no support for yet, in its words (BLK-OPEN-021).
let private unsupported (options: Options) =
    [
        options.DataFile.IsSome, "external data file"
        options.IsExtended, "extended L2 entries"
    ]
    |> List.filter fst
    |> List.map snd

let private clustersOf (image: Image) =
    let cluster = Header.clusterBytes image.Header
    let size = (Image.active image).SizeBytes

    seq {
        for number in 1UL .. Bytes.unitsFor cluster size do
            let guest = (number - 1UL) * cluster
            guest, int (min cluster (size - guest))
    }

let private readsTheSame (random: Random) =
    let draft = Drafts.draw random
    let written = written draft

    match openBytes written.File, unsupported draft.Options with
    | Error refusal, (_ :: _ as names) ->
        let text = "Unsupported qcow2 feature(s): " + String.concat ", " names
        Expect.equal refusal.Text text "the refusal"
    | Error refusal, [] -> failwith $"{describe draft}: {refusal.Text}"
    | Ok _, _ :: _ -> failwith $"{describe draft}: the engine opened it"
    | Ok ours, [] ->
        let image = image written.File
        ours.Backing <- draft.Backing |> Option.map BytesStorage |> Option.toObj

        let outside = { DataFile = None; Backing = draft.Backing |> Option.map Contents.backingOf }

        Expect.equal (uint64 ours.GuestLengthBytes) (Image.active image).SizeBytes "FMT-QCOW2-021"

        try
            for guest, count in clustersOf image do
                sameCluster ours image outside guest count |> ignore
        with error ->
            failwith $"{describe draft}: {error.Message}"

        ours.Dispose()

/// Damaged images, read only: a refusal of either side is none of the other's business.
let private damagedTheSame (random: Random) =
    let draft = Drafts.draw random
    let original = (Drafts.written draft).File

    for _ in 1..4 do
        let bytes = DamageTests.mutate random original

        match openBytes bytes, Image.read bytes with
        | Ok ours, Ok image when unsupported draft.Options = [] && draft.Backing.IsNone ->
            if uint64 ours.GuestLengthBytes <> (Image.active image).SizeBytes then
                failwith $"{describe draft}: lengths"

            for guest, count in Seq.truncate 300 (clustersOf image) do
                let buffer = Array.create<byte> count 0xa5uy

                let theirs = Contents.read image Contents.alone (Image.active image) guest count

                match ours.ReadAsync(int64 guest, Memory buffer) |> wait, theirs with
                | None, Ok bytes -> expectSame $"{describe draft}: {guest}" buffer bytes
                | _ -> ()

            ours.Dispose()
        | _ -> ()

/// FMT-QCOW2-904: what is cut off is freed and reads as zeroes when the disk grows again.
let private shrinks (random: Random) =
    let _, file = newImage (Qcow2CreationOptions(SizeBytes = 8388608L, ClusterBytes = 4096))
    let ours = openOn file
    let bytes = Array.zeroCreate<byte> 8388608
    random.NextBytes bytes
    write ours 0L bytes
    let size = 512L * random.NextInt64 16384L
    ours.TruncateAsync size |> wait |> orFail "shrink"
    ours.WriteBackAsync() |> wait |> orFail "write back"
    let after = bytesOf file
    Soundness.expectClean "shrunk" after
    let kept = (check (image after)).AllocatedClusters
    Expect.equal kept (Bytes.unitsFor 4096UL (uint64 size)) "clusters"
    ours.TruncateAsync 8388608L |> wait |> orFail "grow"
    ours.WriteBackAsync() |> wait |> orFail "write back"
    Array.fill bytes (int size) (bytes.Length - int size) 0uy
    Soundness.expectDisk (bytesOf file) None bytes

let tests =
    testList "engine" [
        let name = "reads what the reference wrote, or refuses it by name (FMT-QCOW2-108)"
        test name { Seeds.forSeeds name 120 readsTheSame }

        let name = "reads damaged images the same, where both do (FMT-QCOW2-807)"
        test name { Seeds.forSeeds name 120 damagedTheSame }

        let name = "frees what is cut off (FMT-QCOW2-904)"
        test name { Seeds.forSeeds name 5 shrinks }
    ]
