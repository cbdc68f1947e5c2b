/// Permissions as QEMU 3.1 updated them: along one edge at a time, recursively, each check
/// followed by a set or an abort (BLK-PERM-060 to BLK-PERM-063).
/// Not here: the transactional refresh of the other profiles.
namespace Ashlar.Reference.Block

/// What the legacy rules need beside the state.
type LegacyContext = {
    Common: Context
    /// The nodes of the reopen in progress, and whether each is writable after it.
    After: Map<int, bool>
    /// How many headers named each other on the way here (BLK-OPEN-012).
    Images: int
}

/// Sequencing of steps that may be refused.
type RefusableBuilder() =
    member _.Bind(result: Result<'a, 'e>, rest: 'a -> Result<'b, 'e>) = Result.bind rest result
    member _.Return(value: 'a) : Result<'a, 'e> = Ok value
    member _.ReturnFrom(result: Result<'a, 'e>) = result
    member _.Zero() : Result<unit, 'e> = Ok()

/// The old permission rules and their update.
module LegacyPermissions =
    let refusable = RefusableBuilder()

    let private refuse context rule node text = Error(Rule.refuse context.Common rule node text)

    let putNode (node: Node) (state: State) = {
        state with
            Nodes = state.Nodes.Add(node.Id, node)
            Names =
                if node.Name = "" then
                    state.Names
                else
                    state.Names.Add(node.Name, node.Id)
    }

    let private withHold (node: Node) (hold: FileHold) = { node with Settings = Settings.File hold }

    let private putEdge (edge: Edge) (state: State) = {
        state with
            Edges = state.Edges.Add(edge.Id, edge)
    }

    let private writable (after: Map<int, bool>) (node: Node) =
        match after.TryFind node.Id with
        | Some after -> after
        | None -> node.Writable

    /// What a parent asks of one child (BLK-PERM-061). The edge is absent while it is being made.
    let private childRule after (node: Node) (edge: Edge voption) (role: Role) (p: Perm) (s: Perm) =
        let both = Perm.CR ||| Perm.changing

        match node.Driver with
        | Driver.CopyOnRead ->
            match edge with
            | ValueNone -> struct (p &&& both ||| Perm.WU, s &&& both ||| Perm.WU)
            | ValueSome e ->
                struct (p &&& both ||| (e.Perm &&& Perm.WU), s &&& both ||| (e.Shared &&& Perm.WU))
        | Driver.Qcow2 when Role.has Role.Cow role ->
            let alsoOthers = if Perm.meets s Perm.W then Perm.changing else Perm.None
            struct (p &&& Perm.CR, alsoOthers ||| Perm.CR ||| Perm.WU)
        | Driver.Qcow2 ->
            let own = if writable after node then Perm.changing else Perm.None
            struct (p ||| own ||| Perm.CR, Perm.minus s Perm.changing)
        | _ -> struct (p, s)

    /// The same, with force-share of the child (BLK-PERM-014).
    let ruleOf after (node: Node) (child: Node) edge role p s =
        let struct (perm, shared) = childRule after node edge role p s

        if child.ForceShare then
            struct (perm, Perm.All)
        else
            struct (perm, shared)

    /// How a party is named in a conflict (BLK-PERM-062).
    let private party (state: State) (edge: Edge) =
        match edge.Parent with
        | Parent.Node n -> state.Nodes[n].Name
        | Parent.Backend b ->
            match state.Backends.TryFind b with
            | Some backend when backend.Name <> "" -> backend.Name
            | _ -> "a block device"

    /// Takes the union of the old and the new lock bytes and tests them (BLK-FILE-011). The hint
    /// after the first line is what tools and the human monitor print.
    let private checkLocks context (state: State) (node: Node) (hold: FileHold) perm shared =
        match Files.prepareLocks context.Common state node hold (struct (perm, shared)) with
        | Ok bits ->
            let hold = { hold with MeanwhileBits = hold.MeanwhileBits ||| bits }
            Ok(Graph.putNode (withHold node hold) state)
        | Error why ->
            let hint = "\nIs another process using the image [" + hold.Path + "]?"
            Error { why with Text = why.Text + hint }

    let rec private each step state items =
        match items with
        | [] -> Ok state
        | item :: rest ->
            match step state item with
            | Ok state -> each step state rest
            | refused -> refused

    /// Whether a node can have this cumulative pair, and all below it what follows from it. The
    /// state returned holds the lock bytes taken on the way (BLK-PERM-060).
    let rec check context (state: State) (id: int) perm shared ignored : Result<State, Refusal> =
        let node = state.Nodes[id]

        Rule.say context.Common (Rule.perm 60) node.Name "is checked" (fun () -> [
            "perm", Perm.show perm
            "shared", Perm.show shared
        ])

        if Perm.meets perm Perm.writing && not (writable context.After node) then
            refuse context (Rule.perm 6) node.Name "Block node is read-only"
        else
            match node.Settings with
            | Settings.File hold -> checkLocks context state node hold perm shared
            | _ ->
                let checkChild state (edge: Edge) =
                    let child = state.Nodes[edge.Child]

                    let struct (p, s) =
                        ruleOf context.After node child (ValueSome edge) edge.Role perm shared

                    checkUser context state edge.Child p s (edge.Id :: ignored)

                each checkChild state (Graph.children state node)

    /// Whether a node can have a user with this pair beside those not ignored (BLK-PERM-003).
    and checkUser context (state: State) (id: int) perm shared ignored =
        let node = state.Nodes[id]

        let conflict (edge: Edge) =
            let denied = Perm.minus perm edge.Shared
            let used = Perm.minus edge.Perm shared

            let says verb p =
                $"Conflicts with use by {party state edge} as '{edge.Name}', which {verb} "
                + $"'{Perm.text p}' on {node.Name}"

            if denied <> Perm.None then
                Some(says "does not allow" denied)
            elif used <> Perm.None then
                Some(says "uses" used)
            else
                None

        let others =
            Graph.parents state node |> List.filter (fun e -> not (List.contains e.Id ignored))

        match List.tryPick conflict others with
        | Some text -> refuse context (Rule.perm 62) node.Name text
        | None ->
            let perm = others |> List.fold (fun p e -> p ||| e.Perm) perm
            let shared = others |> List.fold (fun s e -> s &&& e.Shared) shared
            check context state id perm shared ignored

    /// Makes a checked pair so, on the node and on everything below it (BLK-PERM-060).
    let rec set (state: State) (id: int) perm shared : State =
        let node = state.Nodes[id]

        match node.Settings with
        | Settings.File hold ->
            putNode (withHold node (Files.committed hold (struct (perm, shared)))) state
        | _ ->
            let setChild (state: State) (id: int) =
                let edge = state.Edges[id]
                let child = state.Nodes[edge.Child]

                let struct (p, s) =
                    ruleOf Map.empty node child (ValueSome edge) edge.Role perm shared

                let state = putEdge { edge with Perm = p; Shared = s } state
                let struct (p, s) = Graph.cumulative state child
                set state child.Id p s

            List.fold setChild state node.Children

    /// Sets a node to what its parents ask now.
    let settle (state: State) (id: int) : State =
        let struct (perm, shared) = Graph.cumulative state state.Nodes[id]
        set state id perm shared

    /// A new edge at the head of the child's parents (BLK-PERM-063, BLK-GRAPH-006).
    let attachUser context (state: State) parent (child: int) name role perm shared =
        refusable {
            let! state = checkUser context state child perm shared []
            Rule.touch context.Common (Rule.perm 63)

            let edge = {
                Id = state.NextEdge
                Parent = parent
                Child = child
                Name = name
                Role = role
                Perm = perm
                Shared = shared
            }

            let node = state.Nodes[child]

            let state =
                { state with NextEdge = edge.Id + 1 }
                |> putEdge edge
                |> putNode { node with Parents = edge.Id :: node.Parents }

            return settle state child, edge.Id
        }

    /// The same for a node as the parent, by its driver's rule. A cycle, which was not looked for
    /// and is deadly, is refused as in later versions (BLK-GRAPH-008).
    let attachChild context (state: State) (parent: int) (child: int) name role =
        refusable {
            let node = state.Nodes[parent]

            if Graph.reaches state child parent then
                return!
                    refuse
                        context
                        (Rule.graph 8)
                        node.Name
                        ($"Making '{state.Nodes[child].Name}' a {name} child of '{node.Name}' "
                         + "would create a cycle")
            else
                let struct (p, s) = Graph.cumulative state node
                let struct (p, s) = ruleOf context.After node state.Nodes[child] ValueNone role p s

                let! state, edge = attachUser context state (Parent.Node parent) child name role p s

                let node = state.Nodes[parent]
                return putNode { node with Children = edge :: node.Children } state
        }

    let private without (id: int) (edges: int list) = List.filter (fun e -> e <> id) edges

    /// A node opened inline stops inheriting with the last edge from that parent.
    let private disown (edge: Edge) (state: State) =
        let child = state.Nodes[edge.Child]

        let another (e: Edge) = e.Id <> edge.Id && e.Parent = edge.Parent

        match edge.Parent with
        | Parent.Node p when
            child.InheritsFrom = p && not (List.exists another (Graph.parents state child))
            ->
            putNode { child with InheritsFrom = -1 } state
        | _ -> state

    /// Takes an edge away, loosens what was below it, and closes what has no user left, the
    /// backing child before the others (BLK-PERM-041, BLK-GRAPH-004).
    let rec detach (context: LegacyContext) (state: State) (id: int) : State =
        let edge = state.Edges[id]
        let state = disown edge state
        let child = state.Nodes[edge.Child]

        let state =
            match edge.Parent with
            | Parent.Node p ->
                let parent = state.Nodes[p]
                putNode { parent with Children = without id parent.Children } state
            | Parent.Backend b -> { state with Backends = state.Backends.Remove b }

        let state =
            putNode { child with Parents = without id child.Parents } {
                state with
                    Edges = state.Edges.Remove id
            }

        Rule.touch context.Common (Rule.perm 63)
        let state = settle state edge.Child
        closeUnused context state edge.Child

    /// Closes a node that has neither a parent nor the monitor as owner.
    and closeUnused (context: LegacyContext) (state: State) (id: int) : State =
        let node = state.Nodes[id]

        if node.MonitorOwned || not node.Parents.IsEmpty then
            state
        else
            let backing, others =
                Graph.children state node |> List.partition (fun e -> Role.has Role.Cow e.Role)

            let state = backing @ others |> List.fold (fun s e -> detach context s e.Id) state

            {
                state with
                    Nodes = state.Nodes.Remove id
                    Names = state.Names.Remove node.Name
            }
