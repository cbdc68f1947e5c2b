// What a reopen prepares is a change that its one refresh sees whole, whatever children its entries
// exchange (BLK-REOPEN-015, BLK-REOPEN-020).
include "Attaching.dfy"
include "Closing.dfy"
include "Reopen.dfy"

module Exchanging {
  import opened Graph
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import opened Permission
  import Attaching
  import Closing
  import Edits
  import Editing
  import Reopen
  import Transaction

  // What has been prepared is a change that a refresh below the roots so far sees whole.
  ghost predicate Exchanged(before: State, progress: Reopen.Progress, nodes: set<nat>) {
    && Reopen.Sane(progress, nodes)
    && Editing.IsEdit(before, progress.roots, progress.state)
    && (forall entry | entry in progress.done :: entry.node in progress.roots)
  }

  lemma MoreRoots(before: State, roots: seq<nat>, after: State, more: seq<nat>)
    requires Editing.IsEdit(before, roots, after)
    requires forall n | n in roots :: n in more
    requires forall n | n in more :: n in after.nodes
    ensures Editing.IsEdit(before, more, after)
  {
    forall n | Editing.Near(after, roots, n)
      ensures Editing.Near(after, more, n)
    {
    }
  }

  // BLK-REOPEN-020: who lost a user is a root.
  lemma TakenOutIsEdit(before: State, roots: seq<nat>, state: State, edge: nat)
    requires Editing.IsEdit(before, roots, state) && WellFormed(state) && edge in state.edges
    ensures Editing.IsEdit(
              before, roots + [state.edges[edge].child], Transaction.Detached(state, edge))
  {
    hide *;
    reveal Editing.Near;
    var child := state.edges[edge].child;
    var rest := Transaction.Detached(state, edge);
    assert Acyclic(state) by { reveal Editing.IsEdit; }
    Closing.DetachedIs(state, edge);
    Closing.DetachedIsEdit(state, edge, rest);
    forall n | Editing.Near(state, roots, n) || Editing.Near(rest, [child], n)
      ensures Editing.Near(rest, roots + [child], n)
    {
      if n !in roots + [child] && !Editing.Near(rest, [child], n) {
        var e :|
          && e in state.edges && state.edges[e].child == n
          && state.edges[e].parent.Node? && state.edges[e].parent.node in roots;
        assert e in rest.edges;
      }
    }
    assert forall n | n in roots + [child] :: n in rest.nodes by {
      reveal Editing.IsEdit, WellFormed;
    }
    Editing.EditsCompose(before, roots, state, [child], rest, roots + [child]);
  }

  // BLK-REOPEN-020: what was taken out is refreshed, too.
  lemma TakeOutKeeps(
    before: State, progress: Reopen.Progress, edge: nat, nodes: set<nat>
  )
    requires Exchanged(before, progress, nodes) && Reopen.Sane(progress, nodes)
    requires edge in progress.state.edges
    ensures Exchanged(before, Reopen.TakeOut(progress, edge, nodes), nodes)
  {
    hide *;
    reveal Exchanged, Reopen.TakeOut;
    assert WellFormed(progress.state) by { reveal Reopen.Sane; }
    TakenOutIsEdit(before, progress.roots, progress.state, edge);
  }

  // BLK-REOPEN-015, BLK-REOPEN-020: who got a child is a root, and the link closes no cycle.
  lemma PutInIsEdit(
    before: State, roots: seq<nat>, state: State, edge: nat, node: nat, child: nat, after: State
  )
    requires Editing.IsEdit(before, roots, state) && WellFormed(state) && node in roots
    requires Attaching.IsLinked(state, edge, node, child, after) && WellFormed(after)
    requires node in state.nodes && child in state.nodes
    requires !Transaction.ClosesCycle(state, node, child)
    ensures Editing.IsEdit(before, roots, after)
  {
    hide *;
    assert Acyclic(state) by { reveal Editing.IsEdit; }
    Attaching.LinkedIsAcyclic(state, edge, node, child, after);
    Attaching.LinkedIsEdit(state, edge, node, child, after);
    forall n | Editing.Near(state, roots, n) || Editing.Near(after, [node], n)
      ensures Editing.Near(after, roots, n)
    {
      reveal Editing.Near, Attaching.IsLinked;
      if n !in roots && !Editing.Near(after, [node], n) {
        var e :|
          && e in state.edges && state.edges[e].child == n
          && state.edges[e].parent.Node? && state.edges[e].parent.node in roots;
        assert e in after.edges && after.edges[e] == state.edges[e];
      }
    }
    assert forall n | n in roots :: n in after.nodes by {
      reveal Editing.IsEdit, Attaching.IsLinked;
    }
    Editing.EditsCompose(before, roots, state, [node], after, roots);
  }

  // BLK-REOPEN-015, BLK-GRAPH-008: what is put in closes no cycle.
  lemma PutInKeeps(
    before: State, progress: Reopen.Progress, node: nat, child: nat, name: string, role: Role,
    inherits: bool, nodes: set<nat>
  )
    requires Exchanged(before, progress, nodes) && Reopen.Sane(progress, nodes)
    requires node in nodes && child in nodes && node in progress.roots
    ensures var end := Reopen.PutIn(progress, node, child, name, role, inherits, nodes);
            end.Prepared? ==>
              && Exchanged(before, end.progress, nodes)
              && end.progress.roots == progress.roots
  {
    hide *;
    var state := progress.state;
    assert WellFormed(state) && state.nextEdge !in state.edges && state.nodes.Keys == nodes by {
      reveal Reopen.Sane, Counted;
    }
    var end := Reopen.PutIn(progress, node, child, name, role, inherits, nodes);
    if end.Prepared? {
      var edge := state.nextEdge;
      assert !Transaction.ClosesCycle(state, node, child) by { reveal Reopen.PutIn; }
      var linked := Transaction.AttachWithoutRefresh(state, node, child, name, role);
      Attaching.LinkedIs(state, node, child, name, role);
      var after := end.progress.state;
      assert WellFormed(after) && Reopen.Sane(end.progress, nodes) by { reveal Reopen.Sane; }
      assert Attaching.IsLinked(state, edge, node, child, after) by {
        reveal Reopen.PutIn, Attaching.IsLinked, Edits.PutNode;
      }
      assert Editing.IsEdit(before, progress.roots, state) by { reveal Exchanged; }
      PutInIsEdit(before, progress.roots, state, edge, node, child, after);
      assert end.progress == progress.(state := after) by { reveal Reopen.PutIn; }
      reveal Exchanged;
    }
  }

  // BLK-REOPEN-015: the change of one child of a node of the reopen.
  lemma ChangeChildKeeps(
    before: State, progress: Reopen.Progress, id: nat, change: Reopen.ChildChange, nodes: set<nat>
  )
    requires Exchanged(before, progress, nodes) && Reopen.Sane(progress, nodes)
    requires id in nodes && id in progress.roots
    ensures var end := Reopen.ChangeChild(progress, id, change, nodes);
            end.Prepared? ==>
              Exchanged(before, end.progress, nodes) && id in end.progress.roots
  {
    hide *;
    var end := Reopen.ChangeChild(progress, id, change, nodes);
    var state := progress.state;
    assert WellFormed(state) && state.nodes.Keys == nodes by { reveal Reopen.Sane; }
    var node := state.nodes[id];
    assert forall e | e in node.children :: e in state.edges by { reveal WellFormed; }
    var was := Reopen.ChildNamed(state, node.children, change.name);
    if end.Prepared? && end.progress != progress {
      var out := if was >= 0 then Reopen.TakeOut(progress, was, nodes) else progress;
      if was >= 0 {
        TakeOutKeeps(before, progress, was, nodes);
      }
      assert id in out.roots by { reveal Reopen.TakeOut; }
      if change.target.Reference? {
        var role :=
          if was >= 0 then state.edges[was].role else Role(false, false, false, true, false);
        var child := change.target.node;
        assert child in nodes by { reveal Reopen.ChangeChild; }
        var inherits := Reopen.Inherits(state, child, id);
        PutInKeeps(before, out, id, child, change.name, role, inherits, nodes);
        assert end == Reopen.PutIn(out, id, child, change.name, role, inherits, nodes) by {
          reveal Reopen.ChangeChild;
        }
      } else {
        assert end == Reopen.Prepared(out) by { reveal Reopen.ChangeChild; }
      }
    }
  }

  lemma ChangeChildrenKeep(
    before: State, progress: Reopen.Progress, id: nat, changes: seq<Reopen.ChildChange>,
    nodes: set<nat>
  )
    requires Exchanged(before, progress, nodes) && Reopen.Sane(progress, nodes)
    requires id in nodes && id in progress.roots
    ensures var end := Reopen.ChangeChildren(progress, id, changes, nodes);
            end.Prepared? ==>
              Exchanged(before, end.progress, nodes) && id in end.progress.roots
    decreases |changes|
  {
    hide *;
    reveal Reopen.ChangeChildren;
    if |changes| > 0 {
      ChangeChildKeeps(before, progress, id, changes[0], nodes);
      var end := Reopen.ChangeChild(progress, id, changes[0], nodes);
      if end.Prepared? {
        ChangeChildrenKeep(before, end.progress, id, changes[1..], nodes);
      }
    }
  }

  lemma DecidedIsItsNode(policy: Policy, world: World, node: GraphNode, entry: Reopen.Entry)
    ensures var end := Reopen.DecideFlags(policy, world, node, entry);
            end.Decided? ==> end.entry.node == entry.node
  {
  }

  // The preparation of one entry.
  lemma PrepareKeeps(
    policy: Policy, world: World, before: State, progress: Reopen.Progress, entry: Reopen.Entry,
    nodes: set<nat>
  )
    requires Exchanged(before, progress, nodes) && Reopen.Sane(progress, nodes)
    requires entry.node in nodes
    ensures var end := Reopen.Prepare(policy, world, progress, entry, nodes);
            end.Prepared? ==> Exchanged(before, end.progress, nodes)
  {
    hide *;
    var id := entry.node;
    assert progress.state.nodes.Keys == nodes by { reveal Reopen.Sane; }
    var end := Reopen.Prepare(policy, world, progress, entry, nodes);
    if end.Prepared? {
      var node := progress.state.nodes[id];
      DecidedIsItsNode(policy, world, node, entry);
      var rooted := progress.(roots := progress.roots + [id]);
      assert Reopen.Sane(rooted, nodes) by { reveal Reopen.Sane; }
      assert Exchanged(before, rooted, nodes) by {
        reveal Exchanged;
        assert forall n | n in rooted.roots :: n in progress.state.nodes by {
          reveal Reopen.Sane;
        }
        MoreRoots(before, progress.roots, progress.state, rooted.roots);
      }
      ChangeChildrenKeep(before, rooted, id, entry.changes, nodes);
      var decided := Reopen.DecideFlags(policy, world, node, entry);
      var linked := Reopen.ChangeChildren(rooted, id, entry.changes, nodes);
      assert decided.Decided? && linked.Prepared?
             && end.progress
                == linked.progress.(done := linked.progress.done + [decided.entry]) by {
        reveal Reopen.Prepare;
      }
      assert Reopen.Sane(end.progress, nodes);
      reveal Exchanged;
    }
  }

  lemma PrepareAllKeeps(
    policy: Policy, world: World, before: State, progress: Reopen.Progress,
    entries: seq<Reopen.Entry>, nodes: set<nat>
  )
    requires Exchanged(before, progress, nodes) && Reopen.Sane(progress, nodes)
    requires forall entry | entry in entries :: entry.node in nodes
    ensures var end := Reopen.PrepareAll(policy, world, progress, entries, nodes);
            end.Prepared? ==> Exchanged(before, end.progress, nodes)
    decreases |entries|
  {
    hide *;
    reveal Reopen.PrepareAll;
    if |entries| > 0 {
      assert entries[0] in entries;
      PrepareKeeps(policy, world, before, progress, entries[0], nodes);
      var end := Reopen.Prepare(policy, world, progress, entries[0], nodes);
      if end.Prepared? {
        assert Reopen.Sane(end.progress, nodes) by { reveal Exchanged; }
        PrepareAllKeeps(policy, world, before, end.progress, entries[1..], nodes);
      }
    }
  }
}
