/// Stories about bytes: chains whose drivers map, copy or vote, made on purpose, with backends at
/// several of their nodes, so that what one of them writes is read at another.
module Ashlar.Conformance.DataStories

open Ashlar.Reference.Block
open Ashlar.Conformance.Stories

let private shared = Perm.All

/// A file of the kind that no node uses and that may be written, if there is one.
let private unused (scene: Scene) (isImage: bool) (except: string) : string =
    let fits (file: WorldFile) =
        file.Name <> except
        && file.Mode = 0o644
        && file.Owned
        && file.Locks.IsEmpty
        && file.SizeBytes > 0L
        && (match file.Format with
            | Format.Raw -> not isImage
            | Format.Qcow2 header -> isImage && header.BackingFile.IsNone
            | _ -> false)
        && not (scene.Sight.IsOpen file.Name)

    match scene.Script.Files |> List.filter fits with
    | [] -> fileNamed scene isImage
    | files -> (scene.Dice.Pick(Array.ofList files)).Name

let private lengthOf (scene: Scene) (node: string) : int64 =
    match Graph.byName scene.Sight.State node with
    | Some node -> max 0L (scene.Sight.Length node)
    | None -> 0L

/// A range of the node that begins or ends at an edge of a cluster or beside one.
let private edge (scene: Scene) (node: string) : struct (int64 * int64) =
    let length = min 262_144L (lengthOf scene node)
    let cluster = scene.Dice.Pick [| 512L; 4_096L; 65_536L |]
    let beside = scene.Dice.Pick [| 0L; 0L; 0L; 512L; -512L; 1L |]
    let first = int64 (scene.Dice.Below(int (length / cluster) + 1)) * cluster + beside
    let first = max 0L (min first (length - 1L))
    let wanted = scene.Dice.Pick [| 512L; 1_000L; cluster; 2L * cluster; cluster + 512L |]
    struct (first, max 0L (min wanted (length - first)))

let private write (scene: Scene) backend node =
    let struct (offset, length) = edge scene node
    Request(backend, Request.Write(offset, length, byte (scene.Dice.Between(1, 255))))

let private zero (scene: Scene) backend node =
    let struct (offset, length) = edge scene node
    Request(backend, Request.WriteZeroes(offset, length))

let private readStart (scene: Scene) backend node =
    Request(backend, Request.Read(0L, min 131_072L (lengthOf scene node)))

let private attach name node perm = BackendAttach(name, node, perm, shared)

let private fill (scene: Scene) backend node =
    let value = byte (scene.Dice.Between(1, 255))
    Request(backend, Request.Write(0L, min 131_072L (lengthOf scene node), value))

/// What is written through a raw window stands in the child at the window's offset (BLK-DATA-004).
let private window (scene: Scene) : (unit -> Command) list =
    let path = unused scene false ""
    let file, window = scene.Add.FreshName(), scene.Add.FreshName()
    let offset = scene.Dice.Pick [| 512L; 4_096L; 65_536L |]
    let size = scene.Dice.Pick [| 512L; 1_024L; 65_536L |]

    [
        fun () -> addFile file path []
        fun () ->
            addOver "raw" window file [
                "offset", Value.Int offset
                if scene.Dice.Percent 60 then
                    "size", Value.Int size
            ]
        fun () -> attach "b0" window writer
        fun () -> attach "b1" file reader
        fun () -> write scene "b0" window
        fun () -> readStart scene "b1" file
        fun () -> zero scene "b0" window
        fun () -> readStart scene "b0" window
        fun () -> readStart scene "b1" file
    ]

/// A quorum writes to all children and asks as many as its threshold (BLK-DATA-007).
let private votes (scene: Scene) : (unit -> Command) list =
    let first = unused scene false ""
    let second = unused scene false first
    let one, two, quorum = scene.Add.FreshName(), scene.Add.FreshName(), scene.Add.FreshName()
    // All children must have one length (BLK-OPEN-014).
    let size = scene.Dice.Pick [| 512L; 1_000L; 65_536L |]

    let child name path =
        BlockdevAdd(
            dict [
                "driver", str "raw"
                "node-name", str name
                "size", Value.Int size
                "file", dict [ "driver", str "file"; "filename", str path ]
            ]
        )

    let pattern = scene.Dice.Pick [| "quorum"; "quorum"; "fifo" |]
    let isUneven = scene.Dice.Percent 60

    [
        fun () -> child one first
        fun () -> child two second
        if isUneven then
            fun () -> attach "b1" (if scene.Dice.Percent 50 then one else two) writer
            fun () -> write scene "b1" one
            fun () -> BackendDetach "b1"
        fun () ->
            BlockdevAdd(
                dict [
                    "driver", str "quorum"
                    "node-name", str quorum
                    "children", Value.List [ str one; str two ]
                    "vote-threshold",
                    Value.Int(
                        if pattern = "quorum" then
                            int64 (scene.Dice.Between(1, 2))
                        else
                            1L
                    )
                    "read-pattern", str pattern
                ]
            )
        fun () -> attach "b0" quorum writer
        fun () -> attach "b2" two reader
        fun () -> readStart scene "b0" quorum
        fun () -> write scene "b0" quorum
        fun () -> readStart scene "b2" two
        fun () -> readStart scene "b0" quorum
    ]

/// An image over a file that is full of something: what is written, zeroed, cut off and grown over
/// must hide it, and nothing else may (BLK-DATA-005, BLK-SIZE-004, BLK-SIZE-005).
let private overBacking (scene: Scene) : (unit -> Command) list =
    let path, basePath = unused scene true "", unused scene false ""
    let source, image = scene.Add.FreshName(), scene.Add.FreshName()
    let isRead = scene.Dice.Percent 50

    let change () =
        match scene.Dice.Below 8 with
        | 0
        | 1
        | 2 -> write scene "b0" image
        | 3
        | 4
        | 5 -> zero scene "b0" image
        | 6 ->
            let length = lengthOf scene image
            let shorter = max 512L ((length / scene.Dice.Pick [| 2L; 64L |]) &&& ~~~511L)
            BlockResize(image, shorter)
        | _ ->
            BlockResize(image, lengthOf scene image + scene.Dice.Pick [| 512L; 65_536L; 131_072L |])

    [
        fun () -> addFile source basePath []
        fun () -> attach "b1" source writer
        fun () -> fill scene "b1" source
        fun () -> BackendDetach "b1"
        fun () ->
            BlockdevAdd(
                dict [
                    "driver", str "qcow2"
                    "node-name", str image
                    "file", dict [ "driver", str "file"; "filename", str path ]
                    "backing", str source
                ]
            )
        fun () -> attach "b0" image writer
        if isRead then
            fun () -> attach "b1" source reader
        for _ in 1..5 do
            change
            fun () -> readStart scene "b0" image
        if isRead then
            fun () -> readStart scene "b1" source
    ]

/// An image without a backing that is filled, cut and grown: the cut bytes are gone (BLK-SIZE-004).
let private cutAndGrown (scene: Scene) : (unit -> Command) list =
    let path, image = unused scene true "", scene.Add.FreshName()
    let cut = scene.Dice.Pick [| 512L; 1_024L; 66_048L |]

    [
        fun () ->
            BlockdevAdd(
                dict [
                    "driver", str "qcow2"
                    "node-name", str image
                    "file", dict [ "driver", str "file"; "filename", str path ]
                    "backing", Value.Null
                ]
            )
        fun () -> attach "b0" image writer
        fun () -> fill scene "b0" image
        fun () -> BlockResize(image, cut)
        fun () -> BlockResize(image, cut + scene.Dice.Pick [| 512L; 65_536L; 130_560L |])
        fun () -> readStart scene "b0" image
        fun () -> write scene "b0" image
        fun () -> readStart scene "b0" image
    ]

/// What was read through copy-on-read stays when the backing changes (BLK-DATA-006).
let private copied (scene: Scene) : (unit -> Command) list =
    let path, basePath = unused scene true "", unused scene false ""
    let source, image, cor = scene.Add.FreshName(), scene.Add.FreshName(), scene.Add.FreshName()

    [
        fun () -> addFile source basePath []
        fun () -> attach "b1" source writer
        fun () -> fill scene "b1" source
        fun () -> BackendDetach "b1"
        fun () ->
            BlockdevAdd(
                dict [
                    "driver", str "qcow2"
                    "node-name", str image
                    "file", dict [ "driver", str "file"; "filename", str path ]
                    "backing", str source
                ]
            )
        fun () -> addOver "copy-on-read" cor image []
        fun () -> attach "b2" cor reader
        fun () ->
            let struct (offset, length) = edge scene cor
            Request("b2", Request.Read(offset, length))
        fun () ->
            BlockdevReopen [
                dict [
                    "driver", str "qcow2"
                    "node-name", str image
                    "file", dict [ "driver", str "file"; "filename", str path ]
                    "backing", Value.Null
                ]
            ]
        fun () -> readStart scene "b2" cor
    ]

let private all = [| window; votes; votes; overBacking; overBacking; cutAndGrown; copied; copied |]

/// A story, drawn.
let draw (scene: Scene) : (unit -> Command) list = (scene.Dice.Pick all) scene
