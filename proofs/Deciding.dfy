// A reopen leaves a safe graph: its one refresh sees whatever its entries exchange and the flags
// they set, and what lost its last user is closed (BLK-REOPEN-015, BLK-REOPEN-020, BLK-REOPEN-021).
include "Cascade.dfy"
include "Exchanging.dfy"

module Deciding {
  import opened Graph
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Cascade
  import Edits
  import Editing
  import Exchanging
  import Reopen
  import Transaction

  // The flags of some nodes, and nothing else.
  ghost predicate AreFlags(before: State, of: set<nat>, after: State) {
    && after.edges == before.edges
    && after.nodes.Keys == before.nodes.Keys
    && (forall n | n in before.nodes ::
          && after.nodes[n] == before.nodes[n].(
                               writable := after.nodes[n].writable,
                               autoReadOnly := after.nodes[n].autoReadOnly)
          && (n !in of ==> after.nodes[n] == before.nodes[n]))
  }

  lemma WithFlagsAre(state: State, entries: seq<Reopen.Entry>)
    requires WellFormed(state)
    requires forall entry | entry in entries :: entry.node in state.nodes
    ensures AreFlags(
              state, set entry | entry in entries :: entry.node,
              Reopen.WithFlags(state, entries))
    decreases |entries|
  {
    hide WellFormed;
    if |entries| > 0 {
      assert entries[0] in entries;
      var node := state.nodes[entries[0].node].(
      writable := entries[0].writable, autoReadOnly := entries[0].autoReadOnly);
      var next := Edits.PutNode(state, entries[0].node, node);
      WithFlagsAre(next, entries[1..]);
    }
  }

  // BLK-REOPEN-020: a node whose flags change is a root.
  lemma FlagsAreEdit(
    before: State, roots: seq<nat>, state: State, of: set<nat>, after: State
  )
    requires Editing.IsEdit(before, roots, state) && WellFormed(after)
    requires AreFlags(state, of, after) && forall n | n in of :: n in roots
    ensures Editing.IsEdit(before, roots, after)
  {
    var rank :| Ranked(state, rank);
    assert Ranked(after, rank);
    forall n | n in after.nodes && !Editing.Near(after, roots, n)
      ensures Editing.SameFlags(before, after, n) && Editing.SameEdges(before, after, n)
    {
      assert !Editing.Near(state, roots, n);
      assert n !in roots;
    }
  }

  lemma CloseAllIsSafe(policy: Policy, world: World, state: State, dropped: seq<nat>)
    requires SafeWhile(policy, state, {})
    ensures WellFormed(state)
    ensures SafeWhile(policy, Reopen.CloseAll(policy, world, state, dropped), {})
    decreases |dropped|
  {
    hide *;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    reveal Reopen.CloseAll;
    if |dropped| > 0 {
      Cascade.UnreferencedIsSafe(policy, world, state, dropped[0]);
      var next := Transaction.CloseIfUnreferenced(policy, world, state, dropped[0]);
      CloseAllIsSafe(policy, world, next, dropped[1..]);
    }
  }

  // BLK-REOPEN-020, BLK-PERM-003: what the one refresh accepted.
  lemma AcceptedIsSafe(
    policy: Policy, world: World, before: State, progress: Reopen.Progress, nodes: set<nat>
  )
    requires SafeWhile(policy, before, {}) && Exchanging.Exchanged(before, progress, nodes)
    requires Reopen.Sane(progress, nodes)
    ensures var flagged := Reopen.WithFlags(progress.state, progress.done);
            var end := Checks.Run(policy, world, flagged, progress.roots);
            end.Refreshed? ==> SafeWhile(policy, end.state, {})
  {
    hide *;
    var state := progress.state;
    assert WellFormed(state) && forall entry | entry in progress.done :: entry.node in state.nodes
    by { reveal Reopen.Sane; }
    var flagged := Reopen.WithFlags(state, progress.done);
    WithFlagsAre(state, progress.done);
    var of := set entry | entry in progress.done :: entry.node;
    assert Editing.IsEdit(before, progress.roots, state)
           && forall n | n in of :: n in progress.roots by { reveal Exchanging.Exchanged; }
    FlagsAreEdit(before, progress.roots, state, of, flagged);
    assert AreTops(flagged, {}) by { reveal AreTops; }
    Editing.EditIsSafe(policy, world, before, {}, progress.roots, flagged);
  }

  // BLK-REOPEN-020, BLK-REOPEN-021: and the closes at the commit.
  lemma DecideIsSafe(
    policy: Policy, world: World, before: State, progress: Reopen.Progress, nodes: set<nat>
  )
    requires SafeWhile(policy, before, {}) && Exchanging.Exchanged(before, progress, nodes)
    requires Reopen.Sane(progress, nodes)
    ensures var end := Reopen.Decide(policy, world, progress, nodes);
            end.Refreshed? ==> SafeWhile(policy, end.state, {})
  {
    hide *;
    assert WellFormed(progress.state)
           && forall entry | entry in progress.done :: entry.node in progress.state.nodes
    by { reveal Reopen.Sane; }
    AcceptedIsSafe(policy, world, before, progress, nodes);
    var flagged := Reopen.WithFlags(progress.state, progress.done);
    assert forall n | n in progress.roots :: n in flagged.nodes by { reveal Reopen.Sane; }
    var end := Checks.Run(policy, world, flagged, progress.roots);
    if end.Refreshed? {
      CloseAllIsSafe(policy, world, end.state, progress.dropped);
    }
    reveal Reopen.Decide;
  }

  // What a whole reopen prepares.
  lemma PreparedIsExchanged(
    policy: Policy, world: World, state: State, entries: seq<Reopen.Entry>
  )
    requires SafeWhile(policy, state, {}) && Counted(state)
    requires forall entry | entry in entries :: entry.node in state.nodes
    ensures WellFormed(state) && Reopen.Sane(Reopen.Progress(state, [], [], []), state.nodes.Keys)
    ensures var start := Reopen.Progress(state, [], [], []);
            var end := Reopen.PrepareAll(policy, world, start, entries, state.nodes.Keys);
            end.Prepared? ==>
              && Reopen.Sane(end.progress, state.nodes.Keys)
              && Exchanging.Exchanged(state, end.progress, state.nodes.Keys)
  {
    hide *;
    assert WellFormed(state) && Acyclic(state) by { reveal SafeWhile, SafeBut; }
    var nodes := state.nodes.Keys;
    var start := Reopen.Progress(state, [], [], []);
    Editing.NoEdit(state);
    assert Reopen.Sane(start, nodes) by { reveal Reopen.Sane; }
    assert Exchanging.Exchanged(state, start, nodes) by { reveal Exchanging.Exchanged; }
    Exchanging.PrepareAllKeeps(policy, world, state, start, entries, nodes);
  }

  // BLK-REOPEN-015, BLK-REOPEN-020, BLK-REOPEN-021, BLK-PERM-003, BLK-PERM-006: a reopen that is
  // accepted leaves a safe graph.
  lemma ReopenIsSafe(
    policy: Policy, world: World, state: State, entries: seq<Reopen.Entry>
  )
    requires SafeWhile(policy, state, {}) && Counted(state)
    requires forall entry | entry in entries :: entry.node in state.nodes
    ensures WellFormed(state)
    ensures var end := Reopen.Run(policy, world, state, entries);
            end.Refreshed? ==> SafeWhile(policy, end.state, {})
  {
    hide *;
    PreparedIsExchanged(policy, world, state, entries);
    var nodes := state.nodes.Keys;
    var start := Reopen.Progress(state, [], [], []);
    var end := Reopen.PrepareAll(policy, world, start, entries, nodes);
    if end.Prepared? {
      DecideIsSafe(policy, world, state, end.progress, nodes);
    }
    reveal Reopen.Run;
  }
}
