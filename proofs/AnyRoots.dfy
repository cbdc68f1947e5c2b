// A refresh with all its checks comes to the same from the same roots, in whatever order they are
// given (BLK-PERM-030, BLK-PERM-031).
include "SafeRefresh.dfy"

module AnyRoots {
  import opened Graph
  import opened RefreshStatement
  import opened AutoReadOnly
  import opened Checks
  import Below
  import Refresh
  import SafeRefresh

  // BLK-PERM-030: a walk visits what lies below its roots, and nothing else.
  lemma VisitStaysWithin(state: State, ids: seq<nat>, search: Below.Search, within: set<nat>)
    requires WellFormed(state) && Closed(state, within)
    requires forall n | n in ids :: n in state.nodes && n in within
    requires search.seen <= state.nodes.Keys
    requires Members(search.order) <= within
    ensures Members(Below.Visit(state, ids, search).order) <= within
    decreases state.nodes.Keys - search.seen, |ids|
  {
    if |ids| > 0 {
      if ids[0] in search.seen {
        VisitStaysWithin(state, ids[1..], search, within);
      } else {
        var entered := search.(seen := search.seen + {ids[0]});
        assert ids[0] in state.nodes.Keys - search.seen;
        var children := Below.ChildNodes(state, ids[0]);
        forall n | n in children
          ensures n in within
        {
          var i :| 0 <= i < |children| && children[i] == n;
          var e := state.nodes[ids[0]].children[i];
          assert e in state.nodes[ids[0]].children;
          assert IsOf(state, e, within);
        }
        VisitStaysWithin(state, children, entered, within);
        var left := Below.Visit(state, children, entered);
        VisitStaysWithin(state, ids[1..], left.(order := [ids[0]] + left.order), within);
      }
    }
  }

  lemma SameBelow(state: State, a: seq<nat>, b: seq<nat>)
    requires WellFormed(state) && Acyclic(state)
    requires forall n | n in a :: n in state.nodes && n in b
    requires forall n | n in b :: n in state.nodes
    ensures Members(Below.Order(state, a)) <= Members(Below.Order(state, b))
  {
    Below.OrderIsTopological(state, b);
    VisitStaysWithin(state, a, Below.Search({}, []), Members(Below.Order(state, b)));
  }

  // Whether the world lets a file node have what its users ask.
  ghost predicate FileAgrees(policy: Policy, world: World, state: State, pairs: Pairs, n: nat)
    requires WellFormed(state) && Covers(pairs, state) && n in state.nodes
  {
    state.nodes[n].file.FileHold? ==>
      CheckFile(policy, world, n, state.nodes[n], Asked(state, pairs, n)).Held?
  }

  // BLK-PERM-030, BLK-PERM-031: the checks pass exactly when the walk does and every file's own
  // check agrees with what it comes to.
  lemma PassesExactlyWhen(
    policy: Policy, world: World, state: State, order: seq<nat>, k: nat, pairs: Pairs,
    holds: Holds
  )
    requires WellFormed(state) && Topological(state, order) && k <= |order|
    requires Refresh.Reached(state, map[], order, k, pairs)
    ensures forall n | n in order[k..] :: n in state.nodes
    ensures var walked := Refresh.Walk(state, map[], order[k..], pairs);
            Check(policy, world, state, order[k..], pairs, holds).Passed? <==>
            && walked.Done?
            && (forall j | k <= j < |order| ::
                  FileAgrees(policy, world, state, walked.pairs, order[j]))
    decreases |order| - k
  {
    if k < |order| {
      var id := order[k];
      assert order[k..][0] == id;
      assert order[k..][1..] == order[k + 1..];
      if HoldsTogether(state, map[], pairs, id) {
        var next := Refresh.UpdateChildren(state, map[], pairs, id);
        var asked := Asked(state, pairs, id);
        Refresh.StepKeepsReached(state, map[], order, k, pairs);
        Refresh.WalkFrom(state, map[], order, k + 1, next);
        var walked := Refresh.Walk(state, map[], order[k..], pairs);
        assert walked == Refresh.Walk(state, map[], order[k + 1..], next);
        assert walked.Done? ==> Asked(state, walked.pairs, id) == asked by {
          if walked.Done? {
            assert AskedList(state, walked.pairs, id) == AskedList(state, next, id);
          }
        }
        var more := holds;
        if state.nodes[id].file.FileHold? {
          var held := CheckFile(policy, world, id, state.nodes[id], asked);
          if held.Held? {
            more := holds[id := held.hold];
          }
        }
        PassesExactlyWhen(policy, world, state, order, k + 1, next, more);
      }
    }
  }

  // What two walks that passed have found for the files is the same.
  lemma SameHolds(
    policy: Policy, state: State, a: seq<nat>, b: seq<nat>, pairs: Pairs, x: Holds, y: Holds
  )
    requires WellFormed(state) && Covers(pairs, state) && Members(a) == Members(b)
    requires forall n | n in a :: n in state.nodes
    requires forall n | n in b :: n in state.nodes
    requires SafeRefresh.HoldsAre(policy, state, a, 0, pairs, x, map[])
    requires SafeRefresh.HoldsAre(policy, state, b, 0, pairs, y, map[])
    ensures x == y
  {
    assert a[0..] == a && b[0..] == b;
    forall n
      ensures n in x <==> n in y
      ensures n in x && n in y ==> x[n] == y[n]
    {
      assert n in a <==> n in Members(b);
      if n in a && state.nodes[n].file.FileHold? {
        var i :| 0 <= i < |a| && a[i] == n;
        var j :| 0 <= j < |b| && b[j] == n;
        assert x[a[i]] == y[b[j]];
      }
    }
  }

  // BLK-PERM-030, BLK-REOPEN-005: a refresh with all its checks comes to the same from the same
  // roots, in whatever order they are given.
  lemma RootsInAnyOrder(
    policy: Policy, world: World, state: State, a: seq<nat>, b: seq<nat>
  )
    requires WellFormed(state) && Acyclic(state)
    requires forall n | n in a :: n in state.nodes && n in b
    requires forall n | n in b :: n in state.nodes && n in a
    ensures var (x, y) :=
              (Checks.Run(policy, world, state, a), Checks.Run(policy, world, state, b));
            x.Refreshed? == y.Refreshed? && (x.Refreshed? ==> x == y)
  {
    hide *;
    var (p, q) := (Below.Order(state, a), Below.Order(state, b));
    SameBelow(state, a, b);
    SameBelow(state, b, a);
    Below.OrderIsTopological(state, a);
    Below.OrderIsTopological(state, b);
    OrderIsOfNodes(state, a);
    OrderIsOfNodes(state, b);
    CheckedAlike(policy, world, state, p, q);
    reveal Checks.Run;
  }

  lemma CheckedAlike(policy: Policy, world: World, state: State, p: seq<nat>, q: seq<nat>)
    requires WellFormed(state) && Acyclic(state)
    requires Topological(state, p) && Topological(state, q) && Members(p) == Members(q)
    ensures forall n | n in p :: n in state.nodes
    ensures forall n | n in q :: n in state.nodes
    ensures var (x, y) := (
                            Check(policy, world, state, p, PairsNow(state), map[]),
                            Check(policy, world, state, q, PairsNow(state), map[]));
            x.Passed? == y.Passed? && (x.Passed? ==> x == y)
  {
    hide *;
    assert (forall n | n in p :: n in state.nodes) && (forall n | n in q :: n in state.nodes) by {
      reveal Topological;
    }
    var now := PairsNow(state);
    assert Covers(now, state) by { reveal Covers, PairsNow; }
    Refresh.OrderDoesNotMatter(state, map[], p, q);
    assert p[0..] == p && q[0..] == q;
    assert Refresh.Reached(state, map[], p, 0, now) && Refresh.Reached(state, map[], q, 0, now) by {
      reveal Refresh.Reached, PairsNow, IsOf, Members, Covers;
    }
    PassesExactlyWhen(policy, world, state, p, 0, now, map[]);
    PassesExactlyWhen(policy, world, state, q, 0, now, map[]);
    SafeRefresh.CheckFrom(policy, world, state, p, 0, now, map[]);
    SafeRefresh.CheckFrom(policy, world, state, q, 0, now, map[]);
    var x := Check(policy, world, state, p, now, map[]);
    var y := Check(policy, world, state, q, now, map[]);
    var walked := Refresh.Walk(state, map[], p, now);
    if walked.Done? {
      forall n | n in p
        ensures n in q
      {
        reveal Members;
        assert n in Members(q);
      }
      forall n | n in q
        ensures n in p
      {
        reveal Members;
        assert n in Members(p);
      }
      AgreeAlike(policy, world, state, walked.pairs, p, q);
      AgreeAlike(policy, world, state, walked.pairs, q, p);
    }
    if x.Passed? {
      SameHolds(policy, state, p, q, x.pairs, x.holds, y.holds);
    }
  }

  lemma AgreeAlike(
    policy: Policy, world: World, state: State, pairs: Pairs, p: seq<nat>, q: seq<nat>
  )
    requires WellFormed(state) && Covers(pairs, state)
    requires forall n | n in p :: n in state.nodes
    requires forall n | n in q :: n in state.nodes && n in p
    ensures (forall j | 0 <= j < |p| :: FileAgrees(policy, world, state, pairs, p[j])) ==>
              (forall j | 0 <= j < |q| :: FileAgrees(policy, world, state, pairs, q[j]))
  {
    hide FileAgrees;
    if forall j | 0 <= j < |p| :: FileAgrees(policy, world, state, pairs, p[j]) {
      forall j | 0 <= j < |q|
        ensures FileAgrees(policy, world, state, pairs, q[j])
      {
        assert q[j] in p;
        var i :| 0 <= i < |p| && p[i] == q[j];
      }
    }
  }
}
