/// Writes images: legal ones, laid out as oddly as a seed asks for. Everything is laid out first
/// and written once, so there is no growing and no freeing. Requirements:
/// spec/formats/qcow2/creation.md.
namespace Ashlar.Reference.Formats.Qcow2

open System.Collections.Generic
open Ashlar.Reference.Formats

/// The things of a file that a layout gives places to. Numbers are indices of their lists.
type private Thing =
    | FirstTable of view: int
    | SecondTable of int
    | HostCluster of int
    | PackedRun of int
    | CountTable
    | CountBlock of int
    | SnapshotTable

/// An entry of a second-level table before places are known.
type private Draft =
    | Nowhere of Part list
    | AtCluster of int * Part list
    | InRun of run: int * offset: uint64 * length: int

/// Writing images.
module Writer =
    let private refuse requirement field reason = Error(Fault.make requirement field 0UL reason)

    let private clusterOf (options: Options) = 1UL <<< options.ClusterBits
    let private l2EntryBytes (options: Options) = if options.IsExtended then 16UL else 8UL
    let private l2Entries (options: Options) = clusterOf options / l2EntryBytes options

    let private l1EntriesFor (options: Options) size =
        int (Bytes.unitsFor (clusterOf options * l2Entries options) size)

    let private largest (options: Options) =
        if options.RefcountOrder = 6 then
            System.UInt64.MaxValue
        else
            (1UL <<< (1 <<< options.RefcountOrder)) - 1UL

    /// The disk and its snapshots: the contents and the size of each.
    let private views (options: Options) (cells: Cells) =
        (cells, options.SizeBytes)
        :: (options.Snapshots |> List.map (fun one -> one.Cells, one.SizeBytes))

    /// FMT-QCOW2-901: what the options and the contents must say of each other.
    let private agree (options: Options) (cells: Cells) =
        let all = views options cells |> List.collect (fst >> Map.toList >> List.map snd)
        let cluster = clusterOf options
        let any test = List.exists test all
        let fault = Fault.make "FMT-QCOW2-901"

        let isOfLength cell =
            match cell with
            | Whole bytes
            | Squeezed bytes
            | Mixed(bytes, _) -> Bytes.length bytes = cluster
            | Empty _ -> true

        let isInside (cells: Cells, size) =
            cells |> Map.forall (fun index _ -> index < Bytes.unitsFor cluster size)

        let isVersion3 = options.Version = 3

        Fault.first [
            options.Version = 2 || isVersion3, fault "version" 0UL "neither 2 nor 3"
            options.ClusterBits >= (if options.IsExtended then 14 else 9)
            && options.ClusterBits <= 21,
            fault "cluster_bits" 0UL "out of bounds"
            isVersion3 || options.RefcountOrder = 4, fault "refcount_order" 0UL "fixed in version 2"
            isVersion3
            || (not options.IsExtended && options.DataFile.IsNone && options.Compression = Zlib),
            fault "features" 0UL "version 2 has none"
            isVersion3 || not (any _.IsEmpty), fault "zero clusters" 0UL "version 2 has none"
            options.IsExtended || not (any _.IsMixed),
            fault "parts" 0UL "only extended entries have them"
            options.DataFile.IsNone || not (any _.IsSqueezed),
            fault "compressed clusters" 0UL "not beside a data file"
            options.DataFile.IsNone || options.Snapshots.IsEmpty,
            fault "snapshots" 0UL "not beside a data file"
            List.forall isOfLength all, fault "contents" 0UL "a cell is not of a cluster's length"
            List.forall isInside (views options cells), fault "contents" 0UL "beyond the disk's end"
            options.SizeBytes % 512UL = 0UL, fault "size" 0UL "not of whole sectors"
            Bytes.length (HeaderWriter.header options 0UL 0 0UL 0 0UL) <= cluster,
            fault "header" 0UL "its names do not fit in a cluster"
        ]

    /// What is collected while cells become drafts of entries. Equal things are shared where the
    /// width of the counts allows it (FMT-QCOW2-505).
    type private Collector(options: Options, mayShare: bool, packedPerRun: int) =
        let clusters = List<byte[]>()
        let runs = List<List<uint64 * byte[]>>()
        let tables = List<Map<uint64, Draft>>()
        let known = Dictionary<uint64 * Cell, Draft>(HashIdentity.Structural)
        let knownTables = Dictionary<uint64 * Map<uint64, Draft>, int>(HashIdentity.Structural)
        let cluster = clusterOf options
        member _.Clusters = clusters
        member _.Runs = runs
        member _.Tables = tables

        member private _.Keep bytes =
            clusters.Add bytes
            clusters.Count - 1

        /// FMT-QCOW2-201, FMT-QCOW2-206: compressed bytes go right behind others, on no boundary.
        member private _.Pack(bytes: byte[]) =
            let number = runs.Count

            let dice purpose bound =
                Layout.draw options.Seed purpose (number + clusters.Count) bound

            let fresh () =
                runs.Add(List())
                runs[runs.Count - 1]

            let run =
                if runs.Count > 0 && runs[runs.Count - 1].Count < packedPerRun then
                    runs[runs.Count - 1]
                else
                    fresh ()

            let offset =
                if run.Count = 0 then
                    uint64 (dice "packed offset" (int cluster))
                else
                    let before, last = run[run.Count - 1]
                    before + Bytes.length last + uint64 (dice "packed gap" 3)

            run.Add((offset, bytes))
            InRun(runs.Count - 1, offset, bytes.Length)

        member private this.Draft guest cell =
            let parts part =
                if options.IsExtended then
                    List.replicate 32 part
                else
                    [ part ]

            match cell with
            | Whole bytes -> AtCluster(this.Keep bytes, parts Stored)
            | Mixed(bytes, some) when List.contains Stored some -> AtCluster(this.Keep bytes, some)
            | Mixed(_, some) -> Nowhere some
            | Empty true -> AtCluster(this.Keep(Array.create (int cluster) 0xa5uy), parts Zeroes)
            | Empty false -> Nowhere(parts Zeroes)
            | Squeezed bytes ->
                let packed = Codec.pack options.Compression bytes

                if Bytes.length packed < cluster then
                    this.Pack packed
                else
                    this.Draft guest (Whole bytes)

        /// The draft of a cell, the one of before for an equal cell of the same guest cluster.
        member this.Entry guest cell =
            match known.TryGetValue((guest, cell)) with
            | true, draft when mayShare -> draft
            | _ ->
                let draft = this.Draft guest cell
                known[(guest, cell)] <- draft
                draft

        /// The number of a second-level table with such entries.
        member _.Table (l1Index: uint64) (entries: Map<uint64, Draft>) =
            match knownTables.TryGetValue((l1Index, entries)) with
            | true, number when mayShare -> number
            | _ ->
                tables.Add entries
                knownTables[(l1Index, entries)] <- tables.Count - 1
                tables.Count - 1

    /// The tables of one view: which second-level table each entry of the first level has.
    let private collect (options: Options) (collector: Collector) (cells: Cells) =
        let perTable = l2Entries options

        cells
        |> Map.toList
        |> List.groupBy (fun (index, _) -> index / perTable)
        |> List.map (fun (l1Index, under) ->
            let entries = [
                for index, cell in under -> index % perTable, collector.Entry index cell
            ]

            l1Index, collector.Table l1Index (Map.ofList entries))

    let private runBytes (run: List<uint64 * byte[]>) =
        let offset, last = run[run.Count - 1]
        offset + Bytes.length last

    /// FMT-QCOW2-307: so many blocks of counts that every cluster has one.
    let private layOut (options: Options) (things: (Thing * int) list) =
        let perBlock = clusterOf options * 8UL >>> options.RefcountOrder
        let perTable = int (clusterOf options / 8UL)

        let rec attempt blocks =
            let tableClusters =
                (blocks + perTable - 1) / perTable + Layout.draw options.Seed "table size" 0 2

            let counts =
                (CountTable, tableClusters) :: [ for b in 0 .. blocks - 1 -> CountBlock b, 1 ]

            let places, total = Layout.place options.Seed (things @ counts)
            let needed = int (Bytes.unitsFor perBlock total)

            if needed <= blocks then
                places, total, blocks, tableClusters
            else
                attempt needed

        attempt 1

    /// FMT-QCOW2-152: the words of an entry with parts.
    let private partBits (parts: Part list) =
        parts
        |> List.indexed
        |> List.sumBy (fun (index, part) ->
            match part with
            | Stored -> 1UL <<< index
            | Zeroes -> 1UL <<< (index + 32)
            | FromBacking -> 0UL)

    /// FMT-QCOW2-303: writes a count into its block.
    let private putCount (file: byte[]) (options: Options) (block: uint64) (index: uint64) count =
        let bit = index <<< options.RefcountOrder
        let at = int (block + (bit >>> 3))

        if options.RefcountOrder < 3 then
            file[at] <- file[at] ||| byte (count <<< int (bit &&& 7UL))
        else
            let width = 1 <<< (options.RefcountOrder - 3)
            Array.blit (HeaderWriter.u64 count) (8 - width) file at width

    /// The whole file, when everything has its place. Free clusters hold what nobody may read.
    type private Canvas(options: Options, total: uint64) =
        let cluster = clusterOf options
        let file = Array.create (int (total * cluster)) 0x5auy
        let counts = Array.zeroCreate<uint64>(int total)
        member _.File = file
        member _.Counts = counts

        /// One reference to each cluster of a range.
        member _.Refer(offset: uint64, length: uint64) =
            for index in offset / cluster .. (offset + length - 1UL) / cluster do
                counts[int index] <- counts[int index] + 1UL

        member _.Put (offset: uint64) (bytes: byte[]) =
            Array.blit bytes 0 file (int offset) bytes.Length

        /// Bytes that begin a run of clusters, of which the rest is zero.
        member this.Fill (offset: uint64) (clusters: int) (bytes: byte[]) =
            Array.fill file (int offset) (clusters * int cluster) 0uy
            this.Put offset bytes

        member _.IsOwned(offset: uint64) = counts[int (offset / cluster)] = 1UL

    let private clustersFor (options: Options) (bytes: uint64) =
        int (Bytes.unitsFor (clusterOf options) bytes)

    /// The word of a standard entry; the mark of copies is set later (FMT-QCOW2-310).
    let private standardWord (options: Options) (place: uint64) (parts: Part list) =
        if options.IsExtended then place
        elif List.contains Zeroes parts then place ||| 1UL
        else place

    /// FMT-QCOW2-902: the bytes of an image with these contents, or why there is none. The same
    /// arguments give the same bytes.
    let write (options: Options) (cells: Cells) : Result<Written, Fault> =
        let build () =
            let cluster = clusterOf options
            let views = views options cells
            let mayShare = largest options >= uint64 views.Length

            // A count must hold all that share a cluster: a few packed ones, by every view.
            let packedPerRun =
                if options.RefcountOrder < 2 then 1
                elif options.RefcountOrder = 2 then 3
                else 1 + Layout.draw options.Seed "packed together" 0 12

            let collector = Collector(options, mayShare, packedPerRun)
            let firstTables = views |> List.map (fst >> collect options collector)
            let l1Counts = views |> List.map (snd >> l1EntriesFor options)
            let extra = Layout.draw options.Seed "L1 entries" 0 3
            let l1Counts = l1Counts |> List.map (fun count -> max 1 (count + extra))
            let hasData = options.DataFile.IsSome
            let snapshotBytes l1s = HeaderWriter.snapshotTable options l1s
            let dummy = l1Counts.Tail |> List.map (fun count -> 0UL, count)
            let snapshotClusters = clustersFor options (Bytes.length (snapshotBytes dummy))

            let things = [
                for view, count in List.indexed l1Counts do
                    FirstTable view, clustersFor options (uint64 count * 8UL)
                for number in 0 .. collector.Tables.Count - 1 do
                    SecondTable number, 1
                if not hasData then
                    for number in 0 .. collector.Clusters.Count - 1 do
                        HostCluster number, 1
                for number, run in Seq.indexed collector.Runs do
                    PackedRun number, clustersFor options (runBytes run)
                if snapshotClusters > 0 then
                    SnapshotTable, snapshotClusters
            ]

            let places, total, blocks, tableClusters = layOut options things
            let at thing = places[thing] * cluster
            let canvas = Canvas(options, total)
            let l1Offsets = l1Counts |> List.mapi (fun view _ -> at (FirstTable view))

            // The header and tables in one piece.
            let snapshotsOffset = if snapshotClusters > 0 then at SnapshotTable else 0UL
            let tableOffset = at CountTable

            let first =
                HeaderWriter.header
                    options
                    l1Offsets.Head
                    l1Counts.Head
                    tableOffset
                    tableClusters
                    snapshotsOffset

            canvas.Fill 0UL 1 first
            canvas.Refer(0UL, cluster)

            if snapshotClusters > 0 then
                let bytes = snapshotBytes (List.zip l1Offsets.Tail l1Counts.Tail)
                canvas.Fill snapshotsOffset snapshotClusters bytes
                canvas.Refer(snapshotsOffset, Bytes.length bytes)

            canvas.Fill tableOffset tableClusters [||]
            canvas.Refer(tableOffset, uint64 tableClusters * cluster)

            for block in 0 .. blocks - 1 do
                let place = at (CountBlock block)
                canvas.Put (tableOffset + uint64 block * 8UL) (HeaderWriter.u64 place)
                canvas.Fill place 1 [||]
                canvas.Refer(place, cluster)

            // Data.
            if not hasData then
                for number, bytes in Seq.indexed collector.Clusters do
                    canvas.Put (at (HostCluster number)) bytes

            for number, run in Seq.indexed collector.Runs do
                for offset, bytes in run do
                    canvas.Put (at (PackedRun number) + offset) bytes

            // Second-level tables: words without marks, and the references that they make once for
            // every first-level entry that points to them.
            let uses = firstTables |> List.concat |> List.countBy snd |> Map.ofList

            let owner = firstTables |> List.concat |> List.map (fun (l1, t) -> t, l1) |> Map.ofList

            for number, entries in Seq.indexed collector.Tables do
                let table = at (SecondTable number)
                canvas.Fill table 1 [||]

                for index, draft in Map.toSeq entries do
                    let guest = (owner[number] * l2Entries options + index) * cluster
                    let entryAt = table + index * l2EntryBytes options

                    let refer offset length =
                        for _ in 1 .. uses[number] do
                            canvas.Refer(offset, length)

                    match draft with
                    | Nowhere parts ->
                        canvas.Put entryAt (HeaderWriter.u64 (standardWord options 0UL parts))

                        if options.IsExtended then
                            canvas.Put (entryAt + 8UL) (HeaderWriter.u64 (partBits parts))
                    | AtCluster(host, parts) ->
                        let place = if hasData then guest else at (HostCluster host)

                        if not hasData then
                            refer place cluster

                        canvas.Put entryAt (HeaderWriter.u64 (standardWord options place parts))

                        if options.IsExtended then
                            canvas.Put (entryAt + 8UL) (HeaderWriter.u64 (partBits parts))
                    | InRun(run, offset, length) ->
                        let start = at (PackedRun run) + offset
                        let sectors = (start + uint64 length - 1UL) / 512UL - start / 512UL
                        let split = 62 - (options.ClusterBits - 8)
                        refer start ((sectors + 1UL) * 512UL - start % 512UL)
                        let word = Entries.compressed ||| (sectors <<< split) ||| start
                        canvas.Put entryAt (HeaderWriter.u64 word)

            for view, tables in List.indexed firstTables do
                let size = uint64 l1Counts[view] * 8UL
                canvas.Fill l1Offsets[view] (clustersFor options size) [||]
                canvas.Refer(l1Offsets[view], size)

                for _, table in tables do
                    canvas.Refer(at (SecondTable table), cluster)

            // FMT-QCOW2-310: marks, now that all is counted. Those of snapshots say nothing.
            for view, tables in List.indexed firstTables do
                for l1Index, table in tables do
                    let place = at (SecondTable table)
                    let owned = canvas.IsOwned place
                    let marked = if owned then place ||| Entries.copied else place
                    canvas.Put (l1Offsets[view] + l1Index * 8UL) (HeaderWriter.u64 marked)

                    for index, draft in Map.toSeq collector.Tables[table] do
                        match draft with
                        | AtCluster(host, _) ->
                            let entryAt = place + index * l2EntryBytes options
                            let isOwned = hasData || canvas.IsOwned(at (HostCluster host))
                            let word = Bytes.u64 canvas.File entryAt

                            if isOwned then
                                canvas.Put entryAt (HeaderWriter.u64 (word ||| Entries.copied))
                        | _ -> ()

            canvas.Counts
            |> Array.iteri (fun index count ->
                let perBlock = cluster * 8UL >>> options.RefcountOrder
                let block = at (CountBlock(int (uint64 index / perBlock)))
                putCount canvas.File options block (uint64 index % perBlock) count)

            // FMT-QCOW2-404: the data file has the guest's own offsets.
            let dataFile =
                options.DataFile
                |> Option.map (fun (_, isRaw) ->
                    let filler = if isRaw then 0uy else 0x5auy
                    let size = int (Bytes.roundUp cluster options.SizeBytes)
                    let data = Array.create size filler

                    for l1Index, table in firstTables.Head do
                        for index, draft in Map.toSeq collector.Tables[table] do
                            match draft with
                            | AtCluster(host, parts) when not isRaw || List.contains Stored parts ->
                                let guest = (l1Index * l2Entries options + index) * cluster
                                let bytes = collector.Clusters[host]
                                let partBytes = bytes.Length / parts.Length

                                for number, part in List.indexed parts do
                                    if part = Stored || not isRaw then
                                        let from = number * partBytes
                                        Array.blit bytes from data (int guest + from) partBytes
                            | _ -> ()

                    data)

            { File = canvas.File; DataFile = dataFile }

        match agree options cells with
        | Error fault -> Error fault
        | Ok() when options.Snapshots.Length > 2 ->
            refuse "FMT-QCOW2-901" "nb_snapshots" "this writer makes two at most"
        | Ok() -> Ok(build ())
