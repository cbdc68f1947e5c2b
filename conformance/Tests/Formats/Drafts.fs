/// Random drafts of qcow2 images, with what the guest must read in them: options, cells, snapshots,
/// a backing disk. Said without the format, so that writer and reader can be held against it.
module internal Ashlar.Conformance.Tests.Formats.Drafts

open System
open Ashlar.Reference.Formats
open Ashlar.Reference.Formats.Qcow2

/// A draft, and the raw disk behind it.
type Draft = { Options: Options; Cells: Cells; Backing: byte[] option }

let private pick (random: Random) (items: 'a list) = items[random.Next items.Length]

/// Bytes that compress well, badly or not at all; some are zero.
let private drawBytes (random: Random) (count: int) =
    let bytes = Array.zeroCreate<byte> count

    match random.Next 5 with
    | 0 -> random.NextBytes bytes
    | 1 -> Array.fill bytes 0 count (byte (random.Next 256))
    | 2 -> random.NextBytes(bytes.AsSpan(0, count / 2))
    | 3 ->
        for index in 0 .. count - 1 do
            bytes[index] <- byte (index / 97 * 31)
    | _ -> bytes[random.Next count] <- 1uy

    bytes

let private drawParts (random: Random) = [
    for _ in 1..32 -> pick random [ FromBacking; FromBacking; Zeroes; Stored; Stored ]
]

let private drawCell (random: Random) (options: Options) =
    let bytes () = drawBytes random (1 <<< options.ClusterBits)

    match random.Next 10 with
    | 0
    | 1 when options.Version = 3 -> Empty(random.Next 2 = 0)
    | 2
    | 3
    | 4 when options.DataFile.IsNone -> Squeezed(bytes ())
    | 5
    | 6
    | 7 when options.IsExtended -> Mixed(bytes (), drawParts random)
    | _ -> Whole(bytes ())

/// Clusters in groups, with long stretches of nothing: some second-level tables do not exist.
let private drawCells (random: Random) (options: Options) : Cells =
    let clusters = Bytes.unitsFor (1UL <<< options.ClusterBits) options.SizeBytes
    let most = if options.ClusterBits > 16 then 3 else 24

    Map.ofList [
        for _ in 1 .. random.Next(most + 1) do
            uint64 (random.NextInt64(int64 clusters)), drawCell random options
    ]

/// The cells of a snapshot: those of the disk, some lost and some changed.
let private drawPast (random: Random) (options: Options) (cells: Cells) : Cells =
    let changes = drawCells random options

    if random.Next 3 = 0 then
        cells
    else
        cells
        |> Map.filter (fun _ _ -> random.Next 4 > 0)
        |> Map.fold (fun past index cell -> Map.add index cell past) changes

let private drawBits (random: Random) =
    if random.Next 4 > 0 then
        9 + random.Next 5
    else
        9 + random.Next 13

/// A draft of any legal kind. Names are those of files beside the image.
let draw (random: Random) : Draft =
    let version = if random.Next 4 = 0 then 2 else 3
    let isNew = version = 3
    let isExtended = isNew && random.Next 4 = 0
    let bits = if isExtended then 14 + random.Next 4 else drawBits random
    let cluster = 1L <<< bits
    // Sizes reach over several tables where those are small.
    let most = min (64L * 1024L * 1024L) (cluster * cluster / 8L * 3L)

    let most =
        if bits > 16 then
            cluster * 6L
        else
            min most (cluster * 2000L)

    let size = uint64 (512L * (1L + random.NextInt64(most / 512L)))
    let hasData = isNew && random.Next 6 = 0
    let hasBacking = random.Next 3 = 0
    let order = if isNew && random.Next 2 = 0 then random.Next 7 else 4

    let options = {
        Version = version
        ClusterBits = bits
        RefcountOrder = order
        SizeBytes = size
        IsExtended = isExtended
        Compression = if isNew && random.Next 3 = 0 then Zstd else Zlib
        Backing =
            if hasBacking then
                Some("below.raw", if random.Next 2 = 0 then Some "raw" else None)
            else
                None
        DataFile =
            if hasData then
                Some("data.raw", not hasBacking && random.Next 2 = 0)
            else
                None
        LazyRefcounts = isNew && random.Next 4 = 0
        Snapshots = []
        UnknownExtensions =
            if random.Next 3 = 0 then
                [ 0x41534854u, drawBytes random (1 + random.Next 40) ]
            else
                []
        Seed = uint64 (random.NextInt64())
    }

    let cells = drawCells random options

    let snapshots = [
        if not hasData && random.Next 3 = 0 then
            for number in 1 .. 1 + random.Next 2 do
                {
                    Id = string number
                    Name = $"state {number}"
                    SizeBytes = size
                    Cells = drawPast random options cells
                }
    ]

    {
        Options = { options with Snapshots = snapshots }
        Cells = cells
        Backing =
            if hasBacking then
                Some(drawBytes random (512 * (1 + random.Next(int (min size 4000000UL) / 512))))
            else
                None
    }

/// What the guest reads of these cells over the draft's backing.
let disk (draft: Draft) (cells: Cells) : byte[] =
    let size = int draft.Options.SizeBytes
    let cluster = 1 <<< draft.Options.ClusterBits
    let bytes = Array.zeroCreate<byte> size

    match draft.Backing with
    | Some backing -> Array.blit backing 0 bytes 0 (min size backing.Length)
    | None -> ()

    for KeyValue(index, cell) in cells do
        let start = int index * cluster

        let put (from: int) (source: byte[]) =
            let count = min source.Length (size - start - from)

            if count > 0 then
                Array.blit source 0 bytes (start + from) count

        match cell with
        | Whole data
        | Squeezed data -> put 0 data
        | Empty _ -> put 0 (Array.zeroCreate cluster)
        | Mixed(data, parts) ->
            let partBytes = cluster / 32

            for number, part in List.indexed parts do
                let from = number * partBytes

                match part with
                | Stored -> put from data[from .. from + partBytes - 1]
                | Zeroes -> put from (Array.zeroCreate partBytes)
                | FromBacking -> ()

    bytes

/// One line about a draft, for a failure.
let describe (draft: Draft) =
    let options = draft.Options

    $"version {options.Version}, 2^{options.ClusterBits}, counts 2^{options.RefcountOrder}, "
    + $"size {options.SizeBytes}, extended {options.IsExtended}, {options.Compression}, "
    + $"data {options.DataFile}, backing {draft.Backing |> Option.map _.Length}, "
    + $"{draft.Cells.Count} cells, {options.Snapshots.Length} snapshots"

/// The bytes of a draft, which must be legal.
let written (draft: Draft) : Written =
    match Writer.write draft.Options draft.Cells with
    | Ok written -> written
    | Error fault -> failwith (Fault.text fault)

/// The image in these bytes, which must be one.
let image (bytes: byte[]) : Image =
    match Image.read bytes with
    | Ok image -> image
    | Error fault -> failwith (Fault.text fault)

/// All that a view shows.
let readAll (image: Image) (outside: Outside) (view: View) : byte[] =
    match Contents.read image outside view 0UL (int view.SizeBytes) with
    | Ok bytes -> bytes
    | Error fault -> failwith (Fault.text fault)

/// Fails at the first difference.
let expectSame (what: string) (found: byte[]) (expected: byte[]) =
    let at = found.AsSpan().CommonPrefixLength(expected.AsSpan())

    if at < max found.Length expected.Length then
        failwith $"{what}: lengths {found.Length} and {expected.Length}, byte {at} differs"

/// The report of a check that is made.
let check (image: Image) : Report =
    match Check.image image with
    | Ok report -> report
    | Error fault -> failwith (Fault.text fault)

/// Fails where a check finds anything.
let expectClean (what: string) (report: Report) =
    let found = report.Corruptions @ report.Leaks

    if not found.IsEmpty then
        let lines = found |> List.truncate 5 |> List.map Fault.text |> String.concat "\n"
        failwith $"{what}: {found.Length} faults\n{lines}"
