// What a reopen does to flags (BLK-RO-002, BLK-RO-030, BLK-REOPEN-005, BLK-REOPEN-020).
include "Reopen.dfy"

module ReopenFlags {
  import opened Graph
  import opened Reopen
  import Edits

  predicate EachOnce(entries: seq<Entry>) {
    forall i, j | 0 <= i < j < |entries| :: entries[i].node != entries[j].node
  }

  lemma OthersKeepFlags(state: State, entries: seq<Entry>, n: nat)
    requires WellFormed(state)
    requires forall entry | entry in entries :: entry.node in state.nodes
    requires n in state.nodes && forall entry | entry in entries :: entry.node != n
    ensures WithFlags(state, entries).nodes[n] == state.nodes[n]
    decreases |entries|
  {
    if |entries| > 0 {
      assert entries[0] in entries;
      var first := entries[0];
      var node := state.nodes[first.node].(
      writable := first.writable, autoReadOnly := first.autoReadOnly);
      OthersKeepFlags(Edits.PutNode(state, first.node, node), entries[1..], n);
    }
  }

  // BLK-RO-030, BLK-REOPEN-020: after a reopen every entry's node has the flags that the entry asks
  // for, auto-read-only set and cleared alike, whatever it had before.
  lemma {:isolate_assertions} FlagsAreAsAsked(state: State, entries: seq<Entry>, i: nat)
    requires WellFormed(state) && EachOnce(entries) && i < |entries|
    requires forall entry | entry in entries :: entry.node in state.nodes
    ensures var node := WithFlags(state, entries).nodes[entries[i].node];
            node.writable == entries[i].writable && node.autoReadOnly == entries[i].autoReadOnly
    decreases |entries|
  {
    assert entries[0] in entries && entries[i] in entries;
    var first := entries[0];
    var node := state.nodes[first.node].(
    writable := first.writable, autoReadOnly := first.autoReadOnly);
    var next := Edits.PutNode(state, first.node, node);
    var rest := entries[1..];
    assert next.nodes.Keys == state.nodes.Keys;
    assert forall entry | entry in rest :: entry in entries;
    assert WithFlags(state, entries) == WithFlags(next, rest);
    if i == 0 {
      forall entry | entry in rest
        ensures entry.node != first.node
      {
        var j :| 0 <= j < |rest| && rest[j] == entry;
        assert entries[j + 1] == entry;
      }
      OthersKeepFlags(next, rest, first.node);
    } else {
      assert rest[i - 1] == entries[i];
      FlagsAreAsAsked(next, rest, i - 1);
    }
  }

  // BLK-REOPEN-005: the flags after a reopen do not depend on the order of its list.
  lemma FlagsDoNotDependOnOrder(state: State, a: seq<Entry>, b: seq<Entry>, n: nat)
    requires WellFormed(state) && EachOnce(a) && EachOnce(b)
    requires forall entry :: entry in a <==> entry in b
    requires forall entry | entry in a :: entry.node in state.nodes
    requires n in state.nodes
    ensures WithFlags(state, a).nodes[n].writable == WithFlags(state, b).nodes[n].writable
    ensures WithFlags(state, a).nodes[n].autoReadOnly == WithFlags(state, b).nodes[n].autoReadOnly
  {
    if i: nat :| i < |a| && a[i].node == n {
      assert a[i] in b;
      var j :| 0 <= j < |b| && b[j] == a[i];
      FlagsAreAsAsked(state, a, i);
      FlagsAreAsAsked(state, b, j);
    } else {
      OthersKeepFlags(state, a, n);
      OthersKeepFlags(state, b, n);
    }
  }
}
