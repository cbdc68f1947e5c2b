/// Reopening: prepare every entry, decide by one refresh, commit at once (BLK-REOPEN).
namespace Ashlar.Reference.Block

/// Preparing, deciding and committing of a queue.
module Reopen =
    /// What has been prepared so far.
    type private Progress = {
        State: State
        /// Edges that were replaced, newest first.
        Removed: Edge list
        /// Entries with what preparing found out, newest first.
        Done: Entry list
        /// Roots of the refresh, newest first (BLK-REOPEN-020).
        Roots: int list
    }

    /// Replaces a link at once, permissions later (BLK-REOPEN-015).
    let private replace context (progress: Progress) id name child old role =
        let state = progress.State

        let inherits =
            // the new child may already inherit from here over others (BLK-GRAPH-005)
            let rec from other =
                other = id
                || (match state.Nodes.TryGetValue other with
                    | true, node -> from node.InheritsFrom
                    | _ -> false)

            child >= 0 && from child

        let state, progress =
            match old with
            | ValueSome(edge: Edge) ->
                let removed = Transaction.endInheritance state edge |> Transaction.unlink edge

                removed,
                {
                    progress with
                        Removed = edge :: progress.Removed
                        Roots = edge.Child :: progress.Roots
                }
            | ValueNone -> state, progress

        if child < 0 then
            Ok { progress with State = state }
        else
            match Transaction.attachWithoutRefresh context state id child name role with
            | Error refusal -> Error(struct (refusal, progress))
            | Ok state when inherits ->
                let node = { state.Nodes[child] with InheritsFrom = id }
                Ok { progress with State = Graph.putNode node state }
            | Ok state -> Ok { progress with State = state }

    /// `backing` or `file` given as a reference or null (BLK-REOPEN-015).
    let private changeChild (context: Context) (progress: Progress) (entry: Entry) name =
        let state = progress.State
        let node = state.Nodes[entry.Node]
        let old = Graph.childNamed state node name
        let refuse rule text = Error(struct (Rule.refuse context rule node.Name text, progress))

        let struct (role, present) =
            match old with
            | ValueSome edge -> struct (edge.Role, edge.Child)
            | ValueNone -> struct (Role.Cow, -1)

        let change child =
            match old with
            | _ when child = present -> Ok progress
            // Only another driver's options name a child this one cannot have; 016 comes later.
            | ValueNone when name = "backing" && Graph.isFilter node.Driver ->
                let filter = Graph.driverName node.Driver + " filter node"

                refuse
                    (Rule.reopen 15)
                    ($"'{node.Name}' is a {filter} that does not support a {name} child")
            | ValueNone when name = "backing" && node.Driver <> Driver.Qcow2 ->
                let driver = Graph.driverName node.Driver

                refuse
                    (Rule.reopen 15)
                    ($"Driver '{driver}' of node '{node.Name}' does not support backing files")
            | ValueNone when name = "file" && node.Driver = Driver.Blkdebug -> Ok progress
            | ValueNone when name = "file" ->
                refuse (Rule.reopen 15) "Cannot set file child to format node without file child"
            | ValueSome edge when state.Nodes[edge.Child].Implicit ->
                refuse
                    (Rule.graph 30)
                    ("Cannot replace implicit " + name + " child of " + node.Name)
            | _ -> replace context progress node.Id name child old role

        match Options.childSpec name entry.Children with
        | ValueSome(ChildSpec.Reference child) ->
            Rule.touch context (Rule.reopen 15)

            match state.Names.TryGetValue child with
            // the present child is below, so it cannot be above
            | true, id when id <> present && Graph.reaches state id node.Id ->
                refuse (Rule.reopen 15) (Transaction.cycleText child name node.Name)
            | true, id -> change id
            | _ -> refuse (Rule.reopen 15) ("Cannot find device='' nor node-name='" + child + "'")
        | ValueSome ChildSpec.Nothing -> change -1
        | _ -> Ok progress

    /// Prepares one entry: tests, then links (BLK-REOPEN-010).
    let private prepare (context: Context) (before: State) (progress: Progress) (entry: Entry) =
        let state = progress.State
        let node = state.Nodes[entry.Node]

        let refused stage = Rule.act context (fun () -> GraphAction.RefusedEntry(node.Id, stage))

        let tested refusal next =
            match refusal with
            | ValueSome(refusal: Refusal) ->
                refused ReopenStage.Before
                Error(struct (refusal, progress))
            | ValueNone -> next ()

        Rule.say context (Rule.reopen 10) node.Name "is prepared" (fun () -> [
            for name, value in entry.Options do
                name, Value.show value
        ])

        // QEMU asks the children as they are linked by now (DD-LENGTH)
        let lengthsOf (node: Node) =
            match node.Settings with
            | Settings.Raw _ when context.Profile.RemembersLength -> state
            | _ -> before

        let links (entry: Entry) =
            let progress = { progress with Roots = node.Id :: progress.Roots }

            match changeChild context progress entry "backing" with
            | Error stop -> Error stop
            | Ok withBacking ->
                match changeChild context withBacking entry "file" with
                | Error stop -> Error stop
                | Ok linked ->
                    match ReopenTests.unchanged context linked.State node entry with
                    | ValueSome refusal ->
                        refused ReopenStage.After
                        Error(struct (refusal, linked))
                    | ValueNone -> Ok { linked with Done = entry :: linked.Done }

        tested (ReopenTests.support context node entry) (fun () ->
            tested (ReopenTests.reset context node entry) (fun () ->
                match ReopenTests.driver context (lengthsOf node) node entry with
                | Error refusal ->
                    refused ReopenStage.Before
                    Error(struct (refusal, progress))
                | Ok entry ->
                    tested (ReopenTests.backing context state node entry) (fun () -> links entry)))

    /// The node as its entry says, files' descriptors apart (BLK-REOPEN-020).
    let private commitEntry (context: Context) (state: State) (entry: Entry) =
        let node = state.Nodes[entry.Node]
        Rule.touch context (Rule.ro 30)

        if node.Writable <> entry.Flags.Writable then
            Rule.touch context (Rule.reopen 24)

        // the same options again (BLK-REOPEN-023)
        if context.Touched.Length > 0 && entry.Options = node.Effective then
            Rule.touch context (Rule.reopen 23)

        let settings =
            match node.Settings with
            // what the driver believes of the descriptor is forgotten (B1)
            | Settings.File hold when context.Profile.ReopenForgetsFlags ->
                Settings.File { hold with BelievedWritable = false }
            | Settings.File _ -> node.Settings
            | _ -> entry.Settings

        let node = {
            node with
                Explicit = entry.Explicit
                Effective = entry.Options
                Writable = entry.Flags.Writable
                AutoReadOnly = entry.Flags.AutoReadOnly
                Settings = settings
        }

        Graph.putNode node state

    /// Holds of file nodes at the commit: a descriptor that was not replaced is forgotten (B1).
    let private forgetFlags (context: Context) (prepared: Prepared) (entries: Entry list) =
        let forget (struct (id, hold: FileHold)) =
            match prepared.State.Nodes[id].Settings with
            | Settings.File before when
                before.BelievedWritable = hold.BelievedWritable
                && entries |> List.exists (fun entry -> entry.Node = id)
                ->
                struct (id, { hold with BelievedWritable = false })
            | _ -> struct (id, hold)

        if context.Profile.ReopenForgetsFlags then
            { prepared with Files = List.map forget prepared.Files }
        else
            prepared

    /// Puts edges that were taken out back at the heads of their lists, as QEMU's abort does
    /// (DD-LIST-ORDER).
    let relinkAtHeads (removed: Edge list) (before: State) : State =
        let toHead state (edge: Edge) = Transaction.link edge (Transaction.unlink edge state)

        List.fold toHead before removed

    /// A refused reopen leaves the state it found, or in QEMU the edges in another order.
    let private aborted (context: Context) (before: State) (progress: Progress) why =
        Error {
            Why = why
            Left = Transaction.undo context before (fun () -> relinkAtHeads progress.Removed before)
        }

    /// A qcow2 node on another file shows another image (BLK-OPEN-022): its header is tested when
    /// the refresh was accepted, with the new links and everybody's options still the old ones.
    let private newImage (context: Context) (before: State) (linked: State) (entry: Entry) =
        let fileOf (state: State) =
            match Graph.childNamed state state.Nodes[entry.Node] "file" with
            | ValueSome edge -> edge.Child
            | ValueNone -> -1

        match entry.Settings with
        | Settings.Qcow2 _ when
            context.Profile.Descriptors = Descriptors.Two && fileOf linked <> fileOf before
            ->
            let seen = Image.seen context linked (fileOf linked)

            match Image.headerText context seen entry.Flags.Writable with
            | ValueNone -> Ok { entry with Settings = Settings.Qcow2(Image.hold seen) }
            | ValueSome text ->
                let name = linked.Nodes[entry.Node].Name
                Rule.act context (fun () -> GraphAction.RefusedEntry(entry.Node, ReopenStage.Image))
                Error(Rule.refuse context (Rule.opening 22) name text)
        | _ -> Ok entry

    /// The new images of all entries, oldest entry first.
    let rec private newImages context before linked entries found =
        match entries with
        | [] -> Ok found
        | entry :: rest ->
            match newImage context before linked entry with
            | Ok entry -> newImages context before linked rest (entry :: found)
            | Error why -> Error why

    /// One refresh with the flags as after the reopen, then the commit (BLK-REOPEN-020).
    let private decide (context: Context) (before: State) (progress: Progress) =
        let entries = progress.Done
        let flags = Map.ofList [ for entry in entries -> entry.Node, entry.Flags ]

        let after (node: Node) =
            match flags.TryGetValue node.Id with
            | true, flags -> flags
            | _ -> ReadOnly.flagsOf node

        let roots = List.rev progress.Roots
        let nameOf id = progress.State.Nodes[id].Name

        Rule.say context (Rule.reopen 20) "" "decides by one refresh" (fun () -> [
            "roots", roots |> List.map nameOf |> String.concat ", "
        ])

        let checkedAll =
            match Refresh.checkWith context after progress.State roots with
            | Error why -> Error why
            | Ok prepared ->
                newImages context before prepared.State (List.rev entries) []
                |> Result.map (fun entries -> struct (prepared, entries))

        match checkedAll with
        | Error why -> aborted context before progress why
        | Ok(struct (prepared, entries)) ->
            let prepared = forgetFlags context prepared entries
            let state = List.fold (commitEntry context) prepared.State entries
            let state = Refresh.commit { prepared with State = state }

            // what lost its last reference goes now (BLK-REOPEN-021, BLK-REOPEN-022)
            let close state (edge: Edge) =
                Rule.touch context (Rule.reopen 21)
                Rule.touch context (Rule.reopen 22)
                Transaction.closeIfUnreferenced context state edge.Child

            Ok(List.fold close state (List.rev progress.Removed))

    /// An entry as it is noted for whoever replays it.
    let private wish (entry: Entry) : ReopenWish =
        let child name =
            match Options.childSpec name entry.Children with
            | ValueSome(ChildSpec.Reference child) -> Some(name, ValueSome child)
            | ValueSome ChildSpec.Nothing -> Some(name, ValueNone)
            | _ -> None

        {
            Node = entry.Node
            Writable = entry.Flags.Writable
            AutoReadOnly = entry.Flags.AutoReadOnly
            Children = List.choose child [ "backing"; "file" ]
        }

    /// Reopens the nodes that are asked for, in this order.
    let run (context: Context) (state: State) (asked: (int * Ask) list) : Result<State, Refused> =
        match ReopenQueue.build context state asked with
        | Error why -> Refused.by state why
        | Ok queue ->
            Rule.act context (fun () -> GraphAction.Reopen(List.map wish queue))

            let rec prepareAll progress queue =
                match queue with
                | [] -> decide context state progress
                | entry :: rest ->
                    match prepare context state progress entry with
                    | Ok progress -> prepareAll progress rest
                    | Error(struct (why, progress)) -> aborted context state progress why

            let start = { State = state; Removed = []; Done = []; Roots = [] }

            prepareAll start queue

    /// blockdev-reopen (BLK-REOPEN-001).
    let reopen (context: Context) (state: State) (list: Value list) : Result<State, Refused> =
        // permissions: by the refresh that decides

        // validation: schema and names of the whole list
        match ReopenQueue.ofList context state list with
        | Error why -> Refused.by state why
        // effect and result
        | Ok asked -> run context state asked
