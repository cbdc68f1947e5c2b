// After any script every user may leave or ask for less, and what nobody uses can be deleted,
// whatever the world answers (I10, I12; BLK-PERM-034, BLK-PERM-050, BLK-GRAPH-014).
include "LessAsked.dfy"
include "Scripts.dfy"
include "Users.dfy"

module Leaving {
  import opened Permission
  import opened Graph
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Arriving
  import LessAsked
  import Model
  import Scripts
  import Transaction
  import Users

  ghost predicate Stand(end: Model.Outcome) {
    end.Accepted? ==> BackendsStand(end.state)
  }

  // The actions of an open look at nodes only.
  lemma OpenStepKeepsUsers(policy: Policy, world: World, state: State, action: Model.Action)
    requires Model.Sound(state) && BackendsStand(state)
    requires action.AddNode? || action.OpenFile? || action.Degrade? || action.Settle?
    ensures Stand(Model.Step(policy, world, state, action))
  {
    hide WellFormed;
  }

  // BLK-PERM-050: a new backend has its root.
  lemma AttachRootKeepsUsers(policy: Policy, world: World, state: State, node: nat, pair: Pair)
    requires Model.Sound(state) && BackendsStand(state)
    ensures Stand(Model.Step(policy, world, state, Model.Action.AttachRoot(node, pair)))
  {
    hide WellFormed;
    if node in state.nodes {
      var linked := Arriving.Rooted(state, node, pair);
      Arriving.RootedIsRefreshed(policy, world, state, node, pair);
      assert BackendsStand(linked);
      Users.RefreshKeepsRoots(policy, world, linked, [node]);
      var end := Checks.Run(policy, world, linked, [node]);
      if end.Refreshed? {
        Users.KeptStand(linked, end.state);
      }
    }
  }

  lemma AttachKeepsUsers(
    policy: Policy, world: World, state: State, parent: nat, child: nat, name: string, role: Role
  )
    requires Model.Sound(state) && BackendsStand(state)
    ensures Stand(Model.Step(policy, world, state, Model.Action.Attach(parent, child, name, role)))
  {
    hide WellFormed, BackendsStand, Users.RootsKept;
    if parent in state.nodes && child in state.nodes
       && !Transaction.ClosesCycle(state, parent, child) {
      var linked := Transaction.AttachWithoutRefresh(state, parent, child, name, role);
      Users.LinkKeepsRoots(state, parent, child, name, role);
      Users.RefreshKeepsRoots(policy, world, linked, [parent]);
      Users.KeptStand(state, linked);
      var end := Checks.Run(policy, world, linked, [parent]);
      if end.Refreshed? {
        Users.KeptStand(linked, end.state);
      }
    }
  }

  lemma AskingKeepsRoots(state: State, root: nat, pair: Pair)
    requires WellFormed(state) && root in state.edges
    ensures Users.RootsKept(state, Arriving.Asking(state, root, pair))
  {
    Arriving.AskingIs(state, root, pair);
    hide WellFormed, Arriving.Asking;
  }

  lemma SetRootKeepsUsers(policy: Policy, world: World, state: State, backend: nat, pair: Pair)
    requires Model.Sound(state) && BackendsStand(state)
    ensures Stand(Model.Step(policy, world, state, Model.Action.SetRoot(backend, pair)))
  {
    if Model.HasRoot(state, backend) {
      var root := state.backends[backend].root;
      var child := state.edges[root].child;
      assert child in state.nodes;
      hide WellFormed, BackendsStand, Users.RootsKept;
      var changed := Arriving.Asking(state, root, pair);
      AskingKeepsRoots(state, root, pair);
      Users.KeptStand(state, changed);
      Arriving.AskingIsRefreshed(policy, world, state, root, pair);
      hide Arriving.Asking;
      Users.RefreshKeepsRoots(policy, world, changed, [child]);
      var end := Checks.Run(policy, world, changed, [child]);
      if end.Refreshed? {
        Users.KeptStand(changed, end.state);
      }
    }
  }

  lemma WithoutOneStand(state: State, backend: nat, rest: State, end: State)
    requires BackendsStand(state) && Model.HasRoot(state, backend)
    requires rest.edges == state.edges - {state.backends[backend].root}
    requires rest.backends == state.backends && Users.RootsKept(rest, end)
    ensures BackendsStand(end.(backends := end.backends - {backend}))
  {
  }

  // BLK-PERM-050: a backend goes with its root.
  lemma RemoveKeepsUsers(policy: Policy, world: World, state: State, backend: nat)
    requires Model.Sound(state) && BackendsStand(state)
    ensures Stand(Model.Step(policy, world, state, Model.Action.RemoveBackend(backend)))
  {
    hide WellFormed, BackendsStand, Users.RootsKept;
    if Model.HasRoot(state, backend) {
      var root := state.backends[backend].root;
      Users.DetachKeepsRoots(policy, world, state, root);
      var rest := Transaction.Detached(state, root);
      var end := Transaction.Detach(policy, world, state, root);
      WithoutOneStand(state, backend, rest, end);
    }
  }

  lemma OtherStepKeepsUsers(policy: Policy, world: World, state: State, action: Model.Action)
    requires Model.Sound(state) && BackendsStand(state)
    requires
      || action.Append? || action.Close? || action.CloseIfUnreferenced?
      || action.Reopen? || action.MakeReadOnly? || action.Veto?
    ensures Stand(Model.Step(policy, world, state, action))
  {
    hide WellFormed, Counted, BackendsStand, Users.RootsKept;
    assert Counted(state);
    var end := Model.Step(policy, world, state, action);
    match action
    case Append(node, overlay) =>
      if end.Accepted? {
        Users.AppendKeepsRoots(policy, world, state, node, overlay);
        Users.KeptStand(state, end.state);
      }
    case Close(id) =>
      if end.Accepted? {
        Users.CloseKeepsRoots(policy, world, state, id);
        Users.KeptStand(state, end.state);
      }
    case CloseIfUnreferenced(id) =>
      Users.UnreferencedKeepsRoots(policy, world, state, id);
      Users.KeptStand(state, end.state);
    case Reopen(entries) =>
      if end.Accepted? {
        Users.ReopenKeepsRoots(policy, world, state, entries);
        Users.KeptStand(state, end.state);
      }
    case MakeReadOnly(entries) =>
      if end.state != state {
        Users.ReopenKeepsRoots(policy, world, state, entries);
        Users.KeptStand(state, end.state);
      }
    case Veto(node) =>
  }

  // BLK-PERM-050: no action leaves a backend without its root or a root without its backend.
  lemma StepKeepsUsers(policy: Policy, world: World, state: State, action: Model.Action)
    requires Model.Sound(state) && BackendsStand(state)
    ensures Stand(Model.Step(policy, world, state, action))
  {
    hide *;
    match action
    case AddNode(_, _) => OpenStepKeepsUsers(policy, world, state, action);
    case OpenFile(_, _, _) => OpenStepKeepsUsers(policy, world, state, action);
    case Degrade(_) => OpenStepKeepsUsers(policy, world, state, action);
    case Settle(_) => OpenStepKeepsUsers(policy, world, state, action);
    case Attach(parent, child, name, role) =>
      AttachKeepsUsers(policy, world, state, parent, child, name, role);
    case AttachRoot(node, pair) => AttachRootKeepsUsers(policy, world, state, node, pair);
    case SetRoot(backend, pair) => SetRootKeepsUsers(policy, world, state, backend, pair);
    case RemoveBackend(backend) => RemoveKeepsUsers(policy, world, state, backend);
    case _ => OtherStepKeepsUsers(policy, world, state, action);
  }

  lemma RunFromKeepsUsers(policy: Policy, world: World, state: State, command: Model.Command)
    requires Model.Sound(state) && BackendsStand(state)
    ensures Stand(Model.RunFrom(policy, world, state, command))
    decreases |command|
  {
    hide *;
    reveal Model.RunFrom, Stand;
    if |command| > 0 {
      StepKeepsUsers(policy, world, state, command[0]);
      var end := Model.Step(policy, world, state, command[0]);
      if end.Accepted? {
        assert Model.Sound(end.state) by { reveal Model.IsSound; }
        RunFromKeepsUsers(policy, world, end.state, command[1..]);
      }
    }
  }

  // BLK-PERM-050: nor does any script.
  lemma ScriptKeepsUsers(policy: Policy, state: State, script: seq<Model.Given>)
    requires Model.Sound(state) && BackendsStand(state)
    ensures BackendsStand(Model.RunScript(policy, state, script))
    decreases |script|
  {
    hide *;
    reveal Model.RunScript;
    if |script| > 0 {
      var (world, command) := (script[0].world, script[0].command);
      RunFromKeepsUsers(policy, world, state, command);
      var next := Model.After(policy, world, state, command);
      assert BackendsStand(next) by { reveal Model.After, Model.Run, Stand; }
      ScriptKeepsUsers(policy, next, script[1..]);
    }
  }

  // BLK-PERM-041, BLK-PERM-050: a backend that is there can be removed.
  lemma RemoveIsAccepted(policy: Policy, world: World, state: State, backend: nat)
    requires Model.Sound(state) && Model.HasRoot(state, backend)
    ensures Model.Step(policy, world, state, Model.Action.RemoveBackend(backend)).Accepted?
  {
    hide WellFormed;
  }

  // BLK-PERM-034, BLK-PERM-041, BLK-PERM-050: after any script a backend may be removed, and may
  // ask for less, whatever the world answers then.
  lemma EveryUserMayLeave(
    policy: Policy, script: seq<Model.Given>, world: World, backend: nat, less: Pair
  )
    requires Model.Sound(Graph.Empty)
    requires var state := Model.RunScript(policy, Graph.Empty, script);
             && backend in state.backends
             && (state.backends[backend].root in state.edges ==>
                   AsksNoLess(state.edges[state.backends[backend].root].pair, less))
    ensures var state := Model.RunScript(policy, Graph.Empty, script);
            && Model.Step(
                 policy, world, state, Model.Action.RemoveBackend(backend)).Accepted?
            && Model.Step(
                 policy, world, state, Model.Action.SetRoot(backend, less)).Accepted?
  {
    var state := Model.RunScript(policy, Graph.Empty, script);
    ScriptKeepsUsers(policy, Graph.Empty, script);
    assert Model.HasRoot(state, backend);
    hide *;
    Scripts.EveryScriptIsSafe(policy, script);
    assert WellFormed(state) by { reveal Model.Sound; }
    Scripts.NobodyIsDying(policy, state);
    LessAsked.MayAlwaysAskLess(policy, world, state, backend, less);
    RemoveIsAccepted(policy, world, state, backend);
  }

  // BLK-GRAPH-014: what nobody uses can be deleted (I12).
  lemma WhatNobodyUsesCanGo(policy: Policy, world: World, state: State, node: nat)
    requires Model.Sound(state) && node in state.nodes && state.nodes[node].parents == []
    ensures var end := Model.Step(policy, world, state, Model.Action.Close(node));
            end.Accepted? && node !in end.state.nodes
  {
    hide WellFormed;
  }
}
