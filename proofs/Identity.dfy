// A reopen that asks for what is (BLK-REOPEN-023, invariant I8): it is accepted in every world that
// lets what degraded degrade again, and it changes nothing at all.
include "Loosening.dfy"
include "ModelLaws.dfy"

module Identity {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnlyStatement
  import opened AutoReadOnly
  import opened Checks
  import opened Reopen
  import Below
  import Edits
  import Lattice
  import Loosening
  import Model
  import Refresh

  // ---- A refresh of what is ----

  // The holds are those that the files have.
  ghost predicate AreTheirs(state: State, holds: Holds) {
    forall n | n in holds :: n in state.nodes && holds[n] == state.nodes[n].file
  }

  // The rules say of the edges of a node what is there.
  lemma UpdateChangesNothing(state: State, n: nat)
    requires WellFormed(state) && CanonicalBut(state, {}) && n in state.nodes
    ensures Refresh.UpdateChildren(state, map[], PairsNow(state), n) == PairsNow(state)
  {
  }

  // A file that has what its users want is asked for nothing.
  lemma SettledFileStays(policy: Policy, world: World, id: nat, node: GraphNode, asked: Pair)
    requires node.file.FileHold? && IsSettled(policy, node, asked)
    ensures CheckFile(policy, world, id, node, asked) == Held(node.file)
  {
  }

  lemma ChecksChangeNothing(
    policy: Policy, world: World, state: State, order: seq<nat>, holds: Holds
  )
    requires SafeWhile(policy, state, {}) && AreTheirs(state, holds)
    requires forall n | n in order :: n in state.nodes
    ensures WellFormed(state)
    ensures var end := Check(policy, world, state, order, PairsNow(state), holds);
            end.Passed? && end.pairs == PairsNow(state) && AreTheirs(state, end.holds)
    decreases |order|
  {
    if |order| > 0 {
      var id := order[0];
      assert id in order;
      Loosening.NodeHolds(state, state, PairsNow(state), id);
      UpdateChangesNothing(state, id);
      var asked := Asked(state, PairsNow(state), id);
      if state.nodes[id].file.FileHold? {
        SettledFileStays(policy, world, id, state.nodes[id], asked);
        var more := holds[id := state.nodes[id].file];
        ChecksChangeNothing(policy, world, state, order[1..], more);
      } else {
        ChecksChangeNothing(policy, world, state, order[1..], holds);
      }
    }
  }

  lemma CommittedIsTheSame(state: State, holds: Holds)
    requires WellFormed(state) && AreTheirs(state, holds)
    ensures Committed(state, PairsNow(state), holds) == state
  {
    var paired := Edits.WithPairs(state, PairsNow(state));
    assert paired.edges == state.edges;
    assert Edits.WithHolds(paired, holds).nodes == state.nodes;
  }

  // BLK-PERM-033, BLK-FILE-006: between commands nothing waits to be done: a refresh of any part of
  // the graph is accepted, whatever the world answers, and changes nothing.
  lemma RefreshChangesNothing(policy: Policy, world: World, state: State, roots: seq<nat>)
    requires SafeWhile(policy, state, {}) && forall n | n in roots :: n in state.nodes
    ensures WellFormed(state)
    ensures Checks.Run(policy, world, state, roots) == Refreshed(state)
  {
    hide *;
    assert WellFormed(state) by { reveal SafeWhile, SafeBut; }
    OrderIsOfNodes(state, roots);
    var order := Below.Order(state, roots);
    assert AreTheirs(state, map[]) by { reveal AreTheirs; }
    ChecksChangeNothing(policy, world, state, order, map[]);
    var end := Check(policy, world, state, order, PairsNow(state), map[]);
    CommittedIsTheSame(state, end.holds);
    reveal Checks.Run;
  }

  // ---- Entries that ask for what is ----

  // A file that the static policy turned read-only, and would again (BLK-RO-015).
  predicate DegradesAgain(policy: Policy, world: World, node: GraphNode) {
    && policy == Static && node.autoReadOnly && !node.writable
    && node.file.FileHold?
    && AnswersFor(world, node.file.path).writing == Failed(Access)
  }

  // A reference to the present child, or null where there is none (BLK-REOPEN-015).
  predicate NamesThePresent(state: State, node: nat, change: ChildChange)
    requires WellFormed(state) && node in state.nodes
  {
    var e := ChildNamed(state, state.nodes[node].children, change.name);
    change.target == if e >= 0 then Reference(state.edges[e].child) else Nothing
  }

  // The entry has the options that the node was opened with.
  predicate AsksForWhatIs(policy: Policy, world: World, state: State, entry: Entry)
    requires WellFormed(state)
  {
    && entry.node in state.nodes
    && !entry.refusedBefore && !entry.refusedAfter && !entry.refusedImage
    && var node := state.nodes[entry.node];
    && entry.autoReadOnly == node.autoReadOnly
    && (entry.writable == node.writable
        || (entry.writable && DegradesAgain(policy, world, node)))
    && (forall change | change in entry.changes :: NamesThePresent(state, entry.node, change))
  }

  // An entry that is decided and has the node's flags.
  predicate HasItsFlags(state: State, entry: Entry) {
    && entry.node in state.nodes
    && !entry.refusedImage
    && entry.writable == state.nodes[entry.node].writable
    && entry.autoReadOnly == state.nodes[entry.node].autoReadOnly
  }

  lemma DecidesWhatIs(policy: Policy, world: World, state: State, entry: Entry)
    requires WellFormed(state) && FilesSettledBut(policy, state, {})
    requires AsksForWhatIs(policy, world, state, entry)
    ensures var end := DecideFlags(policy, world, state.nodes[entry.node], entry);
            && end.Decided?
            && end.entry == entry.(writable := state.nodes[entry.node].writable)
            && HasItsFlags(state, end.entry)
  {
  }

  lemma LinksStay(progress: Progress, id: nat, changes: seq<ChildChange>, nodes: set<nat>)
    requires Sane(progress, nodes) && id in nodes
    requires forall change | change in changes :: NamesThePresent(progress.state, id, change)
    ensures ChangeChildren(progress, id, changes, nodes) == Prepared(progress)
    decreases |changes|
  {
    if |changes| > 0 {
      assert changes[0] in changes;
      var state := progress.state;
      var e := ChildNamed(state, state.nodes[id].children, changes[0].name);
      assert e >= 0 ==> state.edges[e].child in state.nodes;
      assert ChangeChild(progress, id, changes[0], nodes) == Prepared(progress);
      LinksStay(progress, id, changes[1..], nodes);
    }
  }

  // Preparing finds nothing to do, and the flags as they are.
  lemma PreparesWhatIs(
    policy: Policy, world: World, progress: Progress, entries: seq<Entry>, nodes: set<nat>
  )
    requires Sane(progress, nodes) && FilesSettledBut(policy, progress.state, {})
    requires forall entry | entry in entries ::
               AsksForWhatIs(policy, world, progress.state, entry)
    requires forall entry | entry in progress.done :: HasItsFlags(progress.state, entry)
    ensures forall entry | entry in entries :: entry.node in nodes
    ensures var end := PrepareAll(policy, world, progress, entries, nodes);
            && end.Prepared?
            && end.progress.state == progress.state
            && end.progress.dropped == progress.dropped
            && (forall entry | entry in end.progress.done :: HasItsFlags(progress.state, entry))
    decreases |entries|
  {
    if |entries| > 0 {
      var entry := entries[0];
      assert entry in entries;
      DecidesWhatIs(policy, world, progress.state, entry);
      var rooted := progress.(roots := progress.roots + [entry.node]);
      LinksStay(rooted, entry.node, entry.changes, nodes);
      var next := Prepare(policy, world, progress, entry, nodes);
      PreparesWhatIs(policy, world, next.progress, entries[1..], nodes);
    }
  }

  lemma SameFlagsChangeNothing(state: State, entries: seq<Entry>)
    requires WellFormed(state) && forall entry | entry in entries :: HasItsFlags(state, entry)
    ensures forall entry | entry in entries :: entry.node in state.nodes
    ensures WithFlags(state, entries) == state
    ensures RefusedImage(entries) == -1
    decreases |entries|
  {
    if |entries| > 0 {
      assert entries[0] in entries;
      var id := entries[0].node;
      var node := state.nodes[id].(
      writable := entries[0].writable, autoReadOnly := entries[0].autoReadOnly);
      assert node == state.nodes[id];
      assert Edits.PutNode(state, id, node).nodes == state.nodes;
      assert Edits.PutNode(state, id, node) == state;
      SameFlagsChangeNothing(state, entries[1..]);
    }
  }

  // BLK-REOPEN-023, BLK-REOPEN-016, BLK-RO-010, BLK-RO-021: a reopen of nodes with the options and
  // the children they have is accepted, and the state after it is the state before it, descriptors
  // and list order included.
  lemma {:isolate_assertions} IdentityChangesNothing(
    policy: Policy, world: World, state: State, entries: seq<Entry>
  )
    requires SafeWhile(policy, state, {}) && Counted(state)
    ensures WellFormed(state)
    ensures (forall entry | entry in entries :: AsksForWhatIs(policy, world, state, entry)) ==>
              && (forall entry | entry in entries :: entry.node in state.nodes)
              && Reopen.Run(policy, world, state, entries) == Refreshed(state)
  {
    hide *;
    assert WellFormed(state) && FilesSettledBut(policy, state, {}) by {
      reveal SafeWhile, SafeBut;
    }
    if forall entry | entry in entries :: AsksForWhatIs(policy, world, state, entry) {
      var nodes := state.nodes.Keys;
      var progress := Progress(state, [], [], []);
      assert Sane(progress, nodes) by { reveal Sane; }
      PreparesWhatIs(policy, world, progress, entries, nodes);
      var end := PrepareAll(policy, world, progress, entries, nodes);
      SameFlagsChangeNothing(state, end.progress.done);
      assert forall n | n in end.progress.roots :: n in state.nodes by { reveal Sane; }
      RefreshChangesNothing(policy, world, state, end.progress.roots);
      assert CloseAll(policy, world, state, []) == state by { reveal CloseAll; }
      assert Decide(policy, world, end.progress, nodes) == Refreshed(state) by { reveal Decide; }
      reveal Reopen.Run;
    }
  }

  // BLK-REOPEN-023: so it is as a command, where each node is named once (BLK-REOPEN-002).
  lemma IdentityCommandChangesNothing(
    policy: Policy, world: World, state: State, entries: seq<Entry>
  )
    requires SafeWhile(policy, state, {}) && Model.Sound(state)
    requires Model.AreEntries(state, entries)
    requires forall entry | entry in entries :: AsksForWhatIs(policy, world, state, entry)
    ensures Model.Run(policy, world, state, [Model.Action.Reopen(entries)])
         == Model.Accepted(state)
  {
    hide SafeWhile, WellFormed, Counted, AsksForWhatIs, Reopen.Run;
    assert Counted(state);
    IdentityChangesNothing(policy, world, state, entries);
    var command := [Model.Action.Reopen(entries)];
    assert command[1..] == [];
    assert Model.Step(policy, world, state, command[0]) == Model.Accepted(state);
    assert Model.RunFrom(policy, world, state, []) == Model.Accepted(state);
  }
}
