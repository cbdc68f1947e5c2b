/// The oracle's state in the form of QMP's queries. What the specification does not follow has the
/// value that it has in a server where nobody asked for anything else.
module Ashlar.Conformance.OracleQueries

open System
open Ashlar.Block
open Ashlar.Reference.Block

let private text (s: string) = OptionValue.Of s
let private number (n: int64) = OptionValue.Of n
let private flag (b: bool) = OptionValue.Of b

let private dict (members: (string * OptionValue) list) =
    OptionValue.Dictionary(
        members |> List.map fst |> Array.ofList,
        members |> List.map snd |> Array.ofList
    )

let private list (items: OptionValue list) = OptionValue.List(Array.ofList items)

/// What a node reads from, as a file name. QEMU describes nodes whose options a name cannot hold as
/// `json:{...}`; here they have the name of the file below.
let rec private fileName (state: State) (node: Node) : string =
    match node.Settings with
    | Settings.File hold -> hold.Path
    | Settings.NullCo _ -> "null-co://"
    | Settings.Nbd(server, export) ->
        let slash = if export = "" then "" else "/" + export

        match server with
        | ServerAddress.Unix path -> $"nbd+unix://{slash}?socket={path}"
        | ServerAddress.Inet(host, port) -> $"nbd://{host}:{port}{slash}"
    | _ ->
        match Graph.primary state node with
        | ValueSome edge -> fileName state state.Nodes[edge.Child]
        | ValueNone -> ""

let private effective (node: Node) (name: string) : Value voption = Value.find name node.Effective

let private isOn (node: Node) (name: string) =
    match effective node name with
    | ValueSome(Value.Bool on) -> on
    | _ -> false

let private backing (world: World) (state: State) (node: Node) =
    match node.Settings with
    | Settings.Qcow2 image ->
        let shown =
            Graph.childNamed state node "backing"
            |> ValueOption.map (fun edge -> fileName state state.Nodes[edge.Child])

        let format =
            match world.Inodes.TryFind image.Inode with
            | Some { Format = Format.Qcow2 { BackingFormat = Some format } } -> Some format
            | _ -> None

        shown, format
    | _ -> ValueNone, None

let private image (world: World) (state: State) (node: Node) (lengthBytes: int64) =
    let name, format = backing world state node

    dict [
        "filename", text (fileName state node)
        "format", text (Graph.driverName node.Driver)
        "virtual-size", number lengthBytes

        match node.Settings with
        | Settings.Qcow2 image ->
            match world.Inodes.TryFind image.Inode with
            | Some { Format = Format.Qcow2 header } ->
                "cluster-size", number (1L <<< header.ClusterBits)
                "dirty-flag", flag (header.Feature = Some ImageFeature.Dirty)
            | _ -> ()
        | _ -> ()

        match name with
        | ValueSome name ->
            "backing-filename", text name
            "full-backing-filename", text name
        | ValueNone -> ()

        match name, format with
        | ValueSome _, Some format -> "backing-filename-format", text format
        | _ -> ()
    ]

let private throttling = [ "bps"; "bps_rd"; "bps_wr"; "iops"; "iops_rd"; "iops_wr" ]

let private node (world: World) (state: State) (lengthOf: Node -> int64) (node: Node) =
    let detect =
        match effective node "detect-zeroes" with
        | ValueSome(Value.Str word) -> word
        | _ -> "off"

    dict [
        "node-name", text node.Name
        "drv", text (Graph.driverName node.Driver)
        "ro", flag (not node.Writable)
        "file", text (fileName state node)

        match fst (backing world state node) with
        | ValueSome name -> "backing_file", text name
        | ValueNone -> ()

        "backing_file_depth", number 0L
        "encrypted", flag false
        "detect_zeroes", text detect

        for name in throttling do
            name, number 0L

        "write_threshold", number 0L
        "image", image world state node (lengthOf node)

        "cache",
        dict [
            "writeback", flag true
            "direct", flag (isOn node "cache.direct")
            "no-flush", flag (isOn node "cache.no-flush")
        ]
    ]

/// query-named-block-nodes, newest first.
let nodes (profile: Profile) (world: World) (state: State) : OptionValue =
    let length = Oracle.length profile world state

    /// The host's own, where only the host knows; a query has a number in any case.
    let lengthOf (node: Node) =
        match length node.Id, node.Settings with
        | ValueSome bytes, _ -> bytes
        | ValueNone, Settings.File hold -> world.Inodes[hold.Inode].SizeBytes
        | ValueNone, _ -> 0L

    state.Nodes.Values
    |> Seq.sortByDescending _.Id
    |> Seq.map (node world state lengthOf)
    |> List.ofSeq
    |> list

/// query-block-exports.
let exports (state: State) : OptionValue =
    let one (export: Export) =
        let edge = state.Edges[state.Backends[export.Backend].Root]

        dict [
            "id", text export.Id
            "type", text "nbd"
            "node-name", text state.Nodes[edge.Child].Name
            "shutting-down", flag false
        ]

    list (List.map one state.Exports)

/// x-debug-query-block-graph: users, then nodes, newest first, and the edges below each.
let graph (state: State) : OptionValue =
    let backends = List.ofSeq state.Backends.Values
    let nodes = state.Nodes.Values |> Seq.sortByDescending _.Id |> List.ofSeq
    let backendNumber (backend: Backend) = number (int64 backend.Id + 1L)
    let nodeNumber (id: int) = number (int64 state.NextBackend + int64 id + 1L)

    let perms (perm: Perm) = Perm.toQapi perm |> Seq.map text |> List.ofSeq |> list

    let edge (parent: OptionValue) (edge: Edge) =
        dict [
            "parent", parent
            "child", nodeNumber edge.Child
            "name", text edge.Name
            "perm", perms edge.Perm
            "shared-perm", perms edge.Shared
        ]

    let vertex id kind name = dict [ "id", id; "type", text kind; "name", text name ]

    dict [
        "nodes",
        list [
            for backend in backends do
                vertex (backendNumber backend) "block-backend" backend.Name
            for node in nodes do
                vertex (nodeNumber node.Id) "block-driver" node.Name
        ]
        "edges",
        list [
            for backend in backends do
                edge (backendNumber backend) state.Edges[backend.Root]
            for node in nodes do
                for child in Graph.children state node do
                    edge (nodeNumber node.Id) child
        ]
    ]

/// x-ashlar-query-files: what would be open and locked, a file by the host's number of its inode.
/// `locks` has bit i for byte 100 + i and bit 4 + i for 200 + i (BLK-FILE-010).
let files (profile: Profile) (world: World) (state: State) (hostInode: int -> int64) : OptionValue =
    let one (file: ObservedFile) =
        dict [
            "inode", number (hostInode file.Inode)
            "read-only", number (int64 file.ReadOnlyDescriptors)
            "writable", number (int64 file.WritableDescriptors)
            "locks", number (int64 file.Locks)
        ]

    (OracleView.observeIn profile world state Answer.Done).Files |> List.map one |> list

/// query-commands.
let commands (names: string seq) : OptionValue =
    names |> Seq.map (fun name -> dict [ "name", text name ]) |> List.ofSeq |> list

/// Why a command was refused: what the derivation looked at and the requirement that decided.
let explanation
    (execute: string)
    (arguments: OptionValue)
    (refusal: Refusal)
    (derivation: string list)
    : OptionValue =
    dict [
        "execute", text execute
        "arguments", arguments
        "class", text refusal.Class
        "desc", text refusal.Text
        "requirement", text refusal.Requirement

        match Requirements.find refusal.Requirement with
        | Some found ->
            "title", text found.Title
            "must", text found.Must
            "page", text found.Page
        | None -> ()

        "derivation", list (List.map text derivation)
    ]
