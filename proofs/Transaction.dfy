// Changes of the graph: attaching, detaching, closing, appending (BLK-PERM-040, BLK-PERM-041,
// BLK-GRAPH-004 to BLK-GRAPH-008, BLK-GRAPH-022). It mirrors Transaction.fs.
include "Checks.dfy"

module Transaction {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import opened AutoReadOnly
  import opened Checks
  import Below
  import Edits

  // Whether the node is the other one or lies below it.
  predicate Reaches(state: State, top: nat, bottom: nat)
    requires WellFormed(state) && top in state.nodes
  {
    top == bottom || bottom in Below.Order(state, [top])
  }

  // Whether an edge would close a cycle: it needs somebody above the parent, or the parent itself
  // (BLK-GRAPH-008).
  predicate ClosesCycle(state: State, parent: nat, child: nat)
    requires WellFormed(state) && parent in state.nodes && child in state.nodes
  {
    || parent == child
    || (|state.nodes[parent].parents| > 0 && Reaches(state, child, parent))
  }

  // Links a child with the provisional pair of the rule; the caller has looked for cycles and
  // refreshes (BLK-PERM-040).
  function AttachWithoutRefresh(
    state: State, parent: nat, child: nat, name: string, role: Role
  ): State
    requires WellFormed(state) && parent in state.nodes && child in state.nodes
    requires state.nextEdge !in state.edges
    ensures WellFormed(AttachWithoutRefresh(state, parent, child, name, role))
    ensures AttachWithoutRefresh(state, parent, child, name, role).nodes.Keys == state.nodes.Keys
    ensures AttachWithoutRefresh(state, parent, child, name, role).edges.Keys
         == state.edges.Keys + {state.nextEdge}
    ensures SameRest(
              state.(nextEdge := state.nextEdge + 1),
              AttachWithoutRefresh(state, parent, child, name, role))
  {
    var above := state.nodes[parent];
    var pair := EdgePair(
                  above.settings, above.writable, role, state.nodes[child].forceShare,
                  CumulativeOf(state, parent));
    var edge := Edge(Node(parent), child, name, role, pair);
    Edits.Link(state, state.nextEdge, edge).(nextEdge := state.nextEdge + 1)
  }

  // Attaches a child to a node (BLK-PERM-040).
  function {:isolate_assertions} Attach(
    policy: Policy, world: World, state: State, parent: nat, child: nat, name: string, role: Role
  ): Refreshed
    requires WellFormed(state) && Counted(state)
    requires parent in state.nodes && child in state.nodes
    ensures var end := Attach(policy, world, state, parent, child, name, role);
            end.Refreshed? ==> WellFormed(end.state) && Counted(end.state)
  {
    hide WellFormed;
    if ClosesCycle(state, parent, child) then RefreshRefused(Cycle, parent)
    else
      var linked := AttachWithoutRefresh(state, parent, child, name, role);
      Checks.Run(policy, world, linked, [parent])
  }

  // The role of a root edge.
  const RootRole := Role(false, false, true, false, true)

  // Attaches a root of a new backend (BLK-PERM-040).
  function {:isolate_assertions} AttachRoot(
    policy: Policy, world: World, state: State, node: nat, pair: Pair
  ): Refreshed
    requires WellFormed(state) && Counted(state) && node in state.nodes
    ensures var end := AttachRoot(policy, world, state, node, pair);
            end.Refreshed? ==> WellFormed(end.state) && Counted(end.state)
  {
    hide WellFormed;
    var edge := Edge(Root(state.nextBackend), node, "root", RootRole, pair);
    var linked := Edits.Link(state, state.nextEdge, edge).(
                  nextEdge := state.nextEdge + 1,
                  nextBackend := state.nextBackend + 1,
                  backends := state.backends[state.nextBackend := Backend(state.nextEdge)]);
    Edits.RestIsWellFormed(Edits.Link(state, state.nextEdge, edge), linked);
    Checks.Run(policy, world, linked, [node])
  }

  // Changes both masks of a root at once (BLK-PERM-050, BLK-PERM-034).
  function {:isolate_assertions} SetRoot(
    policy: Policy, world: World, state: State, root: nat, pair: Pair
  ): Refreshed
    requires WellFormed(state) && Counted(state) && root in state.edges
    ensures var end := SetRoot(policy, world, state, root, pair);
            end.Refreshed? ==> WellFormed(end.state) && Counted(end.state)
  {
    var edge := state.edges[root];
    Edits.WithPairsIsWellFormed(state, PairsNow(state)[root := pair]);
    var changed := Edits.WithPairs(state, PairsNow(state)[root := pair]);
    Checks.Run(policy, world, changed, [edge.child])
  }

  predicate IsReferenced(node: GraphNode) {
    node.monitorOwned || node.isOpening || |node.parents| > 0
  }

  // A refresh whose refusal is nobody's business: there is none (BLK-PERM-034).
  function Loosened(policy: Policy, world: World, state: State, node: nat): State
    requires WellFormed(state) && node in state.nodes
    ensures WellFormed(Loosened(policy, world, state, node))
    ensures SameButPairs(state, Loosened(policy, world, state, node))
  {
    var end := Checks.Run(policy, world, state, [node]);
    if end.Refreshed? then end.state else state
  }

  // The same nodes, edges and lists.
  ghost predicate SameButPairs(a: State, b: State) {
    && SameRest(a, b)
    && a.nodes.Keys == b.nodes.Keys
    && a.edges.Keys == b.edges.Keys
    && (forall n | n in a.nodes :: b.nodes[n] == a.nodes[n].(file := b.nodes[n].file))
    && (forall e | e in a.edges :: b.edges[e] == a.edges[e].(pair := b.edges[e].pair))
  }

  // A node that nobody holds stays, and keeps its edges but one.
  ghost predicate KeepsTops(before: State, after: State, gone: set<nat>) {
    && SameRest(before, after)
    && after.nodes.Keys <= before.nodes.Keys
    && after.edges.Keys <= before.edges.Keys - gone
    && (forall n | n in before.nodes && before.nodes[n].parents == [] ::
          && n in after.nodes
          && after.nodes[n].parents == []
          && (forall e :: e in after.nodes[n].children
                          <==> e in before.nodes[n].children && e !in gone))
  }

  // The state without an edge, before anything is refreshed or closed.
  function Detached(state: State, edge: nat): State
    requires WellFormed(state) && edge in state.edges
    ensures WellFormed(Detached(state, edge))
    ensures Detached(state, edge).edges == state.edges - {edge}
    ensures Detached(state, edge).nodes.Keys == state.nodes.Keys
    ensures KeepsTops(state, Detached(state, edge), {edge})
  {
    var ended := Edits.EndInheritance(state, edge);
    Edits.Unlink(ended, edge)
  }

  // Removes an edge, refreshes below it, and closes the child when that was its last reference
  // (BLK-PERM-041).
  function Detach(policy: Policy, world: World, state: State, edge: nat): State
    requires WellFormed(state) && edge in state.edges
    ensures WellFormed(Detach(policy, world, state, edge))
    ensures KeepsTops(state, Detach(policy, world, state, edge), {edge})
    decreases state.edges.Keys, 0, 0
  {
    var child := state.edges[edge].child;
    var rest := Detached(state, edge);
    if IsReferenced(rest.nodes[child]) then Loosened(policy, world, rest, child)
    else
      assert edge in state.nodes[child].parents;
      Close(policy, world, rest, child)
  }

  // Detaches edges of a node that nobody holds, one after the other.
  function DetachAll(policy: Policy, world: World, state: State, node: nat, edges: seq<nat>): State
    requires WellFormed(state) && node in state.nodes && state.nodes[node].parents == []
    requires NoDuplicates(edges)
    requires forall e | e in edges :: e in state.nodes[node].children
    ensures WellFormed(DetachAll(policy, world, state, node, edges))
    ensures KeepsTops(state, DetachAll(policy, world, state, node, edges), Members(edges))
    decreases state.edges.Keys, 1, |edges|
  {
    if |edges| == 0 then state
    else
      var next := Detach(policy, world, state, edges[0]);
      RestIsThere(state, next, node, edges);
      var end := DetachAll(policy, world, next, node, edges[1..]);
      KeepsTopsTwice(state, next, end, edges);
      end
  }

  lemma RestIsThere(state: State, next: State, node: nat, edges: seq<nat>)
    requires node in state.nodes && state.nodes[node].parents == []
    requires NoDuplicates(edges) && |edges| > 0
    requires forall e | e in edges :: e in state.nodes[node].children
    requires KeepsTops(state, next, {edges[0]})
    ensures NoDuplicates(edges[1..]) && edges[0] !in edges[1..]
    ensures node in next.nodes && next.nodes[node].parents == []
    ensures forall e | e in edges[1..] :: e in next.nodes[node].children
    ensures edges[0] in edges
  {
  }

  lemma KeepsTopsTwice(before: State, next: State, after: State, edges: seq<nat>)
    requires |edges| > 0
    requires KeepsTops(before, next, {edges[0]})
    requires KeepsTops(next, after, Members(edges[1..]))
    ensures KeepsTops(before, after, Members(edges))
  {
    assert Members(edges) == {edges[0]} + Members(edges[1..]) by {
      assert edges == [edges[0]] + edges[1..];
    }
  }

  // Closes a node without parents: its edges one by one, then itself (BLK-GRAPH-004).
  function Close(policy: Policy, world: World, state: State, node: nat): State
    requires WellFormed(state) && node in state.nodes && state.nodes[node].parents == []
    ensures WellFormed(Close(policy, world, state, node))
    ensures var after := Close(policy, world, state, node);
            && SameRest(state, after)
            && after.edges.Keys <= state.edges.Keys
            && after.nodes.Keys <= state.nodes.Keys - {node}
            && (forall n | n in state.nodes && state.nodes[n].parents == [] && n != node ::
                  && n in after.nodes
                  && after.nodes[n].parents == []
                  && (forall e :: e in after.nodes[n].children <==> e in state.nodes[n].children))
    decreases state.edges.Keys, 2, 0
  {
    var rest := DetachAll(policy, world, state, node, state.nodes[node].children);
    assert rest.nodes[node].children == [] by {
      if rest.nodes[node].children != [] {
        assert rest.nodes[node].children[0] in rest.nodes[node].children;
      }
    }
    Edits.RemoveNode(rest, node)
  }

  // Closes the node if nobody holds it.
  function CloseIfUnreferenced(policy: Policy, world: World, state: State, node: nat): State
    requires WellFormed(state)
    ensures WellFormed(CloseIfUnreferenced(policy, world, state, node))
    ensures Counted(state) ==> Counted(CloseIfUnreferenced(policy, world, state, node))
  {
    if node in state.nodes && !IsReferenced(state.nodes[node]) then
      Close(policy, world, state, node)
    else state
  }

  // Detaches and forgets a backend (BLK-PERM-050).
  function {:isolate_assertions} RemoveBackend(
    policy: Policy, world: World, state: State, backend: nat
  ): State
    requires WellFormed(state)
    requires backend in state.backends && state.backends[backend].root in state.edges
    ensures WellFormed(RemoveBackend(policy, world, state, backend))
    ensures Counted(state) ==> Counted(RemoveBackend(policy, world, state, backend))
  {
    var rest := Detach(policy, world, state, state.backends[backend].root);
    rest.(backends := rest.backends - {backend})
  }

  // Moves an edge to another child; it goes to the heads of the lists.
  function {:isolate_assertions} Moved(state: State, edge: nat, child: nat): State
    requires WellFormed(state) && edge in state.edges && child in state.nodes
    ensures WellFormed(Moved(state, edge, child))
    ensures SameRest(state, Moved(state, edge, child))
    ensures Moved(state, edge, child).nodes.Keys == state.nodes.Keys
    ensures Moved(state, edge, child).edges
         == state.edges[edge := state.edges[edge].(child := child)]
  {
    var moved := state.edges[edge].(child := child);
    assert moved.parent.Node? ==> moved.parent.node in state.nodes;
    hide WellFormed;
    var rest := Edits.Unlink(state, edge);
    Edits.Link(rest, edge, moved)
  }

  // Moves edges to another child, one after the other.
  function {:isolate_assertions} MoveEdges(state: State, edges: seq<nat>, child: nat): State
    requires WellFormed(state) && child in state.nodes
    requires forall e | e in edges :: e in state.edges
    ensures WellFormed(MoveEdges(state, edges, child))
    ensures SameRest(state, MoveEdges(state, edges, child))
    ensures MoveEdges(state, edges, child).nodes.Keys == state.nodes.Keys
    ensures MoveEdges(state, edges, child).edges.Keys == state.edges.Keys
    ensures forall e | e in state.edges ::
              MoveEdges(state, edges, child).edges[e].parent == state.edges[e].parent
    decreases |edges|
  {
    hide WellFormed;
    if |edges| == 0 then state
    else
      assert edges[0] in edges;
      MoveEdges(Moved(state, edges[0], child), edges[1..], child)
  }

  // The edges of a node's parents that do not lie below another node (BLK-GRAPH-022).
  function NotBelow(state: State, edges: seq<nat>, below: seq<nat>): seq<nat>
    requires forall e | e in edges :: e in state.edges
    ensures forall e | e in NotBelow(state, edges, below) ::
              e in edges && !(state.edges[e].parent.Node? && state.edges[e].parent.node in below)
  {
    if |edges| == 0 then []
    else
      assert edges[0] in edges;
      var parent := state.edges[edges[0]].parent;
      (if parent.Node? && parent.node in below then [] else [edges[0]])
      + NotBelow(state, edges[1..], below)
  }

  // The nodes among the holders of edges.
  function HoldingNodes(state: State, edges: seq<nat>): seq<nat>
    requires WellFormed(state)
    requires forall e | e in edges :: e in state.edges
    ensures forall n | n in HoldingNodes(state, edges) :: n in state.nodes
  {
    if |edges| == 0 then []
    else
      assert edges[0] in edges;
      var parent := state.edges[edges[0]].parent;
      (if parent.Node? then [parent.node] else []) + HoldingNodes(state, edges[1..])
  }

  // The append of blockdev-snapshot, before its refresh: the new edge, and the node's other users
  // moved to the overlay (BLK-GRAPH-022).
  function {:isolate_assertions} Appended(state: State, node: nat, overlay: nat): (State, seq<nat>)
    requires WellFormed(state) && node in state.nodes && overlay in state.nodes
    requires state.nextEdge !in state.edges
    ensures var (appended, roots) := Appended(state, node, overlay);
            && WellFormed(appended)
            && (Counted(state) ==> Counted(appended))
            && (forall n | n in roots :: n in appended.nodes)
  {
    var cow := Role(false, false, false, true, false);
    var linked := AttachWithoutRefresh(state, overlay, node, "backing", cow);
    var moved :=
      NotBelow(linked, linked.nodes[node].parents, Below.Order(linked, [overlay]));
    (MoveEdges(linked, moved, overlay), [overlay] + HoldingNodes(linked, moved))
  }

  // The append: one refresh, all or nothing (BLK-GRAPH-022).
  function {:isolate_assertions} Append(
    policy: Policy, world: World, state: State, node: nat, overlay: nat
  ): Refreshed
    requires WellFormed(state) && Counted(state)
    requires node in state.nodes && overlay in state.nodes
    ensures var end := Append(policy, world, state, node, overlay);
            end.Refreshed? ==> WellFormed(end.state) && Counted(end.state)
  {
    if ClosesCycle(state, overlay, node) then RefreshRefused(Cycle, overlay)
    else
      var (appended, roots) := Appended(state, node, overlay);
      Checks.Run(policy, world, appended, roots)
  }
}
