/// The fixed part of a qcow2 header and what follows from its numbers alone. Not here: what the
/// header points to. Requirements: spec/formats/qcow2/header.md.
namespace Ashlar.Reference.Formats.Qcow2

open Ashlar.Reference.Formats

/// How compressed clusters are compressed (FMT-QCOW2-008).
type Compression =
    | Zlib
    | Zstd

/// How guest data is encrypted (FMT-QCOW2-010).
type Encryption =
    | Plain
    | Aes
    | Luks

/// The header's fields. Counts and offsets are wide, so that no sum of them overflows unseen.
type Header = {
    Version: int
    BackingNameOffset: uint64
    BackingNameBytes: uint32
    ClusterBits: int
    SizeBytes: uint64
    Encryption: Encryption
    L1Entries: uint64
    L1Offset: uint64
    RefcountTableOffset: uint64
    RefcountTableClusters: uint64
    SnapshotCount: uint64
    SnapshotsOffset: uint64
    Incompatible: uint64
    Compatible: uint64
    Autoclear: uint64
    RefcountOrder: int
    HeaderBytes: uint64
    Compression: Compression
}

/// Reading the fixed part.
module Header =
    /// The first four bytes of every image (FMT-QCOW2-001).
    let magic = 0x514649fbu

    // Incompatible features (FMT-QCOW2-007).
    let dirty = 1UL
    let corrupt = 2UL
    let externalData = 4UL
    let compressionType = 8UL
    let extendedL2 = 16UL
    let private knownIncompatible = 31UL

    /// The one compatible feature: counts may lag behind (FMT-QCOW2-311). Others are ignored
    /// (FMT-QCOW2-018).
    let lazyRefcounts = 1UL

    // Autoclear features (FMT-QCOW2-019).
    let bitmaps = 1UL
    let rawExternalData = 2UL

    let private version2Bytes = 72UL
    let private version3Bytes = 104UL
    let private compressionOffset = 104UL

    // Bounds of implementations in use (FMT-QCOW2-012, -013, -014): larger tables open nowhere.
    let private refcountTableBytesMax = 8UL * 1024UL * 1024UL
    let l1EntriesMax = 4UL * 1024UL * 1024UL
    let private snapshotsMax = 65536UL
    let private backingNameBytesMax = 1023u
    let private offsetMax = uint64 System.Int64.MaxValue

    let clusterBytes (header: Header) = 1UL <<< header.ClusterBits
    let has (bit: uint64) (features: uint64) = features &&& bit <> 0UL
    let hasExtendedL2 (header: Header) = has extendedL2 header.Incompatible
    let hasDataFile (header: Header) = has externalData header.Incompatible
    let isAligned (header: Header) (offset: uint64) = offset &&& (clusterBytes header - 1UL) = 0UL

    /// Bytes of an entry of a second-level table (FMT-QCOW2-151).
    let l2EntryBytes (header: Header) = if hasExtendedL2 header then 16UL else 8UL

    /// Entries of a second-level table, which is one cluster.
    let l2Entries (header: Header) = clusterBytes header / l2EntryBytes header

    /// Guest bytes under one entry of the first-level table.
    let l1EntrySpan (header: Header) = clusterBytes header * l2Entries header

    /// FMT-QCOW2-021: the guest sees whole sectors.
    let guestBytes (header: Header) = header.SizeBytes &&& ~~~511UL

    let private table header requirement field offset place entries entryBytes bytesMax = [
        entries * entryBytes <= bytesMax,
        Fault.make
            requirement
            field
            offset
            $"{entries} entries are more than fit in {bytesMax} bytes"
        isAligned header place,
        Fault.make requirement field offset $"0x{place:x} is not a multiple of the cluster size"
        place <= offsetMax - entries * entryBytes,
        Fault.make requirement field offset $"0x{place:x} is beyond what a file can hold"
    ]

    /// FMT-QCOW2-006 to FMT-QCOW2-014: what the fields must say of each other.
    let private relations (header: Header) =
        let fault = Fault.make
        let cluster = clusterBytes header
        let name = header.BackingNameOffset
        let hasName = name <> 0UL

        [
            header.HeaderBytes <= cluster,
            fault "FMT-QCOW2-006" "header_length" 100UL "the header is longer than a cluster"
            header.Incompatible &&& ~~~knownIncompatible = 0UL,
            fault
                "FMT-QCOW2-007"
                "incompatible_features"
                72UL
                $"unknown bits 0x{header.Incompatible &&& ~~~knownIncompatible:x}"
            has compressionType header.Incompatible = (header.Compression <> Zlib),
            fault "FMT-QCOW2-008" "compression_type" 104UL "bit 3 of the features says otherwise"
            not (hasExtendedL2 header) || header.ClusterBits >= 14,
            fault "FMT-QCOW2-151" "cluster_bits" 20UL "too small for extended L2 entries"
            not hasName || name <= cluster,
            fault "FMT-QCOW2-011" "backing_file_offset" 8UL "beyond the first cluster"
            not hasName || header.BackingNameBytes <= backingNameBytesMax,
            fault "FMT-QCOW2-011" "backing_file_size" 16UL "longer than 1023 bytes"
            not hasName || name + uint64 header.BackingNameBytes <= cluster,
            fault "FMT-QCOW2-011" "backing_file_size" 16UL "the name leaves the first cluster"
            not hasName || name >= header.HeaderBytes,
            fault "FMT-QCOW2-011" "backing_file_offset" 8UL "inside the header"
            not (has rawExternalData header.Autoclear) || hasDataFile header,
            fault "FMT-QCOW2-406" "autoclear_features" 88UL "raw external data without a data file"
            header.RefcountTableClusters > 0UL,
            fault "FMT-QCOW2-012" "refcount_table_clusters" 56UL "there is no refcount table"
            yield!
                table
                    header
                    "FMT-QCOW2-012"
                    "refcount_table_offset"
                    48UL
                    header.RefcountTableOffset
                    header.RefcountTableClusters
                    cluster
                    refcountTableBytesMax
            yield!
                table
                    header
                    "FMT-QCOW2-014"
                    "snapshots_offset"
                    64UL
                    header.SnapshotsOffset
                    header.SnapshotCount
                    40UL
                    (40UL * snapshotsMax)
            yield!
                table
                    header
                    "FMT-QCOW2-013"
                    "l1_table_offset"
                    40UL
                    header.L1Offset
                    header.L1Entries
                    8UL
                    (8UL * l1EntriesMax)
            Bytes.unitsFor (l1EntrySpan header) header.SizeBytes <= header.L1Entries,
            fault "FMT-QCOW2-013" "l1_size" 36UL "the table does not cover the guest's disk"
        ]

    let private fields (bytes: byte[]) compression encryption : Header =
        let u32 offset = Bytes.u32 bytes offset
        let u64 offset = Bytes.u64 bytes offset
        let isVersion3 = u32 4UL = 3u
        let since3 value otherwise = if isVersion3 then value else otherwise

        {
            Version = int (u32 4UL)
            BackingNameOffset = u64 8UL
            BackingNameBytes = u32 16UL
            ClusterBits = int (u32 20UL)
            SizeBytes = u64 24UL
            Encryption = encryption
            L1Entries = uint64 (u32 36UL)
            L1Offset = u64 40UL
            RefcountTableOffset = u64 48UL
            RefcountTableClusters = uint64 (u32 56UL)
            SnapshotCount = uint64 (u32 60UL)
            SnapshotsOffset = u64 64UL
            Incompatible = since3 (u64 72UL) 0UL
            Compatible = since3 (u64 80UL) 0UL
            Autoclear = since3 (u64 88UL) 0UL
            RefcountOrder = int (since3 (u32 96UL) 4u)
            HeaderBytes = since3 (uint64 (u32 100UL)) version2Bytes
            Compression = compression
        }

    /// FMT-QCOW2-001 to FMT-QCOW2-021: the header, or the first fault in the order of the page.
    let read (bytes: byte[]) : Result<Header, Fault> =
        let fault = Fault.make
        let u32 offset = Bytes.u32 bytes offset
        let version, clusterBits, order = u32 4UL, u32 20UL, u32 96UL
        let isVersion3 = version = 3u
        let headerBytes = if isVersion3 then uint64 (u32 100UL) else version2Bytes

        let compressionType =
            if headerBytes > compressionOffset then
                int (Bytes.slice bytes compressionOffset 1).[0]
            else
                0

        let alone = [
            u32 0UL = magic, fault "FMT-QCOW2-001" "magic" 0UL "not the sign of qcow2"
            version = 2u || isVersion3,
            fault "FMT-QCOW2-003" "version" 4UL $"{version} is neither 2 nor 3"
            Bytes.length bytes >= (if isVersion3 then version3Bytes else version2Bytes),
            fault "FMT-QCOW2-002" "header" (Bytes.length bytes) "the file ends inside the header"
            clusterBits >= 9u && clusterBits <= 21u,
            fault "FMT-QCOW2-004" "cluster_bits" 20UL $"{clusterBits} is not from 9 to 21"
            headerBytes >= version3Bytes || not isVersion3,
            fault "FMT-QCOW2-005" "header_length" 100UL $"{headerBytes} is less than 104"
            headerBytes % 8UL = 0UL,
            fault "FMT-QCOW2-005" "header_length" 100UL $"{headerBytes} is no multiple of 8"
            compressionType <= 1,
            fault "FMT-QCOW2-008" "compression_type" 104UL $"{compressionType} is no known type"
            not isVersion3 || order <= 6u,
            fault "FMT-QCOW2-009" "refcount_order" 96UL $"{order} is more than 6"
            u32 32UL <= 2u,
            fault "FMT-QCOW2-010" "crypt_method" 32UL $"{u32 32UL} is no known method"
        ]

        Fault.first alone
        |> Result.map (fun () ->
            let encryption =
                match u32 32UL with
                | 0u -> Plain
                | 1u -> Aes
                | _ -> Luks

            fields bytes (if compressionType = 0 then Zlib else Zstd) encryption)
        |> Result.bind (fun header ->
            Fault.first (relations header) |> Result.map (fun () -> header))
