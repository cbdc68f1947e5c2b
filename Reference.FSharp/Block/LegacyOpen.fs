/// blockdev-add as in QEMU 3.1: the order of its tests, its texts, and the static auto-read-only
/// of file nodes (BLK-OPEN-030, BLK-RO-015, BLK-RO-031, BLK-FILE-030).
namespace Ashlar.Reference.Block

/// Opening a tree of nodes by the legacy rules. A refusal leaves the caller's state in force, so
/// nothing is undone here.
module LegacyOpen =
    open LegacyPermissions

    /// Where a node comes from.
    [<RequireQualifiedAccess>]
    type Source =
        | Reference of string
        | Inline of Map<string, Value>

    /// A child to attach: already open, or still to be.
    [<RequireQualifiedAccess>]
    type private Child =
        | Open of node: int
        | From of Source

    let private refuse context rule node text = Error(Rule.refuse context.Common rule node text)

    let private unlessRefused result refusal =
        match refusal with
        | ValueSome why -> Error why
        | ValueNone -> Ok result

    /// A node by its name, in the text of the time (BLK-OPEN-030).
    let lookup context (state: State) (name: string) : Result<Node, Refusal> =
        match Graph.byName state name with
        | Some node -> Ok node
        | None ->
            refuse context (Rule.opening 30) name $"Cannot find device={name} nor node_name={name}"

    /// The first edge that is not to a backing node.
    let primary (state: State) (node: Node) : Edge option =
        Graph.children state node |> List.tryFind (fun e -> not (Role.has Role.Cow e.Role))

    /// The file driver's open: degrading is for 3.1; at e35bdc123a a second descriptor held the
    /// locks (BLK-RO-015, BLK-FILE-030).
    let private openFile context (node: Node) (options: Map<string, Value>) =
        let path = LegacyOptions.text "filename" options |> Option.defaultValue ""
        let locking = LegacyOptions.text "locking" options <> Some "off"
        let flags = ReadOnly.flagsOf node

        ReadOnly.openFile context.Common node.Name path locking flags
        |> Result.map (fun (struct (hold, writable)) ->
            let lockFd =
                if context.Common.Profile.AutoReadOnly = AutoReadOnly.Parsed then
                    ValueSome writable
                else
                    ValueNone

            let hold = { hold with LockFdWritable = lockFd }
            { node with Writable = writable; Settings = Settings.File hold })

    /// Asks the server, which decides whether the node may be written (BLK-RO-020).
    let private openNbd context (node: Node) (options: Map<string, Value>) =
        let text name = LegacyOptions.text name options |> Option.defaultValue ""

        let server, reason =
            match LegacyOptions.text "server.host" options with
            | Some host -> ServerAddress.Inet(host, text "server.port"), "Connection refused"
            | None -> ServerAddress.Unix(text "server.path"), "No such file or directory"

        let export = LegacyOptions.text "export" options |> Option.defaultValue ""
        let node = { node with Settings = Settings.Nbd(server, export) }
        let refuse rule text = refuse context rule node.Name text

        match context.Common.World.Remotes.TryFind(struct (server, export)) with
        | None -> refuse (Rule.opening 15) $"Failed to connect socket: {reason}"
        | Some remote when not remote.ReadOnly || not node.Writable -> Ok node
        | Some _ when context.Common.Profile.AutoReadOnly = AutoReadOnly.Parsed ->
            refuse (Rule.ro 20) "request for write access conflicts with read-only export"
        | Some _ when node.AutoReadOnly -> Ok { node with Writable = false }
        | Some _ -> refuse (Rule.ro 20) "NBD export is read-only"

    let private driverOf context (options: Map<string, Value>) =
        let name = LegacyOptions.text "driver" options |> Option.defaultValue ""

        match Graph.drivers |> Array.tryFind (fun driver -> Graph.driverName driver = name) with
        | Some driver -> Ok driver
        | None -> refuse context (Rule.opening 1) "" $"Unknown driver '{name}'"

    /// Whether a driver's `file` child is opened before anything else is tested.
    let private opensFileFirst driver =
        match driver with
        | Driver.Raw
        | Driver.Qcow2
        | Driver.Throttle
        | Driver.CopyOnRead -> true
        | _ -> false

    let private sourceOf child options =
        let own, rest = LegacyOptions.split child options

        match LegacyOptions.text child options with
        | Some name -> Some(Source.Reference name), rest.Remove child
        | None when own.IsEmpty -> None, rest.Remove child
        | None -> Some(Source.Inline own), rest.Remove child

    let private roleOf driver =
        match driver with
        | Driver.Qcow2 -> Role.Image
        | Driver.Quorum -> Role.Data
        | _ -> Role.Filtered ||| Role.Primary

    /// A name for the node: the given one if it is free and well-formed (BLK-OPEN-030).
    let private nameFor context (state: State) (options: Map<string, Value>) =
        match LegacyOptions.text "node-name" options with
        | None -> Ok $"#block%03d{state.NextName}"
        | Some name ->
            let refuse rule text = refuse context rule name text

            if not (OpenTests.isWellFormed name) then
                refuse (Rule.graph 2) "Invalid node name"
            elif (Graph.backend state name).IsSome then
                refuse (Rule.graph 1) $"node-name={name} is conflicting with a device id"
            elif state.Names.ContainsKey name then
                refuse (Rule.graph 1) "Duplicate node name"
            elif name.Length > OpenTests.nameBytesMax then
                refuse (Rule.graph 2) "Node name too long"
            else
                Ok name

    /// A node without name, with its switches set from its options (BLK-RO-001).
    let private newNode id driver inheritsFrom explicit (options: Map<string, Value>) = {
        Id = id
        Name = ""
        Driver = driver
        Writable = not (LegacyOptions.isOn "read-only" options)
        AutoReadOnly = LegacyOptions.isOn "auto-read-only" options
        ForceShare = LegacyOptions.isOn "force-share" options
        Implicit = false
        MonitorOwned = false
        IsOpening = false
        InheritsFrom = inheritsFrom
        Explicit = Map.toList explicit
        Effective = Map.toList options
        Children = []
        Parents = []
        Settings = Settings.Qcow2(Image.hold Seen.NoImage)
        KnownBytes = Graph.askedBytes
    }

    /// The driver's settings as far as options alone decide them.
    let private settingsOf driver (options: Map<string, Value>) =
        let spec = { Driver = driver; Own = Map.toList options; Implied = []; Children = [] }
        OpenTests.settings spec spec.Own

    /// The names of a quorum's children, in order.
    let private quorumChildren (options: Map<string, Value>) =
        let exists name =
            options.ContainsKey name || not (LegacyOptions.split name options |> fst).IsEmpty

        Seq.initInfinite (fun i -> $"children.{i}") |> Seq.takeWhile exists |> List.ofSeq

    /// What the driver itself tests once its child is attached.
    let private driverTests context (state: State) (id: int) =
        let node = state.Nodes[id]
        let common = context.Common

        match node.Settings, primary state node with
        | Settings.Raw(offset, size), Some edge ->
            OpenTests.rawBounds common state node.Name edge.Child offset size |> unlessRefused state
        | Settings.Qcow2 _, Some edge ->
            let seen = Image.seen common state edge.Child

            match Image.headerText common seen node.Writable with
            | ValueSome text -> refuse context (Rule.opening 11) node.Name text
            | ValueNone ->
                let settings = Settings.Qcow2(Image.hold seen)
                Ok(Graph.putNode { node with Settings = settings } state)
        | Settings.Throttle group, _ ->
            OpenTests.groupRefusal common node.Name group |> unlessRefused state
        | Settings.Quorum _, _ -> OpenTests.unequalRefusal common state id |> unlessRefused state
        | _ -> Ok state

    /// Opens a node, or finds the one referred to (BLK-OPEN-030).
    let rec openNode context (state: State) source (parent: (Node * Role) option) =
        match source with
        | Source.Reference name ->
            lookup context state name |> Result.map (fun node -> state, node.Id)
        | Source.Inline given ->
            refusable {
                let! driver = driverOf context given

                let options =
                    match parent with
                    | Some(node, role) ->
                        LegacyOptions.inheritFrom (Map.ofList node.Effective) role given
                    | None -> given
                    |> LegacyOptions.complete LegacyOptions.switchesOff

                let owner =
                    match parent with
                    | Some(node, _) -> node.Id
                    | None -> -1

                let node = newNode state.NextNode driver owner given options
                let state = putNode node { state with NextNode = state.NextNode + 1 }
                let! state = openUnder context state node options
                let! state = openBacking context state node.Id options
                return forgetChildren state node.Id, node.Id
            }

    /// Everything up to the driver's own tests, with the probing root held meanwhile.
    and private openUnder context state node options =
        if opensFileFirst node.Driver then
            openProbing context state node options
        else
            let names =
                match node.Driver with
                | Driver.Blkdebug -> [ "image" ]
                | Driver.Quorum -> quorumChildren options
                | _ -> []

            names
            |> List.choose (fun name ->
                sourceOf name options |> fst |> Option.map (fun s -> name, Child.From s))
            |> openNamed context state node.Id options

    and private openProbing context state node options =
        refusable {
            match sourceOf "file" options with
            | None, options -> return! openNamed context state node.Id options []
            | Some source, options ->
                let! state, child = openNode context state source (Some(node, roleOf node.Driver))

                let probe = Parent.Backend state.NextBackend
                let state = { state with NextBackend = state.NextBackend + 1 }

                let! state, root =
                    attachUser context state probe child "root" Role.None Perm.None Perm.All

                let! state = openNamed context state node.Id options [ "file", Child.Open child ]

                return detach context state root
        }

    /// force-share, name, the file or server itself, the children, the driver's tests.
    and private openNamed context (state: State) id options children =
        refusable {
            let node = state.Nodes[id]

            if node.ForceShare && node.Writable then
                return!
                    refuse
                        context
                        (Rule.opening 7)
                        (LegacyOptions.text "node-name" options |> Option.defaultValue "")
                        "force-share=on can only be used with read-only images"
            else
                let! name = nameFor context state options

                let node = { node with Name = name; Settings = settingsOf node.Driver options }

                let! node =
                    match node.Driver with
                    | Driver.File -> openFile context node options
                    | Driver.Nbd -> openNbd context node options
                    | Driver.Quorum ->
                        OpenTests.quorumRefusal context.Common node (List.length children)
                        |> unlessRefused node
                    | _ -> Ok node

                let state = putNode node { state with NextName = state.NextName + 1 }
                let! state = attachAll context state id children
                return! driverTests context state id
        }

    and private attachAll context (state: State) id children =
        match children with
        | [] -> Ok state
        | (name, child) :: rest ->
            refusable {
                let node = state.Nodes[id]
                let role = roleOf node.Driver

                let! state, child =
                    match child with
                    | Child.Open child -> Ok(state, child)
                    | Child.From source -> openNode context state source (Some(node, role))

                let! state = attachChild context state id child name role
                return! attachAll context state id rest
            }

    /// The backing child of qcow2: none, a reference, an inline node or the header's.
    and private openBacking context (state: State) id options =
        let node = state.Nodes[id]
        let given, _ = sourceOf "backing" options

        let images, source =
            match given, options.TryFind "backing", node.Settings with
            | Some source, _, _ -> 0, Some source
            | None, None, Settings.Qcow2 hold -> context.Images + 1, headerBacking context hold
            | _ -> 0, None

        let refuse text = refuse context (Rule.opening 12) node.Name text

        match source with
        | None -> Ok state
        | Some _ when node.Driver <> Driver.Qcow2 -> refuse "Driver doesn't support backing files"
        | Some _ when images > Open.chainMax ->
            refuse $"Backing chain is deeper than {Open.chainMax} images"
        | Some source -> attachBacking { context with Images = images } state node source

    and private attachBacking context (state: State) node source =
        refusable {
            let! state, child =
                openNode context state source (Some(node, Role.Cow))
                |> Result.mapError Open.prefixed

            return! attachChild context state node.Id child "backing" Role.Cow
        }

    /// The header's backing file; a format it does not name is probed (DD-PROBE).
    and private headerBacking context (hold: ImageHold) =
        let world = context.Common.World

        let probed name =
            match world.Paths.TryFind name with
            | Some id when world.Inodes[id].Format.IsQcow2 -> "qcow2"
            | _ -> "raw"

        match world.Inodes.TryFind hold.Inode with
        | Some { Format = Format.Qcow2({ BackingFile = Some name } as header) } ->
            [
                "driver",
                Value.Str(header.BackingFormat |> Option.defaultWith (fun () -> probed name))
                "file.driver", Value.Str "file"
                "file.filename", Value.Str name
            ]
            |> Map.ofList
            |> Source.Inline
            |> Some
        | _ -> None

    /// Neither form of the options keeps what belongs to a child.
    and private forgetChildren (state: State) (id: int) =
        let node = state.Nodes[id]

        let strip (options: OptionList) =
            Graph.children state node
            |> List.fold (fun options e -> LegacyOptions.forget e.Name options) (Map.ofList options)
            |> Map.toList

        putNode { node with Explicit = strip node.Explicit; Effective = strip node.Effective } state
