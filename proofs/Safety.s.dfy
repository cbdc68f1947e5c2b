// What holds of a graph between commands (invariants I1, I2, I3, I9 of spec/block/invariants.md).
// Trusted: the statement of safety.
include "Refresh.s.dfy"
include "AutoReadOnly.dfy"

module SafetyStatement {
  import opened Permission
  import opened Graph
  import opened RefreshStatement
  import opened AutoReadOnly

  // I1: no parent takes what another parent of the node does not share (BLK-PERM-003).
  ghost predicate PairwiseSafe(state: State) {
    forall e, f |
      && e in state.edges && f in state.edges && e != f
      && state.edges[e].child == state.edges[f].child ::
      Subset(state.edges[e].pair.perm, state.edges[f].pair.shared)
  }

  // I2: nobody writes or resizes a read-only node (BLK-PERM-006, BLK-PERM-007).
  ghost predicate ReadOnlySafe(state: State) {
    forall e | e in state.edges && Meets(state.edges[e].pair.perm, NotOnReadOnly) ::
      state.edges[e].child in state.nodes && state.nodes[state.edges[e].child].writable
  }

  // I3: every edge of a node is what the rule of its driver says (BLK-PERM-033).
  ghost predicate Canonical(state: State)
    requires WellFormed(state)
  {
    forall e | e in state.edges && state.edges[e].parent.Node? ::
      state.edges[e].pair == RuleOf(state, map[], PairsNow(state), e)
  }

  // The same, but for the edges of nodes that are being closed: they lose their edges one by one,
  // and what is left of them meanwhile asks as much as before.
  ghost predicate CanonicalBut(state: State, dying: set<nat>)
    requires WellFormed(state)
  {
    forall e | e in state.edges && state.edges[e].parent.Node? &&
               state.edges[e].parent.node !in dying ::
      state.edges[e].pair == RuleOf(state, map[], PairsNow(state), e)
  }

  // I13 and the lock bytes: every open file has the descriptors that are wanted, and its locks say
  // what its users take and share (BLK-FILE-001, BLK-FILE-002, BLK-FILE-010, BLK-RO-010).
  ghost predicate FilesSettled(policy: Policy, state: State)
    requires WellFormed(state)
  {
    forall n | n in state.nodes && state.nodes[n].file.FileHold? ::
      IsSettled(policy, state.nodes[n], Asked(state, PairsNow(state), n))
  }

  // The same, but for the files of nodes that are being closed: those keep what they have.
  ghost predicate FilesSettledBut(policy: Policy, state: State, dying: set<nat>)
    requires WellFormed(state)
  {
    forall n | n in state.nodes && state.nodes[n].file.FileHold? ::
      && state.nodes[n].file.readOnlyFd
      && (n in dying || IsSettled(policy, state.nodes[n], Asked(state, PairsNow(state), n)))
  }

  ghost predicate IsSettled(policy: Policy, node: GraphNode, asked: Pair)
    requires node.file.FileHold?
  {
    && node.file.readOnlyFd
    && node.file.writableFd
       == WantsWritable(policy, node.writable, node.autoReadOnly, asked.perm)
    && node.file.locked == asked
  }

  // Names are unique (BLK-GRAPH-001).
  ghost predicate UniqueNames(state: State) {
    forall n, m | n in state.nodes && m in state.nodes && state.nodes[n].name == state.nodes[m].name
      :: n == m
  }

  // Every backend has its one root edge, and every root edge its backend (BLK-PERM-050).
  ghost predicate BackendsStand(state: State) {
    && (forall b | b in state.backends ::
          && state.backends[b].root in state.edges
          && state.edges[state.backends[b].root].parent == Root(b))
    && (forall e | e in state.edges && state.edges[e].parent.Root? ::
          && state.edges[e].parent.backend in state.backends
          && state.backends[state.edges[e].parent.backend].root == e)
  }

  // What every accepted command leaves behind.
  ghost predicate Safe(state: State) {
    && WellFormed(state)
    && Acyclic(state)
    && PairwiseSafe(state)
    && ReadOnlySafe(state)
    && Canonical(state)
    && UniqueNames(state)
  }

  // The same, while some nodes are being closed.
  ghost predicate SafeBut(state: State, dying: set<nat>) {
    && WellFormed(state)
    && Acyclic(state)
    && PairwiseSafe(state)
    && ReadOnlySafe(state)
    && CanonicalBut(state, dying)
    && UniqueNames(state)
  }

  // Nodes that are being closed: nobody holds them.
  ghost predicate AreTops(state: State, dying: set<nat>) {
    forall n | n in dying :: n in state.nodes && state.nodes[n].parents == []
  }

  // The invariant between the steps of a command: a safe graph with settled files, while some
  // nodes that nobody holds are being closed. Between commands and actions there are none such.
  ghost predicate SafeWhile(policy: Policy, state: State, dying: set<nat>) {
    && SafeBut(state, dying)
    && FilesSettledBut(policy, state, dying)
    && AreTops(state, dying)
  }
}
