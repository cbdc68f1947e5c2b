/// What a QMP server shows of itself, as an observation: the graph and its users by QMP,
/// descriptors and lock bytes by the kernel.
module Ashlar.Conformance.QmpView

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open Ashlar.Reference.Block

/// What a server without descriptors of its own answers in their place: ours, that only thinks.
let filesQuery = "x-ashlar-query-files"

let private graphQuery = "x-debug-query-block-graph"
let private nodesQuery = "query-named-block-nodes"
let private exportsQuery = "query-block-exports"

/// The queries of an observation, as far as they can be compared.
let queries (mode: ComparisonMode) (tellsFiles: bool) : (string * Value) list = [
    if mode.Graph then
        graphQuery, Value.Dict []
    nodesQuery, Value.Dict [ "flat", Value.Bool true ]
    if mode.Exports then
        exportsQuery, Value.Dict []
    if tellsFiles then
        filesQuery, Value.Dict []
]

let private text (name: string) (element: JsonElement) : string =
    match element.GetProperty(name).GetString() with
    | null -> ""
    | found -> found

let private items (name: string) (element: JsonElement) : JsonElement list = [
    for item in element.GetProperty(name).EnumerateArray() -> item
]

let private masks =
    Map.ofList [
        "consistent-read", Perm.CR
        "write", Perm.W
        "write-unchanged", Perm.WU
        "resize", Perm.RZ
    ]

/// Permissions outside of the four (`graph-mod` of older servers) are none of the model's.
let private perms (name: string) (edge: JsonElement) : Perm =
    items name edge
    |> List.fold
        (fun sum word ->
            match masks.TryGetValue(string (word.GetString())) with
            | true, perm -> sum ||| perm
            | _ -> sum)
        Perm.None

let private edge (holder: Holder) (child: string) (e: JsonElement) : ObservedEdge = {
    Holder = holder
    Name = text "name" e
    Child = child
    Perm = perms "perm" e
    Shared = perms "shared-perm" e
}

/// The graph: every node by number, and the edges with their parent's number.
let private graph (reply: JsonElement) =
    let nodes = [
        for node in items "nodes" reply ->
            node.GetProperty("id").GetInt64(), (text "type" node, text "name" node)
    ]

    let known = Map.ofList nodes

    let edges = [
        for e in items "edges" reply do
            let parent = e.GetProperty("parent").GetInt64()
            let child = snd known[e.GetProperty("child").GetInt64()]

            let holder =
                match known[parent] with
                | "block-driver", name -> Holder.Node name
                | _, "" -> Holder.Backend None
                | _, name -> Holder.Backend(Some name)

            parent, edge holder child e
    ]

    nodes, edges

let private exports (reply: JsonElement) = [
    for e in reply.EnumerateArray() -> text "id" e, text "node-name" e
]

/// Everything but the files, which are the kernel's to tell. Replies by the query's name.
let observe (answer: Answer) (files: ObservedFile list) (replies: Map<string, JsonElement>) =
    let numbered, edges =
        match replies.TryFind graphQuery with
        | Some reply -> graph reply
        | None -> [], []

    let node (n: JsonElement) : ObservedNode =
        let name = text "node-name" n

        {
            Name = name
            Driver = text "drv" n
            ReadOnly = n.GetProperty("ro").GetBoolean()
            LengthBytes = n.GetProperty("image").GetProperty("virtual-size").GetInt64()
            Children = edges |> List.map snd |> List.filter (fun e -> e.Holder = Holder.Node name)
            Parents = edges |> List.map snd |> List.filter (fun e -> e.Child = name)
        }

    {
        Answer = answer
        Nodes =
            [ for n in replies[nodesQuery].EnumerateArray() -> node n ]
            |> List.sortWith (fun a b -> String.CompareOrdinal(a.Name, b.Name))
        Backends = [
            for id, (kind, name) in numbered do
                if kind = "block-backend" then
                    for parent, e in edges do
                        if parent = id then
                            {
                                Name = (if name = "" then None else Some name)
                                Node = e.Child
                                Perm = e.Perm
                                Shared = e.Shared
                            }
        ]
        Exports =
            match replies.TryFind exportsQuery with
            | Some reply -> exports reply |> List.sortBy fst
            | None -> []
        Files = files
    }

/// O_ACCMODE, and the two modes that let a descriptor write.
let private accessModes = 3

/// The descriptors of a process on files of the world: which file, and whether it can be written
/// through. `inodeOf` numbers a file by its inode, 0 for a file of nobody.
let descriptors (processId: int) (inodeOf: uint64 -> int) : (int * bool) list = [
    for path in Directory.EnumerateFileSystemEntries $"/proc/{processId}/fd" do
        match inodeOf (Libc.inodeOfPath path) with
        | 0 -> ()
        | inode ->
            let info = path.Replace("/fd/", "/fdinfo/")

            let flags =
                File.ReadLines info
                |> Seq.pick (fun line ->
                    if line.StartsWith("flags:", StringComparison.Ordinal) then
                        Some(Convert.ToInt32(line.Substring(6).Trim(), 8))
                    else
                        None)

            inode, flags &&& accessModes <> 0
]

/// The files that are open or locked.
let files (opened: (int * bool) list) (locksOf: int -> int) : ObservedFile list =
    opened
    |> List.groupBy fst
    |> List.map (fun (inode, modes) -> {
        Inode = inode
        ReadOnlyDescriptors = modes |> List.filter (snd >> not) |> List.length
        WritableDescriptors = modes |> List.filter snd |> List.length
        Locks = locksOf inode
    })
    |> List.sortBy _.Inode

/// The same as the server tells it, a file by its inode.
let toldFiles (numberOf: uint64 -> int) (reply: JsonElement) : ObservedFile list =
    [
        for file in reply.EnumerateArray() do
            let count (name: string) = file.GetProperty(name).GetInt32()

            match numberOf (uint64 (file.GetProperty("inode").GetInt64())) with
            | 0 -> ()
            | inode -> {
                Inode = inode
                ReadOnlyDescriptors = count "read-only"
                WritableDescriptors = count "writable"
                Locks = count "locks"
              }
    ]
    |> List.sortBy _.Inode
