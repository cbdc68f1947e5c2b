/// Everything in an image that points to host clusters, counted anew from the tables; and what is
/// wrong with the pointers themselves. Requirements: spec/formats/qcow2/consistency.md.
namespace Ashlar.Reference.Formats.Qcow2

open System.Collections.Generic
open Ashlar.Reference.Formats

/// What was counted. Counts has a number for every cluster of the file and the one behind it.
type Counted = {
    Counts: uint64[]
    Faults: Fault list
    /// Second-level tables of the disk as it is now: where the entry that points there stands, its
    /// word, and the guest offset that the table begins with.
    ActiveTables: (uint64 * uint64 * uint64) list
    AllocatedClusters: uint64
    CompressedClusters: uint64
}

/// Counting references.
module References =
    /// FMT-QCOW2-806: entries of first-level tables that one check looks at, all snapshots
    /// together: four times the largest table.
    let private l1EntriesMax = 4UL * Header.l1EntriesMax

    /// Sums of two numbers up to here do not overflow; no file is as long.
    let private offsetMax = 1UL <<< 62

    /// The counters of one run; they do not outlive it.
    type private Tally(image: Image) =
        let header = image.Header
        let cluster = Header.clusterBytes header
        let fileBytes = Bytes.length image.Bytes
        let counts = Array.zeroCreate<uint64>(int (Bytes.unitsFor cluster fileBytes) + 1)
        let faults = List<Fault>()
        member _.Counts = counts
        member _.Faults = faults

        /// FMT-QCOW2-307, FMT-QCOW2-804: so many references to every cluster of a range, or a fault
        /// where it ends beyond the file by a cluster or more.
        member _.Count (field: string) (pointer: uint64) (offset: uint64) (length: uint64) times =
            if length = 0UL then
                ()
            elif
                offset > offsetMax || length > offsetMax || offset + length >= fileBytes + cluster
            then
                let reason = $"0x{offset:x} and {length} bytes on are beyond the file's end"
                faults.Add(Fault.make "FMT-QCOW2-804" field pointer reason)
            else
                for index in offset / cluster .. (offset + length - 1UL) / cluster do
                    counts[int index] <- counts[int index] + times

    /// The words of a table that are not 0, each with its number and where it stands. The file ends
    /// a table that reaches beyond it, since what follows is 0 (FMT-QCOW2-110).
    let private wordsOf (image: Image) (table: uint64) (entries: uint64) =
        let fileBytes = Bytes.length image.Bytes

        let inFile =
            if table >= fileBytes then
                0UL
            else
                Bytes.unitsFor 8UL (fileBytes - table)

        seq {
            for index in 1UL .. min entries inFile do
                let at = table + (index - 1UL) * 8UL
                let word = Bytes.u64 image.Bytes at

                if word <> 0UL then
                    index - 1UL, at, word
        }

    /// Every entry of a second-level table, with where it stands and its guest offset.
    let entriesOf (image: Image) (table: uint64) (guest: uint64) =
        let header = image.Header
        let size = Header.l2EntryBytes header

        seq {
            for index in 0UL .. Header.l2Entries header - 1UL do
                let at = table + index * size
                let word = Bytes.u64 image.Bytes at

                let bitmap =
                    if size = 16UL then
                        Bytes.u64 image.Bytes (at + 8UL)
                    else
                        0UL

                if word <> 0UL || bitmap <> 0UL then
                    at, guest + index * Header.clusterBytes header, word, bitmap
        }

    /// FMT-QCOW2-801: a first-level table and the tables that it points to.
    let private walkL1 (image: Image) (tally: Tally) (view: View) =
        let header = image.Header
        let pointers = List<uint64 * uint64 * uint64>()

        tally.Count $"L1 table of {view.Name}" 0UL view.L1Offset (view.L1Entries * 8UL) 1UL

        for index, at, word in wordsOf image view.L1Offset view.L1Entries do
            let table, faults = Entries.l1 header at word
            tally.Faults.AddRange faults

            match table with
            | Some _ when faults.IsEmpty ->
                pointers.Add(at, word, index * Header.l1EntrySpan header)
            | _ -> ()

        List.ofSeq pointers

    /// What the entries of a second-level table point to; the table is pointed to so many times.
    let private walkL2 (image: Image) (tally: Tally) (table: uint64) (guest: uint64) times =
        let header = image.Header
        let cluster = Header.clusterBytes header

        [
            for at, guest, word, bitmap in entriesOf image table guest do
                let found, faults = Entries.l2 header guest at word bitmap
                tally.Faults.AddRange faults

                match found with
                | Compressed packed ->
                    if bitmap = 0UL && not (Header.hasDataFile header) then
                        tally.Count "compressed cluster" at packed.Offset packed.Bytes times

                    yield true
                | InParts(Some place, _) ->
                    // FMT-QCOW2-404: the clusters of a data file are not counted.
                    if not (Header.hasDataFile header) then
                        tally.Count "data cluster" at place cluster times

                    yield false
                | InParts(None, _) -> ()
        ]

    let private bitmapReferences (image: Image) (tally: Tally) =
        let header = image.Header

        match image.Extensions.Bitmaps with
        | None -> ()
        | Some directory ->
            tally.Count "bitmap directory" 0UL directory.Offset directory.SizeBytes 1UL

        for bitmap in image.Bitmaps do
            let size = bitmap.TableEntries * 8UL

            tally.Count "bitmap table" bitmap.EntryOffset bitmap.TableOffset size 1UL

            for _, at, word in wordsOf image bitmap.TableOffset bitmap.TableEntries do
                match Bitmaps.tableEntry header at word with
                | Error fault -> tally.Faults.Add fault
                | Ok(Choice1Of2 place) ->
                    tally.Count "bitmap data" at place (Header.clusterBytes header) 1UL
                | Ok(Choice2Of2 _) -> ()

    /// FMT-QCOW2-302, FMT-QCOW2-313: the blocks, each of which has one reference.
    let private blockReferences (image: Image) (tally: Tally) =
        let header = image.Header
        let cluster = Header.clusterBytes header
        let size = header.RefcountTableClusters * cluster

        tally.Count "refcount table" 48UL header.RefcountTableOffset size 1UL

        for _, at, word in wordsOf image header.RefcountTableOffset (size / 8UL) do
            match Refcounts.tableEntry header at word with
            | Error fault -> tally.Faults.Add fault
            | Ok None -> ()
            | Ok(Some block) when block >= Bytes.length image.Bytes ->
                let reason = $"0x{block:x} is beyond the file's end"
                tally.Faults.Add(Fault.make "FMT-QCOW2-804" "refcount block" at reason)
            | Ok(Some block) ->
                tally.Count "refcount block" at block cluster 1UL

                if tally.Counts[int (block / cluster)] <> 1UL then
                    let reason = $"something else has 0x{block:x} too"
                    tally.Faults.Add(Fault.make "FMT-QCOW2-313" "refcount block" at reason)

    let private usable (image: Image) (tally: Tally) =
        let header = image.Header

        if Header.hasDataFile header && header.SnapshotCount > 0UL then
            let reason = "snapshots beside an external data file"
            tally.Faults.Add(Fault.make "FMT-QCOW2-405" "nb_snapshots" 60UL reason)

        image.Snapshots
        |> List.choose (fun snapshot ->
            match Image.ofSnapshot image snapshot with
            | Ok view -> Some view
            | Error fault ->
                tally.Faults.Add fault
                None)

    /// FMT-QCOW2-801: all references; a fault where that would take too long (FMT-QCOW2-806).
    let count (image: Image) : Result<Counted, Fault> =
        let header = image.Header
        let tally = Tally image
        let kept = usable image tally
        let total = kept |> List.sumBy _.L1Entries

        if total > l1EntriesMax then
            Error(
                Fault.make
                    "FMT-QCOW2-806"
                    "snapshot table"
                    header.SnapshotsOffset
                    $"{total} entries of first-level tables are too many to check"
            )
        else
            tally.Count "header" 0UL 0UL (Header.clusterBytes header) 1UL
            let active = walkL1 image tally (Image.active image)
            let others = kept |> List.collect (walkL1 image tally)
            let times = Dictionary<uint64, uint64>()

            for _, word, _ in active @ others do
                let table = word &&& Entries.placeMask

                times[table] <-
                    1UL
                    + (match times.TryGetValue table with
                       | true, count -> count
                       | _ -> 0UL)

            // A table that several entries share is walked once and counts for each of them, so a
            // file of tables that all point to one costs no more than its size.
            let walked = HashSet<uint64>()

            let walk (at, word, guest) =
                let table = word &&& Entries.placeMask

                if not (walked.Add table) then
                    []
                else
                    tally.Count "L2 table" at table (Header.clusterBytes header) times[table]

                    // Nothing but zeroes is beyond the file.
                    if table < Bytes.length image.Bytes then
                        walkL2 image tally table guest times[table]
                    else
                        []

            let found = active |> List.collect walk
            others |> List.iter (walk >> ignore)
            let table = header.SnapshotsOffset
            tally.Count "snapshot table" 64UL table image.SnapshotTableBytes 1UL

            // FMT-QCOW2-703: what LUKS keeps of its own.
            match image.Extensions.Encryption with
            | Some luks -> tally.Count "encryption header" 0UL luks.Offset luks.SizeBytes 1UL
            | None -> ()

            bitmapReferences image tally
            blockReferences image tally

            Ok {
                Counts = tally.Counts
                Faults = List.ofSeq tally.Faults
                ActiveTables = active
                AllocatedClusters = uint64 found.Length
                CompressedClusters = found |> List.filter id |> List.length |> uint64
            }
