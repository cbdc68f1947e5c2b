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
    let users = Users(dice, add, sight)
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
            "file", add.Child(Wanted.Image, 0)
        ]

    let exportIds = [| "e0"; "e1"; "e2" |]
    let exportNames = [| "x0"; "x1" |]

    let exportAdd () =
        let id =
            if dice.Percent 3 then
                dice.Pick [| "9!"; ""; "a b" |]
            else
                dice.Pick exportIds

        let name =
            if dice.Percent 50 then
                None
            else
                Some(dice.Pick exportNames)

        BlockExportAdd(id, anyName (), name, dice.Percent 50)

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

    /// A node that an overlay can be put on.
    let snapshotted () =
        let name = anyName ()

        match Graph.byName sight.State name with
        | Some node when sight.IsBelowImage node -> "nx"
        | _ -> name

    /// Where QEMU is asked, only what its profile claims something about.
    let rec claimed (draw: unit -> Value list) =
        let options = draw ()

        if not surroundings.OverQmp || List.forall Spoil.isClaimed options then
            options
        else
            claimed draw

    let snapshot () =
        let isOverlay (node: Node) =
            node.Driver = Driver.Qcow2
            && node.Parents.IsEmpty
            && (Graph.childNamed sight.State node "backing").IsNone

        match sight.Nodes |> Seq.tryFind isOverlay with
        | Some overlay when dice.Percent 85 -> BlockdevSnapshot(snapshotted (), overlay.Name)
        | _ when dice.Percent 10 -> BlockdevSnapshot(snapshotted (), anyName ())
        | _ -> BlockdevAdd(claimed (fun () -> [ Value.Dict(overlayOptions ()) ]) |> List.head)

    let make (kind: int) =
        match kind with
        | 0 -> BlockdevAdd(claimed (fun () -> [ Value.Dict(node ()) ]) |> List.head)
        | 1 -> delete ()
        | 2 -> BlockdevReopen(claimed reopen.List)
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
        | 17 -> NbdServerRemove(dice.Pick exportNames, dice.Percent 70)
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
        | 7 when sight.State.Exports.IsEmpty -> if sight.State.NbdServer then 6 else 5
        | 9
        | 10
        | 11
        | 12
        | 13
        | 14 when sight.Backends.Count = 0 -> 8
        | 8 when sight.Backends.Count >= users.NamesCount -> 10
        | _ -> kind

    let namesUsedUp () = swarm.Names |> Array.forall sight.HasNode

    let single () =
        let kind = dice.Weighted swarm.Commands

        // A graph that has used up its names shrinks again, or its users change.
        if kind = 0 && (sight.Nodes.Count >= nodesMany || namesUsedUp ()) && dice.Percent 90 then
            make (
                dice.Pick(
                    if surroundings.OverQmp then
                        [| 1; 1; 2; 6 |]
                    else
                        [| 1; 1; 2; 8 |]
                )
            )
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
        | Request(name, r) when r <> Request.Flush ->
            let node =
                Graph.backend sight.State name
                |> Option.map (fun b -> sight.State.Nodes[sight.State.Edges[b.Root].Child])

            if isFollowed node then
                command
            else
                Request(name, Request.Flush)
        | _ -> command

    let next () =
        if plan.Count > 0 && dice.Percent 85 then
            followed (plan.Dequeue () ())
        else
            if plan.Count = 0 && not surroundings.Legacy && dice.Percent swarm.StoryPercent then
                let scene: Stories.Scene = { Dice = dice; Add = add; Script = script }

                for part in Stories.draw scene do
                    plan.Enqueue part

            single ()

    /// The world, and a header that says seed, profile and policy; no steps.
    member _.Script = script

    override _.Next(world, state) =
        if step >= swarm.Steps then
            ValueNone
        else
            step <- step + 1
            sight.Look(world, state)
            ValueSome(next ())
