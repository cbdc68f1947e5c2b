/// `image check`, `image map` and `image show`: a qcow2 file as the reference of formats sees it.
/// Files are read whole and never written. Requirements: spec/formats/qcow2.
module Ashlar.Conformance.Cli.ImageCommand

open System
open System.CommandLine
open System.IO
open Ashlar.Reference.Formats
open Ashlar.Reference.Formats.Qcow2

/// Lines of one kind that are printed; a damaged image has more than anyone reads.
let private shownMax = 20

/// Extents that are printed.
let private extentsMax = 100_000

let private line (text: string) = Console.WriteLine text

let private some (lines: string list) =
    lines |> List.truncate shownMax |> List.iter line

    if lines.Length > shownMax then
        line $"  ... and {lines.Length - shownMax} more"

/// What is in a file, or the fault for which it is no image.
let private opened (path: string) (act: Image -> int) =
    if FileInfo(path).Length > int64 Array.MaxLength then
        Arguments.misuse $"{path} is larger than the reference holds in memory"

    match Image.read (File.ReadAllBytes path) with
    | Ok image -> act image
    | Error fault ->
        line $"not an image that is understood: {Fault.text fault}"
        1

let private featureNames (features: uint64) (names: (uint64 * string) list) =
    let known = names |> List.sumBy fst
    let said = names |> List.filter (fun (bit, _) -> Header.has bit features) |> List.map snd
    let rest = features &&& ~~~known

    let said =
        if rest = 0UL then
            said
        else
            said @ [ $"unknown 0x{rest:x}" ]

    if said.IsEmpty then "none" else String.concat ", " said

let private show (image: Image) =
    let header = image.Header
    let refcountBits = 1 <<< header.RefcountOrder
    let field (name: string) (value: string) = line $"{name, -22}{value}"
    let text value = Option.defaultValue "none" value
    field "version" (string header.Version)
    field "size" $"{Header.guestBytes header} bytes"
    field "file" $"{Bytes.length image.Bytes} bytes"
    field "cluster size" $"{Header.clusterBytes header} bytes"

    field
        "counts"
        $"{refcountBits} bits, table of {header.RefcountTableClusters} clusters \
          at {header.RefcountTableOffset}"

    field "L1 table" $"{header.L1Entries} entries at {header.L1Offset}"

    field
        "incompatible"
        (featureNames header.Incompatible [
            Header.dirty, "dirty"
            Header.corrupt, "corrupt"
            Header.externalData, "external data file"
            Header.compressionType, "compression type"
            Header.extendedL2, "extended L2 entries"
        ])

    field "compatible" (featureNames header.Compatible [ Header.lazyRefcounts, "lazy refcounts" ])

    field
        "autoclear"
        (featureNames header.Autoclear [
            Header.bitmaps, "bitmaps"
            Header.rawExternalData, "raw external data"
        ])

    field "compression" $"{header.Compression}"
    field "encryption" $"{header.Encryption}"
    field "backing file" (text image.BackingName)
    field "backing format" (text image.Extensions.BackingFormat)
    field "data file" (text image.Extensions.DataFile)

    for name in image.Extensions.FeatureNames do
        field "feature name" $"{name.Kind}.{name.Bit} {name.Name}"

    for piece in image.Extensions.Unknown do
        field "unknown extension" $"0x{piece.Type:x8}, {piece.Data.Length} bytes at {piece.Offset}"

    for snapshot in image.Snapshots do
        field "snapshot" $"{snapshot.Id} {snapshot.Name}, {snapshot.SizeBytes} bytes"

    for bitmap in image.Bitmaps do
        let state = if bitmap.IsInUse then ", in use" else ""
        field "bitmap" $"{bitmap.Name}, a bit for 2^{bitmap.GranularityBits} bytes{state}"

    0

let private status (found: Status) =
    match found with
    | Unallocated -> "unallocated"
    | Zero None -> "zero"
    | Zero(Some place) -> $"zero, kept at {place}"
    | Data place -> $"data at {place}"
    | Packed packed -> $"compressed at {packed.Offset}, at most {packed.Bytes} bytes"

let private map (image: Image) =
    let mutable code = 0

    for extent in Contents.extents image (Image.active image) |> Seq.truncate extentsMax do
        match extent with
        | Ok extent -> line $"{extent.Start, 16} {extent.Length, 16}  {status extent.Status}"
        | Error fault ->
            line $"stopped: {Fault.text fault}"
            code <- 1

    code

let private check (image: Image) =
    match Check.image image with
    | Error fault ->
        line $"not checked: {Fault.text fault}"
        1
    | Ok report ->
        some (report.Corruptions |> List.map (fun fault -> $"corruption  {Fault.text fault}"))
        some (report.Leaks |> List.map (fun fault -> $"leak        {Fault.text fault}"))

        line
            $"{report.Corruptions.Length} corruptions, {report.Leaks.Length} leaks, \
              {report.AllocatedClusters} clusters allocated, {report.CompressedClusters} of them \
              compressed, the last one ends at {report.EndBytes}"

        if report.Corruptions.IsEmpty && report.Leaks.IsEmpty then
            0
        else
            1

let private part (name: string) (meaning: string) (act: Image -> int) =
    let file = Argument<string>("FILE", Description = "a qcow2 image")
    let command = Command(name, meaning)
    command.Arguments.Add file

    command.SetAction(fun parsed ->
        match parsed.GetValue file with
        | null -> Arguments.misuse "which file?"
        | path -> opened path act)

    command

/// The command and what is below it.
let command () =
    let command = Command("image", "Explain a qcow2 image by the reference of formats.")

    [
        part "check" "Count all references anew and tell what is wrong." check
        part "map" "List the extents of the disk." map
        part "show" "Tell the header, the extensions, snapshots and bitmaps." show
    ]
    |> List.iter command.Subcommands.Add

    command
