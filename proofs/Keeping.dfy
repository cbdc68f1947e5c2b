// What closing and refreshing leave of the nodes that stay: everything but lists, inheritance and
// what the file's descriptor and locks follow; and no descriptor becomes writable that the world
// did not open (BLK-FILE-003, BLK-FILE-005, BLK-RO-011).
include "Transaction.dfy"

module Keeping {
  import opened Permission
  import opened Graph
  import opened RefreshStatement
  import opened AutoReadOnlyStatement
  import opened AutoReadOnly
  import opened Checks
  import Below
  import Edits
  import Refresh
  import Transaction

  // The same file; if it can be written now and could not before, the world has opened it.
  predicate KeepsHold(world: World, before: FileHold, after: FileHold) {
    && before.FileHold? == after.FileHold?
    && (before.FileHold? ==>
          && after == before.(writableFd := after.writableFd, locked := after.locked)
          && (after.writableFd && !before.writableFd ==>
                AnswersFor(world, before.path).writing == Opened(before.inode)))
  }

  // The same node, but for lists, inheritance and descriptors.
  predicate KeepsNode(world: World, before: GraphNode, after: GraphNode) {
    && after == before.(
                inheritsFrom := after.inheritsFrom, file := after.file,
                children := after.children, parents := after.parents)
    && KeepsHold(world, before.file, after.file)
  }

  // Every node that is there was there, and is the same.
  ghost predicate Keeps(world: World, before: State, after: State) {
    forall n | n in after.nodes ::
      n in before.nodes && KeepsNode(world, before.nodes[n], after.nodes[n])
  }

  lemma KeepsTwice(world: World, a: State, b: State, c: State)
    requires Keeps(world, a, b) && Keeps(world, b, c)
    ensures Keeps(world, a, c)
  {
  }

  // ---- A refresh ----

  lemma CheckKeeps(
    policy: Policy, world: World, state: State, order: seq<nat>, pairs: Pairs, holds: Holds
  )
    requires WellFormed(state) && Covers(pairs, state)
    requires forall n | n in order :: n in state.nodes
    requires forall n | n in holds ::
               n in state.nodes && KeepsHold(world, state.nodes[n].file, holds[n])
    ensures var end := Check(policy, world, state, order, pairs, holds);
            end.Passed? ==>
              forall n | n in end.holds ::
                n in state.nodes && KeepsHold(world, state.nodes[n].file, end.holds[n])
    decreases |order|
  {
    if |order| > 0 {
      var id := order[0];
      assert id in order;
      var node := state.nodes[id];
      var next := Refresh.UpdateChildren(state, map[], pairs, id);
      if node.file.FileHold? {
        var held := CheckFile(policy, world, id, node, Asked(state, pairs, id));
        if held.Held? {
          assert KeepsHold(world, node.file, held.hold);
          CheckKeeps(policy, world, state, order[1..], next, holds[id := held.hold]);
        }
      } else {
        CheckKeeps(policy, world, state, order[1..], next, holds);
      }
    }
  }

  // BLK-RO-011, BLK-FILE-003, BLK-FILE-005: no refresh makes a file writable that the world does
  // not open for writing, or behind whose path another file lies.
  lemma RefreshKeeps(policy: Policy, world: World, state: State, roots: seq<nat>)
    requires WellFormed(state) && forall n | n in roots :: n in state.nodes
    ensures var end := Checks.Run(policy, world, state, roots);
            end.Refreshed? ==> Keeps(world, state, end.state)
  {
    hide *;
    OrderIsOfNodes(state, roots);
    var order := Below.Order(state, roots);
    assert Covers(PairsNow(state), state) by { reveal Covers, PairsNow; }
    CheckKeeps(policy, world, state, order, PairsNow(state), map[]);
    var checked := Check(policy, world, state, order, PairsNow(state), map[]);
    if checked.Passed? {
      CommittedKeeps(world, state, checked.pairs, checked.holds);
    }
    reveal Checks.Run;
  }

  lemma CommittedKeeps(world: World, state: State, pairs: Pairs, holds: Holds)
    requires WellFormed(state) && Covers(pairs, state)
    requires forall n | n in holds ::
               n in state.nodes && KeepsHold(world, state.nodes[n].file, holds[n])
    ensures Keeps(world, state, Committed(state, pairs, holds))
  {
    hide WellFormed;
  }

  // ---- Taking out and closing ----

  lemma DetachedKeeps(world: World, state: State, edge: nat)
    requires WellFormed(state) && edge in state.edges
    ensures Keeps(world, state, Transaction.Detached(state, edge))
  {
  }

  lemma LoosenedKeeps(policy: Policy, world: World, state: State, node: nat)
    requires WellFormed(state) && node in state.nodes
    ensures Keeps(world, state, Transaction.Loosened(policy, world, state, node))
  {
    RefreshKeeps(policy, world, state, [node]);
  }

  lemma DetachKeeps(policy: Policy, world: World, state: State, edge: nat)
    requires WellFormed(state) && edge in state.edges
    ensures Keeps(world, state, Transaction.Detach(policy, world, state, edge))
    decreases state.edges.Keys, 0, 0
  {
    hide *;
    var child := state.edges[edge].child;
    var rest := Transaction.Detached(state, edge);
    DetachedKeeps(world, state, edge);
    assert child in rest.nodes by { reveal WellFormed; }
    reveal Transaction.Detach;
    if Transaction.IsReferenced(rest.nodes[child]) {
      LoosenedKeeps(policy, world, rest, child);
    } else {
      assert rest.nodes[child].parents == [] by { reveal Transaction.IsReferenced; }
      assert edge !in rest.edges && rest.edges.Keys < state.edges.Keys;
      CloseKeeps(policy, world, rest, child);
    }
    KeepsTwice(world, state, rest, Transaction.Detach(policy, world, state, edge));
  }

  lemma DetachAllKeeps(
    policy: Policy, world: World, state: State, node: nat, edges: seq<nat>
  )
    requires WellFormed(state) && node in state.nodes && state.nodes[node].parents == []
    requires NoDuplicates(edges)
    requires forall e | e in edges :: e in state.nodes[node].children
    ensures Keeps(world, state, Transaction.DetachAll(policy, world, state, node, edges))
    decreases state.edges.Keys, 1, |edges|
  {
    hide *;
    if |edges| == 0 {
      assert Keeps(world, state, state) by { reveal Keeps, KeepsNode, KeepsHold; }
      reveal Transaction.DetachAll;
    } else {
      assert edges[0] in edges;
      assert edges[0] in state.edges by { reveal WellFormed; }
      var next := Transaction.Detach(policy, world, state, edges[0]);
      DetachKeeps(policy, world, state, edges[0]);
      Transaction.RestIsThere(state, next, node, edges);
      assert next.edges.Keys < state.edges.Keys by {
        reveal Transaction.KeepsTops;
        assert edges[0] in state.edges.Keys && edges[0] !in next.edges.Keys;
      }
      DetachAllKeeps(policy, world, next, node, edges[1..]);
      var end := Transaction.DetachAll(policy, world, next, node, edges[1..]);
      assert end == Transaction.DetachAll(policy, world, state, node, edges) by {
        reveal Transaction.DetachAll;
      }
      KeepsTwice(world, state, next, end);
    }
  }

  lemma CloseKeeps(policy: Policy, world: World, state: State, node: nat)
    requires WellFormed(state) && node in state.nodes && state.nodes[node].parents == []
    ensures Keeps(world, state, Transaction.Close(policy, world, state, node))
    decreases state.edges.Keys, 2, 0
  {
    hide *;
    var edges := state.nodes[node].children;
    assert NoDuplicates(edges) by { reveal WellFormed; }
    var rest := Transaction.DetachAll(policy, world, state, node, edges);
    DetachAllKeeps(policy, world, state, node, edges);
    reveal Transaction.Close;
    var end := Transaction.Close(policy, world, state, node);
    assert Keeps(world, rest, end) by { reveal Keeps, KeepsNode, KeepsHold, Edits.RemoveNode; }
    KeepsTwice(world, state, rest, end);
  }
}
