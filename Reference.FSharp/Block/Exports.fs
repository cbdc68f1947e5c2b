/// Users of nodes: backends with permissions of their own, exports of the NBD server
/// (BLK-PERM-050, BLK-EXPORT).
namespace Ashlar.Reference.Block

/// Backends and exports.
module Exports =
    /// Longest name of an export, in bytes, that NBD can carry (BLK-EXPORT-005).
    let nameBytesMax = 4096

    let private refusing (context: Context) (state: State) node rule text =
        Rule.refuse context rule node text |> Refused.by state

    /// The node a user names (BLK-EXPORT-002, BLK-PERM-050).
    let private findNode (context: Context) (state: State) rule (name: string) =
        Rule.touch context rule

        match state.Names.TryGetValue name with
        | true, id -> Ok id
        | _ ->
            "Cannot find device='' nor node-name='" + name + "'" |> refusing context state name rule

    /// Attaches a backend (BLK-PERM-050).
    let attachBackend context (state: State) (name: string) nodeName perm shared =
        let refuse = refusing context state name (Rule.perm 50)

        match findNode context state (Rule.perm 50) nodeName with
        | Error refused -> Error refused
        | Ok _ when not (OpenTests.isWellFormed name) -> refuse "Invalid device name"
        | Ok _ when (Graph.backend state name).IsSome ->
            refuse ("Device with id '" + name + "' already exists")
        | Ok _ when state.Names.ContainsKey name ->
            refuse ("Device name '" + name + "' conflicts with an existing node name")
        | Ok id ->
            Rule.touch context (Rule.perm 50)

            match Transaction.attachRoot context state name id perm shared with
            | Ok(struct (state, _)) -> Ok state
            | Error why -> Refused.by state why

    /// The backend of that name, or the refusal of class DeviceNotFound (BLK-PERM-050).
    let findBackend (context: Context) (state: State) (name: string) : Result<Backend, Refusal> =
        match Graph.backend state name with
        | Some backend -> Ok backend
        | None ->
            let text = "Device '" + name + "' not found"
            let refusal = Rule.refuse context (Rule.perm 50) name text
            Error { refusal with Class = "DeviceNotFound" }

    /// Changes both masks of a root at once (BLK-PERM-050, BLK-PERM-034).
    let private setRoot (context: Context) (state: State) (backend: Backend) perm shared =
        let edge = state.Edges[backend.Root]
        Rule.act context (fun () -> GraphAction.SetRoot(backend.Id, perm, shared))
        let changed = { edge with Perm = perm; Shared = shared }
        let remembered = { backend with Perm = perm; Shared = shared }
        let backends = state.Backends.Add(backend.Id, remembered)

        match
            Refresh.run context { state with Edges = state.Edges.Add(edge.Id, changed) } [
                edge.Child
            ]
        with
        | Ok state -> Ok { state with Backends = backends }
        | Error why ->
            let tightens = not (Perm.subset perm edge.Perm) || not (Perm.subset edge.Shared shared)

            if tightens then
                Error why
            else
                // a loosening never fails; what it could not do stays (DD-STALE-PERMS)
                Ok { state with Backends = backends }

    /// Sets both masks of a backend (BLK-PERM-050).
    let setBackend (context: Context) (state: State) name perm shared =
        let refused why = { Why = why; Left = state }

        match findBackend context state name with
        | Error why -> Error(refused why)
        | Ok backend -> setRoot context state backend perm shared |> Result.mapError refused

    /// Detaches a backend (BLK-PERM-050).
    let detachBackend (context: Context) (state: State) name =
        match findBackend context state name with
        | Error why -> Refused.by state why
        | Ok backend -> Ok(Transaction.removeBackend context state backend.Id)

    /// nbd-server-start (BLK-EXPORT-007).
    let startServer (context: Context) (state: State) =
        if state.NbdServer then
            refusing context state "" (Rule.export 7) "NBD server already running"
        else
            Rule.touch context (Rule.export 7)
            Ok { state with NbdServer = true }

    /// What the NBD server tests of an export whose root is attached (BLK-EXPORT-005).
    let private serverRefusal (context: Context) (state: State) (name: string) =
        let refuse text = ValueSome(Rule.refuse context (Rule.export 5) name text)
        Rule.touch context (Rule.export 5)

        if not state.NbdServer then
            refuse "NBD server not running"
        elif System.Text.Encoding.UTF8.GetByteCount name > nameBytesMax then
            refuse ("export name '" + name + "' too long")
        elif state.Exports |> List.exists (fun export -> export.Name = name) then
            refuse ("NBD server already has export named '" + name + "'")
        else
            ValueNone

    /// Attaches the root, then lets the server test, then drops RZ (BLK-EXPORT-004, 005).
    let private createExport (context: Context) (before: State) node (export: Export) =
        let perm = Perm.CR ||| (if export.Writable then Perm.W else Perm.None)
        Rule.touch context (Rule.export 4)

        match Transaction.attachRoot context before "" node perm Perm.All with
        | Error why -> Refused.by before why
        | Ok(struct (state, backend)) ->
            let fail why =
                Error {
                    Why = why
                    Left =
                        Transaction.undo context before (fun () ->
                            Transaction.removeBackend context state backend)
                }

            match serverRefusal context state export.Name with
            | ValueSome why -> fail why
            | ValueNone ->
                let shared = Perm.minus Perm.All Perm.RZ

                match setRoot context state state.Backends[backend] perm shared with
                | Error why -> fail why
                | Ok state ->
                    let export = { export with Backend = backend }
                    Ok { state with Exports = export :: state.Exports }

    /// The thread an export of a node gets (BLK-OBJ-005, BLK-OBJ-006).
    let private threadFor (context: Context) (state: State) node (runs: ThreadWish) =
        let refuse rule text = Error(struct (rule, text))

        match runs.IoThread with
        | Some thread when context.World.Objects.TryFind thread <> Some ObjectKind.IoThread ->
            refuse (Rule.obj 5) ("iothread \"" + thread + "\" not found")
        | Some thread ->
            Rule.touch context (Rule.obj 5)

            match Graph.fixedThread state node with
            | ValueSome other when runs.Fixed && other <> thread ->
                refuse (Rule.obj 6) Transaction.threadText
            | _ -> Ok thread
        | None when runs.Fixed ->
            Rule.touch context (Rule.obj 6)
            Ok(Graph.threadOf state node)
        | None -> Ok ""

    /// block-export-add (BLK-EXPORT-001, 002; BLK-EXPORT-003: a writable export needs a writable
    /// node; BLK-EXPORT-004, 005).
    let add (context: Context) (state: State) id nodeName (name: string option) writable runs =
        let refuse = refusing context state nodeName
        Rule.touch context (Rule.export 1)
        Rule.touch context (Rule.export 3)

        if not (OpenTests.isWellFormed id) then
            refuse (Rule.export 1) "Invalid block export id"
        elif state.Exports |> List.exists (fun export -> export.Id = id) then
            refuse (Rule.export 1) ("Block export id '" + id + "' is already in use")
        else
            match findNode context state (Rule.export 2) nodeName with
            | Error refused -> Error refused
            | Ok node when writable && not state.Nodes[node].Writable ->
                refuse (Rule.export 3) "Cannot export read-only node as writable"
            | Ok node ->
                match threadFor context state node runs with
                | Error(struct (rule, text)) -> refuse rule text
                | Ok thread ->
                    createExport context state node {
                        Id = id
                        Name = Option.defaultValue nodeName name
                        Writable = writable
                        Thread = thread
                        FixedThread = runs.Fixed
                        Backend = -1
                    }

    /// nbd-server-add, today a block-export-add under the export's name (BLK-EXPORT-008).
    let addByDevice (context: Context) (state: State) device name writable =
        match OpenTests.lookup context state device with
        | Error why -> Refused.by state why
        | Ok node ->
            let node = state.Nodes[node]
            Rule.touch context (Rule.export 8)
            let isWritable = writable && node.Writable
            add context state name node.Name (Some name) isWritable ThreadWish.none

    let private remove (context: Context) (state: State) rule id =
        match state.Exports |> List.tryFind (fun export -> export.Id = id) with
        | None -> "Export '" + id + "' is not found" |> refusing context state id rule
        | Some export ->
            Rule.touch context rule
            let exports = state.Exports |> List.filter (fun other -> other.Id <> id)
            let state = Transaction.removeBackend context state export.Backend
            Ok { state with Exports = exports }

    /// block-export-del (BLK-EXPORT-006).
    let del (context: Context) (state: State) (id: string) = remove context state (Rule.export 6) id

    /// nbd-server-remove, today a block-export-del by id (BLK-EXPORT-011).
    let removeById (context: Context) (state: State) (id: string) =
        remove context state (Rule.export 11) id

    /// nbd-server-stop: the exports go, oldest first, then the server (BLK-EXPORT-009).
    let stopServer (context: Context) (state: State) =
        if not state.NbdServer then
            refusing context state "" (Rule.export 9) "NBD server not running"
        else
            Rule.touch context (Rule.export 9)

            let gone (state: State) (export: Export) =
                Transaction.removeBackend context state export.Backend

            let state = List.fold gone state (List.rev state.Exports)
            Ok { state with Exports = []; NbdServer = false }
