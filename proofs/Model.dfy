// The executable model: commands of the block layer as sequences of graph-level actions, each of
// which mirrors one function of the F# oracle. It is what the bridge in conformance runs.
//
// For readers of the bridge. Modules are named as the files; what the bridge uses is
//   Model.Step(policy, world, state, action): Outcome        one action
//   Model.Run(policy, world, state, command): Outcome        a command, all or nothing
//   Model.RunScript(policy, state, script): State            commands, each with its world
//   Model.Outcome = Accepted(state) | Refused(why, node)     node is the one a test stopped at
//   Model.Action, of which the F# functions are
//     AddNode(id, made)            Open.addNode               (id from State.nextNode or above it)
//     OpenFile(id, path, locking)  OpenTests.openFile         driver file
//     Degrade(id)                  OpenTests.openNbd          the server says read-only
//     Attach(parent, child, name, role)    Transaction.attach
//     Settle(id)                   Open.settle                IsOpening ends
//     AttachRoot(node, pair)       Transaction.attachRoot     backend and edge get the next ids
//     SetRoot(backend, pair)       Exports.setRoot
//     RemoveBackend(backend)       Transaction.removeBackend
//     Close(id)                    Transaction.close
//     CloseIfUnreferenced(id)      Transaction.closeIfUnreferenced
//     Append(node, overlay)        GraphCommands.append
//     Reopen(entries)              Reopen.run from the queue on; Reopen.Entry, Reopen.ChildChange
//     MakeReadOnly(entries)        GraphCommands.makeReadOnly a reopen whose refusal is swallowed
//     Veto(node)                   a refusal that this model does not decide; ends a command
//   Checks.World(files, locks): files gives for each path what open(2) says for reading and for
//     writing (AutoReadOnlyStatement.Environment of two Answers; a path that is not there does not
//     exist), locks the file nodes that somebody else's lock bytes would stop.
//   Checks.Why: Conflict, ReadOnly, Cycle, CannotOpen(errno), AnotherFile, LockedOut,
//     ImplicitChild, NoSuchNode, NoSuchChild, NameTaken, Elsewhere, Malformed.
//   Graph.State, Graph.GraphNode, Graph.FileHold, Graph.Edge, Graph.Parent, Graph.Backend: the F#
//     records; -1 for no node to inherit from, NotOpened for a node without a file.
//   AutoReadOnly.Policy = Dynamic (profile ashlar) | Static (profile ashlar-static).
// A reopen never changes what ChildPermissions.Settings holds, so entries have no settings.
include "Reopen.dfy"

module Model {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import AutoReadOnlyStatement
  import opened AutoReadOnly
  import opened Checks
  import Edits
  import Transaction
  import Reopen

  // What a node is when it is put under its name, before its driver opens it (BLK-OPEN-006).
  datatype NewNode = NewNode(
    name: string,
    settings: Settings,
    writable: bool,
    autoReadOnly: bool,
    forceShare: bool,
    monitorOwned: bool,
    inheritsFrom: int)

  datatype Action =
    | AddNode(id: nat, made: NewNode)
    | OpenFile(id: nat, path: string, locking: bool)
    | Degrade(id: nat)
    | Attach(parent: nat, child: nat, name: string, role: Role)
    | Settle(id: nat)
    | AttachRoot(node: nat, pair: Pair)
    | SetRoot(backend: nat, pair: Pair)
    | RemoveBackend(backend: nat)
    | Close(id: nat)
    | CloseIfUnreferenced(id: nat)
    | Append(node: nat, overlay: nat)
    | Reopen(entries: seq<Reopen.Entry>)
    | MakeReadOnly(entries: seq<Reopen.Entry>)
    | Veto(node: nat)

  type Command = seq<Action>

  datatype Outcome = Accepted(state: State) | Refused(why: Why, node: int)

  // Lists and edges agree, and the counters are above every id.
  ghost predicate Sound(state: State) {
    WellFormed(state) && Counted(state)
  }

  ghost predicate IsSound(end: Outcome) {
    end.Accepted? ==> Sound(end.state)
  }

  function OfRefresh(end: Refreshed): Outcome {
    if end.Refreshed? then Accepted(end.state) else Refused(end.why, end.node)
  }

  // A new node without children (BLK-GRAPH-001, BLK-GRAPH-003).
  function AddNode(state: State, id: nat, node: NewNode): Outcome
    requires Sound(state)
    ensures IsSound(AddNode(state, id, node))
  {
    if id in state.nodes || node.inheritsFrom >= id || node.inheritsFrom < -1 then
      Refused(Malformed, id)
    else if exists n | n in state.nodes :: state.nodes[n].name == node.name then
      Refused(NameTaken, id)
    else
      var made := GraphNode(
                    node.name, node.settings, node.writable, node.autoReadOnly, node.forceShare,
                    false, node.monitorOwned, true, node.inheritsFrom, NotOpened, [], []);
      var next := if id < state.nextNode then state.nextNode else id + 1;
      Accepted(Edits.AddNode(state, id, made).(nextNode := next))
  }

  // Nobody is attached to the node and it has no children: its driver is opening it.
  predicate IsFresh(state: State, id: nat) {
    && id in state.nodes
    && state.nodes[id].isOpening
    && state.nodes[id].children == [] && state.nodes[id].parents == []
  }

  // The file driver's open (BLK-FILE-001, BLK-RO-012, BLK-RO-015).
  function OpenFile(
    policy: Policy, world: World, state: State, id: nat, path: string, locking: bool
  ): Outcome
    requires Sound(state)
    ensures IsSound(OpenFile(policy, world, state, id, path, locking))
  {
    if !IsFresh(state, id) || state.nodes[id].file.FileHold? then Refused(Malformed, id)
    else
      var node := state.nodes[id];
      var answers := AnswersFor(world, path);
      var flags := AutoReadOnlyStatement.Flags(!node.writable, node.autoReadOnly);
      var end := AutoReadOnly.OpenFile(policy, flags, answers);
      if end.Refused? then
        var answer := if answers.reading.Failed? then answers.reading else answers.writing;
        Refused(if answer.Failed? then CannotOpen(answer.errno) else Elsewhere, id)
      else
        var hold := FileHold(
                      path, end.node.inode, end.node.readOnlyFd, end.node.writableFd, locking,
                      Nobody);
        var held := node.(writable := end.node.writable, file := hold);
        Accepted(Edits.PutNode(state, id, held))
  }

  // The node of a server that says read-only (BLK-RO-020).
  function Degrade(state: State, id: nat): Outcome
    requires Sound(state)
    ensures IsSound(Degrade(state, id))
  {
    if !IsFresh(state, id) || state.nodes[id].file.FileHold? then Refused(Malformed, id)
    else Accepted(Edits.PutNode(state, id, state.nodes[id].(writable := false)))
  }

  // The open of a node is over.
  function Settle(state: State, id: nat): Outcome
    requires Sound(state)
    ensures IsSound(Settle(state, id))
  {
    if id !in state.nodes then Refused(Malformed, id)
    else Accepted(Edits.PutNode(state, id, state.nodes[id].(isOpening := false)))
  }

  function Attach(
    policy: Policy, world: World, state: State, parent: nat, child: nat, name: string, role: Role
  ): Outcome
    requires Sound(state)
    ensures IsSound(Attach(policy, world, state, parent, child, name, role))
  {
    if parent !in state.nodes || child !in state.nodes then Refused(Malformed, parent)
    else OfRefresh(Transaction.Attach(policy, world, state, parent, child, name, role))
  }

  function AttachRoot(policy: Policy, world: World, state: State, node: nat, pair: Pair): Outcome
    requires Sound(state)
    ensures IsSound(AttachRoot(policy, world, state, node, pair))
  {
    if node !in state.nodes then Refused(Malformed, node)
    else OfRefresh(Transaction.AttachRoot(policy, world, state, node, pair))
  }

  // Whether a backend's root is there.
  predicate HasRoot(state: State, backend: nat) {
    && backend in state.backends
    && state.backends[backend].root in state.edges
    && state.edges[state.backends[backend].root].parent == Root(backend)
  }

  function SetRoot(
    policy: Policy, world: World, state: State, backend: nat, pair: Pair
  ): Outcome
    requires Sound(state)
    ensures IsSound(SetRoot(policy, world, state, backend, pair))
  {
    if !HasRoot(state, backend) then Refused(Malformed, -1)
    else OfRefresh(
           Transaction.SetRoot(policy, world, state, state.backends[backend].root, pair))
  }

  function RemoveBackend(policy: Policy, world: World, state: State, backend: nat): Outcome
    requires Sound(state)
    ensures IsSound(RemoveBackend(policy, world, state, backend))
  {
    if !HasRoot(state, backend) then Refused(Malformed, -1)
    else Accepted(Transaction.RemoveBackend(policy, world, state, backend))
  }

  // Deletes a node that has no parents (BLK-GRAPH-014).
  function Close(policy: Policy, world: World, state: State, id: nat): Outcome
    requires Sound(state)
    ensures IsSound(Close(policy, world, state, id))
  {
    if id !in state.nodes || state.nodes[id].parents != [] then Refused(Malformed, id)
    else Accepted(Transaction.Close(policy, world, state, id))
  }

  function Append(policy: Policy, world: World, state: State, node: nat, overlay: nat): Outcome
    requires Sound(state)
    ensures IsSound(Append(policy, world, state, node, overlay))
  {
    if node !in state.nodes || overlay !in state.nodes then Refused(Malformed, node)
    else OfRefresh(Transaction.Append(policy, world, state, node, overlay))
  }

  // Whether the entries name nodes of the state, each once (BLK-REOPEN-002).
  predicate AreEntries(state: State, entries: seq<Reopen.Entry>) {
    && (forall entry | entry in entries :: entry.node in state.nodes)
    && (forall i, j | 0 <= i < j < |entries| :: entries[i].node != entries[j].node)
  }

  function ReopenNodes(
    policy: Policy, world: World, state: State, entries: seq<Reopen.Entry>
  ): Outcome
    requires Sound(state)
    ensures IsSound(ReopenNodes(policy, world, state, entries))
  {
    if !AreEntries(state, entries) then Refused(Malformed, -1)
    else OfRefresh(Reopen.Run(policy, world, state, entries))
  }

  function OrElse(end: Outcome, state: State): Outcome {
    if end.Accepted? then end else Accepted(state)
  }

  // One action.
  function Step(policy: Policy, world: World, state: State, action: Action): Outcome
    requires Sound(state)
    ensures IsSound(Step(policy, world, state, action))
  {
    match action
    case AddNode(id, made) => AddNode(state, id, made)
    case OpenFile(id, path, locking) => OpenFile(policy, world, state, id, path, locking)
    case Degrade(id) => Degrade(state, id)
    case Attach(parent, child, name, role) =>
      Attach(policy, world, state, parent, child, name, role)
    case Settle(id) => Settle(state, id)
    case AttachRoot(node, pair) => AttachRoot(policy, world, state, node, pair)
    case SetRoot(backend, pair) => SetRoot(policy, world, state, backend, pair)
    case RemoveBackend(backend) => RemoveBackend(policy, world, state, backend)
    case Close(id) => Close(policy, world, state, id)
    case CloseIfUnreferenced(id) =>
      Accepted(Transaction.CloseIfUnreferenced(policy, world, state, id))
    case Append(node, overlay) => Append(policy, world, state, node, overlay)
    case Reopen(entries) => ReopenNodes(policy, world, state, entries)
    case MakeReadOnly(entries) =>
      OrElse(ReopenNodes(policy, world, state, entries), state)
    case Veto(node) => Refused(Elsewhere, node)
  }

  // The actions of a command, one after the other, up to the first refusal.
  function RunFrom(policy: Policy, world: World, state: State, command: Command): Outcome
    requires Sound(state)
    ensures IsSound(RunFrom(policy, world, state, command))
    decreases |command|
  {
    if |command| == 0 then Accepted(state)
    else
      var end := Step(policy, world, state, command[0]);
      if end.Refused? then end else RunFrom(policy, world, end.state, command[1..])
  }

  // A command: all of its actions or none (BLK-PERM-032, BLK-OPEN-009).
  function Run(policy: Policy, world: World, state: State, command: Command): Outcome
    requires Sound(state)
    ensures IsSound(Run(policy, world, state, command))
  {
    RunFrom(policy, world, state, command)
  }

  // What a command leaves: the state before where it was refused (BLK-GRAPH-007).
  function After(policy: Policy, world: World, state: State, command: Command): State
    requires Sound(state)
    ensures Sound(After(policy, world, state, command))
  {
    var end := Run(policy, world, state, command);
    if end.Accepted? then end.state else state
  }

  datatype Given = Given(world: World, command: Command)

  // Commands, one after the other, each in the world of its moment.
  function RunScript(policy: Policy, state: State, script: seq<Given>): State
    requires Sound(state)
    ensures Sound(RunScript(policy, state, script))
    decreases |script|
  {
    if |script| == 0 then state
    else
      var next := After(policy, script[0].world, state, script[0].command);
      RunScript(policy, next, script[1..])
  }
}
