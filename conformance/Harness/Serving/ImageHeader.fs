/// The header of a qcow2 image as the oracle wants it, read from the first bytes of a file. Written
/// apart from the engine that it helps to check.
module Ashlar.Conformance.ImageHeader

open System
open System.Buffers.Binary
open System.Text
open Ashlar.Reference.Block

/// Header, extensions and the name of the backing file lie in the first cluster, which is at most
/// of 2 MiB; images whose extensions fill more than this are nobody's.
let bytesMax = 64 * 1024

let private big32 (bytes: byte[]) (at: int) : uint32 =
    BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(bytes, at, 4))

let private big64 (bytes: byte[]) (at: int) : uint64 =
    BinaryPrimitives.ReadUInt64BigEndian(ReadOnlySpan(bytes, at, 8))

let private magic = 0x514649FBu
let private backingFormat = 0xE2792ACAu

/// The longest name of a backing file that QEMU takes.
let private nameBytesMax = 1023UL

/// What a header says.
type Found = {
    Header: Qcow2Header
    /// Of the guest's disk.
    SizeBytes: int64
    Version: int
    /// The incompatible, compatible and autoclear bits; none of version 2.
    Bits: struct (uint64 * uint64 * uint64)
    /// The name of the data file, where it says one.
    DataFile: string option
}

let private dataFile = 0x44415441u

/// Extensions by type, up to the end mark.
let rec private extensions (bytes: byte[]) (at: int) (stop: int) : (uint32 * string) list =
    if at + 8 > stop then
        []
    else
        match big32 bytes at, int64 (big32 bytes (at + 4)) with
        | 0u, _ -> []
        | kind, length when int64 at + 8L + length <= int64 stop ->
            let text = Encoding.UTF8.GetString(bytes, at + 8, int length)
            (kind, text) :: extensions bytes (at + 8 + (int length + 7) / 8 * 8) stop
        | _ -> []

/// The feature that stands most in the way: the model has one for an image. Those that refuse an
/// image come before those that refuse to write to it (BLK-OPEN-021).
let private feature (bytes: byte[]) (struct (incompatible, _, autoclear)) : ImageFeature option =
    let bit number = incompatible >>> number &&& 1UL = 1UL
    let known = 0b11111UL

    [
        incompatible &&& ~~~known <> 0UL, ImageFeature.Unknown
        bit 2, ImageFeature.ExternalData
        bit 4, ImageFeature.ExtendedL2
        big32 bytes 32 <> 0u, ImageFeature.Encryption
        bit 1, ImageFeature.Corrupt
        bit 0, ImageFeature.Dirty
        big32 bytes 60 <> 0u, ImageFeature.Snapshots
        autoclear &&& 1UL = 1UL, ImageFeature.Bitmaps
    ]
    |> List.tryFind fst
    |> Option.map snd

let private understood (bytes: byte[]) (version: int) : Found option =
    let clusterBits = big32 bytes 20
    let headerLength = if version = 2 then 72u else big32 bytes 100
    let nameAt, nameLength = big64 bytes 8, uint64 (big32 bytes 16)
    let size = big64 bytes 24
    let stop = min (uint64 bytes.Length) (1UL <<< int (min clusterBits 21u))

    let isSound =
        clusterBits >= 9u
        && clusterBits <= 21u
        && uint64 headerLength <= stop
        && (version = 2 || headerLength >= 104u)
        && size <= uint64 Int64.MaxValue
        && (nameAt = 0UL
            || (nameLength <= nameBytesMax && nameAt <= stop && nameAt + nameLength <= stop))

    if not isSound then
        None
    else
        let bits =
            if version = 2 then
                struct (0UL, 0UL, 0UL)
            else
                struct (big64 bytes 72, big64 bytes 80, big64 bytes 88)

        let extensionsStop = if nameAt = 0UL then int stop else int nameAt
        let found = extensions bytes (int headerLength) extensionsStop

        let extension kind = found |> List.tryFind (fst >> (=) kind) |> Option.map snd

        let name =
            if nameAt = 0UL || nameLength = 0UL then
                None
            else
                Some(Encoding.UTF8.GetString(bytes, int nameAt, int nameLength))

        Some {
            Header = {
                BackingFile = name
                BackingFormat = name |> Option.bind (fun _ -> extension backingFormat)
                ClusterBits = int clusterBits
                Feature = feature bytes bits
            }
            SizeBytes = int64 size
            Version = version
            Bits = bits
            DataFile = extension dataFile
        }

/// What the first bytes of a file are.
[<RequireQualifiedAccess>]
type Reading =
    | Image of Found
    /// It begins as an image does and goes on otherwise.
    | Damaged
    | NoImage

/// Reads the first bytes of a file.
let read (bytes: byte[]) : Reading =
    if bytes.Length < 4 || big32 bytes 0 <> magic then
        Reading.NoImage
    elif bytes.Length < 72 then
        Reading.Damaged
    else
        match int (big32 bytes 4) with
        | 2 as version -> understood bytes version |> Option.map Reading.Image
        | 3 as version when bytes.Length >= 104 ->
            understood bytes version |> Option.map Reading.Image
        | _ -> None
        |> Option.defaultValue Reading.Damaged
