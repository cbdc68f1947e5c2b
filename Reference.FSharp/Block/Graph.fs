/// The state: nodes, edges, backends, exports (BLK-GRAPH). Records only; the rules come later.
/// Lists of edges are in QEMU's order: a new edge is at the head (BLK-GRAPH-006).
namespace Ashlar.Reference.Block

/// What a node is.
[<RequireQualifiedAccess>]
type Driver =
    | File
    | NullCo
    | Raw
    | Qcow2
    | Throttle
    | CopyOnRead
    | Blkdebug
    | Nbd
    | Quorum

/// Who holds an edge.
[<Struct; RequireQualifiedAccess>]
type Parent =
    | Node of node: int
    | Backend of backend: int

/// One link from a parent to a child node (BLK-PERM-002).
type Edge = {
    Id: int
    Parent: Parent
    Child: int
    Name: string
    Role: Role
    Perm: Perm
    Shared: Perm
}

/// A file node's hold on its file (BLK-FILE).
type FileHold = {
    Path: string
    /// The inode the descriptors lead to.
    Inode: int
    /// Whether a read-only descriptor is open.
    ReadOnlyFd: bool
    /// Whether a writable descriptor is open.
    WritableFd: bool
    /// What the driver believes of the descriptor's mode (qemu-7.2 forgets it: B1).
    BelievedWritable: bool
    /// The mode of a second descriptor that only holds the locks (qemu-seed, BLK-FILE-030).
    LockFdWritable: bool voption
    /// Whether lock bytes are used (locking auto or on).
    Locking: bool
    /// The pair of the last committed change; a later one is compared with it (BLK-FILE-011).
    LockedPerm: Perm
    LockedShared: Perm
    /// Lock bytes held beyond that pair's while a change is prepared; 0 between commands.
    MeanwhileBits: int
}

/// What a qcow2 node read in its image's header (BLK-OPEN-011).
type ImageHold = {
    /// The inode with the image's tables, or -1 when the model lost sight of it.
    Inode: int
    /// Whether the header names a backing file (BLK-REOPEN-014).
    NamesBacking: bool
}

/// What a driver was told, in its own terms.
[<RequireQualifiedAccess>]
type Settings =
    | File of FileHold
    | NullCo of sizeBytes: int64
    | Raw of offsetBytes: int64 * sizeBytes: int64 voption
    | Qcow2 of ImageHold
    | Throttle of group: string
    | CopyOnRead
    | Blkdebug of take: Perm * unshare: Perm
    | Nbd of server: ServerAddress * export: string
    | Quorum of threshold: int * rewrites: bool * fifo: bool

/// Options under flat names (`cache.direct`, `take-child-perms.0`), children left out.
type OptionList = (string * Value) list

/// A node of the graph.
type Node = {
    Id: int
    Name: string
    Driver: Driver
    /// RDWR; query shows ro = not Writable (BLK-RO-001).
    Writable: bool
    AutoReadOnly: bool
    ForceShare: bool
    /// Made by a command, not by the user (BLK-GRAPH-030).
    Implicit: bool
    /// Whether blockdev-add owns a reference (BLK-GRAPH-004).
    MonitorOwned: bool
    /// Whether its own open is not over yet; its children may be missing (BLK-OPEN-026).
    IsOpening: bool
    /// The node it was opened inline for, or -1 (BLK-GRAPH-005).
    InheritsFrom: int
    /// What the user said.
    Explicit: OptionList
    /// That, with what was inherited and the defaults.
    Effective: OptionList
    /// Edges to children, by id, newest first.
    Children: int list
    /// Edges of parents, by id, newest first.
    Parents: int list
    Settings: Settings
    /// Length when it was last asked for, for profiles that remember it (qemu-7.2);
    /// `Graph.lostBytes` when the model lost sight of it, `Graph.askedBytes` elsewhere.
    KnownBytes: int64
}

/// A user of a node with permissions of its own (BLK-PERM-050).
type Backend = {
    Id: int
    /// Empty for one without a name.
    Name: string
    Perm: Perm
    Shared: Perm
    /// The root edge.
    Root: int
}

/// An export of the NBD server (BLK-EXPORT).
type Export = {
    Id: string
    Name: string
    Writable: bool
    /// The iothread it was given, or none (BLK-OBJ-005).
    Thread: string
    /// Whether it stays there (BLK-OBJ-006).
    FixedThread: bool
    /// The backend that holds its root.
    Backend: int
}

/// Everything a block layer knows.
type State = {
    Nodes: Map<int, Node>
    /// Every node by its name (BLK-GRAPH-001).
    Names: Map<string, int>
    Edges: Map<int, Edge>
    Backends: Map<int, Backend>
    /// In the order of query-block-exports: newest first.
    Exports: Export list
    NbdServer: bool
    /// Descriptors that no node owns any more: inode and mode (qemu-seed, BLK-FILE-030).
    LostFds: struct (int * bool) list
    /// Next numbers; a refused command does not advance NextName (BLK-GRAPH-003).
    NextNode: int
    NextEdge: int
    NextBackend: int
    NextName: int
}

/// Questions to the state.
module Graph =
    /// A block layer without nodes.
    let empty: State = {
        Nodes = Map.empty
        Names = Map.empty
        Edges = Map.empty
        Backends = Map.empty
        Exports = []
        NbdServer = false
        LostFds = []
        NextNode = 0
        NextEdge = 0
        NextBackend = 0
        NextName = 0
    }

    /// Of a node that asks for its length whenever somebody wants it.
    let askedBytes = -1L

    /// Of a node that remembers a length which only the host knows.
    let lostBytes = -2L

    /// Every driver.
    let drivers = [|
        Driver.File
        Driver.NullCo
        Driver.Raw
        Driver.Qcow2
        Driver.Throttle
        Driver.CopyOnRead
        Driver.Blkdebug
        Driver.Nbd
        Driver.Quorum
    |]

    /// QEMU's name of a driver.
    let driverName (driver: Driver) : string =
        match driver with
        | Driver.File -> "file"
        | Driver.NullCo -> "null-co"
        | Driver.Raw -> "raw"
        | Driver.Qcow2 -> "qcow2"
        | Driver.Throttle -> "throttle"
        | Driver.CopyOnRead -> "copy-on-read"
        | Driver.Blkdebug -> "blkdebug"
        | Driver.Nbd -> "nbd"
        | Driver.Quorum -> "quorum"

    /// The nodes in order of age.
    let nodes (state: State) : Node seq = state.Nodes.Values

    /// Edges to the children of a node, in list order (BLK-GRAPH-006).
    let children (state: State) (node: Node) : Edge list =
        List.map (fun e -> state.Edges[e]) node.Children

    /// Edges of the parents of a node, in list order (BLK-GRAPH-006).
    let parents (state: State) (node: Node) : Edge list =
        List.map (fun e -> state.Edges[e]) node.Parents

    /// The node of that name.
    let byName (state: State) (name: string) : Node option =
        match state.Names.TryGetValue name with
        | true, id -> Some state.Nodes[id]
        | _ -> None

    /// The backend of that name; the empty name is nobody's.
    let backend (state: State) (name: string) : Backend option =
        if name = "" then
            None
        else
            state.Backends |> Map.tryPick (fun _ b -> if b.Name = name then Some b else None)

    /// The union of perm and the intersection of shared over the parents (BLK-PERM-002).
    let cumulative (state: State) (node: Node) : struct (Perm * Perm) =
        let mutable perm = Perm.None
        let mutable shared = Perm.All

        for e in node.Parents do
            let edge = state.Edges[e]
            perm <- perm ||| edge.Perm
            shared <- shared &&& edge.Shared

        struct (perm, shared)

    /// The edge to the child of that name.
    let childNamed (state: State) (node: Node) (name: string) : Edge voption =
        let rec search edges =
            match edges with
            | [] -> ValueNone
            | e :: rest ->
                let edge = state.Edges[e]
                if edge.Name = name then ValueSome edge else search rest

        search node.Children

    /// The edge to the one child of a filter or of raw, and to an image's file.
    let primary (state: State) (node: Node) : Edge voption =
        childNamed state node (if node.Driver = Driver.Blkdebug then "image" else "file")

    /// The state with a node replaced, which keeps its name.
    let putNode (node: Node) (state: State) : State = {
        state with
            Nodes = state.Nodes.Add(node.Id, node)
    }

    /// Whether the driver is a filter: it shows its one child's data (BLK-PERM-010).
    let isFilter (driver: Driver) : bool =
        match driver with
        | Driver.Throttle
        | Driver.CopyOnRead
        | Driver.Blkdebug -> true
        | _ -> false

    /// The nodes below the roots, themselves included, in refresh order (BLK-PERM-030).
    let below (state: State) (roots: int list) : int list =
        let seen = System.Collections.Generic.HashSet<int>()
        let mutable order = []

        let rec visit id =
            if seen.Add id then
                for e in state.Nodes[id].Children do
                    visit state.Edges[e].Child

                order <- id :: order

        List.iter visit roots
        order

    /// Whether the node is the other one or lies below it.
    let reaches (state: State) (top: int) (bottom: int) : bool =
        top = bottom || List.contains bottom (below state [ top ])

    /// The nodes that links join with one, itself included, whichever way they point.
    let joined (state: State) (start: int) : System.Collections.Generic.HashSet<int> =
        let seen = System.Collections.Generic.HashSet<int>()

        let rec visit id =
            if seen.Add id then
                let node = state.Nodes[id]

                for e in node.Children do
                    visit state.Edges[e].Child

                for e in node.Parents do
                    match state.Edges[e].Parent with
                    | Parent.Node parent -> visit parent
                    | Parent.Backend _ -> ()

        visit start
        seen

    /// The exports of what is joined with a node, newest first.
    let private exportsOf (state: State) id =
        let nodes = joined state id

        state.Exports
        |> List.filter (fun export ->
            nodes.Contains state.Edges[state.Backends[export.Backend].Root].Child)

    /// The thread that fixed exports hold a node and what is joined with it in (BLK-OBJ-006).
    let fixedThread (state: State) (id: int) : string voption =
        if state.Exports |> List.exists _.FixedThread then
            match exportsOf state id |> List.tryFind _.FixedThread with
            | Some export -> ValueSome export.Thread
            | None -> ValueNone
        else
            ValueNone

    /// The thread a node runs in; the main one has no name (BLK-OBJ-006).
    let threadOf (state: State) (id: int) : string =
        match fixedThread state id with
        | ValueSome thread -> thread
        | ValueNone ->
            match exportsOf state id |> List.tryFind (fun export -> export.Thread <> "") with
            | Some export -> export.Thread
            | None -> ""

    /// The lock bytes a file node holds (BLK-FILE-010): bit i for 100+i, bit 4+i for 200+i.
    let lockBits (hold: FileHold) : int =
        if hold.Locking then
            int hold.LockedPerm
            ||| (int (Perm.minus Perm.All hold.LockedShared) <<< 4)
            ||| hold.MeanwhileBits
        else
            0
