// Where the list's order decides after all (BLK-REOPEN-005, BLK-REOPEN-015): links are replaced one
// after the other, and an exchange that passes through a cycle is possible in one order only.
include "Identity.dfy"

module ReopenCycle {
  import opened Permission
  import opened ChildPermissions
  import opened Graph
  import opened RefreshStatement
  import opened SafetyStatement
  import opened AutoReadOnly
  import opened Checks
  import opened Reopen
  import Below
  import Edits
  import Lattice
  import Refresh
  import Transaction

  // ---- The graph: an overlay over a base, and nobody uses either ----

  const Cow := Role(false, false, false, true, false)

  function Image(name: string, children: seq<nat>, parents: seq<nat>): GraphNode {
    GraphNode(
      name, Qcow2, true, false, false, false, true, false, -1, NotOpened, children, parents)
  }

  const Top := Image("top", [0], [])
  const Base := Image("base", [], [0])

  const Chain := State(
                   map[0 := Top, 1 := Base],
                   map[0 := Edge(Node(0), 1, "backing", Cow, Link)],
                   map[], 2, 1, 0)

  const Link := EdgePair(Qcow2, true, Cow, false, Nobody)

  // The base is to lie over what lay over it.
  function Entries(): (Entry, Entry) {
    (
      Entry(0, true, false, [ChildChange("backing", Nothing)], false, false, false),
      Entry(1, true, false, [ChildChange("backing", Reference(0))], false, false, false)
    )
  }

  lemma ChainIsWellFormed()
    ensures WellFormed(Chain) && Counted(Chain) && Acyclic(Chain)
  {
    assert Ranked(Chain, map[0 := 0, 1 := 1]);
  }

  // BLK-REOPEN-005: nothing is wrong with the graph: it is safe, and its files are settled.
  lemma ChainIsSafe(policy: Policy)
    ensures SafeWhile(policy, Chain, {})
  {
    ChainIsWellFormed();
    assert Asked(Chain, PairsNow(Chain), 0) == Nobody;
    assert Link.perm.w == false;
    assert !Meets(Link.perm, NotOnReadOnly);
  }

  // ---- A refresh in which nobody stands in anybody's way ----

  // Each node has one user at most, is writable, and has no file of its own.
  predicate IsQuiet(state: State) {
    forall n | n in state.nodes ::
      && |state.nodes[n].parents| <= 1
      && state.nodes[n].writable && state.nodes[n].file == NotOpened
  }

  lemma QuietPasses(
    policy: Policy, world: World, state: State, order: seq<nat>, pairs: Pairs, holds: Holds
  )
    requires WellFormed(state) && Covers(pairs, state) && IsQuiet(state)
    requires forall n | n in order :: n in state.nodes
    ensures Check(policy, world, state, order, pairs, holds).Passed?
    decreases |order|
  {
    if |order| > 0 {
      var id := order[0];
      assert id in order;
      assert |AskedList(state, pairs, id)| <= 1;
      QuietPasses(
        policy, world, state, order[1..], Refresh.UpdateChildren(state, map[], pairs, id), holds);
    }
  }

  lemma QuietRefreshPasses(policy: Policy, world: World, state: State, roots: seq<nat>)
    requires WellFormed(state) && IsQuiet(state)
    requires forall n | n in roots :: n in state.nodes
    ensures Checks.Run(policy, world, state, roots).Refreshed?
  {
    OrderIsOfNodes(state, roots);
    QuietPasses(policy, world, state, Below.Order(state, roots), PairsNow(state), map[]);
  }

  // ---- The two orders ----

  // Nothing lies below a node without children.
  lemma NothingBelow(state: State, top: nat, bottom: nat)
    requires WellFormed(state) && top in state.nodes && state.nodes[top].children == []
    requires top != bottom
    ensures !Transaction.Reaches(state, top, bottom)
  {
    var entered := Below.Search({top}, []);
    assert Below.ChildNodes(state, top) == [];
    assert Below.Visit(state, [], entered) == entered;
    assert [top][1..] == [];
    var finished := Below.Search({top}, [top] + []);
    assert Below.Visit(state, [], finished) == finished;
    assert Below.Visit(state, [top], Below.Search({}, [])) == finished by {
      assert Below.Search({}, []).(seen := {} + {top}) == entered;
    }
  }

  // The chain after its link was taken out.
  function Loose(): State
  {
    State(
      map[0 := Image("top", [], []), 1 := Image("base", [], [])], map[], map[], 2, 1, 0)
  }

  lemma {:isolate_assertions} TakenApart()
    ensures WellFormed(Chain) && Transaction.Detached(Chain, 0) == Loose()
  {
    ChainIsWellFormed();
    var ended := Edits.EndInheritance(Chain, 0);
    assert ended.nodes[0] == Top && ended.nodes[1] == Base;
    assert ended.nodes == Chain.nodes;
    assert Edits.Without([0], 0) == [] by { assert [0][1..] == []; }
    var rest := Edits.Unlink(ended, 0);
    assert rest.nodes[0] == Image("top", [], []);
    assert rest.nodes[1] == Image("base", [], []);
    assert rest.nodes == Loose().nodes;
    assert rest.edges == map[];
  }

  // What the commit is handed when the link was turned round.
  lemma {:isolate_assertions} Turned(progress: Progress)
    requires progress.state == Loose() && Sane(progress, {0, 1})
    ensures var end :=
              ChangeChild(progress, 1, ChildChange("backing", Reference(0)), {0, 1});
            end.Prepared? && IsQuiet(end.progress.state)
  {
    var state := progress.state;
    NothingBelow(state, 0, 1);
    assert !Transaction.ClosesCycle(state, 1, 0);
    hide WellFormed, Transaction.Reaches, Transaction.ClosesCycle, Inherits;
    assert WellFormed(state);
    var linked := Transaction.AttachWithoutRefresh(state, 1, 0, "backing", Cow);
    assert IsQuiet(linked);
    var heir := linked.nodes[0].(inheritsFrom := 1);
    assert IsQuiet(Edits.PutNode(linked, 0, heir));
  }

  lemma QuietFlags(state: State, entries: seq<Entry>)
    requires WellFormed(state) && IsQuiet(state)
    requires forall entry | entry in entries :: entry.node in state.nodes && entry.writable
    ensures IsQuiet(WithFlags(state, entries))
    decreases |entries|
  {
    hide WellFormed;
    if |entries| > 0 {
      assert entries[0] in entries;
      var node := state.nodes[entries[0].node].(
      writable := entries[0].writable, autoReadOnly := entries[0].autoReadOnly);
      QuietFlags(Edits.PutNode(state, entries[0].node, node), entries[1..]);
    }
  }

  lemma QuietDecides(policy: Policy, world: World, progress: Progress, nodes: set<nat>)
    requires Sane(progress, nodes) && IsQuiet(progress.state)
    requires forall entry | entry in progress.done :: entry.writable && !entry.refusedImage
    ensures Decide(policy, world, progress, nodes).Refreshed?
  {
    hide WellFormed, IsQuiet;
    QuietFlags(progress.state, progress.done);
    QuietRefreshPasses(
      policy, world, WithFlags(progress.state, progress.done), progress.roots);
    NoImageRefused(progress.done);
  }

  lemma NoImageRefused(entries: seq<Entry>)
    requires forall entry | entry in entries :: !entry.refusedImage
    ensures RefusedImage(entries) == -1
  {
  }

  lemma {:isolate_assertions} OnlyChange(progress: Progress, id: nat, change: ChildChange)
    requires Sane(progress, {0, 1}) && id in {0, 1}
    ensures ChangeChildren(progress, id, [change], {0, 1})
         == ChangeChild(progress, id, change, {0, 1})
  {
    assert [change][1..] == [];
  }

  // First the overlay lets go of the base, then the base takes it: accepted.
  lemma {:isolate_assertions} TopFirst(policy: Policy, world: World)
    ensures WellFormed(Chain) && Counted(Chain)
    ensures var (top, base) := Entries();
            Reopen.Run(policy, world, Chain, [top, base]).Refreshed?
  {
    hide *;
    ChainIsWellFormed();
    TakenApart();
    var (top, base) := Entries();
    var (parting, turn) :=
      (ChildChange("backing", Nothing), ChildChange("backing", Reference(0)));
    assert top == Entry(0, true, false, [parting], false, false, false) by { reveal Entries; }
    assert base == Entry(1, true, false, [turn], false, false, false) by { reveal Entries; }
    var nodes := {0, 1};
    assert Chain.nodes.Keys == nodes by { reveal Chain; }
    var start := Progress(Chain, [], [], []);
    assert Sane(start, nodes) by { reveal Sane; }
    var rooted := start.(roots := [0]);
    assert Sane(rooted, nodes) by { reveal Sane; }
    var apart := Progress(Loose(), [], [1], [0, 1]);
    assert ChangeChild(rooted, 0, ChildChange("backing", Nothing), nodes) == Prepared(apart) by {
      reveal ChangeChild, TakeOut, ChildNamed, Chain, Top, Base, Image;
    }
    OnlyChange(rooted, 0, ChildChange("backing", Nothing));
    var next := apart.(done := [top]);
    assert [] + [0] == [0] && [] + [top] == [top];
    assert start.(roots := start.roots + [0]) == rooted;
    assert apart.(done := apart.done + [top]) == next;
    assert Prepare(policy, world, start, top, nodes) == Prepared(next) by {
      reveal Prepare, DecideFlags;
    }
    assert Sane(next, nodes);
    var again := next.(roots := next.roots + [1]);
    assert Sane(again, nodes) by { reveal Sane; }
    Turned(again);
    OnlyChange(again, 1, ChildChange("backing", Reference(0)));
    var turned := ChangeChild(again, 1, ChildChange("backing", Reference(0)), nodes).progress;
    assert turned.done == [top] by { reveal ChangeChild, PutIn, TakeOut, ChildNamed, Loose, Image; }
    var end := turned.(done := turned.done + [base]);
    assert Prepare(policy, world, next, base, nodes) == Prepared(end) by {
      reveal Prepare, DecideFlags;
    }
    assert [top, base][1..] == [base] && [base][1..] == [];
    assert Sane(end, nodes);
    assert PrepareAll(policy, world, end, [], nodes) == Prepared(end) by { reveal PrepareAll; }
    assert PrepareAll(policy, world, next, [base], nodes) == Prepared(end) by {
      reveal PrepareAll;
    }
    assert PrepareAll(policy, world, start, [top, base], nodes) == Prepared(end) by {
      reveal PrepareAll;
    }
    QuietDecides(policy, world, end, nodes);
    reveal Reopen.Run;
  }

  // BLK-REOPEN-015: first the base is to take the overlay, which still lies over it: a cycle.
  lemma {:isolate_assertions} BaseFirst(policy: Policy, world: World)
    ensures WellFormed(Chain) && Counted(Chain)
    ensures var (top, base) := Entries();
            Reopen.Run(policy, world, Chain, [base, top]) == RefreshRefused(Cycle, 1)
  {
    ChainIsWellFormed();
    var (top, base) := Entries();
    var nodes := {0, 1};
    assert Chain.nodes.Keys == nodes;
    Below.OrderIsTopological(Chain, [0]);
    assert 1 in Below.Order(Chain, [0]) by {
      var order := Below.Order(Chain, [0]);
      assert 0 in [0];
      assert 0 in Members(order);
      assert IsOf(Chain, 0, Members(order));
      assert 1 in Members(order);
    }
    var rooted := Progress(Chain, [], [], [1]);
    assert Transaction.Reaches(Chain, 0, 1);
    assert ChangeChild(rooted, 1, ChildChange("backing", Reference(0)), nodes)
        == PrepareRefused(Cycle, 1);
    OnlyChange(rooted, 1, ChildChange("backing", Reference(0)));
    assert Prepare(policy, world, Progress(Chain, [], [], []), base, nodes)
        == PrepareRefused(Cycle, 1);
  }

  // BLK-REOPEN-005, BLK-REOPEN-015: the same two entries on the same safe graph, under either
  // policy and in any world: one order is accepted, the other refused for a cycle.
  lemma OrderDecidesAfterAll(policy: Policy, world: World)
    ensures SafeWhile(policy, Chain, {}) && WellFormed(Chain) && Counted(Chain)
    ensures var (top, base) := Entries();
            && Reopen.Run(policy, world, Chain, [top, base]).Refreshed?
            && Reopen.Run(policy, world, Chain, [base, top]) == RefreshRefused(Cycle, 1)
  {
    hide *;
    ChainIsSafe(policy);
    TopFirst(policy, world);
    BaseFirst(policy, world);
  }
}
