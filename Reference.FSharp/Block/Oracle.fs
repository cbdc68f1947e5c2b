/// The oracle: what a command may do (every BLK requirement).
namespace Ashlar.Reference.Block

/// What a command that succeeded returns.
type Reply =
    | Done
    /// What a read returns: runs that are not zero, by offset from the start of the request.
    | Data of Content
    /// A read of bytes the model does not know: any data is right.
    | AnyData

/// One allowed end of a command. A refusal's text of "*" stands for any text, and a "*" inside a
/// text for any number.
type Outcome = { Result: Result<Reply, Refusal>; State: State; World: World }

/// The one step function.
module Oracle =
    let private outcome world state result : Outcome = {
        Result = result
        State = state
        World = world
    }

    /// The end of a command that changes the state only.
    let private changed (context: Context) (before: State) (result: Result<State, Refused>) =
        match result with
        | Ok state -> outcome context.World state (Ok Done)
        // ashlar: a refused command changed nothing (BLK-OPEN-009, BLK-PERM-032, BLK-GRAPH-007)
        | Error refused when not context.Profile.ListOrderOnAbort ->
            Rule.touch context (Rule.graph 7)
            outcome context.World before (Error refused.Why)
        | Error refused -> outcome context.World refused.Left (Error refused.Why)

    /// The end of a command that changes the world only.
    let private altered (context: Context) (state: State) (result: Result<World, Refusal>) =
        match result with
        | Ok world -> outcome world state (Ok Done)
        | Error why -> outcome context.World state (Error why)

    let private resize (context: Context) (state: State) name size =
        match Resize.run context state name size with
        | Ok(struct (state, world)) -> outcome world state (Ok Done)
        | Error refused -> changed context state (Error refused)

    /// A guest's request; it changes the world, never the graph (BLK-DATA-001).
    let private request (context: Context) (state: State) name (request: Request) =
        match Exports.findBackend context state name with
        | Error why -> outcome context.World state (Error why)
        | Ok backend ->
            let answer = Disk.request context state backend request

            let reply =
                match request, answer.Result with
                | Request.Read(offset, _), Ok(ValueSome content) ->
                    Ok(Data(Content.shift -offset content))
                | Request.Read _, Ok ValueNone -> Ok AnyData
                | _, Ok _ -> Ok Done
                | _, Error text when text = Disk.ioError ->
                    Error(Rule.refuse context (Rule.data 2) name text)
                | _, Error text -> Error(Rule.refuse context (Rule.data 1) name text)

            outcome answer.World state reply

    /// A command of another profile (BLK-OPEN-031).
    let private unknown (context: Context) (state: State) (command: Command) =
        let name = Command.toQmp command |> fst
        let text = "The command " + name + " has not been found"
        let why = Rule.refuse context (Rule.opening 31) "" text
        outcome context.World state (Error { why with Class = "CommandNotFound" })

    /// One run of a command under the answers the context prescribes.
    let private perform (context: Context) (state: State) (command: Command) : Outcome =
        let changed = changed context state

        match command with
        | BlockdevAdd options -> changed (Open.add context state options)
        | BlockdevDel name -> changed (GraphCommands.del context state name)
        | BlockdevReopen list -> changed (Reopen.reopen context state list)
        | BlockdevSnapshot(node, overlay) ->
            changed (GraphCommands.snapshot context state node overlay)
        | BlockResize(name, size) -> resize context state name size
        | NbdServerStart -> changed (Exports.startServer context state)
        | NbdServerStop -> changed (Exports.stopServer context state)
        | BlockExportAdd(id, node, name, writable, runs) ->
            changed (Exports.add context state id node name writable runs)
        | BlockExportDel id -> changed (Exports.del context state id)
        | BackendAttach(name, node, perm, shared) ->
            changed (Exports.attachBackend context state name node perm shared)
        | BackendSet(name, perm, shared) ->
            changed (Exports.setBackend context state name perm shared)
        | BackendDetach name -> changed (Exports.detachBackend context state name)
        | Request(backend, asked) -> request context state backend asked
        | Move move -> outcome (World.apply move context.World) state (Ok Done)
        | NbdServerAdd(device, name, writable) ->
            changed (Exports.addByDevice context state device name writable)
        | NbdServerRemove(name, _) -> changed (Exports.removeById context state name)
        | ObjectAdd(kind, id) -> Objects.add context kind id |> altered context state
        | ObjectDel id -> Objects.del context state id |> altered context state
        | QemuIoReopen _ -> unknown context state command

    /// In QEMU a raw window that its child cannot fill when its length is asked stays as short
    /// (DD-LENGTH). Whoever watches asks after every command.
    let private watched (context: Context) (outcome: Outcome) : Outcome =
        let context = { context with World = outcome.World }

        let shorten (state: State) _ (node: Node) =
            match node.Settings with
            | Settings.Raw(offset, ValueSome size) ->
                match Image.measure context state node with
                | ValueSome bytes when bytes < size ->
                    let settings = Settings.Raw(offset, ValueSome bytes)
                    Graph.putNode { node with Settings = settings } state
                | _ -> state
            | _ -> state

        if context.Profile.RemembersLength then
            { outcome with State = Map.fold shorten outcome.State outcome.State.Nodes }
        else
            outcome

    /// Profiles of the recursive permission update have commands of their own (BLK-OPEN-031).
    let private legacy (context: Context) (state: State) (command: Command) =
        match command with
        | Request(backend, asked) -> request context state backend asked
        | Move move -> outcome (World.apply move context.World) state (Ok Done)
        | _ ->
            match LegacyOracle.step context state command with
            | Some(result, state) ->
                outcome context.World state (Result.map (fun () -> Done) result)
            | None -> unknown context state command

    /// The next row of answers to go through, if there is one.
    let private nextAnswers (asked: ResizeArray<bool>) =
        let rec shorten answers =
            match answers with
            | true :: rest -> Some(List.rev (false :: rest))
            | false :: rest -> shorten rest
            | [] -> None

        shorten (List.rev (List.ofSeq asked))

    /// Every outcome, with what its rules did noted in the context.
    let private outcomes (context: Context) (state: State) (command: Command) : Outcome list =
        let rec under answers found =
            let context = { context with Answers = answers; Asked = ResizeArray(0) }

            let outcome =
                match context.Profile.PermissionUpdate with
                | PermissionUpdate.Transactional -> perform context state command |> watched context
                | PermissionUpdate.Recursive -> legacy context state command

            match context.Asked.Count with
            | 0 -> [ outcome ]
            | _ ->
                match nextAnswers context.Asked with
                | Some answers -> under answers (outcome :: found)
                | None -> List.rev (outcome :: found)

        under [] []

    /// Lengths of nodes in bytes, where not only the host knows them (BLK-DATA-011).
    let length (profile: Profile) (world: World) : State -> int -> int64 voption =
        let context = Context.noting profile world [||] ValueNone
        fun state id -> Image.length context state id

    /// Every outcome the profile allows; one where it leaves nothing open.
    let step (profile: Profile) (world: World) (state: State) (command: Command) : Outcome list =
        outcomes (Context.noting profile world [||] ValueNone) state command

    /// The same, with the bit of every requirement exercised set in `touched`, which has a word
    /// of 64 for each of `Rule.subjects`. The refusing one is in the outcome.
    let stepTouching
        (touched: uint64[])
        (profile: Profile)
        (world: World)
        (state: State)
        (command: Command)
        : Outcome list =
        outcomes (Context.noting profile world touched ValueNone) state command

    /// The first outcome the profile allows, with what was done to the graph added to `actions`.
    let stepNoting
        (actions: ResizeArray<GraphAction>)
        (profile: Profile)
        (world: World)
        (state: State)
        (command: Command)
        : Outcome =
        let context = Context.noting profile world [||] ValueNone
        perform { context with Actions = ValueSome actions } state command

    /// The same, with the derivation added to `steps`.
    let stepExplaining
        (steps: ResizeArray<Step>)
        (profile: Profile)
        (world: World)
        (state: State)
        (command: Command)
        : Outcome list =
        let touched = Array.zeroCreate Rule.subjects.Length
        outcomes (Context.noting profile world touched (ValueSome steps)) state command
