// The nodes below some roots, parents before children: the walk that a refresh takes
// (BLK-PERM-030). It ends, visits every node below, each once, and never a child before a parent.
include "Refresh.s.dfy"

module Below {
  import opened Graph
  import opened RefreshStatement

  // The children of a node, in list order.
  function ChildNodes(state: State, id: nat): seq<nat>
    requires WellFormed(state) && id in state.nodes
    ensures forall c | c in ChildNodes(state, id) :: c in state.nodes
  {
    var ids := state.nodes[id].children;
    seq(|ids|, i requires 0 <= i < |ids| => state.edges[ids[i]].child)
  }

  // What a search has come to: every node seen, and those finished, the last one first.
  datatype Search = Search(seen: set<nat>, order: seq<nat>)

  // Visits the nodes depth first; a node is put before everything below it.
  function Visit(state: State, ids: seq<nat>, search: Search): Search
    requires WellFormed(state)
    requires forall n | n in ids :: n in state.nodes
    requires search.seen <= state.nodes.Keys
    ensures search.seen <= Visit(state, ids, search).seen <= state.nodes.Keys
    decreases state.nodes.Keys - search.seen, |ids|
  {
    if |ids| == 0 then search
    else if ids[0] in search.seen then Visit(state, ids[1..], search)
    else
      var entered := search.(seen := search.seen + {ids[0]});
      assert ids[0] in state.nodes.Keys - search.seen;
      var left := Visit(state, ChildNodes(state, ids[0]), entered);
      Visit(state, ids[1..], left.(order := [ids[0]] + left.order))
  }

  // The search after the first of the nodes was visited, with all below it.
  function AfterFirst(state: State, ids: seq<nat>, search: Search): Search
    requires WellFormed(state)
    requires |ids| > 0 && ids[0] in state.nodes
    requires search.seen <= state.nodes.Keys
    ensures search.seen <= AfterFirst(state, ids, search).seen <= state.nodes.Keys
  {
    if ids[0] in search.seen then search
    else
      var left :=
        Visit(state, ChildNodes(state, ids[0]), search.(seen := search.seen + {ids[0]}));
      left.(order := [ids[0]] + left.order)
  }

  function Order(state: State, roots: seq<nat>): seq<nat>
    requires WellFormed(state)
    requires forall n | n in roots :: n in state.nodes
  {
    Visit(state, roots, Search({}, [])).order
  }

  // What is finished is finished with all that lies below it, and stands before it.
  ghost predicate Sound(state: State, search: Search)
    requires WellFormed(state)
  {
    && search.seen <= state.nodes.Keys
    && NoDuplicates(search.order)
    && (forall n | n in search.order :: n in search.seen)
    && (forall e, i |
          && e in state.edges && 0 <= i < |search.order|
          && state.edges[e].parent == Node(search.order[i]) ::
          state.edges[e].child in search.order[i + 1..])
  }

  // The nodes entered but not finished: those above the present one.
  ghost function Open(search: Search): set<nat> {
    search.seen - Members(search.order)
  }

  // What lies below a node that is entered is not among those entered above it.
  lemma ChildrenAreBelow(state: State, id: nat, search: Search, rank: map<nat, nat>)
    requires WellFormed(state) && Ranked(state, rank) && Sound(state, search)
    requires id in state.nodes && id !in search.seen
    requires forall o | o in Open(search) :: rank[o] < rank[id]
    ensures var entered := search.(seen := search.seen + {id});
            && Sound(state, entered)
            && Open(entered) == Open(search) + {id}
            && (forall n, o | n in ChildNodes(state, id) && o in Open(entered) ::
                  rank[o] < rank[n])
  {
    var entered := search.(seen := search.seen + {id});
    assert id !in search.order;
    assert Open(entered) == Open(search) + {id};
    var children := ChildNodes(state, id);
    forall n, o | n in children && o in Open(entered)
      ensures rank[o] < rank[n]
    {
      var i :| 0 <= i < |children| && children[i] == n;
      var e := state.nodes[id].children[i];
      assert e in state.edges && state.edges[e].parent == Node(id) && state.edges[e].child == n;
    }
  }

  // A node is finished when all its children are.
  lemma {:isolate_assertions} FinishedIsSound(state: State, id: nat, left: Search)
    requires WellFormed(state) && Sound(state, left)
    requires id in state.nodes && id in Open(left)
    requires forall c | c in ChildNodes(state, id) :: c in left.order
    ensures var finished := left.(order := [id] + left.order);
            Sound(state, finished) && Open(finished) == Open(left) - {id}
  {
    var finished := left.(order := [id] + left.order);
    assert id !in left.order;
    var children := ChildNodes(state, id);
    forall e, i |
      && e in state.edges && 0 <= i < |finished.order|
      && state.edges[e].parent == Node(finished.order[i])
      ensures state.edges[e].child in finished.order[i + 1..]
    {
      if i == 0 {
        var ids := state.nodes[id].children;
        assert e in ids;
        var k :| 0 <= k < |ids| && ids[k] == e;
        assert children[k] == state.edges[e].child;
        assert finished.order[1..] == left.order;
      } else {
        assert finished.order[i + 1..] == left.order[i..];
        assert left.order[i - 1] == finished.order[i];
        assert state.edges[e].child in left.order[i - 1 + 1..];
      }
    }
    assert forall n :: n in finished.order <==> n == id || n in left.order;
  }

  // BLK-PERM-030: a visit finishes what lies below before the node itself, and puts it behind.
  lemma VisitIsSound(state: State, ids: seq<nat>, search: Search, rank: map<nat, nat>)
    requires WellFormed(state) && Ranked(state, rank) && Sound(state, search)
    requires forall n | n in ids :: n in state.nodes
    requires forall n, o | n in ids && o in Open(search) :: rank[o] < rank[n]
    ensures var end := Visit(state, ids, search);
            && Sound(state, end)
            && Open(end) == Open(search)
            && (forall n | n in ids :: n in end.order)
            && (forall n | n in search.order :: n in end.order)
    decreases state.nodes.Keys - search.seen, |ids|
  {
    hide *;
    if |ids| == 0 {
      reveal Visit;
      return;
    }
    var id := ids[0];
    assert id in ids && id in state.nodes;
    assert state.nodes.Keys >= search.seen by { reveal Sound; }
    var next := AfterFirst(state, ids, search);
    assert Visit(state, ids, search) == Visit(state, ids[1..], next) by {
      reveal Visit, AfterFirst;
    }
    if id in search.seen {
      assert next == search by { reveal AfterFirst; }
      assert id in next.order by {
        reveal Open, Members;
        if id !in search.order {
          assert id in Open(search);
        }
      }
    } else {
      var entered := search.(seen := search.seen + {id});
      ChildrenAreBelow(state, id, search, rank);
      var children := ChildNodes(state, id);
      assert id in state.nodes.Keys - search.seen;
      VisitIsSound(state, children, entered, rank);
      var left := Visit(state, children, entered);
      FinishedIsSound(state, id, left);
      assert next == left.(order := [id] + left.order) by { reveal AfterFirst; }
      assert Open(next) == Open(search) by {
        reveal Open;
      }
    }
    VisitIsSound(state, ids[1..], next, rank);
    assert forall n | n in ids :: n == id || n in ids[1..];
  }

  // BLK-PERM-030: the order begins nowhere below the roots' own subtree, holds each node below
  // once, parents first, and is closed downwards.
  lemma OrderIsTopological(state: State, roots: seq<nat>)
    requires WellFormed(state) && Acyclic(state)
    requires forall n | n in roots :: n in state.nodes
    ensures var order := Order(state, roots);
            && Topological(state, order)
            && Closed(state, Members(order))
            && (forall n | n in roots :: n in order)
  {
    var rank :| Ranked(state, rank);
    VisitIsSound(state, roots, Search({}, []), rank);
    var order := Order(state, roots);
    forall e, i, j |
      && e in state.edges && 0 <= i < |order| && 0 <= j < |order|
      && state.edges[e].parent == Node(order[i]) && state.edges[e].child == order[j]
      ensures i < j
    {
      assert order[j] in order[i + 1..];
      var k :| 0 <= k < |order[i + 1..]| && order[i + 1..][k] == order[j];
      assert order[i + 1 + k] == order[j];
      assert i + 1 + k == j;
    }
    forall e | e in state.edges && IsOf(state, e, Members(order))
      ensures state.edges[e].child in Members(order)
    {
      var i :| 0 <= i < |order| && order[i] == state.edges[e].parent.node;
      assert state.edges[e].child in order[i + 1..];
    }
  }
}
