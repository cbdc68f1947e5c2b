// Changes of the graph's lists and maps, without permissions: what every command is made of
// (BLK-GRAPH-004 to BLK-GRAPH-006). Each keeps what the lists say and what the edges say the same.
include "Below.dfy"

module Edits {
  import opened Permission
  import opened Graph
  import opened RefreshStatement
  import Below

  // The ids but one, in the same order.
  function Without(ids: seq<nat>, id: nat): seq<nat>
    ensures forall x :: x in Without(ids, id) <==> x in ids && x != id
  {
    if |ids| == 0 then []
    else if ids[0] == id then Without(ids[1..], id)
    else [ids[0]] + Without(ids[1..], id)
  }

  lemma WithoutKeepsNoDuplicates(ids: seq<nat>, id: nat)
    requires NoDuplicates(ids)
    ensures NoDuplicates(Without(ids, id))
  {
    if |ids| > 0 {
      assert NoDuplicates(ids[1..]);
      assert ids[0] !in ids[1..];
      WithoutKeepsNoDuplicates(ids[1..], id);
    }
  }

  // Whether an edge may be put in under an id.
  predicate MayLink(state: State, id: nat, edge: Edge) {
    && id !in state.edges
    && edge.child in state.nodes
    && (edge.parent.Node? ==> edge.parent.node in state.nodes)
  }

  // Puts an edge at the heads of both lists (BLK-GRAPH-006).
  function Link(state: State, id: nat, edge: Edge): State
    requires WellFormed(state) && MayLink(state, id, edge)
    ensures WellFormed(Link(state, id, edge))
    ensures Link(state, id, edge).edges == state.edges[id := edge]
    ensures Link(state, id, edge).nodes.Keys == state.nodes.Keys
    ensures SameRest(state, Link(state, id, edge))
  {
    var linked := state.(nodes := LinkedNodes(state, id, edge), edges := state.edges[id := edge]);
    LinkIsWellFormed(state, id, edge, linked);
    linked
  }

  function {:isolate_assertions} LinkedNodes(state: State, id: nat, edge: Edge): map<nat, GraphNode>
    requires MayLink(state, id, edge)
    ensures LinkedNodes(state, id, edge).Keys == state.nodes.Keys
    ensures forall n | n in state.nodes ::
              LinkedNodes(state, id, edge)[n].parents
              == (if n == edge.child then [id] else []) + state.nodes[n].parents
    ensures forall n | n in state.nodes ::
              LinkedNodes(state, id, edge)[n].children
              == (if edge.parent == Node(n) then [id] else []) + state.nodes[n].children
    ensures forall n | n in state.nodes ::
              var node := LinkedNodes(state, id, edge)[n];
              node == state.nodes[n].(parents := node.parents, children := node.children)
  {
    var child := state.nodes[edge.child];
    var nodes := state.nodes[edge.child := child.(parents := [id] + child.parents)];
    if edge.parent.Node? then
      var parent := nodes[edge.parent.node];
      nodes[edge.parent.node := parent.(children := [id] + parent.children)]
    else nodes
  }

  lemma {:isolate_assertions} LinkIsWellFormed(state: State, id: nat, edge: Edge, linked: State)
    requires WellFormed(state) && MayLink(state, id, edge)
    requires linked.nodes == LinkedNodes(state, id, edge)
    requires linked.edges == state.edges[id := edge]
    ensures WellFormed(linked)
  {
    forall n | n in linked.nodes
      ensures
        && NoDuplicates(linked.nodes[n].children)
        && NoDuplicates(linked.nodes[n].parents)
        && (forall e | e in linked.nodes[n].children ::
              e in linked.edges && linked.edges[e].parent == Node(n))
        && (forall e | e in linked.nodes[n].parents ::
              e in linked.edges && linked.edges[e].child == n)
    {
      assert id !in state.nodes[n].children && id !in state.nodes[n].parents;
      assert NoDuplicates([id] + state.nodes[n].children);
      assert NoDuplicates([id] + state.nodes[n].parents);
      assert [] + state.nodes[n].children == state.nodes[n].children;
      assert [] + state.nodes[n].parents == state.nodes[n].parents;
    }
    forall e | e in linked.edges
      ensures
        && linked.edges[e].child in linked.nodes
        && e in linked.nodes[linked.edges[e].child].parents
        && (linked.edges[e].parent.Node? ==>
              && linked.edges[e].parent.node in linked.nodes
              && e in linked.nodes[linked.edges[e].parent.node].children)
    {
    }
  }

  // Backends and counters are none of the lists' business.
  lemma RestIsWellFormed(a: State, b: State)
    requires WellFormed(a) && a.nodes == b.nodes && a.edges == b.edges
    ensures WellFormed(b)
  {
  }

  // Takes an edge out of both lists.
  function Unlink(state: State, id: nat): State
    requires WellFormed(state) && id in state.edges
    ensures WellFormed(Unlink(state, id))
    ensures Unlink(state, id).edges == state.edges - {id}
    ensures SameRest(state, Unlink(state, id))
    ensures Unlink(state, id).nodes.Keys == state.nodes.Keys
  {
    var rest := state.(nodes := UnlinkedNodes(state, id), edges := state.edges - {id});
    UnlinkIsWellFormed(state, id, rest);
    rest
  }

  function {:isolate_assertions} UnlinkedNodes(state: State, id: nat): map<nat, GraphNode>
    requires WellFormed(state) && id in state.edges
    ensures UnlinkedNodes(state, id).Keys == state.nodes.Keys
    ensures forall n | n in state.nodes ::
              UnlinkedNodes(state, id)[n].parents
              == if n == state.edges[id].child then Without(state.nodes[n].parents, id)
              else state.nodes[n].parents
    ensures forall n | n in state.nodes ::
              UnlinkedNodes(state, id)[n].children
              == if state.edges[id].parent == Node(n) then Without(state.nodes[n].children, id)
              else state.nodes[n].children
    ensures forall n | n in state.nodes ::
              var node := UnlinkedNodes(state, id)[n];
              node == state.nodes[n].(parents := node.parents, children := node.children)
  {
    var edge := state.edges[id];
    var child := state.nodes[edge.child];
    var nodes := state.nodes[edge.child := child.(parents := Without(child.parents, id))];
    if edge.parent.Node? then
      var parent := nodes[edge.parent.node];
      nodes[edge.parent.node := parent.(children := Without(parent.children, id))]
    else nodes
  }

  lemma UnlinkIsWellFormed(state: State, id: nat, rest: State)
    requires WellFormed(state) && id in state.edges
    requires rest.nodes == UnlinkedNodes(state, id)
    requires rest.edges == state.edges - {id}
    ensures WellFormed(rest)
  {
    forall n | n in rest.nodes
      ensures
        && NoDuplicates(rest.nodes[n].children)
        && NoDuplicates(rest.nodes[n].parents)
        && (forall e | e in rest.nodes[n].children ::
              e in rest.edges && rest.edges[e].parent == Node(n))
        && (forall e | e in rest.nodes[n].parents ::
              e in rest.edges && rest.edges[e].child == n)
    {
      WithoutKeepsNoDuplicates(state.nodes[n].children, id);
      WithoutKeepsNoDuplicates(state.nodes[n].parents, id);
    }
    forall e | e in rest.edges
      ensures
        && rest.edges[e].child in rest.nodes
        && e in rest.nodes[rest.edges[e].child].parents
        && (rest.edges[e].parent.Node? ==>
              && rest.edges[e].parent.node in rest.nodes
              && e in rest.nodes[rest.edges[e].parent.node].children)
    {
    }
  }

  // Two nodes with the same edges.
  predicate SameLists(a: GraphNode, b: GraphNode) {
    a.children == b.children && a.parents == b.parents
  }

  // Puts a node in the place of one with the same edges.
  function PutNode(state: State, id: nat, node: GraphNode): State
    requires WellFormed(state) && id in state.nodes && SameLists(node, state.nodes[id])
    ensures WellFormed(PutNode(state, id, node))
  {
    state.(nodes := state.nodes[id := node])
  }

  // A new node, without edges.
  function AddNode(state: State, id: nat, node: GraphNode): State
    requires WellFormed(state) && id !in state.nodes
    requires node.children == [] && node.parents == []
    ensures WellFormed(AddNode(state, id, node))
  {
    state.(nodes := state.nodes[id := node])
  }

  // Forgets a node that has no edges.
  function RemoveNode(state: State, id: nat): State
    requires WellFormed(state) && id in state.nodes
    requires state.nodes[id].children == [] && state.nodes[id].parents == []
    ensures WellFormed(RemoveNode(state, id))
  {
    state.(nodes := state.nodes - {id})
  }

  // The state with other pairs on its edges.
  function WithPairs(state: State, pairs: Pairs): State
    requires Covers(pairs, state)
  {
    state.(edges := map e | e in state.edges :: state.edges[e].(pair := pairs[e]))
  }

  // The state with other holds of its files.
  function WithHolds(state: State, holds: map<nat, FileHold>): State {
    state.(nodes :=
    map n | n in state.nodes ::
      if n in holds then state.nodes[n].(file := holds[n]) else state.nodes[n])
  }

  lemma WithPairsIsWellFormed(state: State, pairs: Pairs)
    requires WellFormed(state) && Covers(pairs, state)
    ensures WellFormed(WithPairs(state, pairs))
  {
  }

  lemma WithHoldsIsWellFormed(state: State, holds: map<nat, FileHold>)
    requires WellFormed(state)
    ensures WellFormed(WithHolds(state, holds))
  {
  }

  // Whether another edge of the parent than this leads to the node.
  predicate Stays(state: State, parent: nat, edge: nat, node: nat)
    requires WellFormed(state) && parent in state.nodes
  {
    exists e | e in state.nodes[parent].children :: e != edge && state.edges[e].child == node
  }

  // Ends the inheritance of what an edge to be removed leads to (BLK-GRAPH-005).
  function EndInheritance(state: State, edge: nat): State
    requires WellFormed(state) && edge in state.edges
    ensures WellFormed(EndInheritance(state, edge))
    ensures SameRest(state, EndInheritance(state, edge))
    ensures EndInheritance(state, edge).edges == state.edges
    ensures EndInheritance(state, edge).nodes.Keys == state.nodes.Keys
    ensures forall n | n in state.nodes ::
              EndInheritance(state, edge).nodes[n]
              == state.nodes[n].(inheritsFrom := EndInheritance(state, edge).nodes[n].inheritsFrom)
  {
    var parent := state.edges[edge].parent;
    if parent.Root? then state
    else
      var below := Below.Order(state, [state.edges[edge].child]);
      state.(nodes :=
      map n | n in state.nodes ::
        if
          && state.nodes[n].inheritsFrom == parent.node
          && n in below
          && !Stays(state, parent.node, edge, n)
        then state.nodes[n].(inheritsFrom := -1)
        else state.nodes[n])
  }
}
