// A loosening is never refused, whatever the world answers (BLK-PERM-034, BLK-FILE-006,
// BLK-FILE-011): who leaves can always leave.
include "SafeRefresh.dfy"

module Loosening {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Below
  import Lattice
  import Refresh
  import Rules

  // The same graph with fewer edges, and with less asked on some.
  ghost predicate Looser(before: State, edited: State)
    requires WellFormed(before) && WellFormed(edited)
  {
    && (forall n | n in edited.nodes ::
          && n in before.nodes
          && before.nodes[n].settings == edited.nodes[n].settings
          && before.nodes[n].writable == edited.nodes[n].writable
          && before.nodes[n].autoReadOnly == edited.nodes[n].autoReadOnly
          && before.nodes[n].forceShare == edited.nodes[n].forceShare
          && before.nodes[n].file == edited.nodes[n].file)
    && (forall e | e in edited.edges ::
          && e in before.edges
          && before.edges[e].parent == edited.edges[e].parent
          && before.edges[e].child == edited.edges[e].child
          && before.edges[e].role == edited.edges[e].role)
  }

  // Pairs that ask no more than the state before.
  ghost predicate NoMore(before: State, edited: State, pairs: Pairs)
    requires WellFormed(before) && WellFormed(edited) && Looser(before, edited)
  {
    && Covers(pairs, edited)
    && (forall e | e in edited.edges :: AsksNoLess(before.edges[e].pair, pairs[e]))
  }

  // BLK-PERM-034: fewer users, each with less, ask no more.
  lemma AskedIsNoMore(before: State, edited: State, pairs: Pairs, n: nat)
    requires WellFormed(before) && WellFormed(edited) && Looser(before, edited)
    requires NoMore(before, edited, pairs) && n in edited.nodes
    ensures AsksNoLess(Asked(before, PairsNow(before), n), Asked(edited, pairs, n))
  {
    var x := AskedList(before, PairsNow(before), n);
    var y := AskedList(edited, pairs, n);
    var all := Cumulative(x);
    Lattice.CumulativeIsAbove(x);
    forall i | 0 <= i < |y|
      ensures AsksNoLess(all, y[i])
    {
      var e := edited.nodes[n].parents[i];
      assert e in edited.nodes[n].parents;
      assert e in before.nodes[n].parents;
      var j :| 0 <= j < |x| && before.nodes[n].parents[j] == e;
      assert AsksNoLess(all, x[j]);
      assert AsksNoLess(x[j], y[i]);
    }
    Lattice.CumulativeIsLeast(all, y);
  }

  // Who asks for something among all users asks for it on an edge.
  lemma SomebodyAsks(pairs: seq<Pair>, wanted: Perm)
    requires Meets(Cumulative(pairs).perm, wanted)
    ensures exists i | 0 <= i < |pairs| :: Meets(pairs[i].perm, wanted)
  {
    if |pairs| > 0 && !Meets(pairs[0].perm, wanted) {
      SomebodyAsks(pairs[1..], wanted);
      var i :| 0 <= i < |pairs[1..]| && Meets(pairs[1..][i].perm, wanted);
      assert pairs[i + 1] == pairs[1..][i];
    }
  }

  // BLK-PERM-034: no conflict and no writer on a read-only node comes of it.
  lemma NodeHolds(before: State, edited: State, pairs: Pairs, n: nat)
    requires WellFormed(before) && WellFormed(edited) && Looser(before, edited)
    requires PairwiseSafe(before) && ReadOnlySafe(before)
    requires NoMore(before, edited, pairs) && n in edited.nodes
    ensures !Lattice.Conflict(AskedList(edited, pairs, n))
    ensures Meets(Asked(edited, pairs, n).perm, NotOnReadOnly) ==> edited.nodes[n].writable
  {
    var ids := edited.nodes[n].parents;
    var y := AskedList(edited, pairs, n);
    if Lattice.Conflict(y) {
      var i, j :| 0 <= i < |y| && 0 <= j < |y| && i != j && !Lattice.Allows(y[i], y[j]);
      var (e, f) := (ids[i], ids[j]);
      assert e in ids && f in ids;
      assert e != f;
      assert before.edges[e].child == n && before.edges[f].child == n;
      assert Subset(before.edges[f].pair.perm, before.edges[e].pair.shared);
      assert false;
    }
    if Meets(Asked(edited, pairs, n).perm, NotOnReadOnly) {
      SomebodyAsks(y, NotOnReadOnly);
      var i :| 0 <= i < |y| && Meets(y[i].perm, NotOnReadOnly);
      var e := ids[i];
      assert e in ids;
      assert Meets(before.edges[e].pair.perm, NotOnReadOnly);
      assert before.edges[e].child == n;
    }
  }

  // BLK-FILE-006, BLK-FILE-011: a file whose users ask no more asks the world nothing.
  lemma FileHolds(
    policy: Policy, world: World, id: nat, node: GraphNode, had: Pair, asked: Pair
  )
    requires node.file.FileHold? && IsSettled(policy, node, had) && AsksNoLess(had, asked)
    ensures CheckFile(policy, world, id, node, asked).Held?
  {
  }

  // What the walk makes of the edges below a node asks no more either.
  lemma UpdateIsNoMore(
    before: State, dying: set<nat>, edited: State, pairs: Pairs, n: nat
  )
    requires WellFormed(before) && WellFormed(edited) && Looser(before, edited)
    requires CanonicalBut(before, dying) && NoMore(before, edited, pairs)
    requires n in edited.nodes && n !in dying
    ensures NoMore(before, edited, Refresh.UpdateChildren(edited, map[], pairs, n))
  {
    var next := Refresh.UpdateChildren(edited, map[], pairs, n);
    AskedIsNoMore(before, edited, pairs, n);
    forall e | e in edited.edges
      ensures AsksNoLess(before.edges[e].pair, next[e])
    {
      if edited.edges[e].parent == Node(n) {
        var node := edited.nodes[n];
        assert before.edges[e].parent == Node(n);
        assert before.edges[e].pair == RuleOf(before, map[], PairsNow(before), e);
        Rules.RulesAreMonotone(
          node.settings, node.writable, edited.edges[e].role,
          edited.nodes[edited.edges[e].child].forceShare,
          Asked(edited, pairs, n), Asked(before, PairsNow(before), n));
        assert next[e] == RuleOf(edited, map[], pairs, e);
      }
    }
  }

  // BLK-PERM-034, BLK-FILE-006: the checks pass.
  lemma ChecksPass(
    policy: Policy, world: World, before: State, dying: set<nat>, edited: State,
    order: seq<nat>, pairs: Pairs, holds: Holds
  )
    requires SafeBut(before, dying) && FilesSettledBut(policy, before, dying)
    requires WellFormed(edited) && Looser(before, edited)
    requires forall n | n in order :: n in edited.nodes && n !in dying
    requires NoMore(before, edited, pairs)
    ensures Check(policy, world, edited, order, pairs, holds).Passed?
    decreases |order|
  {
    if |order| > 0 {
      var id := order[0];
      assert id in order;
      NodeHolds(before, edited, pairs, id);
      AskedIsNoMore(before, edited, pairs, id);
      UpdateIsNoMore(before, dying, edited, pairs, id);
      var asked := Asked(edited, pairs, id);
      var had := Asked(before, PairsNow(before), id);
      var next := Refresh.UpdateChildren(edited, map[], pairs, id);
      if edited.nodes[id].file.FileHold? {
        assert IsSettled(policy, before.nodes[id], had);
        assert IsSettled(policy, edited.nodes[id], had);
        FileHolds(policy, world, id, edited.nodes[id], had, asked);
        var hold := CheckFile(policy, world, id, edited.nodes[id], asked).hold;
        ChecksPass(policy, world, before, dying, edited, order[1..], next, holds[id := hold]);
      } else {
        ChecksPass(policy, world, before, dying, edited, order[1..], next, holds);
      }
    }
  }

  // What is below some nodes are these nodes and nodes with parents.
  lemma VisitFindsChildren(state: State, ids: seq<nat>, search: Below.Search, tops: set<nat>)
    requires WellFormed(state)
    requires forall n | n in ids :: n in state.nodes && n !in tops
    requires forall n | n in tops :: n in state.nodes && state.nodes[n].parents == []
    requires search.seen <= state.nodes.Keys
    requires forall n | n in search.order :: n !in tops
    ensures forall n | n in Below.Visit(state, ids, search).order :: n !in tops
    decreases state.nodes.Keys - search.seen, |ids|
  {
    if |ids| > 0 {
      if ids[0] in search.seen {
        VisitFindsChildren(state, ids[1..], search, tops);
      } else {
        var entered := search.(seen := search.seen + {ids[0]});
        assert ids[0] in state.nodes.Keys - search.seen;
        var children := Below.ChildNodes(state, ids[0]);
        forall n | n in children
          ensures n in state.nodes && n !in tops
        {
          var i :| 0 <= i < |children| && children[i] == n;
          var e := state.nodes[ids[0]].children[i];
          assert e in state.nodes[ids[0]].children;
          assert e in state.nodes[n].parents;
        }
        VisitFindsChildren(state, children, entered, tops);
        var left := Below.Visit(state, children, entered);
        VisitFindsChildren(state, ids[1..], left.(order := [ids[0]] + left.order), tops);
      }
    }
  }

  // BLK-PERM-034: the refresh after a loosening is never refused.
  lemma RefreshPasses(
    policy: Policy, world: World, before: State, dying: set<nat>, edited: State, roots: seq<nat>
  )
    requires SafeBut(before, dying) && FilesSettledBut(policy, before, dying)
    requires WellFormed(edited) && Looser(before, edited) && AreTops(edited, dying)
    requires NoMore(before, edited, PairsNow(edited))
    requires forall n | n in roots :: n in edited.nodes && n !in dying
    ensures Checks.Run(policy, world, edited, roots).Refreshed?
  {
    hide *;
    OrderIsOfNodes(edited, roots);
    var order := Below.Order(edited, roots);
    assert forall n | n in order :: n !in dying by {
      VisitFindsChildren(edited, roots, Below.Search({}, []), dying) by { reveal AreTops; }
      reveal Below.Order;
    }
    assert WellFormed(before) by { reveal SafeBut; }
    assert Covers(PairsNow(edited), edited) by { reveal NoMore; }
    ChecksPass(policy, world, before, dying, edited, order, PairsNow(edited), map[]);
    reveal Checks.Run;
  }
}
