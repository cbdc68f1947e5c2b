/// What an entry of a first- or second-level table says, and everything that is wrong with it.
/// Requirements: spec/formats/qcow2/clusters.md, subclusters.md and compressed.md.
namespace Ashlar.Reference.Formats.Qcow2

open Ashlar.Reference.Formats

/// Where the bytes of a part of a cluster come from.
type Part =
    | FromBacking
    | Zeroes
    | Stored

/// Compressed bytes: where they begin, and how many there are at most.
type Packed = { Offset: uint64; Bytes: uint64 }

/// A guest cluster: in parts of equal size (1, or 32 with extended entries), with a host cluster
/// or without one; or compressed.
type Cluster =
    | InParts of place: uint64 option * parts: Part list
    | Compressed of Packed

/// Taking entries apart. Nothing here looks at the file.
module Entries =
    /// Bit 63: the cluster pointed to has the count 1 (FMT-QCOW2-310).
    let copied = 1UL <<< 63
    let compressed = 1UL <<< 62
    let private zero = 1UL
    let placeMask = 0x00fffffffffffe00UL
    let private l1Reserved = 0x7f000000000001ffUL
    let private l2Reserved = 0x3f000000000001feUL

    /// Parts of a cluster with extended entries (FMT-QCOW2-152).
    let partsOfExtended = 32

    /// FMT-QCOW2-102: the second-level table an entry of the first level points to.
    let l1 (header: Header) (at: uint64) (word: uint64) : uint64 option * Fault list =
        let place = word &&& placeMask
        let fault = Fault.make "FMT-QCOW2-102" "L1 entry" at

        let faults = [
            if word &&& l1Reserved <> 0UL then
                fault $"0x{word:x} has reserved bits"
            if not (Header.isAligned header place) then
                fault $"the table's place 0x{place:x} is not a multiple of the cluster size"
        ]

        (if place = 0UL then None else Some place), faults

    /// FMT-QCOW2-201, FMT-QCOW2-202: where compressed bytes are.
    let private packed (header: Header) (word: uint64) : Packed =
        let split = 62 - (header.ClusterBits - 8)
        let offset = word &&& ((1UL <<< split) - 1UL)
        let sectorMask = (1UL <<< (header.ClusterBits - 8)) - 1UL
        let sectors = 1UL + (word >>> split &&& sectorMask)
        { Offset = offset; Bytes = sectors * 512UL - (offset &&& 511UL) }

    let private compressedFaults (header: Header) at word bitmap = [
        let fault requirement = Fault.make requirement "L2 entry" at

        if word &&& copied <> 0UL then
            fault "FMT-QCOW2-207" "a compressed cluster is marked as copied"

        if Header.hasDataFile header then
            fault "FMT-QCOW2-405" "a compressed cluster beside an external data file"

        if bitmap <> 0UL then
            fault "FMT-QCOW2-155" "a compressed cluster has parts"

        if (packed header word).Offset >>> 56 <> 0UL then
            fault "FMT-QCOW2-209" "compressed bytes beyond 56 bits"
    ]

    /// FMT-QCOW2-152, FMT-QCOW2-154: the parts of an extended entry, the lowest bits first.
    let private extendedParts (bitmap: uint64) = [
        for part in 0 .. partsOfExtended - 1 do
            if bitmap >>> part &&& 1UL = 1UL then Stored
            elif bitmap >>> (part + 32) &&& 1UL = 1UL then Zeroes
            else FromBacking
    ]

    let private standardFaults (header: Header) guest at word bitmap (place: uint64 option) = [
        let fault requirement = Fault.make requirement "L2 entry" at
        let isExtended = Header.hasExtendedL2 header
        let offset = word &&& placeMask

        if word &&& l2Reserved <> 0UL then
            fault "FMT-QCOW2-104" $"0x{word:x} has reserved bits"

        if word &&& zero <> 0UL && header.Version = 2 then
            fault "FMT-QCOW2-105" "a zero cluster in version 2"

        if word &&& zero <> 0UL && isExtended then
            fault "FMT-QCOW2-156" "the zero bit beside parts"

        if not (Header.isAligned header offset) then
            fault "FMT-QCOW2-106" $"the place 0x{offset:x} is not a multiple of the cluster size"

        if Header.hasDataFile header && place.IsSome && offset <> guest then
            fault "FMT-QCOW2-403" $"the place 0x{offset:x} is not the guest's offset 0x{guest:x}"

        if bitmap &&& (bitmap >>> 32) &&& 0xffffffffUL <> 0UL then
            fault "FMT-QCOW2-152" $"parts both stored and zero: 0x{bitmap:x}"

        if isExtended && place.IsNone && bitmap &&& 0xffffffffUL <> 0UL then
            fault "FMT-QCOW2-153" "parts are stored nowhere"
    ]

    /// FMT-QCOW2-103 to FMT-QCOW2-109, FMT-QCOW2-151 to FMT-QCOW2-156: what an entry says of the
    /// cluster at a guest offset.
    let l2 (header: Header) (guest: uint64) (at: uint64) (word: uint64) (bitmap: uint64) =
        if word &&& compressed <> 0UL then
            Compressed(packed header word), compressedFaults header at word bitmap
        else
            // FMT-QCOW2-107: no place, or the beginning of a data file.
            let offset = word &&& placeMask
            let isAtZero = Header.hasDataFile header && word &&& copied <> 0UL
            let place = if offset <> 0UL || isAtZero then Some offset else None

            let parts =
                if Header.hasExtendedL2 header then extendedParts bitmap
                elif word &&& zero <> 0UL then [ Zeroes ]
                elif place.IsSome then [ Stored ]
                else [ FromBacking ]

            InParts(place, parts), standardFaults header guest at word bitmap place
