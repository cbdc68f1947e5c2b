// The graph: nodes, edges, who holds them (BLK-GRAPH-001 to BLK-GRAPH-008). Trusted: the state in
// which the theorems are stated, with the names of the F# records.
include "ChildPermissions.s.dfy"

module Graph {
  import opened Permission
  import opened ChildPermissions

  datatype Parent = Node(node: nat) | Root(backend: nat)

  // One link from a parent to a child node (BLK-PERM-002).
  datatype Edge = Edge(parent: Parent, child: nat, name: string, role: Role, pair: Pair)

  // A file node's hold on its file, once it is opened: the path as given, the inode and the modes
  // of its descriptors, and the pair that its lock bytes say (BLK-FILE-001, BLK-FILE-010).
  datatype FileHold = NotOpened | FileHold(
                        path: string,
                        inode: nat,
                        readOnlyFd: bool,
                        writableFd: bool,
                        locking: bool,
                        locked: Pair)

  // A node of the graph. The lists hold ids of edges, newest first (BLK-GRAPH-006). inheritsFrom
  // is the node it was opened inline for, or -1 (BLK-GRAPH-005).
  datatype GraphNode = GraphNode(
    name: string,
    settings: Settings,
    writable: bool,
    autoReadOnly: bool,
    forceShare: bool,
    implicit: bool,
    monitorOwned: bool,
    isOpening: bool,
    inheritsFrom: int,
    file: FileHold,
    children: seq<nat>,
    parents: seq<nat>)

  // A user of a node, by its root edge (BLK-PERM-050).
  datatype Backend = Backend(root: nat)

  // Nodes, edges and backends by id, and the next ids.
  datatype State = State(
    nodes: map<nat, GraphNode>,
    edges: map<nat, Edge>,
    backends: map<nat, Backend>,
    nextNode: nat,
    nextEdge: nat,
    nextBackend: nat)

  // A block layer without nodes.
  const Empty := State(map[], map[], map[], 0, 0, 0)

  // The counters are above every id (BLK-GRAPH-003).
  predicate Counted(state: State) {
    && (forall n | n in state.nodes :: n < state.nextNode)
    && (forall e | e in state.edges :: e < state.nextEdge)
    && (forall b | b in state.backends :: b < state.nextBackend)
  }

  // The same backends and counters.
  predicate SameRest(a: State, b: State) {
    a.(nodes := b.nodes, edges := b.edges) == b
  }

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
