/// Changes of the graph: linking, attaching, detaching, closing (BLK-PERM-040, BLK-PERM-041,
/// BLK-GRAPH-004 to BLK-GRAPH-008). Each either happens wholly or leaves the state it was given.
namespace Ashlar.Reference.Block

/// A refusal together with the state it leaves. ashlar leaves the state before the command;
/// QEMU may leave traces of what it undid (DD-LIST-ORDER, DD-STALE-PERMS).
type Refused = { Why: Refusal; Left: State }

/// Makers of such ends.
module Refused =
    /// The end of a command that leaves the state as it is here.
    let by (state: State) (why: Refusal) : Result<'a, Refused> = Error { Why = why; Left = state }

/// The building blocks of every command.
module Transaction =
    /// Longest path of nodes (BLK-OPEN-018): it bounds every walk.
    let pathNodesMax = 2000

    let private without (id: int) (ids: int list) = List.filter (fun other -> other <> id) ids

    let private change (id: int) (f: Node -> Node) (nodes: Map<int, Node>) =
        match nodes.TryGetValue id with
        | true, node -> nodes.Add(id, f node)
        | _ -> nodes

    /// Puts an edge at the heads of both lists (BLK-GRAPH-006).
    let link (edge: Edge) (state: State) : State =
        let nodes =
            change edge.Child (fun n -> { n with Parents = edge.Id :: n.Parents }) state.Nodes

        let nodes =
            match edge.Parent with
            | Parent.Node id ->
                change id (fun n -> { n with Children = edge.Id :: n.Children }) nodes
            | Parent.Backend _ -> nodes

        { state with Nodes = nodes; Edges = state.Edges.Add(edge.Id, edge) }

    /// Takes an edge out of both lists.
    let unlink (edge: Edge) (state: State) : State =
        let nodes =
            change edge.Child (fun n -> { n with Parents = without edge.Id n.Parents }) state.Nodes

        let nodes =
            match edge.Parent with
            | Parent.Node id ->
                change id (fun n -> { n with Children = without edge.Id n.Children }) nodes
            | Parent.Backend _ -> nodes

        { state with Nodes = nodes; Edges = state.Edges.Remove edge.Id }

    /// The longest path of nodes upwards or downwards from a node, itself included.
    let private pathLength (state: State) (next: Node -> int list) (start: int) : int =
        let known = System.Collections.Generic.Dictionary<int, int>()

        let rec length id =
            match known.TryGetValue id with
            | true, n -> n
            | _ ->
                let mutable longest = 0

                for other in next state.Nodes[id] do
                    longest <- max longest (length other)

                known[id] <- longest + 1
                longest + 1

        length start

    let private parentNodes (state: State) (node: Node) =
        node.Parents
        |> List.choose (fun e ->
            match state.Edges[e].Parent with
            | Parent.Node id -> Some id
            | Parent.Backend _ -> None)

    let private childNodes (state: State) (node: Node) =
        node.Children |> List.map (fun e -> state.Edges[e].Child)

    /// Whether an edge would make a path too long (BLK-OPEN-018).
    let private tooDeep (state: State) parent child =
        state.Nodes.Count > pathNodesMax
        && pathLength state (parentNodes state) parent + pathLength state (childNodes state) child >
            pathNodesMax

    /// The text of an edge that would close a cycle (BLK-GRAPH-008).
    let cycleText (child: string) (name: string) (parent: string) : string =
        "Making '" + child + "' a " + name + " child of '" + parent + "' would create a cycle"

    /// The text of what would have to run in two threads (BLK-OBJ-006).
    let threadText = "Cannot change iothread of active block backend"

    /// Whether fixed exports keep two nodes in different threads (BLK-OBJ-006).
    let private areApart (state: State) parent child =
        match Graph.fixedThread state parent with
        | ValueNone -> false
        | ValueSome one ->
            match Graph.fixedThread state child with
            | ValueSome other -> one <> other
            | ValueNone -> false

    /// Links a child without asking for permissions: depth, cycle, threads, then the provisional
    /// pair of the rule (BLK-PERM-040).
    let attachWithoutRefresh
        (context: Context)
        (state: State)
        (parentId: int)
        (childId: int)
        (name: string)
        (role: Role)
        : Result<State, Refusal> =
        let parent = state.Nodes[parentId]
        let child = state.Nodes[childId]
        let refuse rule text = Error(Rule.refuse context rule parent.Name text)
        Rule.touch context (Rule.opening 18)
        Rule.touch context (Rule.graph 6)
        Rule.touch context (Rule.graph 8)

        Rule.say context (Rule.perm 40) parent.Name "attaches a child" (fun () -> [
            "child", child.Name
            "edge", name
            "role", string role
        ])

        // a cycle needs somebody above the parent, or the parent itself
        let closesCycle =
            parentId = childId
            || (not parent.Parents.IsEmpty && Graph.reaches state childId parentId)

        if not closesCycle && tooDeep state parentId childId then
            refuse (Rule.opening 18) $"The graph would be deeper than {pathNodesMax} nodes"
        elif closesCycle then
            refuse (Rule.graph 8) (cycleText child.Name name parent.Name)
        elif areApart state parentId childId then
            refuse (Rule.obj 6) threadText
        else
            let struct (perm, shared) =
                Graph.cumulative state parent
                |> ChildPermissions.edge context parent parent.Writable role child

            let edge = {
                Id = state.NextEdge
                Parent = Parent.Node parentId
                Child = childId
                Name = name
                Role = role
                Perm = perm
                Shared = shared
            }

            Ok(link edge { state with NextEdge = state.NextEdge + 1 })

    /// Attaches a child to a node (BLK-PERM-040).
    let attach context state parentId childId name role : Result<State, Refusal> =
        Rule.act context (fun () -> GraphAction.Attach(parentId, childId, name, role))

        match attachWithoutRefresh context state parentId childId name role with
        | Error refusal -> Error refusal
        | Ok linked -> Refresh.run context linked [ parentId ]

    /// Attaches a root of a new backend; yields the backend's number too (BLK-PERM-040).
    let attachRoot
        (context: Context)
        (state: State)
        (name: string)
        (nodeId: int)
        (perm: Perm)
        (shared: Perm)
        : Result<struct (State * int), Refusal> =
        let id = state.NextBackend
        Rule.act context (fun () -> GraphAction.AttachRoot(nodeId, perm, shared))

        Rule.say context (Rule.perm 40) state.Nodes[nodeId].Name "gets a root" (fun () -> [
            "backend", (if name = "" then "unnamed" else name)
            "perm", Perm.show perm
            "shared", Perm.show shared
        ])

        let edge = {
            Id = state.NextEdge
            Parent = Parent.Backend id
            Child = nodeId
            Name = "root"
            Role = Role.Filtered ||| Role.Primary
            Perm = perm
            Shared = shared
        }

        let backend = { Id = id; Name = name; Perm = perm; Shared = shared; Root = edge.Id }

        let linked =
            link edge {
                state with
                    NextEdge = state.NextEdge + 1
                    NextBackend = id + 1
                    Backends = state.Backends.Add(id, backend)
            }

        match Refresh.run context linked [ nodeId ] with
        | Ok state -> Ok(struct (state, id))
        | Error refusal -> Error refusal

    /// Ends the inheritance of what an edge to be removed leads to (BLK-GRAPH-005).
    let endInheritance (state: State) (edge: Edge) : State =
        match edge.Parent with
        | Parent.Backend _ -> state
        | Parent.Node parent ->
            let stays id =
                state.Nodes[parent].Children
                |> List.exists (fun e -> e <> edge.Id && state.Edges[e].Child = id)

            let forget (nodes: Map<int, Node>) id =
                let node = nodes[id]

                if node.InheritsFrom = parent && not (stays id) then
                    nodes.Add(id, { node with InheritsFrom = -1 })
                else
                    nodes

            let nodes = List.fold forget state.Nodes (Graph.below state [ edge.Child ])

            if obj.ReferenceEquals(nodes, state.Nodes) then
                state
            else
                { state with Nodes = nodes }

    let private isReferenced (node: Node) =
        node.MonitorOwned || node.IsOpening || not node.Parents.IsEmpty

    /// A refresh whose refusal is nobody's business: in ashlar there is none (BLK-PERM-034).
    let private loosen context state roots =
        Rule.touch context (Rule.perm 34)

        match Refresh.run context state roots with
        | Ok state -> state
        | Error _ -> state

    /// Removes an edge, refreshes below it, and closes the child when that was its last
    /// reference (BLK-PERM-041).
    let rec detach (context: Context) (state: State) (edgeId: int) : State =
        let edge = state.Edges[edgeId]
        Rule.touch context (Rule.graph 5)

        Rule.say context (Rule.perm 41) state.Nodes[edge.Child].Name "is detached" (fun () -> [
            "edge", edge.Name
        ])

        let state = unlink edge (endInheritance state edge)

        let dies = not (isReferenced state.Nodes[edge.Child])

        // a refresh of what is about to be closed shows in QEMU's descriptors only (DD-FD-FLAGS)
        let state =
            if dies && not context.Profile.ReopenForgetsFlags then
                state
            else
                loosen context state [ edge.Child ]

        if dies then close context state edge.Child else state

    /// Closes a node without references: its edges one by one, then itself (BLK-GRAPH-004).
    and close (context: Context) (state: State) (id: int) : State =
        let node = state.Nodes[id]

        Rule.say context (Rule.graph 4) node.Name "closes without references" (fun () -> [])
        let state = List.fold (detach context) state node.Children

        {
            state with
                Nodes = state.Nodes.Remove id
                Names = state.Names.Remove node.Name
        }

    /// Closes the node if nobody holds it.
    let closeIfUnreferenced (context: Context) (state: State) (id: int) : State =
        match state.Nodes.TryGetValue id with
        | true, node when not (isReferenced node) -> close context state id
        | _ -> state

    /// Detaches and forgets a backend (BLK-PERM-050).
    let removeBackend (context: Context) (state: State) (id: int) : State =
        let backend = state.Backends[id]
        Rule.act context (fun () -> GraphAction.RemoveBackend id)
        let state = detach context state backend.Root
        { state with Backends = state.Backends.Remove id }

    /// What a refused command leaves: nothing, or what undoing step by step leaves.
    let undo (context: Context) (before: State) (stepwise: unit -> State) : State =
        if context.Profile.ListOrderOnAbort then
            stepwise ()
        else
            before
