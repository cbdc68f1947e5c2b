// Safety as an induction over whole scripts: whatever commands are given from the empty graph on,
// and whatever the world answers, the graph between them is safe (BLK-GRAPH-001, BLK-GRAPH-007,
// BLK-GRAPH-008, BLK-PERM-003, BLK-PERM-006, BLK-PERM-007, BLK-PERM-032, BLK-PERM-033).
include "Appending.dfy"
include "Arriving.dfy"
include "Deciding.dfy"
include "ModelLaws.dfy"
include "Opening.dfy"

module Scripts {
  import opened Graph
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Appending
  import Arriving
  import Attaching
  import Cascade
  import Deciding
  import Model
  import Opening

  // A refresh that was accepted is an action that was.
  lemma OfRefreshIsSafe(policy: Policy, end: Refreshed)
    requires end.Refreshed? ==> SafeWhile(policy, end.state, {})
    ensures IsSafe(policy, Model.OfRefresh(end))
  {
  }

  ghost predicate IsSafe(policy: Policy, end: Model.Outcome) {
    end.Accepted? ==> SafeWhile(policy, end.state, {})
  }

  // The actions of an open.
  lemma OpenStepIsSafe(policy: Policy, world: World, state: State, action: Model.Action)
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    requires action.AddNode? || action.OpenFile? || action.Degrade? || action.Settle?
    ensures IsSafe(policy, Model.Step(policy, world, state, action))
  {
    hide *;
    reveal IsSafe;
    match action
    case AddNode(id, made) => Opening.AddedIsSafe(policy, world, state, id, made);
    case OpenFile(id, path, locking) =>
      Opening.OpenedIsSafe(policy, world, state, id, path, locking);
    case Degrade(id) => Opening.DegradedIsSafe(policy, world, state, id);
    case Settle(id) => Opening.SettledIsSafe(policy, world, state, id);
  }

  // The actions of one refresh.
  lemma RefreshStepIsSafe(policy: Policy, world: World, state: State, action: Model.Action)
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    requires action.Attach? || action.AttachRoot? || action.SetRoot? || action.Append?
    ensures IsSafe(policy, Model.Step(policy, world, state, action))
  {
    hide SafeWhile, WellFormed, Counted;
    assert Counted(state);
    match action
    case Attach(parent, child, name, role) =>
      if parent in state.nodes && child in state.nodes {
        Attaching.AttachIsSafe(policy, world, state, parent, child, name, role);
      }
    case AttachRoot(node, pair) =>
      if node in state.nodes {
        Arriving.AttachedRootIsSafe(policy, world, state, node, pair);
      }
    case SetRoot(backend, pair) =>
      if Model.HasRoot(state, backend) {
        Arriving.SetRootIsSafe(policy, world, state, state.backends[backend].root, pair);
      }
    case Append(node, overlay) =>
      if node in state.nodes && overlay in state.nodes {
        Appending.AppendIsSafe(policy, world, state, node, overlay);
      }
  }

  // The actions that close, and those that reopen.
  lemma CloseStepIsSafe(policy: Policy, world: World, state: State, action: Model.Action)
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    requires
      || action.RemoveBackend? || action.Close? || action.CloseIfUnreferenced?
      || action.Reopen? || action.MakeReadOnly? || action.Veto?
    ensures IsSafe(policy, Model.Step(policy, world, state, action))
  {
    hide SafeWhile, WellFormed, Counted;
    assert Counted(state);
    match action
    case RemoveBackend(backend) =>
      if Model.HasRoot(state, backend) {
        Cascade.RemovedBackendIsSafe(policy, world, state, backend);
      }
    case Close(id) =>
      if id in state.nodes && state.nodes[id].parents == [] {
        Cascade.ClosedIsSafe(policy, world, state, id);
      }
    case CloseIfUnreferenced(id) => Cascade.UnreferencedIsSafe(policy, world, state, id);
    case Reopen(entries) =>
      if Model.AreEntries(state, entries) {
        Deciding.ReopenIsSafe(policy, world, state, entries);
      }
    case MakeReadOnly(entries) =>
      if Model.AreEntries(state, entries) {
        Deciding.ReopenIsSafe(policy, world, state, entries);
      }
    case Veto(node) =>
  }

  // BLK-PERM-003, BLK-PERM-006, BLK-PERM-007, BLK-PERM-033, BLK-GRAPH-001, BLK-GRAPH-008: every
  // action that is not refused leaves a safe graph whose files are settled.
  lemma StepIsSafe(policy: Policy, world: World, state: State, action: Model.Action)
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    ensures IsSafe(policy, Model.Step(policy, world, state, action))
  {
    hide *;
    if action.AddNode? || action.OpenFile? || action.Degrade? || action.Settle? {
      OpenStepIsSafe(policy, world, state, action);
    } else if action.Attach? || action.AttachRoot? || action.SetRoot? || action.Append? {
      RefreshStepIsSafe(policy, world, state, action);
    } else {
      CloseStepIsSafe(policy, world, state, action);
    }
  }

  lemma RunFromIsSafe(policy: Policy, world: World, state: State, command: Model.Command)
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    ensures IsSafe(policy, Model.RunFrom(policy, world, state, command))
    decreases |command|
  {
    hide *;
    reveal Model.RunFrom, IsSafe;
    if |command| > 0 {
      StepIsSafe(policy, world, state, command[0]);
      var end := Model.Step(policy, world, state, command[0]);
      if end.Accepted? {
        assert Model.Sound(end.state) by { reveal Model.IsSound; }
        RunFromIsSafe(policy, world, end.state, command[1..]);
      }
    }
  }

  // BLK-GRAPH-007, BLK-PERM-032: a command leaves a safe graph, refused or not.
  lemma CommandIsSafe(policy: Policy, world: World, state: State, command: Model.Command)
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    ensures SafeWhile(policy, Model.After(policy, world, state, command), {})
  {
    hide *;
    RunFromIsSafe(policy, world, state, command);
    reveal Model.After, Model.Run, IsSafe;
  }

  lemma RunIsSafe(policy: Policy, state: State, script: seq<Model.Given>)
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    ensures SafeWhile(policy, Model.RunScript(policy, state, script), {})
    decreases |script|
  {
    hide *;
    reveal Model.RunScript;
    if |script| > 0 {
      CommandIsSafe(policy, script[0].world, state, script[0].command);
      var next := Model.After(policy, script[0].world, state, script[0].command);
      RunIsSafe(policy, next, script[1..]);
    }
  }

  // Between commands nobody is being closed: the invariant is the plain one.
  lemma NobodyIsDying(policy: Policy, state: State)
    requires WellFormed(state)
    ensures SafeWhile(policy, state, {}) <==> Safe(state) && FilesSettled(policy, state)
  {
  }

  lemma EmptyIsSafe(policy: Policy)
    ensures Model.Sound(Graph.Empty) && SafeWhile(policy, Graph.Empty, {})
  {
    assert Ranked(Graph.Empty, map[]);
  }

  // BLK-PERM-003, BLK-PERM-006, BLK-PERM-007, BLK-PERM-033, BLK-FILE-002, BLK-GRAPH-001,
  // BLK-GRAPH-008: one command after the other, each accepted or refused, in a world that answers
  // what it likes: from a safe graph there is no way to one that is not.
  lemma SafeStaysSafe(policy: Policy, state: State, script: seq<Model.Given>)
    requires Model.Sound(state) && Safe(state) && FilesSettled(policy, state)
    ensures var end := Model.RunScript(policy, state, script);
            Model.Sound(end) && Safe(end) && FilesSettled(policy, end)
  {
    hide *;
    assert WellFormed(state) by { reveal Model.Sound; }
    NobodyIsDying(policy, state);
    RunIsSafe(policy, state, script);
    var end := Model.RunScript(policy, state, script);
    assert WellFormed(end) by { reveal Model.Sound; }
    NobodyIsDying(policy, end);
  }

  // BLK-PERM-003, BLK-PERM-006, BLK-PERM-007, BLK-PERM-033, BLK-FILE-002, BLK-GRAPH-001,
  // BLK-GRAPH-008: and a block layer begins with none at all.
  lemma EveryScriptIsSafe(policy: Policy, script: seq<Model.Given>)
    ensures Model.Sound(Graph.Empty)
    ensures var end := Model.RunScript(policy, Graph.Empty, script);
            Model.Sound(end) && Safe(end) && FilesSettled(policy, end)
  {
    hide *;
    EmptyIsSafe(policy);
    assert WellFormed(Graph.Empty) by { reveal Model.Sound; }
    NobodyIsDying(policy, Graph.Empty);
    SafeStaysSafe(policy, Graph.Empty, script);
  }
}
