/// Fields of the header and of its extensions, each with a wrong value: the refusal names the
/// requirement, the field and its place. Requirements: spec/formats/qcow2/header.md.
module internal Ashlar.Conformance.Tests.Formats.FieldTests

open System
open System.Buffers.Binary
open System.Text
open Expecto
open Ashlar.Reference.Formats
open Ashlar.Reference.Formats.Qcow2
open Ashlar.Conformance.Tests.Formats.Drafts

let put32 (offset: int) (value: uint32) (bytes: byte[]) =
    BinaryPrimitives.WriteUInt32BigEndian(Span(bytes, offset, 4), value)

let put64 (offset: int) (value: uint64) (bytes: byte[]) =
    BinaryPrimitives.WriteUInt64BigEndian(Span(bytes, offset, 8), value)

/// Options of a small image, for tests that change one thing.
let plain: Options = {
    Version = 3
    ClusterBits = 16
    RefcountOrder = 4
    SizeBytes = 1048576UL
    IsExtended = false
    Compression = Zlib
    Backing = None
    DataFile = None
    LazyRefcounts = false
    Snapshots = []
    UnknownExtensions = []
    Seed = 1UL
}

let writtenAs (options: Options) (cells: Cells) =
    (Drafts.written { Options = options; Cells = cells; Backing = None }).File

/// A chain of extensions right behind the header's fields.
let private chain (pieces: (uint32 * byte[]) list) (bytes: byte[]) =
    let mutable at = int (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(bytes, 100, 4)))

    for kind, data in pieces @ [ 0u, [||] ] do
        put32 at kind bytes
        put32 (at + 4) (uint32 data.Length) bytes
        data.CopyTo(bytes, at + 8)
        at <- at + 8 + (data.Length + 7) / 8 * 8

let private refusalOf (edit: byte[] -> unit) =
    let bytes = writtenAs plain Map.empty
    edit bytes
    Image.read bytes

let private refuses requirement field (offset: int) edit (number: int) =
    test $"{number}: {requirement}, {field} at {offset}" {
        match refusalOf edit with
        | Ok _ -> failtest "read"
        | Error fault ->
            Expect.equal (fault.Requirement, fault.Field) (requirement, field) fault.Reason

            if offset >= 0 then
                Expect.equal fault.Offset (uint64 offset) "offset"
    }

let private reads requirement edit (look: Image -> unit) (number: int) =
    test $"{number}: {requirement} is read" {
        match refusalOf edit with
        | Ok image -> look image
        | Error fault -> failtest (Fault.text fault)
    }

let private cluster = 65536UL

let private nameRow =
    Array.append [| 0uy; 9uy |] (Array.append "time travel"B (Array.zeroCreate 35))

let private fields = [
    refuses "FMT-QCOW2-001" "magic" 0 (put32 0 0x514649fcu)
    refuses "FMT-QCOW2-003" "version" 4 (put32 4 4u)
    refuses "FMT-QCOW2-004" "cluster_bits" 20 (put32 20 8u)
    refuses "FMT-QCOW2-004" "cluster_bits" 20 (put32 20 22u)
    refuses "FMT-QCOW2-005" "header_length" 100 (put32 100 103u)
    refuses "FMT-QCOW2-005" "header_length" 100 (put32 100 108u)
    refuses "FMT-QCOW2-006" "header_length" 100 (put32 100 65544u)
    refuses "FMT-QCOW2-007" "incompatible_features" 72 (put64 72 32UL)
    refuses "FMT-QCOW2-008" "compression_type" 104 (put64 72 8UL)
    refuses "FMT-QCOW2-008" "compression_type" 104 (fun bytes ->
        put32 100 112u bytes
        bytes[104] <- 1uy)
    refuses "FMT-QCOW2-008" "compression_type" 104 (fun bytes ->
        put32 100 112u bytes
        bytes[104] <- 2uy)
    refuses "FMT-QCOW2-009" "refcount_order" 96 (put32 96 7u)
    refuses "FMT-QCOW2-010" "crypt_method" 32 (put32 32 3u)
    refuses "FMT-QCOW2-011" "backing_file_offset" 8 (put64 8 (cluster + 1UL))
    refuses "FMT-QCOW2-011" "backing_file_offset" 8 (put64 8 40UL)
    refuses "FMT-QCOW2-011" "backing_file_size" 16 (fun bytes ->
        put64 8 4096UL bytes
        put32 16 1024u bytes)
    refuses "FMT-QCOW2-011" "backing_file_size" 16 (fun bytes ->
        put64 8 (cluster - 1UL) bytes
        put32 16 2u bytes)
    refuses "FMT-QCOW2-012" "refcount_table_clusters" 56 (put32 56 0u)
    refuses "FMT-QCOW2-012" "refcount_table_offset" 48 (put32 56 129u)
    refuses "FMT-QCOW2-012" "refcount_table_offset" 48 (put64 48 512UL)
    refuses "FMT-QCOW2-012" "refcount_table_offset" 48 (put64 48 0xffffffffffff0000UL)
    refuses "FMT-QCOW2-013" "l1_table_offset" 40 (put64 40 1UL)
    refuses "FMT-QCOW2-013" "l1_table_offset" 40 (put32 36 4194305u)
    refuses "FMT-QCOW2-013" "l1_size" 36 (put64 24 (1UL <<< 40))
    refuses "FMT-QCOW2-013" "l1_size" 36 (put64 24 UInt64.MaxValue)
    refuses "FMT-QCOW2-014" "snapshots_offset" 64 (put64 64 1UL)
    refuses "FMT-QCOW2-014" "snapshots_offset" 64 (put32 60 65537u)
    refuses "FMT-QCOW2-151" "cluster_bits" 20 (fun bytes ->
        put64 72 16UL bytes
        put32 20 13u bytes)
    refuses "FMT-QCOW2-406" "autoclear_features" 88 (put64 88 2UL)
    refuses "FMT-QCOW2-602" "autoclear_features" 88 (fun bytes ->
        chain [] bytes
        put64 88 1UL bytes)

    reads "FMT-QCOW2-018" (put64 80 (1UL <<< 40)) ignore
    reads "FMT-QCOW2-019" (put64 88 (1UL <<< 40)) ignore
    reads "FMT-QCOW2-020" (put64 72 2UL) ignore
    reads "FMT-QCOW2-311" (put64 72 1UL) ignore
    reads "FMT-QCOW2-021" (put64 24 1048575UL) (fun image ->
        Expect.equal (Image.active image).SizeBytes 1048064UL "whole sectors")
    reads "FMT-QCOW2-701" (put32 32 1u) (fun image ->
        Expect.equal image.Header.Encryption Aes "method")
]

let private extensions = [
    refuses "FMT-QCOW2-031" "extension length" -1 (fun bytes ->
        chain [ 0x12345678u, [| 1uy |] ] bytes
        let at = int (BinaryPrimitives.ReadUInt32BigEndian(ReadOnlySpan(bytes, 100, 4)))
        put32 (at + 4) 0xfffffff0u bytes)
    refuses "FMT-QCOW2-033" "backing format" -1 (chain [ 0xe2792acau, "a format of 16 b"B ])
    refuses "FMT-QCOW2-035" "extension type" -1 (chain [ 0xe2792acau, "raw"B; 0xe2792acau, "raw"B ])
    refuses "FMT-QCOW2-702" "extension type" -1 (chain [ 0x0537be77u, Array.zeroCreate 16 ])
    refuses "FMT-QCOW2-702" "crypt_method" 32 (fun bytes ->
        chain [] bytes
        put32 32 2u bytes)
    refuses "FMT-QCOW2-601" "nb_bitmaps" -1 (fun bytes ->
        chain [ 0x23852875u, Array.zeroCreate 24 ] bytes
        put64 88 1UL bytes)
    refuses "FMT-QCOW2-601" "bitmaps extension" -1 (fun bytes ->
        chain [ 0x23852875u, Array.zeroCreate 16 ] bytes
        put64 88 1UL bytes)

    reads "FMT-QCOW2-034" (chain [ 0x6803f857u, nameRow ]) (fun image ->
        let expected = [ { Kind = 0; Bit = 9; Name = "time travel" } ]
        Expect.equal image.Extensions.FeatureNames expected "names")
    reads "FMT-QCOW2-032" (chain [ 0x12345678u, "abc"B; 0x12345678u, [||] ]) (fun image ->
        let found =
            image.Extensions.Unknown |> List.map (fun one -> Encoding.ASCII.GetString one.Data)

        Expect.equal found [ "abc"; "" ] "kept, also twice")
    reads "FMT-QCOW2-602" (chain [ 0x23852875u, [| 1uy |] ]) (fun image ->
        Expect.isNone image.Extensions.Bitmaps "nobody vouches for it")
]

let private short =
    test "FMT-QCOW2-002: the file ends inside the header" {
        for length in [ 8; 71; 103 ] do
            match writtenAs plain Map.empty |> Array.truncate length |> Image.read with
            | Ok _ -> failtest "read"
            | Error fault -> Expect.equal fault.Requirement "FMT-QCOW2-002" fault.Reason
    }

let private numbered (makers: (int -> Test) list) =
    makers |> List.mapi (fun number make -> make number)

let tests =
    testList "fields" [
        testList "of the header" (short :: numbered fields)
        testList "of extensions" (numbered extensions)
    ]
