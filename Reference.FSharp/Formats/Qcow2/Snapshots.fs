/// The table of internal snapshots. Requirements: spec/formats/qcow2/snapshots.md.
namespace Ashlar.Reference.Formats.Qcow2

open Ashlar.Reference.Formats

/// One snapshot: a first-level table of its own, and what people see of it. EntryOffset is where
/// its entry stands in the file.
type Snapshot = {
    EntryOffset: uint64
    Id: string
    Name: string
    L1Offset: uint64
    L1Entries: uint64
    /// Bytes of the guest's disk then.
    SizeBytes: uint64
    VmStateBytes: uint64
    Seconds: uint32
    Nanoseconds: uint32
    GuestNanoseconds: uint64
}

/// Reading the table.
module Snapshots =
    let private fixedBytes = 40UL
    let private extraBytesMax = 1024u

    /// The entry at an offset, and where it ends.
    let private entry (header: Header) (bytes: byte[]) (at: uint64) =
        let idBytes = uint64 (Bytes.u16 bytes (at + 12UL))
        let nameBytes = uint64 (Bytes.u16 bytes (at + 14UL))
        let extra = Bytes.u32 bytes (at + 36UL)
        let id = at + fixedBytes + uint64 extra
        let till = id + idBytes + nameBytes
        let has bytesNeeded = extra >= bytesNeeded

        let found = {
            EntryOffset = at
            Id = Bytes.text bytes id (int idBytes)
            Name = Bytes.text bytes (id + idBytes) (int nameBytes)
            L1Offset = Bytes.u64 bytes at
            L1Entries = uint64 (Bytes.u32 bytes (at + 8UL))
            SizeBytes =
                if has 16u then
                    Bytes.u64 bytes (at + 48UL)
                else
                    Header.guestBytes header
            VmStateBytes =
                if has 8u then
                    Bytes.u64 bytes (at + 40UL)
                else
                    uint64 (Bytes.u32 bytes (at + 32UL))
            Seconds = Bytes.u32 bytes (at + 16UL)
            Nanoseconds = Bytes.u32 bytes (at + 20UL)
            GuestNanoseconds = Bytes.u64 bytes (at + 24UL)
        }

        Fault.first [
            extra <= extraBytesMax,
            Fault.make
                "FMT-QCOW2-502"
                "extra data size"
                (at + 36UL)
                $"{extra} bytes are more than 1024"
            till <= Bytes.length bytes,
            Fault.make "FMT-QCOW2-501" "snapshot entry" at "it ends beyond the file"
        ]
        |> Result.map (fun () -> found, till)

    /// FMT-QCOW2-501: all entries, and the bytes the table takes.
    let read (header: Header) (bytes: byte[]) : Result<Snapshot list * uint64, Fault> =
        let rec walk at left soFar =
            if left = 0UL then
                Ok(List.rev soFar, at - header.SnapshotsOffset)
            else
                match entry header bytes (Bytes.roundUp 8UL at) with
                | Error fault -> Error fault
                | Ok(found, till) -> walk till (left - 1UL) (found :: soFar)

        if header.SnapshotCount = 0UL then
            Ok([], 0UL)
        else
            walk header.SnapshotsOffset header.SnapshotCount []
