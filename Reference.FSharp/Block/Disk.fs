/// Guest data: what a read returns and what a write leaves (BLK-DATA). Bytes are sparse runs in
/// the coordinates of the node that is asked; nothing stands for bytes the model cannot know.
namespace Ashlar.Reference.Block

/// What is known of bytes that were read.
type Bytes = Content voption

/// The data path of every driver, over a world that changes.
module Disk =
    /// The text of a request out of bounds or without a quorum (BLK-DATA-002, BLK-DATA-007).
    let ioError = "Input/output error"

    /// A request with the world it leaves.
    [<Struct>]
    type Answer<'a> = { Result: Result<'a, string>; World: World }

    let private answer world result = { Result = result; World = world }

    let private at (context: Context) (world: World) : Context = { context with World = world }

    let private onlyChild (state: State) (node: Node) =
        match Graph.primary state node with
        | ValueSome edge -> edge.Child
        | ValueNone -> node.Id

    /// The children of a quorum in the order it was given them, whose numbers their edges keep: a
    /// snapshot moves an edge in the list of children (BLK-GRAPH-006).
    let private copies (state: State) (node: Node) =
        let number (edge: Edge) = int (edge.Name.Substring "children.".Length)
        Graph.children state node |> List.sortBy number |> List.map _.Child

    /// Whether a range lies inside a node (BLK-DATA-002); of an unknown length either may be so.
    let inside (context: Context) (state: State) world id (offset: int64) (length: int64) : bool =
        offset >= 0L
        && length >= 0L
        && match Image.length (at context world) state id with
           | ValueSome whole -> offset <= whole && length <= whole - offset
           | ValueNone -> (offset = 0L && length = 0L) || Rule.choose context

    /// The image of a qcow2 node, if the model still knows it.
    let private imageOf (world: World) (node: Node) : struct (int * Inode * int64) voption =
        match node.Settings with
        | Settings.Qcow2 hold when hold.Inode >= 0 ->
            let inode = world.Inodes[hold.Inode]

            match inode.Format with
            | Format.Qcow2 header ->
                ValueSome(struct (hold.Inode, inode, 1L <<< header.ClusterBits))
            | _ -> ValueNone
        | _ -> ValueNone

    /// Whether a range meets the cluster of an image that is compressed (BLK-DATA-019): it is read
    /// like any other, and copied when it is written in part.
    let private noteCompressed (context: Context) (inode: Inode) (cluster: int64) (offset: int64) =
        match inode.Format with
        | Format.Qcow2 { Feature = Some ImageFeature.Compressed } when offset < cluster ->
            Rule.touch context (Rule.data 19)
        | _ -> ()

    /// The parts of a range that no run covers.
    let private gaps (offset: int64) (length: int64) (runs: Content) : struct (int64 * int64) list =
        let stop = offset + length

        let rec walk from (runs: Content) =
            match runs with
            | [] -> if from < stop then [ struct (from, stop - from) ] else []
            | run :: rest ->
                let next = walk (run.Offset + run.Length) rest

                if from < run.Offset then
                    struct (from, run.Offset - from) :: next
                else
                    next

        walk offset (Content.within offset length runs)

    /// The nearest qcow2 node below a copy-on-read filter (BLK-DATA-006).
    let rec private nearestImage (state: State) id =
        let node = state.Nodes[id]

        match node.Settings with
        | Settings.Qcow2 _ -> ValueSome node
        | Settings.Raw(0L, ValueNone)
        | Settings.Throttle _
        | Settings.Blkdebug _
        | Settings.CopyOnRead -> nearestImage state (onlyChild state node)
        | _ -> ValueNone

    /// Reads a range that lies inside the node. raw moves its window (BLK-DATA-004), null-co has
    /// nothing but zeroes (BLK-DATA-008), filters pass requests through (BLK-DATA-009).
    let rec read (context: Context) state world id offset length : Answer<Bytes> =
        let node = state.Nodes[id]
        let known content = answer world (Ok(ValueSome(Content.within offset length content)))

        match node.Settings with
        | _ when length = 0L -> known []
        | Settings.NullCo _ ->
            Rule.touch context (Rule.data 8)
            known []
        | Settings.File hold ->
            let inode = world.Inodes[hold.Inode]

            match inode.Format with
            | Format.Raw -> known inode.Content
            | _ -> answer world (Ok ValueNone)
        | Settings.Nbd(server, export) ->
            match world.Remotes.TryGetValue(struct (server, export)) with
            | true, remote -> known remote.Content
            | _ -> answer world (Error ioError)
        | Settings.Raw(start, _) ->
            Rule.touch context (Rule.data 4)
            let below = readChild context state world (onlyChild state node) (offset + start) length
            let back = ValueOption.map (Content.shift -start)
            { Result = Result.map back below.Result; World = below.World }
        | Settings.Throttle _
        | Settings.Blkdebug _ ->
            Rule.touch context (Rule.data 9)
            readChild context state world (onlyChild state node) offset length
        | Settings.CopyOnRead ->
            Rule.touch context (Rule.data 6)
            let below = onlyChild state node

            match nearestImage state below with
            | ValueNone -> readChild context state world below offset length
            | ValueSome image ->
                let owned = own context state world image offset length 0L

                match owned.Result with
                | Ok() -> readChild context state owned.World below offset length
                | Error text -> answer owned.World (Error text)
        | Settings.Qcow2 _ -> readImage context state world node offset length
        | Settings.Quorum(threshold, rewrites, fifo) ->
            Rule.touch context (Rule.data 7)

            if fifo then
                readFirst context state world (copies state node) offset length
            else
                readVote context state world node threshold rewrites offset length

    /// Reads of a child are tested against the child's own length. A parent that remembers a longer
    /// one reads zeroes beyond it (DD-LENGTH, BLK-SIZE-005).
    and private readChild (context: Context) state world id offset length : Answer<Bytes> =
        if context.Profile.RemembersLength then
            readBacking context state world id offset length
        elif inside context state world id offset length then
            read context state world id offset length
        else
            answer world (Error ioError)

    /// qcow2: its own clusters, else the backing, else zeroes (BLK-DATA-005).
    and private readImage context state world node offset length =
        Rule.touch context (Rule.data 5)

        match imageOf world node with
        | ValueNone -> answer world (if Rule.choose context then Ok ValueNone else Error "*")
        | ValueSome(struct (_, inode, cluster)) ->
            noteCompressed context inode cluster offset
            let own = Content.within offset length inode.Content

            match Graph.childNamed state node "backing" with
            | ValueNone -> answer world (Ok(ValueSome own))
            | ValueSome backing ->
                let fill (so: Answer<Bytes>) (struct (from, length)) =
                    match so.Result with
                    | Ok(ValueSome content) ->
                        let below = readBacking context state so.World backing.Child from length

                        let add found =
                            found |> ValueOption.map (Content.overlay from length content)

                        { Result = Result.map add below.Result; World = below.World }
                    | _ -> so

                List.fold
                    fill
                    (answer world (Ok(ValueSome own)))
                    (gaps offset length inode.Allocated)

    /// A backing child shorter than the range reads as zeroes beyond its end (BLK-DATA-005).
    and private readBacking context state world id offset length =
        let length =
            match Image.length (at context world) state id with
            | ValueSome whole -> max 0L (min length (whole - offset))
            | ValueNone -> length

        if length = 0L then
            answer world (Ok(ValueSome []))
        else
            read context state world id offset length

    /// The first copy that can be read (BLK-DATA-007).
    and private readFirst context state world copies offset length =
        match copies with
        | [] -> answer world (Error ioError)
        | id :: rest ->
            let first = readChild context state world id offset length

            match first.Result with
            | Error _ when not rest.IsEmpty ->
                readFirst context state first.World rest offset length
            | _ -> first

    /// The version of most copies, and the repair of the others (BLK-DATA-007).
    and private readVote context state world node threshold rewrites offset length =
        let ask (world, found) id =
            let one = readChild context state world id offset length
            one.World, struct (id, one.Result) :: found

        let world, found = List.fold ask (world, []) (copies state node)
        let found = List.rev found
        let versions = found |> List.choose (fun (struct (_, r)) -> Result.toOption r)

        if List.contains ValueNone versions then
            answer world (Ok ValueNone)
        else
            match Image.vote threshold versions with
            | ValueNone -> answer world (Error ioError)
            | ValueSome winner when rewrites ->
                let repair world (struct (id, version)) =
                    match version, winner with
                    | Ok held, ValueSome content when held <> winner ->
                        (writeRuns context state world id offset length content).World
                    | _ -> world

                answer (List.fold repair world found) (Ok winner)
            | ValueSome winner -> answer world (Ok winner)

    /// Writes a whole range of a copy: zeroes, then the runs.
    and private writeRuns context state world id offset length (content: Content) : Answer<unit> =
        let zeroed = writeChild context state world id offset length 0uy

        let add (so: Answer<unit>) (run: Run) =
            match so.Result with
            | Ok() -> writeChild context state so.World id run.Offset run.Length run.Byte
            | Error _ -> so

        List.fold add zeroed content

    /// Makes every cluster that a range touches the image's own, unchanged. Of the range the first
    /// `replaced` bytes are about to be replaced, so nobody asks what they were (BLK-DATA-005).
    and private own context state world node offset length replaced : Answer<unit> =
        match imageOf world node with
        | ValueNone -> answer world (Ok())
        | ValueSome(struct (id, inode, cluster)) ->
            noteCompressed context inode cluster offset
            let first = offset / cluster * cluster
            let stop = (offset + length + cluster - 1L) / cluster * cluster

            let read (found: Answer<Bytes>) (struct (at, length)) =
                match found.Result with
                | Ok(ValueSome content) ->
                    let one = readImage context state found.World node at length
                    let add = ValueOption.map (Content.overlay at length content)
                    { Result = Result.map add one.Result; World = one.World }
                | _ -> found

            let copy (so: Answer<unit>) (struct (from, length)) =
                let visible = max 0L (min length (inode.SizeBytes - from))

                let found =
                    [ { Offset = offset; Length = replaced; Byte = 0uy } ]
                    |> gaps from visible
                    |> List.fold read (answer so.World (Ok(ValueSome [])))

                let inode = found.World.Inodes[id]

                match so.Result, found.Result with
                | Error _, _ -> so
                | Ok(), Error text -> answer found.World (Error text)
                | Ok(), Ok ValueNone ->
                    answer
                        (World.withInode id { inode with Format = Format.Garbage } found.World)
                        (Ok())
                | Ok(), Ok(ValueSome content) ->
                    let owned = {
                        inode with
                            Content = Content.overlay from length inode.Content content
                            Allocated = Content.write from length 1uy inode.Allocated
                            HostBytes = -1L
                    }

                    answer (World.withInode id owned found.World) (Ok())

            List.fold copy (answer world (Ok())) (gaps first (stop - first) inode.Allocated)

    /// Writes one value over a range that lies inside the node (BLK-DATA-003).
    and write (context: Context) state world id offset length value : Answer<unit> =
        let node = state.Nodes[id]

        match node.Settings with
        | _ when length = 0L -> answer world (Ok())
        | Settings.NullCo _ -> answer world (Ok())
        | Settings.File hold -> answer (writeFile world hold.Inode offset length value) (Ok())
        | Settings.Nbd(server, export) ->
            let key = struct (server, export)

            match world.Remotes.TryGetValue key with
            | true, remote ->
                let content = Content.write offset length value remote.Content
                let remotes = world.Remotes.Add(key, { remote with Content = content })
                answer { world with Remotes = remotes } (Ok())
            | _ -> answer world (Error ioError)
        | Settings.Raw(start, _) ->
            writeChild context state world (onlyChild state node) (offset + start) length value
        | Settings.Throttle _
        | Settings.Blkdebug _
        | Settings.CopyOnRead ->
            writeChild context state world (onlyChild state node) offset length value
        | Settings.Qcow2 _ -> writeImage context state world node offset length value
        | Settings.Quorum(threshold, _, _) ->
            let ask (world, found) id =
                let one = writeChild context state world id offset length value
                one.World, one.Result :: found

            let world, found = List.fold ask (world, []) (copies state node)

            let texts =
                found
                |> List.choose (fun r ->
                    match r with
                    | Error t -> Some t
                    | Ok() -> None)

            if found.Length - texts.Length >= threshold then
                answer world (Ok())
            else
                let most = texts |> List.countBy (fun text -> text) |> List.maxBy snd |> fst
                answer world (Error most)

    and private writeChild context state world id offset length value : Answer<unit> =
        if inside context state world id offset length then
            write context state world id offset length value
        else
            answer world (Error ioError)

    /// A raw file grows to the end of a write in its last sector (BLK-DATA-011); bytes written
    /// into anything else leave it unknown.
    and private writeFile (world: World) id offset length value =
        let inode = world.Inodes[id]

        match inode.Format with
        | Format.Raw ->
            let written = {
                inode with
                    Content = Content.write offset length value inode.Content
                    SizeBytes = max inode.SizeBytes (offset + length)
            }

            World.withInode id written world
        | _ -> World.withInode id { inode with Format = Format.Garbage } world

    /// qcow2: its clusters first, then the bytes (BLK-DATA-005).
    and private writeImage context state world node offset length value =
        Rule.touch context (Rule.data 5)
        let owned = own context state world node offset length length

        match owned.Result, imageOf owned.World node with
        | Error text, _ -> answer owned.World (Error text)
        | Ok(), ValueNone -> answer owned.World (if Rule.choose context then Ok() else Error "*")
        | Ok(), ValueSome(struct (id, inode, _)) ->
            let content = Content.write offset length value inode.Content
            answer (World.withInode id { inode with Content = content } owned.World) (Ok())

    /// Makes the cluster that holds the end of an image its own, when the end is not on a cluster's
    /// edge (BLK-SIZE-005).
    let ownEnd (context: Context) (state: State) (node: Node) (size: int64) : Answer<unit> =
        match imageOf context.World node with
        | ValueSome(struct (_, _, cluster)) when size % cluster <> 0L ->
            own context state context.World node (size - 1L) 1L 0L
        | _ -> answer context.World (Ok())

    /// Whether the backend may (BLK-DATA-001).
    let private permissionText (backend: Backend) (request: Request) : string voption =
        let needed =
            match request with
            | Request.Read _ -> Perm.CR
            | Request.Write _
            | Request.WriteZeroes _ -> Perm.W
            | Request.Flush -> Perm.None

        if Perm.subset needed backend.Perm then
            ValueNone
        else
            "Operation not permitted: block device '"
            + backend.Name
            + "' lacks the "
            + Perm.text needed
            + " permission"
            |> ValueSome

    /// A request through a backend: permission, bounds, effect (BLK-DATA-001, BLK-DATA-002).
    let request (context: Context) (state: State) (backend: Backend) request : Answer<Bytes> =
        let world = context.World
        let id = state.Edges[backend.Root].Child
        let nothing = Result.map (fun () -> ValueSome [])

        let bounded offset length perform =
            Rule.touch context (Rule.data 2)

            if inside context state world id offset length then
                perform ()
            else
                answer world (Error ioError)

        let writing offset length value =
            bounded offset length (fun () ->
                let so = write context state world id offset length value
                { Result = nothing so.Result; World = so.World })

        Rule.touch context (Rule.data 1)

        match permissionText backend request, request with
        | ValueSome text, _ -> answer world (Error text)
        | ValueNone, Request.Read(offset, length) ->
            Rule.touch context (Rule.data 3)
            bounded offset length (fun () -> read context state world id offset length)
        | ValueNone, Request.Write(offset, length, value) -> writing offset length value
        | ValueNone, Request.WriteZeroes(offset, length) -> writing offset length 0uy
        // nothing is held back here, so there is nothing to flush (BLK-DATA-012)
        | ValueNone, Request.Flush ->
            Rule.touch context (Rule.data 12)
            answer world (Ok(ValueSome []))
