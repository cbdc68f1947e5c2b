/// The commands of the profiles qemu-3.1 and qemu-seed, with the texts of the time
/// (BLK-GRAPH-015, BLK-EXPORT-010, BLK-REOPEN-030).
namespace Ashlar.Reference.Block

/// One command by the legacy rules.
module LegacyOracle =
    open LegacyPermissions

    let private refuse context rule node text = Error(Rule.refuse context.Common rule node text)

    let private exportShared = Perm.CR ||| Perm.W ||| Perm.WU

    let private isBackend (edge: Edge) =
        match edge.Parent with
        | Parent.Backend _ -> true
        | Parent.Node _ -> false

    /// A user with a root edge (BLK-PERM-050). The node is the child by its id.
    let private addBackend context (state: State) name node perm shared =
        refusable {
            let id = state.NextBackend
            let state = { state with NextBackend = id + 1 }
            let user = Parent.Backend id
            let! state, root = attachUser context state user node "root" Role.None perm shared

            let backend = { Id = id; Name = name; Perm = perm; Shared = shared; Root = root }

            return { state with Backends = state.Backends.Add(id, backend) }, backend
        }

    /// The schema is that of the other profiles: nothing recorded is outside it (BLK-OPEN-001).
    let private blockdevAdd context state options =
        refusable {
            let! _ = Schema.checkAdd context.Common options
            let flat = LegacyOptions.flatten options

            if (LegacyOptions.text "node-name" flat).IsNone then
                return!
                    refuse
                        context
                        (Rule.opening 2)
                        ""
                        "'node-name' must be specified for the root node"
            else
                let source = LegacyOpen.Source.Inline flat
                let! state, id = LegacyOpen.openNode context state source None
                return putNode { state.Nodes[id] with MonitorOwned = true } state
        }

    let private blockdevDel context (state: State) name =
        let refuse rule text = refuse context rule name text

        match Graph.byName state name with
        | None -> refuse (Rule.graph 15) $"Cannot find node {name}"
        | Some node ->
            let parents = Graph.parents state node
            let backs = parents |> List.tryFind (fun e -> Role.has Role.Cow e.Role)

            match backs with
            | _ when List.exists isBackend parents ->
                refuse (Rule.graph 11) $"Node {name} is in use"
            | Some { Parent = Parent.Node p } ->
                let overlay = state.Nodes[p].Name

                refuse
                    (Rule.graph 12)
                    $"Node '{name}' is busy: node is used as backing hd of '{overlay}'"
            | _ when not node.MonitorOwned ->
                refuse (Rule.graph 13) $"Node {name} is not owned by the monitor"
            | _ when not parents.IsEmpty -> refuse (Rule.graph 14) $"Block device {name} is in use"
            | _ ->
                Ok(closeUnused context (putNode { node with MonitorOwned = false } state) node.Id)

    let private nbdServerAdd context (state: State) device name writable =
        let refuse text = refuse context (Rule.export 10) name text

        if not state.NbdServer then
            refuse "NBD server not running"
        elif state.Exports |> List.exists (fun e -> e.Name = name) then
            refuse $"NBD server already has export named '{name}'"
        else
            refusable {
                let! node = LegacyOpen.lookup context state device
                let writable = writable && node.Writable
                let perm = if writable then Perm.CR ||| Perm.W else Perm.CR
                let! state, backend = addBackend context state "" node.Id perm exportShared

                let export = {
                    Id = name
                    Name = name
                    Writable = writable
                    Thread = ""
                    FixedThread = false
                    Backend = backend.Id
                }

                return { state with Exports = export :: state.Exports }
            }

    let private nbdServerRemove context (state: State) name =
        match state.Exports |> List.tryFind (fun e -> e.Name = name) with
        | None -> refuse context (Rule.export 10) name $"Export '{name}' is not found"
        | Some export ->
            let rest = state.Exports |> List.filter (fun e -> e.Name <> name)
            Ok(detach context { state with Exports = rest } state.Backends[export.Backend].Root)

    let private backendAttach context (state: State) name nodeName perm shared =
        refusable {
            let! node = LegacyOpen.lookup context state nodeName

            if (Graph.backend state name).IsSome then
                return! refuse context (Rule.perm 50) name $"Device with id '{name}' already exists"
            else
                let! state, _ = addBackend context state name node.Id perm shared
                return state
        }

    let private backendSet context (state: State) name perm shared =
        refusable {
            let! backend = Exports.findBackend context.Common state name
            let edge = state.Edges[backend.Root]
            let! state = checkUser context state edge.Child perm shared [ edge.Id ]
            let edge = { edge with Perm = perm; Shared = shared }
            let backend = { backend with Perm = perm; Shared = shared }

            let state = {
                state with
                    Edges = state.Edges.Add(edge.Id, edge)
                    Backends = state.Backends.Add(backend.Id, backend)
            }

            return settle state edge.Child
        }

    /// The node has a temporary user without permissions while it is reopened.
    let private qemuIoReopen context (state: State) name arguments =
        let plain (refusal: Refusal) : LegacyReopen.Failure = {
            Refusal = refusal
            Lost = ValueNone
        }

        refusable {
            let! node = LegacyOpen.lookup context state name |> Result.mapError plain
            let! request = LegacyReopen.parse context arguments |> Result.mapError plain

            let! state, user =
                addBackend context state "" node.Id Perm.None Perm.All |> Result.mapError plain

            let! state = LegacyReopen.reopen context state node.Id request
            return detach context state user.Root
        }

    /// What the human monitor prints; QMP reports the first line only.
    let private firstLine (refusal: Refusal) = { refusal with Text = refusal.Text.Split('\n')[0] }

    /// The state after a command, or its refusal and the state that stays; nothing for a command
    /// that these profiles do not know (BLK-OPEN-031).
    let step (common: Context) (state: State) (command: Command) =
        let context = { Common = common; After = Map.empty; Images = 0 }

        let unchanged result =
            match result with
            | Ok state -> Some(Ok(), state)
            | Error refusal -> Some(Error(firstLine refusal), state)

        match command with
        | BlockdevAdd options -> unchanged (blockdevAdd context state options)
        | BlockdevDel name -> unchanged (blockdevDel context state name)
        | NbdServerStart when state.NbdServer ->
            unchanged (refuse context (Rule.export 7) "" "NBD server already running")
        | NbdServerStart -> unchanged (Ok { state with NbdServer = true })
        | NbdServerAdd(device, name, writable) ->
            unchanged (nbdServerAdd context state device name writable)
        | NbdServerRemove(name, _) -> unchanged (nbdServerRemove context state name)
        | QemuIoReopen(name, arguments) ->
            match qemuIoReopen context state name arguments with
            | Ok state -> Some(Ok(), state)
            | Error { Refusal = refusal; Lost = ValueNone } -> Some(Error refusal, state)
            | Error { Refusal = refusal; Lost = ValueSome lost } ->
                Some(Error refusal, { state with LostFds = lost :: state.LostFds })
        | BackendAttach(name, node, perm, shared) ->
            unchanged (backendAttach context state name node perm shared)
        | BackendSet(name, perm, shared) -> unchanged (backendSet context state name perm shared)
        | BackendDetach name ->
            unchanged (
                Exports.findBackend context.Common state name
                |> Result.map (fun b -> detach context state b.Root)
            )
        | _ -> None
