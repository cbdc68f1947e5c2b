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

    let private refuse requirement text = Error(Refusal.generic requirement text)

    /// A node by its name, in the text of the time (BLK-OPEN-005).
    let lookup (state: State) (name: string) : Result<Node, Refusal> =
        match Graph.byName state name with
        | Some node when name <> "" -> Ok node
        | _ -> refuse "BLK-OPEN-005" $"Cannot find device={name} nor node_name={name}"

    /// How the environment refuses an open, if it does (BLK-FILE-003).
    let refusalOfOpen (world: World) (path: string) (writable: bool) : string option =
        match world.Paths.TryFind path with
        | None -> Some "No such file or directory"
        | Some id ->
            let inode = world.Inodes[id]
            let bits = if inode.Owned then inode.Mode >>> 6 else inode.Mode
            let needed = if writable then 6 else 4

            if inode.Format = Format.Directory && writable then
                Some "Is a directory"
            elif bits &&& needed <> needed then
                Some "Permission denied"
            else
                None

    /// The length a file has on the host. An image's is not modelled; three clusters is the least
    /// a sound one has.
    let private hostLength (inode: Inode) =
        match inode.Format with
        | Format.Qcow2 header -> 3L <<< header.ClusterBits
        | _ -> inode.SizeBytes

    /// The first edge that is not to a backing node.
    let primary (state: State) (node: Node) : Edge option =
        Graph.children state node |> List.tryFind (fun e -> not (Role.has Role.Cow e.Role))

    let private below (state: State) (node: Node) =
        primary state node |> Option.map (fun e -> state.Nodes[e.Child])

    /// The length of a node's disk (BLK-DATA-004).
    let rec length (world: World) (state: State) (node: Node) : int64 =
        let ofChild () =
            match below state node with
            | Some child -> length world state child
            | None -> 0L

        match node.Settings with
        | Settings.File hold -> hostLength world.Inodes[hold.Inode]
        | Settings.NullCo size -> size
        | Settings.Nbd(path, export) ->
            match world.Remotes.TryFind(struct (path, export)) with
            | Some remote -> remote.SizeBytes
            | None -> 0L
        | Settings.Raw(_, ValueSome size) -> size
        | Settings.Raw(offset, ValueNone) -> ofChild () - offset
        | Settings.Qcow2 _ ->
            match image world state node with
            | Some inode -> inode.SizeBytes
            | None -> 0L
        | _ -> ofChild ()

    /// The image a qcow2 node reads its header from, seen through whatever shows it unchanged.
    and image (world: World) (state: State) (node: Node) : Inode option =
        let rec seen (node: Node) =
            match node.Settings with
            | Settings.File hold ->
                let inode = world.Inodes[hold.Inode]

                match inode.Format with
                | Format.Qcow2 _ -> Some inode
                | _ -> None
            | Settings.NullCo _
            | Settings.Nbd _ -> None
            | Settings.Raw(offset, _) when offset <> 0L -> None
            | Settings.Qcow2 _ ->
                Graph.children state node
                |> List.tryFind (fun e -> Role.has Role.Cow e.Role)
                |> Option.bind (fun e -> seen state.Nodes[e.Child])
            | _ -> below state node |> Option.bind seen

        below state node |> Option.bind seen

    /// raw's window, tested against its child (BLK-OPEN-010).
    let rawWindow (available: int64) (options: Map<string, Value>) : Result<Settings, Refusal> =
        let offset = LegacyOptions.number "offset" options |> Option.defaultValue 0L
        let size = LegacyOptions.number "size" options

        if offset > available then
            refuse
                "BLK-OPEN-010"
                ($"Offset ({offset}) cannot be greater than size of the containing file "
                 + $"({available})")
        else
            match size with
            | Some size when available - offset < size ->
                refuse
                    "BLK-OPEN-010"
                    ($"The sum of offset ({offset}) and size ({size}) has to be smaller or equal "
                     + $"to the  actual size of the containing file ({available})")
            | Some size when size % 512L <> 0L ->
                refuse "BLK-OPEN-010" "Specified size is not multiple of 512"
            | Some size -> Ok(Settings.Raw(offset, ValueSome size))
            | None -> Ok(Settings.Raw(offset, ValueNone))

    /// Opens the file: read-write if wanted, else, or by degrading, read-only (BLK-RO-015).
    /// Degrading is for 3.1; at e35bdc123a no driver looked at the option (BLK-RO-031), and a second
    /// descriptor held the locks (BLK-FILE-030).
    let private openFile context (node: Node) (options: Map<string, Value>) =
        let path = LegacyOptions.text "filename" options |> Option.defaultValue ""
        let isStatic = context.Profile.AutoReadOnly = AutoReadOnly.Static

        let opened writable =
            let hold = {
                Path = path
                Inode = context.World.Paths[path]
                ReadOnlyFd = not writable
                WritableFd = writable
                BelievedWritable = writable
                LockFdWritable = if isStatic then ValueNone else ValueSome writable
                Locking = LegacyOptions.text "locking" options <> Some "off"
                LockedPerm = Perm.None
                LockedShared = Perm.All
                MeanwhileBits = 0
            }

            Ok { node with Writable = writable; Settings = Settings.File hold }

        match refusalOfOpen context.World path node.Writable with
        | None -> opened node.Writable
        | Some text ->
            let degraded =
                if isStatic && node.Writable && node.AutoReadOnly && text = "Permission denied" then
                    refusalOfOpen context.World path false
                else
                    Some text

            match degraded with
            | None -> opened false
            | Some text -> refuse "BLK-FILE-003" $"Could not open '{path}': {text}"

    /// Asks the server, which decides whether the node may be written (BLK-RO-020).
    let private openNbd context (node: Node) (options: Map<string, Value>) =
        let path = LegacyOptions.text "server.path" options |> Option.defaultValue ""
        let export = LegacyOptions.text "export" options |> Option.defaultValue ""
        let node = { node with Settings = Settings.Nbd(path, export) }

        match context.World.Remotes.TryFind(struct (path, export)) with
        | None -> refuse "BLK-OPEN-015" "Failed to connect socket: No such file or directory"
        | Some remote when not remote.ReadOnly || not node.Writable -> Ok node
        | Some _ when context.Profile.AutoReadOnly = AutoReadOnly.Parsed ->
            refuse "BLK-RO-020" "request for write access conflicts with read-only export"
        | Some _ when node.AutoReadOnly -> Ok { node with Writable = false }
        | Some _ -> refuse "BLK-RO-020" "NBD export is read-only"

    /// The driver of a name.
    let private driverOf (options: Map<string, Value>) =
        let name = LegacyOptions.text "driver" options |> Option.defaultValue ""

        [
            Driver.File
            Driver.NullCo
            Driver.Raw
            Driver.Qcow2
            Driver.Throttle
            Driver.CopyOnRead
            Driver.Blkdebug
            Driver.Nbd
            Driver.Quorum
        ]
        |> List.tryFind (fun driver -> Graph.driverName driver = name)
        |> function
            | Some driver -> Ok driver
            | None -> refuse "BLK-OPEN-001" $"Unknown driver '{name}'"

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

    let private fileRole driver =
        match driver with
        | Driver.Qcow2 -> Role.Image
        | _ -> Role.Filtered ||| Role.Primary

    /// A name for the node: the given one if it is free and well-formed (BLK-GRAPH-001, -002).
    let private nameFor (state: State) (options: Map<string, Value>) =
        let wellFormed (name: string) =
            name <> ""
            && System.Char.IsAsciiLetter name[0]
            && name |> Seq.forall (fun c -> System.Char.IsAsciiLetterOrDigit c || "-._".Contains c)

        match LegacyOptions.text "node-name" options with
        | None -> Ok $"#block%03d{state.NextName}"
        | Some name when not (wellFormed name) -> refuse "BLK-GRAPH-002" "Invalid node name"
        | Some name when Graph.byName state name <> None ->
            refuse "BLK-GRAPH-001" "Duplicate node name"
        | Some name when state.Backends.Values |> Seq.exists (fun b -> b.Name = name) ->
            refuse "BLK-GRAPH-001" $"node-name={name} is conflicting with a device id"
        | Some name when name.Length > 31 -> refuse "BLK-GRAPH-002" "Node name too long"
        | Some name -> Ok name

    /// Here a header is looked at when it is needed, not remembered.
    let private noImage = { Inode = -1; NamesBacking = false }

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
        InheritsFrom = inheritsFrom
        Explicit = Map.toList explicit
        Effective = Map.toList options
        Children = []
        Parents = []
        Settings = Settings.Qcow2 noImage
        KnownBytes = -1L
    }

    let private settingsOf driver (options: Map<string, Value>) =
        match driver with
        | Driver.NullCo ->
            Settings.NullCo(LegacyOptions.number "size" options |> Option.defaultValue (1L <<< 30))
        | Driver.Raw -> Settings.Raw(0L, ValueNone)
        | Driver.Throttle ->
            Settings.Throttle(LegacyOptions.text "throttle-group" options |> Option.defaultValue "")
        | Driver.CopyOnRead -> Settings.CopyOnRead
        | Driver.Blkdebug -> Settings.Blkdebug(Perm.None, Perm.None)
        | Driver.Quorum ->
            let threshold = LegacyOptions.number "vote-threshold" options |> Option.defaultValue 0L

            Settings.Quorum(
                int threshold,
                LegacyOptions.isOn "rewrite-corrupted" options,
                LegacyOptions.text "read-pattern" options = Some "fifo"
            )
        | _ -> Settings.Qcow2 noImage

    /// The names of a quorum's children, in order.
    let private quorumChildren (options: Map<string, Value>) =
        let exists name =
            options.ContainsKey name || not (LegacyOptions.split name options |> fst).IsEmpty

        Seq.initInfinite (fun i -> $"children.{i}") |> Seq.takeWhile exists |> List.ofSeq

    /// What the driver itself tests once its child is attached.
    let private driverTests context (state: State) (id: int) options =
        let node = state.Nodes[id]

        match node.Driver, below state node with
        | Driver.Raw, Some child ->
            rawWindow (length context.World state child) options
            |> Result.map (fun settings -> putNode { node with Settings = settings } state)
        | Driver.Qcow2, _ when (image context.World state node).IsNone ->
            refuse "BLK-OPEN-011" "Image is not in qcow2 format"
        | Driver.Throttle, _ ->
            match node.Settings with
            | Settings.Throttle group when not (context.World.ThrottleGroups.Contains group) ->
                refuse "BLK-OPEN-013" $"Throttle group '{group}' does not exist"
            | _ -> Ok state
        | _ -> Ok state

    /// Opens a node, or finds the one referred to (BLK-OPEN-030).
    let rec openNode context (state: State) source (parent: (Node * Role) option) =
        match source with
        | Source.Reference name -> lookup state name |> Result.map (fun node -> state, node.Id)
        | Source.Inline given ->
            refusable {
                let! driver = driverOf given

                let options =
                    match parent with
                    | Some(node, role) ->
                        LegacyOptions.inheritFrom (Map.ofList node.Effective) role given
                    | None -> given
                    |> LegacyOptions.complete (
                        LegacyOptions.switches
                        |> List.map (fun key -> key, Value.Bool false)
                        |> Map.ofList
                    )

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
        refusable {
            if opensFileFirst node.Driver then
                let source, options = sourceOf "file" options
                let! state, child = openOptional context state node source (fileRole node.Driver)

                match child with
                | None -> return! openNamed context state node.Id options []
                | Some child ->
                    let probe = Parent.Backend state.NextBackend
                    let state = { state with NextBackend = state.NextBackend + 1 }

                    let! state, root =
                        attachUser context state probe child "root" Role.None Perm.None Perm.All

                    let children = [ "file", Child.Open child ]
                    let! state = openNamed context state node.Id options children
                    return detach state root
            else
                let names =
                    match node.Driver with
                    | Driver.Blkdebug -> [ "image" ]
                    | Driver.Quorum -> quorumChildren options
                    | _ -> []

                let children =
                    names
                    |> List.choose (fun name ->
                        sourceOf name options |> fst |> Option.map (fun s -> name, Child.From s))

                return! openNamed context state node.Id options children
        }

    and private openOptional context state node source role =
        match source with
        | None -> Ok(state, None)
        | Some source ->
            openNode context state source (Some(node, role))
            |> Result.map (fun (state, child) -> state, Some child)

    /// force-share, name, the file or server itself, the children, the driver's tests.
    and private openNamed context (state: State) id options children =
        refusable {
            let node = state.Nodes[id]

            if node.ForceShare && node.Writable then
                return!
                    refuse "BLK-OPEN-007" "force-share=on can only be used with read-only images"
            else
                let! name = nameFor state options

                let node = { node with Name = name; Settings = settingsOf node.Driver options }

                let! node =
                    match node.Driver with
                    | Driver.File -> openFile context node options
                    | Driver.Nbd -> openNbd context node options
                    | _ -> Ok node

                let state = putNode node { state with NextName = state.NextName + 1 }
                let! state = attachAll context state id children
                return! driverTests context state id options
        }

    and private attachAll context (state: State) id children =
        match children with
        | [] -> Ok state
        | (name, child) :: rest ->
            refusable {
                let node = state.Nodes[id]
                let role = fileRole node.Driver

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
        let source, _ = sourceOf "backing" options

        let source =
            match source, options.TryFind "backing", image context.World state node with
            | Some source, _, _ -> Some source
            | None, Some _, _ -> None
            | None, None, Some { Format = Format.Qcow2 { BackingFile = Some name } as header } when
                node.Driver = Driver.Qcow2
                ->
                Some(Source.Inline(headerBacking name header))
            | _ -> None

        match source with
        | None -> Ok state
        | Some _ when node.Driver <> Driver.Qcow2 ->
            refuse "BLK-OPEN-012" "Driver doesn't support backing files"
        | Some source ->
            refusable {
                let prefixed (refusal: Refusal) = {
                    refusal with
                        Text = "Could not open backing file: " + refusal.Text
                }

                let! state, child =
                    openNode context state source (Some(node, Role.Cow)) |> Result.mapError prefixed

                return! attachChild context state id child "backing" Role.Cow
            }

    and private headerBacking name header =
        let format =
            match header with
            | Format.Qcow2 { BackingFormat = Some format } -> format
            | _ -> "raw"

        Map.ofList [
            "driver", Value.Str format
            "file.driver", Value.Str "file"
            "file.filename", Value.Str name
        ]

    /// Neither form of the options keeps what belongs to a child.
    and private forgetChildren (state: State) (id: int) =
        let node = state.Nodes[id]

        let strip (options: OptionList) =
            Graph.children state node
            |> List.fold (fun options e -> LegacyOptions.forget e.Name options) (Map.ofList options)
            |> Map.toList

        putNode { node with Explicit = strip node.Explicit; Effective = strip node.Effective } state
