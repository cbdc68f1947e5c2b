// What a refresh with all its checks leaves: a safe graph whose files have the descriptors that are
// wanted; and a loosening is never refused (BLK-PERM-031, BLK-PERM-034, BLK-FILE-002, BLK-FILE-006,
// BLK-FILE-012).
include "Safety.dfy"
include "Rules.dfy"
include "Checks.dfy"

module SafeRefresh {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Below
  import Edits
  import Lattice
  import Refresh
  import Rules
  import Safety

  // The hold of a file whose users ask this.
  function SettledHold(policy: Policy, node: GraphNode, asked: Pair): FileHold
    requires node.file.FileHold?
  {
    node.file.(
    writableFd := WantsWritable(policy, node.writable, node.autoReadOnly, asked.perm),
    locked := asked)
  }

  // BLK-FILE-002, BLK-FILE-012: a file that agrees gets the descriptors that are wanted, and lock
  // bytes that say what its users take and share.
  lemma HeldIsSettled(policy: Policy, world: World, id: nat, node: GraphNode, asked: Pair)
    requires node.file.FileHold?
    ensures var end := CheckFile(policy, world, id, node, asked);
            end.Held? ==> end.hold == SettledHold(policy, node, asked)
  {
  }

  // The holds after the checks are those of the files that were looked at, and settled.
  ghost predicate HoldsAre(
    policy: Policy, state: State, order: seq<nat>, k: nat, pairs: Pairs, holds: Holds, given: Holds
  )
    requires WellFormed(state) && Covers(pairs, state) && k <= |order|
    requires forall n | n in order :: n in state.nodes
  {
    && (forall n | n in given && n !in order[k..] :: n in holds && holds[n] == given[n])
    && (forall n | n in holds ::
          n in given || (n in order[k..] && state.nodes[n].file.FileHold?))
    && (forall j | k <= j < |order| && state.nodes[order[j]].file.FileHold? ::
          && order[j] in holds
          && holds[order[j]]
             == SettledHold(policy, state.nodes[order[j]], Asked(state, pairs, order[j])))
  }

  // BLK-PERM-031: where the checks pass the walk is done, with the same pairs.
  lemma CheckFrom(
    policy: Policy, world: World, state: State, order: seq<nat>, k: nat, pairs: Pairs,
    holds: Holds
  )
    requires WellFormed(state) && Topological(state, order) && k <= |order|
    requires Refresh.Reached(state, map[], order, k, pairs)
    ensures forall n | n in order[k..] :: n in state.nodes
    ensures var end := Check(policy, world, state, order[k..], pairs, holds);
            end.Passed? ==>
              && Refresh.Walk(state, map[], order[k..], pairs) == Refresh.Done(end.pairs)
              && HoldsAre(policy, state, order, k, end.pairs, end.holds, holds)
    decreases |order| - k
  {
    if k < |order| {
      var id := order[k];
      assert order[k..][0] == id;
      assert order[k..][1..] == order[k + 1..];
      var end := Check(policy, world, state, order[k..], pairs, holds);
      if end.Passed? {
        assert HoldsTogether(state, map[], pairs, id);
        var next := Refresh.UpdateChildren(state, map[], pairs, id);
        var asked := Asked(state, pairs, id);
        var node := state.nodes[id];
        var more := if node.file.FileHold? then holds[id := SettledHold(policy, node, asked)]
        else holds;
        if node.file.FileHold? {
          HeldIsSettled(policy, world, id, node, asked);
        }
        Refresh.StepKeepsReached(state, map[], order, k, pairs);
        assert end == Check(policy, world, state, order[k + 1..], next, more);
        CheckFrom(policy, world, state, order, k + 1, next, more);
        Refresh.WalkFrom(state, map[], order, k + 1, next);
        assert AskedList(state, end.pairs, id) == AskedList(state, pairs, id);
        assert Asked(state, end.pairs, id) == asked;
        assert id !in order[k + 1..] by {
          if id in order[k + 1..] {
            var j :| 0 <= j < |order[k + 1..]| && order[k + 1..][j] == id;
            assert order[k + 1 + j] == order[k];
          }
        }
        HoldsOfStep(policy, state, order, k, end.pairs, end.holds, holds, more);
      }
    }
  }

  lemma HoldsOfStep(
    policy: Policy, state: State, order: seq<nat>, k: nat, pairs: Pairs, end: Holds,
    given: Holds, more: Holds
  )
    requires WellFormed(state) && Covers(pairs, state) && k < |order|
    requires forall n | n in order :: n in state.nodes
    requires order[k] !in order[k + 1..]
    requires more == if state.nodes[order[k]].file.FileHold? then
                       given[order[k] := SettledHold(
                         policy, state.nodes[order[k]], Asked(state, pairs, order[k]))]
                     else given
    requires HoldsAre(policy, state, order, k + 1, pairs, end, more)
    ensures HoldsAre(policy, state, order, k, pairs, end, given)
  {
    assert order[k..] == [order[k]] + order[k + 1..];
  }

  // Every open file keeps its descriptor for reading.
  ghost predicate Readable(state: State) {
    forall n | n in state.nodes && state.nodes[n].file.FileHold? ::
      state.nodes[n].file.readOnlyFd
  }

  lemma {:isolate_assertions} HoldsKeepSafety(state: State, dying: set<nat>, holds: Holds)
    requires SafeBut(state, dying)
    ensures SafeBut(Edits.WithHolds(state, holds), dying)
  {
    var after := Edits.WithHolds(state, holds);
    Edits.WithHoldsIsWellFormed(state, holds);
    var rank :| Ranked(state, rank);
    assert Ranked(after, rank);
    assert PairsNow(after) == PairsNow(state);
    forall e | e in after.edges && after.edges[e].parent.Node? &&
               after.edges[e].parent.node !in dying
      ensures after.edges[e].pair == RuleOf(after, map[], PairsNow(after), e)
    {
      var n := after.edges[e].parent.node;
      assert AskedList(after, PairsNow(after), n) == AskedList(state, PairsNow(state), n);
    }
  }

  // The pairs of what was committed are those that were found.
  lemma AskedOfCommitted(state: State, pairs: Pairs, holds: Holds, n: nat)
    requires WellFormed(state) && Covers(pairs, state) && n in state.nodes
    ensures var after := Committed(state, pairs, holds);
            Asked(after, PairsNow(after), n) == Asked(state, pairs, n)
  {
    var after := Committed(state, pairs, holds);
    assert AskedList(after, PairsNow(after), n) == AskedList(state, pairs, n);
  }

  // BLK-PERM-003, BLK-PERM-006, BLK-PERM-007, BLK-PERM-033, BLK-FILE-002, BLK-FILE-012, BLK-RO-010:
  // what a refresh that was not refused leaves, after a change of what it looked at.
  lemma RefreshIsSafe(
    policy: Policy, world: World, before: State, dying: set<nat>, edited: State, roots: seq<nat>
  )
    requires SafeBut(before, dying) && FilesSettledBut(policy, before, dying)
    requires WellFormed(edited) && Acyclic(edited) && UniqueNames(edited) && Readable(edited)
    requires forall n | n in roots :: n in edited.nodes
    requires Safety.ChangesWithin(before, edited, Members(Below.Order(edited, roots)))
    ensures var end := Checks.Run(policy, world, edited, roots);
            end.Refreshed? ==>
              SafeBut(end.state, dying) && FilesSettledBut(policy, end.state, dying)
  {
    hide *;
    var order := Below.Order(edited, roots);
    Below.OrderIsTopological(edited, roots);
    OrderIsOfNodes(edited, roots);
    var now := PairsNow(edited);
    assert Covers(now, edited) by { reveal Covers, PairsNow; }
    var checked := Check(policy, world, edited, order, now, map[]);
    assert order[0..] == order;
    assert Refresh.Reached(edited, map[], order, 0, now) by {
      reveal Refresh.Reached, PairsNow, IsOf, Members, Covers;
    }
    CheckFrom(policy, world, edited, order, 0, now, map[]);
    if checked.Passed? {
      Safety.DoneIsAccepted(before, dying, edited, roots);
      Safety.AcceptedIsSafe(before, dying, edited, order, checked.pairs);
      HoldsKeepSafety(Edits.WithPairs(edited, checked.pairs), dying, checked.holds);
      var after := Committed(edited, checked.pairs, checked.holds);
      assert SafeBut(after, dying) by { reveal Committed; }
      assert WellFormed(before) by { reveal SafeBut; }
      SettledAfter(policy, before, dying, edited, order, checked.pairs, checked.holds) by {
        reveal Safety.Accepted;
      }
      assert Checks.Run(policy, world, edited, roots) == Checks.Refreshed(after) by {
        reveal Checks.Run;
      }
    } else {
      assert Checks.Run(policy, world, edited, roots).RefreshRefused? by { reveal Checks.Run; }
    }
  }

  lemma {:isolate_assertions} SettledAfter(
    policy: Policy, before: State, dying: set<nat>, edited: State, order: seq<nat>,
    pairs: Pairs, holds: Holds
  )
    requires WellFormed(before) && FilesSettledBut(policy, before, dying)
    requires WellFormed(edited) && Readable(edited) && Covers(pairs, edited)
    requires forall n | n in order :: n in edited.nodes
    requires Closed(edited, Members(order))
    requires Safety.ChangesWithin(before, edited, Members(order))
    requires IsFixpoint(edited, map[], Members(order), pairs)
    requires HoldsAre(policy, edited, order, 0, pairs, holds, map[])
    ensures FilesSettledBut(policy, Committed(edited, pairs, holds), dying)
  {
    var after := Committed(edited, pairs, holds);
    assert order[0..] == order;
    forall n | n in after.nodes && after.nodes[n].file.FileHold?
      ensures after.nodes[n].file.readOnlyFd
      ensures n in dying || IsSettled(policy, after.nodes[n], Asked(after, PairsNow(after), n))
    {
      AskedOfCommitted(edited, pairs, holds, n);
      if n in order {
        var j :| 0 <= j < |order| && order[j] == n;
        if edited.nodes[n].file.FileHold? {
          assert after.nodes[n].file
              == SettledHold(policy, edited.nodes[n], Asked(edited, pairs, n));
        }
      } else {
        assert n !in Members(order);
        assert n !in holds;
        Safety.OutsideKeepsPairs(edited, Members(order), pairs, n);
        assert Safety.SameAt(before, edited, n);
        Safety.AskedIsTheSame(before, edited, n);
        assert AskedList(edited, pairs, n) == AskedList(edited, PairsNow(edited), n);
      }
    }
  }
}
