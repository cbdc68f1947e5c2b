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
    /// The pair whose lock bytes are held.
    LockedPerm: Perm
    LockedShared: Perm
}

/// What a driver was told, in its own terms.
[<RequireQualifiedAccess>]
type Settings =
    | File of FileHold
    | NullCo of sizeBytes: int64
    | Raw of offsetBytes: int64 * sizeBytes: int64 voption
    | Qcow2
    | Throttle of group: string
    | CopyOnRead
    | Blkdebug of take: Perm * unshare: Perm
    | Nbd of path: string * export: string
    | Quorum of threshold: int * rewriteCorrupted: bool * fifo: bool

/// Options as they are compared by a reopen: sorted by name, ordinal.
type Options = (string * Value) list

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
    /// The node it was opened inline for, or -1 (BLK-GRAPH-005).
    InheritsFrom: int
    /// What the user said.
    Explicit: Options
    /// That, with what was inherited and the defaults.
    Effective: Options
    /// Edges to children, by id, newest first.
    Children: int list
    /// Edges of parents, by id, newest first.
    Parents: int list
    Settings: Settings
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
    /// The backend that holds its root.
    Backend: int
}

/// Everything a block layer knows.
type State = {
    Nodes: Map<int, Node>
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
        state.Nodes.Values |> Seq.tryFind (fun n -> n.Name = name)

    /// The union of perm and the intersection of shared over the parents (BLK-PERM-002).
    let cumulative (state: State) (node: Node) : struct (Perm * Perm) =
        let mutable perm = Perm.None
        let mutable shared = Perm.All

        for e in node.Parents do
            let edge = state.Edges[e]
            perm <- perm ||| edge.Perm
            shared <- shared &&& edge.Shared

        struct (perm, shared)

    /// The lock bytes a file node holds: bit i for 100+i, bit 4+i for 200+i (BLK-FILE-010).
    let lockBits (hold: FileHold) : int =
        if hold.Locking then
            int hold.LockedPerm ||| (int (Perm.minus Perm.All hold.LockedShared) <<< 4)
        else
            0
