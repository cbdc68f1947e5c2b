/// An image as a whole: bytes that hold, header, names and directories. Requirements:
/// spec/formats/qcow2/header.md. What the guest reads is Contents, whether the counts are right is
/// Check.
namespace Ashlar.Reference.Formats.Qcow2

open Ashlar.Reference.Formats

/// What one first-level table shows: the disk of now, or that of a snapshot. Name is for people.
type View = { Name: string; L1Offset: uint64; L1Entries: uint64; SizeBytes: uint64 }

/// An image that was read.
type Image = {
    Bytes: byte[]
    Header: Header
    Extensions: Extensions
    BackingName: string option
    Snapshots: Snapshot list
    SnapshotTableBytes: uint64
    Bitmaps: Bitmap list
}

/// Reading images.
module Image =
    /// FMT-QCOW2-807: the image in these bytes, or the first fault. Entries of the tables are
    /// tested when they are followed, by Contents and Check.
    let read (bytes: byte[]) : Result<Image, Fault> =
        Header.read bytes
        |> Result.bind (fun header ->
            Extensions.read header bytes
            |> Result.bind (fun extensions ->
                Snapshots.read header bytes
                |> Result.bind (fun (snapshots, tableBytes) ->
                    let bitmaps =
                        match extensions.Bitmaps with
                        | Some directory -> Bitmaps.read header bytes directory
                        | None -> Ok []

                    bitmaps
                    |> Result.map (fun bitmaps -> {
                        Bytes = bytes
                        Header = header
                        Extensions = extensions
                        BackingName =
                            if header.BackingNameOffset = 0UL then
                                None
                            else
                                let count = int header.BackingNameBytes
                                Some(Bytes.text bytes header.BackingNameOffset count)
                        Snapshots = snapshots
                        SnapshotTableBytes = tableBytes
                        Bitmaps = bitmaps
                    }))))

    /// The disk as it is now.
    let active (image: Image) : View = {
        Name = "the disk"
        L1Offset = image.Header.L1Offset
        L1Entries = image.Header.L1Entries
        SizeBytes = Header.guestBytes image.Header
    }

    /// Bytes under the largest first-level table of the largest clusters.
    let private sizeMax = 1UL <<< 61

    /// FMT-QCOW2-503, FMT-QCOW2-504: the disk as a snapshot keeps it.
    let ofSnapshot (image: Image) (snapshot: Snapshot) : Result<View, Fault> =
        let fault field at = Fault.make "FMT-QCOW2-503" field (snapshot.EntryOffset + at)

        Fault.first [
            Header.isAligned image.Header snapshot.L1Offset,
            fault "l1_table_offset" 0UL "not a multiple of the cluster size"
            snapshot.L1Entries <= Header.l1EntriesMax, fault "l1_size" 8UL "the table is too large"
            snapshot.SizeBytes <= sizeMax,
            fault "disk size" 48UL "more than a first-level table can show"
        ]
        |> Result.map (fun () -> {
            Name = $"snapshot {snapshot.Id}"
            L1Offset = snapshot.L1Offset
            L1Entries = snapshot.L1Entries
            SizeBytes = snapshot.SizeBytes
        })
