/// What must hold of every state between commands: I1 to I14 of the facts. The first part looks
/// at a state or at one step; the second asks the oracle what it would do next.
namespace Ashlar.Reference.Block

/// An invariant that does not hold: which, where and how.
type Violation = { Invariant: string; Node: string; Text: string }

/// Checks of states; a test runs them after every step.
module Invariant =
    let private violation invariant node text = { Invariant = invariant; Node = node; Text = text }

    /// A profile's declared differences are no violations of it. I1 and I2 are checked in the form
    /// that the profile keeps, so nothing is left out of them.
    let private undeclared (profile: Profile) (violations: Violation list) =
        match violations with
        | [] -> []
        | violations ->
            let declared = Profile.declared profile |> List.collect _.Invariants

            let isDeclared v =
                v.Invariant <> "I1" && v.Invariant <> "I2" && List.contains v.Invariant declared

            violations |> List.filter (isDeclared >> not)

    /// The node that holds an edge and every node above it.
    let rec private above (state: State) (edge: Edge) : Set<int> =
        match edge.Parent with
        | Parent.Backend _ -> Set.empty
        | Parent.Node id ->
            Graph.parents state state.Nodes[id]
            |> List.map (above state)
            |> Set.unionMany
            |> Set.add id

    /// I1 (BLK-PERM-003): nobody needs what another parent forbids. Where two ways down from one
    /// node meet, the recursive update tests each edge against the other's old pair (DD-TWO-WAYS).
    let private conflicts (profile: Profile) (state: State) (node: Node) = [
        match node.Parents with
        | []
        | [ _ ] -> ()
        | _ ->
            let parents = Graph.parents state node

            let mayMeet (a: Edge) (b: Edge) =
                profile.PermissionUpdate = PermissionUpdate.Recursive
                && not (Set.intersect (above state a) (above state b)).IsEmpty

            for a in parents do
                for b in parents do
                    if a.Id <> b.Id && not (Perm.subset b.Perm a.Shared) && not (mayMeet a b) then
                        violation "I1" node.Name (b.Name + " needs what " + a.Name + " forbids")
    ]

    /// I2 (BLK-PERM-006, BLK-PERM-007): no writer and no resizer on a read-only node.
    let private writers (profile: Profile) (node: Node) perm = [
        let forbidden =
            if profile.ResizeOnReadOnly then
                Perm.writing
            else
                Perm.writing ||| Perm.RZ

        if not node.Writable && Perm.meets perm forbidden then
            violation "I2" node.Name ("read-only, but used for " + Perm.text perm)
    ]

    /// I3 (BLK-PERM-033): every edge is what the rule of its parent says.
    let private fixpoint (context: Context) (state: State) (node: Node) pair = [
        for edge in Graph.children state node do
            let child = state.Nodes[edge.Child]

            let struct (perm, shared) =
                ChildPermissions.edge context node node.Writable edge.Role child pair

            if perm <> edge.Perm || shared <> edge.Shared then
                violation "I3" node.Name ("the edge " + edge.Name + " is not what its rule says")
    ]

    /// I7 (BLK-RO-002) and I13 (BLK-FILE-002): descriptors are what flags and users want.
    let private descriptors (profile: Profile) (node: Node) perm = [
        match node.Settings with
        | Settings.File hold when profile.Descriptors <> Descriptors.Kept ->
            let wanted = ReadOnly.wantsWritable profile (ReadOnly.flagsOf node) perm

            if hold.WritableFd <> wanted then
                violation "I13" node.Name ("writable descriptor: " + Rule.onOff hold.WritableFd)

            if hold.WritableFd && not node.Writable && profile.Descriptors = Descriptors.Two then
                violation "I7" node.Name "read-only, but with a writable descriptor"

            if hold.MeanwhileBits <> 0 then
                violation "I4" node.Name "lock bytes of a change that is over"
        | _ -> ()
    ]

    /// What the lists say must be what the edges say, and names must lead to their nodes.
    let private structure (state: State) (node: Node) = [
        let bad text = violation "I9" node.Name text

        for e in node.Children do
            match state.Edges.TryGetValue e with
            | true, edge when edge.Parent = Parent.Node node.Id -> ()
            | _ -> bad "lists a child edge that is not its own"

        for e in node.Parents do
            match state.Edges.TryGetValue e with
            | true, edge when edge.Child = node.Id -> ()
            | _ -> bad "lists a parent edge that is not its own"

        if not node.MonitorOwned && node.Parents.IsEmpty then
            bad "nobody holds it"

        if node.Name <> "" && not (state.Names.ContainsKey node.Name) then
            bad "its name leads nowhere"
    ]

    /// I9 (BLK-GRAPH-008): children come after parents in the refresh order of everything.
    let private cycles (state: State) = [
        let place = System.Collections.Generic.Dictionary<int, int>()

        for id in Graph.below state (List.ofSeq state.Nodes.Keys) do
            place[id] <- place.Count

        for edge in state.Edges.Values do
            match edge.Parent with
            | Parent.Node parent when place[parent] >= place[edge.Child] ->
                violation "I9" state.Nodes[parent].Name "is part of a cycle"
            | _ -> ()
    ]

    /// The violations of a state, declared differences left out: I1, I2, I3, I7, I9, I13.
    /// I14 has no instance yet: no command makes a node inactive.
    let check (profile: Profile) (world: World) (state: State) : Violation list =
        let context = Context.noting profile world [||] ValueNone

        let ofNode (node: Node) =
            let pair = Graph.cumulative state node
            let struct (perm, _) = pair

            let canonical =
                // the recursive update has rules of its own (BLK-PERM-060)
                if profile.PermissionUpdate = PermissionUpdate.Recursive then
                    []
                else
                    fixpoint context state node pair @ descriptors profile node perm

            conflicts profile state node
            @ writers profile node perm
            @ canonical
            @ structure state node

        let found = state.Nodes |> Map.fold (fun all _ node -> ofNode node @ all) []
        undeclared profile (found @ cycles state)

    /// The violations of one step: I4 and I5, a refused command changed nothing.
    let checkStep (profile: Profile) (world: World) (before: State) (outcome: Outcome) =
        match outcome.Result with
        | Ok _ -> []
        | Error refusal ->
            [
                if outcome.State <> before then
                    violation "I4" "" ("changed the graph: " + refusal.Text)

                if outcome.World <> world && refusal.Requirement <> "BLK-DATA-002" then
                    violation "I5" "" ("changed the world: " + refusal.Text)
            ]
            |> undeclared profile

    let private isDone (outcomes: Outcome list) =
        outcomes |> List.exists (fun outcome -> outcome.Result.IsOk)

    /// I6 (BLK-RO-012, BLK-RO-016): with auto-read-only a file opens exactly when it opens
    /// read-only; under the static policy when it opens either way.
    let private opening (profile: Profile) (world: World) = [
        let opens path flags =
            let options =
                [
                    "driver", Value.Str "file"
                    "node-name", Value.Str "probe"
                    "filename", Value.Str path
                ]
                @ flags

            isDone (Oracle.step profile world Graph.empty (BlockdevAdd(Value.Dict options)))

        for path in world.Paths.Keys do
            let auto = opens path [ "auto-read-only", Value.Bool true ]
            let readOnly = opens path [ "read-only", Value.Bool true ]

            let lawful =
                match profile.AutoReadOnly, profile.Descriptors with
                | AutoReadOnly.Static, Descriptors.Kept -> readOnly || opens path []
                | _ -> readOnly

            if auto <> lawful then
                violation "I6" path "auto-read-only decides whether it opens"
    ]

    /// The options that describe a node as it is, its children by name.
    let private identity (state: State) (node: Node) : Value option =
        let grouped prefix (options: OptionList) =
            options
            |> List.choose (fun (name, value) ->
                if name.StartsWith(prefix + ".", System.StringComparison.Ordinal) then
                    Some(name.Substring(prefix.Length + 1), value)
                else
                    None)

        let isPlain (name: string, _) = not (name.Contains '.')
        let own = node.Effective |> List.filter isPlain
        let dict name = grouped name node.Effective

        let perms name = dict name |> List.sortBy fst |> List.map snd

        let children =
            Graph.children state node
            |> List.map (fun edge -> edge.Name, Value.Str state.Nodes[edge.Child].Name)

        let noBacking =
            if node.Driver = Driver.Qcow2 && (Graph.childNamed state node "backing").IsNone then
                [ "backing", Value.Null ]
            else
                []

        match node.Driver with
        | Driver.CopyOnRead
        | Driver.Quorum -> None
        | _ when not (Options.has "node-name" node.Effective) -> None
        | _ ->
            let section name wrap members =
                if List.isEmpty members then [] else [ name, wrap members ]

            let list name = section name Value.List (perms name)

            own
            @ section "cache" Value.Dict (dict "cache")
            @ section "server" Value.Dict (dict "server")
            @ list "take-child-perms"
            @ list "unshare-child-perms"
            @ children
            @ noBacking
            |> Value.Dict
            |> Some

    /// A state without the options, which a reopen may say in another way.
    let private shown (state: State) = {
        state with
            Nodes =
                state.Nodes |> Map.map (fun _ node -> { node with Explicit = []; Effective = [] })
    }

    /// I8 (BLK-REOPEN-023): an identical reopen succeeds and changes nothing. A node whose inline
    /// children inherit is left out: a child that was reopened on its own would follow again; so is
    /// raw, whose child may have become shorter than its window (BLK-OPEN-010).
    let private identical (profile: Profile) world (state: State) = [
        for node in state.Nodes.Values do
            let isFollowed =
                Graph.children state node
                |> List.exists (fun edge -> state.Nodes[edge.Child].InheritsFrom = node.Id)

            // raw reads its window anew, and a static policy asks the world anew.
            let isStill =
                not isFollowed
                && node.Driver <> Driver.Raw
                && profile.AutoReadOnly = AutoReadOnly.Dynamic

            match identity state node with
            | Some options when isStill ->
                match Oracle.step profile world state (BlockdevReopen [ options ]) with
                | [ { Result = Error refusal } ] -> violation "I8" node.Name refusal.Text
                | [ outcome ] when shown outcome.State <> shown state ->
                    violation "I8" node.Name "an identical reopen changed something"
                | _ -> ()
            | _ -> ()
    ]

    /// I11 (BLK-REOPEN-005): a reopen of everything does not depend on the list's order.
    let private orders (profile: Profile) world (state: State) = [
        let all = state.Nodes.Values |> Seq.choose (identity state) |> List.ofSeq
        let first = Oracle.step profile world state (BlockdevReopen all)
        let second = Oracle.step profile world state (BlockdevReopen(List.rev all))

        if isDone first <> isDone second then
            violation "I11" "" "the order of a reopen decides whether it succeeds"
    ]

    /// I10: what was granted is granted still with less perm or more shared.
    let private monotone (profile: Profile) world (state: State) = [
        for backend in state.Backends.Values do
            if backend.Name <> "" then
                for bit in Perm.ordered do
                    let command =
                        BackendSet(
                            backend.Name,
                            Perm.minus backend.Perm bit,
                            backend.Shared ||| bit
                        )

                    if not (isDone (Oracle.step profile world state command)) then
                        violation "I10" backend.Name ("cannot give up " + Perm.text bit)
    ]

    /// I12 (BLK-GRAPH-014): what the monitor owns and nobody uses can be deleted.
    let private deletable (profile: Profile) world (state: State) = [
        for node in state.Nodes.Values do
            if node.MonitorOwned && node.Parents.IsEmpty then
                if not (isDone (Oracle.step profile world state (BlockdevDel node.Name))) then
                    violation "I12" node.Name "cannot be deleted"
    ]

    /// The violations of laws about what could come next: I6, I8, I10, I11, I12. Slower than
    /// `check`, because the oracle runs for every node; meant for a share of the steps.
    let checkLaws (profile: Profile) (world: World) (state: State) : Violation list =
        opening profile world
        @ identical profile world state
        @ monotone profile world state
        @ deletable profile world state
        @ orders profile world state
        |> undeclared profile
