// What a refresh has to bring about (BLK-PERM-030 to BLK-PERM-034): the fixpoint of the rules, and
// what must hold in it. Trusted: the statement, not the way.
include "Graph.s.dfy"
include "Lattice.dfy"

module RefreshStatement {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import Lattice

  // A pair for each edge of a state.
  type Pairs = map<nat, Pair>

  // The pairs as they stand in the state.
  function PairsNow(state: State): Pairs {
    map e | e in state.edges :: state.edges[e].pair
  }

  predicate Covers(pairs: Pairs, state: State) {
    pairs.Keys == state.edges.Keys
  }

  // What the parents of a node ask of it, in list order.
  function AskedList(state: State, pairs: Pairs, id: nat): seq<Pair>
    requires WellFormed(state) && Covers(pairs, state) && id in state.nodes
  {
    var parents := state.nodes[id].parents;
    seq(|parents|, i requires 0 <= i < |parents| => pairs[parents[i]])
  }

  // The cumulative pair of a node (BLK-PERM-002).
  function Asked(state: State, pairs: Pairs, id: nat): Pair
    requires WellFormed(state) && Covers(pairs, state) && id in state.nodes
  {
    Cumulative(AskedList(state, pairs, id))
  }

  // The flag as after the command under way.
  function WritableAfter(state: State, after: map<nat, bool>, id: nat): bool
    requires id in state.nodes
  {
    if id in after then after[id] else state.nodes[id].writable
  }

  // What the rule of its parent says of an edge.
  function RuleOf(state: State, after: map<nat, bool>, pairs: Pairs, e: nat): Pair
    requires WellFormed(state) && Covers(pairs, state)
    requires e in state.edges && state.edges[e].parent.Node?
  {
    var edge := state.edges[e];
    var parent := state.nodes[edge.parent.node];
    EdgePair(
      parent.settings,
      WritableAfter(state, after, edge.parent.node),
      edge.role,
      state.nodes[edge.child].forceShare,
      Asked(state, pairs, edge.parent.node))
  }

  // Whether the edge belongs to a node of the set.
  predicate IsOf(state: State, e: nat, within: set<nat>)
    requires e in state.edges
  {
    state.edges[e].parent.Node? && state.edges[e].parent.node in within
  }

  // The rules hold for every edge of the nodes within; the others keep their pairs (BLK-PERM-031,
  // BLK-PERM-033).
  ghost predicate IsFixpoint(state: State, after: map<nat, bool>, within: set<nat>, pairs: Pairs)
    requires WellFormed(state)
  {
    && Covers(pairs, state)
    && (forall e | e in state.edges ::
          pairs[e] ==
          if IsOf(state, e, within) then RuleOf(state, after, pairs, e) else state.edges[e].pair)
  }

  // The permissions that a read-only node does not give (BLK-PERM-006, BLK-PERM-007).
  const NotOnReadOnly := Perm(false, true, true, true)

  // A node holds together: no two parents in conflict (BLK-PERM-003), no writer and no resizer on
  // a read-only node (BLK-PERM-006, BLK-PERM-007).
  predicate HoldsTogether(state: State, after: map<nat, bool>, pairs: Pairs, id: nat)
    requires WellFormed(state) && Covers(pairs, state) && id in state.nodes
  {
    && !Lattice.Conflict(AskedList(state, pairs, id))
    && (Meets(Asked(state, pairs, id).perm, NotOnReadOnly) ==> WritableAfter(state, after, id))
  }

  // Parents before children, each node once (BLK-PERM-030).
  ghost predicate Topological(state: State, order: seq<nat>) {
    && NoDuplicates(order)
    && (forall n | n in order :: n in state.nodes)
    && (forall e, i, j |
          && e in state.edges && 0 <= i < |order| && 0 <= j < |order|
          && state.edges[e].parent == Node(order[i]) && state.edges[e].child == order[j] ::
          i < j)
  }

  // The nodes of an order.
  function Members(order: seq<nat>): set<nat> {
    set n | n in order
  }

  // Below a node of the set there are nodes of the set only.
  ghost predicate Closed(state: State, within: set<nat>) {
    forall e | e in state.edges && IsOf(state, e, within) :: state.edges[e].child in within
  }
}
