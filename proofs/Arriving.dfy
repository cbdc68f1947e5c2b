// Who arrives leaves a safe graph: a backend with its root, and a backend that asks for something
// else (BLK-PERM-040, BLK-PERM-050).
include "SafeRefresh.dfy"
include "Transaction.dfy"

module Arriving {
  import opened Permission
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Below
  import Edits
  import Safety
  import SafeRefresh
  import Transaction

  // What linking a root edge changes: the one list, and the edge.
  ghost predicate IsRooted(before: State, edge: nat, after: State)
    requires WellFormed(before)
  {
    && edge !in before.edges
    && edge in after.edges
    && after.edges - {edge} == before.edges
    && after.edges[edge].parent.Root?
    && after.nodes.Keys == before.nodes.Keys
    && after.edges[edge].child in after.nodes
    && (forall n | n in before.nodes ::
          && after.nodes[n] == before.nodes[n].(parents := after.nodes[n].parents)
          && (n != after.edges[edge].child ==> after.nodes[n].parents == before.nodes[n].parents))
  }

  lemma {:isolate_assertions} RootedChangesWithin(
    before: State, edge: nat, after: State, within: set<nat>
  )
    requires WellFormed(before) && WellFormed(after)
    requires IsRooted(before, edge, after)
    requires after.edges[edge].child in within
    ensures Safety.ChangesWithin(before, after, within)
  {
    forall n | n in after.nodes && n !in within
      ensures Safety.SameAt(before, after, n)
    {
      assert n != after.edges[edge].child;
      assert after.nodes[n] == before.nodes[n];
      forall e | e in after.nodes[n].parents + after.nodes[n].children
        ensures e in before.edges && after.edges[e] == before.edges[e]
      {
        assert e != edge;
        assert (after.edges - {edge})[e] == after.edges[e];
      }
    }
  }

  lemma {:isolate_assertions} RootedIsAcyclic(before: State, edge: nat, after: State)
    requires WellFormed(before) && WellFormed(after) && Acyclic(before)
    requires IsRooted(before, edge, after)
    ensures Acyclic(after)
  {
    var rank :| Ranked(before, rank);
    forall e | e in after.edges && after.edges[e].parent.Node?
      ensures
        && after.edges[e].parent.node in rank && after.edges[e].child in rank
        && rank[after.edges[e].parent.node] < rank[after.edges[e].child]
    {
      assert e != edge;
      assert (after.edges - {edge})[e] == after.edges[e];
      assert e in before.edges;
    }
    assert Ranked(after, rank);
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
    assert Rooted(state, node, pair).edges - {state.nextEdge} == state.edges;
  }

  // Names and descriptors are no business of a list of parents.
  lemma {:isolate_assertions} RootedKeepsNames(
    policy: Policy, state: State, edge: nat, linked: State
  )
    requires WellFormed(state) && WellFormed(linked) && IsRooted(state, edge, linked)
    requires UniqueNames(state) && FilesSettled(policy, state)
    ensures UniqueNames(linked) && SafeRefresh.Readable(linked)
  {
    forall n | n in linked.nodes
      ensures linked.nodes[n].name == state.nodes[n].name
      ensures linked.nodes[n].file == state.nodes[n].file
    {
    }
  }

  lemma RootedIsRooted(
    policy: Policy, state: State, node: nat, pair: Pair, within: set<nat>
  )
    requires WellFormed(state) && Counted(state) && node in state.nodes && node in within
    requires Acyclic(state) && UniqueNames(state) && FilesSettled(policy, state)
    ensures var linked := Rooted(state, node, pair);
            && linked.nodes.Keys == state.nodes.Keys
            && Acyclic(linked) && UniqueNames(linked) && SafeRefresh.Readable(linked)
            && Safety.ChangesWithin(state, linked, within)
  {
    hide *;
    var id := state.nextEdge;
    var linked := Rooted(state, node, pair);
    RootedIs(state, node, pair);
    assert linked.nodes.Keys == state.nodes.Keys by { reveal IsRooted; }
    RootedIsAcyclic(state, id, linked);
    RootedKeepsNames(policy, state, id, linked);
    RootedChangesWithin(state, id, linked, within);
  }

  // BLK-PERM-040, BLK-PERM-050: a backend that was attached leaves a safe graph whose files are
  // settled.
  lemma AttachedRootIsSafe(policy: Policy, world: World, state: State, node: nat, pair: Pair)
    requires SafeBut(state, {}) && FilesSettled(policy, state) && Counted(state)
    requires node in state.nodes
    ensures var end := Transaction.AttachRoot(policy, world, state, node, pair);
            end.Refreshed? ==>
              SafeBut(end.state, {}) && FilesSettled(policy, end.state)
  {
    hide *;
    assert WellFormed(state) && Acyclic(state) && UniqueNames(state) by { reveal SafeBut; }
    var linked := Rooted(state, node, pair);
    assert linked.nodes.Keys == state.nodes.Keys by {
      RootedIsRooted(policy, state, node, pair, {node});
    }
    assert node in [node];
    assert Acyclic(linked) by { RootedIsRooted(policy, state, node, pair, {node}); }
    Below.OrderIsTopological(linked, [node]);
    var within := Members(Below.Order(linked, [node]));
    assert node in within by { reveal Members; }
    RootedIsRooted(policy, state, node, pair, within);
    SafeRefresh.RefreshIsSafe(policy, world, state, {}, linked, [node]);
    RootedIsRefreshed(policy, world, state, node, pair);
  }
}
