// The walk of a refresh and what it comes to (BLK-PERM-030 to BLK-PERM-033): it succeeds exactly
// when the rules' one fixpoint holds together, whatever the order of the walk or of the lists.
include "Refresh.s.dfy"

module Refresh {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import Lattice

  datatype Outcome = Done(pairs: Pairs) | RefusedAt(node: nat)

  // The children's edges by the driver's rule (BLK-PERM-031).
  function UpdateChildren(state: State, after: map<nat, bool>, pairs: Pairs, id: nat): Pairs
    requires WellFormed(state) && Covers(pairs, state) && id in state.nodes
    ensures Covers(UpdateChildren(state, after, pairs, id), state)
  {
    map e | e in pairs ::
      if state.edges[e].parent == Node(id) then RuleOf(state, after, pairs, e) else pairs[e]
  }

  // Checks the nodes one after the other and updates what is below each (BLK-PERM-030).
  function Walk(state: State, after: map<nat, bool>, order: seq<nat>, pairs: Pairs): Outcome
    requires WellFormed(state) && Covers(pairs, state)
    requires forall n | n in order :: n in state.nodes
    ensures var end := Walk(state, after, order, pairs); end.Done? ==> Covers(end.pairs, state)
  {
    if |order| == 0 then Done(pairs)
    else if !HoldsTogether(state, after, pairs, order[0]) then RefusedAt(order[0])
    else Walk(state, after, order[1..], UpdateChildren(state, after, pairs, order[0]))
  }

  // After the first k nodes of the order: their edges obey the rules, all others are as they were.
  ghost predicate Reached(
    state: State, after: map<nat, bool>, order: seq<nat>, k: nat, pairs: Pairs
  )
    requires WellFormed(state) && k <= |order|
  {
    && Covers(pairs, state)
    && (forall e | e in state.edges ::
          pairs[e] ==
          if IsOf(state, e, Members(order[..k])) then RuleOf(state, after, pairs, e)
          else state.edges[e].pair)
  }

  // Two valuations that agree on the edges into a node ask the same of it.
  lemma AskedOnlyDependsOnParents(state: State, a: Pairs, b: Pairs, id: nat)
    requires WellFormed(state) && Covers(a, state) && Covers(b, state) && id in state.nodes
    requires forall e | e in state.edges && state.edges[e].child == id :: a[e] == b[e]
    ensures AskedList(state, a, id) == AskedList(state, b, id)
    ensures Asked(state, a, id) == Asked(state, b, id)
  {
  }

  // BLK-PERM-031: one step of the walk: the node's edges are what its rule says. What is done stays
  // done, because nothing below leads back up.
  lemma StepKeepsReached(
    state: State, after: map<nat, bool>, order: seq<nat>, k: nat, pairs: Pairs
  )
    requires WellFormed(state) && Topological(state, order) && k < |order|
    requires Reached(state, after, order, k, pairs)
    ensures Reached(state, after, order, k + 1, UpdateChildren(state, after, pairs, order[k]))
    ensures forall j | 0 <= j <= k ::
              AskedList(state, UpdateChildren(state, after, pairs, order[k]), order[j])
              == AskedList(state, pairs, order[j])
  {
    var next := UpdateChildren(state, after, pairs, order[k]);
    forall j | 0 <= j <= k
      ensures AskedList(state, next, order[j]) == AskedList(state, pairs, order[j])
    {
      forall e | e in state.edges && state.edges[e].child == order[j]
        ensures next[e] == pairs[e]
      {
        if state.edges[e].parent == Node(order[k]) {
          assert k < j;
        }
      }
      AskedOnlyDependsOnParents(state, pairs, next, order[j]);
    }
    forall e | e in state.edges
      ensures next[e] ==
              if IsOf(state, e, Members(order[..k + 1])) then RuleOf(state, after, next, e)
              else state.edges[e].pair
    {
      var edge := state.edges[e];
      if edge.parent.Node? && edge.parent.node in order[..k + 1] {
        var j :| 0 <= j < k + 1 && order[j] == edge.parent.node;
        assert Asked(state, next, order[j]) == Asked(state, pairs, order[j]);
        assert RuleOf(state, after, next, e) == RuleOf(state, after, pairs, e);
        if j == k {
          assert edge.parent == Node(order[k]);
        } else {
          assert order[j] != order[k];
          assert order[j] in order[..k];
        }
      } else if edge.parent.Node? {
        assert edge.parent.node != order[k] by { assert order[k] in order[..k + 1]; }
        assert edge.parent.node !in order[..k] by {
          if edge.parent.node in order[..k] {
            var j :| 0 <= j < k && order[..k][j] == edge.parent.node;
            assert order[..k + 1][j] == edge.parent.node;
          }
        }
      }
    }
  }

  // BLK-PERM-030: the walk from its k-th node on ends in the fixpoint in which every node from
  // there on holds together, or at a node that does not hold together in any continuation.
  lemma WalkFrom(
    state: State, after: map<nat, bool>, order: seq<nat>, k: nat, pairs: Pairs
  )
    requires WellFormed(state) && Topological(state, order) && k <= |order|
    requires Reached(state, after, order, k, pairs)
    ensures var end := Walk(state, after, order[k..], pairs);
            end.Done? ==>
              && IsFixpoint(state, after, Members(order), end.pairs)
              && (forall j | 0 <= j < k ::
                    AskedList(state, end.pairs, order[j]) == AskedList(state, pairs, order[j]))
              && (forall j | k <= j < |order| ::
                    HoldsTogether(state, after, end.pairs, order[j]))
    decreases |order| - k
  {
    if k == |order| {
      assert order[..k] == order;
    } else {
      assert order[k..][0] == order[k];
      assert order[k..][1..] == order[k + 1..];
      if HoldsTogether(state, after, pairs, order[k]) {
        var next := UpdateChildren(state, after, pairs, order[k]);
        StepKeepsReached(state, after, order, k, pairs);
        WalkFrom(state, after, order, k + 1, next);
        var end := Walk(state, after, order[k..], pairs);
        if end.Done? {
          assert AskedList(state, end.pairs, order[k]) == AskedList(state, next, order[k]);
          assert AskedList(state, next, order[k]) == AskedList(state, pairs, order[k]);
          assert HoldsTogether(state, after, end.pairs, order[k]);
        }
      }
    }
  }

  // BLK-PERM-030, BLK-PERM-031: an accepted refresh reached the fixpoint, and it holds together.
  lemma AcceptedIsFixpoint(state: State, after: map<nat, bool>, order: seq<nat>)
    requires WellFormed(state) && Topological(state, order)
    ensures var end := Walk(state, after, order, PairsNow(state));
            end.Done? ==>
              && IsFixpoint(state, after, Members(order), end.pairs)
              && (forall n | n in order :: HoldsTogether(state, after, end.pairs, n))
  {
    assert order[0..] == order;
    assert Reached(state, after, order, 0, PairsNow(state));
    WalkFrom(state, after, order, 0, PairsNow(state));
    var end := Walk(state, after, order, PairsNow(state));
    if end.Done? {
      forall n | n in order
        ensures HoldsTogether(state, after, end.pairs, n)
      {
        var j :| 0 <= j < |order| && order[j] == n;
      }
    }
  }

  // Edges that are equal in two fixpoints as far up as a rank reaches are equal in the next, too.
  lemma FixpointsAgreeTo(
    state: State, after: map<nat, bool>, within: set<nat>, a: Pairs, b: Pairs,
    rank: map<nat, nat>, bound: nat
  )
    requires WellFormed(state) && Ranked(state, rank)
    requires IsFixpoint(state, after, within, a) && IsFixpoint(state, after, within, b)
    ensures forall e | e in state.edges && state.edges[e].parent.Node? &&
                       rank[state.edges[e].parent.node] < bound :: a[e] == b[e]
  {
    if bound > 0 {
      FixpointsAgreeTo(state, after, within, a, b, rank, bound - 1);
      forall e | e in state.edges && state.edges[e].parent.Node? &&
                 rank[state.edges[e].parent.node] < bound
        ensures a[e] == b[e]
      {
        if IsOf(state, e, within) {
          var parent := state.edges[e].parent.node;
          forall up | up in state.edges && state.edges[up].child == parent
            ensures a[up] == b[up]
          {
            if state.edges[up].parent.Node? {
              assert rank[state.edges[up].parent.node] < rank[parent];
            }
          }
          AskedOnlyDependsOnParents(state, a, b, parent);
        }
      }
    }
  }

  // A number above every rank.
  ghost function Above(rank: map<nat, nat>): nat
    ensures forall n | n in rank :: rank[n] < Above(rank)
  {
    if |rank| == 0 then 0
    else
      var n :| n in rank;
      var rest := map m | m in rank && m != n :: rank[m];
      assert rest.Keys == rank.Keys - {n};
      var above := Above(rest);
      assert forall m | m in rank && m != n :: rank[m] == rest[m] < above;
      if rank[n] < above then above else rank[n] + 1
  }

  // BLK-PERM-033: the fixpoint is unique.
  lemma FixpointIsUnique(
    state: State, after: map<nat, bool>, within: set<nat>, a: Pairs, b: Pairs
  )
    requires WellFormed(state) && Acyclic(state)
    requires IsFixpoint(state, after, within, a) && IsFixpoint(state, after, within, b)
    ensures a == b
  {
    var rank :| Ranked(state, rank);
    FixpointsAgreeTo(state, after, within, a, b, rank, Above(rank));
    forall e | e in state.edges
      ensures a[e] == b[e]
    {
    }
  }

  // From its k-th node on the walk reaches every fixpoint that holds together.
  lemma WalkReaches(
    state: State, after: map<nat, bool>, order: seq<nat>, k: nat, pairs: Pairs, fixpoint: Pairs
  )
    requires WellFormed(state) && Topological(state, order) && k <= |order|
    requires Reached(state, after, order, k, pairs)
    requires IsFixpoint(state, after, Members(order), fixpoint)
    requires forall n | n in order :: HoldsTogether(state, after, fixpoint, n)
    requires forall e | e in state.edges && !IsOf(state, e, Members(order[k..])) ::
               pairs[e] == fixpoint[e]
    ensures Walk(state, after, order[k..], pairs).Done?
    decreases |order| - k
  {
    if k < |order| {
      assert order[k..][0] == order[k];
      assert order[k..][1..] == order[k + 1..];
      // What is above the node has its final pairs already.
      forall e | e in state.edges && state.edges[e].child == order[k]
        ensures pairs[e] == fixpoint[e]
      {
        if IsOf(state, e, Members(order[k..])) {
          var j :| 0 <= j < |order[k..]| && order[k..][j] == state.edges[e].parent.node;
          assert state.edges[e].parent == Node(order[k + j]);
          assert false;
        }
      }
      AskedOnlyDependsOnParents(state, pairs, fixpoint, order[k]);
      assert order[k] in order;
      assert HoldsTogether(state, after, fixpoint, order[k]);
      var next := UpdateChildren(state, after, pairs, order[k]);
      StepKeepsReached(state, after, order, k, pairs);
      forall e | e in state.edges && !IsOf(state, e, Members(order[k + 1..]))
        ensures next[e] == fixpoint[e]
      {
        if state.edges[e].parent == Node(order[k]) {
          assert IsOf(state, e, Members(order)) by { assert order[k] in order; }
          assert RuleOf(state, after, fixpoint, e) == RuleOf(state, after, pairs, e);
        } else {
          assert !IsOf(state, e, Members(order[k..])) by {
            if IsOf(state, e, Members(order[k..])) {
              var j :| 0 <= j < |order[k..]| && order[k..][j] == state.edges[e].parent.node;
              assert j > 0;
              assert order[k + 1..][j - 1] == state.edges[e].parent.node;
            }
          }
        }
      }
      WalkReaches(state, after, order, k + 1, next, fixpoint);
    }
  }

  // BLK-PERM-030, BLK-PERM-033: the refresh succeeds exactly when there is a fixpoint that holds
  // together, and then that is its result.
  lemma AcceptedExactlyWhen(state: State, after: map<nat, bool>, order: seq<nat>)
    requires WellFormed(state) && Acyclic(state) && Topological(state, order)
    ensures Walk(state, after, order, PairsNow(state)).Done? <==>
            exists fixpoint ::
              && IsFixpoint(state, after, Members(order), fixpoint)
              && (forall n | n in order :: HoldsTogether(state, after, fixpoint, n))
  {
    AcceptedIsFixpoint(state, after, order);
    if fixpoint :|
      && IsFixpoint(state, after, Members(order), fixpoint)
      && (forall n | n in order :: HoldsTogether(state, after, fixpoint, n))
    {
      assert order[0..] == order;
      WalkReaches(state, after, order, 0, PairsNow(state), fixpoint);
    }
  }

  // BLK-PERM-030: the outcome and the pairs do not depend on the order of the walk.
  lemma OrderDoesNotMatter(state: State, after: map<nat, bool>, a: seq<nat>, b: seq<nat>)
    requires WellFormed(state) && Acyclic(state)
    requires Topological(state, a) && Topological(state, b) && Members(a) == Members(b)
    ensures var (x, y) :=
              (Walk(state, after, a, PairsNow(state)), Walk(state, after, b, PairsNow(state)));
            x.Done? == y.Done? && (x.Done? ==> x.pairs == y.pairs)
  {
    AcceptedExactlyWhen(state, after, a);
    AcceptedExactlyWhen(state, after, b);
    AcceptedIsFixpoint(state, after, a);
    AcceptedIsFixpoint(state, after, b);
    assert forall n :: n in a <==> n in Members(a);
    assert forall n :: n in b <==> n in Members(b);
    var (x, y) := (Walk(state, after, a, PairsNow(state)), Walk(state, after, b, PairsNow(state)));
    if x.Done? && y.Done? {
      FixpointIsUnique(state, after, Members(a), x.pairs, y.pairs);
    }
  }
}
