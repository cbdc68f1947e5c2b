// Appending an overlay leaves a safe graph: the node's users move to where no way leads back up,
// and the refresh judges them all (BLK-GRAPH-008, BLK-GRAPH-022).
include "Attaching.dfy"

module Appending {
  import opened Permission
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Attaching
  import Below
  import Edits
  import Editing
  import Transaction

  // What moving edges to another child changes: lists, and the ends of the edges.
  ghost predicate AreMoved(before: State, moved: seq<nat>, child: nat, after: State) {
    && after.nodes.Keys == before.nodes.Keys
    && (forall n | n in before.nodes ::
          after.nodes[n] == before.nodes[n].(
          children := after.nodes[n].children,
          parents := after.nodes[n].parents))
    && after.edges.Keys == before.edges.Keys
    && (forall e | e in before.edges ::
          after.edges[e]
          == if e in moved then before.edges[e].(child := child) else before.edges[e])
  }

  lemma OneIsMoved(state: State, edge: nat, child: nat)
    requires WellFormed(state) && edge in state.edges && child in state.nodes
    ensures AreMoved(state, [edge], child, Transaction.Moved(state, edge, child))
  {
    var moved := state.edges[edge].(child := child);
    var rest := Edits.Unlink(state, edge);
    var after := Transaction.Moved(state, edge, child);
    assert after == Edits.Link(rest, edge, moved);
    forall n | n in state.nodes
      ensures after.nodes[n] == state.nodes[n].(
                                children := after.nodes[n].children,
                                parents := after.nodes[n].parents)
    {
      assert rest.nodes == Edits.UnlinkedNodes(state, edge);
      assert after.nodes == Edits.LinkedNodes(rest, edge, moved);
    }
    assert edge in [edge];
  }

  lemma MovedTwice(
    before: State, edges: seq<nat>, child: nat, next: State, after: State
  )
    requires |edges| > 0
    requires AreMoved(before, edges[..1], child, next)
    requires AreMoved(next, edges[1..], child, after)
    ensures AreMoved(before, edges, child, after)
  {
    assert edges == edges[..1] + edges[1..];
    forall e | e in before.edges
      ensures after.edges[e]
           == if e in edges then before.edges[e].(child := child) else before.edges[e]
    {
    }
  }

  lemma AllAreMoved(state: State, edges: seq<nat>, child: nat)
    requires WellFormed(state) && child in state.nodes
    requires forall e | e in edges :: e in state.edges
    ensures AreMoved(state, edges, child, Transaction.MoveEdges(state, edges, child))
    decreases |edges|
  {
    hide *;
    reveal Transaction.MoveEdges;
    if |edges| > 0 {
      assert edges[0] in edges;
      OneIsMoved(state, edges[0], child);
      assert edges[..1] == [edges[0]];
      var next := Transaction.Moved(state, edges[0], child);
      AllAreMoved(next, edges[1..], child);
      MovedTwice(state, edges, child, next, Transaction.MoveEdges(next, edges[1..], child));
    } else {
      reveal AreMoved;
    }
  }

  lemma HoldersAreThere(state: State, edges: seq<nat>)
    requires WellFormed(state)
    requires forall e | e in edges :: e in state.edges
    ensures forall e | e in edges && state.edges[e].parent.Node? ::
              state.edges[e].parent.node in Transaction.HoldingNodes(state, edges)
  {
    if |edges| > 0 {
      assert edges[0] in edges;
      HoldersAreThere(state, edges[1..]);
    }
  }

  // What an append changes: the new edge, and where the others lead.
  ghost predicate IsAppended(
    linked: State, node: nat, overlay: nat, moved: seq<nat>, roots: seq<nat>, after: State
  )
    requires WellFormed(linked) && overlay in linked.nodes
  {
    && AreMoved(linked, moved, overlay, after)
    && (forall e | e in moved ::
          && e in linked.edges && linked.edges[e].child == node
          && (linked.edges[e].parent.Node? ==>
                && linked.edges[e].parent.node !in Below.Order(linked, [overlay])
                && linked.edges[e].parent.node in roots))
    && overlay in roots
    && (forall n | n in roots :: n in after.nodes)
  }

  // The state with the new edge, before the others are moved.
  function Linked(state: State, node: nat, overlay: nat): State
    requires WellFormed(state) && node in state.nodes && overlay in state.nodes
    requires state.nextEdge !in state.edges
    ensures WellFormed(Linked(state, node, overlay))
  {
    var cow := Role(false, false, false, true, false);
    Transaction.AttachWithoutRefresh(state, overlay, node, "backing", cow)
  }

  function ToMove(linked: State, node: nat, overlay: nat): seq<nat>
    requires WellFormed(linked) && node in linked.nodes && overlay in linked.nodes
    ensures forall e | e in ToMove(linked, node, overlay) :: e in linked.edges
  {
    Transaction.NotBelow(linked, linked.nodes[node].parents, Below.Order(linked, [overlay]))
  }

  lemma AppendedIs(state: State, node: nat, overlay: nat)
    requires WellFormed(state) && node in state.nodes && overlay in state.nodes
    requires state.nextEdge !in state.edges
    ensures var (appended, roots) := Transaction.Appended(state, node, overlay);
            var linked := Linked(state, node, overlay);
            IsAppended(linked, node, overlay, ToMove(linked, node, overlay), roots, appended)
  {
    var linked := Linked(state, node, overlay);
    var moved := ToMove(linked, node, overlay);
    AllAreMoved(linked, moved, overlay);
    HoldersAreThere(linked, moved);
  }

  // BLK-GRAPH-008: users move only from above what is below the overlay.
  lemma AppendedIsAcyclic(
    linked: State, node: nat, overlay: nat, moved: seq<nat>, roots: seq<nat>, after: State
  )
    requires WellFormed(linked) && overlay in linked.nodes && Acyclic(linked)
    requires IsAppended(linked, node, overlay, moved, roots, after)
    ensures Acyclic(after)
  {
    assert overlay in [overlay];
    Below.OrderIsTopological(linked, [overlay]);
    Attaching.IntoIsAcyclic(linked, Members(Below.Order(linked, [overlay])), after);
  }

  lemma AppendedIsEdit(
    state: State, edge: nat, linked: State, node: nat, overlay: nat, moved: seq<nat>,
    roots: seq<nat>, after: State
  )
    requires WellFormed(state) && Attaching.IsLinked(state, edge, overlay, node, linked)
    requires WellFormed(linked) && overlay in linked.nodes
    requires IsAppended(linked, node, overlay, moved, roots, after)
    requires WellFormed(after) && Acyclic(after) && overlay in Below.Order(linked, [overlay])
    ensures Editing.IsEdit(state, roots, after)
  {
    hide WellFormed;
    assert edge !in moved;
    assert after.edges[edge] == linked.edges[edge];
    assert Editing.Near(after, roots, node);
    forall n | n in after.nodes && !Editing.Near(after, roots, n)
      ensures Editing.SameEdges(state, after, n)
    {
      assert n != node && n != overlay;
      forall e | e in after.edges
                 && (after.edges[e].child == n || after.edges[e].parent == Node(n))
        ensures e in state.edges && state.edges[e] == after.edges[e]
      {
        assert e !in moved;
        assert e != edge;
      }
      forall e | e in state.edges && state.edges[e].child == n
        ensures e in after.edges && after.edges[e] == state.edges[e]
      {
        assert e !in moved;
      }
    }
  }

  lemma AppendIsRefreshed(policy: Policy, world: World, state: State, node: nat, overlay: nat)
    requires WellFormed(state) && Counted(state)
    requires node in state.nodes && overlay in state.nodes
    requires !Transaction.ClosesCycle(state, overlay, node)
    ensures var (appended, roots) := Transaction.Appended(state, node, overlay);
            Transaction.Append(policy, world, state, node, overlay)
            == Checks.Run(policy, world, appended, roots)
  {
  }

  // BLK-GRAPH-022, BLK-GRAPH-008: an overlay that was appended leaves a safe graph.
  lemma AppendIsSafe(policy: Policy, world: World, state: State, node: nat, overlay: nat)
    requires SafeWhile(policy, state, {}) && Counted(state)
    requires node in state.nodes && overlay in state.nodes
    ensures WellFormed(state)
    ensures var end := Transaction.Append(policy, world, state, node, overlay);
            end.Refreshed? ==> SafeWhile(policy, end.state, {})
  {
    hide *;
    assert WellFormed(state) && Acyclic(state) by { reveal SafeWhile, SafeBut; }
    assert state.nextEdge !in state.edges by { reveal Counted; }
    if Transaction.ClosesCycle(state, overlay, node) {
      assert Transaction.Append(policy, world, state, node, overlay).RefreshRefused? by {
        reveal Transaction.Append;
      }
    } else {
      var (appended, roots) := Transaction.Appended(state, node, overlay);
      var linked := Linked(state, node, overlay);
      assert Attaching.IsLinked(state, state.nextEdge, overlay, node, linked) by {
        var cow := Role(false, false, false, true, false);
        Attaching.LinkedIs(state, overlay, node, "backing", cow);
        reveal Linked;
      }
      Attaching.LinkedIsAcyclic(state, state.nextEdge, overlay, node, linked);
      assert node in linked.nodes && overlay in linked.nodes by { reveal Attaching.IsLinked; }
      var moved := ToMove(linked, node, overlay);
      AppendedIs(state, node, overlay);
      AppendedIsAcyclic(linked, node, overlay, moved, roots, appended);
      assert overlay in Below.Order(linked, [overlay]) by {
        assert overlay in [overlay];
        Below.OrderIsTopological(linked, [overlay]);
      }
      AppendedIsEdit(state, state.nextEdge, linked, node, overlay, moved, roots, appended);
      assert AreTops(appended, {}) by { reveal AreTops; }
      Editing.EditIsSafe(policy, world, state, {}, roots, appended);
      AppendIsRefreshed(policy, world, state, node, overlay);
    }
  }
}
