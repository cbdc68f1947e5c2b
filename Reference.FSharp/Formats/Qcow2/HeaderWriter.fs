/// The first cluster of an image to be written, and the table of its snapshots. Requirements:
/// spec/formats/qcow2/header.md, spec/formats/qcow2/snapshots.md.
module internal Ashlar.Reference.Formats.Qcow2.HeaderWriter

open System
open System.Buffers.Binary
open System.Text
open Ashlar.Reference.Formats

let private u16 (value: int) =
    let bytes = Array.zeroCreate<byte> 2
    BinaryPrimitives.WriteUInt16BigEndian(Span bytes, uint16 value)
    bytes

let private u32 (value: uint32) =
    let bytes = Array.zeroCreate<byte> 4
    BinaryPrimitives.WriteUInt32BigEndian(Span bytes, value)
    bytes

/// A number as eight bytes.
let u64 (value: uint64) =
    let bytes = Array.zeroCreate<byte> 8
    BinaryPrimitives.WriteUInt64BigEndian(Span bytes, value)
    bytes

let private padded (bytes: byte[]) =
    let whole = int (Bytes.roundUp 8UL (Bytes.length bytes))
    Array.append bytes (Array.zeroCreate (whole - bytes.Length))

/// FMT-QCOW2-030: one piece of the chain.
let private piece (kind: uint32, data: byte[]) =
    Array.concat [ u32 kind; u32 (uint32 data.Length); padded data ]

/// FMT-QCOW2-034: a row of the feature name table.
let private featureRow (kind: int) (bit: int) (name: string) =
    let row = Array.zeroCreate<byte> 48
    row[0] <- byte kind
    row[1] <- byte bit
    let letters = Encoding.ASCII.GetBytes name
    Array.blit letters 0 row 2 letters.Length
    row

let private pieces (options: Options) : (uint32 * byte[]) list =
    let text (letters: string) = Encoding.UTF8.GetBytes letters

    [
        match options.Backing with
        | Some(_, Some format) -> Extensions.backingFormat, text format
        | _ -> ()
        match options.DataFile with
        | Some(name, _) -> Extensions.dataFile, text name
        | None -> ()
        if options.Version = 3 && Layout.draw options.Seed "feature names" 0 2 = 0 then
            Extensions.featureNames,
            Array.append (featureRow 0 0 "dirty bit") (featureRow 1 0 "lazy refcounts")
        yield! options.UnknownExtensions
    ]
    |> Layout.shuffle options.Seed "extensions"

let private incompatible (options: Options) =
    [
        options.DataFile.IsSome, Header.externalData
        options.Compression <> Zlib, Header.compressionType
        options.IsExtended, Header.extendedL2
    ]
    |> List.sumBy (fun (isSet, bit) -> if isSet then bit else 0UL)

let private autoclear (options: Options) =
    match options.DataFile with
    | Some(_, true) -> Header.rawExternalData
    | _ -> 0UL

/// FMT-QCOW2-005: lengths that a version 3 header may have.
let private headerBytes (options: Options) =
    if options.Version = 2 then
        72
    elif options.Compression <> Zlib then
        112 + 8 * Layout.draw options.Seed "header length" 0 2
    else
        104 + 8 * Layout.draw options.Seed "header length" 0 3

/// The first cluster, given where the tables are. A seed decides whether the chain has an end mark
/// where it can do without one.
let header (options: Options) l1Offset (l1Entries: int) tableOffset tableClusters snapshotsOffset =
    let size = headerBytes options
    let chain = pieces options |> List.map piece |> Array.concat
    let name = options.Backing |> Option.map (fst >> Encoding.UTF8.GetBytes)
    let needsEnd = name.IsNone || Layout.draw options.Seed "end mark" 0 2 = 0

    let chain =
        if needsEnd then
            Array.append chain (piece (0u, [||]))
        else
            chain

    let nameOffset = if name.IsSome then uint64 (size + chain.Length) else 0UL
    let name = Option.defaultValue [||] name

    let fixedPart =
        Array.concat [
            u32 Header.magic
            u32 (uint32 options.Version)
            u64 nameOffset
            u32 (uint32 name.Length)
            u32 (uint32 options.ClusterBits)
            u64 options.SizeBytes
            u32 0u
            u32 (uint32 l1Entries)
            u64 l1Offset
            u64 tableOffset
            u32 (uint32 tableClusters)
            u32 (uint32 options.Snapshots.Length)
            u64 snapshotsOffset
            u64 (incompatible options)
            u64 (if options.LazyRefcounts then Header.lazyRefcounts else 0UL)
            u64 (autoclear options)
            u32 (uint32 options.RefcountOrder)
            u32 (uint32 size)
            [| (if options.Compression = Zlib then 0uy else 1uy) |]
            Array.zeroCreate 32
        ]

    Array.concat [ fixedPart[.. size - 1]; chain; name ]

/// FMT-QCOW2-501, FMT-QCOW2-502: the table of snapshots, given where their first-level tables are.
let snapshotTable (options: Options) (tables: (uint64 * int) list) : byte[] =
    List.zip options.Snapshots tables
    |> List.mapi (fun index (snapshot, (l1Offset, l1Entries)) ->
        let id = Encoding.UTF8.GetBytes snapshot.Id
        let name = Encoding.UTF8.GetBytes snapshot.Name
        let extraBytes = 16 + 8 * Layout.draw options.Seed "extra data" index 3
        let extra = Array.concat [ u64 0UL; u64 snapshot.SizeBytes; u64 UInt64.MaxValue; u64 7UL ]

        padded (
            Array.concat [
                u64 l1Offset
                u32 (uint32 l1Entries)
                u16 id.Length
                u16 name.Length
                u32 1500000000u
                u32 0u
                u64 0UL
                u32 0u
                u32 (uint32 extraBytes)
                extra[.. extraBytes - 1]
                id
                name
            ]
        ))
    |> Array.concat
