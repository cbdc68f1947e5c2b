// Every accepted refresh after a change leaves a safe graph, when the graph was safe before and
// the change touched only what the refresh looked at (BLK-PERM-003, BLK-PERM-006, BLK-PERM-030,
// BLK-PERM-033).
include "Safety.s.dfy"
include "Refresh.dfy"
include "Edits.dfy"

module Safety {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import Lattice
  import Refresh
  import Below
  import opened Edits

  lemma WithPairsKeepsShape(state: State, pairs: Pairs)
    requires WellFormed(state) && Covers(pairs, state)
    ensures WellFormed(WithPairs(state, pairs))
    ensures Acyclic(state) ==> Acyclic(WithPairs(state, pairs))
    ensures PairsNow(WithPairs(state, pairs)) == pairs
    ensures UniqueNames(state) ==> UniqueNames(WithPairs(state, pairs))
  {
    if Acyclic(state) {
      var rank :| Ranked(state, rank);
      assert Ranked(WithPairs(state, pairs), rank);
    }
  }

  // Everything the two states say of a node and of who asks what of it is the same.
  ghost predicate SameAt(before: State, edited: State, n: nat)
    requires WellFormed(before) && WellFormed(edited)
  {
    && n in before.nodes && n in edited.nodes
    && before.nodes[n].settings == edited.nodes[n].settings
    && before.nodes[n].writable == edited.nodes[n].writable
    && before.nodes[n].autoReadOnly == edited.nodes[n].autoReadOnly
    && before.nodes[n].file == edited.nodes[n].file
    && (forall e | e in edited.nodes[n].parents ::
          e in before.nodes[n].parents && before.edges[e].pair == edited.edges[e].pair)
    && (forall e | e in before.nodes[n].parents :: e in edited.nodes[n].parents)
    && (forall e | e in edited.nodes[n].children ::
          && e in before.nodes[n].children
          && before.edges[e].role == edited.edges[e].role
          && before.edges[e].pair == edited.edges[e].pair
          && before.nodes[before.edges[e].child].forceShare
             == edited.nodes[edited.edges[e].child].forceShare)
  }

  // A change that leaves alone everything outside the set.
  ghost predicate ChangesWithin(before: State, edited: State, within: set<nat>)
    requires WellFormed(before) && WellFormed(edited)
  {
    forall n | n in edited.nodes && n !in within :: SameAt(before, edited, n)
  }

  lemma {:isolate_assertions} AskedIsTheSame(before: State, edited: State, n: nat)
    requires WellFormed(before) && WellFormed(edited) && SameAt(before, edited, n)
    ensures Asked(before, PairsNow(before), n) == Asked(edited, PairsNow(edited), n)
  {
    var x := AskedList(before, PairsNow(before), n);
    var y := AskedList(edited, PairsNow(edited), n);
    forall p | p in x
      ensures p in y
    {
      var i :| 0 <= i < |x| && x[i] == p;
      var e := before.nodes[n].parents[i];
      assert e in edited.nodes[n].parents;
      var j :| 0 <= j < |y| && edited.nodes[n].parents[j] == e;
      assert y[j] == p;
    }
    forall p | p in y
      ensures p in x
    {
      var i :| 0 <= i < |y| && y[i] == p;
      var e := edited.nodes[n].parents[i];
      assert e in before.nodes[n].parents;
      var j :| 0 <= j < |x| && before.nodes[n].parents[j] == e;
      assert x[j] == p;
    }
    Lattice.CumulativeOfTheSameParents(x, y);
  }

  // An edge that leads out of what the refresh looked at has its pair from before.
  lemma OutsideKeepsPairs(
    edited: State, within: set<nat>, pairs: Pairs, n: nat
  )
    requires WellFormed(edited) && Closed(edited, within)
    requires IsFixpoint(edited, map[], within, pairs)
    requires n in edited.nodes && n !in within
    ensures forall e | e in edited.nodes[n].parents :: pairs[e] == edited.edges[e].pair
    ensures forall e | e in edited.nodes[n].children :: pairs[e] == edited.edges[e].pair
  {
  }

  // BLK-PERM-003 at one node, from the list to the edges.
  lemma HoldsTogetherMeansApart(state: State, pairs: Pairs, n: nat, e: nat, f: nat)
    requires WellFormed(state) && Covers(pairs, state) && n in state.nodes
    requires HoldsTogether(state, map[], pairs, n)
    requires e in state.nodes[n].parents && f in state.nodes[n].parents && e != f
    ensures Subset(pairs[e].perm, pairs[f].shared)
    ensures Meets(pairs[e].perm, NotOnReadOnly) ==> state.nodes[n].writable
  {
    var (ids, asked) := (state.nodes[n].parents, AskedList(state, pairs, n));
    var i :| 0 <= i < |ids| && ids[i] == e;
    var j :| 0 <= j < |ids| && ids[j] == f;
    assert Lattice.Allows(asked[j], asked[i]);
    TakesAtMostAsked(state, pairs, n, e);
  }

  lemma TakesAtMostAsked(state: State, pairs: Pairs, n: nat, e: nat)
    requires WellFormed(state) && Covers(pairs, state) && n in state.nodes
    requires e in state.nodes[n].parents
    ensures AsksNoLess(Asked(state, pairs, n), pairs[e])
  {
    var (ids, asked) := (state.nodes[n].parents, AskedList(state, pairs, n));
    var i :| 0 <= i < |ids| && ids[i] == e;
    Lattice.CumulativeIsAbove(asked);
    assert asked[i] == pairs[e];
  }

  // BLK-PERM-030: a refresh of the nodes below the roots that was not refused is accepted.
  lemma DoneIsAccepted(before: State, dying: set<nat>, edited: State, roots: seq<nat>)
    requires SafeBut(before, dying)
    requires WellFormed(edited) && Acyclic(edited)
    requires forall n | n in roots :: n in edited.nodes
    requires ChangesWithin(before, edited, Members(Below.Order(edited, roots)))
    ensures forall n | n in Below.Order(edited, roots) :: n in edited.nodes
    ensures var end :=
              Refresh.Walk(edited, map[], Below.Order(edited, roots), PairsNow(edited));
            end.Done? ==> Accepted(before, dying, edited, Below.Order(edited, roots), end.pairs)
  {
    hide *;
    reveal Accepted;
    Below.OrderIsTopological(edited, roots);
    var order := Below.Order(edited, roots);
    assert forall n | n in order :: n in edited.nodes by { reveal Topological; }
    Refresh.AcceptedIsFixpoint(edited, map[], order);
    assert WellFormed(before) by { reveal SafeBut; }
    assert Covers(PairsNow(edited), edited) by { reveal Covers, PairsNow; }
  }

  // BLK-PERM-003, BLK-PERM-006, BLK-PERM-007, BLK-PERM-033, BLK-GRAPH-001, BLK-GRAPH-008: what an
  // accepted refresh leaves.
  lemma AcceptedIsSafe(before: State, dying: set<nat>, edited: State, order: seq<nat>, pairs: Pairs)
    requires Accepted(before, dying, edited, order, pairs)
    requires Acyclic(edited) && UniqueNames(edited)
    ensures Covers(pairs, edited) && SafeBut(WithPairs(edited, pairs), dying)
  {
    hide *;
    assert WellFormed(edited) && Covers(pairs, edited) by { reveal Accepted, IsFixpoint; }
    WithPairsKeepsShape(edited, pairs);
    PairwiseAfter(before, dying, edited, order, pairs);
    ReadOnlyAfter(before, dying, edited, order, pairs);
    CanonicalAfter(before, dying, edited, order, pairs);
    reveal SafeBut;
  }

  ghost predicate Accepted(
    before: State, dying: set<nat>, edited: State, order: seq<nat>, pairs: Pairs
  ) {
    && SafeBut(before, dying)
    && WellFormed(edited)
    && (forall n | n in order :: n in edited.nodes)
    && Closed(edited, Members(order))
    && ChangesWithin(before, edited, Members(order))
    && IsFixpoint(edited, map[], Members(order), pairs)
    && (forall n | n in order :: HoldsTogether(edited, map[], pairs, n))
  }

  lemma PairwiseAfter(before: State, dying: set<nat>, edited: State, order: seq<nat>, pairs: Pairs)
    requires Accepted(before, dying, edited, order, pairs)
    ensures PairwiseSafe(WithPairs(edited, pairs))
  {
    forall e, f |
      && e in edited.edges && f in edited.edges && e != f
      && edited.edges[e].child == edited.edges[f].child
      ensures Subset(pairs[e].perm, pairs[f].shared)
    {
      var n := edited.edges[e].child;
      assert e in edited.nodes[n].parents && f in edited.nodes[n].parents;
      if n in order {
        HoldsTogetherMeansApart(edited, pairs, n, e, f);
      } else {
        assert n !in Members(order);
        OutsideKeepsPairs(edited, Members(order), pairs, n);
        assert SameAt(before, edited, n);
        assert before.edges[e].child == n && before.edges[f].child == n;
      }
    }
  }

  // BLK-PERM-006, BLK-PERM-007: an accepted refresh leaves no writer on a read-only node.
  lemma ReadOnlyAfter(before: State, dying: set<nat>, edited: State, order: seq<nat>, pairs: Pairs)
    requires Accepted(before, dying, edited, order, pairs)
    ensures ReadOnlySafe(WithPairs(edited, pairs))
  {
    forall e | e in edited.edges && Meets(pairs[e].perm, NotOnReadOnly)
      ensures edited.nodes[edited.edges[e].child].writable
    {
      var n := edited.edges[e].child;
      assert e in edited.nodes[n].parents;
      if n in order {
        TakesAtMostAsked(edited, pairs, n, e);
        assert HoldsTogether(edited, map[], pairs, n);
      } else {
        OutsideKeepsPairs(edited, Members(order), pairs, n);
        assert SameAt(before, edited, n);
        assert before.edges[e].child == n;
      }
    }
  }

  // The rule of an edge looks at the lists and the pairs only.
  lemma RuleWithPairs(state: State, pairs: Pairs, e: nat)
    requires WellFormed(state) && Covers(pairs, state)
    requires e in state.edges && state.edges[e].parent.Node?
    ensures WellFormed(WithPairs(state, pairs)) && Covers(pairs, WithPairs(state, pairs))
    ensures RuleOf(WithPairs(state, pairs), map[], pairs, e) == RuleOf(state, map[], pairs, e)
  {
    WithPairsKeepsShape(state, pairs);
    var n := state.edges[e].parent.node;
    assert AskedList(WithPairs(state, pairs), pairs, n) == AskedList(state, pairs, n);
  }

  lemma CanonicalOutside(
    before: State, dying: set<nat>, edited: State, order: seq<nat>, pairs: Pairs, e: nat
  )
    requires Accepted(before, dying, edited, order, pairs)
    requires e in edited.edges && edited.edges[e].parent.Node?
    requires edited.edges[e].parent.node !in order && edited.edges[e].parent.node !in dying
    ensures pairs[e] == RuleOf(edited, map[], pairs, e)
  {
    var n := edited.edges[e].parent.node;
    assert e in edited.nodes[n].children;
    assert n !in Members(order);
    OutsideKeepsPairs(edited, Members(order), pairs, n);
    assert SameAt(before, edited, n);
    AskedIsTheSame(before, edited, n);
    assert AskedList(edited, pairs, n) == AskedList(edited, PairsNow(edited), n);
    assert Asked(edited, pairs, n) == Asked(before, PairsNow(before), n);
    assert before.edges[e].parent == Node(n);
    assert before.edges[e].pair == RuleOf(before, map[], PairsNow(before), e);
  }

  lemma {:isolate_assertions} CanonicalAfter(
    before: State, dying: set<nat>, edited: State, order: seq<nat>, pairs: Pairs
  )
    requires Accepted(before, dying, edited, order, pairs)
    ensures WellFormed(WithPairs(edited, pairs))
    ensures CanonicalBut(WithPairs(edited, pairs), dying)
  {
    WithPairsKeepsShape(edited, pairs);
    var after := WithPairs(edited, pairs);
    forall e | e in after.edges && after.edges[e].parent.Node? &&
               after.edges[e].parent.node !in dying
      ensures after.edges[e].pair == RuleOf(after, map[], PairsNow(after), e)
    {
      hide *;
      assert e in edited.edges && after.edges[e].parent == edited.edges[e].parent by {
        reveal WithPairs;
      }
      assert Covers(pairs, edited) by { reveal Accepted, IsFixpoint; }
      assert e in pairs by { reveal Covers; }
      assert after.edges[e].pair == pairs[e] by { reveal WithPairs; }
      RuleWithPairs(edited, pairs, e);
      assert PairsNow(after) == pairs;
      if edited.edges[e].parent.node !in order {
        CanonicalOutside(before, dying, edited, order, pairs, e);
      } else {
        assert pairs[e] == RuleOf(edited, map[], pairs, e) by {
          reveal Accepted, IsFixpoint, IsOf, Members;
        }
      }
    }
  }
}
