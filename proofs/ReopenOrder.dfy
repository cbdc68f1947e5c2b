// A reopen that changes no link comes to the same whatever the order of its list (BLK-REOPEN-005):
// accepted or refused alike, and then the same state. Which refusal is told follows the list.
include "AnyRoots.dfy"
include "Identity.dfy"
include "ReopenFlags.dfy"

module ReopenOrder {
  import opened Graph
  import opened AutoReadOnly
  import opened Checks
  import opened Reopen
  import AnyRoots
  import Edits
  import Identity
  import ReopenFlags

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
      AnyRoots.RootsInAnyOrder(policy, world, WithFlags(state, p.done), p.roots, q.roots);
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
