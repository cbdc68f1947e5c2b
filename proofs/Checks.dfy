// The refresh with everything that it asks: conflicts, read-only nodes, and the file nodes' own
// checks (BLK-PERM-030, BLK-PERM-031, BLK-FILE-002 to BLK-FILE-006, BLK-FILE-011). It mirrors
// Refresh.fs; Refresh.dfy is the part of it that asks nothing of the world.
include "Edits.dfy"
include "Refresh.dfy"
include "AutoReadOnly.dfy"

module Checks {
  import opened Permission
  import opened Graph
  import opened RefreshStatement
  import opened AutoReadOnlyStatement
  import opened AutoReadOnly
  import Below
  import Edits
  import Lattice
  import Refresh

  // Why a command was refused.
  datatype Why =
    | Conflict // BLK-PERM-003
    | ReadOnly // BLK-PERM-006, BLK-PERM-007
    | Cycle // BLK-GRAPH-008, BLK-REOPEN-015
    | CannotOpen(errno: Errno) // BLK-FILE-003, BLK-FILE-020
    | AnotherFile // BLK-FILE-005
    | LockedOut // BLK-FILE-011
    | ImplicitChild // BLK-GRAPH-030
    | NoSuchNode // BLK-REOPEN-015: an unknown name
    | NoSuchChild // BLK-REOPEN-015: a child that the driver cannot have
    | NameTaken // BLK-GRAPH-001
    | Elsewhere // a test that this model does not make
    | Malformed // no command makes such an action

  // What the world answers while one command runs: open(2) for each path, and the file nodes whose
  // lock test somebody else's locks would fail. It may answer otherwise for the next command.
  datatype World = World(files: map<string, Environment>, locks: set<nat>)

  // The answers for a path; a path that is not there leads to no file (BLK-FILE-020).
  function AnswersFor(world: World, path: string): Environment {
    if path in world.files then world.files[path]
    else Environment(Failed(NoEntry), Failed(NoEntry))
  }

  type Holds = map<nat, FileHold>

  datatype Checked = Passed(pairs: Pairs, holds: Holds) | Stopped(why: Why, node: nat)

  datatype Held = Held(hold: FileHold) | NotHeld(why: Why)

  // A change that takes no more and shares no less tests no lock (BLK-FILE-011).
  predicate Loosens(hold: FileHold, asked: Pair)
    requires hold.FileHold?
  {
    AsksNoLess(hold.locked, asked)
  }

  // The file node as AutoReadOnly.dfy sees it.
  function FileNodeOf(node: GraphNode): FileNode
    requires node.file.FileHold?
  {
    var hold := node.file;
    FileNode(hold.inode, node.writable, node.autoReadOnly, hold.readOnlyFd, hold.writableFd)
  }

  // The file driver's check: descriptors, then locks; the hold it gets at the commit
  // (BLK-FILE-003 to BLK-FILE-006, BLK-FILE-011, BLK-FILE-012).
  function CheckFile(policy: Policy, world: World, id: nat, node: GraphNode, asked: Pair): Held
    requires node.file.FileHold?
  {
    var answers := AnswersFor(world, node.file.path);
    var end := Descriptors(policy, FileNodeOf(node), asked.perm, answers);
    if end.Refused? then
      NotHeld(if answers.writing.Failed? then CannotOpen(answers.writing.errno) else AnotherFile)
    else if node.file.locking && !Loosens(node.file, asked) && id in world.locks then
      NotHeld(LockedOut)
    else Held(node.file.(writableFd := end.node.writableFd, locked := asked))
  }

  // Checks the nodes one after the other and updates what is below each (BLK-PERM-030,
  // BLK-PERM-031).
  function Check(
    policy: Policy, world: World, state: State, order: seq<nat>, pairs: Pairs, holds: Holds
  ): Checked
    requires WellFormed(state) && Covers(pairs, state)
    requires forall n | n in order :: n in state.nodes
    ensures var end := Check(policy, world, state, order, pairs, holds);
            end.Passed? ==> Covers(end.pairs, state)
  {
    if |order| == 0 then Passed(pairs, holds)
    else
      var id := order[0];
      assert id in order;
      var node := state.nodes[id];
      if Lattice.Conflict(AskedList(state, pairs, id)) then Stopped(Conflict, id)
      else
        var asked := Asked(state, pairs, id);
        if Meets(asked.perm, NotOnReadOnly) && !node.writable then Stopped(ReadOnly, id)
        else if node.file.FileHold? then
          match CheckFile(policy, world, id, node, asked)
          case NotHeld(why) => Stopped(why, id)
          case Held(hold) => Check(
            policy, world, state, order[1..],
            Refresh.UpdateChildren(state, map[], pairs, id), holds[id := hold])
        else Check(
               policy, world, state, order[1..],
               Refresh.UpdateChildren(state, map[], pairs, id), holds)
  }

  datatype Refreshed = Refreshed(state: State) | RefreshRefused(why: Why, node: nat)

  // The state as a refresh that passed leaves it (BLK-FILE-012).
  function Committed(state: State, pairs: Pairs, holds: Holds): State
    requires WellFormed(state) && Covers(pairs, state)
    ensures WellFormed(Committed(state, pairs, holds))
    ensures Committed(state, pairs, holds).edges.Keys == state.edges.Keys
    ensures Committed(state, pairs, holds).nodes.Keys == state.nodes.Keys
    ensures SameRest(state, Committed(state, pairs, holds))
  {
    Edits.WithPairsIsWellFormed(state, pairs);
    Edits.WithHoldsIsWellFormed(Edits.WithPairs(state, pairs), holds);
    Edits.WithHolds(Edits.WithPairs(state, pairs), holds)
  }

  // A whole refresh below the roots (BLK-PERM-030 to BLK-PERM-032).
  function Run(policy: Policy, world: World, state: State, roots: seq<nat>): Refreshed
    requires WellFormed(state)
    requires forall n | n in roots :: n in state.nodes
    ensures var end := Run(policy, world, state, roots);
            end.Refreshed? ==>
              && WellFormed(end.state)
              && end.state.edges.Keys == state.edges.Keys
              && end.state.nodes.Keys == state.nodes.Keys
              && SameRest(state, end.state)
              && (forall n | n in state.nodes ::
                    end.state.nodes[n] == state.nodes[n].(file := end.state.nodes[n].file))
              && (forall e | e in state.edges ::
                    end.state.edges[e] == state.edges[e].(pair := end.state.edges[e].pair))
  {
    OrderIsOfNodes(state, roots);
    var order := Below.Order(state, roots);
    match Check(policy, world, state, order, PairsNow(state), map[])
    case Stopped(why, node) => RefreshRefused(why, node)
    case Passed(pairs, holds) => Refreshed(Committed(state, pairs, holds))
  }

  // The order holds nodes of the graph, also of a graph with cycles.
  lemma OrderIsOfNodes(state: State, roots: seq<nat>)
    requires WellFormed(state)
    requires forall n | n in roots :: n in state.nodes
    ensures forall n | n in Below.Order(state, roots) :: n in state.nodes
  {
    VisitIsOfNodes(state, roots, Below.Search({}, []));
  }

  lemma VisitIsOfNodes(state: State, ids: seq<nat>, search: Below.Search)
    requires WellFormed(state)
    requires forall n | n in ids :: n in state.nodes
    requires search.seen <= state.nodes.Keys
    requires forall n | n in search.order :: n in state.nodes
    ensures forall n | n in Below.Visit(state, ids, search).order :: n in state.nodes
    decreases state.nodes.Keys - search.seen, |ids|
  {
    if |ids| > 0 {
      if ids[0] in search.seen {
        VisitIsOfNodes(state, ids[1..], search);
      } else {
        var entered := search.(seen := search.seen + {ids[0]});
        assert ids[0] in state.nodes.Keys - search.seen;
        VisitIsOfNodes(state, Below.ChildNodes(state, ids[0]), entered);
        var left := Below.Visit(state, Below.ChildNodes(state, ids[0]), entered);
        VisitIsOfNodes(state, ids[1..], left.(order := [ids[0]] + left.order));
      }
    }
  }
}
