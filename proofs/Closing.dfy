// Who leaves leaves a safe graph, as long as the child goes on living (BLK-PERM-034, BLK-PERM-041).
include "Loosening.dfy"
include "Transaction.dfy"

module Closing {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Below
  import Edits
  import Loosening
  import Refresh
  import Safety
  import SafeRefresh
  import Transaction

  // Safe, with files settled, while some nodes that nobody holds are being closed.
  ghost predicate SafeWhile(policy: Policy, state: State, dying: set<nat>) {
    && SafeBut(state, dying)
    && FilesSettled(policy, state)
    && Loosening.AreTops(state, dying)
  }

  // What taking an edge out changes: its two lists and who inherits.
  ghost predicate IsDetached(before: State, edge: nat, after: State)
    requires WellFormed(before) && edge in before.edges
  {
    && after.edges == before.edges - {edge}
    && after.nodes.Keys == before.nodes.Keys
    && (forall n | n in before.nodes ::
          && after.nodes[n] == before.nodes[n].(
                               inheritsFrom := after.nodes[n].inheritsFrom,
                               children := after.nodes[n].children,
                               parents := after.nodes[n].parents)
          && (n != before.edges[edge].child ==>
                after.nodes[n].parents == before.nodes[n].parents)
          && (before.edges[edge].parent != Node(n) ==>
                after.nodes[n].children == before.nodes[n].children))
  }

  lemma DetachedIs(state: State, edge: nat)
    requires WellFormed(state) && edge in state.edges
    ensures IsDetached(state, edge, Transaction.Detached(state, edge))
  {
  }

  lemma {:isolate_assertions} DetachedIsLooser(state: State, edge: nat, after: State)
    requires WellFormed(state) && edge in state.edges && WellFormed(after)
    requires IsDetached(state, edge, after)
    ensures Loosening.Looser(state, after)
    ensures Loosening.NoMore(state, after, PairsNow(after))
  {
  }

  // Everything but the child is as it was to its users.
  lemma {:isolate_assertions} DetachedChangesWithin(
    state: State, edge: nat, after: State, within: set<nat>
  )
    requires WellFormed(state) && edge in state.edges && WellFormed(after)
    requires IsDetached(state, edge, after)
    requires state.edges[edge].child in within
    ensures Safety.ChangesWithin(state, after, within)
  {
    forall n | n in after.nodes && n !in within
      ensures Safety.SameAt(state, after, n)
    {
      assert n != state.edges[edge].child;
      assert edge !in after.nodes[n].children;
    }
  }

  lemma DetachedIsAcyclic(state: State, edge: nat, after: State)
    requires WellFormed(state) && edge in state.edges && Acyclic(state)
    requires IsDetached(state, edge, after)
    ensures Acyclic(after)
  {
    var rank :| Ranked(state, rank);
    assert Ranked(after, rank);
  }

  lemma DetachedNames(policy: Policy, state: State, edge: nat, after: State)
    requires WellFormed(state) && edge in state.edges && UniqueNames(state)
    requires FilesSettled(policy, state)
    requires IsDetached(state, edge, after)
    ensures UniqueNames(after) && SafeRefresh.Readable(after)
  {
  }

  lemma DetachedTops(state: State, edge: nat, after: State, dying: set<nat>)
    requires WellFormed(state) && edge in state.edges && Loosening.AreTops(state, dying)
    requires IsDetached(state, edge, after)
    ensures Loosening.AreTops(after, dying) && state.edges[edge].child !in dying
  {
    assert edge in state.nodes[state.edges[edge].child].parents;
  }

  // BLK-PERM-041: the child goes on living, and everything below it is refreshed.
  lemma LoosenedIsSafe(
    policy: Policy, world: World, state: State, dying: set<nat>, edge: nat, rest: State
  )
    requires SafeWhile(policy, state, dying) && edge in state.edges
    requires IsDetached(state, edge, rest) && WellFormed(rest)
    ensures state.edges[edge].child in rest.nodes
    ensures SafeWhile(
              policy, Transaction.Loosened(policy, world, rest, state.edges[edge].child), dying)
  {
    hide *;
    var child := state.edges[edge].child;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    assert child in rest.nodes by { reveal WellFormed, IsDetached; }
    assert Acyclic(state) && UniqueNames(state) by { reveal SafeWhile, SafeBut; }
    assert FilesSettled(policy, state) && SafeBut(state, dying) by { reveal SafeWhile; }
    assert Loosening.AreTops(state, dying) by { reveal SafeWhile; }
    DetachedIsLooser(state, edge, rest);
    DetachedIsAcyclic(state, edge, rest);
    DetachedNames(policy, state, edge, rest);
    DetachedTops(state, edge, rest, dying);
    Loosening.RefreshPasses(policy, world, state, dying, rest, [child]);
    Below.OrderIsTopological(rest, [child]);
    assert child in [child];
    assert child in Members(Below.Order(rest, [child])) by { reveal Members; }
    DetachedChangesWithin(state, edge, rest, Members(Below.Order(rest, [child])));
    SafeRefresh.RefreshIsSafe(policy, world, state, dying, rest, [child]);
    var after := Transaction.Loosened(policy, world, rest, child);
    assert after == Checks.Run(policy, world, rest, [child]).state by {
      reveal Transaction.Loosened;
    }
    assert Loosening.AreTops(after, dying) by { reveal Loosening.AreTops; }
    reveal SafeWhile;
  }
}
