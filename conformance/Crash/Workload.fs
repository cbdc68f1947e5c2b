/// A workload of the lane crash: an image, and what is asked of it one after the other. What the
/// disk reads as after each step is said here, over plain arrays of bytes; nothing of a format.
namespace Ashlar.Conformance.Crash

open System
open Ashlar.Conformance

/// How the image is made. Sizes are bytes.
type Making = {
    Version: int
    ClusterBytes: int
    RefcountBits: int
    IsZstandard: bool
    SizeBytes: int
    /// The length of a backing file, if there is one.
    BackingBytes: int option
}

/// One request. Offsets and lengths are bytes; `seed` says which bytes are written, 0 zeroes.
[<RequireQualifiedAccess>]
type Step =
    | Write of offset: int * length: int * seed: uint64
    /// Compressed where that saves room; of whole clusters, the last of which may end with the
    /// disk.
    | Packed of offset: int * length: int * seed: uint64
    | Zero of offset: int * length: int * mayUnmap: bool
    | Discard of offset: int * length: int
    | Resize of length: int
    | Flush
    /// Makes an internal snapshot.
    | Snapshot
    /// Makes the disk what it was at the snapshot of that place in their list.
    | Apply of index: int
    | Delete of index: int
    /// Closes the image and opens it again.
    | Reopen

type Workload = {
    Making: Making
    /// Which of the allowed crashes are tried.
    Seed: uint64
    Steps: Step list
}

/// The disk, and what snapshots keep of it, oldest first.
type Disks = { Now: byte[]; Snapshots: byte[] list }

/// What a disk must read as.
module Disk =
    /// The bytes of a write: random ones, with runs that pack well among them.
    let bytes (length: int) (seed: uint64) : byte[] =
        let bytes = Array.zeroCreate<byte> length

        if seed <> 0UL then
            let dice = Dice seed
            let mutable at = 0

            while at < length do
                let stop = min length (at + 1 + dice.Below 3000)

                if dice.Percent 40 then
                    Array.fill bytes at (stop - at) (byte (dice.Below 256))
                else
                    for index in at .. stop - 1 do
                        bytes[index] <- byte (dice.Below 256)

                at <- stop

        bytes

    /// The backing file; it has no zero byte, so that whoever shows it by mistake is seen.
    let backing (length: int) : byte[] = Array.init length (fun at -> byte (1 + at * 7 % 251))

    /// The disk before the first step.
    let start (making: Making) : Disks =
        let disk = Array.zeroCreate<byte> making.SizeBytes

        match making.BackingBytes with
        | Some length -> Array.blit (backing length) 0 disk 0 (min length disk.Length)
        | None -> ()

        { Now = disk; Snapshots = [] }

    /// The whole clusters of a range; the last may end with the disk. Start and end.
    let wholeClusters (making: Making) (disk: byte[]) (offset: int) (length: int) =
        let cluster = making.ClusterBytes
        let stop = min disk.Length (offset + length)
        let first = (offset + cluster - 1) / cluster * cluster

        let last =
            if stop = disk.Length then
                stop
            else
                stop / cluster * cluster

        struct (first, max first last)

    let private changed (disk: byte[]) (change: byte[] -> unit) =
        let after = Array.copy disk
        change after
        after

    /// Snapshots of an image are few: the counts of its clusters grow with each.
    let private snapshotsMax = 4

    let private changedBy (making: Making) (disk: byte[]) (step: Step) : byte[] =
        match step with
        | Step.Write(offset, length, seed)
        | Step.Packed(offset, length, seed) ->
            changed disk (fun after -> Array.blit (bytes length seed) 0 after offset length)
        | Step.Zero(offset, length, _) ->
            changed disk (fun after -> Array.fill after offset length 0uy)
        | Step.Discard _ when making.Version < 3 && making.BackingBytes.IsSome -> disk
        | Step.Discard(offset, length) ->
            let struct (first, stop) = wholeClusters making disk offset length

            if first < stop then
                changed disk (fun after -> Array.fill after first (stop - first) 0uy)
            else
                disk
        | Step.Resize length ->
            let after = Array.zeroCreate<byte> length
            Array.blit disk 0 after 0 (min length disk.Length)
            after
        | Step.Snapshot
        | Step.Apply _
        | Step.Delete _
        | Step.Flush
        | Step.Reopen -> disk

    /// The disk after a step (BLK-DATA-003, BLK-DATA-015, BLK-SIZE-005, FMT-QCOW2-507).
    let after (making: Making) (disks: Disks) (step: Step) : Disks =
        match step with
        | Step.Snapshot -> { disks with Snapshots = disks.Snapshots @ [ disks.Now ] }
        | Step.Apply index -> { disks with Now = disks.Snapshots[index] }
        | Step.Delete index -> { disks with Snapshots = List.removeAt index disks.Snapshots }
        | step -> { disks with Now = changedBy making disks.Now step }

    /// Whether a step lies inside the disk as it is then; one that does not is left out, which
    /// keeps a workload a workload when steps before it go.
    let fits (making: Making) (disks: Disks) (step: Step) : bool =
        let disk = disks.Now
        let isInside offset length = offset >= 0 && length >= 0 && length <= disk.Length - offset

        match step with
        | Step.Write(offset, length, _)
        | Step.Zero(offset, length, _)
        | Step.Discard(offset, length) -> isInside offset length
        | Step.Packed(offset, length, _) ->
            isInside offset length
            && offset % making.ClusterBytes = 0
            && (length % making.ClusterBytes = 0 || offset + length = disk.Length)
        | Step.Resize length ->
            length > 0
            && length % 512 = 0
            && (making.Version > 2 || disks.Snapshots.IsEmpty || length = disk.Length)
        | Step.Snapshot -> making.RefcountBits >= 16 && disks.Snapshots.Length < snapshotsMax
        | Step.Apply index
        | Step.Delete index -> index < disks.Snapshots.Length
        | Step.Flush
        | Step.Reopen -> true
