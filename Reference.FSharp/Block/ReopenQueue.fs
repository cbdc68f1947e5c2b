/// Which nodes a reopen reaches, and with which options (BLK-REOPEN-001 to BLK-REOPEN-006).
/// Nothing is tested here but the list itself; preparing and deciding is Reopen's.
namespace Ashlar.Reference.Block

/// What a command says of a node it names.
type Ask = {
    Own: OptionList
    Children: (string * ChildSpec) list
    /// Whether what is not said stays as it is (BLK-REOPEN-006).
    Keep: bool
}

/// One node of a reopen.
type Entry = {
    Node: int
    /// What counts as given from now on.
    Explicit: OptionList
    /// What is in effect from now on.
    Options: OptionList
    /// What was said of children and not taken apart (BLK-REOPEN-004).
    Children: (string * ChildSpec) list
    /// Whether what is not said stays (BLK-REOPEN-006).
    Keep: bool
    /// Whether `backing` had to be said and was not (BLK-REOPEN-014).
    BackingMissing: bool
    /// The flags the options ask for; a degraded node loses Writable (BLK-RO-021).
    Flags: Flags
    /// The driver's settings from now on.
    Settings: Settings
}

/// Building the queue.
module ReopenQueue =
    /// What a parent's options say of a child that inherits from it.
    [<RequireQualifiedAccess>]
    type private Said =
        | Nothing
        | Reference
        | Inline of Spec
        /// Another reference, or null: the child is not kept.
        | Other

    let private said (child: Node) (edgeName: string) (children: (string * ChildSpec) list) =
        match Options.childSpec edgeName children with
        | ValueNone -> Said.Nothing
        | ValueSome(ChildSpec.Inline spec) -> Said.Inline spec
        | ValueSome(ChildSpec.Reference name) when name = child.Name -> Said.Reference
        | ValueSome _ -> Said.Other

    /// The precedence of options (BLK-REOPEN-003, BLK-REOPEN-006). A backing child that was taken
    /// apart, so that nothing is left of it, was said all the same (BLK-REOPEN-014).
    let private entry (node: Node) own children left keep (heritage: Heritage voption) : Entry =
        let given = if keep then Options.join own node.Explicit else own

        let inherited =
            match heritage with
            | ValueSome h -> Options.inheritFrom h.Role h.Options given
            | ValueNone -> given

        let options =
            if keep then
                Options.join inherited node.Effective
            else
                inherited

        {
            Node = node.Id
            Explicit = given
            Options = options
            Children = left
            Keep = keep
            BackingMissing = not keep && (Options.childSpec "backing" children).IsNone
            Flags = Options.flags options
            Settings = node.Settings
        }

    /// Inline options of children that inherit are taken apart: they are no options here. Where
    /// a merged entry has a reference, too, they are not (DD-REOPEN-TWICE).
    let private leftOf (state: State) (node: Node) (children: (string * ChildSpec) list) =
        let isTaken (name, spec) =
            match spec, Options.childSpec name children, Graph.childNamed state node name with
            | ChildSpec.Inline _, ValueSome(ChildSpec.Inline _), ValueSome edge ->
                state.Nodes[edge.Child].InheritsFrom = node.Id
            | _ -> false

        if List.exists isTaken children then
            List.filter (isTaken >> not) children
        else
            children

    let private appearsTwice (context: Context) (name: string) =
        "Node '" + name + "' appears more than once in the reopen list"
        |> Rule.refuse context (Rule.reopen 2) name

    /// Edges to children that inherit, in list order, with what is said of them.
    let private inheriting (state: State) (node: Node) children =
        Graph.children state node
        |> List.choose (fun edge ->
            let child = state.Nodes[edge.Child]

            if child.InheritsFrom = node.Id then
                match said child edge.Name children with
                | Said.Other -> None
                | said -> Some(struct (edge, said))
            else
                None)

    /// ashlar: every node once, its options independent of the list's order (BLK-REOPEN-005).
    let private once (context: Context) (state: State) (asked: Map<int, Ask>) order =
        let mutable refusal = ValueNone
        let mutable queue = []
        let known = System.Collections.Generic.Dictionary<int, Entry voption>()
        let childrenSaid = System.Collections.Generic.Dictionary<int, (string * ChildSpec) list>()

        // what the parent says, over all edges that keep the child; the oldest edge gives the role
        let route (parent: Entry) (node: Node) =
            inheriting state state.Nodes[parent.Node] childrenSaid[parent.Node]
            |> List.filter (fun (struct (edge, _)) -> edge.Child = node.Id)

        let rec resolve id : Entry voption =
            match known.TryGetValue id with
            | true, entry -> entry
            | _ ->
                let node = state.Nodes[id]

                let parent =
                    if state.Nodes.ContainsKey node.InheritsFrom then
                        resolve node.InheritsFrom
                    else
                        ValueNone

                let routes =
                    match parent with
                    | ValueSome parent -> route parent node
                    | ValueNone -> []

                let result = fromRoutes node parent routes
                known[id] <- result
                result

        and fromRoutes node parent routes =
            let heritage =
                match parent, List.tryLast routes with
                | ValueSome parent, Some(struct (edge, _)) ->
                    ValueSome { Parent = parent.Node; Role = edge.Role; Options = parent.Options }
                | _ -> ValueNone

            let inlineSpec =
                routes
                |> List.tryPick (fun (struct (_, said)) ->
                    match said with
                    | Said.Inline spec -> Some spec
                    | _ -> None)

            let byReference =
                routes |> List.exists (fun (struct (_, said)) -> said = Said.Reference)

            let make own children keep =
                childrenSaid[node.Id] <- children

                if keep then
                    Rule.touch context (Rule.reopen 6)

                ValueSome(entry node own children (leftOf state node children) keep heritage)

            match asked.TryGetValue node.Id, inlineSpec, parent with
            | (true, ask), _, _ -> make ask.Own ask.Children ask.Keep
            | _, Some spec, _ -> make spec.Own spec.Children false
            | _, None, ValueSome parent when not routes.IsEmpty ->
                make [] [] (byReference || parent.Keep)
            | _ -> ValueNone

        let placed = System.Collections.Generic.HashSet<int>()

        let rec place id =
            match resolve id with
            | ValueSome entry when refusal.IsNone && placed.Add id ->
                queue <- entry :: queue
                let edges = inheriting state state.Nodes[id] childrenSaid[id]

                for struct (edge, said) in edges do
                    let inlined =
                        System.Linq.Enumerable.Count(
                            edges,
                            fun (struct (e, s)) -> e.Child = edge.Child && s.IsInline
                        )

                    if said.IsInline && (inlined > 1 || asked.ContainsKey edge.Child) then
                        if refusal.IsNone then
                            refusal <- ValueSome(appearsTwice context state.Nodes[edge.Child].Name)

                    place edge.Child
            | _ -> ()

        List.iter place order

        match refusal with
        | ValueSome refusal -> Error refusal
        | ValueNone -> Ok(List.rev queue)

    /// What two mentions say of children. A reference, or null, and inline options are options of
    /// different names to QEMU, so a later inline dict does not take an earlier reference back; the
    /// reference goes first, because it decides.
    let private mergedChildren (later: (string * ChildSpec) list) earlier =
        let isInline (_, spec: ChildSpec) = spec.IsInline

        let isSaidAgain (name, spec) =
            not (isInline (name, spec))
            && later |> List.exists (fun (n, s) -> n = name && not (isInline (n, s)))

        let inlined, references =
            later @ List.filter (isSaidAgain >> not) earlier |> List.partition isInline

        references @ inlined

    /// qemu-7.2: a node met again is merged in place (DD-REOPEN-TWICE, DD-REOPEN-ORDER).
    let private merged (state: State) (asked: (int * Ask) list) =
        let rec queueNode (queue: Entry list) id own children keep heritage =
            let node = state.Nodes[id]
            let old = queue |> List.tryFind (fun entry -> entry.Node = id)

            let own, children =
                match old with
                | Some old -> Options.join own old.Explicit, mergedChildren children old.Children
                | None -> own, children

            // what is kept are the old entry's options where there is one
            let made =
                entry
                    { node with Explicit = (if old.IsSome then own else node.Explicit) }
                    own
                    children
                    (leftOf state node children)
                    keep
                    heritage

            let made =
                match old with
                | Some old when keep -> { made with BackingMissing = old.BackingMissing }
                | _ -> made

            // QEMU keeps the discard flag when the option is left out (DD-DISCARD)
            let made =
                match
                    Options.find "discard" made.Options, Options.find "discard" node.Effective
                with
                | ValueNone, ValueSome kept -> {
                    made with
                        Options = ("discard", kept) :: made.Options
                  }
                | _ -> made

            let queue =
                if old.IsSome then
                    queue |> List.map (fun e -> if e.Node = id then made else e)
                else
                    queue @ [ made ]

            let visit queue (struct (edge: Edge, said)) =
                let heritage = ValueSome { Parent = id; Role = edge.Role; Options = made.Options }

                match said with
                | Said.Inline spec ->
                    queueNode queue edge.Child spec.Own spec.Children keep heritage
                | Said.Reference -> queueNode queue edge.Child [] [] true heritage
                | _ -> queueNode queue edge.Child [] [] keep heritage

            List.fold visit queue (inheriting state node children)

        asked
        |> List.fold
            (fun queue (id, ask) -> queueNode queue id ask.Own ask.Children ask.Keep ValueNone)
            []

    /// The queue of a reopen that names these nodes, in this order.
    let build
        (context: Context)
        (state: State)
        (asked: (int * Ask) list)
        : Result<Entry list, Refusal> =
        Rule.touch context (Rule.reopen 3)
        Rule.touch context (Rule.reopen 4)

        match context.Profile.ReopenTwice with
        | ReopenTwice.MergedInPlace -> Ok(merged state asked)
        | ReopenTwice.Refused ->
            Rule.touch context (Rule.reopen 2)
            Rule.touch context (Rule.reopen 5)
            once context state (Map.ofList asked) (List.map fst asked)

    /// The list of a blockdev-reopen: schema, then names, then doubles (BLK-REOPEN-001, 002).
    let ofList
        (context: Context)
        (state: State)
        (list: Value list)
        : Result<(int * Ask) list, Refusal> =
        let rec schema i values =
            match values with
            | [] -> Ok []
            | value :: rest ->
                match Schema.checkReopen context i value with
                | Error refusal -> Error refusal
                | Ok spec -> schema (i + 1) rest |> Result.map (fun specs -> spec :: specs)

        let refuse text = Error(Rule.refuse context (Rule.reopen 1) "" text)
        Rule.touch context (Rule.reopen 1)
        let named = System.Collections.Generic.HashSet<int>()

        let rec names (specs: Spec list) asked =
            match specs with
            | [] -> Ok(List.rev asked)
            | spec :: rest ->
                match Options.text "node-name" spec.Own with
                | ValueNone -> refuse "node-name not specified"
                | ValueSome name ->
                    match state.Names.TryGetValue name with
                    | true, id when
                        not (named.Add id) && context.Profile.ReopenTwice = ReopenTwice.Refused
                        ->
                        Error(appearsTwice context name)
                    | true, id ->
                        let ask: Ask = { Own = spec.Own; Children = spec.Children; Keep = false }

                        names rest ((id, ask) :: asked)
                    | _ -> refuse ("Failed to find node with node-name='" + name + "'")

        match schema 0 list with
        | Error refusal -> Error refusal
        | Ok specs -> names specs []
