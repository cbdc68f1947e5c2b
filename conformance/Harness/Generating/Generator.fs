/// The generator: one script's commands, drawn one by one with a look at the state. Most are valid,
/// a known share is not, names are few so that things collide. The same seed gives the same script
/// as long as the oracle answers the same.
namespace Ashlar.Conformance

open System.Collections.Generic
open Ashlar.Reference.Block

/// One script's source of commands.
[<Sealed>]
type Generator(seed: uint64, profile: Profile, surroundings: Surroundings) =
    inherit Source()

    let dice = Dice seed
    let world = Worlds.make (dice.Split()) profile.Name surroundings

    let script = { world with Header = { world.Header with Seed = Some seed } }

    let swarm = Swarm.make (dice.Split()) surroundings
    let sight = Sight script
    let add = AddOptions(dice, swarm, script, sight)
    let reopen = ReopenOptions(dice, swarm, sight, add)
    let users = Users(dice, swarm, add, sight)
    let plan = Queue<unit -> Command>()

    /// The files that move; what a host does when a file shall replace a directory is not modelled.
    let paths =
        script.Files
        |> List.filter (fun f -> f.Format <> Format.Directory)
        |> List.map _.Name
        |> Array.ofList

    let mutable step = 0

    /// From here on nodes are deleted rather than added.
    let nodesMany = 14

    let anyName () = add.Reference Wanted.Anything

    let node () =
        let members = add.Node(Wanted.Anything, 0)

        if dice.Percent swarm.InvalidPercent then
            Spoil.options dice members
        else
            members

    /// A path, most often one that a node uses.
    let path () =
        if sight.Nodes.Count > 0 && dice.Percent 70 then
            match sight.Nodes[dice.Below sight.Nodes.Count].Settings with
            | Settings.File hold -> hold.Path
            | _ -> dice.Pick paths
        else
            dice.Pick paths

    let modes = [| 0o644; 0o644; 0o444; 0o444; 0o000; 0o222; 0o600; 0o666 |]
    let bytes = [| 100; 101; 102; 103; 200; 201; 202; 203 |]

    let move () =
        match dice.Below 12 with
        | 0
        | 1
        | 2
        | 3
        | 4 -> Move.Chmod(path (), dice.Pick modes)
        | 5
        | 6 -> Move.TakeLock(path (), dice.Pick bytes)
        | 7
        | 8 -> Move.DropLock(path (), dice.Pick bytes)
        | 9 -> Move.Rename(path (), (if dice.Percent 50 then "x.raw" else dice.Pick paths))
        | 10 -> Move.Rename("x.raw", dice.Pick paths)
        | _ -> Move.Unlink(path ())

    /// A qcow2 node that could be a snapshot's overlay.
    let overlayOptions () =
        add.Node(Wanted.Anything, 0)
        |> List.filter (fun (key, _) -> key = "node-name" || key = "read-only")
        |> List.append [
            "driver", Value.Str "qcow2"
            "backing", Value.Null
            "file",
            if dice.Percent 40 then
                add.Child(Wanted.Image, 0)
            else
                Value.Dict [
                    "driver", Value.Str "file"
                    "filename", Value.Str(add.FileName Wanted.Image)
                ]
        ]

    let exportIds = [| "e0"; "e1"; "e2" |]
    let exportNames = [| "x0"; "x1" |]

    let find holds = sight.FindFrom(dice.Below sight.Nodes.Count, holds)

    let isFree taken candidate = not (List.exists (taken candidate) sight.State.Exports)

    /// Of a table, what no export has yet, if there is such a thing.
    let unusedBy (taken: string -> Export -> bool) (table: string[]) =
        match table |> Array.filter (isFree taken) with
        | [||] -> dice.Pick table
        | free when dice.Percent 90 -> dice.Pick free
        | _ -> dice.Pick table

    let threads () = [|
        for object in sight.World.Objects do
            if object.Value = ObjectKind.IoThread then
                object.Key
    |]

    /// Where an export is to run. In QEMU 7.2 a node whose export is not fixed can be given no
    /// parent (conformance/findings/iothread-gets-a-parent.md), and a fixed export without a thread
    /// of its own stays where the node's history has left it, of which nothing is claimed.
    let threadWish () : ThreadWish =
        match threads () with
        | [||] when dice.Percent 98 -> ThreadWish.none
        | [||] -> { IoThread = Some "io0"; Fixed = dice.Percent 50 }
        | threads when dice.Percent 60 -> {
            IoThread =
                Some(
                    if dice.Percent 4 then
                        dice.Pick [| "tg0"; "nx"; "io1" |]
                    else
                        dice.Pick threads
                )
            Fixed = dice.Percent(if surroundings.OverQmp then 100 - Killers.share else 60)
          }
        | _ ->
            let isClear =
                sight.State.Exports |> List.forall (fun e -> e.FixedThread || e.Thread = "")

            {
                IoThread = None
                Fixed = dice.Percent 8 && (isClear || not surroundings.OverQmp)
            }

    let exportAdd () =
        let id =
            if dice.Percent 3 then
                dice.Pick [| "9!"; ""; "a b" |]
            else
                unusedBy (fun id export -> export.Id = id) exportIds

        // An export needs a node whose other users let it keep its length.
        let fits (node: Node) =
            let struct (used, allowed) = sight.Asked(node, -1)
            Perm.meets allowed Perm.CR && not (Perm.meets used Perm.RZ)

        let found = if dice.Percent 80 then find fits else ValueNone

        let struct (node, mayWrite) =
            match found with
            | ValueSome node ->
                let struct (_, allowed) = sight.Asked(node, -1)
                struct (node.Name, node.Writable && Perm.meets allowed Perm.W)
            | ValueNone -> struct (anyName (), true)

        let name =
            if dice.Percent 50 then
                None
            else
                Some(unusedBy (fun name export -> export.Name = name) exportNames)

        let writable = dice.Percent(if mayWrite then 50 else 8)
        BlockExportAdd(id, node, name, writable, threadWish ())

    let exportDel () =
        match sight.State.Exports with
        | export :: _ when dice.Percent 80 -> BlockExportDel export.Id
        | _ -> BlockExportDel(dice.Pick exportIds)

    /// Deletes fitting nodes more often than others: the monitor's own, without parents.
    let delete () =
        let mutable name = anyName ()

        if sight.Nodes.Count > 0 && dice.Percent 75 then
            let start = dice.Below sight.Nodes.Count
            let mutable at = 0
            let mutable found = false

            while not found && at < sight.Nodes.Count do
                let candidate = sight.Nodes[(start + at) % sight.Nodes.Count]
                at <- at + 1

                if candidate.Parents.IsEmpty && candidate.MonitorOwned then
                    name <- candidate.Name
                    found <- true

        BlockdevDel name

    let legacyReopen () =
        let arguments =
            dice.Pick [|
                "-r"
                "-w"
                "-o read-only=on"
                "-o read-only=off"
                "-o auto-read-only=on"
                "-o read-only=on,auto-read-only=on"
                ""
            |]

        QemuIoReopen(anyName (), arguments)

    /// Whether a node can be reached from another.
    let rec isBelow (depth: int) (low: Node) (high: Node) =
        low.Id = high.Id
        || (depth < 64
            && high.Children
               |> List.exists (fun id ->
                   isBelow (depth + 1) low sight.State.Nodes[sight.State.Edges[id].Child]))

    let namesUsedUp () = swarm.Names |> Array.forall sight.HasNode

    /// A node that an overlay can be put on: its parents move to the overlay, so it stands neither
    /// below it nor under another image.
    let snapshotted (overlay: Node) =
        let isBacking (node: Node) =
            node.Parents |> List.exists (fun id -> Role.has Role.Cow sight.State.Edges[id].Role)

        let mayStand (node: Node) = not (sight.IsBelowImage node)

        let fits (node: Node) =
            mayStand node && not (isBacking node) && not (isBelow 0 node overlay)

        match (if dice.Percent 85 then find fits else ValueNone) with
        | ValueSome node -> node.Name
        | ValueNone ->
            match find mayStand with
            | ValueSome node -> node.Name
            | ValueNone -> "nx"

    let isOverlay (node: Node) =
        node.Driver = Driver.Qcow2
        && node.Parents.IsEmpty
        && (Graph.childNamed sight.State node "backing").IsNone

    // Whether an overlay was just made for a snapshot.
    let mutable isPrepared = false

    /// Where QEMU is asked, only what its profile claims something about, and seldom what is known
    /// to end it.
    let rec claimedOf isReopen (draw: unit -> Value list) =
        let options = draw ()

        let isFit () =
            List.forall Spoil.isClaimed options
            && (not (Killers.isKnown isReopen options) || dice.Percent Killers.share)

        if not surroundings.OverQmp || isFit () then
            options
        else
            claimedOf isReopen draw

    let claimed = claimedOf false

    let snapshot () =
        isPrepared <- false

        match find isOverlay with
        | ValueSome overlay when dice.Percent 90 ->
            BlockdevSnapshot(snapshotted overlay, overlay.Name)
        | _ when sight.Nodes.Count > 0 && dice.Percent 4 ->
            let overlay = sight.Nodes[dice.Below sight.Nodes.Count]
            BlockdevSnapshot(snapshotted overlay, overlay.Name)
        | _ when namesUsedUp () && dice.Percent 90 -> delete ()
        | _ ->
            isPrepared <- true
            BlockdevAdd(claimed (fun () -> [ Value.Dict(overlayOptions ()) ]) |> List.head)

    let objectKinds = [|
        ObjectKind.ThrottleGroup
        ObjectKind.ThrottleGroup
        ObjectKind.IoThread
        ObjectKind.IoThread
        ObjectKind.Secret
    |]

    let threadIds = [| "io0"; "io1" |]
    let objectIds = [| "tg0"; "tg1"; "tg2"; "io0"; "io1" |]

    /// An id for which that holds, if there is one; seldom another, or one that is none.
    let objectId (ids: string[]) (holds: string -> bool) =
        match Array.filter holds ids with
        | _ when dice.Percent 4 -> dice.Pick [| "9!"; ""; "nx" |]
        | [||] -> dice.Pick ids
        | _ when dice.Percent 15 -> dice.Pick ids
        | found -> dice.Pick found

    let objectAdd (kind: ObjectKind) =
        let ids =
            if kind = ObjectKind.IoThread && dice.Percent 85 then
                threadIds
            else
                objectIds

        ObjectAdd(kind, objectId ids (not << sight.World.Objects.ContainsKey))

    /// Deleting the thread of an export kills QEMU 7.2 (conformance/findings/used-iothread.md).
    let rec objectDel () =
        let id = objectId objectIds sight.World.Objects.ContainsKey
        let isUsed = sight.State.Exports |> List.exists (fun export -> export.Thread = id)

        if isUsed && surroundings.OverQmp && not (dice.Percent Killers.share) then
            objectDel ()
        else
            ObjectDel id

    /// What nbd-server-remove names: an id, often one that is there.
    let removed () =
        match sight.State.Exports with
        | export :: _ when dice.Percent 60 -> export.Id
        | _ -> dice.Pick exportNames

    let make (kind: int) =
        match kind with
        | 0 -> BlockdevAdd(claimed (fun () -> [ Value.Dict(node ()) ]) |> List.head)
        | 1 -> delete ()
        | 2 -> BlockdevReopen(claimedOf true reopen.List)
        | 3 -> snapshot ()
        | 4 -> users.Resize()
        | 5 -> NbdServerStart
        | 6 -> exportAdd ()
        | 7 -> exportDel ()
        | 8 -> users.Attach()
        | 9 -> users.Set()
        | 10 -> users.Detach()
        | 11 -> users.Request 0
        | 12 -> users.Request 1
        | 13 -> users.Request 2
        | 14 -> users.Request 3
        | 15 -> Move(move ())
        | 16 -> NbdServerAdd(anyName (), dice.Pick exportNames, dice.Percent 50)
        | 17 -> NbdServerRemove(removed (), dice.Percent 70)
        | 19 -> NbdServerStop
        | 20 -> objectAdd (dice.Pick objectKinds)
        | 21 -> objectDel ()
        | _ -> legacyReopen ()

    /// What a command needs first: a node, a backend, an export, a server. One command in ten goes
    /// without it.
    let sensible (kind: int) =
        match kind with
        | 0
        | 15 -> kind
        | _ when sight.Nodes.Count = 0 -> 0
        | 5 when sight.State.NbdServer -> 6
        | 6 when not sight.State.NbdServer -> 5
        | 16 when not surroundings.Legacy && not sight.State.NbdServer -> 5
        | 19 when not sight.State.NbdServer -> 5
        | 7 when sight.State.Exports.IsEmpty -> if sight.State.NbdServer then 6 else 5
        | 9
        | 10
        | 11
        | 12
        | 13
        | 14 when sight.Backends.Count = 0 -> 8
        | 8 when sight.Backends.Count >= users.NamesCount -> 10
        | _ -> kind

    let single () =
        let kind = dice.Weighted swarm.Commands

        // Commands of another era are refused by name (BLK-OPEN-031).
        if dice.Below 400 = 0 && not surroundings.OverQmp then
            make (if surroundings.Legacy then 3 + dice.Below 2 else 18)
        // A graph that has used up its names shrinks again, or its users change.
        elif kind = 0 && (sight.Nodes.Count >= nodesMany || namesUsedUp ()) && dice.Percent 90 then
            make (
                dice.Pick(
                    if surroundings.OverQmp then
                        [| 1; 1; 2; 6 |]
                    else
                        [| 1; 1; 2; 8 |]
                )
            )
        elif kind = 6 && not surroundings.Legacy && (threads ()).Length = 0 && dice.Percent 30 then
            objectAdd ObjectKind.IoThread
        elif dice.Percent 90 then
            make (sensible kind)
        else
            make kind

    /// Stories do not look where their nodes ended up; what the model cannot follow becomes a
    /// flush.
    let followed (command: Command) =
        let isFollowed (node: Node option) =
            match node with
            | Some node -> sight.IsFollowed node
            | None -> true

        match command with
        | BlockdevSnapshot(name, _) when
            Graph.byName sight.State name |> Option.exists sight.IsBelowImage
            ->
            BlockdevDel name
        | BlockResize(name, _) when not (isFollowed (Graph.byName sight.State name)) ->
            BlockdevDel name
        | Request(name, r) when r <> Request.Flush ->
            let node =
                Graph.backend sight.State name
                |> Option.map (fun b -> sight.State.Nodes[sight.State.Edges[b.Root].Child])

            if isFollowed node then
                command
            else
                Request(name, Request.Flush)
        | _ -> command

    let scene: Stories.Scene = { Dice = dice; Add = add; Script = script; Sight = sight }

    let begins () =
        let share =
            if step > 1 || surroundings.OverQmp then swarm.StoryPercent
            elif swarm.IsDataHeavy then 80
            else 25

        plan.Count = 0 && not surroundings.Legacy && dice.Percent share

    // A command that waits for the one that makes room for it.
    let mutable ahead: Command voption = ValueNone

    /// Whether what a story's step speaks of is still there.
    let isGrounded (command: Command) =
        match command with
        | BackendAttach(_, node, _, _) -> sight.HasNode node
        | BackendSet(name, _, _)
        | BackendDetach name
        | Request(name, _) -> sight.HasBackend name
        | _ -> true

    /// A story's next step. When an earlier one was refused the rest is seldom told.
    let told () =
        let command = followed (plan.Dequeue () ())

        match command with
        | BackendAttach(name, _, _, _) when sight.HasBackend name && dice.Percent 90 ->
            ahead <- ValueSome command
            BackendDetach name
        | _ when isGrounded command || dice.Percent 4 -> command
        | _ ->
            plan.Clear()
            single ()

    let next () =
        match ahead with
        | ValueSome command ->
            ahead <- ValueNone
            command
        | ValueNone ->
            if begins () then
                let draw = if swarm.IsDataHeavy then DataStories.draw else Stories.draw

                for part in draw scene do
                    plan.Enqueue part

            if plan.Count > 0 && dice.Percent 85 then
                told ()
            elif isPrepared && dice.Percent 85 then
                snapshot ()
            elif
                users.IsUnread
                && not surroundings.OverQmp
                && sight.Nodes.Count > 0
                && dice.Percent(if swarm.IsDataHeavy then 70 else 25)
            then
                users.ReadBack()
            else
                single ()

    /// Files that the last reopen wanted for images, with the image's name where it said one. QEMU
    /// 7.2 that refused such a change works on with memory that is gone, and what it says then is
    /// no verdict (conformance/findings/refused-change-of-image.md).
    let mutable wantedFiles: struct (string voption * string) list = []

    let rec filesWanted (value: Value) =
        match value with
        | Value.List items -> List.collect filesWanted items
        | Value.Dict members ->
            let text key =
                match Value.find key members with
                | ValueSome(Value.Str s) -> ValueSome s
                | _ -> ValueNone

            let mine =
                match text "driver", text "file" with
                | (ValueNone | ValueSome "qcow2"), ValueSome file -> [
                    struct (text "node-name", file)
                  ]
                | _ -> []

            mine @ List.collect (snd >> filesWanted) members
        | _ -> []

    let hasFile (struct (image: string voption, file: string)) =
        sight.State.Nodes.Values
        |> Seq.exists (fun node ->
            node.Driver = Driver.Qcow2
            && (image.IsNone || image = ValueSome node.Name)
            && (match Graph.childNamed sight.State node "file" with
                | ValueSome edge -> sight.State.Nodes[edge.Child].Name = file
                | ValueNone -> false))

    /// The world, and a header that says seed, profile and policy; no steps.
    member _.Script = script

    override _.Next(world, state) =
        if step >= swarm.Steps then
            ValueNone
        else
            step <- step + 1
            sight.Look(world, state)

            if not (List.forall hasFile wantedFiles) then
                ValueNone
            else
                let command = next ()
                users.Notice command

                wantedFiles <-
                    match command with
                    | BlockdevReopen list when surroundings.OverQmp -> List.collect filesWanted list
                    | _ -> []

                ValueSome command
