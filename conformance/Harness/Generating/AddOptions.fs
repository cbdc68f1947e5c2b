/// Options of blockdev-add: mostly sensible trees over the files and nodes that are there.
namespace Ashlar.Conformance

open System.Collections.Generic
open Ashlar.Reference.Block

/// What a child is wanted for, which decides what fits.
[<RequireQualifiedAccess>]
type Wanted =
    /// Any node.
    | Anything
    /// The file of a qcow2 node.
    | Image
    /// A backing.
    | Backing

/// Making options. Shares the generator's stream and sight.
[<Sealed>]
type AddOptions(dice: Dice, swarm: Swarm, script: Script, sight: Sight) =
    let on = Value.Bool true
    let off = Value.Bool false

    let imageFiles =
        script.Files
        |> List.filter (fun f ->
            match f.Format with
            | Format.Qcow2 _ -> true
            | _ -> false)
        |> List.map _.Name
        |> Array.ofList

    let otherFiles =
        script.Files
        |> List.filter (fun f ->
            match f.Format with
            | Format.Qcow2 _ -> false
            | _ -> true)
        |> List.map _.Name
        |> Array.ofList

    let oddNames = [| "none.raw"; ""; "x.raw"; "a.raw\u0000"; System.String('p', 4_096) |]

    let invalidNodeNames = [|
        "9n"
        ""
        "a b"
        "n/0"
        "#block000"
        "a2345678901234567890123456789012"
        "a234567890123456789012345678901"
        "\u00e9t\u00e9"
        "n0:"
    |]

    let permLists = [|
        [ "write" ]
        [ "resize" ]
        [ "consistent-read" ]
        [ "write-unchanged"; "write" ]
        [ "consistent-read"; "write"; "write-unchanged"; "resize" ]
        []
    |]

    let windows = [| 0L; 512L; 1_000L; 4_096L; 65_536L; 131_072L; 1_048_576L; 2_097_152L; -1L |]

    /// Names given in the tree that is being made, so that it does not collide with itself.
    let given = HashSet<string>()

    /// A name for a new node: usually free; nothing when all are taken and the node can do without.
    let freshName (canGoWithout: bool) : string voption =
        if dice.Percent 2 then
            ValueSome(dice.Pick invalidNodeNames)
        elif dice.Percent 1 then
            ValueSome(dice.Pick [| "b0"; "b1"; "b2" |])
        elif dice.Percent 2 then
            ValueSome(dice.Pick swarm.Names)
        else
            let start = dice.Below swarm.Names.Length
            let mutable tries = 0
            let mutable name = swarm.Names[start]
            let isTaken () = sight.HasNode name || given.Contains name

            while tries < swarm.Names.Length && isTaken () do
                tries <- tries + 1
                name <- swarm.Names[(start + tries) % swarm.Names.Length]

            if isTaken () && canGoWithout then
                ValueNone
            else
                given.Add name |> ignore
                ValueSome name

    /// Options every node takes, each seldom.
    let common (isChild: bool) : (string * Value) list = [
        let isShared = dice.Percent swarm.ForceSharePercent

        // force-share is refused on a node that may be written (BLK-OPEN-007).
        if isShared && dice.Percent 85 then
            "read-only", on
        elif dice.Percent swarm.ReadOnlyPercent then
            "read-only", (if dice.Percent 70 then on else off)

        if dice.Percent swarm.AutoReadOnlyPercent then
            "auto-read-only", (if dice.Percent 85 then on else off)

        if isShared then
            "force-share", (if dice.Percent 90 then on else off)

        if dice.Percent 6 then
            "discard", Value.Str(dice.Pick [| "unmap"; "ignore" |])

        if dice.Percent 4 then
            "detect-zeroes", Value.Str(dice.Pick [| "off"; "on"; "unmap" |])

        if dice.Percent 5 then
            let direct = dice.Percent 30

            // Never empty: what QEMU makes of that is claimed nowhere.
            "cache",
            Value.Dict [
                if direct then
                    "direct", (if dice.Percent 30 then on else off)
                if not direct || dice.Percent 60 then
                    "no-flush", (if dice.Percent 60 then on else off)
            ]

        // Named like any other node; an unnamed root is refused.
        if (if isChild then dice.Percent 55 else dice.Percent 99) then
            match freshName isChild with
            | ValueSome name -> "node-name", Value.Str name
            | ValueNone -> ()
    ]

    /// One of them, rather one that no node uses; two nodes on one file stay frequent.
    let pickFile (files: string[]) =
        let mutable name = dice.Pick files
        let mutable tries = 0

        while tries < 2 && sight.IsOpen name && dice.Percent 70 do
            name <- dice.Pick files
            tries <- tries + 1

        name

    let fileName (wanted: Wanted) =
        if dice.Percent 3 then
            dice.Pick oddNames
        elif imageFiles.Length > 0 && dice.Percent(if wanted = Wanted.Image then 92 else 25) then
            pickFile imageFiles
        elif otherFiles.Length > 0 then
            pickFile otherFiles
        else
            "none.raw"

    /// A throttle group, most often the one that nearly all nodes share.
    let throttleGroup () =
        if dice.Percent 4 then "nogroup"
        elif dice.Percent 85 then "tg0"
        else dice.Pick [| "tg1"; "tg2"; "io0" |]

    let fileOptions (wanted: Wanted) : (string * Value) list = [
        "filename", Value.Str(fileName wanted)

        if dice.Percent swarm.LockingOffPercent then
            "locking", Value.Str "off"
        elif dice.Percent 3 then
            "locking", Value.Str(dice.Pick [| "on"; "auto" |])

        if dice.Percent 2 then
            "aio", Value.Str(dice.Pick [| "threads"; "native"; "io_uring" |])

        if dice.Percent 2 then
            "x-check-cache-dropped", off
    ]

    /// The name of a node that is there, fitting if possible; seldom one that is not.
    let reference (wanted: Wanted) : string =
        if sight.Nodes.Count = 0 || dice.Percent 2 then
            "nx"
        else
            let fits (node: Node) = wanted <> Wanted.Image || sight.IsOnBareImage node
            let start = dice.Below sight.Nodes.Count

            let node =
                match sight.FindFrom(start, fits) with
                | ValueSome node -> node
                | ValueNone -> sight.Nodes[start]

            // Most nodes that do not fit are refused, which is worth seeing; an image in an image
            // or behind a window is out of the model.
            if fits node || not (sight.IsOnQcow2Image node) then
                node.Name
            else
                "nx"

    /// An image inside an image is out of the model, so below qcow2 there is no qcow2, and no
    /// quorum that could vote for one.
    let imageDrivers =
        Swarm.drivers |> Array.filter (fun d -> d <> "qcow2" && d <> "quorum" && d <> "null-co")

    let driverFor (wanted: Wanted) (depth: int) : string =
        if depth >= swarm.DepthMax then
            if wanted = Wanted.Image || dice.Percent 80 then
                "file"
            else
                "null-co"
        elif wanted = Wanted.Image then
            if dice.Percent 75 then "file" else dice.Pick imageDrivers
        else
            match Swarm.drivers[dice.Weighted swarm.Drivers] with
            | "nbd" when script.Exports.IsEmpty && dice.Percent 92 -> "null-co"
            | driver -> driver

    /// A whole options object.
    member this.Node(wanted: Wanted, depth: int) : (string * Value) list =
        if depth = 0 then
            given.Clear()

        let driver = driverFor wanted depth
        let common = common (depth > 0)
        let own = this.Own(driver, wanted, depth)

        // Nobody writes through a node that is read-only, so what stands on it mostly is, too.
        let isOnReadOnly =
            own
            |> List.exists (fun (key, value) ->
                match key, value with
                | ("file" | "image"), Value.Str name ->
                    match Graph.byName sight.State name with
                    | Some node -> not node.Writable && not node.AutoReadOnly
                    | None -> false
                | ("file" | "image"), Value.Dict members ->
                    Value.find "read-only" members = ValueSome on
                    && (Value.find "auto-read-only" members).IsNone
                | _ -> false)

        let common =
            if isOnReadOnly && dice.Percent 75 then
                ("read-only", on) :: List.filter (fun (key, _) -> key <> "read-only") common
            else
                common

        ("driver", Value.Str driver) :: own @ common

    /// A child: an object or a name.
    member this.Child(wanted: Wanted, depth: int) : Value =
        // An image is seldom there already.
        let lacks =
            sight.Nodes.Count = 0
            || (wanted = Wanted.Image
                && dice.Percent 85
                && sight.FindFrom(0, sight.IsOnBareImage).IsNone)

        if depth < 8 && (lacks || dice.Percent swarm.InlinePercent) then
            Value.Dict(this.Node(wanted, depth + 1))
        else
            Value.Str(reference wanted)

    /// What the driver itself takes.
    member private this.Own(driver: string, wanted: Wanted, depth: int) : (string * Value) list =
        match driver with
        | "file" -> fileOptions wanted
        | "null-co" -> [
            if dice.Percent 60 then
                "size", Value.Int(dice.Pick [| 1_048_576L; 65_536L; 1_000L; 0L; -1L |])
            if dice.Percent 10 then
                "read-zeroes", on
          ]
        | "raw" -> [
            "file", this.Child((if wanted = Wanted.Image then wanted else Wanted.Anything), depth)

            // A window would hide an image's tables, so below qcow2 there is none.
            if wanted <> Wanted.Image then
                if dice.Percent 20 then
                    "offset", Value.Int(dice.Pick windows)

                if dice.Percent 15 then
                    "size", Value.Int(dice.Pick windows)
          ]
        | "qcow2" -> [
            "file", this.Child(Wanted.Image, depth)

            if dice.Percent 35 then
                "backing", this.Child(Wanted.Backing, depth)
            elif dice.Percent 30 then
                "backing", Value.Null

            if dice.Percent 1 then
                "data-file", Value.Str(reference Wanted.Anything)
          ]
        | "throttle" -> [
            "throttle-group", Value.Str(throttleGroup ())
            "file", this.Child(wanted, depth)
          ]
        | "copy-on-read" -> [ "file", this.Child(wanted, depth) ]
        | "blkdebug" -> [
            "image", this.Child(wanted, depth)

            if dice.Percent 40 then
                "take-child-perms", Value.List(dice.Pick permLists |> List.map Value.Str)

            if dice.Percent 40 then
                "unshare-child-perms", Value.List(dice.Pick permLists |> List.map Value.Str)
          ]
        | "nbd" -> [
            "server",
            Value.Dict [
                "type", Value.Str "unix"
                "path", Value.Str(if dice.Percent 8 then "gone.sock" else "nbd.sock")
            ]

            if dice.Percent 95 then
                "export", Value.Str(dice.Pick [| "disk"; "disk"; "cd"; "none" |])
          ]
        | _ ->
            let count = if dice.Percent 5 then 0 else dice.Between(1, 3)

            [
                "children", Value.List [ for _ in 1..count -> this.Child(Wanted.Anything, depth) ]

                "vote-threshold",
                Value.Int(
                    int64 (
                        if dice.Percent 90 then
                            max 1 (dice.Between(1, count))
                        else
                            count + 1
                    )
                )

                if dice.Percent 25 then
                    "rewrite-corrupted", (if dice.Percent 70 then on else off)

                if dice.Percent 25 then
                    "read-pattern", Value.Str(dice.Pick [| "fifo"; "quorum" |])
            ]

    /// The name of a node that is there.
    member _.Reference(wanted: Wanted) : string = reference wanted

    /// The name of a file that fits, usually.
    member _.FileName(wanted: Wanted) : string = fileName wanted

    /// A free name, usually.
    member _.FreshName() : string = freshName false |> ValueOption.defaultValue "n0"
