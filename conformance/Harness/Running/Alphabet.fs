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

/// A letter of the alphabet: its meaning and its command for a graph's nodes, oldest first.
type Letter = { Meaning: string; Make: string list -> Command }

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
    over "raw over a node" "raw" []
    over "raw over a node, read-only" "raw" [ "read-only", on ]
    over "qcow2 over a node, no backing" "qcow2" [ "backing", Value.Null ]
    over "qcow2 over q.qcow2 inline, the node as backing" "qcow2" []
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
]

/// The options of a brick; the one with an inline image has its child as backing.
let options (brick: Brick) (name: string) (child: string) : Value =
    let members = brick.Options name child

    if brick.Meaning.StartsWith "qcow2 over q.qcow2" then
        let image =
            Value.Dict [ "driver", str "file"; "filename", str "q.qcow2"; "auto-read-only", on ]

        let rest = members |> List.filter (fun (key, _) -> key <> "file")
        Value.Dict(rest @ [ "file", image; "backing", str child ])
    else
        Value.Dict members

let private top (names: string list) = List.last names
let private bottom (names: string list) = List.head names

let private attach name target perm shared meaning = {
    Meaning = meaning
    Make = fun names -> BackendAttach(name, target names, perm, shared)
}

let private move meaning m = { Meaning = meaning; Make = fun _ -> Move m }

/// What scripts are made of. `top` is the newest node, `bottom` the oldest.
let letters (reopenTop: string list -> bool -> Value list) : Letter list = [
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
    move "another process locks byte 201 of a.raw" (Move.TakeLock("a.raw", 201))
    { Meaning = "delete top"; Make = fun names -> BlockdevDel(top names) }
    { Meaning = "delete bottom"; Make = fun names -> BlockdevDel(bottom names) }
    {
        Meaning = "reopen top with the options it has"
        Make = fun names -> BlockdevReopen(reopenTop names false)
    }
    {
        Meaning = "reopen top with read-only toggled"
        Make = fun names -> BlockdevReopen(reopenTop names true)
    }
    {
        Meaning = "add n9: file a.raw, auto-read-only"
        Make =
            fun _ ->
                BlockdevAdd(
                    Value.Dict(node "file" "n9" [ "filename", str "a.raw"; "auto-read-only", on ])
                )
    }
    {
        Meaning = "export top writable as e0"
        Make = fun names -> BlockExportAdd("e0", top names, None, true)
    }
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
        Make = fun names -> BlockResize(top names, 65_536L)
    }
]

/// The world of every exhaustive script.
let world: Script =
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
            Files = [ file "a.raw" Format.Raw; file "q.qcow2" (Format.Qcow2 header) ]
            ThrottleGroups = [ "tg0" ]
    }

/// Nodes of a graph at most.
let nodesMax = 3

/// Commands of a script at most.
let commandsMax = 3
