/// blockdev-del and blockdev-snapshot (BLK-GRAPH-010 to BLK-GRAPH-023).
namespace Ashlar.Reference.Block

/// Commands that only change the graph.
module GraphCommands =
    /// The node that a node is the backing child of, the newest first (BLK-GRAPH-012).
    let private overlayOf (state: State) (node: Node) : Node voption =
        let rec search edges =
            match edges with
            | [] -> ValueNone
            | e :: rest ->
                match state.Edges[e] with
                | { Parent = Parent.Node id } as edge when Role.has Role.Cow edge.Role ->
                    ValueSome state.Nodes[id]
                | _ -> search rest

        search node.Parents

    /// Whether a node is some node's backing child.
    let isBacking (state: State) (node: Node) : bool = (overlayOf state node).IsSome

    let private busyText (node: Node) (overlay: Node) =
        "Node '" + node.Name + "' is busy: node is used as backing hd of '" + overlay.Name + "'"

    /// blockdev-del: unknown (BLK-GRAPH-010), used by a backend (BLK-GRAPH-011), a backing child
    /// (BLK-GRAPH-012), not the monitor's (BLK-GRAPH-013), with other parents (BLK-GRAPH-014); then
    /// it always succeeds.
    let del (context: Context) (state: State) (name: string) : Result<State, Refused> =
        let refuse rule text = Rule.refuse context rule name text |> Refused.by state
        Rule.touch context (Rule.graph 10)

        match state.Names.TryGetValue name with
        | false, _ -> refuse (Rule.graph 10) ("Failed to find node with node-name='" + name + "'")
        | true, id ->
            let node = state.Nodes[id]
            Rule.touch context (Rule.graph 11)
            Rule.touch context (Rule.graph 12)
            Rule.touch context (Rule.graph 13)

            let isRoot e =
                match state.Edges[e].Parent with
                | Parent.Backend _ -> true
                | Parent.Node _ -> false

            if List.exists isRoot node.Parents then
                refuse (Rule.graph 11) ("Node " + name + " is in use")
            else
                match overlayOf state node with
                | ValueSome overlay -> refuse (Rule.graph 12) (busyText node overlay)
                | ValueNone when not node.MonitorOwned ->
                    refuse (Rule.graph 13) ("Node " + name + " is not owned by the monitor")
                | ValueNone when not node.Parents.IsEmpty ->
                    refuse (Rule.graph 14) ("Block device " + name + " is in use")
                | ValueNone ->
                    Rule.touch context (Rule.graph 14)
                    Rule.act context (fun () -> GraphAction.Close id)
                    Ok(Transaction.close context state id)

    /// May this node be appended (BLK-GRAPH-021)?
    let private overlayRefusal (context: Context) (state: State) (overlay: Node) =
        let refuse text = ValueSome(Rule.refuse context (Rule.graph 21) overlay.Name text)

        let struct (perm, _) = Graph.cumulative state overlay

        Rule.say context (Rule.graph 21) overlay.Name "is to be the overlay" (fun () -> [
            "perm", Perm.show perm
            "driver", Graph.driverName overlay.Driver
        ])

        if Perm.meets perm Perm.CR then
            refuse "The overlay is already in use"
        elif Graph.isFilter overlay.Driver then
            refuse "Filters cannot be used as overlays"
        elif (Graph.childNamed state overlay "backing").IsSome then
            refuse "The overlay already has a backing image"
        elif overlay.Driver <> Driver.Qcow2 then
            refuse "The overlay does not support backing images"
        else
            ValueNone

    /// Moves the node's parents to the overlay, those below the overlay apart (BLK-GRAPH-022).
    let private moveParents (state: State) (node: Node) overlay =
        let below = Graph.below state [ overlay ]

        let moves (edge: Edge) =
            match edge.Parent with
            | Parent.Node id -> not (List.contains id below)
            | Parent.Backend _ -> true

        let moved = Graph.parents state node |> List.filter moves

        let move state (edge: Edge) =
            Transaction.unlink edge state |> Transaction.link { edge with Child = overlay }

        List.fold move state moved, moved

    /// The old node becomes read-only; a refusal of that is nobody's business (BLK-GRAPH-023).
    let private makeReadOnly (context: Context) (state: State) id =
        let ask = { Own = [ "read-only", Value.Bool true ]; Children = []; Keep = true }

        Rule.touch context (Rule.graph 23)
        Rule.act context (fun () -> GraphAction.MakeReadOnly)

        match Reopen.run context state [ id, ask ] with
        | Ok state -> state
        | Error refused -> refused.Left

    /// The append itself: one refresh, all or nothing (BLK-GRAPH-022).
    let private append (context: Context) (state: State) (node: Node) (overlay: Node) =
        Rule.act context (fun () -> GraphAction.Append(node.Id, overlay.Id))

        match
            Transaction.attachWithoutRefresh context state overlay.Id node.Id "backing" Role.Cow
        with
        | Error why -> Refused.by state why
        | Ok linked ->
            let appended, moved = moveParents linked linked.Nodes[node.Id] overlay.Id

            // qemu-7.2: what force-share gave to a moved edge stays with it (DD-STALE-PERMS)
            let parents =
                if context.Profile.StalePermissions then
                    []
                else
                    moved
                    |> List.choose (fun edge ->
                        match edge.Parent with
                        | Parent.Node id -> Some id
                        | Parent.Backend _ -> None)

            match Refresh.run context appended (overlay.Id :: parents) with
            | Ok state ->
                Rule.touch context (Rule.graph 22)
                Ok state
            | Error why ->
                Error {
                    Why = why
                    Left =
                        Transaction.undo context state (fun () ->
                            Reopen.relinkAtHeads (List.rev moved) state)
                }

    /// blockdev-snapshot (BLK-GRAPH-020 to 023).
    let snapshot (context: Context) (state: State) (name: string) (overlayName: string) =
        let find name =
            OpenTests.lookup context state name
            |> Result.mapError (fun why -> { Why = why; Left = state })

        let refused why = Refused.by state why
        Rule.touch context (Rule.graph 20)

        // validation
        match find name with
        | Error refused -> Error refused
        | Ok id ->
            let node = state.Nodes[id]

            match overlayOf state node with
            | ValueSome overlay ->
                refused (Rule.refuse context (Rule.graph 20) name (busyText node overlay))
            | ValueNone ->
                match find overlayName with
                | Error refused -> Error refused
                | Ok overlayId ->
                    let overlay = state.Nodes[overlayId]

                    match overlayRefusal context state overlay with
                    | ValueSome why -> refused why
                    | ValueNone ->
                        // effect, permissions within
                        match append context state node overlay with
                        | Error refused -> Error refused
                        // result
                        | Ok state -> Ok(makeReadOnly context state id)
