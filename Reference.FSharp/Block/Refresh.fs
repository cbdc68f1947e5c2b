/// The permission refresh: does the graph hold together after a change (BLK-PERM-030 to 034).
/// A refresh only looks and prepares; its commit changes files. Both are pure.
namespace Ashlar.Reference.Block

/// A refresh that was not refused: the new edges with every lock taken so far, and the holds
/// that the file nodes get at the commit.
type Prepared = { State: State; Files: struct (int * FileHold) list }

/// Conflict test, read-only test, the driver's check, the children's edges; then the commit.
module Refresh =
    /// How texts name the holder of an edge (BLK-PERM-005).
    let party (state: State) (edge: Edge) : string =
        match edge.Parent with
        | Parent.Node id -> "node '" + state.Nodes[id].Name + "'"
        | Parent.Backend id ->
            match state.Backends[id].Name with
            | "" -> "an unnamed block device"
            | name -> "block device '" + name + "'"

    /// The first pair of parents of which a forbids what b needs (BLK-PERM-003, BLK-PERM-004).
    let private conflict (state: State) (node: Node) : struct (Edge * Edge) voption =
        match node.Parents with
        | []
        | [ _ ] -> ValueNone
        | ids ->
            let parents = List.map (fun e -> state.Edges[e]) ids

            let against (a: Edge) =
                parents |> List.tryFind (fun b -> b.Id <> a.Id && not (Perm.subset b.Perm a.Shared))

            let rec search rest =
                match rest with
                | [] -> ValueNone
                | a :: rest ->
                    match against a with
                    | Some b -> ValueSome(struct (a, b))
                    | None -> search rest

            search parents

    let private conflictText state (node: Node) (a: Edge) (b: Edge) =
        let user (edge: Edge) =
            party state edge + " (uses node '" + node.Name + "' as '" + edge.Name + "' child)"

        "Permission conflict on node '"
        + node.Name
        + "': permissions '"
        + Perm.text (Perm.minus b.Perm a.Shared)
        + "' are both required by "
        + user b
        + " and unshared by "
        + user a
        + "."

    /// Conflict test of one node (BLK-PERM-003).
    let private testConflict (context: Context) state (node: Node) : Refusal voption =
        Rule.say context (Rule.perm 3) node.Name "compares its parents" (fun () -> [
            for e in node.Parents do
                let edge = state.Edges[e]

                party state edge + " takes", Perm.show edge.Perm
                party state edge + " shares", Perm.show edge.Shared
        ])

        match conflict state node with
        | ValueNone -> ValueNone
        | ValueSome(struct (a, b)) ->
            Rule.touch context (Rule.perm 1)
            Rule.touch context (Rule.perm 4)
            Rule.touch context (Rule.perm 5)

            Rule.say context (Rule.perm 3) node.Name "finds a conflict" (fun () -> [
                party state b + " takes", Perm.show b.Perm
                party state a + " shares", Perm.show a.Shared
                "not shared", Perm.show (Perm.minus b.Perm a.Shared)
            ])

            ValueSome(Rule.refuse context (Rule.perm 3) node.Name (conflictText state node a b))

    /// No writer, and in ashlar no resizer, on a read-only node (BLK-PERM-006, BLK-PERM-007).
    let private testReadOnly (context: Context) (node: Node) (after: Flags) perm =
        let needs =
            if context.Profile.ResizeOnReadOnly then
                Perm.writing
            else
                Perm.writing ||| Perm.RZ

        let rule =
            if Perm.meets perm Perm.writing then
                Rule.perm 6
            else
                Rule.perm 7

        if not (Perm.meets perm needs) then
            ValueNone
        elif after.Writable then
            Rule.say context rule node.Name "is writable for its users" (fun () -> [
                "perm", Perm.show perm
            ])

            ValueNone
        else
            Rule.say context rule node.Name "is read-only" (fun () -> [
                "perm", Perm.show perm
                "writable now", Rule.onOff node.Writable
                "writable after", Rule.onOff after.Writable
            ])

            let text =
                if node.Writable then
                    "Read-only block node '" + node.Name + "' cannot support read-write users"
                else
                    "Block node is read-only"

            ValueSome(Rule.refuse context rule node.Name text)

    /// The file driver's check: descriptors, then locks (BLK-FILE).
    let private checkFile context state (node: Node) hold after pair : Result<Prepared, Refusal> =
        let struct (perm, _) = pair

        match ReadOnly.descriptors context node hold after perm with
        | Error refusal -> Error refusal
        | Ok next ->
            match Files.prepareLocks context state node hold pair with
            | Error refusal -> Error refusal
            | Ok bits ->
                let state =
                    if bits = 0 then
                        state
                    else
                        let meanwhile = Settings.File { hold with MeanwhileBits = bits }
                        Graph.putNode { node with Settings = meanwhile } state

                Ok { State = state; Files = [ struct (node.Id, Files.committed next pair) ] }

    /// The children's edges by the driver's rule (BLK-PERM-031).
    let private updateChildren context (state: State) (node: Node) (after: Flags) pair =
        let mutable edges = state.Edges

        for e in node.Children do
            let edge = edges[e]
            let child = state.Nodes[edge.Child]

            let struct (perm, shared) =
                ChildPermissions.edge context node after.Writable edge.Role child pair

            if perm <> edge.Perm || shared <> edge.Shared then
                edges <- edges.Add(e, { edge with Perm = perm; Shared = shared })

        if obj.ReferenceEquals(edges, state.Edges) then
            state
        else
            { state with Edges = edges }

    /// One node of a refresh (BLK-PERM-031).
    let private checkNode (context: Context) (after: Node -> Flags) (prepared: Prepared) id =
        let state = prepared.State
        let node = state.Nodes[id]
        let flags = after node
        Rule.touch context (Rule.perm 31)

        match testConflict context state node with
        | ValueSome refusal -> Error refusal
        | ValueNone ->
            let pair = Graph.cumulative state node
            let struct (perm, shared) = pair

            Rule.say context (Rule.perm 2) node.Name "cumulates" (fun () -> [
                "perm", Perm.show perm
                "shared", Perm.show shared
            ])

            match testReadOnly context node flags perm with
            | ValueSome refusal -> Error refusal
            | ValueNone ->
                match node.Settings with
                | Settings.File hold ->
                    match checkFile context state node hold flags pair with
                    | Error refusal -> Error refusal
                    | Ok next -> Ok { next with Files = next.Files @ prepared.Files }
                | _ when node.Children.IsEmpty ->
                    Rule.touch context (Rule.perm 26)
                    Ok prepared
                | _ -> Ok { prepared with State = updateChildren context state node flags pair }

    /// Checks everything below the roots with the flags as after the change (BLK-PERM-030).
    let checkWith
        (context: Context)
        (after: Node -> Flags)
        (state: State)
        (roots: int list)
        : Result<Prepared, Refusal> =
        Rule.touch context (Rule.perm 30)

        let rec walk prepared nodes =
            match nodes with
            | [] ->
                Rule.touch context (Rule.perm 33)
                Ok prepared
            | id :: rest ->
                match checkNode context after prepared id with
                | Ok prepared -> walk prepared rest
                | Error refusal ->
                    // nothing was changed but this value, which is dropped (BLK-PERM-032)
                    Rule.touch context (Rule.perm 32)
                    Error refusal

        walk { State = state; Files = [] } (Graph.below state roots)

    /// Gives the file nodes the descriptors and locks that were prepared (BLK-FILE-012).
    let commit (prepared: Prepared) : State =
        let settle (state: State) (struct (id, hold)) =
            match state.Nodes.TryGetValue id with
            | true, node when node.Settings <> Settings.File hold ->
                Graph.putNode { node with Settings = Settings.File hold } state
            | _ -> state

        List.fold settle prepared.State prepared.Files

    /// A whole refresh with the nodes' own flags.
    let run (context: Context) (state: State) (roots: int list) : Result<State, Refusal> =
        match checkWith context ReadOnly.flagsOf state roots with
        | Ok prepared -> Ok(commit prepared)
        | Error refusal -> Error refusal
