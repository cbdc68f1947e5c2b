// Who arrives leaves a safe graph: a backend with its root, and a backend that asks for something
// else (BLK-PERM-040, BLK-PERM-050).
include "Editing.dfy"
include "Transaction.dfy"

module Arriving {
  import opened Permission
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Edits
  import Editing
  import Transaction

  // What linking a root edge changes: the one list, and the edge.
  ghost predicate IsRooted(before: State, edge: nat, after: State)
    requires WellFormed(before)
  {
    && edge !in before.edges
    && edge in after.edges
    && after.edges == before.edges[edge := after.edges[edge]]
    && after.edges[edge].parent.Root?
    && after.nodes.Keys == before.nodes.Keys
    && after.edges[edge].child in after.nodes
    && (forall n | n in before.nodes ::
          after.nodes[n] == before.nodes[n].(parents := after.nodes[n].parents))
  }

  lemma RootedIsAcyclic(before: State, edge: nat, after: State)
    requires WellFormed(before) && WellFormed(after) && Acyclic(before)
    requires IsRooted(before, edge, after)
    ensures Acyclic(after)
  {
    var rank :| Ranked(before, rank);
    assert Ranked(after, rank);
  }

  lemma {:isolate_assertions} RootedIsEdit(before: State, edge: nat, after: State)
    requires WellFormed(before) && WellFormed(after) && Acyclic(before)
    requires IsRooted(before, edge, after)
    ensures Editing.IsEdit(before, [after.edges[edge].child], after)
  {
    RootedIsAcyclic(before, edge, after);
    var child := after.edges[edge].child;
    hide WellFormed, Acyclic, Editing.Near;
    Editing.RootIsNear(after, child);
    forall n | n in after.nodes && n != child
      ensures Editing.SameEdges(before, after, n)
    {
    }
  }

  // The state that an attached root is refreshed in.
  function Rooted(state: State, node: nat, pair: Pair): State
    requires WellFormed(state) && Counted(state) && node in state.nodes
    ensures WellFormed(Rooted(state, node, pair))
  {
    var edge := Edge(Root(state.nextBackend), node, "root", Transaction.RootRole, pair);
    Edits.Link(state, state.nextEdge, edge).(
    nextEdge := state.nextEdge + 1,
    nextBackend := state.nextBackend + 1,
    backends := state.backends[state.nextBackend := Backend(state.nextEdge)])
  }

  lemma RootedIsRefreshed(policy: Policy, world: World, state: State, node: nat, pair: Pair)
    requires WellFormed(state) && Counted(state) && node in state.nodes
    ensures Transaction.AttachRoot(policy, world, state, node, pair)
         == Checks.Run(policy, world, Rooted(state, node, pair), [node])
  {
  }

  lemma {:isolate_assertions} RootedIs(state: State, node: nat, pair: Pair)
    requires WellFormed(state) && Counted(state) && node in state.nodes
    ensures var linked := Rooted(state, node, pair);
            && IsRooted(state, state.nextEdge, linked)
            && linked.edges[state.nextEdge].child == node
  {
  }

  // BLK-PERM-040, BLK-PERM-050: a backend that was attached leaves a safe graph whose files are
  // settled.
  lemma AttachedRootIsSafe(policy: Policy, world: World, state: State, node: nat, pair: Pair)
    requires SafeWhile(policy, state, {}) && Counted(state) && node in state.nodes
    ensures WellFormed(state)
    ensures var end := Transaction.AttachRoot(policy, world, state, node, pair);
            end.Refreshed? ==> SafeWhile(policy, end.state, {})
  {
    hide *;
    assert WellFormed(state) && Acyclic(state) by { reveal SafeWhile, SafeBut; }
    var linked := Rooted(state, node, pair);
    RootedIs(state, node, pair);
    RootedIsEdit(state, state.nextEdge, linked);
    assert AreTops(linked, {}) by { reveal AreTops; }
    Editing.EditIsSafe(policy, world, state, {}, [node], linked);
    RootedIsRefreshed(policy, world, state, node, pair);
  }

  // The state that a changed root is refreshed in.
  function Asking(state: State, root: nat, pair: Pair): State
    requires WellFormed(state) && root in state.edges
    ensures WellFormed(Asking(state, root, pair))
  {
    Edits.WithPairsIsWellFormed(state, PairsNow(state)[root := pair]);
    Edits.WithPairs(state, PairsNow(state)[root := pair])
  }

  lemma AskingIsAcyclic(state: State, root: nat, pair: Pair)
    requires WellFormed(state) && root in state.edges && Acyclic(state)
    ensures Acyclic(Asking(state, root, pair))
  {
    var rank :| Ranked(state, rank);
    assert Ranked(Asking(state, root, pair), rank);
  }

  lemma AskingIs(state: State, root: nat, pair: Pair)
    requires WellFormed(state) && root in state.edges
    ensures Asking(state, root, pair)
         == state.(edges := state.edges[root := state.edges[root].(pair := pair)])
  {
  }

  lemma {:isolate_assertions} AskingIsEdit(state: State, root: nat, pair: Pair)
    requires WellFormed(state) && Acyclic(state)
    requires root in state.edges && state.edges[root].parent.Root?
    ensures Editing.IsEdit(state, [state.edges[root].child], Asking(state, root, pair))
  {
    AskingIsAcyclic(state, root, pair);
    var child := state.edges[root].child;
    var after := Asking(state, root, pair);
    AskingIs(state, root, pair);
    assert child in after.nodes;
    hide Asking, WellFormed, Acyclic, Editing.Near;
    Editing.RootIsNear(after, child);
    forall n | n in after.nodes && n != child
      ensures Editing.SameEdges(state, after, n)
    {
    }
  }

  lemma AskingIsRefreshed(policy: Policy, world: World, state: State, root: nat, pair: Pair)
    requires WellFormed(state) && Counted(state) && root in state.edges
    ensures Transaction.SetRoot(policy, world, state, root, pair)
         == Checks.Run(policy, world, Asking(state, root, pair), [state.edges[root].child])
  {
  }

  // BLK-PERM-050: so does one that asks for something else.
  lemma SetRootIsSafe(policy: Policy, world: World, state: State, root: nat, pair: Pair)
    requires SafeWhile(policy, state, {}) && Counted(state)
    requires root in state.edges && state.edges[root].parent.Root?
    ensures WellFormed(state)
    ensures var end := Transaction.SetRoot(policy, world, state, root, pair);
            end.Refreshed? ==> SafeWhile(policy, end.state, {})
  {
    hide *;
    assert WellFormed(state) && Acyclic(state) by { reveal SafeWhile, SafeBut; }
    var child := state.edges[root].child;
    assert child in state.nodes by { reveal WellFormed; }
    var changed := Asking(state, root, pair);
    AskingIsEdit(state, root, pair);
    assert AreTops(changed, {}) by { reveal AreTops; }
    Editing.EditIsSafe(policy, world, state, {}, [child], changed);
    AskingIsRefreshed(policy, world, state, root, pair);
  }
}
