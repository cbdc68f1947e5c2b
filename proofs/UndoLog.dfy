// A transaction as an engine makes it: the graph is edited in place, each edit leaves a note how to
// take it back, and an abort takes the notes from the newest on (BLK-PERM-032, BLK-GRAPH-007).
// Lists keep their order because a note says where in its lists an edge stood.
include "Graph.s.dfy"

module UndoLog {
  import opened Permission
  import opened Graph

  // ---- Lists ----

  function Position(ids: seq<nat>, id: nat): nat
    requires id in ids
    ensures Position(ids, id) < |ids| && ids[Position(ids, id)] == id
  {
    if ids[0] == id then 0 else 1 + Position(ids[1..], id)
  }

  function RemovedAt(ids: seq<nat>, at: nat): seq<nat>
    requires at < |ids|
  {
    ids[..at] + ids[at + 1..]
  }

  function InsertedAt(ids: seq<nat>, at: nat, id: nat): seq<nat> {
    if at <= |ids| then ids[..at] + [id] + ids[at..] else ids
  }

  lemma InsertingUndoesRemoving(ids: seq<nat>, id: nat)
    requires id in ids
    ensures InsertedAt(RemovedAt(ids, Position(ids, id)), Position(ids, id), id) == ids
  {
    var at := Position(ids, id);
    assert RemovedAt(ids, at)[..at] == ids[..at];
    assert RemovedAt(ids, at)[at..] == ids[at + 1..];
    assert ids == ids[..at] + [ids[at]] + ids[at + 1..];
  }

  // ---- Edits and their notes ----

  // What every command changes a graph by.
  datatype Edit =
    | Link(id: nat, edge: Edge)
    | Unlink(id: nat)
    | SetPair(id: nat, pair: Pair)
      // Everything of a node but its lists: flags, holds, owners.
    | SetNode(id: nat, node: GraphNode)
    | Create(id: nat, node: GraphNode)
    | Remove(id: nat)

  datatype Note =
    | TakeOut(id: nat)
    | PutBack(id: nat, edge: Edge, parentsAt: nat, childrenAt: nat)
    | SetPairBack(id: nat, pair: Pair)
    | SetNodeBack(id: nat, node: GraphNode)
    | Forget(id: nat)
    | Bring(id: nat, node: GraphNode)

  function SetParents(state: State, n: nat, ids: seq<nat>): State {
    if n in state.nodes then state.(nodes := state.nodes[n := state.nodes[n].(parents := ids)])
    else state
  }

  function SetChildren(state: State, n: nat, ids: seq<nat>): State {
    if n in state.nodes then state.(nodes := state.nodes[n := state.nodes[n].(children := ids)])
    else state
  }

  predicate Possible(state: State, edit: Edit) {
    match edit
    case Link(id, edge) =>
      && id !in state.edges && edge.child in state.nodes
      && (edge.parent.Node? ==> edge.parent.node in state.nodes)
    case Unlink(id) =>
      && id in state.edges
      && var edge := state.edges[id];
      && edge.child in state.nodes && id in state.nodes[edge.child].parents
      && (edge.parent.Node? ==>
            edge.parent.node in state.nodes && id in state.nodes[edge.parent.node].children)
    case SetPair(id, pair) => id in state.edges
    case SetNode(id, node) =>
      && id in state.nodes
      && node.children == state.nodes[id].children && node.parents == state.nodes[id].parents
    case Create(id, node) => id !in state.nodes
    case Remove(id) => id in state.nodes
  }

  function Linked(state: State, id: nat, edge: Edge): State
    requires Possible(state, Link(id, edge))
  {
    var below := SetParents(state, edge.child, [id] + state.nodes[edge.child].parents);
    var both :=
      if edge.parent.Root? then below
      else
        SetChildren(
          below, edge.parent.node, [id] + below.nodes[edge.parent.node].children);
    both.(edges := both.edges[id := edge])
  }

  function Unlinked(state: State, id: nat): State
    requires Possible(state, Unlink(id))
  {
    var edge := state.edges[id];
    var parents := state.nodes[edge.child].parents;
    var below := SetParents(state, edge.child, RemovedAt(parents, Position(parents, id)));
    var both :=
      if edge.parent.Root? then below
      else
        var children := below.nodes[edge.parent.node].children;
        SetChildren(below, edge.parent.node, RemovedAt(children, Position(children, id)));
    both.(edges := both.edges - {id})
  }

  // The state after an edit.
  function Edited(state: State, edit: Edit): State
    requires Possible(state, edit)
  {
    match edit
    case Link(id, edge) => Linked(state, id, edge)
    case Unlink(id) => Unlinked(state, id)
    case SetPair(id, pair) => state.(edges := state.edges[id := state.edges[id].(pair := pair)])
    case SetNode(id, node) => state.(nodes := state.nodes[id := node])
    case Create(id, node) => state.(nodes := state.nodes[id := node])
    case Remove(id) => state.(nodes := state.nodes - {id})
  }

  // How to take it back.
  function NoteOf(state: State, edit: Edit): Note
    requires Possible(state, edit)
  {
    match edit
    case Link(id, edge) => TakeOut(id)
    case Unlink(id) =>
      var edge := state.edges[id];
      PutBack(
        id, edge, Position(state.nodes[edge.child].parents, id),
        if edge.parent.Root? then 0 else Position(state.nodes[edge.parent.node].children, id))
    case SetPair(id, pair) => SetPairBack(id, state.edges[id].pair)
    case SetNode(id, node) => SetNodeBack(id, state.nodes[id])
    case Create(id, node) => Forget(id)
    case Remove(id) => Bring(id, state.nodes[id])
  }

  function Tail(ids: seq<nat>): seq<nat> {
    if |ids| == 0 then ids else ids[1..]
  }

  // What a note does, in whatever state it is asked to.
  function Undone(state: State, note: Note): State {
    match note
    case TakeOut(id) =>
      if id !in state.edges then state
      else
        var edge := state.edges[id];
        var out := state.(edges := state.edges - {id});
        var above :=
          if edge.parent.Root? || edge.parent.node !in out.nodes then out
          else SetChildren(out, edge.parent.node, Tail(out.nodes[edge.parent.node].children));
        if edge.child !in above.nodes then above
        else SetParents(above, edge.child, Tail(above.nodes[edge.child].parents))
    case PutBack(id, edge, parentsAt, childrenAt) =>
      var above :=
        if edge.parent.Root? || edge.parent.node !in state.nodes then state
        else
          var children := state.nodes[edge.parent.node].children;
          SetChildren(state, edge.parent.node, InsertedAt(children, childrenAt, id));
      var both :=
        if edge.child !in above.nodes then above
        else
          SetParents(above, edge.child, InsertedAt(above.nodes[edge.child].parents, parentsAt, id));
      both.(edges := both.edges[id := edge])
    case SetPairBack(id, pair) =>
      if id in state.edges then
        state.(edges := state.edges[id := state.edges[id].(pair := pair)])
      else state
    case SetNodeBack(id, node) => state.(nodes := state.nodes[id := node])
    case Forget(id) => state.(nodes := state.nodes - {id})
    case Bring(id, node) => state.(nodes := state.nodes[id := node])
  }

  // ---- One edit ----

  lemma SetParentsBack(state: State, n: nat, ids: seq<nat>)
    requires n in state.nodes
    ensures SetParents(SetParents(state, n, ids), n, state.nodes[n].parents) == state
  {
    var back := SetParents(SetParents(state, n, ids), n, state.nodes[n].parents);
    assert back.nodes[n] == state.nodes[n];
    assert back.nodes == state.nodes;
  }

  lemma SetChildrenBack(state: State, n: nat, ids: seq<nat>)
    requires n in state.nodes
    ensures SetChildren(SetChildren(state, n, ids), n, state.nodes[n].children) == state
  {
    var back := SetChildren(SetChildren(state, n, ids), n, state.nodes[n].children);
    assert back.nodes[n] == state.nodes[n];
    assert back.nodes == state.nodes;
  }

  lemma LinkIsUndone(state: State, id: nat, edge: Edge)
    requires Possible(state, Link(id, edge))
    ensures Undone(Linked(state, id, edge), TakeOut(id)) == state
  {
    var ids := [id] + state.nodes[edge.child].parents;
    var below := SetParents(state, edge.child, ids);
    assert Tail(ids) == state.nodes[edge.child].parents;
    var linked := Linked(state, id, edge);
    assert linked.edges - {id} == state.edges;
    if edge.parent.Node? {
      var more := [id] + below.nodes[edge.parent.node].children;
      assert Tail(more) == below.nodes[edge.parent.node].children;
      SetChildrenBack(below, edge.parent.node, more);
    }
    SetParentsBack(state, edge.child, ids);
  }

  // BLK-GRAPH-007: an edge that was taken out is put back where it stood in both lists.
  lemma UnlinkIsUndone(state: State, id: nat)
    requires Possible(state, Unlink(id))
    ensures Undone(Unlinked(state, id), NoteOf(state, Unlink(id))) == state
  {
    var edge := state.edges[id];
    var parents := state.nodes[edge.child].parents;
    var fewer := RemovedAt(parents, Position(parents, id));
    var below := SetParents(state, edge.child, fewer);
    InsertingUndoesRemoving(parents, id);
    assert (state.edges - {id})[id := edge] == state.edges;
    if edge.parent.Node? {
      var children := below.nodes[edge.parent.node].children;
      assert children == state.nodes[edge.parent.node].children;
      InsertingUndoesRemoving(children, id);
      SetChildrenBack(below, edge.parent.node, RemovedAt(children, Position(children, id)));
    }
    SetParentsBack(state, edge.child, fewer);
  }

  // BLK-PERM-032: a note takes its edit back, list order included.
  lemma EditIsUndone(state: State, edit: Edit)
    requires Possible(state, edit)
    ensures Undone(Edited(state, edit), NoteOf(state, edit)) == state
  {
    match edit
    case Link(id, edge) => LinkIsUndone(state, id, edge);
    case Unlink(id) => UnlinkIsUndone(state, id);
    case SetPair(id, pair) =>
      var back := Undone(Edited(state, edit), NoteOf(state, edit));
      assert back.edges[id] == state.edges[id];
      assert back.edges == state.edges;
    case SetNode(id, node) =>
      assert state.nodes[id := node][id := state.nodes[id]] == state.nodes;
    case Create(id, node) => assert state.nodes[id := node] - {id} == state.nodes;
    case Remove(id) => assert (state.nodes - {id})[id := state.nodes[id]] == state.nodes;
  }

  // ---- A transaction ----

  // Edits one after the other, each possible where its turn comes.
  predicate AllPossible(state: State, edits: seq<Edit>)
    decreases |edits|
  {
    |edits| > 0 ==>
      && Possible(state, edits[0])
      && AllPossible(Edited(state, edits[0]), edits[1..])
  }

  function EditedAll(state: State, edits: seq<Edit>): State
    requires AllPossible(state, edits)
    decreases |edits|
  {
    if |edits| == 0 then state else EditedAll(Edited(state, edits[0]), edits[1..])
  }

  // The notes, the newest first.
  function LogOf(state: State, edits: seq<Edit>): seq<Note>
    requires AllPossible(state, edits)
    decreases |edits|
  {
    if |edits| == 0 then []
    else LogOf(Edited(state, edits[0]), edits[1..]) + [NoteOf(state, edits[0])]
  }

  // An abort: every note, from the newest on.
  function Aborted(state: State, log: seq<Note>): State
    decreases |log|
  {
    if |log| == 0 then state else Aborted(Undone(state, log[0]), log[1..])
  }

  lemma AbortedInTwo(state: State, newer: seq<Note>, older: seq<Note>)
    ensures Aborted(state, newer + older) == Aborted(Aborted(state, newer), older)
    decreases |newer|
  {
    if |newer| == 0 {
      assert newer + older == older;
    } else {
      assert (newer + older)[0] == newer[0];
      assert (newer + older)[1..] == newer[1..] + older;
      AbortedInTwo(Undone(state, newer[0]), newer[1..], older);
    }
  }

  // BLK-PERM-032, BLK-GRAPH-007, BLK-REOPEN-020: an abort after any edits whatever, so at any point
  // of a transaction, restores the state exactly, list order included. It needs nothing of the
  // world and cannot fail; a commit is to drop the notes.
  lemma AbortRestores(state: State, edits: seq<Edit>)
    requires AllPossible(state, edits)
    ensures Aborted(EditedAll(state, edits), LogOf(state, edits)) == state
    decreases |edits|
  {
    if |edits| > 0 {
      var next := Edited(state, edits[0]);
      AbortRestores(next, edits[1..]);
      AbortedInTwo(
        EditedAll(state, edits), LogOf(next, edits[1..]), [NoteOf(state, edits[0])]);
      EditIsUndone(state, edits[0]);
      assert Aborted(next, [NoteOf(state, edits[0])]) == Undone(next, NoteOf(state, edits[0])) by {
        assert [NoteOf(state, edits[0])][1..] == [];
      }
    }
  }

  // BLK-PERM-032, BLK-GRAPH-007, BLK-REOPEN-020: so an abort after any number of the edits of a
  // transaction, before, between or after all of them, leaves what was there before the first.
  lemma AbortRestoresAtAnyPoint(state: State, edits: seq<Edit>, k: nat)
    requires AllPossible(state, edits) && k <= |edits|
    ensures AllPossible(state, edits[..k])
    ensures Aborted(EditedAll(state, edits[..k]), LogOf(state, edits[..k])) == state
  {
    FirstArePossible(state, edits, k);
    AbortRestores(state, edits[..k]);
  }

  lemma FirstArePossible(state: State, edits: seq<Edit>, k: nat)
    requires AllPossible(state, edits) && k <= |edits|
    ensures AllPossible(state, edits[..k])
    decreases k
  {
    if k > 0 {
      FirstArePossible(Edited(state, edits[0]), edits[1..], k - 1);
      assert edits[..k][1..] == edits[1..][..k - 1];
    }
  }

  // ---- QEMU's note (DD-LIST-ORDER) ----

  // An edge that was taken out is put back at the heads of its lists.
  function UndoneInQemu(state: State, id: nat, edge: Edge): State {
    Undone(state, PutBack(id, edge, 0, 0))
  }

  // DD-LIST-ORDER against I4 (BLK-GRAPH-007): whenever another parent's edge stands before the one
  // that was taken out, the abort leaves another list than it found.
  lemma AbortInQemuReorders(state: State, id: nat)
    requires Possible(state, Unlink(id))
    requires state.nodes[state.edges[id].child].parents[0] != id
    ensures UndoneInQemu(Unlinked(state, id), id, state.edges[id]) != state
  {
    var edge := state.edges[id];
    var back := UndoneInQemu(Unlinked(state, id), id, edge);
    var unlinked := Unlinked(state, id);
    assert edge.child in unlinked.nodes;
    assert back.nodes[edge.child].parents[0] == id;
  }
}
