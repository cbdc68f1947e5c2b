/// An empty qcow2 image, byte for byte, written by the bench and not by what it checks.
/// Version 3, 16-bit refcounts: header, refcount table, refcount block, L1 table, and what the
/// image's feature needs.
module Ashlar.Conformance.Qcow2Image

open System
open System.Buffers.Binary
open System.IO
open System.IO.Compression
open System.Text
open Ashlar.Reference.Block

/// The pieces of an image that are not zero, and the file's length.
type Image = { Pieces: (int64 * byte[]) list; LengthBytes: int64 }

let private big32 (bytes: byte[]) (offset: int) (value: int64) =
    BinaryPrimitives.WriteUInt32BigEndian(Span(bytes, offset, 4), uint32 value)

let private big64 (bytes: byte[]) (offset: int) (value: int64) =
    BinaryPrimitives.WriteInt64BigEndian(Span(bytes, offset, 8), value)

/// The header's length as of version 3 with the compression type and its padding.
let private headerLength = 112

let private backingFormatExtension = 0xE2792ACAL

/// The header's marks of a feature: where which number stands.
let private mark (bytes: byte[]) (feature: ImageFeature) (firstFreeByte: int64) =
    let incompatible bit = big64 bytes 72 (1L <<< bit)

    match feature with
    | ImageFeature.Dirty -> incompatible 0
    | ImageFeature.Corrupt -> incompatible 1
    | ImageFeature.ExternalData -> incompatible 2
    | ImageFeature.ExtendedL2 -> incompatible 4
    | ImageFeature.Unknown -> incompatible 17
    | ImageFeature.Bitmaps -> big64 bytes 88 1L
    | ImageFeature.Encryption -> big32 bytes 32 1L
    | ImageFeature.Snapshots ->
        big32 bytes 60 1L
        big64 bytes 64 firstFreeByte
    | ImageFeature.Compressed -> ()

/// A snapshot table of one snapshot, "1", of a guest of that size, without clusters of its own.
let private snapshotTable (sizeBytes: int64) =
    let bytes = Array.zeroCreate<byte> 512
    bytes[13] <- 1uy
    big32 bytes 36 16L
    big64 bytes 48 sizeBytes
    bytes[56] <- byte '1'
    bytes

/// A cluster of zeroes as deflate makes it.
let private deflatedZeroes (cluster: int64) =
    use target = new MemoryStream()

    do
        use deflate = new DeflateStream(target, CompressionLevel.Optimal)
        deflate.Write(ReadOnlySpan(Array.zeroCreate<byte>(int cluster)))

    target.ToArray()

/// What stands in the clusters behind the L1 table, by cluster, and the L1 table's first entry.
let private extras (header: Qcow2Header) sizeBytes (firstFreeByte: int64) : byte[] list * int64 =
    match header.Feature with
    | Some ImageFeature.Snapshots -> [ snapshotTable sizeBytes ], 0L
    | Some ImageFeature.Compressed ->
        let cluster = 1L <<< header.ClusterBits
        let table = Array.zeroCreate<byte> 8
        big64 table 0 ((1L <<< 62) ||| (firstFreeByte + cluster))
        [ table; deflatedZeroes cluster ], (1L <<< 63) ||| firstFreeByte
    | _ -> [], 0L

let private headerBytes (header: Qcow2Header) (sizeBytes: int64) (l1Entries: int64) firstFreeByte =
    let cluster = 1L <<< header.ClusterBits
    let bytes = Array.zeroCreate<byte>(int cluster)
    "QFI"B.CopyTo(bytes, 0)
    bytes[3] <- 0xFBuy
    big32 bytes 4 3L
    big32 bytes 20 (int64 header.ClusterBits)
    big64 bytes 24 sizeBytes
    big32 bytes 36 l1Entries
    big64 bytes 40 (3L * cluster)
    big64 bytes 48 cluster
    big32 bytes 56 1L
    big32 bytes 96 4L
    big32 bytes 100 (int64 headerLength)
    header.Feature |> Option.iter (fun feature -> mark bytes feature firstFreeByte)
    let mutable at = headerLength

    match header.BackingFormat with
    | Some format ->
        let name = Encoding.UTF8.GetBytes format
        big32 bytes at backingFormatExtension
        big32 bytes (at + 4) (int64 name.Length)
        name.CopyTo(bytes, at + 8)
        at <- at + 8 + (name.Length + 7) / 8 * 8
    | None -> ()

    at <- at + 8

    match header.BackingFile with
    | Some file ->
        let name = Encoding.UTF8.GetBytes file
        name.CopyTo(bytes, at)
        big64 bytes 8 (int64 at)
        big32 bytes 16 (int64 name.Length)
    | None -> ()

    // Clusters of zeroes need not be written: only the used part is a piece.
    Array.sub bytes 0 (min bytes.Length ((at + 1_024 + 511) / 512 * 512))

/// The image of a header and a guest size.
let make (header: Qcow2Header) (sizeBytes: int64) : Image =
    let cluster = 1L <<< header.ClusterBits
    let l2Bytes = cluster * (cluster / 8L)
    let l1Entries = max 1L ((sizeBytes + l2Bytes - 1L) / l2Bytes)
    let l1Clusters = (l1Entries * 8L + cluster - 1L) / cluster
    let firstFreeByte = (3L + l1Clusters) * cluster
    let more, firstEntry = extras header sizeBytes firstFreeByte
    let used = 3L + l1Clusters + int64 more.Length

    if used > cluster / 2L then
        invalidArg "sizeBytes" "an empty image of this size needs more than one refcount block"

    let table = Array.zeroCreate<byte> 8
    big64 table 0 (2L * cluster)
    let block = Array.zeroCreate<byte>(int used * 2)

    for i in 0 .. int used - 1 do
        block[2 * i + 1] <- 1uy

    let l1 = Array.zeroCreate<byte> 8
    big64 l1 0 firstEntry

    {
        Pieces = [
            0L, headerBytes header sizeBytes l1Entries firstFreeByte
            cluster, table
            2L * cluster, block
            3L * cluster, l1
            for i, bytes in List.indexed more do
                firstFreeByte + int64 i * cluster, bytes
        ]
        LengthBytes = used * cluster
    }
