/// What a QMP server shows of itself, as an observation: the graph and its users by QMP,
/// descriptors and lock bytes by the kernel.
module Ashlar.Conformance.QmpView

open System
open System.Collections.Generic
open System.IO
open System.Text.Json
open Ashlar.Reference.Block

/// The queries of an observation, in the order `observe` takes their replies.
let queries: (string * Value) list = [
    "x-debug-query-block-graph", Value.Dict []
    "query-named-block-nodes", Value.Dict [ "flat", Value.Bool true ]
    "query-block-exports", Value.Dict []
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

/// Everything but the files, which are the kernel's to tell.
let observe (answer: Answer) (files: ObservedFile list) (replies: JsonElement list) : Observation =
    let graphReply, nodesReply, exportsReply =
        match replies with
        | [ a; b; c ] -> a, b, c
        | _ -> raise (QmpFault "a query has no reply")

    let numbered, edges = graph graphReply

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
            [ for n in nodesReply.EnumerateArray() -> node n ]
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
        Exports = exports exportsReply |> List.sortBy fst
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
