// Reopening: prepare every entry, decide by one refresh, commit at once (BLK-REOPEN-010 to
// BLK-REOPEN-024). It mirrors Reopen.fs from the queue on; what the options say is the caller's.
include "Transaction.dfy"

module Reopen {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import opened AutoReadOnlyStatement
  import opened AutoReadOnly
  import opened Checks
  import Below
  import Edits
  import Transaction

  datatype Target = Reference(node: nat) | Nothing

  // `backing` or `file` given as a reference, whatever node it names, or as null (BLK-REOPEN-015).
  datatype ChildChange = ChildChange(name: string, target: Target)

  // One node of a reopen: the flags its options ask for, what they say of children, and whether a
  // test that this model does not make refuses it: of the options before any link is changed
  // (BLK-REOPEN-011 to BLK-REOPEN-014, BLK-REOPEN-018), of the options after that (BLK-REOPEN-016),
  // or of the image that it shows then (BLK-OPEN-022).
  datatype Entry = Entry(
    node: nat,
    writable: bool,
    autoReadOnly: bool,
    changes: seq<ChildChange>,
    refusedBefore: bool,
    refusedAfter: bool,
    refusedImage: bool)

  // What has been prepared so far: entries with their flags decided, children that were replaced
  // and roots of the refresh (BLK-REOPEN-020), all oldest first.
  datatype Progress = Progress(
    state: State,
    done: seq<Entry>,
    dropped: seq<nat>,
    roots: seq<nat>)

  datatype Prepared = Prepared(progress: Progress) | PrepareRefused(why: Why, node: nat)

  // Every root and every entry is a node of the state, which keeps its nodes.
  ghost predicate Sane(progress: Progress, nodes: set<nat>) {
    && WellFormed(progress.state)
    && Counted(progress.state)
    && progress.state.nodes.Keys == nodes
    && (forall n | n in progress.roots :: n in nodes)
    && (forall entry | entry in progress.done :: entry.node in nodes)
  }

  // The first of a node's edges of that name, or -1.
  function ChildNamed(state: State, edges: seq<nat>, name: string): int
    requires forall e | e in edges :: e in state.edges
    ensures var e := ChildNamed(state, edges, name); e == -1 || (e >= 0 && e in edges)
  {
    if |edges| == 0 then -1
    else
      assert edges[0] in edges;
      if state.edges[edges[0]].name == name then edges[0]
      else ChildNamed(state, edges[1..], name)
  }

  // Whether a node inherits from another one, directly or over others (BLK-GRAPH-005). A node
  // inherits from an older one only.
  predicate Inherits(state: State, node: int, from: nat)
    decreases if node >= 0 then node + 1 else 0
  {
    || node == from
    || (node >= 0 && node in state.nodes && state.nodes[node].inheritsFrom < node
        && Inherits(state, state.nodes[node].inheritsFrom, from))
  }

  // The driver's own test of a file under the static policy: a file asked read-write again may
  // degrade again (BLK-RO-015, BLK-REOPEN-013).
  datatype Decided = Decided(entry: Entry) | DecideRefused(why: Why)

  function DecideFlags(policy: Policy, world: World, node: GraphNode, entry: Entry): Decided {
    if
      && policy == Static
      && entry.writable && entry.autoReadOnly
      && node.file.FileHold? && !node.file.writableFd
    then
      match AnswersFor(world, node.file.path).writing
      case Opened(inode) =>
        if inode != node.file.inode then DecideRefused(AnotherFile) else Decided(entry)
      case Failed(errno) =>
        if Degrades(policy, entry.autoReadOnly, errno) then Decided(entry.(writable := false))
        else DecideRefused(CannotOpen(errno))
    else Decided(entry)
  }

  // Takes the old link out, its child losing it at the commit (BLK-REOPEN-015, BLK-REOPEN-020).
  function TakeOut(progress: Progress, edge: nat, ghost nodes: set<nat>): Progress
    requires Sane(progress, nodes) && edge in progress.state.edges
    ensures Sane(TakeOut(progress, edge, nodes), nodes)
  {
    var child := progress.state.edges[edge].child;
    progress.(
    state := Transaction.Detached(progress.state, edge),
    dropped := progress.dropped + [child],
    roots := progress.roots + [child])
  }

  // Links the new child, which inherits from the node directly if it did over others.
  function PutIn(
    progress: Progress, node: nat, child: nat, name: string, role: Role, inherits: bool,
    ghost nodes: set<nat>
  ): Prepared
    requires Sane(progress, nodes) && node in nodes && child in nodes
    ensures var end := PutIn(progress, node, child, name, role, inherits, nodes);
            end.Prepared? ==> Sane(end.progress, nodes)
  {
    if Transaction.ClosesCycle(progress.state, node, child) then PrepareRefused(Cycle, node)
    else
      var linked :=
        Transaction.AttachWithoutRefresh(progress.state, node, child, name, role);
      var heir := linked.nodes[child].(inheritsFrom := node);
      var after := if inherits then Edits.PutNode(linked, child, heir) else linked;
      Prepared(progress.(state := after))
  }

  // Changes one child (BLK-REOPEN-015).
  function ChangeChild(
    progress: Progress, id: nat, change: ChildChange, ghost nodes: set<nat>
  ): Prepared
    requires Sane(progress, nodes) && id in nodes
    ensures var end := ChangeChild(progress, id, change, nodes);
            end.Prepared? ==> Sane(end.progress, nodes)
  {
    var state := progress.state;
    var node := state.nodes[id];
    var was := ChildNamed(state, node.children, change.name);
    var present := if was >= 0 then state.edges[was].child else -1;
    var child := if change.target.Reference? then change.target.node else -1;
    if child >= 0 && child !in state.nodes then PrepareRefused(NoSuchNode, id)
    else if child >= 0 && child != present && Transaction.Reaches(state, child, id) then
      PrepareRefused(Cycle, id)
    else if child == present then Prepared(progress)
    else if was < 0 && change.name == "backing" && node.settings != Qcow2 then
      PrepareRefused(NoSuchChild, id)
    else if was < 0 && change.name == "file" && node.settings.Blkdebug? then Prepared(progress)
    else if was < 0 && change.name == "file" then PrepareRefused(NoSuchChild, id)
    else if was >= 0 && state.nodes[present].implicit then PrepareRefused(ImplicitChild, id)
    else
      var role :=
        if was >= 0 then state.edges[was].role else Role(false, false, false, true, false);
      var out := if was >= 0 then TakeOut(progress, was, nodes) else progress;
      if child < 0 then Prepared(out)
      else
        PutIn(out, id, child, change.name, role, Inherits(state, child, id), nodes)
  }

  function ChangeChildren(
    progress: Progress, id: nat, changes: seq<ChildChange>, ghost nodes: set<nat>
  ): Prepared
    requires Sane(progress, nodes) && id in nodes
    ensures var end := ChangeChildren(progress, id, changes, nodes);
            end.Prepared? ==> Sane(end.progress, nodes)
    decreases |changes|
  {
    if |changes| == 0 then Prepared(progress)
    else
      match ChangeChild(progress, id, changes[0], nodes)
      case PrepareRefused(why, node) => PrepareRefused(why, node)
      case Prepared(next) => ChangeChildren(next, id, changes[1..], nodes)
  }

  // Prepares one entry: tests, then links (BLK-REOPEN-010).
  function Prepare(
    policy: Policy, world: World, progress: Progress, entry: Entry, ghost nodes: set<nat>
  ): Prepared
    requires Sane(progress, nodes) && entry.node in nodes
    ensures var end := Prepare(policy, world, progress, entry, nodes);
            end.Prepared? ==> Sane(end.progress, nodes)
  {
    var id := entry.node;
    if entry.refusedBefore then PrepareRefused(Elsewhere, id)
    else
      match DecideFlags(policy, world, progress.state.nodes[id], entry)
      case DecideRefused(why) => PrepareRefused(why, id)
      case Decided(decided) =>
        var rooted := progress.(roots := progress.roots + [id]);
        match ChangeChildren(rooted, id, entry.changes, nodes)
        case PrepareRefused(why, node) => PrepareRefused(why, node)
        case Prepared(linked) =>
          if entry.refusedAfter then PrepareRefused(Elsewhere, id)
          else Prepared(linked.(done := linked.done + [decided]))
  }

  function PrepareAll(
    policy: Policy, world: World, progress: Progress, entries: seq<Entry>, ghost nodes: set<nat>
  ): Prepared
    requires Sane(progress, nodes) && forall entry | entry in entries :: entry.node in nodes
    ensures var end := PrepareAll(policy, world, progress, entries, nodes);
            end.Prepared? ==> Sane(end.progress, nodes)
    decreases |entries|
  {
    if |entries| == 0 then Prepared(progress)
    else
      assert entries[0] in entries;
      match Prepare(policy, world, progress, entries[0], nodes)
      case PrepareRefused(why, node) => PrepareRefused(why, node)
      case Prepared(next) => PrepareAll(policy, world, next, entries[1..], nodes)
  }

  // The nodes with the flags that the entries ask for (BLK-REOPEN-020).
  function WithFlags(state: State, entries: seq<Entry>): State
    requires WellFormed(state)
    requires forall entry | entry in entries :: entry.node in state.nodes
    ensures WellFormed(WithFlags(state, entries))
    ensures WithFlags(state, entries).nodes.Keys == state.nodes.Keys
    ensures WithFlags(state, entries).edges == state.edges
    ensures SameRest(state, WithFlags(state, entries))
    decreases |entries|
  {
    if |entries| == 0 then state
    else
      assert entries[0] in entries;
      var node := state.nodes[entries[0].node].(
                  writable := entries[0].writable, autoReadOnly := entries[0].autoReadOnly);
      WithFlags(Edits.PutNode(state, entries[0].node, node), entries[1..])
  }

  // The first entry whose new image is refused, or -1.
  function RefusedImage(entries: seq<Entry>): int {
    if |entries| == 0 then -1
    else if entries[0].refusedImage then entries[0].node
    else RefusedImage(entries[1..])
  }

  // Closes what lost its last reference (BLK-REOPEN-021, BLK-REOPEN-022).
  function CloseAll(policy: Policy, world: World, state: State, dropped: seq<nat>): State
    requires WellFormed(state)
    ensures WellFormed(CloseAll(policy, world, state, dropped))
    ensures Counted(state) ==> Counted(CloseAll(policy, world, state, dropped))
    decreases |dropped|
  {
    if |dropped| == 0 then state
    else
      var next := Transaction.CloseIfUnreferenced(policy, world, state, dropped[0]);
      CloseAll(policy, world, next, dropped[1..])
  }

  // One refresh with the flags as after the reopen, then the commit (BLK-REOPEN-020).
  function Decide(
    policy: Policy, world: World, progress: Progress, ghost nodes: set<nat>
  ): Refreshed
    requires Sane(progress, nodes)
    ensures var end := Decide(policy, world, progress, nodes);
            end.Refreshed? ==> WellFormed(end.state) && Counted(end.state)
  {
    var flagged := WithFlags(progress.state, progress.done);
    match Checks.Run(policy, world, flagged, progress.roots)
    case RefreshRefused(why, node) => RefreshRefused(why, node)
    case Refreshed(state) =>
      var refused := RefusedImage(progress.done);
      if refused >= 0 then RefreshRefused(Elsewhere, refused)
      else Refreshed(CloseAll(policy, world, state, progress.dropped))
  }

  // Reopens nodes of the state, each once, in this order (BLK-REOPEN-002, BLK-REOPEN-010).
  function Run(policy: Policy, world: World, state: State, entries: seq<Entry>): Refreshed
    requires WellFormed(state) && Counted(state)
    requires forall entry | entry in entries :: entry.node in state.nodes
    ensures var end := Run(policy, world, state, entries);
            end.Refreshed? ==> WellFormed(end.state) && Counted(end.state)
  {
    ghost var nodes := state.nodes.Keys;
    match PrepareAll(policy, world, Progress(state, [], [], []), entries, nodes)
    case PrepareRefused(why, node) => RefreshRefused(why, node)
    case Prepared(progress) => Decide(policy, world, progress, nodes)
  }
}
