/// The alphabet of the exhaustive lane, stated: which graphs, which commands.
/// docs/tables/exhaustive.md is made from the sentences here.
module Ashlar.Conformance.Alphabet

open Ashlar.Reference.Block

/// A way to make a graph's next node over the nodes before it.
type Brick = {
    /// For the table.
    Meaning: string
    /// The options for the node of that name, over the given child, if it takes one.
    Options: string -> string -> (string * Value) list
    /// Whether it takes a child, so that it comes once for each earlier node.
    OverChild: bool
}

/// A node of a graph as it was added.
type Built = { Name: string; Options: (string * Value) list }

/// A letter of the alphabet: its meaning and its command for a graph's nodes, oldest first.
type Letter = { Meaning: string; Make: Built list -> Command }

let private str (s: string) = Value.Str s
let private on = Value.Bool true
let private mebibyte = 1_048_576L

let private node driver name more = [ "driver", str driver; "node-name", str name ] @ more

let private leaf meaning driver more = {
    Meaning = meaning
    Options = fun name _ -> node driver name more
    OverChild = false
}

let private over meaning driver more = {
    Meaning = meaning
    Options = fun name child -> node driver name ([ "file", str child ] @ more)
    OverChild = true
}

/// What graphs are built of.
let bricks: Brick list = [
    leaf "file a.raw" "file" [ "filename", str "a.raw" ]
    leaf "file a.raw, auto-read-only" "file" [ "filename", str "a.raw"; "auto-read-only", on ]
    leaf "file a.raw, read-only" "file" [ "filename", str "a.raw"; "read-only", on ]
    leaf "file q.qcow2, auto-read-only" "file" [ "filename", str "q.qcow2"; "auto-read-only", on ]
    leaf "null-co" "null-co" [ "size", Value.Int mebibyte ]
    leaf "nbd, auto-read-only, of a server that says read-only" "nbd" [
        "server", Value.Dict [ "type", str "unix"; "path", str Script.defaultServer ]
        "export", str "ro"
        "auto-read-only", on
    ]
    over "raw over a node" "raw" []
    over "raw over a node, read-only" "raw" [ "read-only", on ]
    over "raw over a node, 65,536 bytes from 512 on" "raw" [
        "offset", Value.Int 512L
        "size", Value.Int 65_536L
    ]
    over "qcow2 over a node, no backing" "qcow2" [ "backing", Value.Null ]
    {
        Meaning = "qcow2 over q.qcow2 inline, the node as backing"
        Options =
            fun name child ->
                let image =
                    Value.Dict [
                        "driver", str "file"
                        "filename", str "q.qcow2"
                        "auto-read-only", on
                    ]

                node "qcow2" name [ "file", image; "backing", str child ]
        OverChild = true
    }
    over "throttle over a node" "throttle" [ "throttle-group", str "tg0" ]
    over "copy-on-read over a node" "copy-on-read" []
    {
        Meaning = "blkdebug over a node, takes write, unshares resize"
        Options =
            fun name child ->
                node "blkdebug" name [
                    "image", str child
                    "take-child-perms", Value.List [ str "write" ]
                    "unshare-child-perms", Value.List [ str "resize" ]
                ]
        OverChild = true
    }
    {
        Meaning = "quorum of a node and an inline null-co, both must agree"
        Options =
            fun name child ->
                let other = Value.Dict [ "driver", str "null-co"; "size", Value.Int mebibyte ]

                node "quorum" name [
                    "children", Value.List [ str child; other ]
                    "vote-threshold", Value.Int 2L
                ]
        OverChild = true
    }
]

let private top (nodes: Built list) = List.last nodes
let private bottom (nodes: Built list) = List.head nodes

let private attach name target perm shared meaning = {
    Meaning = meaning
    Make = fun nodes -> BackendAttach(name, (target nodes: Built).Name, perm, shared)
}

let private fixedExport id target thread meaning = {
    Meaning = meaning
    Make =
        fun nodes ->
            let runs = { IoThread = Some thread; Fixed = true }
            BlockExportAdd(id, (target nodes: Built).Name, Some id, false, runs)
}

let private move meaning m = { Meaning = meaning; Make = fun _ -> Move m }

/// The node's options with another value of one, or without it where there was one and `other` is
/// nothing.
let private changed key (other: Value option) (built: Built) : Value =
    let rest = built.Options |> List.filter (fun (k, _) -> k <> key)
    Value.Dict(rest @ [ for value in Option.toList other -> key, value ])

let private toggled (built: Built) : Value =
    let isSet = built.Options |> List.exists (fun (key, _) -> key = "read-only")
    changed "read-only" (if isSet then None else Some on) built

let private reopen meaning (nodes: Built list -> Value list) = {
    Meaning = meaning
    Make = fun built -> BlockdevReopen(nodes built)
}

/// What scripts are made of. `top` is the newest node, `bottom` the oldest.
let letters: Letter list = [
    attach "b0" top Perm.CR Perm.All "attach b0 to top: CR / all"
    attach "b0" top (Perm.CR ||| Perm.W) Perm.All "attach b0 to top: CR, W / all"
    attach "b1" bottom (Perm.W ||| Perm.RZ) Perm.CR "attach b1 to bottom: W, RZ / CR"
    {
        Meaning = "set b0: none / all"
        Make = fun _ -> BackendSet("b0", Perm.None, Perm.All)
    }
    {
        Meaning = "set b0: W, RZ / CR"
        Make = fun _ -> BackendSet("b0", Perm.W ||| Perm.RZ, Perm.CR)
    }
    { Meaning = "detach b0"; Make = fun _ -> BackendDetach "b0" }
    move "chmod a.raw 0444" (Move.Chmod("a.raw", 0o444))
    move "rename a.raw to x.raw" (Move.Rename("a.raw", "x.raw"))
    move "rename b.raw to a.raw" (Move.Rename("b.raw", "a.raw"))
    move "another process writes: takes byte 101 of a.raw" (Move.TakeLock("a.raw", 101))
    move "another process shares no write: takes byte 201" (Move.TakeLock("a.raw", 201))
    { Meaning = "delete top"; Make = fun nodes -> BlockdevDel (top nodes).Name }
    {
        Meaning = "delete bottom"
        Make = fun nodes -> BlockdevDel (bottom nodes).Name
    }
    reopen "reopen top with the options it has" (fun nodes -> [ Value.Dict (top nodes).Options ])
    reopen "reopen top with read-only toggled" (fun nodes -> [ toggled (top nodes) ])
    reopen "reopen bottom with read-only toggled" (fun nodes -> [ toggled (bottom nodes) ])
    reopen "reopen all, newest first, each with read-only toggled" (fun nodes ->
        nodes |> List.rev |> List.map toggled)
    reopen "reopen top over bottom" (fun nodes -> [
        changed "file" (Some(str (bottom nodes).Name)) (top nodes)
    ])
    {
        Meaning = "add n9: file a.raw, auto-read-only"
        Make =
            fun _ ->
                BlockdevAdd(
                    Value.Dict(node "file" "n9" [ "filename", str "a.raw"; "auto-read-only", on ])
                )
    }
    {
        Meaning = "snapshot of bottom with top as overlay"
        Make = fun nodes -> BlockdevSnapshot((bottom nodes).Name, (top nodes).Name)
    }
    {
        Meaning = "export top writable as e0"
        Make = fun nodes -> BlockExportAdd("e0", (top nodes).Name, None, true, ThreadWish.none)
    }
    { Meaning = "end export e0"; Make = fun _ -> BlockExportDel "e0" }
    fixedExport "e1" bottom "io1" "export bottom as e1, fixed in io1"
    fixedExport "e2" top "io0" "export top as e2, fixed in io0"
    {
        Meaning = "add the iothread io0"
        Make = fun _ -> ObjectAdd(ObjectKind.IoThread, "io0")
    }
    { Meaning = "delete the object io0"; Make = fun _ -> ObjectDel "io0" }
    { Meaning = "stop the NBD server"; Make = fun _ -> NbdServerStop }
    {
        Meaning = "b0 writes 512 bytes at 512"
        Make = fun _ -> Request("b0", Request.Write(512L, 512L, 0xA5uy))
    }
    {
        Meaning = "b0 reads 4,096 bytes at 0"
        Make = fun _ -> Request("b0", Request.Read(0L, 4_096L))
    }
    {
        Meaning = "resize top to 65,536"
        Make = fun nodes -> BlockResize((top nodes).Name, 65_536L)
    }
    {
        Meaning = "resize bottom to 2,097,152"
        Make = fun nodes -> BlockResize((bottom nodes).Name, 2L * mebibyte)
    }
]

/// The world of every exhaustive script, under each policy of auto-read-only.
let world (policy: Policy) : Script =
    let file name format = {
        Name = name
        Format = format
        SizeBytes = mebibyte
        Mode = 0o644
        Owned = true
        Locks = []
    }

    let header = World.plainHeader

    {
        Script.empty with
            Header = { Script.header with Policy = policy }
            Files = [
                file "a.raw" Format.Raw
                file "b.raw" Format.Raw
                file "q.qcow2" (Format.Qcow2 header)
            ]
            Exports = [
                {
                    Server = Script.defaultServer
                    Name = "ro"
                    SizeBytes = mebibyte
                    ReadOnly = true
                }
            ]
            ThrottleGroups = [ "tg0" ]
    }

/// Nodes of a graph at most.
let nodesMax = 3

/// Commands of a script at most.
let commandsMax = 3

/// The most of a script for the proved model, whose steps cost a hundred times an engine's.
let modelCommandsMax = 1

/// What comes before a graph's first node: exports need the server, and some a thread.
let opening = [
    NbdServerStart
    ObjectAdd(ObjectKind.IoThread, "io0")
    ObjectAdd(ObjectKind.IoThread, "io1")
]
