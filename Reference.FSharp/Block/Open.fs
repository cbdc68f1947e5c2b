/// Opening nodes: from checked options to a node with its children (BLK-OPEN).
namespace Ashlar.Reference.Block

/// What an inline child takes over, and from whom (BLK-OPEN-004, BLK-GRAPH-005).
type Heritage = { Parent: int; Role: Role; Options: OptionList }

/// Opening.
module Open =
    /// Longest chain of images that name each other in their headers (BLK-OPEN-012).
    let chainMax = 200

    /// A refusal that leaves what the steps so far left, undone.
    let private fail context state why stepwise =
        Error { Why = why; Left = Transaction.undo context state stepwise }

    /// The spec of a backing file that a header names (BLK-OPEN-012).
    let private headerSpec (context: Context) name path (format: string option) =
        let file = {
            Driver = Driver.File
            Own = []
            Implied = [ "driver", Value.Str "file"; "filename", Value.Str path ]
            Children = []
        }

        let over driver own implied =
            Ok {
                Driver = driver
                Own = own
                Implied = implied
                Children = [ "file", ChildSpec.Inline file ]
            }

        let named driver = over driver [ "driver", Value.Str(Graph.driverName driver) ] []

        match format with
        | Some "raw" -> named Driver.Raw
        | Some "qcow2" -> named Driver.Qcow2
        | Some other -> Error("Unknown driver '" + other + "'")
        | None when context.Profile.ProbesBacking ->
            let driver =
                match context.World.Paths.TryGetValue path with
                | true, inode when context.World.Inodes[inode].Format.IsQcow2 -> Driver.Qcow2
                | _ -> Driver.Raw

            over driver [] [ "driver", Value.Str(Graph.driverName driver) ]
        | None -> Error("The image header does not say the format of '" + name + "'")

    /// The part of a name before a colon that stands before any slash.
    let private protocolOf (name: string) =
        match name.IndexOf ':' with
        | colon when colon > 0 && not (name.Substring(0, colon).Contains '/') ->
            ValueSome(name.Substring(0, colon))
        | _ -> ValueNone

    /// A refusal of opening a backing file (BLK-OPEN-012).
    let prefixed: Refusal -> Refusal = Refusal.prefix "Could not open backing file: "

    /// QEMU puts the name in the header into the options of an inline backing child, unless its
    /// `file` child says a filename (DD-HEADER-NAME): what that leads to.
    let rec private forcedNameText context state role parent (spec: Spec) : string voption =
        let effective = Options.inheritFrom role parent (Options.join spec.Own spec.Implied)

        let ofChild name =
            match Options.childSpec name spec.Children with
            | ValueSome(ChildSpec.Inline child) ->
                forcedNameText context state Role.Image effective child
            | ValueSome(ChildSpec.Reference _) ->
                ValueSome
                    "Cannot reference an existing block device with additional options or a new \
                     filename"
            | _ -> ValueSome Refusal.anyText

        match spec.Driver with
        | Driver.File -> ValueSome "Can't specify 'file' and 'filename' options at the same time"
        | Driver.NullCo -> ValueSome "The only allowed filename for this driver is 'null-co://'"
        // It hands the name on to its image, after its own tests (BLK-OPEN-008).
        | Driver.Blkdebug ->
            match OpenTests.own context state spec effective with
            | Error why -> ValueSome why.Text
            | Ok _ -> ofChild "image"
        // nbd names the first option in the order of a hash table; quorum opens the file first.
        | _ -> ofChild "file"

    let private forcedName (context: Context) state (node: Node) (hold: ImageHold) child =
        match child with
        | ChildSpec.Inline spec when context.Profile.ForcesHeaderName && hold.NamesBacking ->
            match Options.childSpec "file" spec.Children with
            | ValueSome(ChildSpec.Inline { Driver = Driver.File }) -> ValueNone
            | _ -> forcedNameText context state Role.Cow node.Effective spec
        | _ -> ValueNone

    let private childOf name (spec: Spec) = Options.childSpec name spec.Children

    /// A new node without children, put under its name (BLK-GRAPH-001, BLK-GRAPH-003).
    let private addNode
        context
        (state: State)
        id
        name
        (spec: Spec)
        effective
        (heritage: Heritage voption)
        =
        let flags = Options.flags effective

        let node = {
            Id = id
            Name = name
            Driver = spec.Driver
            Writable = flags.Writable
            AutoReadOnly = flags.AutoReadOnly
            ForceShare = Options.flag "force-share" effective
            Implicit = false
            MonitorOwned = heritage.IsNone
            IsOpening = true
            InheritsFrom =
                (match heritage with
                 | ValueSome h -> h.Parent
                 | ValueNone -> -1)
            Explicit = spec.Own
            Effective = effective
            Children = []
            Parents = []
            Settings = OpenTests.settings spec effective
            KnownBytes = Graph.askedBytes
        }

        Rule.act context (fun () -> GraphAction.AddNode node)

        {
            state with
                Nodes = state.Nodes.Add(id, node)
                Names = state.Names.Add(name, id)
                NextName =
                    if Options.has "node-name" spec.Own then
                        state.NextName
                    else
                        state.NextName + 1
        }

    let private tested state refusal =
        match refusal with
        | ValueSome why -> Refused.by state why
        | ValueNone -> Ok state

    /// Attaches a child that is open; one that nobody else holds is closed on a refusal.
    let private attach context (state: State) id child name role =
        match Transaction.attach context state id child name role with
        | Ok state -> Ok state
        | Error why ->
            fail context state why (fun () -> Transaction.closeIfUnreferenced context state child)

    /// A node just opened; its length is noted where the profile does.
    let private settle (context: Context) id (state: State) =
        let node = { state.Nodes[id] with IsOpening = false }
        Rule.act context (fun () -> GraphAction.Settle id)

        let bytes =
            if context.Profile.RemembersLength then
                Image.measure context state node |> ValueOption.defaultValue Graph.lostBytes
            else
                Graph.askedBytes

        Graph.putNode { node with KnownBytes = bytes } state

    /// Opens a node (BLK-OPEN-006, BLK-OPEN-008). Images counts headers that led here.
    let rec openNode
        (context: Context)
        (state: State)
        (spec: Spec)
        (heritage: Heritage voption)
        (images: int)
        : Result<struct (State * int), Refused> =
        let id = state.NextNode
        let state = { state with NextNode = id + 1 }

        let effective =
            match heritage with
            | ValueNone ->
                Rule.touch context (Rule.opening 3)
                Options.withDefaults spec.Own
            | ValueSome h ->
                Rule.touch context (Rule.opening 4)
                Rule.touch context (Rule.graph 5)
                Options.inheritFrom h.Role h.Options (Options.join spec.Own spec.Implied)

        let opened = openFileChild context state id spec effective images

        match opened with
        | Error refused -> Error refused
        | Ok(struct (state, file, temporary)) ->
            let finish (state: State) =
                match temporary with
                | ValueSome backend -> Transaction.removeBackend context state backend
                | ValueNone when file >= 0 ->
                    Rule.act context (fun () -> GraphAction.CloseIfUnreferenced file)
                    Transaction.closeIfUnreferenced context state file
                | ValueNone -> state

            match OpenTests.own context state spec effective with
            | Error why -> fail context state why (fun () -> finish state)
            | Ok name ->
                let state = addNode context state id name spec effective heritage

                match openDriver context state id spec file images with
                | Error refused ->
                    fail context refused.Left refused.Why (fun () ->
                        finish (Transaction.close context refused.Left id))
                | Ok state ->
                    let state = finish state

                    match openBacking context state id spec images with
                    | Error refused ->
                        fail context refused.Left refused.Why (fun () ->
                            Transaction.close context refused.Left id)
                    | Ok state -> Ok(struct (settle context id state, id))

    /// The `file` child of a driver that is not a protocol driver, opened or looked up before
    /// anything else, with QEMU's temporary root on it (BLK-OPEN-006).
    and private openFileChild context (state: State) id (spec: Spec) effective images =
        match spec.Driver, childOf "file" spec with
        | (Driver.Raw | Driver.Qcow2 | Driver.Throttle | Driver.CopyOnRead), ValueSome file ->
            Rule.touch context (Rule.opening 6)

            match openChild context state id effective file Role.Image images with
            | Error refused -> Error refused
            | Ok(struct (state, child)) when context.Profile.TemporaryRoot ->
                match Transaction.attachRoot context state "" child Perm.None Perm.All with
                | Ok(struct (state, backend)) -> Ok(struct (state, child, ValueSome backend))
                | Error why ->
                    fail context state why (fun () ->
                        Transaction.closeIfUnreferenced context state child)
            | Ok(struct (state, child)) -> Ok(struct (state, child, ValueNone))
        | _ ->
            Rule.touch context (Rule.opening 8)
            Ok(struct (state, -1, ValueNone))

    /// A child by reference or inline (BLK-OPEN-004, BLK-OPEN-005).
    and private openChild context (state: State) parent options child role images =
        match child with
        | ChildSpec.Reference name ->
            match OpenTests.lookup context state name with
            | Ok id -> Ok(struct (state, id))
            | Error why -> Refused.by state why
        | ChildSpec.Inline spec ->
            let heritage = { Parent = parent; Role = role; Options = options }

            openNode context state spec (ValueSome heritage) images
        | ChildSpec.Nothing -> Ok(struct (state, -1))

    /// Opens a child and attaches it.
    and private addChild context (state: State) id edgeName child role images =
        match openChild context state id state.Nodes[id].Effective child role images with
        | Error refused -> Error refused
        | Ok(struct (state, child)) -> attach context state id child edgeName role

    /// The driver's open (BLK-OPEN-024). It changes no file (BLK-FILE-021).
    and private openDriver context (state: State) id (spec: Spec) file images =
        let node = state.Nodes[id]
        let filtered = Role.Filtered ||| Role.Primary
        let refused (why: Refusal) = { Why = why; Left = state }
        Rule.touch context (Rule.opening 24)

        match spec.Driver with
        | Driver.File -> OpenTests.openFile context state node |> Result.mapError refused
        | Driver.Nbd -> OpenTests.openNbd context state node |> Result.mapError refused
        | Driver.NullCo ->
            match OpenTests.lengthText node.Effective with
            | ValueSome text ->
                Error(refused (Rule.refuse context (Rule.opening 24) node.Name text))
            | ValueNone -> Ok state
        | Driver.Raw -> openRaw context state node file
        | Driver.Qcow2 -> openQcow2 context state node spec file images
        | Driver.CopyOnRead -> attach context state id file "file" filtered
        | Driver.Throttle ->
            match attach context state id file "file" filtered, node.Settings with
            | Ok state, Settings.Throttle group ->
                OpenTests.groupRefusal context node.Name group |> tested state
            | result, _ -> result
        | Driver.Blkdebug ->
            match childOf "image" spec with
            | ValueSome image ->
                match addChild context state id "image" image filtered images with
                | Ok state -> OpenTests.emptyListRefusal context node |> tested state
                | Error refused -> Error refused
            | ValueNone -> Ok state
        | Driver.Quorum ->
            match OpenTests.quorumRefusal context node spec.Children.Length with
            | ValueSome why -> Error(refused why)
            | ValueNone ->
                let add result (edgeName, child) =
                    match result with
                    | Ok state -> addChild context state id edgeName child Role.Data images
                    | Error refused -> Error refused

                match List.fold add (Ok state) spec.Children with
                | Ok state -> OpenTests.unequalRefusal context state id |> tested state
                | Error refused -> Error refused

    /// raw: numbers, child, bounds (BLK-OPEN-010, BLK-PERM-020).
    and private openRaw context state node file =
        match OpenTests.negativeText node.Effective, node.Settings with
        | ValueSome text, _ ->
            Rule.refuse context (Rule.opening 10) node.Name text |> Refused.by state
        | ValueNone, Settings.Raw(offset, size) ->
            let window = offset <> 0L || size.IsSome
            let role = if window then Role.Data else Role.Filtered

            match attach context state node.Id file "file" (role ||| Role.Primary) with
            | Ok state ->
                OpenTests.rawBounds context state node.Name file offset size |> tested state
            | Error refused -> Error refused
        | ValueNone, _ -> Ok state

    /// qcow2: child, header, data file (BLK-OPEN-011, BLK-OPEN-021, BLK-PERM-021).
    and private openQcow2 context state node (spec: Spec) file images =
        match attach context state node.Id file "file" Role.Image with
        | Error refused -> Error refused
        | Ok state ->
            let seen = Image.seen context state file
            let refuse rule text = Rule.refuse context rule node.Name text

            let external =
                match seen with
                | Seen.Image(_, header) -> header.Feature = Some ImageFeature.ExternalData
                | _ -> false

            Rule.touch context (Rule.opening 21)

            Rule.say context (Rule.opening 11) node.Name "reads the header" (fun () -> [
                "finds", Image.show seen
            ])

            match Image.headerText context seen node.Writable, childOf "data-file" spec with
            | ValueSome text, _ -> refuse (Image.headerRule text) text |> Refused.by state
            | ValueNone, ValueNone when external ->
                refuse (Rule.opening 11) "'data-file' is required for this image"
                |> Refused.by state
            | ValueNone, data ->
                let node = { state.Nodes[node.Id] with Settings = Settings.Qcow2(Image.hold seen) }
                let state = Graph.putNode node state

                match data with
                | ValueNone -> Ok state
                | ValueSome data -> openDataFile context state node data external images

    /// The external data file: then the image itself holds no data (BLK-PERM-021).
    and private openDataFile context state node data external images =
        let opened =
            // ashlar never opens what it is going to refuse
            if not context.Profile.UsesFeatures then
                Ok state
            else
                addChild context state node.Id "data-file" data Role.Data images

        match opened with
        | Error refused -> Error refused
        | Ok state when not external ->
            "'data-file' can only be set for images with an external data file"
            |> Rule.refuse context (Rule.opening 24) node.Name
            |> Refused.by state
        | Ok state ->
            match Graph.childNamed state state.Nodes[node.Id] "file" with
            | ValueNone -> Ok state
            | ValueSome edge ->
                let edge = { edge with Role = Role.Metadata ||| Role.Primary }
                let changed = { state with Edges = state.Edges.Add(edge.Id, edge) }

                match Refresh.run context changed [ node.Id ] with
                | Ok state -> Ok state
                | Error why -> Refused.by state why

    /// The backing child: given, null, or named by the header (BLK-OPEN-012).
    and private openBacking context (state: State) id (spec: Spec) images =
        let node = state.Nodes[id]

        let prefix (refused: Refused) = Error { refused with Why = prefixed refused.Why }

        let add child images =
            match openChild context state id node.Effective child Role.Cow images with
            | Error refused -> prefix refused
            | Ok(struct (state, child)) -> attach context state id child "backing" Role.Cow

        let forced hold child =
            match forcedName context state node hold child with
            | ValueSome text ->
                let why = Rule.refuse context (Rule.opening 12) node.Name text
                prefix { Why = why; Left = state }
            | ValueNone -> add child images

        match node.Settings, childOf "backing" spec with
        | _, ValueSome ChildSpec.Nothing -> Ok state
        | Settings.Qcow2 hold, ValueSome child ->
            Rule.touch context (Rule.opening 12)
            forced hold child
        | Settings.Qcow2 hold, ValueNone when hold.NamesBacking && hold.Inode >= 0 ->
            Rule.touch context (Rule.opening 12)
            let refuse text = Rule.refuse context (Rule.opening 12) node.Name text
            let left why = { Why = why; Left = state }

            match headerChild context state node hold with
            | Error(text, isPrefixed) ->
                let why = refuse text
                if isPrefixed then prefix (left why) else Error(left why)
            | Ok _ when images >= chainMax ->
                prefix (left (refuse $"Backing chain is deeper than {chainMax} images"))
            | Ok spec -> add (ChildSpec.Inline spec) (images + 1)
        | _ -> Ok state

    /// The child that the header names; else a text, and whether it is prefixed.
    and private headerChild context (state: State) node hold =
        let file = Graph.childNamed state node "file"

        match context.World.Inodes[hold.Inode].Format, file with
        | Format.Qcow2 { BackingFile = Some name; BackingFormat = format }, ValueSome file ->
            match protocolOf name with
            | ValueSome protocol -> Error("Unknown protocol '" + protocol + "'", true)
            | ValueNone ->
                let path =
                    if name.StartsWith '/' then
                        Ok name
                    else
                        Image.directory state file.Child
                        |> Result.map (fun directory -> directory + name)

                match path with
                | Error text -> Error(text, false)
                | Ok path ->
                    headerSpec context name path format |> Result.mapError (fun text -> text, true)
        | _ -> Error("The image header changed", true)

    /// blockdev-add (BLK-OPEN-001, BLK-OPEN-002, BLK-GRAPH-004).
    let add (context: Context) (state: State) (options: Value) : Result<State, Refused> =
        // permissions: none of its own (BLK-OPEN-016)
        Rule.touch context (Rule.opening 16)
        Rule.touch context (Rule.opening 2)

        // validation: schema, then the root's name
        match Schema.checkAdd context options with
        | Error why -> Refused.by state why
        | Ok spec when not (Options.has "node-name" spec.Own) ->
            "'node-name' must be specified for the root node"
            |> Rule.refuse context (Rule.opening 2) ""
            |> Refused.by state
        | Ok spec ->
            // effect: the node with everything inline below it
            match openNode context state spec ValueNone 0 with
            | Error refused ->
                Rule.touch context (Rule.opening 9)
                Error refused
            // result: owned by the monitor
            | Ok(struct (state, _)) -> Ok state
