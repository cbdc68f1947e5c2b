/// The reopen of QEMU 3.1 and of e35bdc123a, reached by `qemu-io NODE "reopen ..."`: old options
/// are kept, inheriting children come along, permissions are checked node by node against the
/// queue (BLK-REOPEN-030 to BLK-REOPEN-034).
namespace Ashlar.Reference.Block

/// Queue, prepare and commit of a legacy reopen.
module LegacyReopen =
    open LegacyPermissions

    /// A node in the queue and what it will be.
    type private Entry = {
        Node: int
        Options: Map<string, Value>
        Explicit: Map<string, Value>
        Writable: bool
        AutoReadOnly: bool
        Perm: Perm
        Shared: Perm
        Settings: Settings
    }

    /// A refused reopen, and the descriptor it lost, if it did (BLK-FILE-030).
    type Failure = { Refusal: Refusal; Lost: struct (int * bool) voption }

    let private failure refusal = { Refusal = refusal; Lost = ValueNone }

    let private refuse context rule node text =
        Error(failure (Rule.refuse context.Common rule node text))

    /// What `reopen` was told: whether it says read-write or read-only, and options.
    type Request = { Writable: bool voption; Options: Map<string, Value> }

    let private option (text: string) =
        match text.Split([| '=' |], 2) with
        | [| key; value |] -> key, Value.Str value
        | _ when text.StartsWith("no", System.StringComparison.Ordinal) ->
            text.Substring 2, Value.Str "off"
        | _ -> text, Value.Str "on"

    /// The arguments of `reopen` taken apart (BLK-REOPEN-030).
    let parse context (arguments: string) : Result<Request, Refusal> =
        let refuse text = Error(Rule.refuse context.Common (Rule.reopen 30) "" text)

        let words =
            arguments.Split(' ', System.StringSplitOptions.RemoveEmptyEntries) |> List.ofArray

        let rec read request words =
            match words with
            | [] -> Ok request
            | ("-r" | "-w") :: _ when request.Writable.IsSome ->
                refuse "Only one -r/-w option may be given"
            | ("-r" | "-w" as word) :: rest ->
                read { request with Writable = ValueSome((word = "-w")) } rest
            | "-o" :: given :: rest ->
                let options =
                    given.Split ','
                    |> Array.fold
                        (fun (all: Map<string, Value>) text -> all.Add(option text))
                        request.Options

                read { request with Options = options } rest
            | word :: _ -> refuse $"Unknown argument '{word}'"

        read { Writable = ValueNone; Options = Map.empty } words

    let private isParsedOnly context = context.Common.Profile.AutoReadOnly = AutoReadOnly.Parsed

    /// The flag after a reopen. At e35bdc123a an option turned off did not clear it (BLK-RO-030).
    let private autoAfter context options before =
        LegacyOptions.isOn "auto-read-only" options || isParsedOnly context && before

    let private enqueue (entry: Entry) (queue: Entry list) =
        if queue |> List.exists (fun e -> e.Node = entry.Node) then
            queue |> List.map (fun e -> if e.Node = entry.Node then entry else e)
        else
            queue @ [ entry ]

    /// Where the options of a queued node come from.
    [<RequireQualifiedAccess>]
    type private From =
        /// The command: its switches follow the node's flags where it says nothing.
        | Command of writable: bool
        | Parent of entry: Entry * role: Role

    /// Puts a node and its inheriting children into the queue. Given options come first, then the
    /// old explicit ones, then what is inherited, then the old effective ones (BLK-REOPEN-031).
    let rec private queueNode context (state: State) queue id from given =
        let node = state.Nodes[id]

        let stated =
            match from with
            | From.Parent _ -> given
            | From.Command writable ->
                given
                |> LegacyOptions.complete (
                    LegacyOptions.switchesOff
                        .Add("read-only", Value.Bool(not writable))
                        .Add("auto-read-only", Value.Bool node.AutoReadOnly)
                )

        let oldExplicit =
            match queue |> List.tryFind (fun (e: Entry) -> e.Node = id) with
            | Some entry -> entry.Explicit
            | None -> Map.ofList node.Explicit

        let explicit = LegacyOptions.complete oldExplicit stated

        let inherited =
            match from with
            | From.Parent(parent, role) -> LegacyOptions.inheritFrom parent.Options role explicit
            | From.Command _ -> explicit

        let entry = {
            Node = id
            Options = LegacyOptions.complete (Map.ofList node.Effective) inherited
            Explicit = explicit
            Writable =
                match from with
                | From.Parent _ -> not (LegacyOptions.isOn "read-only" inherited)
                | From.Command writable -> writable
            AutoReadOnly =
                match from with
                | From.Parent(parent, _) -> autoAfter context inherited parent.AutoReadOnly
                | From.Command _ -> node.AutoReadOnly
            Perm = Perm.All
            Shared = Perm.None
            Settings = node.Settings
        }

        (enqueue entry queue, Graph.children state node)
        ||> List.fold (fun queue edge ->
            if state.Nodes[edge.Child].InheritsFrom = id then
                let entry = queue |> List.find (fun e -> e.Node = id)
                let own, rest = LegacyOptions.split edge.Name entry.Options

                let entry = {
                    entry with
                        Options = rest
                        Explicit = LegacyOptions.split edge.Name entry.Explicit |> snd
                }

                let from = From.Parent(entry, edge.Role)
                queueNode context state (enqueue entry queue) edge.Child from own
            else
                queue)

    let private during context (queue: Entry list) = {
        context with
            After = queue |> List.map (fun e -> e.Node, e.Writable) |> Map.ofList
    }

    /// The cumulative pair after the reopen: parents in the queue count with what they will ask.
    let private cumulativeAfter context (state: State) (queue: Entry list) (id: int) =
        let asked (edge: Edge) =
            let queued =
                match edge.Parent with
                | Parent.Node p -> queue |> List.tryFind (fun e -> e.Node = p)
                | Parent.Backend _ -> None

            match queued with
            | None -> struct (edge.Perm, edge.Shared)
            | Some entry ->
                let parent = state.Nodes[entry.Node]

                ruleOf
                    context.After
                    parent
                    state.Nodes[id]
                    (ValueSome edge)
                    edge.Role
                    entry.Perm
                    entry.Shared

        Graph.parents state state.Nodes[id]
        |> List.map asked
        |> List.fold
            (fun struct (perm, shared) struct (p, s) -> struct (perm ||| p, shared &&& s))
            (struct (Perm.None, Perm.All))

    /// What the driver makes of a reopen: its settings after it, and the options it has read.
    let private prepareDriver context (state: State) (entry: Entry) (options: Map<string, Value>) =
        let node = state.Nodes[entry.Node]

        let common = context.Common

        let orRefused refusal ready =
            match refusal with
            | ValueSome why -> Error(failure why)
            | ValueNone -> Ok ready

        match node.Settings with
        | Settings.CopyOnRead
        | Settings.Nbd _
        | Settings.Quorum _ ->
            refuse
                context
                (Rule.reopen 11)
                node.Name
                ($"Block format '{Graph.driverName node.Driver}' used by node '{node.Name}' "
                 + "does not support reopening files")
        | Settings.File hold when hold.WritableFd <> entry.Writable ->
            match Files.openPath common.World hold.Path entry.Writable with
            | Error errno ->
                let text = "Could not reopen file: " + Files.text errno
                refuse context (Rule.file 30) node.Name text
            | Ok inode ->
                let hold = {
                    hold with
                        Inode = inode
                        ReadOnlyFd = not entry.Writable
                        WritableFd = entry.Writable
                        BelievedWritable = entry.Writable
                }

                Ok(Settings.File hold, options)
        | Settings.Raw _ ->
            let offset = LegacyOptions.number "offset" options |> Option.defaultValue 0L
            let size = LegacyOptions.number "size" options |> Option.toValueOption

            let refusal =
                match LegacyOpen.primary state node with
                | Some edge -> OpenTests.rawBounds common state node.Name edge.Child offset size
                | None -> ValueNone

            orRefused refusal (Settings.Raw(offset, size), options.Remove("offset").Remove("size"))
        | Settings.Throttle _ ->
            let group = LegacyOptions.text "throttle-group" options |> Option.defaultValue ""

            orRefused
                (OpenTests.groupRefusal common node.Name group)
                (Settings.Throttle group, options.Remove "throttle-group")
        | settings -> Ok(settings, options)

    /// The first option, in the dictionary's order, that is neither as before nor a reference to
    /// the child there is (BLK-REOPEN-016). force-share has become a word and never equals the
    /// boolean it was (BLK-REOPEN-017).
    let private changedOption (state: State) (node: Node) (options: Map<string, Value>) =
        let before = Map.ofList node.Effective

        let namesChild key value =
            Graph.children state node
            |> List.exists (fun e -> e.Name = key && value = Value.Str state.Nodes[e.Child].Name)

        LegacyOptions.inHashOrder options
        |> List.tryFind (fun (key, value) ->
            (key = "force-share" || before.TryFind key <> Some value) && not (namesChild key value))
        |> Option.map fst

    let private generic = [
        "cache.direct"
        "cache.no-flush"
        "read-only"
        "auto-read-only"
        "discard"
        "detect-zeroes"
    ]

    /// Everything about one node that can refuse the reopen (BLK-REOPEN-032). The state returned
    /// holds lock bytes taken ahead.
    let private prepare context (state: State) (queue: Entry list) (entry: Entry) =
        let node = state.Nodes[entry.Node]

        let entry = {
            entry with
                Writable = not (LegacyOptions.isOn "read-only" entry.Options)
                AutoReadOnly = autoAfter context entry.Options entry.AutoReadOnly
        }

        let queue = enqueue entry queue
        let context = during context queue
        let struct (perm, shared) = cumulativeAfter context state queue entry.Node
        let entry = { entry with Perm = perm; Shared = shared }
        let own = entry.Options |> Map.filter (fun key _ -> not (List.contains key generic))

        let rest settings options =
            match changedOption state node options with
            | Some key ->
                let text = $"Cannot change the option '{key}'"
                refuse context (Rule.reopen 32) node.Name text
            | None ->
                check context state entry.Node perm shared []
                |> Result.mapError failure
                |> Result.map (fun state -> state, enqueue { entry with Settings = settings } queue)

        /// Only from 3.1 on the descriptor opened ahead was closed again.
        let losing settings (failed: Failure) =
            match settings with
            | Settings.File hold when isParsedOnly context -> {
                failed with
                    Lost = ValueSome(struct (hold.Inode, entry.Writable))
              }
            | _ -> failed

        refusable {
            let! settings, options = prepareDriver context state entry own
            return! rest settings options |> Result.mapError (losing settings)
        }

    /// What a prepared node becomes; the lock bytes are those of the state (BLK-REOPEN-033).
    let private commit (state: State) (entry: Entry) =
        let node = state.Nodes[entry.Node]

        let settings =
            match entry.Settings, node.Settings with
            | Settings.File after, Settings.File now ->
                let locked = {
                    after with
                        LockedPerm = now.LockedPerm
                        LockedShared = now.LockedShared
                        MeanwhileBits = now.MeanwhileBits
                }

                Settings.File locked
            | settings, _ -> settings

        let strip (options: Map<string, Value>) =
            Graph.children state node
            |> List.fold (fun (all: Map<string, Value>) e -> all.Remove e.Name) options
            |> Map.toList

        let node = {
            node with
                Writable = entry.Writable
                AutoReadOnly = entry.AutoReadOnly
                Explicit = strip entry.Explicit
                Effective = strip entry.Options
                Settings = settings
        }

        set (putNode node state) entry.Node entry.Perm entry.Shared

    /// The whole reopen: every node is prepared in queue order, then each is committed in the same
    /// order, its permissions with the flags that are current by then (BLK-REOPEN-033).
    let reopen context (state: State) (id: int) (request: Request) : Result<State, Failure> =
        let node = state.Nodes[id]
        let writable = request.Writable |> ValueOption.defaultValue node.Writable
        Rule.touch context.Common (Rule.reopen 31)
        Rule.touch context.Common (Rule.reopen 33)
        let queue = queueNode context state [] id (From.Command writable) request.Options

        let prepareNext prepared (entry: Entry) =
            prepared
            |> Result.bind (fun (state, queue) ->
                let entry = queue |> List.find (fun (e: Entry) -> e.Node = entry.Node)
                prepare context state queue entry)

        List.fold prepareNext (Ok(state, queue)) queue
        |> Result.map (fun (state, queue) -> List.fold commit state queue)
