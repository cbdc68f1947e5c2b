/// What the guest reads: extents with their status, and bytes. Requirements:
/// spec/formats/qcow2/clusters.md.
namespace Ashlar.Reference.Formats.Qcow2

open Ashlar.Reference.Formats

/// Where the bytes of an extent come from. A place is the host offset of its first byte: in the
/// external data file where there is one.
type Status =
    | Unallocated
    | Zero of place: uint64 option
    | Data of place: uint64
    | Packed of Packed

/// A run of guest bytes of one status.
type Extent = { Start: uint64; Length: uint64; Status: Status }

/// What an image needs from outside to be read. Backing gives bytes of the backing disk, zeroes
/// beyond its end.
type Outside = { DataFile: byte[] option; Backing: (uint64 -> int -> byte[]) option }

/// Reading what the guest reads.
module Contents =
    /// Nothing outside.
    let alone = { DataFile = None; Backing = None }

    /// Bytes as a backing disk.
    let backingOf (bytes: byte[]) : uint64 -> int -> byte[] =
        fun offset count -> Bytes.slice bytes offset count

    /// FMT-QCOW2-101: the entry for a guest offset: where it stands, and its words. None where
    /// there is no second-level table.
    let private entryAt (image: Image) (view: View) (guest: uint64) =
        let header = image.Header
        let l1Index = guest / Header.l1EntrySpan header

        if l1Index >= view.L1Entries then
            Ok None
        else
            let l1At = view.L1Offset + l1Index * 8UL

            match Entries.l1 header l1At (Bytes.u64 image.Bytes l1At) with
            | _, fault :: _ -> Error fault
            | None, [] -> Ok None
            | Some table, [] ->
                let index = guest / Header.clusterBytes header % Header.l2Entries header
                let at = table + index * Header.l2EntryBytes header

                let bitmap =
                    if Header.hasExtendedL2 header then
                        Bytes.u64 image.Bytes (at + 8UL)
                    else
                        0UL

                Ok(Some(at, Bytes.u64 image.Bytes at, bitmap))

    /// The cluster of the guest that begins at an offset, or the first fault of its entry.
    let clusterAt (image: Image) (view: View) (guest: uint64) : Result<Cluster, Fault> =
        entryAt image view guest
        |> Result.bind (fun found ->
            match found with
            | None -> Ok(InParts(None, [ FromBacking ]))
            | Some(at, word, bitmap) ->
                match Entries.l2 image.Header guest at word bitmap with
                | cluster, [] -> Ok cluster
                | _, fault :: _ -> Error fault)

    /// FMT-QCOW2-108, FMT-QCOW2-109: the status of parts of a cluster, cut at the disk's end.
    let private extentsOf (header: Header) (size: uint64) (guest: uint64) (cluster: Cluster) =
        let till = min size (guest + Header.clusterBytes header)

        match cluster with
        | Compressed packed -> [ { Start = guest; Length = till - guest; Status = Packed packed } ]
        | InParts(place, parts) ->
            let partBytes = Header.clusterBytes header / uint64 parts.Length

            parts
            |> List.mapi (fun index part ->
                let within = uint64 index * partBytes
                let start = guest + within

                let status =
                    match part, place with
                    | FromBacking, _ -> Unallocated
                    | Zeroes, _ -> Zero(place |> Option.map (fun place -> place + within))
                    | Stored, Some place -> Data(place + within)
                    | Stored, None -> Unallocated

                start, status)
            |> List.filter (fun (start, _) -> start < till)
            |> List.map (fun (start, status) -> {
                Start = start
                Length = min partBytes (till - start)
                Status = status
            })

    /// Whether two extents that touch are one: of one kind, and going on in the file.
    let private joins (left: Extent) (right: Extent) =
        match left.Status, right.Status with
        | Unallocated, Unallocated
        | Zero None, Zero None -> true
        | Zero(Some a), Zero(Some b)
        | Data a, Data b -> a + left.Length = b
        | _ -> false

    /// FMT-QCOW2-101: how far there is no second-level table from a guest offset on, if it begins
    /// an entry of the first level.
    let private emptyFrom (image: Image) (view: View) (guest: uint64) : uint64 option =
        let span = Header.l1EntrySpan image.Header

        if guest / span >= view.L1Entries then
            Some(view.SizeBytes - guest)
        elif guest % span <> 0UL then
            None
        else
            match entryAt image view guest with
            | Ok None -> Some(min span (view.SizeBytes - guest))
            | _ -> None

    /// Steps after which an extent is told though it may go on, so that whoever asks can stop.
    let private stepsMax = 4096

    /// The extents at a guest offset, and how far they reach.
    let private step (image: Image) (view: View) (guest: uint64) =
        match emptyFrom image view guest with
        | Some span -> span, Ok [ { Start = guest; Length = span; Status = Unallocated } ]
        | None ->
            Header.clusterBytes image.Header,
            clusterAt image view guest |> Result.map (extentsOf image.Header view.SizeBytes guest)

    /// What is finished when more extents follow a pending one, and what is pending then.
    let private append (pending: Extent option) (parts: Extent list) =
        List.fold
            (fun (finished, last) next ->
                match last with
                | Some one when joins one next ->
                    finished, Some { one with Length = one.Length + next.Length }
                | Some one -> one :: finished, Some next
                | None -> finished, Some next)
            ([], pending)
            parts

    /// The extents of a view in their order, computed as they are asked for; ends after a fault.
    let extents (image: Image) (view: View) : Result<Extent, Fault> seq =
        let rec from (guest: uint64) (pending: Extent option) (steps: int) =
            seq {
                if guest >= view.SizeBytes then
                    yield! pending |> Option.toList |> List.map Ok
                elif steps >= stepsMax then
                    yield! pending |> Option.toList |> List.map Ok
                    yield! from guest None 0
                else
                    match step image view guest with
                    | _, Error fault ->
                        yield! pending |> Option.toList |> List.map Ok
                        yield Error fault
                    | span, Ok parts ->
                        let finished, last = append pending parts
                        yield! finished |> List.rev |> List.map Ok
                        yield! from (guest + span) last (if finished.IsEmpty then steps + 1 else 0)
            }

        from 0UL None 0

    let private clusterBytesOf (image: Image) (outside: Outside) (extent: Extent) =
        let header = image.Header
        let count = int extent.Length

        match extent.Status with
        | Unallocated ->
            match outside.Backing with
            | Some backing -> Ok(backing extent.Start count)
            | None -> Ok(Array.zeroCreate<byte> count)
        | Zero _ -> Ok(Array.zeroCreate<byte> count)
        | Data place when header.Encryption = Plain ->
            match outside.DataFile with
            | Some data when Header.hasDataFile header -> Ok(Bytes.slice data place count)
            | None when Header.hasDataFile header ->
                Error(
                    Fault.make
                        "FMT-QCOW2-401"
                        "incompatible_features"
                        72UL
                        "the data file is missing"
                )
            | _ -> Ok(Bytes.slice image.Bytes place count)
        | Data place ->
            Error(Fault.make "FMT-QCOW2-704" "crypt_method" place "the bytes are encrypted")
        | Packed packed ->
            let bytes = Bytes.slice image.Bytes packed.Offset (int packed.Bytes)
            let cluster = int (Header.clusterBytes header)

            match Codec.unpack header.Compression cluster bytes with
            | Some whole -> Ok(Array.truncate count whole)
            | None ->
                Error(
                    Fault.make
                        "FMT-QCOW2-205"
                        "compressed cluster"
                        packed.Offset
                        "it does not decompress to a cluster"
                )

    /// FMT-QCOW2-108: so many bytes from a guest offset on. The range lies inside the view.
    let read (image: Image) (outside: Outside) (view: View) (offset: uint64) (count: int) =
        let cluster = Header.clusterBytes image.Header
        let till = offset + uint64 count

        seq {
            for index in offset / cluster + 1UL .. Bytes.unitsFor cluster till do
                let guest = (index - 1UL) * cluster

                clusterAt image view guest
                |> Result.bind (fun found ->
                    extentsOf image.Header view.SizeBytes guest found
                    |> Seq.map (clusterBytesOf image outside)
                    |> Fault.all
                    |> Result.map Array.concat)
        }
        |> Fault.all
        |> Result.map (fun parts ->
            let skipped = int (offset % cluster)

            Array.concat parts
            |> Array.skip (if count = 0 then 0 else skipped)
            |> Array.truncate count)
