/// Stories: short sequences that people's tools do, which single random steps rarely hit in order.
/// Each is a list of steps that are made when their turn comes, so that they see the state then.
module Ashlar.Conformance.Stories

open Ashlar.Reference.Block

/// What a story's step is made from.
type Scene = { Dice: Dice; Add: AddOptions; Script: Script; Sight: Sight }

/// A word of options.
let str (s: string) = Value.Str s

let private flag name = name, Value.Bool true

/// An object of options.
let dict members = Value.Dict members

/// A file of the world, an image or not.
let fileNamed (scene: Scene) (isImage: bool) : string =
    let fits (f: WorldFile) =
        match f.Format with
        | Format.Qcow2 _ -> isImage
        | Format.Raw -> not isImage
        | _ -> false

    match scene.Script.Files |> List.filter fits with
    | [] -> "none.raw"
    | files -> (scene.Dice.Pick(Array.ofList files)).Name

/// Adds a file node.
let addFile name path more =
    BlockdevAdd(dict ([ "driver", str "file"; "node-name", str name; "filename", str path ] @ more))

/// Adds a node over one that is there.
let addOver driver name child more =
    BlockdevAdd(dict ([ "driver", str driver; "node-name", str name; "file", str child ] @ more))

let private reopen driver name child more =
    dict ([ "driver", str driver; "node-name", str name; "file", str child ] @ more)

/// Who only reads.
let reader = Perm.CR

/// Who reads and writes.
let writer = Perm.CR ||| Perm.W

/// A writer comes while the file may not be written, and again when it may (BLK-RO-011).
let private refusedUpgrade (scene: Scene) : (unit -> Command) list =
    let path = fileNamed scene false
    let node = scene.Add.FreshName()
    let mode = scene.Dice.Pick [| 0o444; 0o000 |]

    [
        fun () -> addFile node path [ flag "auto-read-only" ]
        fun () -> Move(Move.Chmod(path, mode))
        fun () -> BackendAttach("b0", node, writer, Perm.All)
        fun () -> Move(Move.Chmod(path, 0o644))
        fun () -> BackendAttach("b0", node, writer, Perm.All)
        fun () -> Request("b0", Request.Write(512L, 512L, 0xA5uy))
        fun () -> BackendSet("b0", reader, Perm.All)
        fun () -> Move(Move.Chmod(path, mode))
        fun () -> BackendSet("b0", writer, Perm.All)
        fun () -> BackendDetach "b0"
        fun () -> Move(Move.Chmod(path, 0o644))
    ]

/// The name leads elsewhere when the writer comes (BLK-FILE-005).
let private movedAway (scene: Scene) : (unit -> Command) list =
    let path = fileNamed scene false
    let other = fileNamed scene false
    let node = scene.Add.FreshName()

    [
        fun () -> addFile node path [ flag "auto-read-only" ]
        fun () -> Move(Move.Rename(path, "away.raw"))
        fun () -> BackendAttach("b1", node, writer, Perm.All)
        if other <> path && scene.Dice.Percent 50 then
            fun () -> Move(Move.Rename(other, path))
            fun () -> BackendAttach("b1", node, writer, Perm.All)
            fun () -> Move(Move.Rename(path, other))
        fun () -> Move(Move.Rename("away.raw", path))
        fun () -> BackendAttach("b1", node, writer, Perm.All)
        fun () -> BackendDetach "b1"
    ]

/// libvirt's way: format read-write, protocol auto-read-only, then a backing is made writable for a
/// commit and read-only again.
let private commitToBacking (scene: Scene) : (unit -> Command) list =
    let imagePath, basePath = fileNamed scene true, fileNamed scene false
    let proto, format = scene.Add.FreshName(), scene.Add.FreshName()
    let baseProto, baseFormat = scene.Add.FreshName(), scene.Add.FreshName()
    let readOnly = [ flag "read-only" ]

    [
        fun () -> addFile baseProto basePath [ flag "auto-read-only" ]
        fun () -> addOver "raw" baseFormat baseProto readOnly
        fun () -> addFile proto imagePath [ flag "auto-read-only" ]
        fun () -> addOver "qcow2" format proto [ "backing", str baseFormat ]
        fun () -> BackendAttach("b2", format, writer, reader ||| Perm.WU)
        fun () -> Request("b2", Request.Write(0L, 4_096L, 0x5Auy))
        fun () -> BlockdevReopen [ reopen "raw" baseFormat baseProto [] ]
        fun () -> BackendAttach("b3", baseFormat, writer, Perm.All)
        fun () -> Request("b3", Request.Write(65_536L, 512L, 0x77uy))
        fun () -> Request("b2", Request.Read(65_536L, 1_024L))
        fun () -> BackendDetach "b3"
        fun () -> BlockdevReopen [ reopen "raw" baseFormat baseProto readOnly ]
        fun () -> BackendDetach "b2"
    ]

/// Two nodes on one file hand the writer's role over (BLK-FILE-012, BLK-FILE-013).
let private twoNodes (scene: Scene) : (unit -> Command) list =
    let path = fileNamed scene false
    let one, two = scene.Add.FreshName(), scene.Add.FreshName()

    [
        fun () -> addFile one path [ flag "auto-read-only" ]
        fun () -> addFile two path [ flag "auto-read-only" ]
        fun () -> BackendAttach("b0", one, writer, reader)
        fun () -> BackendAttach("b1", two, writer, reader)
        fun () -> BackendAttach("b1", two, reader, Perm.All)
        fun () -> BackendDetach "b0"
        fun () -> BackendSet("b1", writer, reader)
        fun () -> BackendDetach "b1"
    ]

/// Another process holds a lock when a writer comes (BLK-FILE-011).
let private lockedOut (scene: Scene) : (unit -> Command) list =
    let path = fileNamed scene false
    let node = scene.Add.FreshName()
    let b = scene.Dice.Pick [| 101; 201; 103; 203 |]

    [
        fun () -> addFile node path [ flag "auto-read-only" ]
        fun () -> Move(Move.TakeLock(path, b))
        fun () -> BackendAttach("b0", node, writer ||| Perm.RZ, reader ||| Perm.WU)
        fun () -> Move(Move.DropLock(path, b))
        fun () -> BackendAttach("b0", node, writer ||| Perm.RZ, reader ||| Perm.WU)
        fun () -> BackendDetach "b0"
    ]

/// A snapshot: an overlay with backing null is put on top, written and read (BLK-GRAPH-022).
let private snapshot (scene: Scene) : (unit -> Command) list =
    let path, basePath = fileNamed scene true, fileNamed scene false
    let overlay, proto, node = scene.Add.FreshName(), scene.Add.FreshName(), scene.Add.FreshName()

    [
        fun () -> addFile node basePath []
        fun () -> BackendAttach("b0", node, writer, reader ||| Perm.WU)
        fun () -> Request("b0", Request.Write(1_024L, 2_048L, 0x11uy))
        fun () -> addFile proto path []
        fun () -> addOver "qcow2" overlay proto [ "backing", Value.Null ]
        fun () -> BlockdevSnapshot(node, overlay)
        fun () -> Request("b0", Request.Read(0L, 4_096L))
        fun () -> Request("b0", Request.Write(1_536L, 512L, 0x22uy))
        fun () -> Request("b0", Request.Read(0L, 4_096L))
        fun () -> BackendDetach "b0"
    ]

/// Copy-on-read over a qcow2 with a backing: what is read becomes the overlay's own (BLK-DATA-006).
let private copyOnRead (scene: Scene) : (unit -> Command) list =
    let path, basePath = fileNamed scene true, fileNamed scene false
    let source, image, cor = scene.Add.FreshName(), scene.Add.FreshName(), scene.Add.FreshName()

    let inlineFile = dict [ "driver", str "file"; "filename", str path ]

    [
        fun () -> addFile source basePath []
        fun () -> BackendAttach("b1", source, writer, Perm.All)
        fun () -> Request("b1", Request.Write(0L, 131_072L, 0x33uy))
        fun () -> BackendDetach "b1"
        fun () ->
            BlockdevAdd(
                dict [
                    "driver", str "qcow2"
                    "node-name", str image
                    "file", inlineFile
                    "backing", str source
                ]
            )
        fun () -> addOver "copy-on-read" cor image []
        fun () -> BackendAttach("b2", cor, reader, Perm.All)
        fun () -> Request("b2", Request.Read(1_000L, 65_536L))
        fun () -> BackendAttach("b1", source, writer, Perm.All)
        fun () -> Request("b1", Request.Write(0L, 131_072L, 0x44uy))
        fun () -> Request("b2", Request.Read(0L, 131_072L))
        fun () -> BackendDetach "b1"
        fun () -> BackendDetach "b2"
    ]

/// A reopen puts another child in the place of one that has a child of its own: what the old one
/// held below it is given back (BLK-REOPEN-020).
let private replacedFile (scene: Scene) : (unit -> Command) list =
    let path, other = fileNamed scene false, fileNamed scene false
    let low, old = scene.Add.FreshName(), scene.Add.FreshName()
    let next, top = scene.Add.FreshName(), scene.Add.FreshName()

    [
        fun () -> addFile low path [ flag "auto-read-only" ]
        fun () -> addOver "raw" old low []
        fun () ->
            if other = path then
                BlockdevAdd(
                    dict [
                        "driver", str "null-co"
                        "node-name", str next
                        "size", Value.Int 1_048_576L
                    ]
                )
            else
                addFile next other []
        fun () -> addOver "raw" top old []
        fun () -> BackendAttach("b0", top, writer, Perm.All)
        fun () -> BlockdevReopen [ reopen "raw" top next [] ]
        fun () -> BlockdevReopen [ reopen "raw" top old [] ]
        fun () -> BackendDetach "b0"
    ]

/// A refused reopen had already taken an inline child away from its parent; afterwards the child
/// inherits as before (BLK-REOPEN-010).
let private inheritsAgain (scene: Scene) : (unit -> Command) list =
    let path = fileNamed scene false
    let top, inner, other = scene.Add.FreshName(), scene.Add.FreshName(), scene.Add.FreshName()

    let options more = dict ([ "driver", str "raw"; "node-name", str top ] @ more)

    let child = [ "driver", str "file"; "node-name", str inner; "filename", str path ]

    [
        fun () -> BlockdevAdd(options [ "file", dict child ])
        fun () -> BlockdevAdd(dict [ "driver", str "null-co"; "node-name", str other ])
        fun () ->
            BlockdevReopen [
                options [ "file", str other ]
                dict [ "driver", str "null-co"; "node-name", str other; "size", Value.Int 512L ]
            ]
        fun () -> BlockdevReopen [ options [ "file", str inner; flag "read-only" ] ]
        fun () -> BlockdevReopen [ options [ "file", str inner ] ]
    ]

/// A reopen puts another image under a qcow2 node (BLK-OPEN-022).
let private replacedImage (scene: Scene) : (unit -> Command) list =
    let path, other = fileNamed scene true, fileNamed scene true
    let one, two, node = scene.Add.FreshName(), scene.Add.FreshName(), scene.Add.FreshName()
    let bare = [ "backing", Value.Null ]

    [
        fun () -> addFile one path []
        fun () -> addOver "qcow2" node one bare
        fun () -> addFile two other []
        fun () -> BlockdevReopen [ reopen "qcow2" node two bare ]
        fun () -> BlockdevReopen [ reopen "qcow2" node one bare ]
    ]

let private all = [|
    replacedImage
    replacedFile
    inheritsAgain
    refusedUpgrade
    refusedUpgrade
    movedAway
    commitToBacking
    commitToBacking
    twoNodes
    lockedOut
    snapshot
    copyOnRead
|]

/// A story, drawn.
let draw (scene: Scene) : (unit -> Command) list = (scene.Dice.Pick all) scene
