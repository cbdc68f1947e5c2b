/// The directory of persistent bitmaps and their bits. Requirements:
/// spec/formats/qcow2/bitmaps.md.
namespace Ashlar.Reference.Formats.Qcow2

open Ashlar.Reference.Formats

/// One bitmap: its name, where its table is, and what its bits stand for.
type Bitmap = {
    EntryOffset: uint64
    Name: string
    TableOffset: uint64
    TableEntries: uint64
    /// FMT-QCOW2-606: its bits are not to be relied on.
    IsInUse: bool
    IsAuto: bool
    /// A bit stands for 2 to the power of this many bytes of the guest's disk.
    GranularityBits: int
}

/// Reading the directory and the bits.
module Bitmaps =
    let private fixedBytes = 24UL
    let private reservedFlags = ~~~7u

    let private entry (header: Header) (bytes: byte[]) (at: uint64) =
        let flags = Bytes.u32 bytes (at + 12UL)
        let kind = (Bytes.slice bytes (at + 16UL) 1).[0]
        let granularity = (Bytes.slice bytes (at + 17UL) 1).[0]
        let nameBytes = Bytes.u16 bytes (at + 18UL)
        let extra = uint64 (Bytes.u32 bytes (at + 20UL))
        let name = at + fixedBytes + extra
        let till = Bytes.roundUp 8UL (name + uint64 nameBytes)
        let fault field offset = Fault.make "FMT-QCOW2-603" field (at + offset)

        let found = {
            EntryOffset = at
            Name = Bytes.text bytes name (int nameBytes)
            TableOffset = Bytes.u64 bytes at
            TableEntries = uint64 (Bytes.u32 bytes (at + 8UL))
            IsInUse = flags &&& 1u <> 0u
            IsAuto = flags &&& 2u <> 0u
            GranularityBits = int granularity
        }

        Fault.first [
            flags &&& reservedFlags = 0u, fault "bitmap flags" 12UL $"0x{flags:x} has reserved bits"
            kind = 1uy, fault "bitmap type" 16UL $"{kind} is not 1"
            granularity < 64uy, fault "granularity_bits" 17UL $"{granularity} is more than 63"
            nameBytes > 0us, fault "name_size" 18UL "a bitmap without a name"
            Header.isAligned header found.TableOffset && found.TableOffset <> 0UL,
            fault "bitmap_table_offset" 0UL "not a multiple of the cluster size"
            till <= Bytes.roundUp 8UL (Bytes.length bytes),
            fault "bitmap entry" 0UL "it ends beyond the file"
        ]
        |> Result.map (fun () -> found, till)

    /// FMT-QCOW2-603, FMT-QCOW2-608: all entries of the directory.
    let read (header: Header) (bytes: byte[]) (directory: BitmapDirectory) =
        let fault at reason = Error(Fault.make "FMT-QCOW2-603" "bitmap directory" at reason)

        let rec walk at left soFar =
            if left = 0u then
                if at - directory.Offset = directory.SizeBytes then
                    Ok(List.rev soFar)
                else
                    fault directory.Offset "its size is not that of its entries"
            else
                match entry header bytes at with
                | Error wrong -> Error wrong
                | Ok(found, till) -> walk till (left - 1u) (found :: soFar)

        if directory.Offset > Bytes.length bytes || directory.SizeBytes > Bytes.length bytes then
            fault directory.Offset "it ends beyond the file"
        else
            walk directory.Offset directory.Count []
            |> Result.bind (fun (found: Bitmap list) ->
                match found |> List.countBy _.Name |> List.tryFind (fun (_, n) -> n > 1) with
                | Some(name, _) ->
                    Error(
                        Fault.make
                            "FMT-QCOW2-608"
                            "bitmap name"
                            directory.Offset
                            $"{name} is there twice"
                    )
                | None -> Ok found)

    let private placeMask = 0x00fffffffffffe00UL

    /// FMT-QCOW2-604: an entry of a bitmap's table: a cluster of bits, or none with the value of
    /// all its bits.
    let tableEntry
        (header: Header)
        (at: uint64)
        (word: uint64)
        : Result<Choice<uint64, bool>, Fault> =
        let place = word &&& placeMask
        let rest = word &&& ~~~placeMask
        let wrong reason = Error(Fault.make "FMT-QCOW2-604" "bitmap table entry" at reason)

        if rest > 1UL then
            wrong $"0x{word:x} has reserved bits"
        elif place <> 0UL && rest = 1UL then
            wrong "bit 0 beside a place"
        elif not (Header.isAligned header place) then
            wrong $"0x{place:x} is not a multiple of the cluster size"
        elif place <> 0UL then
            Ok(Choice1Of2 place)
        else
            Ok(Choice2Of2(rest = 1UL))

    /// FMT-QCOW2-605: whether the bit of a guest offset is set.
    let isSet (header: Header) (bytes: byte[]) (bitmap: Bitmap) (guest: uint64) =
        let bit = guest >>> bitmap.GranularityBits
        let at = bit >>> 3
        let index = at >>> header.ClusterBits

        if index >= bitmap.TableEntries then
            Ok false
        else
            let entryAt = bitmap.TableOffset + index * 8UL

            tableEntry header entryAt (Bytes.u64 bytes entryAt)
            |> Result.map (fun found ->
                match found with
                | Choice2Of2 all -> all
                | Choice1Of2 place ->
                    let place = place + (at &&& (Header.clusterBytes header - 1UL))
                    (Bytes.slice bytes place 1).[0] >>> int (bit &&& 7UL) &&& 1uy = 1uy)
