/// What a command did to the graph, function by function: for whoever replays it on a model of the
/// same functions. Nothing here decides anything.
namespace Ashlar.Reference.Block

/// What a reopen asks of one node, its options read (BLK-REOPEN-003).
type ReopenWish = {
    Node: int
    Writable: bool
    AutoReadOnly: bool
    /// `backing` and `file` given as a node's name, or as null (BLK-REOPEN-015).
    Children: (string * string voption) list
}

/// Where a test that looks at options or images refused an entry of a reopen.
[<RequireQualifiedAccess>]
type ReopenStage =
    /// Before any link was changed (BLK-REOPEN-011 to BLK-REOPEN-014, BLK-REOPEN-018).
    | Before
    /// After that (BLK-REOPEN-016).
    | After
    /// When the refresh was accepted (BLK-OPEN-022).
    | Image

/// One call of a function that changes the graph, or a refusal by a test outside of it.
[<RequireQualifiedAccess>]
type GraphAction =
    /// A node was put under its name, before its driver opened it.
    | AddNode of Node
    | OpenFile of node: int * path: string * locking: bool
    /// The server of an nbd node is asked; the node is read-only from then on, or stays.
    | OpenNbd of node: int * writable: bool
    | Attach of parent: int * child: int * name: string * role: Role
    /// The node's open is over.
    | Settle of node: int
    | AttachRoot of node: int * perm: Perm * shared: Perm
    | SetRoot of backend: int * perm: Perm * shared: Perm
    | RemoveBackend of backend: int
    | Close of node: int
    | CloseIfUnreferenced of node: int
    | Append of node: int * overlay: int
    /// Follows an append; its refusal is nobody's business (BLK-GRAPH-023).
    | MakeReadOnly
    | Reopen of ReopenWish list
    /// The server of an nbd node says read-only again (BLK-RO-021).
    | DegradedEntry of node: int
    | RefusedEntry of node: int * stage: ReopenStage
    /// A lock test that somebody else's locks failed (BLK-FILE-011).
    | LockedOut of node: int
