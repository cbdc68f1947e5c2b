// The steps of an open that change one node which nobody is attached to leave a safe graph: the
// new name, the file's descriptors, the server that says read-only, the end of the open
// (BLK-GRAPH-001, BLK-FILE-001, BLK-FILE-002).
include "Editing.dfy"
include "Model.dfy"

module Opening {
  import opened Permission
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Model
  import Editing

  // The state with a node without edges put in or in the place of one.
  ghost predicate IsLone(before: State, id: nat, after: State) {
    && after.edges == before.edges
    && id in after.nodes
    && after.nodes == before.nodes[id := after.nodes[id]]
    && after.nodes[id].children == [] && after.nodes[id].parents == []
    && (id in before.nodes ==>
          before.nodes[id].children == [] && before.nodes[id].parents == [])
    && (forall n | n in before.nodes && n != id ::
          before.nodes[n].name != after.nodes[id].name)
  }

  lemma LoneIsWellFormed(before: State, id: nat, after: State)
    requires WellFormed(before) && IsLone(before, id, after)
    ensures WellFormed(after)
  {
    forall e | e in after.edges
      ensures after.edges[e].child != id && after.edges[e].parent != Node(id)
    {
      assert e in before.nodes[before.edges[e].child].parents;
    }
  }

  lemma LoneKeepsEdges(before: State, id: nat, after: State)
    requires WellFormed(before) && WellFormed(after) && IsLone(before, id, after)
    requires Acyclic(before) && PairwiseSafe(before) && ReadOnlySafe(before)
    requires UniqueNames(before)
    ensures Acyclic(after) && PairwiseSafe(after) && ReadOnlySafe(after) && UniqueNames(after)
  {
    forall e | e in after.edges
      ensures after.edges[e].child != id && after.edges[e].parent != Node(id)
    {
      assert e in after.nodes[after.edges[e].child].parents;
    }
    hide WellFormed;
    var rank :| Ranked(before, rank);
    assert Ranked(after, rank[id := 0]);
  }

  lemma LoneKeepsRules(policy: Policy, before: State, id: nat, after: State)
    requires WellFormed(before) && WellFormed(after) && IsLone(before, id, after)
    requires CanonicalBut(before, {}) && FilesSettledBut(policy, before, {})
    requires after.nodes[id].file.FileHold? ==> IsSettled(policy, after.nodes[id], Nobody)
    ensures CanonicalBut(after, {}) && FilesSettledBut(policy, after, {})
  {
    assert PairsNow(after) == PairsNow(before);
    assert AskedList(after, PairsNow(after), id) == [];
    forall n | n in after.nodes && n != id
      ensures Asked(after, PairsNow(after), n) == Asked(before, PairsNow(before), n)
    {
      assert AskedList(after, PairsNow(after), n) == AskedList(before, PairsNow(before), n);
    }
    forall e | e in after.edges && after.edges[e].parent.Node?
      ensures after.edges[e].pair == RuleOf(after, map[], PairsNow(after), e)
    {
      assert e in after.nodes[after.edges[e].parent.node].children;
      assert e in after.nodes[after.edges[e].child].parents;
    }
  }

  // A node that nobody is attached to is nobody's business, if its file is settled.
  lemma LoneIsSafe(policy: Policy, before: State, id: nat, after: State)
    requires SafeWhile(policy, before, {}) && IsLone(before, id, after)
    requires after.nodes[id].file.FileHold? ==> IsSettled(policy, after.nodes[id], Nobody)
    ensures SafeWhile(policy, after, {})
  {
    hide *;
    assert SafeBut(before, {}) && FilesSettledBut(policy, before, {}) by { reveal SafeWhile; }
    assert WellFormed(before) && Acyclic(before) && CanonicalBut(before, {}) by {
      reveal SafeBut;
    }
    assert PairwiseSafe(before) && ReadOnlySafe(before) && UniqueNames(before) by {
      reveal SafeBut;
    }
    LoneIsWellFormed(before, id, after);
    LoneKeepsEdges(before, id, after);
    LoneKeepsRules(policy, before, id, after);
    assert SafeBut(after, {}) by { reveal SafeBut; }
    assert AreTops(after, {}) by { reveal AreTops; }
    reveal SafeWhile;
  }

  // BLK-GRAPH-001: a name that is taken is refused, and a new node has no edges.
  lemma AddedIsSafe(policy: Policy, world: World, state: State, id: nat, made: Model.NewNode)
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    ensures var end := Model.Step(policy, world, state, Model.Action.AddNode(id, made));
            end.Accepted? ==> SafeWhile(policy, end.state, {})
  {
    hide SafeWhile, WellFormed;
    var end := Model.Step(policy, world, state, Model.Action.AddNode(id, made));
    if end.Accepted? {
      assert IsLone(state, id, end.state);
      LoneIsSafe(policy, state, id, end.state);
    }
  }

  // The name of a node that is in its place is not taken by another.
  lemma NameIsItsOwn(policy: Policy, state: State, id: nat)
    requires SafeWhile(policy, state, {}) && id in state.nodes
    ensures forall n | n in state.nodes && n != id ::
              state.nodes[n].name != state.nodes[id].name
  {
  }

  // BLK-FILE-001, BLK-FILE-002: a file just opened has the descriptors that are wanted, and its
  // lock bytes say that nobody uses it.
  lemma OpenedIsSafe(
    policy: Policy, world: World, state: State, id: nat, path: string, locking: bool
  )
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    ensures var end := Model.Step(policy, world, state, Model.Action.OpenFile(id, path, locking));
            end.Accepted? ==> SafeWhile(policy, end.state, {})
  {
    var end := Model.Step(policy, world, state, Model.Action.OpenFile(id, path, locking));
    if end.Accepted? {
      NameIsItsOwn(policy, state, id);
      hide SafeWhile, WellFormed;
      assert IsLone(state, id, end.state);
      assert IsSettled(policy, end.state.nodes[id], Nobody);
      LoneIsSafe(policy, state, id, end.state);
    }
  }

  // Nobody writes yet what turns out to be read-only.
  lemma DegradedIsSafe(policy: Policy, world: World, state: State, id: nat)
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    ensures var end := Model.Step(policy, world, state, Model.Action.Degrade(id));
            end.Accepted? ==> SafeWhile(policy, end.state, {})
  {
    var end := Model.Step(policy, world, state, Model.Action.Degrade(id));
    if end.Accepted? {
      NameIsItsOwn(policy, state, id);
      hide SafeWhile, WellFormed;
      assert IsLone(state, id, end.state);
      LoneIsSafe(policy, state, id, end.state);
    }
  }

  // Whether a node is being opened is no business of safety's.
  lemma SettledIsSafe(policy: Policy, world: World, state: State, id: nat)
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    ensures var end := Model.Step(policy, world, state, Model.Action.Settle(id));
            end.Accepted? ==> SafeWhile(policy, end.state, {})
  {
    hide SafeWhile, WellFormed;
    var end := Model.Step(policy, world, state, Model.Action.Settle(id));
    if end.Accepted? {
      Editing.MarksAreSafe(policy, state, end.state);
    }
  }
}
