// Where QEMU's tests of a node and its edges let through, or keep, what ashlar's invariants forbid.
include "../ChildPermissions.s.dfy"
include "../Lattice.dfy"
include "OneDescriptor.s.dfy"

module ConflictDifferences {
  import opened Permission
  import opened ChildPermissions
  import opened AutoReadOnlyStatement
  import opened OneDescriptorStatement
  import Lattice

  // The test of a node by qemu-7.2: a resizer is not looked for (DD-RESIZE-RO).
  predicate HoldsTogetherInQemu(parents: seq<Pair>, writable: bool) {
    && !Lattice.Conflict(parents)
    && (Meets(Cumulative(parents).perm, Writing) ==> writable)
  }

  // I2 of a node: nobody writes or resizes it while it is read-only (BLK-PERM-006, BLK-PERM-007).
  predicate WritersStandOnWritable(parents: seq<Pair>, writable: bool) {
    forall p | p in parents && Meets(p.perm, Perm(false, true, true, true)) :: writable
  }

  // DD-RESIZE-RO against I2 (BLK-PERM-007): a read-only node grants resize.
  lemma ResizeOnAReadOnlyNode()
    ensures HoldsTogetherInQemu([Pair(RZ, All)], false)
    ensures !WritersStandOnWritable([Pair(RZ, All)], false)
  {
    var parents := [Pair(RZ, All)];
    assert Cumulative(parents[1..]) == Nobody;
    assert parents[0] in parents;
  }

  // The test of one new pair among the parents by qemu-3.1: against the others as they stand, those
  // that the same change is about to replace included (BLK-PERM-060).
  predicate GetsOn(changed: Pair, others: seq<Pair>) {
    forall other | other in others ::
      Lattice.Allows(changed, other) && Lattice.Allows(other, changed)
  }

  // DD-TWO-WAYS against I1 (BLK-PERM-060, BLK-PERM-003): two edges of one parent to one child are
  // tested one after the other, each against what the other was, and both are accepted.
  lemma TwoWaysMeet()
    ensures exists before, after: Pair ::
              && !Lattice.Conflict([before, before])
              && GetsOn(after, [before])
              && Lattice.Conflict([after, after])
  {
    var before, after := Pair(None, All), Pair(W, Perm(true, false, true, true));
    assert [after, after][0] == after && [after, after][1] == after;
    assert !Lattice.Allows([after, after][0], [after, after][1]);
    assert [before][0] == before;
  }

  const Filtered := Role(false, false, true, false, true)

  // A raw node over a file, as far as their link and the file's descriptor go.
  datatype Linked = Linked(pair: Pair, hold: OneDescriptor)

  // What the link has to be (BLK-PERM-033).
  predicate HasNoHistory(linked: Linked, users: seq<Pair>) {
    linked.pair == OfRaw(Filtered, true, Cumulative(users))
  }

  // A refresh of the two; a refusal after a user left is nobody's business (DD-STALE-PERMS).
  function RefreshAfterLeaving(
    linked: Linked, users: seq<Pair>, flags: Flags, env: Environment
  ): Linked {
    var pair := OfRaw(Filtered, true, Cumulative(users));
    var changed := Change(linked.hold, flags, pair.perm, env);
    if changed.Kept? then Linked(pair, changed.hold) else linked
  }

  // DD-STALE-PERMS against I3 (BLK-PERM-033, BLK-PERM-034): the writer has left, the path is gone,
  // and the link still takes what the writer asked for; who comes next is refused because of a user
  // who is not there.
  lemma StalePermissions()
    ensures exists linked, env ::
              && HasNoHistory(linked, [Pair(W, All)])
              && var left := RefreshAfterLeaving(linked, [], Flags(false, true), env);
              && !HasNoHistory(left, [])
              && !Lattice.Allows(Pair(None, None), left.pair)
              && Lattice.Allows(Pair(None, None), OfRaw(Filtered, true, Cumulative([])))
  {
    assert Cumulative([Pair(W, All)]) == Pair(W, All) by {
      assert [Pair(W, All)][1..] == [];
    }
    var linked := Linked(OfRaw(Filtered, true, Pair(W, All)), OneDescriptor(1, true, true));
    var env := Environment(Failed(NoEntry), Failed(NoEntry));
    assert HasNoHistory(linked, [Pair(W, All)]);
    var left := RefreshAfterLeaving(linked, [], Flags(false, true), env);
    assert !HasNoHistory(left, []);
    assert !Lattice.Allows(Pair(None, None), left.pair);
  }
}
