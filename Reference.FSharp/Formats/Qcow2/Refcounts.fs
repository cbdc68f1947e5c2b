/// The counts that an image stores: a table of blocks of numbers of 1 to 64 bits. Requirements:
/// spec/formats/qcow2/refcounts.md.
namespace Ashlar.Reference.Formats.Qcow2

open Ashlar.Reference.Formats

/// Reading the stored counts.
module Refcounts =
    let private reserved = 511UL

    /// FMT-QCOW2-303: the largest count that fits.
    let largest (header: Header) =
        if header.RefcountOrder = 6 then
            System.UInt64.MaxValue
        else
            (1UL <<< (1 <<< header.RefcountOrder)) - 1UL

    /// Counts of one block (FMT-QCOW2-301).
    let perBlock (header: Header) = Header.clusterBytes header * 8UL >>> header.RefcountOrder

    let tableEntries (header: Header) =
        header.RefcountTableClusters * Header.clusterBytes header / 8UL

    /// FMT-QCOW2-302: the block that an entry of the table points to.
    let tableEntry (header: Header) (at: uint64) (word: uint64) : Result<uint64 option, Fault> =
        let wrong reason = Error(Fault.make "FMT-QCOW2-302" "refcount table entry" at reason)

        if word &&& reserved <> 0UL then
            wrong $"0x{word:x} has reserved bits"
        elif not (Header.isAligned header word) then
            wrong $"the block's place 0x{word:x} is not a multiple of the cluster size"
        elif word = 0UL then
            Ok None
        else
            Ok(Some word)

    /// FMT-QCOW2-303, FMT-QCOW2-304: a count of a block; less than a byte wide, the lowest bits
    /// of a byte come first.
    let ofBlock (header: Header) (bytes: byte[]) (block: uint64) (index: uint64) : uint64 =
        let bit = index <<< header.RefcountOrder
        let at = block + (bit >>> 3)

        match header.RefcountOrder with
        | 6 -> Bytes.u64 bytes at
        | 5 -> uint64 (Bytes.u32 bytes at)
        | 4 -> uint64 (Bytes.u16 bytes at)
        | _ -> uint64 (Bytes.slice bytes at 1).[0] >>> int (bit &&& 7UL) &&& largest header

    /// FMT-QCOW2-305, FMT-QCOW2-306: the stored count of a host cluster; None where the table's
    /// entry is at fault.
    let stored (header: Header) (bytes: byte[]) (cluster: uint64) : uint64 option =
        let index = cluster / perBlock header

        if index >= tableEntries header then
            Some 0UL
        else
            let at = header.RefcountTableOffset + index * 8UL

            match tableEntry header at (Bytes.u64 bytes at) with
            | Error _ -> None
            | Ok None -> Some 0UL
            | Ok(Some block) -> Some(ofBlock header bytes block (cluster % perBlock header))
