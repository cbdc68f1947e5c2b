// The graph: nodes, edges, who holds them (BLK-GRAPH-001 to BLK-GRAPH-008). Trusted: the state in
// which the theorems are stated, with the names of the F# records.
include "ChildPermissions.s.dfy"

module Graph {
  import opened Permission
  import opened ChildPermissions

  datatype Parent = Node(node: nat) | Backend(backend: nat)

  // One link from a parent to a child node (BLK-PERM-002).
  datatype Edge = Edge(parent: Parent, child: nat, name: string, role: Role, pair: Pair)

  // A node of the graph. The lists hold ids of edges, newest first (BLK-GRAPH-006).
  datatype GraphNode = GraphNode(
    name: string,
    settings: Settings,
    writable: bool,
    forceShare: bool,
    children: seq<nat>,
    parents: seq<nat>)

  datatype State = State(nodes: map<nat, GraphNode>, edges: map<nat, Edge>)

  predicate NoDuplicates(ids: seq<nat>) {
    forall i, j | 0 <= i < j < |ids| :: ids[i] != ids[j]
  }

  // The lists say what the edges say, and nothing twice (BLK-GRAPH-006).
  predicate WellFormed(state: State) {
    && (forall e | e in state.edges ::
          && state.edges[e].child in state.nodes
          && e in state.nodes[state.edges[e].child].parents
          && (state.edges[e].parent.Node? ==>
                && state.edges[e].parent.node in state.nodes
                && e in state.nodes[state.edges[e].parent.node].children))
    && (forall n | n in state.nodes ::
          && NoDuplicates(state.nodes[n].children)
          && NoDuplicates(state.nodes[n].parents)
          && (forall e | e in state.nodes[n].children ::
                e in state.edges && state.edges[e].parent == Node(n))
          && (forall e | e in state.nodes[n].parents ::
                e in state.edges && state.edges[e].child == n))
  }

  // A graph is acyclic exactly when each node can be given a number above those of its parents.
  ghost predicate Ranked(state: State, rank: map<nat, nat>) {
    && rank.Keys == state.nodes.Keys
    && (forall e | e in state.edges && state.edges[e].parent.Node? ::
          && state.edges[e].parent.node in rank && state.edges[e].child in rank
          && rank[state.edges[e].parent.node] < rank[state.edges[e].child])
  }

  ghost predicate Acyclic(state: State) {
    exists rank :: Ranked(state, rank)
  }

  // The pairs of a list of edges.
  function PairsOf(edges: map<nat, Edge>, ids: seq<nat>): seq<Pair>
    requires forall e | e in ids :: e in edges
  {
    seq(|ids|, i requires 0 <= i < |ids| => edges[ids[i]].pair)
  }

  // The union of perm and the intersection of shared over the parents (BLK-PERM-002).
  function CumulativeOf(state: State, id: nat): Pair
    requires id in state.nodes
    requires forall e | e in state.nodes[id].parents :: e in state.edges
  {
    Cumulative(PairsOf(state.edges, state.nodes[id].parents))
  }
}
