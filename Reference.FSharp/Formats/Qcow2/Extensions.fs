/// The header extensions: a chain of typed pieces behind the fixed part, and the backing file's
/// name. Requirements: spec/formats/qcow2/header.md, FMT-QCOW2-030 and on.
namespace Ashlar.Reference.Formats.Qcow2

open Ashlar.Reference.Formats

/// A piece of the chain as it stands in the file; Offset is where its type stands.
type Extension = { Type: uint32; Offset: uint64; Data: byte[] }

/// A row of the feature name table: which bitmap (0 incompatible, 1 compatible, 2 autoclear),
/// which bit, and its name (FMT-QCOW2-034).
type FeatureName = { Kind: int; Bit: int; Name: string }

/// Where the bitmap directory is (FMT-QCOW2-601).
type BitmapDirectory = { Count: uint32; Offset: uint64; SizeBytes: uint64 }

/// Where the header of LUKS is (FMT-QCOW2-702).
type EncryptionHeader = { Offset: uint64; SizeBytes: uint64 }

/// Everything that extensions say, and those of unknown types.
type Extensions = {
    BackingFormat: string option
    /// FMT-QCOW2-402.
    DataFile: string option
    FeatureNames: FeatureName list
    Bitmaps: BitmapDirectory option
    Encryption: EncryptionHeader option
    Unknown: Extension list
}

/// Reading the chain.
module Extensions =
    // FMT-QCOW2-032: the types.
    let endOfChain = 0u
    let backingFormat = 0xe2792acau
    let featureNames = 0x6803f857u
    let bitmapDirectory = 0x23852875u
    let encryptionHeader = 0x0537be77u
    let dataFile = 0x44415441u

    let private known =
        set [ backingFormat; featureNames; bitmapDirectory; encryptionHeader; dataFile ]

    let private pieceHeaderBytes = 8UL
    let private featureRowBytes = 48
    let private backingFormatBytesMax = 15
    let private bitmapsMax = 65535u

    /// FMT-QCOW2-030: the pieces up to the end mark, or to where the chain must have ended.
    let private chain (header: Header) (bytes: byte[]) : Result<Extension list, Fault> =
        let till =
            if header.BackingNameOffset <> 0UL then
                header.BackingNameOffset
            else
                Header.clusterBytes header

        let rec walk at soFar =
            if at >= till then
                Ok(List.rev soFar)
            else
                let kind = Bytes.u32 bytes at
                let size = uint64 (Bytes.u32 bytes (at + 4UL))
                let data = at + pieceHeaderBytes

                if data > till || size > till - data then
                    Error(
                        Fault.make
                            "FMT-QCOW2-031"
                            "extension length"
                            (at + 4UL)
                            $"{size} bytes leave the room for extensions"
                    )
                elif kind = endOfChain then
                    Ok(List.rev soFar)
                else
                    let piece = {
                        Type = kind
                        Offset = at
                        Data = Bytes.slice bytes data (int size)
                    }

                    walk (data + Bytes.roundUp 8UL size) (piece :: soFar)

        walk header.HeaderBytes []

    /// FMT-QCOW2-034: rows of 48 bytes; a last one that is not whole says nothing.
    let private featureRows (piece: Extension) = [
        for row in Array.chunkBySize featureRowBytes piece.Data do
            if row.Length = featureRowBytes then
                {
                    Kind = int row[0]
                    Bit = int row[1]
                    Name = (Bytes.text row 2UL (featureRowBytes - 2)).TrimEnd '\000'
                }
    ]

    let private ofLength count requirement field (piece: Extension) =
        piece.Data.Length = count,
        Fault.make requirement field (piece.Offset + 4UL) $"{piece.Data.Length} bytes, not {count}"

    /// FMT-QCOW2-601: where the directory is; only while the autoclear bit vouches for it.
    let private directory (header: Header) (piece: Extension) =
        let found = {
            Count = Bytes.u32 piece.Data 0UL
            SizeBytes = Bytes.u64 piece.Data 8UL
            Offset = Bytes.u64 piece.Data 16UL
        }

        let fault field at = Fault.make "FMT-QCOW2-601" field (piece.Offset + 8UL + at)

        Fault.first [
            ofLength 24 "FMT-QCOW2-601" "bitmaps extension" piece
            Bytes.u32 piece.Data 4UL = 0u, fault "reserved" 4UL "not zero"
            found.Count >= 1u && found.Count <= bitmapsMax,
            fault "nb_bitmaps" 0UL $"{found.Count} is not from 1 to {bitmapsMax}"
            Header.isAligned header found.Offset,
            fault "bitmap_directory_offset" 16UL "not a multiple of the cluster size"
        ]
        |> Result.map (fun () -> Some found)

    /// FMT-QCOW2-701, FMT-QCOW2-702: where the LUKS header is.
    let private luks (header: Header) (piece: Extension) =
        let found: EncryptionHeader = {
            Offset = Bytes.u64 piece.Data 0UL
            SizeBytes = Bytes.u64 piece.Data 8UL
        }

        let fault field at = Fault.make "FMT-QCOW2-702" field (piece.Offset + at)

        Fault.first [
            header.Encryption = Luks, fault "extension type" 0UL "the method of encryption has none"
            ofLength 16 "FMT-QCOW2-702" "encryption extension" piece
            Header.isAligned header found.Offset,
            fault "encryption header offset" 8UL "not a multiple of the cluster size"
        ]
        |> Result.map (fun () -> Some found)

    let private textOf (piece: Extension) = Bytes.text piece.Data 0UL piece.Data.Length

    /// FMT-QCOW2-030 to FMT-QCOW2-035: all of the chain.
    let read (header: Header) (bytes: byte[]) : Result<Extensions, Fault> =
        chain header bytes
        |> Result.bind (fun pieces ->
            let find kind = pieces |> List.tryFind (fun piece -> piece.Type = kind)

            let twice =
                pieces
                |> List.filter (fun piece -> known.Contains piece.Type)
                |> List.groupBy _.Type
                |> List.choose (fun (_, same) -> List.tryItem 1 same)

            let format = find backingFormat

            let alone = [
                for piece in twice do
                    false,
                    Fault.make "FMT-QCOW2-035" "extension type" piece.Offset "a second of its type"
                for piece in Option.toList format do
                    piece.Data.Length <= backingFormatBytesMax,
                    Fault.make
                        "FMT-QCOW2-033"
                        "backing format"
                        (piece.Offset + 4UL)
                        "longer than 15 bytes"
                header.Encryption <> Luks || (find encryptionHeader).IsSome,
                Fault.make "FMT-QCOW2-702" "crypt_method" 32UL "LUKS without its extension"
                not (Header.has Header.bitmaps header.Autoclear) || (find bitmapDirectory).IsSome,
                Fault.make
                    "FMT-QCOW2-602"
                    "autoclear_features"
                    88UL
                    "bit 0 without the bitmaps extension"
            ]

            let given kind (read: Extension -> Result<'a option, Fault>) =
                match find kind with
                | Some piece -> read piece
                | None -> Ok None

            Fault.first alone
            |> Result.bind (fun () -> given encryptionHeader (luks header))
            |> Result.bind (fun encryption ->
                let vouched = Header.has Header.bitmaps header.Autoclear

                given bitmapDirectory (fun piece ->
                    if vouched then directory header piece else Ok None)
                |> Result.map (fun bitmaps -> {
                    BackingFormat = format |> Option.map textOf
                    DataFile = find dataFile |> Option.map textOf
                    FeatureNames =
                        find featureNames |> Option.map featureRows |> Option.defaultValue []
                    Bitmaps = bitmaps
                    Encryption = encryption
                    Unknown =
                        pieces |> List.filter (fun piece -> not (known.Contains piece.Type))
                })))
