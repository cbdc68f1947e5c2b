// A file that the world does not open for writing gets no writable descriptor by any command, and
// so no user who changes bytes: what would give it one is refused, and changes nothing
// (BLK-RO-011, BLK-FILE-003, BLK-FILE-005, invariant I4).
include "Granting.dfy"
include "Scripts.dfy"

module Upgrades {
  import opened Permission
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnlyStatement
  import opened AutoReadOnly
  import opened Checks
  import opened Granting
  import opened Keeping
  import Loosening
  import Model
  import Scripts
  import Transaction

  // A node that is open, cannot write its file, and would not be let.
  predicate IsShut(world: World, state: State, n: nat, hold: FileHold) {
    && hold.FileHold?
    && AnswersFor(world, hold.path).writing != Opened(hold.inode)
    && (n in state.nodes ==>
          && var file := state.nodes[n].file;
          && file.FileHold? && !file.writableFd
          && file.path == hold.path && file.inode == hold.inode)
  }

  lemma StaysShut(world: World, before: State, after: State, n: nat, hold: FileHold)
    requires KeepsFiles(world, before, after) && IsShut(world, before, n, hold)
    ensures IsShut(world, after, n, hold)
  {
  }

  ghost predicate StillShut(world: World, end: Model.Outcome, n: nat, hold: FileHold) {
    end.Accepted? ==> IsShut(world, end.state, n, hold)
  }

  lemma OpenStepLeavesShut(
    policy: Policy, world: World, state: State, action: Model.Action, n: nat, hold: FileHold
  )
    requires Model.Sound(state) && IsShut(world, state, n, hold)
    requires action.AddNode? || action.OpenFile? || action.Degrade? || action.Settle?
    requires action.AddNode? ==> action.id != n
    ensures StillShut(world, Model.Step(policy, world, state, action), n, hold)
  {
    hide WellFormed, Counted;
  }

  lemma RefreshStepLeavesShut(
    policy: Policy, world: World, state: State, action: Model.Action, n: nat, hold: FileHold
  )
    requires Model.Sound(state) && IsShut(world, state, n, hold)
    requires action.Attach? || action.AttachRoot? || action.SetRoot? || action.Append?
    ensures StillShut(world, Model.Step(policy, world, state, action), n, hold)
  {
    hide WellFormed, Counted, KeepsFiles, IsShut;
    assert WellFormed(state) && Counted(state);
    var end := Model.Step(policy, world, state, action);
    if end.Accepted? {
      match action {
        case Attach(parent, child, name, role) =>
          AttachKeeps(policy, world, state, parent, child, name, role);
        case AttachRoot(node, pair) => AttachRootKeeps(policy, world, state, node, pair);
        case SetRoot(backend, pair) =>
          SetRootKeeps(policy, world, state, state.backends[backend].root, pair);
        case Append(node, overlay) => AppendKeeps(policy, world, state, node, overlay);
      }
      StaysShut(world, state, end.state, n, hold);
    }
  }

  lemma CloseStepLeavesShut(
    policy: Policy, world: World, state: State, action: Model.Action, n: nat, hold: FileHold
  )
    requires Model.Sound(state) && IsShut(world, state, n, hold)
    requires
      || action.RemoveBackend? || action.Close? || action.CloseIfUnreferenced?
      || action.Reopen? || action.MakeReadOnly? || action.Veto?
    ensures StillShut(world, Model.Step(policy, world, state, action), n, hold)
  {
    hide WellFormed, Counted, KeepsFiles, Keeps, IsShut, Transaction.Close, Transaction.Detach;
    assert WellFormed(state) && Counted(state);
    var end := Model.Step(policy, world, state, action);
    if end.Accepted? && end.state != state {
      match action {
        case RemoveBackend(backend) =>
          DetachKeeps(policy, world, state, state.backends[backend].root);
          assert Keeps(world, state, end.state) by { reveal Keeps; }
          KeepsMore(world, state, end.state);
        case Close(id) =>
          CloseKeeps(policy, world, state, id);
          KeepsMore(world, state, end.state);
        case CloseIfUnreferenced(id) =>
          UnreferencedKeeps(policy, world, state, id);
          KeepsMore(world, state, end.state);
        case Reopen(entries) => ReopenKeeps(policy, world, state, entries);
        case MakeReadOnly(entries) => ReopenKeeps(policy, world, state, entries);
        case Veto(node) =>
      }
      StaysShut(world, state, end.state, n, hold);
    }
  }

  lemma RunLeavesShut(
    policy: Policy, world: World, state: State, command: Model.Command, n: nat, hold: FileHold
  )
    requires Model.Sound(state) && IsShut(world, state, n, hold)
    requires forall action | action in command :: action.AddNode? ==> action.id != n
    ensures StillShut(world, Model.RunFrom(policy, world, state, command), n, hold)
    decreases |command|
  {
    hide *;
    reveal Model.RunFrom, StillShut;
    if |command| > 0 {
      var action := command[0];
      assert action in command;
      if action.AddNode? || action.OpenFile? || action.Degrade? || action.Settle? {
        OpenStepLeavesShut(policy, world, state, action, n, hold);
      } else if action.Attach? || action.AttachRoot? || action.SetRoot? || action.Append? {
        RefreshStepLeavesShut(policy, world, state, action, n, hold);
      } else {
        CloseStepLeavesShut(policy, world, state, action, n, hold);
      }
      var end := Model.Step(policy, world, state, action);
      if end.Accepted? {
        assert Model.Sound(end.state) by { reveal Model.IsSound; }
        RunLeavesShut(policy, world, end.state, command[1..], n, hold);
      }
    }
  }

  // BLK-RO-011, BLK-FILE-003, BLK-FILE-005, BLK-GRAPH-007: a node whose file the world does not
  // open for writing, or behind whose path another file lies by now: after any command, of any
  // actions, either the command was refused and the state is the one before it, or nobody who is
  // attached to that node changes bytes and it has no writable descriptor.
  lemma RefusedUpgradeChangesNothing(
    policy: Policy, world: World, state: State, command: Model.Command, n: nat
  )
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    requires n in state.nodes && IsShut(world, state, n, state.nodes[n].file)
    requires forall action | action in command :: action.AddNode? ==> action.id != n
    ensures var end := Model.Run(policy, world, state, command);
            var after := Model.After(policy, world, state, command);
            && (end.Refused? ==> after == state)
            && WellFormed(after)
            && (n in after.nodes ==>
                  && after.nodes[n].file.FileHold? && !after.nodes[n].file.writableFd
                  && !Changes(Asked(after, PairsNow(after), n).perm))
  {
    hide *;
    var hold := state.nodes[n].file;
    RunLeavesShut(policy, world, state, command, n, hold);
    Scripts.CommandIsSafe(policy, world, state, command);
    var after := Model.After(policy, world, state, command);
    assert IsShut(world, after, n, hold) by {
      reveal Model.After, Model.Run, StillShut;
    }
    assert WellFormed(after) by { reveal SafeWhile, SafeBut; }
    if n in after.nodes {
      NobodyChanges(policy, world, after, n, hold);
    }
    reveal Model.After;
  }

  lemma NobodyChanges(policy: Policy, world: World, state: State, n: nat, hold: FileHold)
    requires SafeWhile(policy, state, {}) && n in state.nodes && IsShut(world, state, n, hold)
    ensures WellFormed(state)
    ensures state.nodes[n].file.FileHold? && !state.nodes[n].file.writableFd
    ensures !Changes(Asked(state, PairsNow(state), n).perm)
  {
    Loosening.NodeHolds(state, state, PairsNow(state), n);
    assert IsSettled(policy, state.nodes[n], Asked(state, PairsNow(state), n));
  }
}
