// No command takes a user's edge away but the one that removes the user: closing, appending and
// reopening take edges of nodes only (BLK-PERM-041, BLK-GRAPH-004, BLK-GRAPH-022, BLK-REOPEN-021).
include "Appending.dfy"
include "Model.dfy"
include "Safety.s.dfy"

module Users {
  import opened Permission
  import opened Graph
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import Appending
  import Edits
  import Model
  import Reopen
  import Transaction

  // The same backends and the same root edges.
  ghost predicate RootsKept(before: State, after: State) {
    && after.backends == before.backends
    && (forall e | e in before.edges && before.edges[e].parent.Root? ::
          e in after.edges && after.edges[e].parent == before.edges[e].parent)
    && (forall e | e in after.edges && after.edges[e].parent.Root? ::
          e in before.edges && before.edges[e].parent == after.edges[e].parent)
  }

  lemma KeptTwice(before: State, next: State, after: State)
    requires RootsKept(before, next) && RootsKept(next, after)
    ensures RootsKept(before, after)
  {
  }

  lemma KeptStand(before: State, after: State)
    requires BackendsStand(before) && RootsKept(before, after)
    ensures BackendsStand(after)
  {
  }

  lemma RefreshKeepsRoots(policy: Policy, world: World, state: State, roots: seq<nat>)
    requires WellFormed(state) && forall n | n in roots :: n in state.nodes
    ensures var end := Checks.Run(policy, world, state, roots);
            end.Refreshed? ==> RootsKept(state, end.state)
  {
    hide *;
    reveal RootsKept, SameRest;
  }

  lemma DetachedKeepsRoots(state: State, edge: nat)
    requires WellFormed(state) && edge in state.edges && state.edges[edge].parent.Node?
    ensures RootsKept(state, Transaction.Detached(state, edge))
  {
    hide *;
    reveal RootsKept, SameRest, Transaction.KeepsTops;
  }

  // BLK-PERM-041: of root edges a detach takes none but the one it is given.
  lemma DetachKeepsRoots(policy: Policy, world: World, state: State, edge: nat)
    requires WellFormed(state) && edge in state.edges
    ensures RootsKept(
              Transaction.Detached(state, edge), Transaction.Detach(policy, world, state, edge))
    decreases state.edges.Keys, 0, 0
  {
    hide *;
    var child := state.edges[edge].child;
    var rest := Transaction.Detached(state, edge);
    assert child in rest.nodes by { reveal WellFormed; }
    reveal Transaction.Detach;
    if Transaction.IsReferenced(rest.nodes[child]) {
      RefreshKeepsRoots(policy, world, rest, [child]);
      reveal Transaction.Loosened, RootsKept;
    } else {
      assert rest.nodes[child].parents == [] by { reveal Transaction.IsReferenced; }
      assert edge !in rest.edges && rest.edges.Keys < state.edges.Keys;
      CloseKeepsRoots(policy, world, rest, child);
    }
  }

  lemma DetachAllKeepsRoots(
    policy: Policy, world: World, state: State, node: nat, edges: seq<nat>
  )
    requires WellFormed(state) && node in state.nodes && state.nodes[node].parents == []
    requires NoDuplicates(edges)
    requires forall e | e in edges :: e in state.nodes[node].children
    ensures RootsKept(state, Transaction.DetachAll(policy, world, state, node, edges))
    decreases state.edges.Keys, 1, |edges|
  {
    hide *;
    reveal Transaction.DetachAll;
    if |edges| == 0 {
      reveal RootsKept;
    } else {
      assert edges[0] in edges;
      assert edges[0] in state.edges && state.edges[edges[0]].parent == Node(node) by {
        reveal WellFormed;
      }
      var next := Transaction.Detach(policy, world, state, edges[0]);
      DetachedKeepsRoots(state, edges[0]);
      DetachKeepsRoots(policy, world, state, edges[0]);
      Transaction.RestIsThere(state, next, node, edges);
      assert edges[0] !in next.edges && next.edges.Keys < state.edges.Keys by {
        reveal Transaction.KeepsTops;
      }
      DetachAllKeepsRoots(policy, world, next, node, edges[1..]);
      reveal RootsKept;
    }
  }

  // BLK-GRAPH-004: closing a node takes edges of nodes only.
  lemma CloseKeepsRoots(policy: Policy, world: World, state: State, node: nat)
    requires WellFormed(state) && node in state.nodes && state.nodes[node].parents == []
    ensures RootsKept(state, Transaction.Close(policy, world, state, node))
    decreases state.edges.Keys, 2, 0
  {
    hide *;
    var edges := state.nodes[node].children;
    assert NoDuplicates(edges) by { reveal WellFormed; }
    DetachAllKeepsRoots(policy, world, state, node, edges);
    reveal Transaction.Close, Edits.RemoveNode, RootsKept;
  }

  lemma UnreferencedKeepsRoots(policy: Policy, world: World, state: State, node: nat)
    requires WellFormed(state)
    ensures RootsKept(state, Transaction.CloseIfUnreferenced(policy, world, state, node))
  {
    hide *;
    reveal Transaction.CloseIfUnreferenced;
    if node in state.nodes && !Transaction.IsReferenced(state.nodes[node]) {
      assert state.nodes[node].parents == [] by { reveal Transaction.IsReferenced; }
      CloseKeepsRoots(policy, world, state, node);
    } else {
      reveal RootsKept;
    }
  }

  lemma LinkKeepsRoots(state: State, parent: nat, child: nat, name: string, role: Role)
    requires WellFormed(state) && parent in state.nodes && child in state.nodes
    requires state.nextEdge !in state.edges
    ensures RootsKept(
              state, Transaction.AttachWithoutRefresh(state, parent, child, name, role))
  {
    hide WellFormed;
  }

  // BLK-GRAPH-022: an append moves users and drops none.
  lemma AppendKeepsRoots(policy: Policy, world: World, state: State, node: nat, overlay: nat)
    requires WellFormed(state) && Counted(state)
    requires node in state.nodes && overlay in state.nodes
    ensures var end := Transaction.Append(policy, world, state, node, overlay);
            end.Refreshed? ==> RootsKept(state, end.state)
  {
    hide *;
    assert state.nextEdge !in state.edges by { reveal Counted; }
    if Transaction.ClosesCycle(state, overlay, node) {
      reveal Transaction.Append;
    } else {
      var (appended, roots) := Transaction.Appended(state, node, overlay);
      Appending.AppendIsRefreshed(policy, world, state, node, overlay);
      assert RootsKept(state, appended) by {
        var cow := Role(false, false, false, true, false);
        LinkKeepsRoots(state, overlay, node, "backing", cow);
        reveal Transaction.Appended, RootsKept, SameRest;
      }
      RefreshKeepsRoots(policy, world, appended, roots);
      reveal RootsKept;
    }
  }

  lemma ChangeChildKeepsRoots(
    progress: Reopen.Progress, id: nat, change: Reopen.ChildChange, nodes: set<nat>
  )
    requires Reopen.Sane(progress, nodes) && id in nodes
    ensures var end := Reopen.ChangeChild(progress, id, change, nodes);
            end.Prepared? ==> RootsKept(progress.state, end.progress.state)
  {
    hide *;
    var end := Reopen.ChangeChild(progress, id, change, nodes);
    var state := progress.state;
    assert WellFormed(state) && state.nodes.Keys == nodes by { reveal Reopen.Sane; }
    var node := state.nodes[id];
    assert forall e | e in node.children ::
        e in state.edges && state.edges[e].parent == Node(id) by { reveal WellFormed; }
    var was := Reopen.ChildNamed(state, node.children, change.name);
    if end.Prepared? && end.progress != progress {
      var out := if was >= 0 then Reopen.TakeOut(progress, was, nodes) else progress;
      OutKeepsRoots(progress, was, nodes);
      if change.target.Reference? {
        var role :=
          if was >= 0 then state.edges[was].role else Role(false, false, false, true, false);
        var child := change.target.node;
        assert child in nodes by { reveal Reopen.ChangeChild; }
        var inherits := Reopen.Inherits(state, child, id);
        PutInKeepsRoots(out, id, child, change.name, role, inherits, nodes);
        assert end == Reopen.PutIn(out, id, child, change.name, role, inherits, nodes) by {
          reveal Reopen.ChangeChild;
        }
        KeptTwice(state, out.state, end.progress.state);
      } else {
        assert end == Reopen.Prepared(out) by { reveal Reopen.ChangeChild; }
      }
    } else {
      assert RootsKept(state, state) by { reveal RootsKept; }
    }
  }

  lemma OutKeepsRoots(progress: Reopen.Progress, was: int, nodes: set<nat>)
    requires Reopen.Sane(progress, nodes) && was >= -1
    requires was >= 0 ==>
               was in progress.state.edges && progress.state.edges[was].parent.Node?
    ensures var out := if was >= 0 then Reopen.TakeOut(progress, was, nodes) else progress;
            RootsKept(progress.state, out.state)
  {
    hide *;
    assert WellFormed(progress.state) by { reveal Reopen.Sane; }
    if was >= 0 {
      DetachedKeepsRoots(progress.state, was);
      reveal Reopen.TakeOut;
    } else {
      reveal RootsKept;
    }
  }

  lemma PutInKeepsRoots(
    progress: Reopen.Progress, node: nat, child: nat, name: string, role: Role,
    inherits: bool, nodes: set<nat>
  )
    requires Reopen.Sane(progress, nodes) && node in nodes && child in nodes
    ensures var end := Reopen.PutIn(progress, node, child, name, role, inherits, nodes);
            end.Prepared? ==> RootsKept(progress.state, end.progress.state)
  {
    hide *;
    var state := progress.state;
    assert WellFormed(state) && state.nextEdge !in state.edges && state.nodes.Keys == nodes by {
      reveal Reopen.Sane, Counted;
    }
    LinkKeepsRoots(state, node, child, name, role);
    reveal Reopen.PutIn, Edits.PutNode, RootsKept;
  }

  lemma ChangeChildrenKeepRoots(
    progress: Reopen.Progress, id: nat, changes: seq<Reopen.ChildChange>, nodes: set<nat>
  )
    requires Reopen.Sane(progress, nodes) && id in nodes
    ensures var end := Reopen.ChangeChildren(progress, id, changes, nodes);
            end.Prepared? ==> RootsKept(progress.state, end.progress.state)
    decreases |changes|
  {
    hide *;
    reveal Reopen.ChangeChildren, RootsKept;
    if |changes| > 0 {
      ChangeChildKeepsRoots(progress, id, changes[0], nodes);
      var end := Reopen.ChangeChild(progress, id, changes[0], nodes);
      if end.Prepared? {
        ChangeChildrenKeepRoots(end.progress, id, changes[1..], nodes);
      }
    }
  }

  lemma PrepareAllKeepsRoots(
    policy: Policy, world: World, progress: Reopen.Progress, entries: seq<Reopen.Entry>,
    nodes: set<nat>
  )
    requires Reopen.Sane(progress, nodes)
    requires forall entry | entry in entries :: entry.node in nodes
    ensures var end := Reopen.PrepareAll(policy, world, progress, entries, nodes);
            end.Prepared? ==> RootsKept(progress.state, end.progress.state)
    decreases |entries|
  {
    hide *;
    reveal Reopen.PrepareAll, RootsKept;
    if |entries| > 0 {
      var entry := entries[0];
      assert entry in entries;
      var id := entry.node;
      var rooted := progress.(roots := progress.roots + [id]);
      assert Reopen.Sane(rooted, nodes) by { reveal Reopen.Sane; }
      ChangeChildrenKeepRoots(rooted, id, entry.changes, nodes);
      var end := Reopen.Prepare(policy, world, progress, entry, nodes);
      if end.Prepared? {
        assert RootsKept(progress.state, end.progress.state) by { reveal Reopen.Prepare; }
        PrepareAllKeepsRoots(policy, world, end.progress, entries[1..], nodes);
      }
    }
  }

  lemma CloseAllKeepsRoots(policy: Policy, world: World, state: State, dropped: seq<nat>)
    requires WellFormed(state)
    ensures RootsKept(state, Reopen.CloseAll(policy, world, state, dropped))
    decreases |dropped|
  {
    hide *;
    reveal Reopen.CloseAll, RootsKept;
    if |dropped| > 0 {
      UnreferencedKeepsRoots(policy, world, state, dropped[0]);
      var next := Transaction.CloseIfUnreferenced(policy, world, state, dropped[0]);
      CloseAllKeepsRoots(policy, world, next, dropped[1..]);
    }
  }

  lemma DecideKeepsRoots(
    policy: Policy, world: World, progress: Reopen.Progress, nodes: set<nat>
  )
    requires Reopen.Sane(progress, nodes)
    ensures var end := Reopen.Decide(policy, world, progress, nodes);
            end.Refreshed? ==> RootsKept(progress.state, end.state)
  {
    hide *;
    var state := progress.state;
    assert WellFormed(state) && state.nodes.Keys == nodes
           && (forall entry | entry in progress.done :: entry.node in nodes)
           && (forall n | n in progress.roots :: n in nodes) by { reveal Reopen.Sane; }
    var flagged := Reopen.WithFlags(state, progress.done);
    assert RootsKept(state, flagged) by { reveal RootsKept, SameRest; }
    RefreshKeepsRoots(policy, world, flagged, progress.roots);
    var end := Checks.Run(policy, world, flagged, progress.roots);
    if end.Refreshed? {
      CloseAllKeepsRoots(policy, world, end.state, progress.dropped);
      var after := Reopen.CloseAll(policy, world, end.state, progress.dropped);
      KeptTwice(state, flagged, end.state);
      KeptTwice(state, end.state, after);
    }
    reveal Reopen.Decide;
  }

  // BLK-REOPEN-021: nor does a reopen.
  lemma ReopenKeepsRoots(
    policy: Policy, world: World, state: State, entries: seq<Reopen.Entry>
  )
    requires WellFormed(state) && Counted(state)
    requires forall entry | entry in entries :: entry.node in state.nodes
    ensures var end := Reopen.Run(policy, world, state, entries);
            end.Refreshed? ==> RootsKept(state, end.state)
  {
    hide *;
    var nodes := state.nodes.Keys;
    var start := Reopen.Progress(state, [], [], []);
    assert Reopen.Sane(start, nodes) by { reveal Reopen.Sane; }
    PrepareAllKeepsRoots(policy, world, start, entries, nodes);
    var prepared := Reopen.PrepareAll(policy, world, start, entries, nodes);
    if prepared.Prepared? {
      DecideKeepsRoots(policy, world, prepared.progress, nodes);
      var end := Reopen.Decide(policy, world, prepared.progress, nodes);
      if end.Refreshed? {
        KeptTwice(state, prepared.progress.state, end.state);
      }
    }
    reveal Reopen.Run;
  }
}
