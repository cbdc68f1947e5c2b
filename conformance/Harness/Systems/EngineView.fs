/// The engine's graph: in the words of an observation, and compared with the oracle's state edge by
/// edge without making one. The second must never be laxer than the first.
module Ashlar.Conformance.EngineView

open System
open Ashlar.Block
open Ashlar.Reference.Block

type private EngineEdge = Ashlar.Block.BlockEdge

let private perm (p: BlockPermissions) : Perm = enum<Perm>(int p)

let private backendName (b: BlockBackend) : string =
    match b.Name with
    | null -> ""
    | name -> name

let private holder (edge: EngineEdge) : Holder =
    match edge.ParentNode with
    | null ->
        match edge.ParentBackend with
        | null -> Holder.Backend None
        | backend ->
            match backendName backend with
            | "" -> Holder.Backend None
            | name -> Holder.Backend(Some name)
    | node -> Holder.Node node.Name

let private edge (e: EngineEdge) : ObservedEdge = {
    Holder = holder e
    Name = e.Name
    Child = e.Child.Name
    Perm = perm e.Permissions
    Shared = perm e.Shared
}

let rec private follow (next: EngineEdge -> EngineEdge | null) (first: EngineEdge | null) =
    match first with
    | null -> []
    | e -> edge e :: follow next (next e)

let private node (n: BlockNode) : ObservedNode = {
    Name = n.Name
    Driver = n.DriverName
    ReadOnly = n.IsReadOnly
    LengthBytes = n.LengthBytes
    Children = follow _.NextChildEdge n.FirstChildEdge
    Parents = follow _.NextParentEdge n.FirstParentEdge
}

let private backend (b: BlockBackend) : ObservedBackend option =
    match b.Root with
    | null -> None
    | root ->
        Some {
            Name =
                (match backendName b with
                 | "" -> None
                 | name -> Some name)
            Node = root.Child.Name
            Perm = perm root.Permissions
            Shared = perm root.Shared
        }

let private exportedNode (export: BlockExport) : string =
    match export.Backend.Root with
    | null -> ""
    | root -> root.Child.Name

/// What is open and locked, from the watched descriptors and from outside the engine.
let files (world: HostWorld) : ObservedFile list =
    world.Files.Opened
    |> Seq.groupBy _.Inode
    |> Seq.map (fun (inode, all) -> {
        Inode = inode
        ReadOnlyDescriptors = all |> Seq.filter (fun f -> not f.IsWritable) |> Seq.length
        WritableDescriptors = all |> Seq.filter _.IsWritable |> Seq.length
        Locks = world.LocksHeld inode
    })
    |> Seq.sortBy _.Inode
    |> List.ofSeq

/// Everything.
let observe (graph: BlockGraph) (world: HostWorld) (answer: Answer) : Observation =
    let nodes = [ for n in graph.Nodes.ToArray() -> node n ]

    {
        Answer = answer
        Nodes = nodes |> List.sortWith (fun a b -> String.CompareOrdinal(a.Name, b.Name))
        Backends = graph.Backends.ToArray() |> List.ofArray |> List.choose backend
        Exports = [ for e in graph.Exports -> e.Id, exportedNode e ] |> List.sortBy fst
        Files = files world
    }

/// The cheap comparison. Owned by one subject, because it keeps buffers.
[<Sealed>]
type Matcher(graph: BlockGraph, world: HostWorld) =
    // What the oracle says of each inode, gathered anew for each comparison from the nodes that
    // were found equal; index is the inode.
    let mutable readers = Array.zeroCreate<int> 16
    let mutable writers = Array.zeroCreate<int> 16
    let mutable locks = Array.zeroCreate<int> 16
    let mutable descriptors = 0

    let forget () =
        Array.Clear readers
        Array.Clear writers
        Array.Clear locks
        descriptors <- 0

    let gather (hold: FileHold) =
        if hold.Inode >= readers.Length then
            let length = hold.Inode * 2
            Array.Resize(&readers, length)
            Array.Resize(&writers, length)
            Array.Resize(&locks, length)

        if hold.ReadOnlyFd then
            readers[hold.Inode] <- readers[hold.Inode] + 1
            descriptors <- descriptors + 1

        if hold.WritableFd then
            writers[hold.Inode] <- writers[hold.Inode] + 1
            descriptors <- descriptors + 1

        locks[hold.Inode] <- locks[hold.Inode] ||| Graph.lockBits hold

    let sameHolder (state: State) (theirs: Edge) (mine: EngineEdge) =
        match theirs.Parent with
        | Parent.Node id ->
            match mine.ParentNode with
            | null -> false
            | node -> String.Equals(node.Name, state.Nodes[id].Name)
        | Parent.Backend id ->
            match mine.ParentBackend with
            | null -> false
            | backend -> String.Equals(backendName backend, state.Backends[id].Name)

    let sameEdge (theirs: Edge) (mine: EngineEdge) =
        int theirs.Perm = int mine.Permissions
        && int theirs.Shared = int mine.Shared
        && String.Equals(theirs.Name, mine.Name)

    let rec sameChildren (state: State) (theirs: int list) (mine: EngineEdge | null) =
        match mine with
        | null -> theirs.IsEmpty
        | mine ->
            match theirs with
            | [] -> false
            | id :: rest ->
                let edge = state.Edges[id]

                sameEdge edge mine
                && String.Equals(state.Nodes[edge.Child].Name, mine.Child.Name)
                && sameChildren state rest mine.NextChildEdge

    let rec sameParents (state: State) (theirs: int list) (mine: EngineEdge | null) =
        match mine with
        | null -> theirs.IsEmpty
        | mine ->
            match theirs with
            | [] -> false
            | id :: rest ->
                let edge = state.Edges[id]

                sameEdge edge mine
                && sameHolder state edge mine
                && sameParents state rest mine.NextParentEdge

    let sameNode
        (lengthOf: State -> Node -> int64)
        (state: State)
        (theirs: Node)
        (mine: BlockNode)
        =
        String.Equals(theirs.Name, mine.Name)
        && theirs.Writable = not mine.IsReadOnly
        && String.Equals(Graph.driverName theirs.Driver, mine.DriverName)
        && (let length = lengthOf state theirs
            length < 0L || length = mine.LengthBytes)
        && sameChildren state theirs.Children mine.FirstChildEdge
        && sameParents state theirs.Parents mine.FirstParentEdge

    let sameNodes (world: World) (state: State) =
        let lengthOf = OracleView.lengthOf world
        let mine = graph.Nodes
        let mutable same = state.Nodes.Count = mine.Length
        let mutable index = 0

        // Names are unique on both sides, so equal counts and a partner for each pair all of them.
        while same && index < mine.Length do
            let node = mine[index]

            same <-
                match state.Names.TryGetValue node.Name with
                | true, id ->
                    let theirs = state.Nodes[id]

                    match theirs.Settings with
                    | Settings.File hold -> gather hold
                    | _ -> ()

                    sameNode lengthOf state theirs node
                | _ -> false

            index <- index + 1

        same

    let sameBackend (state: State) (theirs: Backend) (mine: BlockBackend) =
        String.Equals(theirs.Name, backendName mine)
        && (match mine.Root with
            | null -> false
            | root ->
                let edge = state.Edges[theirs.Root]

                int edge.Perm = int root.Permissions
                && int edge.Shared = int root.Shared
                && String.Equals(state.Nodes[edge.Child].Name, root.Child.Name))

    /// Both sides have the oldest first; the fold counts those that are the same and stays at -1
    /// after the first that is not.
    let sameBackends (state: State) =
        let next index _ theirs =
            if
                index >= 0
                && index < graph.Backends.Length
                && sameBackend state theirs graph.Backends[index]
            then
                index + 1
            else
                -1

        Map.fold next 0 state.Backends = graph.Backends.Length

    /// The oracle's list is newest first, the engine's oldest first.
    let sameExports (state: State) =
        let mine = graph.Exports

        let rec go (theirs: Export list) index =
            match theirs with
            | [] -> index < 0
            | e :: rest ->
                index >= 0
                && String.Equals(e.Id, mine[index].Id)
                && String.Equals(e.Name, mine[index].Name)
                && e.Writable = mine[index].IsWritable
                && go rest (index - 1)

        go state.Exports (mine.Count - 1)

    /// After all nodes were found equal, so that everything is gathered.
    let sameFiles () =
        let opened = world.Files.Opened

        if opened.Count <> descriptors then
            false
        else
            // Each open descriptor must be one the oracle expects; the counts are equal already.
            let mutable same = true

            for file in opened do
                let inode = file.Inode

                if inode < 0 || inode >= readers.Length then
                    same <- false
                elif file.IsWritable then
                    writers[inode] <- writers[inode] - 1
                    same <- same && writers[inode] >= 0
                else
                    readers[inode] <- readers[inode] - 1
                    same <- same && readers[inode] >= 0

            if same then
                for file in opened do
                    // Asked once for each file: a checked entry is marked.
                    if locks[file.Inode] >= 0 then
                        same <- same && world.LocksHeld file.Inode = locks[file.Inode]
                        locks[file.Inode] <- -1

            same

    /// Whether the engine's graph, backends, descriptors and locks are the oracle's.
    member _.Matches(world: World, state: State) : bool =
        forget ()
        sameNodes world state && sameBackends state && sameExports state && sameFiles ()
