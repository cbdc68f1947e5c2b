/// The oracle's state in the words of an observation.
module Ashlar.Conformance.OracleView

open Ashlar.Reference.Block

/// What the oracle answers.
let answer (result: Result<Reply, Refusal>) : Answer =
    match result with
    | Ok Done -> Answer.Done
    | Ok(Data runs) -> Answer.Data runs
    | Ok AnyData -> Answer.AnyData
    | Error refusal -> Answer.Refused(refusal.Class, refusal.Text)

let private holder (state: State) (edge: Edge) =
    match edge.Parent with
    | Parent.Node id -> Holder.Node state.Nodes[id].Name
    | Parent.Backend id ->
        match state.Backends[id].Name with
        | "" -> Holder.Backend None
        | name -> Holder.Backend(Some name)

/// One edge.
let edge (state: State) (e: Edge) : ObservedEdge = {
    Holder = holder state e
    Name = e.Name
    Child = state.Nodes[e.Child].Name
    Perm = e.Perm
    Shared = e.Shared
}

let private lengthIn (profile: Profile) (world: World) : State -> Node -> int64 =
    let length = Oracle.length profile world
    fun state node -> length state node.Id |> ValueOption.defaultValue -1L

/// The guest-visible length of a node of that world; -1 when the model does not follow it
/// (BLK-DATA-011).
let lengthOf (world: World) : State -> Node -> int64 = lengthIn Profile.ashlar world

let private node (profile: Profile) (world: World) (state: State) (n: Node) : ObservedNode = {
    Name = n.Name
    Driver = Graph.driverName n.Driver
    ReadOnly = not n.Writable
    LengthBytes = lengthIn profile world state n
    Children = Graph.children state n |> List.map (edge state)
    Parents = Graph.parents state n |> List.map (edge state)
}

let private backend (state: State) (b: Backend) : ObservedBackend = {
    Name = (if b.Name = "" then None else Some b.Name)
    Node = state.Nodes[state.Edges[b.Root].Child].Name
    Perm = b.Perm
    Shared = b.Shared
}

let private holds (state: State) =
    state.Nodes.Values
    |> Seq.choose (fun n ->
        match n.Settings with
        | Settings.File hold -> Some hold
        | _ -> None)

/// The descriptors of a hold, each by whether it is writable.
let private descriptors (hold: FileHold) = [
    if hold.ReadOnlyFd then
        false
    if hold.WritableFd then
        true
    match hold.LockFdWritable with
    | ValueSome writable -> writable
    | ValueNone -> ()
]

let private files (state: State) : ObservedFile list =
    let all = List.ofSeq (holds state)

    let opened =
        (all |> List.collect (fun hold -> descriptors hold |> List.map (fun w -> hold.Inode, w)))
        @ (state.LostFds |> List.map (fun (struct (inode, writable)) -> inode, writable))

    let locks inode =
        all
        |> List.filter (fun hold -> hold.Inode = inode)
        |> List.fold (fun bits hold -> bits ||| Graph.lockBits hold) 0

    opened
    |> List.groupBy fst
    |> List.map (fun (inode, modes) -> {
        Inode = inode
        ReadOnlyDescriptors = modes |> List.filter (snd >> not) |> List.length
        WritableDescriptors = modes |> List.filter snd |> List.length
        Locks = locks inode
    })
    |> List.sortBy _.Inode

let private exports (state: State) =
    state.Exports
    |> List.map (fun e ->
        let root = state.Backends[e.Backend].Root
        e.Id, state.Nodes[state.Edges[root].Child].Name)
    |> List.sortBy fst

/// Everything, as a profile has it.
let observeIn (profile: Profile) (world: World) (state: State) (answer: Answer) : Observation = {
    Answer = answer
    Nodes =
        state.Nodes.Values
        |> Seq.map (node profile world state)
        |> Seq.sortWith (fun a b -> System.String.CompareOrdinal(a.Name, b.Name))
        |> List.ofSeq
    Backends = state.Backends.Values |> Seq.map (backend state) |> List.ofSeq
    Exports = exports state
    Files = files state
}

/// Everything, for a person or a slow comparison.
let observe (world: World) (state: State) (answer: Answer) : Observation =
    observeIn Profile.ashlar world state answer
