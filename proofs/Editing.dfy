// A change of a graph that its refresh sees whole: what was not changed keeps its users and asks
// what it asked, and what was changed lies at or right below the roots of the refresh
// (BLK-PERM-030). Such a change leaves a safe graph when its refresh is not refused.
include "SafeRefresh.dfy"

module Editing {
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Below
  import Safety
  import SafeRefresh

  // A refresh below the roots visits the node: it is a root or the child of one.
  ghost predicate Near(state: State, roots: seq<nat>, n: nat) {
    || n in roots
    || exists e ::
         && e in state.edges && state.edges[e].child == n
         && state.edges[e].parent.Node? && state.edges[e].parent.node in roots
  }

  // The node has the users that it had, and no other edges than it had.
  ghost predicate SameEdges(before: State, after: State, n: nat) {
    && (forall e | e in after.edges
                   && (after.edges[e].child == n || after.edges[e].parent == Node(n)) ::
          e in before.edges && before.edges[e] == after.edges[e])
    && (forall e | e in before.edges && before.edges[e].child == n ::
          e in after.edges && after.edges[e] == before.edges[e])
  }

  // The same nodes, but for flags, heirs and lists.
  ghost predicate SameNodes(before: State, after: State) {
    && after.nodes.Keys == before.nodes.Keys
    && (forall n | n in after.nodes ::
          && after.nodes[n].name == before.nodes[n].name
          && after.nodes[n].file == before.nodes[n].file
          && after.nodes[n].settings == before.nodes[n].settings
          && after.nodes[n].forceShare == before.nodes[n].forceShare)
  }

  ghost predicate SameFlags(before: State, after: State, n: nat)
    requires n in before.nodes && n in after.nodes
  {
    && after.nodes[n].writable == before.nodes[n].writable
    && after.nodes[n].autoReadOnly == before.nodes[n].autoReadOnly
  }

  // A change that a refresh below these roots sees whole.
  ghost predicate IsEdit(before: State, roots: seq<nat>, after: State) {
    && WellFormed(before) && WellFormed(after) && Acyclic(after)
    && SameNodes(before, after)
    && (forall n | n in roots :: n in after.nodes)
    && (forall n | n in after.nodes && !Near(after, roots, n) ::
          SameFlags(before, after, n) && SameEdges(before, after, n))
  }

  lemma RootIsNear(state: State, root: nat)
    ensures Near(state, [root], root)
  {
    assert root in [root];
  }

  lemma NearIsBelow(state: State, roots: seq<nat>, n: nat)
    requires WellFormed(state) && Acyclic(state) && Near(state, roots, n)
    requires forall r | r in roots :: r in state.nodes
    ensures n in Members(Below.Order(state, roots))
  {
    Below.OrderIsTopological(state, roots);
    var order := Below.Order(state, roots);
    if n !in roots {
      var e :|
        && e in state.edges && state.edges[e].child == n
        && state.edges[e].parent.Node? && state.edges[e].parent.node in roots;
      assert IsOf(state, e, Members(order));
    }
  }

  lemma SameEdgesMeanSame(before: State, after: State, n: nat)
    requires WellFormed(before) && WellFormed(after) && SameNodes(before, after)
    requires n in after.nodes
    requires SameFlags(before, after, n) && SameEdges(before, after, n)
    ensures Safety.SameAt(before, after, n)
  {
  }

  lemma EditChangesWithin(before: State, roots: seq<nat>, after: State)
    requires IsEdit(before, roots, after)
    ensures Safety.ChangesWithin(before, after, Members(Below.Order(after, roots)))
  {
    hide *;
    assert WellFormed(before) && WellFormed(after) by { reveal IsEdit; }
    assert forall r | r in roots :: r in after.nodes by { reveal IsEdit; }
    var within := Members(Below.Order(after, roots));
    forall n | n in after.nodes && n !in within
      ensures Safety.SameAt(before, after, n)
    {
      reveal IsEdit;
      assert n in before.nodes by { reveal SameNodes; }
      if Near(after, roots, n) {
        NearIsBelow(after, roots, n);
      }
      SameEdgesMeanSame(before, after, n);
    }
    reveal Safety.ChangesWithin;
  }

  lemma EditKeepsNames(policy: Policy, before: State, dying: set<nat>, after: State)
    requires WellFormed(before) && SameNodes(before, after)
    requires UniqueNames(before) && FilesSettledBut(policy, before, dying)
    ensures UniqueNames(after) && SafeRefresh.Readable(after)
  {
  }

  // BLK-PERM-003, BLK-PERM-006, BLK-PERM-007, BLK-PERM-030, BLK-PERM-033: a change that its refresh
  // sees whole, and accepts, leaves a safe graph.
  lemma EditIsSafe(
    policy: Policy, world: World, before: State, dying: set<nat>, roots: seq<nat>, edited: State
  )
    requires SafeWhile(policy, before, dying) && IsEdit(before, roots, edited)
    requires AreTops(edited, dying)
    ensures WellFormed(edited) && forall n | n in roots :: n in edited.nodes
    ensures var end := Checks.Run(policy, world, edited, roots);
            end.Refreshed? ==> SafeWhile(policy, end.state, dying)
  {
    hide *;
    assert SafeBut(before, dying) && WellFormed(before) && UniqueNames(before)
           && FilesSettledBut(policy, before, dying) by { reveal SafeWhile, SafeBut; }
    assert WellFormed(edited) && Acyclic(edited) && SameNodes(before, edited) by {
      reveal IsEdit;
    }
    assert forall n | n in roots :: n in edited.nodes by { reveal IsEdit; }
    EditKeepsNames(policy, before, dying, edited);
    EditChangesWithin(before, roots, edited);
    SafeRefresh.RefreshIsSafe(policy, world, before, dying, edited, roots);
    var end := Checks.Run(policy, world, edited, roots);
    if end.Refreshed? {
      assert AreTops(end.state, dying) by { reveal AreTops; }
      reveal SafeWhile;
    }
  }

  // Two changes, one after the other, are one.
  lemma EditsCompose(
    before: State, roots: seq<nat>, next: State, more: seq<nat>, after: State, all: seq<nat>
  )
    requires IsEdit(before, roots, next) && IsEdit(next, more, after)
    requires forall n | n in all :: n in after.nodes
    requires forall n | Near(next, roots, n) || Near(after, more, n) :: Near(after, all, n)
    ensures IsEdit(before, all, after)
  {
    forall n | n in after.nodes && !Near(after, all, n)
      ensures n in before.nodes && SameFlags(before, after, n) && SameEdges(before, after, n)
    {
      assert !Near(next, roots, n) && !Near(after, more, n);
      assert n in next.nodes;
    }
  }

  // Of no change all is the same.
  lemma NoEdit(state: State)
    requires WellFormed(state) && Acyclic(state)
    ensures IsEdit(state, [], state)
  {
  }

  // Safety looks neither at backends and counters nor at who opens a node.
  lemma {:isolate_assertions} MarksAreSafe(policy: Policy, a: State, b: State)
    requires SafeWhile(policy, a, {})
    requires a.edges == b.edges && a.nodes.Keys == b.nodes.Keys
    requires forall n | n in a.nodes ::
               b.nodes[n] == a.nodes[n].(isOpening := b.nodes[n].isOpening)
    ensures SafeWhile(policy, b, {})
  {
    var rank :| Ranked(a, rank);
    assert Ranked(b, rank);
    assert WellFormed(b);
    assert PairsNow(a) == PairsNow(b);
    forall n | n in b.nodes
      ensures Asked(b, PairsNow(b), n) == Asked(a, PairsNow(a), n)
    {
      assert AskedList(a, PairsNow(a), n) == AskedList(b, PairsNow(b), n);
    }
    forall e | e in b.edges && b.edges[e].parent.Node?
      ensures b.edges[e].pair == RuleOf(b, map[], PairsNow(b), e)
    {
      assert a.edges[e].pair == RuleOf(a, map[], PairsNow(a), e);
    }
  }
}
