/// The check of a whole image: stored counts against references, and what the tables say of both.
/// Requirements: spec/formats/qcow2/consistency.md.
namespace Ashlar.Reference.Formats.Qcow2

open Ashlar.Reference.Formats

/// What a check finds (FMT-QCOW2-803). Corruptions damage an image sooner or later, leaks only
/// waste room; there is one leak for each cluster.
type Report = {
    Corruptions: Fault list
    Leaks: Fault list
    AllocatedClusters: uint64
    CompressedClusters: uint64
    /// The end of the last cluster that is counted or referred to, in bytes.
    EndBytes: uint64
}

/// Checking images.
module Check =
    /// FMT-QCOW2-308, FMT-QCOW2-309, FMT-QCOW2-312: one cluster's count against its references.
    let private compare (header: Header) (cluster: uint64) (stored: uint64) (references: uint64) =
        let at = cluster * Header.clusterBytes header
        let largest = Refcounts.largest header
        let counted = min references largest

        [
            if references > largest then
                false,
                Fault.make
                    "FMT-QCOW2-312"
                    "refcount"
                    at
                    $"{references} references are more than a count can say"
            if stored < counted then
                false,
                Fault.make
                    "FMT-QCOW2-309"
                    "refcount"
                    at
                    $"the count is {stored}, there are {references} references"
            if stored > counted then
                true,
                Fault.make
                    "FMT-QCOW2-308"
                    "refcount"
                    at
                    $"the count is {stored}, there are {references} references"
        ]

    /// FMT-QCOW2-310: the copied mark says that the count is 1.
    let private mark (field: string) (at: uint64) (word: uint64) (count: uint64 option) =
        let isMarked = word &&& Entries.copied <> 0UL

        match count with
        | Some count when isMarked <> (count = 1UL) -> [
            Fault.make
                "FMT-QCOW2-310"
                field
                at
                $"""marked as {if isMarked then "copied" else "shared"}, with the count {count}"""
          ]
        | _ -> []

    let private marks (image: Image) (counted: Counted) =
        let header = image.Header
        let countAt place = Refcounts.stored header image.Bytes (place / Header.clusterBytes header)

        [
            for at, word, _ in counted.ActiveTables do
                yield! mark "L1 entry" at word (countAt (word &&& Entries.placeMask))

            let tables = counted.ActiveTables |> List.distinctBy (fun (_, word, _) -> word)

            for _, word, guest in tables do
                let table = word &&& Entries.placeMask

                if table < Bytes.length image.Bytes then
                    for at, guest, word, bitmap in References.entriesOf image table guest do
                        match fst (Entries.l2 header guest at word bitmap) with
                        | InParts(Some _, _) when Header.hasDataFile header ->
                            yield! mark "L2 entry" at word (Some 1UL)
                        | InParts(Some place, _) -> yield! mark "L2 entry" at word (countAt place)
                        | _ -> ()
        ]

    /// FMT-QCOW2-801 to FMT-QCOW2-804: everything that is wrong with the tables of an image, or
    /// why it is not checked.
    let image (image: Image) : Result<Report, Fault> =
        References.count image
        |> Result.map (fun counted ->
            let header = image.Header
            let cluster = Header.clusterBytes header
            let inFile = Bytes.unitsFor cluster (Bytes.length image.Bytes)

            let compared = [
                for index in 0 .. counted.Counts.Length - 1 do
                    let references = counted.Counts[index]

                    // A count of a cluster beyond the file is nobody's.
                    if uint64 index < inFile || references > 0UL then
                        match Refcounts.stored header image.Bytes (uint64 index) with
                        | None -> ()
                        | Some stored ->
                            if stored > 0UL || references > 0UL then
                                index, compare header (uint64 index) stored references
            ]

            let differences = compared |> List.collect snd

            {
                Corruptions =
                    counted.Faults
                    @ (differences |> List.filter (fst >> not) |> List.map snd)
                    @ marks image counted
                Leaks = differences |> List.filter fst |> List.map snd
                AllocatedClusters = counted.AllocatedClusters
                CompressedClusters = counted.CompressedClusters
                EndBytes =
                    match compared with
                    | [] -> 0UL
                    | _ -> (uint64 (fst (List.last compared)) + 1UL) * cluster
            })
