// The order of the lists of parents and children decides which refusal is told, never whether one
// is (BLK-PERM-003, BLK-PERM-004, BLK-GRAPH-006).
include "Refresh.dfy"

module ListOrder {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import Lattice
  import Refresh

  predicate SameMembers(a: seq<nat>, b: seq<nat>) {
    (forall e | e in a :: e in b) && (forall e | e in b :: e in a)
  }

  // The same graph but for the order of the lists.
  predicate SameGraph(a: State, b: State) {
    && a.edges == b.edges
    && a.nodes.Keys == b.nodes.Keys
    && (forall n | n in a.nodes ::
          && SameMembers(a.nodes[n].children, b.nodes[n].children)
          && SameMembers(a.nodes[n].parents, b.nodes[n].parents)
          && a.nodes[n].name == b.nodes[n].name
          && a.nodes[n].settings == b.nodes[n].settings
          && a.nodes[n].writable == b.nodes[n].writable
          && a.nodes[n].forceShare == b.nodes[n].forceShare)
  }

  lemma {:isolate_assertions} AskedOfReordered(a: State, b: State, pairs: Pairs, id: nat)
    requires WellFormed(a) && WellFormed(b) && SameGraph(a, b) && Covers(pairs, a) && id in a.nodes
    ensures Asked(a, pairs, id) == Asked(b, pairs, id)
  {
    var (x, y) := (AskedList(a, pairs, id), AskedList(b, pairs, id));
    forall p | p in x
      ensures p in y
    {
      var i :| 0 <= i < |x| && x[i] == p;
      assert a.nodes[id].parents[i] in b.nodes[id].parents;
      var j :| 0 <= j < |y| && b.nodes[id].parents[j] == a.nodes[id].parents[i];
      assert y[j] == p;
    }
    forall p | p in y
      ensures p in x
    {
      var i :| 0 <= i < |y| && y[i] == p;
      assert b.nodes[id].parents[i] in a.nodes[id].parents;
      var j :| 0 <= j < |x| && a.nodes[id].parents[j] == b.nodes[id].parents[i];
      assert x[j] == p;
    }
    Lattice.CumulativeOfTheSameParents(x, y);
  }

  // BLK-PERM-003: the conflict of a node is one between edges; lists only hold them.
  lemma ConflictIsBetweenEdges(state: State, pairs: Pairs, id: nat)
    requires WellFormed(state) && Covers(pairs, state) && id in state.nodes
    ensures Lattice.Conflict(AskedList(state, pairs, id)) <==>
            exists e, f ::
              && e in state.nodes[id].parents && f in state.nodes[id].parents && e != f
              && !Lattice.Allows(pairs[e], pairs[f])
  {
    var (ids, asked) := (state.nodes[id].parents, AskedList(state, pairs, id));
    if Lattice.Conflict(asked) {
      var i, j :| 0 <= i < |asked| && 0 <= j < |asked| && i != j &&
                  !Lattice.Allows(asked[i], asked[j]);
      assert ids[i] != ids[j];
    }
    if e, f :| e in ids && f in ids && e != f && !Lattice.Allows(pairs[e], pairs[f]) {
      var i :| 0 <= i < |ids| && ids[i] == e;
      var j :| 0 <= j < |ids| && ids[j] == f;
      assert !Lattice.Allows(asked[i], asked[j]);
    }
  }

  lemma HoldsTogetherReordered(
    a: State, b: State, after: map<nat, bool>, pairs: Pairs, id: nat
  )
    requires WellFormed(a) && WellFormed(b) && SameGraph(a, b) && Covers(pairs, a) && id in a.nodes
    ensures HoldsTogether(a, after, pairs, id) == HoldsTogether(b, after, pairs, id)
  {
    AskedOfReordered(a, b, pairs, id);
    ConflictIsBetweenEdges(a, pairs, id);
    ConflictIsBetweenEdges(b, pairs, id);
  }

  lemma FixpointOfReordered(
    a: State, b: State, after: map<nat, bool>, within: set<nat>, pairs: Pairs
  )
    requires WellFormed(a) && WellFormed(b) && SameGraph(a, b)
    requires IsFixpoint(a, after, within, pairs)
    ensures IsFixpoint(b, after, within, pairs)
  {
    forall e | e in b.edges
      ensures pairs[e] ==
              if IsOf(b, e, within) then RuleOf(b, after, pairs, e) else b.edges[e].pair
    {
      if IsOf(b, e, within) {
        AskedOfReordered(a, b, pairs, b.edges[e].parent.node);
      }
    }
  }

  // What one order of lists accepts the other accepts, with the same pairs.
  lemma AcceptedReordered(
    a: State, b: State, after: map<nat, bool>, walkA: seq<nat>, walkB: seq<nat>
  )
    requires WellFormed(a) && WellFormed(b) && SameGraph(a, b) && Acyclic(a) && Acyclic(b)
    requires Topological(a, walkA) && Topological(b, walkB) && Members(walkA) == Members(walkB)
    requires Refresh.Walk(a, after, walkA, PairsNow(a)).Done?
    ensures Refresh.Walk(b, after, walkB, PairsNow(b))
         == Refresh.Walk(a, after, walkA, PairsNow(a))
  {
    var pairs := Refresh.Walk(a, after, walkA, PairsNow(a)).pairs;
    Refresh.AcceptedIsFixpoint(a, after, walkA);
    FixpointOfReordered(a, b, after, Members(walkA), pairs);
    forall n | n in walkB
      ensures HoldsTogether(b, after, pairs, n)
    {
      assert n in Members(walkB);
      assert n in walkA;
      HoldsTogetherReordered(a, b, after, pairs, n);
    }
    Refresh.AcceptedExactlyWhen(b, after, walkB);
    Refresh.AcceptedIsFixpoint(b, after, walkB);
    var other := Refresh.Walk(b, after, walkB, PairsNow(b)).pairs;
    Refresh.FixpointIsUnique(b, after, Members(walkB), pairs, other);
  }

  // BLK-PERM-030, BLK-GRAPH-006: a refresh of the same graph with other list orders, walked in any
  // order, has the same outcome and the same pairs.
  lemma ListOrderDoesNotMatter(
    a: State, b: State, after: map<nat, bool>, walkA: seq<nat>, walkB: seq<nat>
  )
    requires WellFormed(a) && WellFormed(b) && SameGraph(a, b) && Acyclic(a) && Acyclic(b)
    requires Topological(a, walkA) && Topological(b, walkB) && Members(walkA) == Members(walkB)
    ensures var (x, y) := (
                            Refresh.Walk(a, after, walkA, PairsNow(a)),
                            Refresh.Walk(b, after, walkB, PairsNow(b)));
            x.Done? == y.Done? && (x.Done? ==> x.pairs == y.pairs)
  {
    if Refresh.Walk(a, after, walkA, PairsNow(a)).Done? {
      AcceptedReordered(a, b, after, walkA, walkB);
    }
    if Refresh.Walk(b, after, walkB, PairsNow(b)).Done? {
      AcceptedReordered(b, a, after, walkB, walkA);
    }
  }
}
