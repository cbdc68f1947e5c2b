// A reopen that changes no link comes to the same whatever the order of its list (BLK-REOPEN-005):
// accepted or refused alike, and then the same state. Which refusal is told follows the list.
include "Identity.dfy"
include "ReopenFlags.dfy"
include "SafeRefresh.dfy"

module ReopenOrder {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import opened AutoReadOnly
  import opened Checks
  import opened Reopen
  import Below
  import Edits
  import Identity
  import Refresh
  import ReopenFlags
  import SafeRefresh

  // ---- The refresh below some roots, whatever their order ----

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

  // ---- Preparing ----

  // The entries name nodes, and the children that these have.
  ghost predicate KeepLinks(state: State, entries: seq<Entry>)
    requires WellFormed(state)
  {
    forall entry | entry in entries ::
      && entry.node in state.nodes
      && (forall change | change in entry.changes ::
            Identity.NamesThePresent(state, entry.node, change))
  }

  // The entry as it is decided.
  ghost function AsDecided(policy: Policy, world: World, state: State, entry: Entry): Decided
    requires entry.node in state.nodes
  {
    if entry.refusedBefore || entry.refusedAfter then DecideRefused(Elsewhere)
    else DecideFlags(policy, world, state.nodes[entry.node], entry)
  }

  // The entries that were decided are those of the list, one for one.
  ghost predicate DoneAre(
    policy: Policy, world: World, state: State, entries: seq<Entry>, done: seq<Entry>,
    roots: seq<nat>
  ) {
    && |done| == |entries| && |roots| == |entries|
    && (forall i | 0 <= i < |entries| ::
          && entries[i].node in state.nodes
          && AsDecided(policy, world, state, entries[i]) == Decided(done[i])
          && roots[i] == entries[i].node && done[i].node == entries[i].node)
  }

  // BLK-REOPEN-020: each entry is prepared by itself, and its node is a root of the one refresh.
  lemma PreparesEach(
    policy: Policy, world: World, progress: Progress, entries: seq<Entry>, nodes: set<nat>
  )
    requires Sane(progress, nodes) && KeepLinks(progress.state, entries)
    ensures forall entry | entry in entries :: entry.node in nodes
    ensures var end := PrepareAll(policy, world, progress, entries, nodes);
            && (end.Prepared? <==> forall entry | entry in entries ::
                                     AsDecided(policy, world, progress.state, entry).Decided?)
            && (end.Prepared? ==>
                  && end.progress.state == progress.state
                  && end.progress.dropped == progress.dropped
                  && |end.progress.done| >= |progress.done|
                  && |end.progress.roots| >= |progress.roots|
                  && end.progress.done[..|progress.done|] == progress.done
                  && end.progress.roots[..|progress.roots|] == progress.roots
                  && DoneAre(
                       policy, world, progress.state, entries,
                       end.progress.done[|progress.done|..],
                       end.progress.roots[|progress.roots|..]))
    decreases |entries|
  {
    if |entries| > 0 {
      var entry := entries[0];
      var rest := entries[1..];
      assert entry in entries;
      assert forall other :: other in entries <==> other == entry || other in rest;
      var rooted := progress.(roots := progress.roots + [entry.node]);
      Identity.LinksStay(rooted, entry.node, entry.changes, nodes);
      var next := Prepare(policy, world, progress, entry, nodes);
      assert next.Prepared? <==> AsDecided(policy, world, progress.state, entry).Decided?;
      if next.Prepared? {
        PreparesEach(policy, world, next.progress, rest, nodes);
        var end := PrepareAll(policy, world, progress, entries, nodes);
        if end.Prepared? {
          DoneOfStep(policy, world, progress, next.progress, end.progress, entries);
        }
      }
    }
  }

  lemma DoneOfStep(
    policy: Policy, world: World, before: Progress, next: Progress, end: Progress,
    entries: seq<Entry>
  )
    requires |entries| > 0 && entries[0].node in before.state.nodes
    requires var decided := AsDecided(policy, world, before.state, entries[0]);
             && decided.Decided? && next.done == before.done + [decided.entry]
             && next.roots == before.roots + [entries[0].node]
    requires |end.done| >= |next.done| && |end.roots| >= |next.roots|
    requires end.done[..|next.done|] == next.done && end.roots[..|next.roots|] == next.roots
    requires DoneAre(
               policy, world, before.state, entries[1..], end.done[|next.done|..],
               end.roots[|next.roots|..])
    ensures end.done[..|before.done|] == before.done
    ensures end.roots[..|before.roots|] == before.roots
    ensures DoneAre(
              policy, world, before.state, entries, end.done[|before.done|..],
              end.roots[|before.roots|..])
  {
    assert end.done[..|before.done|] == end.done[..|next.done|][..|before.done|];
    assert end.roots[..|before.roots|] == end.roots[..|next.roots|][..|before.roots|];
    assert end.done[|before.done|] == end.done[..|next.done|][|before.done|];
    assert end.roots[|before.roots|] == end.roots[..|next.roots|][|before.roots|];
    var (done, roots) := (end.done[|before.done|..], end.roots[|before.roots|..]);
    assert done == [next.done[|before.done|]] + end.done[|next.done|..];
    assert roots == [entries[0].node] + end.roots[|next.roots|..];
    forall i | 0 <= i < |entries|
      ensures entries[i].node in before.state.nodes
      ensures AsDecided(policy, world, before.state, entries[i]) == Decided(done[i])
      ensures roots[i] == entries[i].node && done[i].node == entries[i].node
    {
      if i > 0 {
        assert entries[1..][i - 1] == entries[i];
      }
    }
  }

  // ---- Deciding ----

  lemma FlagsOnly(state: State, entries: seq<Entry>)
    requires WellFormed(state) && forall entry | entry in entries :: entry.node in state.nodes
    ensures var after := WithFlags(state, entries);
            forall n | n in state.nodes ::
              after.nodes[n] == state.nodes[n].(
              writable := after.nodes[n].writable,
              autoReadOnly := after.nodes[n].autoReadOnly)
    decreases |entries|
  {
    if |entries| > 0 {
      assert entries[0] in entries;
      var node := state.nodes[entries[0].node].(
      writable := entries[0].writable, autoReadOnly := entries[0].autoReadOnly);
      FlagsOnly(Edits.PutNode(state, entries[0].node, node), entries[1..]);
    }
  }

  lemma SameFlagged(state: State, a: seq<Entry>, b: seq<Entry>)
    requires WellFormed(state) && ReopenFlags.EachOnce(a) && ReopenFlags.EachOnce(b)
    requires forall entry :: entry in a <==> entry in b
    requires forall entry | entry in a :: entry.node in state.nodes
    ensures WithFlags(state, a) == WithFlags(state, b)
  {
    var (x, y) := (WithFlags(state, a), WithFlags(state, b));
    FlagsOnly(state, a);
    FlagsOnly(state, b);
    forall n | n in state.nodes
      ensures x.nodes[n] == y.nodes[n]
    {
      ReopenFlags.FlagsDoNotDependOnOrder(state, a, b, n);
    }
    assert x.nodes == y.nodes;
  }

  lemma ImageIsRefused(entries: seq<Entry>)
    ensures RefusedImage(entries) >= 0 <==> exists entry :: entry in entries && entry.refusedImage
  {
    if |entries| > 0 {
      ImageIsRefused(entries[1..]);
      assert forall entry :: entry in entries <==> entry == entries[0] || entry in entries[1..];
    }
  }

  // The same entries in another order are decided alike.
  lemma DoneAlike(
    policy: Policy, world: World, state: State, a: seq<Entry>, b: seq<Entry>,
    doneA: seq<Entry>, doneB: seq<Entry>, rootsA: seq<nat>, rootsB: seq<nat>
  )
    requires forall entry | entry in a :: entry in b
    requires ReopenFlags.EachOnce(a)
    requires DoneAre(policy, world, state, a, doneA, rootsA)
    requires DoneAre(policy, world, state, b, doneB, rootsB)
    ensures ReopenFlags.EachOnce(doneA)
    ensures forall entry | entry in doneA :: entry in doneB && entry.node in state.nodes
    ensures forall n | n in rootsA :: n in rootsB && n in state.nodes
  {
    hide AsDecided;
    forall i | 0 <= i < |a|
      ensures doneA[i] in doneB && rootsA[i] in rootsB
    {
      assert a[i] in b;
      var j :| 0 <= j < |b| && b[j] == a[i];
      assert doneB[j] == doneA[i] && rootsB[j] == rootsA[i];
    }
  }

  lemma FlagsKeepRanks(state: State, entries: seq<Entry>)
    requires WellFormed(state) && Acyclic(state)
    requires forall entry | entry in entries :: entry.node in state.nodes
    ensures Acyclic(WithFlags(state, entries))
  {
    var rank :| Ranked(state, rank);
    assert Ranked(WithFlags(state, entries), rank);
  }

  // BLK-REOPEN-005: of a reopen that changes no link neither the outcome nor the state after it
  // depends on the order of the list.
  lemma {:isolate_assertions} ListOrderDoesNotMatter(
    policy: Policy, world: World, state: State, a: seq<Entry>, b: seq<Entry>
  )
    requires WellFormed(state) && Counted(state) && Acyclic(state)
    requires ReopenFlags.EachOnce(a) && ReopenFlags.EachOnce(b)
    requires forall entry :: entry in a <==> entry in b
    requires KeepLinks(state, a)
    ensures forall entry | entry in a :: entry.node in state.nodes
    ensures forall entry | entry in b :: entry.node in state.nodes
    ensures var (x, y) :=
              (Reopen.Run(policy, world, state, a), Reopen.Run(policy, world, state, b));
            x.Refreshed? == y.Refreshed? && (x.Refreshed? ==> x == y)
  {
    hide *;
    assert KeepLinks(state, b) by { reveal KeepLinks; }
    var nodes := state.nodes.Keys;
    var progress := Progress(state, [], [], []);
    assert Sane(progress, nodes) by { reveal Sane; }
    PreparesEach(policy, world, progress, a, nodes);
    PreparesEach(policy, world, progress, b, nodes);
    var x := PrepareAll(policy, world, progress, a, nodes);
    var y := PrepareAll(policy, world, progress, b, nodes);
    assert x.Prepared? == y.Prepared?;
    if x.Prepared? {
      var (p, q) := (x.progress, y.progress);
      assert p.done[0..] == p.done && p.roots[0..] == p.roots;
      assert q.done[0..] == q.done && q.roots[0..] == q.roots;
      DoneAlike(policy, world, state, a, b, p.done, q.done, p.roots, q.roots);
      DoneAlike(policy, world, state, b, a, q.done, p.done, q.roots, p.roots);
      SameFlagged(state, p.done, q.done);
      FlagsKeepRanks(state, p.done);
      RootsInAnyOrder(policy, world, WithFlags(state, p.done), p.roots, q.roots);
      ImageIsRefused(p.done);
      ImageIsRefused(q.done);
      DecidedAlike(policy, world, p, q, nodes);
    }
    reveal Reopen.Run;
  }

  lemma DecidedAlike(policy: Policy, world: World, p: Progress, q: Progress, nodes: set<nat>)
    requires Sane(p, nodes) && Sane(q, nodes)
    requires p.state == q.state && p.dropped == q.dropped
    requires WithFlags(p.state, p.done) == WithFlags(q.state, q.done)
    requires var (x, y) := (
                             Checks.Run(policy, world, WithFlags(p.state, p.done), p.roots),
                             Checks.Run(policy, world, WithFlags(q.state, q.done), q.roots));
             x.Refreshed? == y.Refreshed? && (x.Refreshed? ==> x == y)
    requires RefusedImage(p.done) >= 0 <==> RefusedImage(q.done) >= 0
    ensures var (x, y) := (Decide(policy, world, p, nodes), Decide(policy, world, q, nodes));
            x.Refreshed? == y.Refreshed? && (x.Refreshed? ==> x == y)
  {
    hide *;
    reveal Sane, Decide;
  }
}
