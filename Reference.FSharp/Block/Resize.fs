/// block_resize: a temporary root, then the truncation node by node (BLK-SIZE).
namespace Ashlar.Reference.Block

/// Resizing.
module Resize =
    /// Largest first-level table of a qcow2 image: 2^25 bytes (BLK-SIZE-007).
    let private l1TableBits = 25

    let private sector = 512L

    /// A host file (BLK-SIZE-004).
    let private file (world: World) id size =
        let inode = world.Inodes[id]

        let resized =
            match inode.Format with
            | Format.Raw -> {
                inode with
                    SizeBytes = size
                    Content = Content.within 0L size inode.Content
              }
            | Format.Qcow2 _ when inode.HostBytes >= 0L && size >= inode.HostBytes -> {
                inode with
                    HostBytes = size
              }
            | _ -> { inode with Format = Format.Garbage }

        World.withInode id resized world

    /// Where a longer backing would show through the new bytes (BLK-SIZE-005): the image's own
    /// zeroes go there, and the bytes before the old end stay.
    let private hideBacking
        (context: Context)
        state
        (node: Node)
        id
        (oldSize: int64)
        newSize
        cluster
        =
        let world = context.World

        let backingLength =
            match Graph.childNamed state node "backing" with
            | ValueSome edge -> Image.length context state edge.Child
            | ValueNone -> ValueSome 0L

        match backingLength with
        | ValueSome length when length > oldSize && newSize > oldSize ->
            Rule.touch context (Rule.size 5)
            let stop = min length newSize
            // a write of zeroes to the node as it was would be out of its bounds: own by hand
            let before = Disk.ownEnd context state node oldSize

            match before.Result with
            | Error text -> Error text
            | Ok() ->
                let inode = before.World.Inodes[id]
                let first = (oldSize + cluster - 1L) / cluster * cluster
                let last = (stop + cluster - 1L) / cluster * cluster

                let owned =
                    if last > first then
                        Content.write first (last - first) 1uy inode.Allocated
                    else
                        inode.Allocated

                Ok(World.withInode id { inode with Allocated = owned } before.World)
        | _ -> Ok world

    /// A qcow2 node (BLK-SIZE-003 to BLK-SIZE-007).
    let private image (context: Context) state (node: Node) id (header: Qcow2Header) size =
        let inode = context.World.Inodes[id]
        let cluster = 1L <<< header.ClusterBits
        let sizeBitsMax = header.ClusterBits + (header.ClusterBits - 3) + (l1TableBits - 3)

        Rule.touch context (Rule.size 7)

        if size % sector <> 0L then
            Error(struct (Rule.size 3, "The new size must be a multiple of 512"))
        elif size > inode.SizeBytes && sizeBitsMax < 62 && size > (1L <<< sizeBitsMax) then
            Error(struct (Rule.size 7, "Failed to grow the L1 table: File too large"))
        else
            match hideBacking context state node id inode.SizeBytes size cluster with
            | Error text -> Error(struct (Rule.size 5, text))
            | Ok world ->
                let inode = world.Inodes[id]
                let kept = (size + cluster - 1L) / cluster * cluster

                // shrinking gives up whole clusters (BLK-SIZE-006)
                if size < inode.SizeBytes then
                    Rule.touch context (Rule.size 6)

                let resized = {
                    inode with
                        SizeBytes = size
                        HostBytes = -1L
                        Content = Content.within 0L size inode.Content
                        Allocated = Content.within 0L kept inode.Allocated
                }

                Ok(World.withInode id resized world)

    /// Truncates a node, then remembers its length where the profile does (BLK-SIZE-003).
    let rec private truncate (context: Context) (state: State) id (size: int64) =
        let node = state.Nodes[id]
        Rule.touch context (Rule.size 3)
        let refuse text = Error(struct (Rule.size 3, text))

        let ask size =
            match Graph.primary state node with
            | ValueSome edge -> truncate context state edge.Child size
            | ValueNone -> refuse "Image format driver does not support resize"

        if size > OpenTests.lengthBytesMax then
            refuse $"offset({size}) exceeds maximum({OpenTests.lengthBytesMax})"
        elif not node.Writable then
            refuse "Image is read-only"
        else
            match node.Settings with
            | Settings.NullCo _
            | Settings.Quorum _ -> refuse "Image format driver does not support resize"
            | Settings.Nbd(server, export) ->
                match context.World.Remotes.TryGetValue(struct (server, export)) with
                | true, remote when size <= remote.SizeBytes -> Ok context.World
                | _ -> refuse "Cannot grow NBD nodes"
            | Settings.Raw(_, ValueSome _) -> refuse "Cannot resize fixed-size raw disks"
            | Settings.Raw(offset, ValueNone) ->
                if System.Int64.MaxValue - size < offset then
                    refuse "Disk size too large for the chosen offset"
                else
                    ask (size + offset)
            | Settings.Throttle _
            | Settings.CopyOnRead
            | Settings.Blkdebug _ -> ask size
            | Settings.File hold ->
                Rule.touch context (Rule.size 4)
                Ok(file context.World hold.Inode size)
            | Settings.Qcow2 hold ->
                match hold.Inode >= 0, context.World.Inodes.TryFind hold.Inode with
                | true, Some { Format = Format.Qcow2 header } ->
                    Rule.touch context (Rule.size 4)
                    image context state node hold.Inode header size
                // bytes that the model lost sight of: if it succeeds, the length is the new one
                | _, found when Rule.choose context ->
                    match found with
                    | Some inode ->
                        Ok(World.withInode hold.Inode { inode with SizeBytes = size } context.World)
                    | None -> Ok context.World
                | _ -> refuse "*"

    /// The nodes that took part in a truncation know their new length (qemu-7.2).
    let rec private remember (context: Context) (state: State) id =
        let node = state.Nodes[id]

        let below =
            match node.Settings with
            | Settings.Raw _
            | Settings.Throttle _
            | Settings.CopyOnRead
            | Settings.Blkdebug _ -> Graph.primary state node
            | _ -> ValueNone

        let state =
            match below with
            | ValueSome edge -> remember context state edge.Child
            | ValueNone -> state

        let bytes = Image.measure context state node |> ValueOption.defaultValue Graph.lostBytes
        Graph.putNode { state.Nodes[id] with KnownBytes = bytes } state

    /// What block_resize tests before anything is attached (BLK-SIZE-001).
    let private early (context: Context) (state: State) (name: string) (size: int64) =
        let refuse text = Error(Rule.refuse context (Rule.size 1) name text)
        Rule.touch context (Rule.size 1)

        match state.Names.TryGetValue name with
        | false, _ -> refuse ("Cannot find device='' nor node-name='" + name + "'")
        | true, _ when size < 0L -> refuse "Parameter 'size' expects a >0 size"
        | true, id when GraphCommands.isBacking state state.Nodes[id] ->
            let shown =
                if context.Profile.Descriptors = Descriptors.Two then
                    name
                else
                    "(null)"

            refuse ("Device '" + shown + "' is in use")
        | true, id -> Ok id

    /// block_resize (BLK-SIZE-001, BLK-SIZE-002).
    let run
        (context: Context)
        (state: State)
        (name: string)
        (size: int64)
        : Result<struct (State * World), Refused> =
        let refused left why = Error { Why = why; Left = left }

        // validation
        match early context state name size with
        | Error why -> refused state why
        | Ok id ->
            Rule.touch context (Rule.size 2)

            // permissions
            match Transaction.attachRoot context state "" id Perm.RZ Perm.All with
            | Error why -> refused state why
            | Ok(struct (rooted, root)) ->
                // effect
                match truncate context rooted id size with
                | Error(struct (rule, text)) ->
                    let left =
                        Transaction.undo context state (fun () ->
                            Transaction.removeBackend context rooted root)

                    refused left (Rule.refuse context rule name text)
                | Ok world ->
                    // result
                    let context = { context with World = world }

                    let known =
                        if context.Profile.RemembersLength then
                            remember context rooted id
                        else
                            rooted

                    Ok(struct (Transaction.removeBackend context known root, world))
