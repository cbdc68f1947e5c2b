// No action makes a file writable that the world does not open for writing, or changes which file a
// node has open (BLK-FILE-003, BLK-FILE-005, BLK-RO-011).
include "Keeping.dfy"
include "Reopen.dfy"

module Granting {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import opened AutoReadOnly
  import opened Checks
  import opened Keeping
  import Edits
  import Reopen
  import Transaction

  // The files of all nodes but new ones are the same, but for what the world grants.
  ghost predicate KeepsFiles(world: World, before: State, after: State) {
    forall n | n in after.nodes ::
      n in before.nodes && KeepsHold(world, before.nodes[n].file, after.nodes[n].file)
  }

  lemma KeepsMore(world: World, before: State, after: State)
    requires Keeps(world, before, after)
    ensures KeepsFiles(world, before, after)
  {
  }

  lemma FilesTwice(world: World, a: State, b: State, c: State)
    requires KeepsFiles(world, a, b) && KeepsFiles(world, b, c)
    ensures KeepsFiles(world, a, c)
  {
  }

  // The same files altogether.
  ghost predicate SameFiles(before: State, after: State) {
    && after.nodes.Keys == before.nodes.Keys
    && (forall n | n in after.nodes :: after.nodes[n].file == before.nodes[n].file)
  }

  lemma RefreshOfSame(
    policy: Policy, world: World, before: State, state: State, roots: seq<nat>
  )
    requires SameFiles(before, state) && WellFormed(state)
    requires forall n | n in roots :: n in state.nodes
    ensures var end := Checks.Run(policy, world, state, roots);
            end.Refreshed? ==> KeepsFiles(world, before, end.state)
  {
    RefreshKeeps(policy, world, state, roots);
    hide Checks.Run, WellFormed;
  }

  // ---- The actions of one refresh ----

  lemma AttachKeeps(
    policy: Policy, world: World, state: State, parent: nat, child: nat, name: string, role: Role
  )
    requires WellFormed(state) && Counted(state)
    requires parent in state.nodes && child in state.nodes
    ensures var end := Transaction.Attach(policy, world, state, parent, child, name, role);
            end.Refreshed? ==> KeepsFiles(world, state, end.state)
  {
    if !Transaction.ClosesCycle(state, parent, child) {
      var linked := Transaction.AttachWithoutRefresh(state, parent, child, name, role);
      LinkedHasSameFiles(state, parent, child, name, role);
      RefreshOfSame(policy, world, state, linked, [parent]);
    }
  }

  lemma LinkedHasSameFiles(state: State, parent: nat, child: nat, name: string, role: Role)
    requires WellFormed(state) && parent in state.nodes && child in state.nodes
    requires state.nextEdge !in state.edges
    ensures SameFiles(
              state, Transaction.AttachWithoutRefresh(state, parent, child, name, role))
  {
  }

  lemma LinkHasSameFiles(state: State, id: nat, edge: Edge)
    requires WellFormed(state) && Edits.MayLink(state, id, edge)
    ensures SameFiles(state, Edits.Link(state, id, edge))
  {
    hide WellFormed;
  }

  lemma {:isolate_assertions} AttachRootKeeps(
    policy: Policy, world: World, state: State, node: nat, pair: Pair
  )
    requires WellFormed(state) && Counted(state) && node in state.nodes
    ensures var end := Transaction.AttachRoot(policy, world, state, node, pair);
            end.Refreshed? ==> KeepsFiles(world, state, end.state)
  {
    hide WellFormed, SameFiles, KeepsFiles, Checks.Run;
    var edge := Edge(Root(state.nextBackend), node, "root", Transaction.RootRole, pair);
    var bare := Edits.Link(state, state.nextEdge, edge);
    var linked := bare.(
    nextEdge := state.nextEdge + 1,
    nextBackend := state.nextBackend + 1,
    backends := state.backends[state.nextBackend := Backend(state.nextEdge)]);
    LinkHasSameFiles(state, state.nextEdge, edge);
    assert SameFiles(state, linked) by { reveal SameFiles; }
    Edits.RestIsWellFormed(bare, linked);
    RefreshOfSame(policy, world, state, linked, [node]);
  }

  lemma SetRootKeeps(policy: Policy, world: World, state: State, root: nat, pair: Pair)
    requires WellFormed(state) && Counted(state) && root in state.edges
    ensures var end := Transaction.SetRoot(policy, world, state, root, pair);
            end.Refreshed? ==> KeepsFiles(world, state, end.state)
  {
    var pairs := PairsNow(state)[root := pair];
    Edits.WithPairsIsWellFormed(state, pairs);
    RefreshOfSame(
      policy, world, state, Edits.WithPairs(state, pairs), [state.edges[root].child]);
  }

  lemma MovedHaveSameFiles(state: State, edges: seq<nat>, child: nat)
    requires WellFormed(state) && child in state.nodes
    requires forall e | e in edges :: e in state.edges
    ensures SameFiles(state, Transaction.MoveEdges(state, edges, child))
    decreases |edges|
  {
    if |edges| > 0 {
      assert edges[0] in edges;
      var next := Transaction.Moved(state, edges[0], child);
      assert SameFiles(state, next);
      MovedHaveSameFiles(next, edges[1..], child);
    }
  }

  lemma AppendKeeps(policy: Policy, world: World, state: State, node: nat, overlay: nat)
    requires WellFormed(state) && Counted(state)
    requires node in state.nodes && overlay in state.nodes
    ensures var end := Transaction.Append(policy, world, state, node, overlay);
            end.Refreshed? ==> KeepsFiles(world, state, end.state)
  {
    if !Transaction.ClosesCycle(state, overlay, node) {
      var (appended, roots) := Transaction.Appended(state, node, overlay);
      AppendedHasSameFiles(state, node, overlay);
      RefreshOfSame(policy, world, state, appended, roots);
    }
  }

  lemma {:isolate_assertions} AppendedHasSameFiles(state: State, node: nat, overlay: nat)
    requires WellFormed(state) && node in state.nodes && overlay in state.nodes
    requires state.nextEdge !in state.edges
    ensures SameFiles(state, Transaction.Appended(state, node, overlay).0)
  {
    var cow := Role(false, false, false, true, false);
    LinkedHasSameFiles(state, overlay, node, "backing", cow);
    var linked := Transaction.AttachWithoutRefresh(state, overlay, node, "backing", cow);
    var moved := Transaction.NotBelow(
      linked, linked.nodes[node].parents, Transaction.Below.Order(linked, [overlay]));
    MovedHaveSameFiles(linked, moved, overlay);
  }

  // ---- A reopen ----

  lemma ChangesKeepFiles(
    progress: Reopen.Progress, id: nat, changes: seq<Reopen.ChildChange>, nodes: set<nat>
  )
    requires Reopen.Sane(progress, nodes) && id in nodes
    ensures var end := Reopen.ChangeChildren(progress, id, changes, nodes);
            end.Prepared? ==> SameFiles(progress.state, end.progress.state)
    decreases |changes|
  {
    if |changes| > 0 {
      var end := Reopen.ChangeChild(progress, id, changes[0], nodes);
      ChangeKeepsFiles(progress, id, changes[0], nodes);
      if end.Prepared? {
        ChangesKeepFiles(end.progress, id, changes[1..], nodes);
      }
    }
  }

  lemma TakeOutKeepsFiles(progress: Reopen.Progress, edge: nat, nodes: set<nat>)
    requires Reopen.Sane(progress, nodes) && edge in progress.state.edges
    ensures SameFiles(progress.state, Reopen.TakeOut(progress, edge, nodes).state)
  {
  }

  lemma PutInKeepsFiles(
    progress: Reopen.Progress, id: nat, child: nat, name: string, role: Role, inherits: bool,
    nodes: set<nat>
  )
    requires Reopen.Sane(progress, nodes) && id in nodes && child in nodes
    ensures var end := Reopen.PutIn(progress, id, child, name, role, inherits, nodes);
            end.Prepared? ==> SameFiles(progress.state, end.progress.state)
  {
    LinkedHasSameFiles(progress.state, id, child, name, role);
    hide WellFormed, Counted;
  }

  lemma {:isolate_assertions} ChangeKeepsFiles(
    progress: Reopen.Progress, id: nat, change: Reopen.ChildChange, nodes: set<nat>
  )
    requires Reopen.Sane(progress, nodes) && id in nodes
    ensures var end := Reopen.ChangeChild(progress, id, change, nodes);
            end.Prepared? ==> SameFiles(progress.state, end.progress.state)
  {
    hide *;
    reveal Reopen.ChangeChild;
    var end := Reopen.ChangeChild(progress, id, change, nodes);
    if end.Prepared? && end.progress != progress {
      assert progress.state.nodes.Keys == nodes && WellFormed(progress.state) by {
        reveal Reopen.Sane;
      }
      var state := progress.state;
      assert forall e | e in state.nodes[id].children :: e in state.edges by { reveal WellFormed; }
      var was := Reopen.ChildNamed(state, state.nodes[id].children, change.name);
      var role :=
        if was >= 0 then state.edges[was].role else Role(false, false, false, true, false);
      var out := if was >= 0 then Reopen.TakeOut(progress, was, nodes) else progress;
      assert SameFiles(state, out.state) by {
        reveal SameFiles;
        if was >= 0 {
          TakeOutKeepsFiles(progress, was, nodes);
        }
      }
      if change.target.Reference? {
        var child := change.target.node;
        var inherits := Reopen.Inherits(state, child, id);
        PutInKeepsFiles(out, id, child, change.name, role, inherits, nodes);
        reveal SameFiles;
      }
    } else {
      reveal SameFiles;
    }
  }

  lemma PrepareAllKeepsFiles(
    policy: Policy, world: World, progress: Reopen.Progress, entries: seq<Reopen.Entry>,
    nodes: set<nat>
  )
    requires Reopen.Sane(progress, nodes) && forall entry | entry in entries :: entry.node in nodes
    ensures var end := Reopen.PrepareAll(policy, world, progress, entries, nodes);
            end.Prepared? ==> SameFiles(progress.state, end.progress.state)
    decreases |entries|
  {
    if |entries| > 0 {
      var entry := entries[0];
      assert entry in entries;
      var rooted := progress.(roots := progress.roots + [entry.node]);
      ChangesKeepFiles(rooted, entry.node, entry.changes, nodes);
      var next := Reopen.Prepare(policy, world, progress, entry, nodes);
      if next.Prepared? {
        PrepareAllKeepsFiles(policy, world, next.progress, entries[1..], nodes);
      }
    }
  }

  lemma FlagsKeepFiles(state: State, entries: seq<Reopen.Entry>)
    requires WellFormed(state) && forall entry | entry in entries :: entry.node in state.nodes
    ensures SameFiles(state, Reopen.WithFlags(state, entries))
    decreases |entries|
  {
    hide WellFormed;
    if |entries| > 0 {
      assert entries[0] in entries;
      var node := state.nodes[entries[0].node].(
      writable := entries[0].writable, autoReadOnly := entries[0].autoReadOnly);
      FlagsKeepFiles(Edits.PutNode(state, entries[0].node, node), entries[1..]);
    }
  }

  lemma CloseAllKeeps(policy: Policy, world: World, state: State, dropped: seq<nat>)
    requires WellFormed(state)
    ensures Keeps(world, state, Reopen.CloseAll(policy, world, state, dropped))
    decreases |dropped|
  {
    hide *;
    reveal Reopen.CloseAll;
    if |dropped| == 0 {
      assert Keeps(world, state, state) by { reveal Keeps, KeepsNode, KeepsHold; }
    } else {
      var next := Transaction.CloseIfUnreferenced(policy, world, state, dropped[0]);
      UnreferencedKeeps(policy, world, state, dropped[0]);
      CloseAllKeeps(policy, world, next, dropped[1..]);
      KeepsTwice(world, state, next, Reopen.CloseAll(policy, world, next, dropped[1..]));
    }
  }

  lemma UnreferencedKeeps(policy: Policy, world: World, state: State, node: nat)
    requires WellFormed(state)
    ensures Keeps(world, state, Transaction.CloseIfUnreferenced(policy, world, state, node))
  {
    hide *;
    reveal Transaction.CloseIfUnreferenced, Transaction.IsReferenced;
    if node in state.nodes && !Transaction.IsReferenced(state.nodes[node]) {
      CloseKeeps(policy, world, state, node);
    } else {
      assert Keeps(world, state, state) by { reveal Keeps, KeepsNode, KeepsHold; }
    }
  }

  lemma DecideKeeps(
    policy: Policy, world: World, progress: Reopen.Progress, nodes: set<nat>
  )
    requires Reopen.Sane(progress, nodes)
    ensures var end := Reopen.Decide(policy, world, progress, nodes);
            end.Refreshed? ==> KeepsFiles(world, progress.state, end.state)
  {
    hide *;
    reveal Reopen.Sane, Reopen.Decide;
    var flagged := Reopen.WithFlags(progress.state, progress.done);
    FlagsKeepFiles(progress.state, progress.done);
    RefreshOfSame(policy, world, progress.state, flagged, progress.roots);
    var end := Checks.Run(policy, world, flagged, progress.roots);
    if end.Refreshed? {
      CloseAllKeeps(policy, world, end.state, progress.dropped);
      var closed := Reopen.CloseAll(policy, world, end.state, progress.dropped);
      KeepsMore(world, end.state, closed);
      FilesTwice(world, progress.state, end.state, closed);
    }
  }

  lemma SameThenKeeps(world: World, a: State, b: State, c: State)
    requires SameFiles(a, b) && KeepsFiles(world, b, c)
    ensures KeepsFiles(world, a, c)
  {
  }

  lemma ReopenKeeps(policy: Policy, world: World, state: State, entries: seq<Reopen.Entry>)
    requires WellFormed(state) && Counted(state)
    requires forall entry | entry in entries :: entry.node in state.nodes
    ensures var end := Reopen.Run(policy, world, state, entries);
            end.Refreshed? ==> KeepsFiles(world, state, end.state)
  {
    hide *;
    var nodes := state.nodes.Keys;
    var start := Reopen.Progress(state, [], [], []);
    assert Reopen.Sane(start, nodes) by { reveal Reopen.Sane; }
    PrepareAllKeepsFiles(policy, world, start, entries, nodes);
    var end := Reopen.PrepareAll(policy, world, start, entries, nodes);
    if end.Prepared? {
      DecideKeeps(policy, world, end.progress, nodes);
      var decided := Reopen.Decide(policy, world, end.progress, nodes);
      if decided.Refreshed? {
        SameThenKeeps(world, state, end.progress.state, decided.state);
      }
    }
    reveal Reopen.Run;
  }
}
