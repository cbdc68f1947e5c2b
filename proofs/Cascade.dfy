// The cascade of a close leaves a safe graph, and all nodes that lose their last user go with the
// first (BLK-PERM-041, BLK-PERM-050, BLK-GRAPH-004, BLK-GRAPH-014).
include "Closing.dfy"

module Cascade {
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Closing
  import Edits
  import Editing
  import Transaction

  // A node without any edge that is forgotten was nobody's business.
  lemma ForgottenKeepsRules(
    policy: Policy, state: State, dying: set<nat>, node: nat
  )
    requires WellFormed(state) && node in dying && node in state.nodes
    requires state.nodes[node].children == [] && state.nodes[node].parents == []
    requires CanonicalBut(state, dying) && FilesSettledBut(policy, state, dying)
    ensures CanonicalBut(Edits.RemoveNode(state, node), dying - {node})
    ensures FilesSettledBut(policy, Edits.RemoveNode(state, node), dying - {node})
  {
    var rest := Edits.RemoveNode(state, node);
    forall n | n in rest.nodes
      ensures Asked(rest, PairsNow(rest), n) == Asked(state, PairsNow(state), n)
    {
      assert AskedList(rest, PairsNow(rest), n) == AskedList(state, PairsNow(state), n);
    }
    forall e | e in rest.edges && rest.edges[e].parent.Node? &&
               rest.edges[e].parent.node !in dying - {node}
      ensures rest.edges[e].pair == RuleOf(rest, map[], PairsNow(rest), e)
    {
      assert e in state.nodes[rest.edges[e].parent.node].children;
      assert rest.edges[e].parent.node != node;
    }
  }

  lemma ForgottenKeepsEdges(state: State, node: nat)
    requires WellFormed(state) && node in state.nodes
    requires state.nodes[node].children == [] && state.nodes[node].parents == []
    requires Acyclic(state) && PairwiseSafe(state) && ReadOnlySafe(state) && UniqueNames(state)
    ensures var rest := Edits.RemoveNode(state, node);
            Acyclic(rest) && PairwiseSafe(rest) && ReadOnlySafe(rest) && UniqueNames(rest)
  {
    var rest := Edits.RemoveNode(state, node);
    var rank :| Ranked(state, rank);
    assert Ranked(rest, rank - {node});
  }

  lemma ForgottenIsSafe(policy: Policy, state: State, dying: set<nat>, node: nat)
    requires SafeWhile(policy, state, dying) && node in dying && node in state.nodes
    requires state.nodes[node].children == [] && state.nodes[node].parents == []
    ensures WellFormed(state)
    ensures SafeWhile(policy, Edits.RemoveNode(state, node), dying - {node})
  {
    hide *;
    assert SafeBut(state, dying) && FilesSettledBut(policy, state, dying) by {
      reveal SafeWhile;
    }
    assert AreTops(state, dying) by { reveal SafeWhile; }
    assert WellFormed(state) && Acyclic(state) && CanonicalBut(state, dying) by {
      reveal SafeBut;
    }
    assert PairwiseSafe(state) && ReadOnlySafe(state) && UniqueNames(state) by {
      reveal SafeBut;
    }
    ForgottenKeepsRules(policy, state, dying, node);
    ForgottenKeepsEdges(state, node);
    var rest := Edits.RemoveNode(state, node);
    assert SafeBut(rest, dying - {node}) by { reveal SafeBut; }
    assert AreTops(rest, dying - {node}) by { reveal AreTops, Edits.RemoveNode; }
    reveal SafeWhile;
  }

  // BLK-PERM-041, BLK-GRAPH-004: an edge that is taken out, with all that this closes.
  lemma DetachIsSafe(
    policy: Policy, world: World, state: State, dying: set<nat>, edge: nat
  )
    requires SafeWhile(policy, state, dying) && edge in state.edges
    ensures WellFormed(state)
    ensures SafeWhile(policy, Transaction.Detach(policy, world, state, edge), dying)
    decreases state.edges.Keys, 0, 0
  {
    hide *;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    var child := state.edges[edge].child;
    var rest := Transaction.Detached(state, edge);
    assert child in rest.nodes by { reveal WellFormed; }
    Closing.DetachedIs(state, edge);
    if Transaction.IsReferenced(rest.nodes[child]) {
      Closing.LoosenedIsSafe(policy, world, state, dying, edge, rest);
      assert Transaction.Detach(policy, world, state, edge)
          == Transaction.Loosened(policy, world, rest, child) by {
        reveal Transaction.Detach;
      }
    } else {
      assert rest.nodes[child].parents == [] by { reveal Transaction.IsReferenced; }
      Closing.DyingIsSafe(policy, state, dying, edge, rest);
      assert edge !in rest.edges && rest.edges.Keys < state.edges.Keys;
      CloseIsSafe(policy, world, rest, dying, child);
      assert Transaction.Detach(policy, world, state, edge)
          == Transaction.Close(policy, world, rest, child) by {
        reveal Transaction.Detach;
      }
    }
  }

  lemma DetachAllIsSafe(
    policy: Policy, world: World, state: State, dying: set<nat>, node: nat, edges: seq<nat>
  )
    requires SafeWhile(policy, state, dying)
    requires node in state.nodes && state.nodes[node].parents == []
    requires NoDuplicates(edges)
    requires forall e | e in edges :: e in state.nodes[node].children
    ensures WellFormed(state)
    ensures SafeWhile(policy, Transaction.DetachAll(policy, world, state, node, edges), dying)
    decreases state.edges.Keys, 1, |edges|
  {
    hide *;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    if |edges| == 0 {
      reveal Transaction.DetachAll;
    } else {
      assert edges[0] in edges;
      assert edges[0] in state.edges by { reveal WellFormed; }
      var next := Transaction.Detach(policy, world, state, edges[0]);
      DetachIsSafe(policy, world, state, dying, edges[0]);
      Transaction.RestIsThere(state, next, node, edges);
      assert edges[0] !in next.edges && next.edges.Keys < state.edges.Keys by {
        reveal Transaction.KeepsTops;
      }
      DetachAllIsSafe(policy, world, next, dying, node, edges[1..]);
      assert Transaction.DetachAll(policy, world, state, node, edges)
          == Transaction.DetachAll(policy, world, next, node, edges[1..]) by {
        reveal Transaction.DetachAll;
      }
    }
  }

  // BLK-GRAPH-004, BLK-GRAPH-014: a node that is being closed, its edges one by one and then
  // itself.
  lemma CloseIsSafe(
    policy: Policy, world: World, state: State, dying: set<nat>, node: nat
  )
    requires SafeWhile(policy, state, dying + {node}) && node !in dying
    requires node in state.nodes && state.nodes[node].parents == []
    ensures WellFormed(state)
    ensures SafeWhile(policy, Transaction.Close(policy, world, state, node), dying)
    decreases state.edges.Keys, 2, 0
  {
    hide *;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    var edges := state.nodes[node].children;
    assert NoDuplicates(edges) by { reveal WellFormed; }
    var rest := Transaction.DetachAll(policy, world, state, node, edges);
    DetachAllIsSafe(policy, world, state, dying + {node}, node, edges);
    assert node in rest.nodes && rest.nodes[node].parents == [] && rest.nodes[node].children == []
    by {
      reveal Transaction.KeepsTops, Members;
      if rest.nodes[node].children != [] {
        assert rest.nodes[node].children[0] in rest.nodes[node].children;
      }
    }
    ForgottenIsSafe(policy, rest, dying + {node}, node);
    assert dying + {node} - {node} == dying;
    assert Transaction.Close(policy, world, state, node) == Edits.RemoveNode(rest, node) by {
      reveal Transaction.Close;
    }
  }

  // Between commands any node that nobody holds may be the next to be closed.
  lemma MayDie(policy: Policy, state: State, node: nat)
    requires SafeWhile(policy, state, {})
    requires node in state.nodes && state.nodes[node].parents == []
    ensures SafeWhile(policy, state, {node})
  {
  }

  // BLK-GRAPH-014: deleting a node that nobody holds leaves a safe graph.
  lemma ClosedIsSafe(policy: Policy, world: World, state: State, node: nat)
    requires SafeWhile(policy, state, {})
    requires node in state.nodes && state.nodes[node].parents == []
    ensures WellFormed(state)
    ensures SafeWhile(policy, Transaction.Close(policy, world, state, node), {})
  {
    hide *;
    MayDie(policy, state, node);
    assert {} + {node} == {node};
    CloseIsSafe(policy, world, state, {}, node);
  }

  // BLK-GRAPH-004: so does closing it if nobody refers to it.
  lemma UnreferencedIsSafe(policy: Policy, world: World, state: State, node: nat)
    requires SafeWhile(policy, state, {})
    ensures WellFormed(state)
    ensures SafeWhile(
              policy, Transaction.CloseIfUnreferenced(policy, world, state, node), {})
  {
    hide *;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    reveal Transaction.CloseIfUnreferenced, Transaction.IsReferenced;
    if node in state.nodes && !Transaction.IsReferenced(state.nodes[node]) {
      assert state.nodes[node].parents == [];
      ClosedIsSafe(policy, world, state, node);
    }
  }

  // BLK-PERM-041, BLK-PERM-050: a backend that is removed leaves a safe graph.
  lemma RemovedBackendIsSafe(policy: Policy, world: World, state: State, backend: nat)
    requires SafeWhile(policy, state, {})
    requires backend in state.backends && state.backends[backend].root in state.edges
    ensures WellFormed(state)
    ensures SafeWhile(policy, Transaction.RemoveBackend(policy, world, state, backend), {})
  {
    hide *;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    var root := state.backends[backend].root;
    DetachIsSafe(policy, world, state, {}, root);
    var rest := Transaction.Detach(policy, world, state, root);
    Editing.MarksAreSafe(policy, rest, rest.(backends := rest.backends - {backend}));
    reveal Transaction.RemoveBackend;
  }
}
