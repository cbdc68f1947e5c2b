// Attaching a child to a node leaves a safe graph: the test for cycles keeps it acyclic, and the
// refresh judges everything that the new edge changes (BLK-PERM-040, BLK-GRAPH-008).
include "Editing.dfy"
include "Transaction.dfy"

module Attaching {
  import opened Permission
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Below
  import Editing
  import Transaction

  // Nothing leads out of the set below, and a new or moved edge leads into it from outside.
  ghost predicate LeadsInto(before: State, within: set<nat>, after: State) {
    && after.nodes.Keys == before.nodes.Keys
    && (forall e | e in after.edges && after.edges[e].parent.Node? ::
          && after.edges[e].parent.node in after.nodes && after.edges[e].child in after.nodes
          && (|| (&& e in before.edges
                  && before.edges[e].parent == after.edges[e].parent
                  && before.edges[e].child == after.edges[e].child)
              || (after.edges[e].parent.node !in within && after.edges[e].child in within)))
  }

  lemma Bounded(rank: map<nat, nat>, ids: set<nat>) returns (bound: nat)
    requires ids <= rank.Keys
    ensures forall n | n in ids :: rank[n] < bound
    decreases ids
  {
    if ids == {} {
      bound := 0;
    } else {
      var n :| n in ids;
      bound := Bounded(rank, ids - {n});
      if bound <= rank[n] {
        bound := rank[n] + 1;
      }
    }
  }

  // BLK-GRAPH-008: who gives every node of a set that is closed downwards a number above all
  // others may let edges lead into it.
  lemma IntoIsAcyclic(before: State, within: set<nat>, after: State)
    requires Acyclic(before) && Closed(before, within) && LeadsInto(before, within, after)
    ensures Acyclic(after)
  {
    var rank :| Ranked(before, rank);
    var bound := Bounded(rank, rank.Keys);
    var lifted := map n | n in rank :: if n in within then rank[n] + bound else rank[n];
    forall e | e in after.edges && after.edges[e].parent.Node?
      ensures
        && after.edges[e].parent.node in lifted && after.edges[e].child in lifted
        && lifted[after.edges[e].parent.node] < lifted[after.edges[e].child]
    {
      if !(after.edges[e].parent.node !in within && after.edges[e].child in within) {
        assert IsOf(before, e, within) ==> before.edges[e].child in within;
      }
    }
    assert Ranked(after, lifted);
  }

  // What linking a child changes: two lists, and the edge.
  ghost predicate IsLinked(before: State, edge: nat, parent: nat, child: nat, after: State) {
    && edge !in before.edges
    && edge in after.edges
    && after.edges == before.edges[edge := after.edges[edge]]
    && after.edges[edge].parent == Node(parent)
    && after.edges[edge].child == child
    && after.nodes.Keys == before.nodes.Keys
    && parent in after.nodes && child in after.nodes
    && (forall n | n in before.nodes ::
          after.nodes[n] == before.nodes[n].(
          inheritsFrom := after.nodes[n].inheritsFrom,
          children := after.nodes[n].children,
          parents := after.nodes[n].parents))
  }

  lemma LinkedIs(
    state: State, parent: nat, child: nat, name: string, role: Role
  )
    requires WellFormed(state) && parent in state.nodes && child in state.nodes
    requires state.nextEdge !in state.edges
    ensures var after := Transaction.AttachWithoutRefresh(state, parent, child, name, role);
            IsLinked(state, state.nextEdge, parent, child, after)
  {
  }

  // Everything but a node that nobody holds is closed downwards.
  lemma AllButATop(state: State, top: nat)
    requires WellFormed(state) && top in state.nodes && state.nodes[top].parents == []
    ensures Closed(state, state.nodes.Keys - {top})
  {
    forall e | e in state.edges && IsOf(state, e, state.nodes.Keys - {top})
      ensures state.edges[e].child in state.nodes.Keys - {top}
    {
      assert e in state.nodes[state.edges[e].child].parents;
    }
  }

  // BLK-GRAPH-008: where the test for cycles finds none, the new edge closes none.
  lemma LinkedIsAcyclic(before: State, edge: nat, parent: nat, child: nat, after: State)
    requires WellFormed(before) && Acyclic(before)
    requires IsLinked(before, edge, parent, child, after) && WellFormed(after)
    requires parent in before.nodes && child in before.nodes
    requires !Transaction.ClosesCycle(before, parent, child)
    ensures Acyclic(after)
  {
    assert after.nodes.Keys == before.nodes.Keys;
    if before.nodes[parent].parents == [] {
      AllButATop(before, parent);
      IntoIsAcyclic(before, before.nodes.Keys - {parent}, after);
    } else {
      Below.OrderIsTopological(before, [child]);
      assert child in [child];
      IntoIsAcyclic(before, Members(Below.Order(before, [child])), after);
    }
  }

  lemma LinkedIsEdit(
    before: State, edge: nat, parent: nat, child: nat, after: State
  )
    requires WellFormed(before) && WellFormed(after) && Acyclic(after)
    requires IsLinked(before, edge, parent, child, after)
    ensures Editing.IsEdit(before, [parent], after)
  {
    hide WellFormed, Acyclic;
    assert parent in [parent];
    assert Editing.Near(after, [parent], child);
    forall n | n in after.nodes && n != parent && n != child
      ensures Editing.SameEdges(before, after, n)
    {
    }
  }

  lemma AttachIsRefreshed(
    policy: Policy, world: World, state: State, parent: nat, child: nat, name: string, role: Role
  )
    requires WellFormed(state) && Counted(state)
    requires parent in state.nodes && child in state.nodes
    requires !Transaction.ClosesCycle(state, parent, child)
    ensures Transaction.Attach(policy, world, state, parent, child, name, role)
         == Checks.Run(
              policy, world,
              Transaction.AttachWithoutRefresh(state, parent, child, name, role), [parent])
  {
  }

  // BLK-PERM-040, BLK-GRAPH-008: a child that was attached leaves a safe graph.
  lemma AttachIsSafe(
    policy: Policy, world: World, state: State, parent: nat, child: nat, name: string, role: Role
  )
    requires SafeWhile(policy, state, {}) && Counted(state)
    requires parent in state.nodes && child in state.nodes
    ensures WellFormed(state)
    ensures var end := Transaction.Attach(policy, world, state, parent, child, name, role);
            end.Refreshed? ==> SafeWhile(policy, end.state, {})
  {
    hide *;
    assert WellFormed(state) && Acyclic(state) by { reveal SafeWhile, SafeBut; }
    assert state.nextEdge !in state.edges by { reveal Counted; }
    if Transaction.ClosesCycle(state, parent, child) {
      assert Transaction.Attach(policy, world, state, parent, child, name, role).RefreshRefused?
      by {
        reveal Transaction.Attach;
      }
    } else {
      var linked := Transaction.AttachWithoutRefresh(state, parent, child, name, role);
      LinkedIs(state, parent, child, name, role);
      LinkedIsAcyclic(state, state.nextEdge, parent, child, linked);
      LinkedIsEdit(state, state.nextEdge, parent, child, linked);
      assert AreTops(linked, {}) by { reveal AreTops; }
      Editing.EditIsSafe(policy, world, state, {}, [parent], linked);
      AttachIsRefreshed(policy, world, state, parent, child, name, role);
    }
  }
}
