// Less is never harder (I10): where a user is accepted, one that takes less and shares more would
// be, in the same state and world (BLK-PERM-034, BLK-FILE-006, BLK-FILE-011). And a user that is
// there may always ask for less (BLK-PERM-050).
include "Arriving.dfy"
include "Loosening.dfy"
include "Model.dfy"

module LessAsked {
  import opened Permission
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Arriving
  import Below
  import Lattice
  import Loosening
  import Model
  import Refresh
  import Rules

  // One graph with other pairs.
  ghost predicate SameShape(a: State, b: State) {
    && b.nodes == a.nodes
    && b.edges.Keys == a.edges.Keys
    && (forall e | e in a.edges :: b.edges[e] == a.edges[e].(pair := b.edges[e].pair))
  }

  // Every edge asks for the same or less.
  ghost predicate AskLess(more: Pairs, less: Pairs) {
    && more.Keys == less.Keys
    && (forall e | e in more :: AsksNoLess(more[e], less[e]))
  }

  lemma SameVisit(a: State, b: State, ids: seq<nat>, search: Below.Search)
    requires WellFormed(a) && WellFormed(b) && SameShape(a, b)
    requires forall n | n in ids :: n in a.nodes
    requires search.seen <= a.nodes.Keys
    ensures Below.Visit(a, ids, search) == Below.Visit(b, ids, search)
    decreases a.nodes.Keys - search.seen, |ids|
  {
    if |ids| > 0 {
      if ids[0] in search.seen {
        SameVisit(a, b, ids[1..], search);
      } else {
        var entered := search.(seen := search.seen + {ids[0]});
        assert ids[0] in a.nodes.Keys - search.seen;
        assert Below.ChildNodes(a, ids[0]) == Below.ChildNodes(b, ids[0]);
        SameVisit(a, b, Below.ChildNodes(a, ids[0]), entered);
        var left := Below.Visit(a, Below.ChildNodes(a, ids[0]), entered);
        SameVisit(a, b, ids[1..], left.(order := [ids[0]] + left.order));
      }
    }
  }

  // BLK-PERM-002, BLK-PERM-003: who asks less disturbs no more.
  lemma NodeAsksLess(a: State, b: State, more: Pairs, less: Pairs, n: nat)
    requires WellFormed(a) && WellFormed(b) && SameShape(a, b)
    requires Covers(more, a) && Covers(less, b) && AskLess(more, less) && n in a.nodes
    ensures AsksNoLess(Asked(a, more, n), Asked(b, less, n))
    ensures !Lattice.Conflict(AskedList(a, more, n)) ==> !Lattice.Conflict(AskedList(b, less, n))
  {
    var (x, y) := (AskedList(a, more, n), AskedList(b, less, n));
    var ids := a.nodes[n].parents;
    assert |x| == |y| == |ids|;
    forall i | 0 <= i < |ids|
      ensures AsksNoLess(x[i], y[i])
    {
      assert ids[i] in ids;
    }
    hide WellFormed;
    Lattice.CumulativeIsAbove(x);
    var all := Cumulative(x);
    forall i | 0 <= i < |y|
      ensures AsksNoLess(all, y[i])
    {
      assert AsksNoLess(all, x[i]);
    }
    Lattice.CumulativeIsLeast(all, y);
    if Lattice.Conflict(y) {
      var i, j :| 0 <= i < |y| && 0 <= j < |y| && i != j && !Lattice.Allows(y[i], y[j]);
      assert !Lattice.Allows(x[i], x[j]);
    }
  }

  // BLK-FILE-006, BLK-FILE-011: less asked of a file asks no more of the world.
  lemma FileAsksLess(
    policy: Policy, world: World, id: nat, node: GraphNode, more: Pair, less: Pair
  )
    requires node.file.FileHold? && AsksNoLess(more, less)
    requires CheckFile(policy, world, id, node, more).Held?
    ensures CheckFile(policy, world, id, node, less).Held?
  {
  }

  lemma UpdateAsksLess(a: State, b: State, more: Pairs, less: Pairs, n: nat)
    requires WellFormed(a) && WellFormed(b) && SameShape(a, b)
    requires Covers(more, a) && Covers(less, b) && AskLess(more, less) && n in a.nodes
    ensures AskLess(
              Refresh.UpdateChildren(a, map[], more, n),
              Refresh.UpdateChildren(b, map[], less, n))
  {
    var (x, y) := (Refresh.UpdateChildren(a, map[], more, n),
                   Refresh.UpdateChildren(b, map[], less, n));
    NodeAsksLess(a, b, more, less, n);
    var node := a.nodes[n];
    forall e | e in x
      ensures AsksNoLess(x[e], y[e])
    {
      if a.edges[e].parent == Node(n) {
        Rules.RulesAreMonotone(
          node.settings, node.writable, a.edges[e].role,
          a.nodes[a.edges[e].child].forceShare, Asked(b, less, n), Asked(a, more, n));
      }
    }
  }

  // BLK-PERM-034: the checks that pass for more pass for less.
  lemma CheckAsksLess(
    policy: Policy, world: World, a: State, b: State, order: seq<nat>,
    more: Pairs, less: Pairs, given: Holds, others: Holds
  )
    requires WellFormed(a) && WellFormed(b) && SameShape(a, b)
    requires Covers(more, a) && Covers(less, b) && AskLess(more, less)
    requires forall n | n in order :: n in a.nodes
    requires Check(policy, world, a, order, more, given).Passed?
    ensures Check(policy, world, b, order, less, others).Passed?
    decreases |order|
  {
    hide WellFormed;
    if |order| > 0 {
      var id := order[0];
      assert id in order;
      var node := a.nodes[id];
      NodeAsksLess(a, b, more, less, id);
      UpdateAsksLess(a, b, more, less, id);
      var (x, y) := (Asked(a, more, id), Asked(b, less, id));
      var nextMore := Refresh.UpdateChildren(a, map[], more, id);
      var nextLess := Refresh.UpdateChildren(b, map[], less, id);
      assert Meets(y.perm, NotOnReadOnly) ==> Meets(x.perm, NotOnReadOnly);
      if node.file.FileHold? {
        FileAsksLess(policy, world, id, node, x, y);
        var held := CheckFile(policy, world, id, node, x).hold;
        var hold := CheckFile(policy, world, id, node, y).hold;
        CheckAsksLess(
          policy, world, a, b, order[1..], nextMore, nextLess, given[id := held],
          others[id := hold]);
      } else {
        CheckAsksLess(
          policy, world, a, b, order[1..], nextMore, nextLess, given, others);
      }
    }
  }

  lemma RefreshAsksLess(policy: Policy, world: World, a: State, b: State, roots: seq<nat>)
    requires WellFormed(a) && WellFormed(b) && SameShape(a, b)
    requires AskLess(PairsNow(a), PairsNow(b))
    requires forall n | n in roots :: n in a.nodes
    requires Checks.Run(policy, world, a, roots).Refreshed?
    ensures Checks.Run(policy, world, b, roots).Refreshed?
  {
    OrderIsOfNodes(a, roots);
    SameVisit(a, b, roots, Below.Search({}, []));
    CheckAsksLess(
      policy, world, a, b, Below.Order(a, roots), PairsNow(a), PairsNow(b), map[], map[]);
  }

  // BLK-PERM-034, BLK-PERM-040, BLK-PERM-050: where a backend could be attached one that asks for
  // less could be.
  lemma AttachLess(
    policy: Policy, world: World, state: State, node: nat, more: Pair, less: Pair
  )
    requires Model.Sound(state) && AsksNoLess(more, less)
    requires Model.Step(policy, world, state, Model.Action.AttachRoot(node, more)).Accepted?
    ensures Model.Step(policy, world, state, Model.Action.AttachRoot(node, less)).Accepted?
  {
    hide WellFormed;
    var (a, b) := (Arriving.Rooted(state, node, more), Arriving.Rooted(state, node, less));
    Arriving.RootedIsRefreshed(policy, world, state, node, more);
    Arriving.RootedIsRefreshed(policy, world, state, node, less);
    RefreshAsksLess(policy, world, a, b, [node]);
  }

  // What a change of a root comes to.
  lemma SetIsOneRefresh(
    policy: Policy, world: World, state: State, backend: nat, pair: Pair
  )
    requires Model.Sound(state) && Model.HasRoot(state, backend)
    ensures var root := state.backends[backend].root;
            && state.edges[root].child in state.nodes
            && Model.Step(policy, world, state, Model.Action.SetRoot(backend, pair)).Accepted?
               == Checks.Run(
                    policy, world, Arriving.Asking(state, root, pair),
                    [state.edges[root].child]).Refreshed?
  {
    var root := state.backends[backend].root;
    Arriving.AskingIsRefreshed(policy, world, state, root, pair);
  }

  lemma TwoWaysToAsk(state: State, root: nat, more: Pair, less: Pair)
    requires WellFormed(state) && root in state.edges && AsksNoLess(more, less)
    ensures var (a, b) :=
              (Arriving.Asking(state, root, more), Arriving.Asking(state, root, less));
            SameShape(a, b) && AskLess(PairsNow(a), PairsNow(b)) && a.nodes == state.nodes
  {
    Arriving.AskingIs(state, root, more);
    Arriving.AskingIs(state, root, less);
    hide WellFormed, Arriving.Asking;
  }

  // BLK-PERM-034, BLK-PERM-050: and where one could ask for more it could ask for less.
  lemma SetLess(
    policy: Policy, world: World, state: State, backend: nat, more: Pair, less: Pair
  )
    requires Model.Sound(state) && AsksNoLess(more, less)
    requires Model.Step(policy, world, state, Model.Action.SetRoot(backend, more)).Accepted?
    ensures Model.Step(policy, world, state, Model.Action.SetRoot(backend, less)).Accepted?
  {
    assert Model.HasRoot(state, backend);
    hide *;
    assert WellFormed(state) by { reveal Model.Sound; }
    var root := state.backends[backend].root by { reveal Model.HasRoot; }
    assert root in state.edges by { reveal Model.HasRoot; }
    SetIsOneRefresh(policy, world, state, backend, more);
    SetIsOneRefresh(policy, world, state, backend, less);
    TwoWaysToAsk(state, root, more, less);
    RefreshAsksLess(
      policy, world, Arriving.Asking(state, root, more), Arriving.Asking(state, root, less),
      [state.edges[root].child]);
  }

  lemma AskingLessIsLooser(state: State, root: nat, less: Pair)
    requires WellFormed(state) && root in state.edges
    requires AsksNoLess(state.edges[root].pair, less)
    ensures var changed := Arriving.Asking(state, root, less);
            && changed.nodes == state.nodes
            && Loosening.Looser(state, changed)
            && Loosening.NoMore(state, changed, PairsNow(changed))
  {
    Arriving.AskingIs(state, root, less);
    hide WellFormed, Arriving.Asking;
  }

  // BLK-PERM-034, BLK-PERM-050: from a safe graph a backend may always ask for less than it has,
  // whatever the world answers.
  lemma MayAlwaysAskLess(
    policy: Policy, world: World, state: State, backend: nat, less: Pair
  )
    requires Model.Sound(state) && SafeWhile(policy, state, {})
    requires Model.HasRoot(state, backend)
    requires AsksNoLess(state.edges[state.backends[backend].root].pair, less)
    ensures Model.Step(policy, world, state, Model.Action.SetRoot(backend, less)).Accepted?
  {
    hide *;
    assert WellFormed(state) by { reveal Model.Sound; }
    assert SafeBut(state, {}) && FilesSettledBut(policy, state, {}) by { reveal SafeWhile; }
    var root := state.backends[backend].root by { reveal Model.HasRoot; }
    assert root in state.edges by { reveal Model.HasRoot; }
    SetIsOneRefresh(policy, world, state, backend, less);
    var child := state.edges[root].child;
    var changed := Arriving.Asking(state, root, less);
    AskingLessIsLooser(state, root, less);
    assert AreTops(changed, {}) by { reveal AreTops; }
    Loosening.RefreshPasses(policy, world, state, {}, changed, [child]);
  }
}
