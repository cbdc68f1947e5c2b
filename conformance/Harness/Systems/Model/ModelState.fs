/// Whether the proved model's state says the same as the oracle's: nodes with their flags, owners
/// and descriptors, edges with their pairs, and every list in its order.
module Ashlar.Conformance.ModelState

open System.Numerics
open Ashlar.Reference.Block
open Ashlar.Proved
open Ashlar.Conformance.ModelTerms

let private sameIds (ids: int list) (theirs: Dafny.ISequence<BigInteger>) =
    ids.Length = theirs.Count
    && Seq.forall2 (fun (a: int) (b: BigInteger) -> BigInteger a = b) ids theirs

let private sameText (s: string) (theirs: Dafny.ISequence<Dafny.Rune>) = (text s).Equals theirs

let private sameHold (node: Node) (hold: Graph._IFileHold) =
    match node.Settings with
    | Settings.File mine when hold.is_FileHold ->
        sameText mine.Path hold.dtor_path
        && BigInteger mine.Inode = hold.dtor_inode
        && mine.ReadOnlyFd = hold.dtor_readOnlyFd
        && mine.WritableFd = hold.dtor_writableFd
        && mine.Locking = hold.dtor_locking
        && (pair mine.LockedPerm mine.LockedShared).Equals hold.dtor_locked
    | Settings.File _ -> false
    | _ -> hold.is_NotOpened

/// What of a node differs, by the model's name for it.
let private nodeDifferences (node: Node) (other: Graph._IGraphNode) : string list = [
    if not (sameText node.Name other.dtor_name) then
        "name"
    if not ((settings node).Equals other.dtor_settings) then
        "settings"
    if node.Writable <> other.dtor_writable then
        "writable"
    if node.AutoReadOnly <> other.dtor_autoReadOnly then
        "autoReadOnly"
    if node.ForceShare <> other.dtor_forceShare then
        "forceShare"
    if node.Implicit <> other.dtor_implicit then
        "implicit"
    if node.MonitorOwned <> other.dtor_monitorOwned then
        "monitorOwned"
    if node.IsOpening <> other.dtor_isOpening then
        "isOpening"
    if BigInteger node.InheritsFrom <> other.dtor_inheritsFrom then
        "inheritsFrom"
    if not (sameHold node other.dtor_file) then
        "file"
    if not (sameIds node.Children other.dtor_children) then
        "children"
    if not (sameIds node.Parents other.dtor_parents) then
        "parents"
]

let private sameParent (parent: Parent) (other: Graph._IParent) =
    match parent with
    | Parent.Node id -> other.is_Node && BigInteger id = other.dtor_node
    | Parent.Backend id -> other.is_Root && BigInteger id = other.dtor_backend

let private edgeDifferences (edge: Edge) (other: Graph._IEdge) : string list = [
    if not (sameParent edge.Parent other.dtor_parent) then
        "parent"
    if BigInteger edge.Child <> other.dtor_child then
        "child"
    if not (sameText edge.Name other.dtor_name) then
        "name"
    if not ((role edge.Role).Equals other.dtor_role) then
        "role"
    if not ((pair edge.Perm edge.Shared).Equals other.dtor_pair) then
        "pair"
]

let private mapDifferences
    (kind: string)
    (mine: Map<int, 'a>)
    (theirs: Dafny.IMap<BigInteger, 'b>)
    (nameOf: 'a -> string)
    (differences: 'a -> 'b -> string list)
    = [
    if int64 mine.Count <> theirs.LongCount then
        $"{mine.Count} {kind}s against {theirs.LongCount}"

    for KeyValue(id, item) in mine do
        let key = number id

        if not (theirs.Contains key) then
            $"{kind} {nameOf item} is missing"
        else
            for what in differences item (Dafny.Map<BigInteger, 'b>.Select(theirs, key)) do
                $"{kind} {nameOf item}: {what}"
]

/// What differs, in words; nothing when the states are the same.
let internal differences (state: State) (model: Graph._IState) : string list =
    mapDifferences "node" state.Nodes model.dtor_nodes _.Name nodeDifferences
    @ mapDifferences
        "edge"
        state.Edges
        model.dtor_edges
        (fun e -> $"{e.Name} ({e.Id})")
        edgeDifferences
    @ mapDifferences "backend" state.Backends model.dtor_backends _.Name (fun backend root ->
        if BigInteger backend.Root = root then [] else [ "root" ])
