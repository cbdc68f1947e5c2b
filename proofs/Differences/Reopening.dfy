// What a reopen of qemu-7.2 may do that ashlar's invariants forbid.
include "../Permission.s.dfy"

module ReopeningDifferences {

  // ---- Options that are asked for again (I8) ----

  // The options of a node by name. Some are taken away while the node opens.
  type Options = map<string, string>

  // A reopen tests what it was given against what is remembered (BLK-REOPEN-016): another value is
  // a change, and a remembered option that is left out would be reset.
  predicate NothingChanged(given: Options, remembered: Options) {
    && (forall name | name in given :: name in remembered && remembered[name] == given[name])
    && (forall name | name in remembered :: name in given)
  }

  // force-share is an option of every node that no driver looks at: QEMU remembers that it was
  // given, and forgets the value before it compares.
  function RememberedInQemu(said: Options): Options {
    map name | name in said :: if name == "force-share" then "" else said[name]
  }

  // BLK-REOPEN-023, BLK-REOPEN-017: what is remembered as it was given can be asked for again.
  lemma IdentityIsNoChange(said: Options)
    ensures NothingChanged(said, said)
  {
  }

  // DD-FORCE-SHARE against I8 (BLK-REOPEN-017, BLK-REOPEN-023): with force-share a node can be
  // reopened neither with the option nor without it.
  lemma ForceShareIsForGood(said: Options)
    requires "force-share" in said && said["force-share"] == "on"
    ensures !NothingChanged(said, RememberedInQemu(said))
    ensures !NothingChanged(said - {"force-share"}, RememberedInQemu(said))
  {
    assert "force-share" in RememberedInQemu(said);
    assert RememberedInQemu(said)["force-share"] != said["force-share"];
    assert "force-share" !in said - {"force-share"};
  }

  // An nbd node whose server says read-only (BLK-RO-020, BLK-RO-021).
  datatype NbdNode = NbdNode(readOnly: bool, autoReadOnly: bool, serverReadOnly: bool)

  // The flag after an open: a read-only server degrades a node with auto-read-only.
  function OpenedNbd(node: NbdNode): NbdNode {
    if node.serverReadOnly && node.autoReadOnly then node.(readOnly := true) else node
  }

  // The reopen of qemu-7.2 asks whether the flags want a writable node, before any degrading.
  predicate ReopensInQemu(node: NbdNode, readOnly: bool) {
    readOnly || !node.serverReadOnly
  }

  // The reopen of ashlar degrades as the open did.
  predicate Reopens(node: NbdNode, readOnly: bool) {
    readOnly || !node.serverReadOnly || node.autoReadOnly
  }

  // DD-NBD-REOPEN against I8 (BLK-RO-021, BLK-REOPEN-023): the options that opened the node do not
  // reopen it.
  lemma DegradedNodeRefusesItsOptions()
    ensures exists asked: NbdNode ::
              && OpenedNbd(asked).readOnly && !asked.readOnly
              && Reopens(OpenedNbd(asked), asked.readOnly)
              && !ReopensInQemu(OpenedNbd(asked), asked.readOnly)
  {
    var asked := NbdNode(false, true, true);
    assert OpenedNbd(asked).readOnly && !asked.readOnly;
  }

  // ---- Options that depend on the list (I11) ----

  // An element of a reopen list: a node that keeps its child, or the child by itself. An option
  // that is not said is inherited, if anybody hands it down.
  datatype Element = OfParent(readOnly: bool) | OfChild

  // What the child's entry in the queue says of read-only.
  datatype Wish = Unsaid | Default | Inherited(readOnly: bool)

  // qemu-7.2 merges an entry in place: each mention puts its own base under what was said.
  function MergedInQemu(list: seq<Element>, wish: Wish): Wish {
    if |list| == 0 then wish
    else
      var next := match list[0]
        case OfParent(readOnly) => Inherited(readOnly)
        case OfChild => Default;
      MergedInQemu(list[1..], next)
  }

  // ashlar: a listed child that its listed parent keeps inherits, wherever it stands.
  function Resolved(list: seq<Element>): Wish {
    if |list| == 0 then Unsaid
    else if list[0].OfParent? then Inherited(list[0].readOnly)
    else
      var rest := Resolved(list[1..]);
      if rest.Inherited? then rest else Default
  }

  // DD-REOPEN-ORDER against I11 (BLK-REOPEN-005): the same two elements in the other order make
  // another node.
  lemma ListOrderDecides(readOnly: bool)
    ensures MergedInQemu([OfParent(readOnly), OfChild], Unsaid)
         != MergedInQemu([OfChild, OfParent(readOnly)], Unsaid)
  {
    var (first, last) := (OfParent(readOnly), OfChild);
    assert [first, last][1..] == [last] && [last, first][1..] == [first];
    assert MergedInQemu([first, last], Unsaid) == MergedInQemu([last], Inherited(readOnly));
    assert MergedInQemu([last, first], Unsaid) == MergedInQemu([first], Default);
    assert MergedInQemu([last], Inherited(readOnly)) == Default by { assert [last][1..] == []; }
    assert MergedInQemu([first], Default) == Inherited(readOnly) by { assert [first][1..] == []; }
  }

  // BLK-REOPEN-005: in ashlar they make the same node.
  lemma ListOrderDoesNotDecide(readOnly: bool)
    ensures Resolved([OfParent(readOnly), OfChild]) == Resolved([OfChild, OfParent(readOnly)])
  {
    assert [OfChild, OfParent(readOnly)][1..] == [OfParent(readOnly)];
  }

  // ---- Nodes that a queue holds (BLK-REOPEN-021) ----

  // References to nodes; a node without any is closed and gone.
  type References = map<nat, nat>

  function Release(references: References, node: nat): References {
    if node !in references then references
    else if references[node] <= 1 then references - {node}
    else references[node := references[node] - 1]
  }

  function Hold(references: References, node: nat): References {
    if node in references then references[node := references[node] + 1] else references
  }

  // A queue of two entries: the parent's commit replaces its link to the child; the child's comes
  // after it. Whether the entry can still be used is whether the node is still there.
  predicate CommitsInQemu(references: References, child: nat) {
    child in Release(references, child)
  }

  // ashlar: the queue holds its nodes until the commit is over.
  predicate Commits(references: References, child: nat) {
    child in Release(Hold(references, child), child)
  }

  // DD-C1 (BLK-REOPEN-021): the queue drops a node that it still holds, when the link that goes is
  // the node's last reference.
  lemma QueueDropsWhatItHolds()
    ensures exists references: References, child ::
              child in references && references[child] > 0 && !CommitsInQemu(references, child)
  {
    var references: References := map[1 := 1];
    assert 1 in references && references[1] > 0 && !CommitsInQemu(references, 1);
  }

  // BLK-REOPEN-021: a queue that holds its nodes finds each of them when its turn comes.
  lemma HeldNodesStay(references: References, child: nat)
    requires child in references && references[child] > 0
    ensures Commits(references, child)
  {
  }
}
