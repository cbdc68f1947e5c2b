// The flags of reopened nodes when the whole command is over: its closes change nobody's flags
// (BLK-RO-002, BLK-RO-015, BLK-RO-030, BLK-REOPEN-020).
include "Granting.dfy"
include "Model.dfy"
include "ReopenFlags.dfy"

module FlagsAfter {
  import opened Graph
  import opened AutoReadOnly
  import opened Checks
  import opened Reopen
  import Granting
  import Keeping
  import Model
  import ReopenFlags

  // The flags are the entry's; only the static policy may have degraded a file that was asked
  // read-write (BLK-RO-015).
  predicate AreAsAsked(policy: Policy, entry: Entry, writable: bool, autoReadOnly: bool) {
    && autoReadOnly == entry.autoReadOnly
    && (writable == entry.writable
        || (policy == Static && entry.autoReadOnly && entry.writable && !writable))
  }

  lemma DecidedAsAsked(policy: Policy, world: World, node: GraphNode, entry: Entry)
    ensures var end := DecideFlags(policy, world, node, entry);
            end.Decided? ==>
              && end.entry.node == entry.node
              && AreAsAsked(policy, entry, end.entry.writable, end.entry.autoReadOnly)
  {
  }

  lemma ChildKeepsDone(progress: Progress, id: nat, change: ChildChange, nodes: set<nat>)
    requires Sane(progress, nodes) && id in nodes
    ensures var end := ChangeChild(progress, id, change, nodes);
            end.Prepared? ==> end.progress.done == progress.done
  {
    hide *;
    assert forall e | e in progress.state.nodes[id].children :: e in progress.state.edges by {
      reveal Sane, WellFormed;
    }
    reveal ChangeChild, TakeOut, PutIn;
  }

  lemma ChildrenKeepDone(progress: Progress, id: nat, changes: seq<ChildChange>, nodes: set<nat>)
    requires Sane(progress, nodes) && id in nodes
    ensures var end := ChangeChildren(progress, id, changes, nodes);
            end.Prepared? ==> end.progress.done == progress.done
    decreases |changes|
  {
    hide *;
    reveal ChangeChildren;
    if |changes| > 0 {
      ChildKeepsDone(progress, id, changes[0], nodes);
      var end := ChangeChild(progress, id, changes[0], nodes);
      if end.Prepared? {
        ChildrenKeepDone(end.progress, id, changes[1..], nodes);
      }
    }
  }

  // The entries that were decided are those of the list, one for one.
  ghost predicate Follow(policy: Policy, entries: seq<Entry>, done: seq<Entry>) {
    && |done| == |entries|
    && (forall i | 0 <= i < |entries| ::
          && done[i].node == entries[i].node
          && AreAsAsked(policy, entries[i], done[i].writable, done[i].autoReadOnly))
  }

  lemma OneIsDone(
    policy: Policy, world: World, progress: Progress, entry: Entry, nodes: set<nat>
  )
    requires Sane(progress, nodes) && entry.node in nodes
    ensures var end := Prepare(policy, world, progress, entry, nodes);
            end.Prepared? ==>
              && |end.progress.done| > 0
              && var last := |end.progress.done| - 1;
              && end.progress.done[..last] == progress.done
              && Follow(policy, [entry], [end.progress.done[last]])
  {
    hide *;
    var end := Prepare(policy, world, progress, entry, nodes);
    if end.Prepared? {
      assert entry.node in progress.state.nodes by { reveal Sane; }
      DecidedAsAsked(policy, world, progress.state.nodes[entry.node], entry);
      var rooted := progress.(roots := progress.roots + [entry.node]);
      assert Sane(rooted, nodes) by { reveal Sane; }
      ChildrenKeepDone(rooted, entry.node, entry.changes, nodes);
      reveal Prepare, Follow;
    }
  }

  lemma AllAreDone(
    policy: Policy, world: World, progress: Progress, entries: seq<Entry>, nodes: set<nat>
  )
    requires Sane(progress, nodes) && forall entry | entry in entries :: entry.node in nodes
    ensures var end := PrepareAll(policy, world, progress, entries, nodes);
            end.Prepared? ==>
              && |end.progress.done| >= |progress.done|
              && end.progress.done[..|progress.done|] == progress.done
              && Follow(policy, entries, end.progress.done[|progress.done|..])
    decreases |entries|
  {
    hide *;
    reveal PrepareAll;
    if |entries| == 0 {
      reveal Follow;
    } else {
      assert entries[0] in entries;
      OneIsDone(policy, world, progress, entries[0], nodes);
      var next := Prepare(policy, world, progress, entries[0], nodes);
      if next.Prepared? {
        AllAreDone(policy, world, next.progress, entries[1..], nodes);
        var end := PrepareAll(policy, world, progress, entries, nodes);
        if end.Prepared? {
          var had := |progress.done|;
          var done := end.progress.done;
          assert done[..had + 1] == next.progress.done;
          assert done[..had] == done[..had + 1][..had];
          assert done[had] == done[..had + 1][had];
          assert done[had..] == [done[had]] + done[had + 1..];
          assert entries == [entries[0]] + entries[1..];
          FollowTwice(policy, [entries[0]], entries[1..], [done[had]], done[had + 1..]);
        }
      }
    }
  }

  lemma FollowTwice(
    policy: Policy, a: seq<Entry>, b: seq<Entry>, doneA: seq<Entry>, doneB: seq<Entry>
  )
    requires Follow(policy, a, doneA) && Follow(policy, b, doneB)
    ensures Follow(policy, a + b, doneA + doneB)
  {
  }

  // A node that is there after the closes has the flags it had before them.
  lemma ClosesKeepFlags(policy: Policy, world: World, state: State, dropped: seq<nat>, n: nat)
    requires WellFormed(state) && n in CloseAll(policy, world, state, dropped).nodes
    ensures n in state.nodes
    ensures var after := CloseAll(policy, world, state, dropped);
            && after.nodes[n].writable == state.nodes[n].writable
            && after.nodes[n].autoReadOnly == state.nodes[n].autoReadOnly
  {
    hide *;
    Granting.CloseAllKeeps(policy, world, state, dropped);
    reveal Keeping.Keeps, Keeping.KeepsNode;
  }

  // The flags that were decided are those after the refresh, and after the closes.
  lemma DecideSetsFlags(
    policy: Policy, world: World, progress: Progress, nodes: set<nat>, i: nat
  )
    requires Sane(progress, nodes) && ReopenFlags.EachOnce(progress.done) && i < |progress.done|
    ensures var end := Decide(policy, world, progress, nodes);
            var done := progress.done[i];
            end.Refreshed? && done.node in end.state.nodes ==>
              && end.state.nodes[done.node].writable == done.writable
              && end.state.nodes[done.node].autoReadOnly == done.autoReadOnly
  {
    hide *;
    reveal Sane, Decide;
    assert progress.done[i] in progress.done;
    var n := progress.done[i].node;
    ReopenFlags.FlagsAreAsAsked(progress.state, progress.done, i);
    var flagged := WithFlags(progress.state, progress.done);
    var end := Decide(policy, world, progress, nodes);
    if end.Refreshed? && n in end.state.nodes {
      var refreshed := Checks.Run(policy, world, flagged, progress.roots).state;
      ClosesKeepFlags(policy, world, refreshed, progress.dropped, n);
      assert refreshed.nodes[n] == flagged.nodes[n].(file := refreshed.nodes[n].file);
    }
  }

  // BLK-RO-030, BLK-REOPEN-020, BLK-RO-015: after an accepted reopen, whatever links it changed and
  // whatever it closed, each listed node that is still there has the flags that its entry asks for.
  lemma ReopenedHaveTheirFlags(
    policy: Policy, world: World, state: State, entries: seq<Entry>, i: nat
  )
    requires Model.Sound(state) && i < |entries|
    ensures var end := Model.Run(policy, world, state, [Model.Action.Reopen(entries)]);
            var n := entries[i].node;
            end.Accepted? && n in end.state.nodes ==>
              AreAsAsked(
                policy, entries[i], end.state.nodes[n].writable, end.state.nodes[n].autoReadOnly)
  {
    hide WellFormed, Counted, Reopen.Run, AreAsAsked;
    assert WellFormed(state) && Counted(state);
    var command := [Model.Action.Reopen(entries)];
    var end := Model.Run(policy, world, state, command);
    if end.Accepted? {
      assert command[1..] == [];
      var next := Model.Step(policy, world, state, command[0]);
      assert Model.RunFrom(policy, world, next.state, []) == Model.Accepted(next.state);
      RunSetsFlags(policy, world, state, entries, i);
    }
  }

  lemma RunSetsFlags(
    policy: Policy, world: World, state: State, entries: seq<Entry>, i: nat
  )
    requires WellFormed(state) && Counted(state) && ReopenFlags.EachOnce(entries)
    requires forall entry | entry in entries :: entry.node in state.nodes
    requires i < |entries|
    ensures var end := Reopen.Run(policy, world, state, entries);
            var n := entries[i].node;
            end.Refreshed? && n in end.state.nodes ==>
              AreAsAsked(
                policy, entries[i], end.state.nodes[n].writable, end.state.nodes[n].autoReadOnly)
  {
    hide *;
    var nodes := state.nodes.Keys;
    var start := Progress(state, [], [], []);
    assert Sane(start, nodes) by { reveal Sane; }
    AllAreDone(policy, world, start, entries, nodes);
    var end := PrepareAll(policy, world, start, entries, nodes);
    if end.Prepared? {
      var done := end.progress.done;
      assert done[0..] == done;
      assert ReopenFlags.EachOnce(done) && i < |done| && done[i].node == entries[i].node
             && AreAsAsked(policy, entries[i], done[i].writable, done[i].autoReadOnly) by {
        reveal Follow, ReopenFlags.EachOnce;
      }
      DecideSetsFlags(policy, world, end.progress, nodes, i);
    }
    reveal Reopen.Run;
  }
}
