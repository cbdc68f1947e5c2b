// A commit cannot fail: when the last refresh of a command was accepted, what is left of the
// command is never refused, in no world, also not in one that answers otherwise by then
// (BLK-PERM-032, BLK-PERM-034, BLK-FILE-006, BLK-REOPEN-020).
include "Passing.dfy"
include "Scripts.dfy"

module Committing {
  import opened Graph
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import opened Passing
  import Cascade
  import Deciding
  import Model
  import Reopen
  import Scripts
  import Transaction

  // ---- A reopen ----

  ghost predicate CloseAllPasses(
    policy: Policy, world: World, state: State, dropped: seq<nat>
  )
    requires WellFormed(state)
    decreases |dropped|
  {
    |dropped| > 0 ==>
      && UnreferencedPasses(policy, world, state, dropped[0])
      && CloseAllPasses(
           policy, world, Transaction.CloseIfUnreferenced(policy, world, state, dropped[0]),
           dropped[1..])
  }

  lemma CloseAllIsSure(
    policy: Policy, world: World, later: World, state: State, dropped: seq<nat>
  )
    requires SafeWhile(policy, state, {})
    ensures WellFormed(state)
    ensures IsSure(
              CloseAllPasses(policy, world, state, dropped),
              Reopen.CloseAll(policy, world, state, dropped),
              Reopen.CloseAll(policy, later, state, dropped))
    decreases |dropped|
  {
    hide *;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    reveal IsSure, CloseAllPasses, Reopen.CloseAll;
    if |dropped| > 0 {
      UnreferencedIsSure(policy, world, later, state, dropped[0]);
      Cascade.UnreferencedIsSafe(policy, world, state, dropped[0]);
      var next := Transaction.CloseIfUnreferenced(policy, world, state, dropped[0]);
      CloseAllIsSure(policy, world, later, next, dropped[1..]);
    }
  }

  // BLK-REOPEN-020, BLK-REOPEN-021, BLK-PERM-034, BLK-FILE-006: every entry of a reopen is
  // prepared, its refresh accepted, no new image refused: then the commit, which closes what the
  // entries dropped, passes in whatever world there is by then, and the reopen comes to what it
  // leaves.
  lemma ReopenCommits(
    policy: Policy, world: World, later: World, state: State, entries: seq<Reopen.Entry>
  )
    requires SafeWhile(policy, state, {}) && Counted(state)
    requires forall entry | entry in entries :: entry.node in state.nodes
    ensures WellFormed(state) && Reopen.Sane(Reopen.Progress(state, [], [], []), state.nodes.Keys)
    ensures var start := Reopen.Progress(state, [], [], []);
            var prepared := Reopen.PrepareAll(policy, world, start, entries, state.nodes.Keys);
            prepared.Prepared? ==>
              var progress := prepared.progress;
              var flagged := Reopen.WithFlags(progress.state, progress.done);
              var decided := Checks.Run(policy, world, flagged, progress.roots);
              decided.Refreshed? && Reopen.RefusedImage(progress.done) < 0 ==>
                && CloseAllPasses(policy, later, decided.state, progress.dropped)
                && Reopen.Run(policy, world, state, entries)
                   == Refreshed(
                        Reopen.CloseAll(policy, later, decided.state, progress.dropped))
  {
    hide *;
    Deciding.PreparedIsExchanged(policy, world, state, entries);
    var nodes := state.nodes.Keys;
    var start := Reopen.Progress(state, [], [], []);
    var prepared := Reopen.PrepareAll(policy, world, start, entries, nodes);
    if prepared.Prepared? {
      var progress := prepared.progress;
      assert WellFormed(progress.state)
             && (forall entry | entry in progress.done :: entry.node in progress.state.nodes)
             && (forall n | n in progress.roots :: n in progress.state.nodes) by {
        reveal Reopen.Sane;
      }
      var flagged := Reopen.WithFlags(progress.state, progress.done);
      Deciding.AcceptedIsSafe(policy, world, state, progress, nodes);
      var decided := Checks.Run(policy, world, flagged, progress.roots);
      if decided.Refreshed? && Reopen.RefusedImage(progress.done) < 0 {
        CloseAllIsSure(policy, later, world, decided.state, progress.dropped);
        reveal Reopen.Run, Reopen.Decide, IsSure;
      }
    }
  }

  // ---- Every command ----

  // Actions that only finish or undo, where what they act upon is there: the end of an open, a
  // backend that goes with its export or device, a node that is deleted or let go, and the
  // read-only reopen after a snapshot.
  ghost predicate Finishes(state: State, action: Model.Action) {
    match action
    case Settle(id) => id in state.nodes
    case RemoveBackend(backend) => Model.HasRoot(state, backend)
    case Close(id) => id in state.nodes && state.nodes[id].parents == []
    case CloseIfUnreferenced(_) => true
    case MakeReadOnly(entries) => Model.AreEntries(state, entries)
    case _ => false
  }

  // Every refresh on the way of such an action is accepted.
  ghost predicate StepPasses(policy: Policy, world: World, state: State, action: Model.Action)
    requires WellFormed(state) && Finishes(state, action)
  {
    match action
    case RemoveBackend(backend) =>
      DetachPasses(policy, world, state, state.backends[backend].root)
    case Close(id) => ClosePasses(policy, world, state, id)
    case CloseIfUnreferenced(id) => UnreferencedPasses(policy, world, state, id)
    case _ => true
  }

  // BLK-PERM-034, BLK-PERM-050, BLK-GRAPH-014, BLK-FILE-006: such an action is never refused, nor
  // is anything on its way, and what it leaves does not depend on what the world answers; but the
  // reopen after a snapshot may come to nothing, which is nobody's business (BLK-GRAPH-023).
  lemma FinishingIsSure(
    policy: Policy, world: World, later: World, state: State, action: Model.Action
  )
    requires Model.Sound(state) && SafeWhile(policy, state, {}) && Finishes(state, action)
    ensures WellFormed(state) && StepPasses(policy, world, state, action)
    ensures var end := Model.Step(policy, world, state, action);
            && end.Accepted?
            && (!action.MakeReadOnly? ==> Model.Step(policy, later, state, action) == end)
  {
    hide WellFormed, Counted, SafeWhile, DetachPasses, ClosePasses, UnreferencedPasses;
    hide Transaction.Detach, Transaction.Close, Transaction.CloseIfUnreferenced;
    hide Reopen.Run;
    assert WellFormed(state);
    match action
    case Settle(id) =>
    case RemoveBackend(backend) =>
      DetachIsSure(policy, world, later, state, {}, state.backends[backend].root);
    case Close(id) =>
      MayBeClosed(policy, state, id);
      CloseIsSure(policy, world, later, state, {}, id);
    case CloseIfUnreferenced(id) => UnreferencedIsSure(policy, world, later, state, id);
    case MakeReadOnly(entries) =>
    case _ =>
  }

  lemma MayBeClosed(policy: Policy, state: State, id: nat)
    requires SafeWhile(policy, state, {}) && id in state.nodes && state.nodes[id].parents == []
    ensures SafeWhile(policy, state, {} + {id})
  {
    hide *;
    Cascade.MayDie(policy, state, id);
    assert {} + {id} == {id};
  }

  // Each action of the rest finds what it acts upon when its turn comes.
  ghost predicate AllFinish(policy: Policy, world: World, state: State, rest: Model.Command)
    requires Model.Sound(state)
    decreases |rest|
  {
    |rest| > 0 ==>
      && Finishes(state, rest[0])
      && var end := Model.Step(policy, world, state, rest[0]);
      (end.Accepted? ==> AllFinish(policy, world, end.state, rest[1..]))
  }

  // BLK-OPEN-009, BLK-GRAPH-014, BLK-PERM-050, BLK-GRAPH-023: what the commands end with.
  lemma RestsOfCommands(
    policy: Policy, world: World, state: State, id: nat, backend: nat,
    entries: seq<Reopen.Entry>
  )
    requires Model.Sound(state)
    // blockdev-add
    ensures id in state.nodes ==> AllFinish(policy, world, state, [Model.Settle(id)])
    // blockdev-del
    ensures id in state.nodes && state.nodes[id].parents == [] ==>
              AllFinish(policy, world, state, [Model.Close(id)])
    // block-export-del, device_del
    ensures Model.HasRoot(state, backend) ==>
              AllFinish(policy, world, state, [Model.RemoveBackend(backend)])
    // blockdev-snapshot
    ensures Model.AreEntries(state, entries) ==>
              AllFinish(policy, world, state, [Model.MakeReadOnly(entries)])
  {
    hide *;
    reveal AllFinish, Finishes;
  }

  lemma RestIsAccepted(policy: Policy, world: World, state: State, rest: Model.Command)
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    requires AllFinish(policy, world, state, rest)
    ensures Model.RunFrom(policy, world, state, rest).Accepted?
    decreases |rest|
  {
    hide *;
    reveal AllFinish, Model.RunFrom;
    if |rest| > 0 {
      FinishingIsSure(policy, world, world, state, rest[0]);
      Scripts.StepIsSafe(policy, world, state, rest[0]);
      var end := Model.Step(policy, world, state, rest[0]);
      assert Model.Sound(end.state) && SafeWhile(policy, end.state, {}) by {
        reveal Model.IsSound, Scripts.IsSafe;
      }
      RestIsAccepted(policy, world, end.state, rest[1..]);
    }
  }

  // BLK-PERM-032, BLK-PERM-034, BLK-GRAPH-007, BLK-OPEN-009: after any script, in any world: a
  // command is some actions and a rest that only finishes. Once the actions are accepted the whole
  // command is. So an open ends, an export is removed, a node is deleted, and a snapshot stands
  // when its append is accepted.
  lemma CommitCannotFail(
    policy: Policy, script: seq<Model.Given>, world: World, actions: Model.Command,
    rest: Model.Command
  )
    requires Model.Sound(Graph.Empty)
    requires var end :=
               Model.RunFrom(
                 policy, world, Model.RunScript(policy, Graph.Empty, script), actions);
             end.Accepted? ==> Model.Sound(end.state) && AllFinish(policy, world, end.state, rest)
    ensures var state := Model.RunScript(policy, Graph.Empty, script);
            Model.RunFrom(policy, world, state, actions).Accepted? ==>
              Model.Run(policy, world, state, actions + rest).Accepted?
  {
    hide *;
    var state := Model.RunScript(policy, Graph.Empty, script);
    Scripts.EveryScriptIsSafe(policy, script);
    assert WellFormed(state) by { reveal Model.Sound; }
    Scripts.NobodyIsDying(policy, state);
    RunInTwo(policy, world, state, actions, rest);
    var end := Model.RunFrom(policy, world, state, actions);
    if end.Accepted? {
      Scripts.RunFromIsSafe(policy, world, state, actions);
      assert SafeWhile(policy, end.state, {}) by { reveal Scripts.IsSafe; }
      RestIsAccepted(policy, world, end.state, rest);
    }
    reveal Model.Run;
  }

  lemma RunInTwo(
    policy: Policy, world: World, state: State, actions: Model.Command, rest: Model.Command
  )
    requires Model.Sound(state)
    ensures var end := Model.RunFrom(policy, world, state, actions);
            end.Accepted? ==>
              && Model.Sound(end.state)
              && Model.RunFrom(policy, world, state, actions + rest)
                 == Model.RunFrom(policy, world, end.state, rest)
    decreases |actions|
  {
    hide *;
    reveal Model.IsSound;
    if |actions| == 0 {
      assert actions + rest == rest;
      reveal Model.RunFrom;
    } else {
      var both := actions + rest;
      assert both[0] == actions[0] && both[1..] == actions[1..] + rest;
      var next := Model.Step(policy, world, state, actions[0]);
      if next.Accepted? {
        RunInTwo(policy, world, next.state, actions[1..], rest);
      }
      reveal Model.RunFrom;
    }
  }
}
