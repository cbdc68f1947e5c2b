// Nothing that a close does is refused, whatever the world answers, and what it leaves does not
// depend on that (BLK-PERM-034, BLK-PERM-041, BLK-FILE-006, BLK-FILE-012, BLK-GRAPH-004).
include "Cascade.dfy"

module Passing {
  import opened Graph
  import opened Permission
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Below
  import Cascade
  import Closing
  import Loosening
  import Refresh
  import Transaction

  // ---- What a refresh commits ----

  // A file gets the same of every world that lets it have anything.
  lemma HeldAlike(
    policy: Policy, world: World, later: World, id: nat, node: GraphNode, asked: Pair
  )
    requires node.file.FileHold?
    requires CheckFile(policy, world, id, node, asked).Held?
    requires CheckFile(policy, later, id, node, asked).Held?
    ensures CheckFile(policy, world, id, node, asked) == CheckFile(policy, later, id, node, asked)
  {
  }

  lemma PassedAlike(
    policy: Policy, world: World, later: World, state: State, order: seq<nat>, pairs: Pairs,
    holds: Holds
  )
    requires WellFormed(state) && Covers(pairs, state)
    requires forall n | n in order :: n in state.nodes
    requires Check(policy, world, state, order, pairs, holds).Passed?
    requires Check(policy, later, state, order, pairs, holds).Passed?
    ensures Check(policy, world, state, order, pairs, holds)
         == Check(policy, later, state, order, pairs, holds)
    decreases |order|
  {
    hide WellFormed, CheckFile;
    if |order| > 0 {
      var id := order[0];
      assert id in order;
      var node := state.nodes[id];
      var next := Refresh.UpdateChildren(state, map[], pairs, id);
      if node.file.FileHold? {
        var asked := Asked(state, pairs, id);
        HeldAlike(policy, world, later, id, node, asked);
        var hold := CheckFile(policy, world, id, node, asked).hold;
        PassedAlike(policy, world, later, state, order[1..], next, holds[id := hold]);
      } else {
        PassedAlike(policy, world, later, state, order[1..], next, holds);
      }
    }
  }

  // BLK-FILE-006, BLK-FILE-012, BLK-PERM-031: the world can refuse a refresh, and that is all it
  // can: what an accepted one commits, descriptors and lock bytes included, is the same in every
  // world that accepts it. So its commit asks the world nothing.
  lemma WorldOnlyRefuses(
    policy: Policy, world: World, later: World, state: State, roots: seq<nat>
  )
    requires WellFormed(state) && forall n | n in roots :: n in state.nodes
    requires Checks.Run(policy, world, state, roots).Refreshed?
    requires Checks.Run(policy, later, state, roots).Refreshed?
    ensures Checks.Run(policy, world, state, roots) == Checks.Run(policy, later, state, roots)
  {
    hide *;
    OrderIsOfNodes(state, roots);
    assert Covers(PairsNow(state), state) by { reveal Covers, PairsNow; }
    reveal Checks.Run;
    PassedAlike(
      policy, world, later, state, Below.Order(state, roots), PairsNow(state), map[]);
  }

  // ---- Closing: none of its refreshes is refused ----

  // The model goes on where a refresh of a close is refused (Transaction.Loosened); these say that
  // it never comes to that: each refresh on the way is accepted.
  ghost predicate DetachPasses(policy: Policy, world: World, state: State, edge: nat)
    requires WellFormed(state) && edge in state.edges
    decreases state.edges.Keys, 0, 0
  {
    var child := state.edges[edge].child;
    var rest := Transaction.Detached(state, edge);
    if Transaction.IsReferenced(rest.nodes[child]) then
      Checks.Run(policy, world, rest, [child]).Refreshed?
    else
      assert edge in state.nodes[child].parents;
      ClosePasses(policy, world, rest, child)
  }

  ghost predicate DetachAllPasses(
    policy: Policy, world: World, state: State, node: nat, edges: seq<nat>
  )
    requires WellFormed(state) && node in state.nodes && state.nodes[node].parents == []
    requires NoDuplicates(edges)
    requires forall e | e in edges :: e in state.nodes[node].children
    decreases state.edges.Keys, 1, |edges|
  {
    |edges| > 0 ==>
      && DetachPasses(policy, world, state, edges[0])
      && var next := Transaction.Detach(policy, world, state, edges[0]);
      Transaction.RestIsThere(state, next, node, edges);
      DetachAllPasses(policy, world, next, node, edges[1..])
  }

  ghost predicate ClosePasses(policy: Policy, world: World, state: State, node: nat)
    requires WellFormed(state) && node in state.nodes && state.nodes[node].parents == []
    decreases state.edges.Keys, 2, 0
  {
    DetachAllPasses(policy, world, state, node, state.nodes[node].children)
  }

  // Every refresh on the way is accepted, and the end is the same in another world.
  ghost predicate IsSure(passes: bool, here: State, there: State) {
    passes && here == there
  }

  // BLK-PERM-034, BLK-PERM-041, BLK-FILE-006, BLK-GRAPH-004: taking a link out, with all that this
  // closes and all that is refreshed for it, is refused nowhere.
  lemma DetachIsSure(
    policy: Policy, world: World, later: World, state: State, dying: set<nat>, edge: nat
  )
    requires SafeWhile(policy, state, dying) && edge in state.edges
    ensures WellFormed(state)
    ensures IsSure(
              DetachPasses(policy, world, state, edge),
              Transaction.Detach(policy, world, state, edge),
              Transaction.Detach(policy, later, state, edge))
    decreases state.edges.Keys, 0, 0
  {
    hide *;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    var child := state.edges[edge].child;
    var rest := Transaction.Detached(state, edge);
    assert child in rest.nodes by { reveal WellFormed; }
    Closing.DetachedIs(state, edge);
    if Transaction.IsReferenced(rest.nodes[child]) {
      LoosenedPasses(policy, world, state, dying, edge, rest);
      LoosenedPasses(policy, later, state, dying, edge, rest);
      WorldOnlyRefuses(policy, world, later, rest, [child]);
      reveal IsSure, DetachPasses, Transaction.Detach, Transaction.Loosened;
    } else {
      assert rest.nodes[child].parents == [] by { reveal Transaction.IsReferenced; }
      Closing.DyingIsSafe(policy, state, dying, edge, rest);
      assert edge !in rest.edges && rest.edges.Keys < state.edges.Keys;
      CloseIsSure(policy, world, later, rest, dying, child);
      reveal IsSure, DetachPasses, Transaction.Detach;
    }
  }

  lemma LoosenedPasses(
    policy: Policy, world: World, state: State, dying: set<nat>, edge: nat, rest: State
  )
    requires SafeWhile(policy, state, dying) && WellFormed(state) && edge in state.edges
    requires Closing.IsDetached(state, edge, rest) && WellFormed(rest)
    requires state.edges[edge].child in rest.nodes
    ensures Checks.Run(policy, world, rest, [state.edges[edge].child]).Refreshed?
  {
    hide *;
    assert FilesSettledBut(policy, state, dying) && SafeBut(state, dying)
           && AreTops(state, dying) by { reveal SafeWhile; }
    Closing.DetachedIsLooser(state, edge, rest);
    Closing.DetachedTops(state, edge, rest, dying);
    Loosening.RefreshPasses(policy, world, state, dying, rest, [state.edges[edge].child]);
  }

  lemma DetachAllIsSure(
    policy: Policy, world: World, later: World, state: State, dying: set<nat>, node: nat,
    edges: seq<nat>
  )
    requires SafeWhile(policy, state, dying)
    requires node in state.nodes && state.nodes[node].parents == []
    requires NoDuplicates(edges)
    requires forall e | e in edges :: e in state.nodes[node].children
    ensures WellFormed(state)
    ensures IsSure(
              DetachAllPasses(policy, world, state, node, edges),
              Transaction.DetachAll(policy, world, state, node, edges),
              Transaction.DetachAll(policy, later, state, node, edges))
    decreases state.edges.Keys, 1, |edges|
  {
    hide *;
    reveal IsSure;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    if |edges| == 0 {
      reveal DetachAllPasses, Transaction.DetachAll;
    } else {
      assert edges[0] in edges;
      assert edges[0] in state.edges by { reveal WellFormed; }
      var next := Transaction.Detach(policy, world, state, edges[0]);
      DetachIsSure(policy, world, later, state, dying, edges[0]);
      Cascade.DetachIsSafe(policy, world, state, dying, edges[0]);
      Transaction.RestIsThere(state, next, node, edges);
      assert edges[0] !in next.edges && next.edges.Keys < state.edges.Keys by {
        reveal Transaction.KeepsTops;
      }
      DetachAllIsSure(policy, world, later, next, dying, node, edges[1..]);
      reveal DetachAllPasses, Transaction.DetachAll;
    }
  }

  // BLK-GRAPH-004, BLK-GRAPH-014: nor is a close.
  lemma CloseIsSure(
    policy: Policy, world: World, later: World, state: State, dying: set<nat>, node: nat
  )
    requires SafeWhile(policy, state, dying + {node}) && node !in dying
    requires node in state.nodes && state.nodes[node].parents == []
    ensures WellFormed(state)
    ensures IsSure(
              ClosePasses(policy, world, state, node),
              Transaction.Close(policy, world, state, node),
              Transaction.Close(policy, later, state, node))
    decreases state.edges.Keys, 2, 0
  {
    hide *;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    var edges := state.nodes[node].children;
    assert NoDuplicates(edges) by { reveal WellFormed; }
    DetachAllIsSure(policy, world, later, state, dying + {node}, node, edges);
    reveal IsSure, ClosePasses, Transaction.Close;
  }

  ghost predicate UnreferencedPasses(policy: Policy, world: World, state: State, node: nat)
    requires WellFormed(state)
  {
    node in state.nodes && !Transaction.IsReferenced(state.nodes[node]) ==>
      ClosePasses(policy, world, state, node)
  }

  lemma UnreferencedIsSure(
    policy: Policy, world: World, later: World, state: State, node: nat
  )
    requires SafeWhile(policy, state, {})
    ensures WellFormed(state)
    ensures IsSure(
              UnreferencedPasses(policy, world, state, node),
              Transaction.CloseIfUnreferenced(policy, world, state, node),
              Transaction.CloseIfUnreferenced(policy, later, state, node))
  {
    hide *;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    reveal IsSure, UnreferencedPasses, Transaction.CloseIfUnreferenced, Transaction.IsReferenced;
    if node in state.nodes && !Transaction.IsReferenced(state.nodes[node]) {
      Cascade.MayDie(policy, state, node);
      assert {} + {node} == {node};
      CloseIsSure(policy, world, later, state, {}, node);
    }
  }
}
