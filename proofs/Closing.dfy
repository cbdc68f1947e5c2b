// What taking one edge out leaves: a safe graph where the child lives on, and one with a node that
// is being closed where it does not (BLK-PERM-034, BLK-PERM-041).
include "Editing.dfy"
include "Loosening.dfy"
include "Transaction.dfy"

module Closing {
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Editing
  import Loosening
  import Transaction

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
                after.nodes[n].parents == before.nodes[n].parents))
  }

  lemma DetachedIs(state: State, edge: nat)
    requires WellFormed(state) && edge in state.edges
    ensures IsDetached(state, edge, Transaction.Detached(state, edge))
  {
  }

  lemma DetachedIsLooser(state: State, edge: nat, after: State)
    requires WellFormed(state) && edge in state.edges && WellFormed(after)
    requires IsDetached(state, edge, after)
    ensures Loosening.Looser(state, after)
    ensures Loosening.NoMore(state, after, PairsNow(after))
  {
  }

  lemma DetachedIsAcyclic(state: State, edge: nat, after: State)
    requires WellFormed(state) && edge in state.edges && Acyclic(state)
    requires IsDetached(state, edge, after)
    ensures Acyclic(after)
  {
    var rank :| Ranked(state, rank);
    assert Ranked(after, rank);
  }

  // Everything but the child is as it was to its users.
  lemma {:isolate_assertions} DetachedIsEdit(state: State, edge: nat, after: State)
    requires WellFormed(state) && edge in state.edges && Acyclic(state) && WellFormed(after)
    requires IsDetached(state, edge, after)
    ensures Editing.IsEdit(state, [state.edges[edge].child], after)
  {
    DetachedIsAcyclic(state, edge, after);
    var child := state.edges[edge].child;
    assert child in after.nodes;
    hide WellFormed, Acyclic, Editing.Near;
    Editing.RootIsNear(after, child);
    forall n | n in after.nodes && n != child
      ensures Editing.SameEdges(state, after, n)
    {
    }
  }

  lemma DetachedTops(state: State, edge: nat, after: State, dying: set<nat>)
    requires WellFormed(state) && edge in state.edges && AreTops(state, dying)
    requires IsDetached(state, edge, after)
    ensures AreTops(after, dying) && state.edges[edge].child !in dying
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
    assert WellFormed(state) && Acyclic(state) by { reveal SafeWhile, SafeBut; }
    assert child in rest.nodes by { reveal WellFormed, IsDetached; }
    assert FilesSettledBut(policy, state, dying) && SafeBut(state, dying) by {
      reveal SafeWhile;
    }
    assert AreTops(state, dying) by { reveal SafeWhile; }
    DetachedIsLooser(state, edge, rest);
    DetachedTops(state, edge, rest, dying);
    Loosening.RefreshPasses(policy, world, state, dying, rest, [child]);
    DetachedIsEdit(state, edge, rest);
    Editing.EditIsSafe(policy, world, state, dying, [child], rest);
    reveal Transaction.Loosened;
  }

  // Who loses users none of whom are its own asks what it asked.
  lemma OthersAskTheSame(state: State, edge: nat, rest: State, n: nat)
    requires WellFormed(state) && edge in state.edges
    requires IsDetached(state, edge, rest) && WellFormed(rest)
    requires n in state.nodes && n != state.edges[edge].child
    ensures Asked(rest, PairsNow(rest), n) == Asked(state, PairsNow(state), n)
  {
    assert rest.nodes[n].parents == state.nodes[n].parents;
    assert AskedList(rest, PairsNow(rest), n) == AskedList(state, PairsNow(state), n);
  }

  // What is left of the edges is what the rules say, but for those of the child.
  lemma {:isolate_assertions} DyingIsCanonical(
    state: State, dying: set<nat>, edge: nat, rest: State
  )
    requires WellFormed(state) && edge in state.edges && CanonicalBut(state, dying)
    requires IsDetached(state, edge, rest) && WellFormed(rest)
    ensures CanonicalBut(rest, dying + {state.edges[edge].child})
  {
    var more := dying + {state.edges[edge].child};
    forall e | e in rest.edges && rest.edges[e].parent.Node? && rest.edges[e].parent.node !in more
      ensures rest.edges[e].pair == RuleOf(rest, map[], PairsNow(rest), e)
    {
      assert e in state.edges && rest.edges[e] == state.edges[e];
      OthersAskTheSame(state, edge, rest, rest.edges[e].parent.node);
    }
  }

  lemma DyingIsSettled(
    policy: Policy, state: State, dying: set<nat>, edge: nat, rest: State
  )
    requires WellFormed(state) && edge in state.edges && FilesSettledBut(policy, state, dying)
    requires IsDetached(state, edge, rest) && WellFormed(rest)
    ensures FilesSettledBut(policy, rest, dying + {state.edges[edge].child})
  {
    var more := dying + {state.edges[edge].child};
    forall n | n in rest.nodes && n !in more && rest.nodes[n].file.FileHold?
      ensures IsSettled(policy, rest.nodes[n], Asked(rest, PairsNow(rest), n))
    {
      OthersAskTheSame(state, edge, rest, n);
    }
  }

  lemma FewerEdgesAreSafe(state: State, edge: nat, rest: State)
    requires WellFormed(state) && edge in state.edges
    requires IsDetached(state, edge, rest)
    requires PairwiseSafe(state) && ReadOnlySafe(state) && UniqueNames(state)
    ensures PairwiseSafe(rest) && ReadOnlySafe(rest) && UniqueNames(rest)
  {
  }

  // A node that lost its last user is being closed: until its edges are gone they ask what they
  // asked.
  lemma DyingIsSafe(policy: Policy, state: State, dying: set<nat>, edge: nat, rest: State)
    requires SafeWhile(policy, state, dying) && edge in state.edges
    requires IsDetached(state, edge, rest) && WellFormed(rest)
    requires state.edges[edge].child in rest.nodes
    requires rest.nodes[state.edges[edge].child].parents == []
    ensures SafeWhile(policy, rest, dying + {state.edges[edge].child})
    ensures state.edges[edge].child !in dying
  {
    hide *;
    var more := dying + {state.edges[edge].child};
    assert SafeBut(state, dying) && AreTops(state, dying) && FilesSettledBut(policy, state, dying)
    by { reveal SafeWhile; }
    assert WellFormed(state) && Acyclic(state) && CanonicalBut(state, dying) by {
      reveal SafeBut;
    }
    assert PairwiseSafe(state) && ReadOnlySafe(state) && UniqueNames(state) by {
      reveal SafeBut;
    }
    DetachedIsAcyclic(state, edge, rest);
    DetachedTops(state, edge, rest, dying);
    DyingIsCanonical(state, dying, edge, rest);
    DyingIsSettled(policy, state, dying, edge, rest);
    FewerEdgesAreSafe(state, edge, rest);
    assert SafeBut(rest, more) by { reveal SafeBut; }
    assert AreTops(rest, more) by { reveal AreTops; }
    reveal SafeWhile;
  }
}
