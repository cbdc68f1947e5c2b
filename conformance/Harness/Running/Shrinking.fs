/// Making a failing script short: first steps go, in chunks, then nodes out of chains, then the
/// world, then options. The same script always shrinks to the same result.
module Ashlar.Conformance.Shrinking

open System
open Ashlar.Reference.Block

/// A list without the items from `start` on, `count` of them.
let private without (start: int) (count: int) (items: 'a list) : 'a list =
    items
    |> List.indexed
    |> List.filter (fun (i, _) -> i < start || i >= start + count)
    |> List.map snd

let private replaced (index: int) (item: 'a) (items: 'a list) : 'a list =
    items |> List.mapi (fun i x -> if i = index then item else x)

/// Every list with one item left out.
let private dropOne (items: 'a list) : 'a list seq =
    seq {
        for i in 0 .. items.Length - 1 do
            without i 1 items
    }

/// Every list with one item replaced by a simpler one.
let private simplifyOne (simpler: 'a -> 'a seq) (items: 'a list) : 'a list seq =
    seq {
        for i, item in List.indexed items do
            for other in simpler item do
                replaced i other items
    }

/// Smaller numbers: nothing, then half, then the multiples of a sector and of a cluster below.
let private smallerNumbers (n: int64) : int64 seq =
    seq {
        if n <> 0L then
            0L

        if n > 512L || n < -1L then
            n / 2L

        if n > 65_536L && n % 65_536L <> 0L then
            n / 65_536L * 65_536L

        if n > 512L && n % 512L <> 0L then
            n / 512L * 512L
    }

/// Simpler option values: less in them, or smaller numbers.
let rec private simplerValues (value: Value) : Value seq =
    match value with
    | Value.Null
    | Value.Bool _
    | Value.Str _ -> Seq.empty
    | Value.Int n -> smallerNumbers n |> Seq.map Value.Int
    | Value.List items ->
        Seq.append (dropOne items) (simplifyOne simplerValues items) |> Seq.map Value.List
    | Value.Dict members ->
        let inner (key, value) = simplerValues value |> Seq.map (fun v -> key, v)

        Seq.concat [ dropOne members; withoutFile members; simplifyOne inner members ]
        |> Seq.map Value.Dict

/// A node that needs nothing of the world, in the place of one over a file.
and private withoutFile (members: (string * Value) list) : (string * Value) list seq =
    seq {
        if List.contains ("driver", Value.Str "file") members then
            ("driver", Value.Str "null-co")
            :: List.filter (fun (key, _) -> key <> "driver" && key <> "filename") members
    }

let private smallerPerms (p: Perm) : Perm seq =
    seq {
        for bit in Perm.ordered do
            if Perm.meets p bit then
                Perm.minus p bit
    }

/// Shared permissions are simplest when everything is shared.
let private laxerShares (p: Perm) : Perm seq =
    seq {
        for bit in Perm.ordered do
            if not (Perm.meets p bit) then
                p ||| bit
    }

let private simplerRequests (request: Request) : Request seq =
    match request with
    | Request.Flush -> Seq.empty
    | Request.Read(offset, length) ->
        seq {
            for l in smallerNumbers length do
                Request.Read(offset, l)

            for o in smallerNumbers offset do
                Request.Read(o, length)
        }
    | Request.Write(offset, length, pattern) ->
        seq {
            for l in smallerNumbers length do
                Request.Write(offset, l, pattern)

            for o in smallerNumbers offset do
                Request.Write(o, length, pattern)

            if pattern <> 1uy then
                Request.Write(offset, length, 1uy)
        }
    | Request.WriteZeroes(offset, length) ->
        seq {
            for l in smallerNumbers length do
                Request.WriteZeroes(offset, l)

            for o in smallerNumbers offset do
                Request.WriteZeroes(o, length)
        }

let private simplerCommands (command: Command) : Command seq =
    match command with
    | BlockdevAdd options -> simplerValues options |> Seq.map BlockdevAdd
    | BlockdevReopen elements ->
        Seq.append (dropOne elements) (simplifyOne simplerValues elements)
        |> Seq.map BlockdevReopen
    | BlockResize(node, size) -> smallerNumbers size |> Seq.map (fun s -> BlockResize(node, s))
    | BlockExportAdd(id, node, name, writable, runs) ->
        seq {
            if writable then
                BlockExportAdd(id, node, name, false, runs)

            if name.IsSome then
                BlockExportAdd(id, node, None, writable, runs)

            if runs.Fixed then
                BlockExportAdd(id, node, name, writable, { runs with Fixed = false })

            if runs.IoThread.IsSome then
                BlockExportAdd(id, node, name, writable, { runs with IoThread = None })
        }
    | BackendAttach(name, node, perm, shared) ->
        Seq.append
            (smallerPerms perm |> Seq.map (fun p -> BackendAttach(name, node, p, shared)))
            (laxerShares shared |> Seq.map (fun s -> BackendAttach(name, node, perm, s)))
    | BackendSet(name, perm, shared) ->
        Seq.append
            (smallerPerms perm |> Seq.map (fun p -> BackendSet(name, p, shared)))
            (laxerShares shared |> Seq.map (fun s -> BackendSet(name, perm, s)))
    | Request(name, request) -> simplerRequests request |> Seq.map (fun r -> Request(name, r))
    | _ -> Seq.empty

let private simplerSteps (step: ScriptStep) : ScriptStep seq =
    match step.Act with
    | Act.Do command -> simplerCommands command |> Seq.map (fun c -> { step with Act = Act.Do c })
    | Act.Refused _ -> Seq.empty

let private simplerFiles (file: WorldFile) : WorldFile seq =
    seq {
        if not file.Locks.IsEmpty then
            { file with Locks = [] }

        if file.Mode <> 0o644 then
            { file with Mode = 0o644 }

        if not file.Owned then
            { file with Owned = true }

        match file.Format with
        | Format.Qcow2 header ->
            if header.BackingFile.IsSome then
                let alone = { header with BackingFile = None; BackingFormat = None }
                { file with Format = Format.Qcow2 alone }

            if header.ClusterBits <> Script.defaultClusterBits then
                let usual = { header with ClusterBits = Script.defaultClusterBits }
                { file with Format = Format.Qcow2 usual }
        | _ -> ()
    }

let rec private renamedIn (name: string -> string) (value: Value) : Value =
    match value with
    | Value.Str text -> Value.Str(name text)
    | Value.List items -> Value.List(List.map (renamedIn name) items)
    | Value.Dict members -> Value.Dict(members |> List.map (fun (key, v) -> key, renamedIn name v))
    | _ -> value

/// The command with other nodes in the place of its own.
let private renamed (node: string -> string) (command: Command) : Command =
    let inside = renamedIn node

    match command with
    | BlockdevAdd options -> BlockdevAdd(inside options)
    | BlockdevDel name -> BlockdevDel(node name)
    | BlockdevReopen elements -> BlockdevReopen(List.map inside elements)
    | BlockdevSnapshot(base', overlay) -> BlockdevSnapshot(node base', node overlay)
    | BlockResize(name, size) -> BlockResize(node name, size)
    | BlockExportAdd(id, name, export, writable, runs) ->
        BlockExportAdd(id, node name, export, writable, runs)
    | NbdServerAdd(device, name, writable) -> NbdServerAdd(node device, name, writable)
    | BackendAttach(backend, name, perm, shared) -> BackendAttach(backend, node name, perm, shared)
    | _ -> command

let private mapStep (change: Command -> Command) (step: ScriptStep) : ScriptStep =
    match step.Act with
    | Act.Do command -> { step with Act = Act.Do(change command) }
    | Act.Refused _ -> step

/// The world and the state after a step.
let private after (profile: Profile) (world: World, state: State) (step: ScriptStep) =
    match step.Act with
    | Act.Do command ->
        match Oracle.step profile world state command with
        | outcome :: _ -> outcome.World, outcome.State
        | [] -> world, state
    | Act.Refused _ -> world, state

/// The places of a node: the ways to it from nodes that somebody named.
let rec private places (state: State) (id: int) : string list =
    let node = state.Nodes[id]

    if not (node.Name.StartsWith '#') then
        [ node.Name ]
    else
        node.Parents
        |> List.collect (fun edge ->
            let edge = state.Edges[edge]

            match edge.Parent with
            | Parent.Node parent -> places state parent |> List.map (fun p -> p + "." + edge.Name)
            | Parent.Backend _ -> [])

/// The nodes whose names a step draws, in the order of their drawing: name and places.
let private drawnBy (before: State) (after: State) : (string * string list) list = [
    for entry in after.Nodes do
        if entry.Value.Name.StartsWith '#' && not (before.Nodes.ContainsKey entry.Key) then
            entry.Value.Name, places after entry.Key
]

/// What each step of a script draws.
let private drawings (profile: Profile) (script: Script) : (string * string list) list array =
    let draw before step =
        let next = after profile before step
        drawnBy (snd before) (snd next), next

    List.mapFold draw (Script.world script, Graph.empty) script.Steps |> fst |> Array.ofList

/// Which name stands for which: nodes of one place are the same, and a place may have moved to a
/// node with a name.
let private successors moved old (now: (string * string list) list) =
    let shares (places: string list) (_, others: string list) =
        places |> List.exists (fun place -> List.contains place others)

    old
    |> List.choose (fun (name: string, places: string list) ->
        match moved with
        | Some(place, other) when List.contains place places -> Some(name, other)
        | _ -> now |> List.tryFind (shares places) |> Option.map (fun (other, _) -> name, other))

/// Steps of a script, each with its place in it, with the names that were drawn. When a step goes
/// or has less in it, later ones draw other names; who speaks of a node must go on speaking of the
/// same. `moved` is the place of a node that got a name, and the name.
let private movedSteps (profile: Profile) (script: Script) drawn moved kept : Script =
    let speak (before, names: Map<string, string>) (index: int, step: ScriptStep) =
        let name (old: string) = names.TryFind old |> Option.defaultValue old
        let step = mapStep (renamed name) step
        let next = after profile before step
        let pairs = successors moved (Array.item index drawn) (drawnBy (snd before) (snd next))
        step, (next, List.fold (fun (m: Map<_, _>) (old, now) -> m.Add(old, now)) names pairs)

    let steps, _ = List.mapFold speak ((Script.world script, Graph.empty), Map.empty) kept
    { script with Steps = steps }

let private keptSteps (profile: Profile) (script: Script) drawn kept : Script =
    movedSteps profile script drawn None kept

let private profileOf (script: Script) =
    Script.profile script.Header |> Option.defaultValue Profile.ashlar

/// Chunks of steps left out: halves, quarters, down to one, later ones first.
let private withoutChunks (script: Script) : Script seq =
    seq {
        let profile = profileOf script
        let drawn = drawings profile script
        let indexed = List.indexed script.Steps
        let mutable size = max 1 (script.Steps.Length / 2)
        let mutable more = not script.Steps.IsEmpty

        while more do
            let mutable start = (script.Steps.Length - 1) / size * size

            while start >= 0 do
                keptSteps profile script drawn (without start size indexed)
                start <- start - size

            more <- size > 1
            size <- size / 2
    }

/// The step's node and the node below it, if it adds one over another.
let private over (step: ScriptStep) : (string * string) option =
    match step.Act with
    | Act.Do(BlockdevAdd options) ->
        let text key =
            match List.tryFind (fun (k, _) -> k = key) (Value.members options) with
            | Some(_, Value.Str name) -> Some name
            | _ -> None

        match text "node-name", Option.orElse (text "image") (text "file") with
        | Some name, Some child when name <> child -> Some(name, child)
        | _ -> None
    | _ -> None

let private nameIn (members: (string * Value) list) : string option =
    match Value.find "node-name" members with
    | ValueSome(Value.Str name) -> Some name
    | _ -> None

/// What stands below a node in its options, in the place of the node; and the name, or the place,
/// that is gone with the name that stands for it from then on.
let private below (members: (string * Value) list) : (Value * (string * string) option) option =
    let childKey =
        if (Value.find "image" members).IsSome then
            "image"
        else
            "file"

    match Value.find childKey members with
    | ValueSome(Value.Str child as reference) ->
        Some(reference, nameIn members |> Option.map (fun name -> name, child))
    | ValueSome(Value.Dict inner as options) ->
        match nameIn members, nameIn inner with
        | Some name, Some child -> Some(options, Some(name, child))
        | Some name, None ->
            let named = Value.Dict(("node-name", Value.Str name) :: inner)
            Some(named, Some(name + "." + childKey, name))
        | None, _ -> Some(options, None)
    | _ -> None

/// Options with one node less in them.
let rec private thinner (value: Value) : (Value * (string * string) option) seq =
    seq {
        match value with
        | Value.Dict members ->
            yield! Option.toList (below members)

            for index, (key, inner) in List.indexed members do
                for less, moved in thinner inner do
                    Value.Dict(replaced index (key, less) members), moved
        | Value.List items ->
            for index, item in List.indexed items do
                for less, moved in thinner item do
                    Value.List(replaced index less items), moved
        | _ -> ()
    }

/// The step with one node less in its options.
let private thinnerSteps (step: ScriptStep) : (ScriptStep * (string * string) option) seq =
    let isNode (value: Value) =
        match value with
        | Value.Dict _ -> true
        | _ -> false

    seq {
        match step.Act with
        | Act.Do(BlockdevAdd options) ->
            for less, moved in thinner options do
                if isNode less then
                    { step with Act = Act.Do(BlockdevAdd less) }, moved
        | Act.Do(BlockdevReopen elements) ->
            for index, element in List.indexed elements do
                for less, moved in thinner element do
                    if isNode less then
                        let elements = replaced index less elements
                        { step with Act = Act.Do(BlockdevReopen elements) }, moved
        | _ -> ()
    }

/// Nodes taken out of a chain: who stood on one stands on what was below it.
let private shorterChains (script: Script) : Script seq =
    seq {
        let profile = profileOf script
        let drawn = drawings profile script

        for index, step in List.indexed script.Steps do
            for less, moved in thinnerSteps step do
                let name (node: string) =
                    match moved with
                    | Some(gone, child) when node = gone -> child
                    | _ -> node

                replaced index less script.Steps
                |> List.map (mapStep (renamed name))
                |> List.indexed
                |> movedSteps profile script drawn moved

        for index, step in List.indexed script.Steps do
            match over step with
            | Some(name, child) ->
                let moved (at, s) =
                    at, mapStep (renamed (fun node -> if node = name then child else node)) s

                List.indexed script.Steps
                |> without index 1
                |> List.map moved
                |> keptSteps profile script drawn
            | None -> ()
    }

let private simplerWorlds (script: Script) : Script seq =
    let profile = profileOf script
    let drawn = drawings profile script

    seq {
        for files in dropOne script.Files do
            { script with Files = files }

        if not script.Exports.IsEmpty then
            { script with Exports = [] }

        for exports in dropOne script.Exports do
            { script with Exports = exports }

        for groups in dropOne script.ThrottleGroups do
            { script with ThrottleGroups = groups }

        for files in simplifyOne simplerFiles script.Files do
            { script with Files = files }

        if script.Header.Policy = Policy.Static then
            { script with Header = { script.Header with Policy = Policy.Dynamic } }
    }
    |> Seq.map (fun simpler -> keptSteps profile simpler drawn (List.indexed script.Steps))

let private simplerOptions (script: Script) : Script seq =
    let profile = profileOf script
    let drawn = drawings profile script

    simplifyOne simplerSteps script.Steps
    |> Seq.map (fun steps -> keptSteps profile script drawn (List.indexed steps))

/// Every script one notch simpler, in the order in which they are tried.
let candidates (script: Script) : Script seq =
    Seq.concat [
        withoutChunks script
        shorterChains script
        simplerWorlds script
        simplerOptions script
    ]

/// The shortest script found that still fails. `first` finds the first of some scripts that does,
/// with its place; at most `Limits.shrinkRuns` scripts are given to it.
let shrinkBy (first: Script seq -> (int * Script) option) (script: Script) : Script =
    let mutable best = script
    let mutable left = Limits.shrinkRuns

    // A pass takes each success as its new start. It goes on where it was: what came before mostly
    // fails again, and is tried again anyway until a whole round finds nothing.
    let pass (kind: Script -> Script seq) : bool =
        let mutable at = 0
        let mutable isOver = false
        let start = best

        while not isOver do
            let given = ref 0

            let candidates =
                kind best
                |> Seq.indexed
                |> Seq.filter (fun (place, _) -> place >= at)
                |> Seq.truncate left
                |> Seq.map (fun (_, candidate) ->
                    given.Value <- given.Value + 1
                    candidate)

            match first candidates with
            | Some(place, simpler) ->
                best <- simpler
                at <- at + place
                left <- left - place - 1
            | None ->
                left <- left - given.Value
                isOver <- true

        best <> start

    let mutable more = true

    while more && left > 0 do
        let steps = pass withoutChunks
        let chains = pass shorterChains
        let worlds = pass simplerWorlds
        let options = pass simplerOptions
        more <- steps || chains || worlds || options

    best

/// The same, one script after another.
let shrink (fails: Script -> bool) (script: Script) : Script =
    shrinkBy (Seq.indexed >> Seq.tryFind (snd >> fails)) script
