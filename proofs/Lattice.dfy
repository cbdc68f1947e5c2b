// Cumulative permission and share are join and meet, and lists of parents are sets to them
// (BLK-PERM-002, BLK-PERM-003).
include "Permission.s.dfy"

module Lattice {
  import opened Permission

  // BLK-PERM-002: the order "asks no less" is a partial order.
  lemma AsksNoLessIsAnOrder(a: Pair, b: Pair, c: Pair)
    ensures AsksNoLess(a, a)
    ensures AsksNoLess(b, a) && AsksNoLess(a, b) ==> a == b
    ensures AsksNoLess(c, b) && AsksNoLess(b, a) ==> AsksNoLess(c, a)
  {
  }

  // BLK-PERM-002: Join is the least pair that asks no less than both.
  lemma JoinIsLeast(a: Pair, b: Pair, c: Pair)
    ensures AsksNoLess(Join(a, b), a) && AsksNoLess(Join(a, b), b)
    ensures AsksNoLess(c, a) && AsksNoLess(c, b) ==> AsksNoLess(c, Join(a, b))
  {
  }

  // BLK-PERM-002: Join is associative, commutative and idempotent, with Nobody as its zero.
  lemma JoinIsASemilattice(a: Pair, b: Pair, c: Pair)
    ensures Join(a, Join(b, c)) == Join(Join(a, b), c)
    ensures Join(a, b) == Join(b, a)
    ensures Join(a, a) == a
    ensures Join(a, Nobody) == a
  {
  }

  // c asks no less than every one of the parents.
  predicate AboveAll(c: Pair, pairs: seq<Pair>) {
    forall i | 0 <= i < |pairs| :: AsksNoLess(c, pairs[i])
  }

  // BLK-PERM-002: the cumulative pair asks no less than each parent.
  lemma CumulativeIsAbove(pairs: seq<Pair>)
    ensures AboveAll(Cumulative(pairs), pairs)
  {
    if |pairs| > 0 {
      var rest := pairs[1..];
      CumulativeIsAbove(rest);
      forall i | 0 <= i < |pairs|
        ensures AsksNoLess(Cumulative(pairs), pairs[i])
      {
        if i > 0 {
          assert pairs[i] == rest[i - 1];
        }
      }
    }
  }

  // BLK-PERM-002: it is the least such pair.
  lemma CumulativeIsLeast(c: Pair, pairs: seq<Pair>)
    requires AboveAll(c, pairs)
    ensures AsksNoLess(c, Cumulative(pairs))
  {
    if |pairs| > 0 {
      var rest := pairs[1..];
      forall i | 0 <= i < |rest|
        ensures AsksNoLess(c, rest[i])
      {
        assert rest[i] == pairs[i + 1];
      }
      CumulativeIsLeast(c, rest);
      assert AsksNoLess(c, pairs[0]);
    }
  }

  // BLK-PERM-002: which parents there are decides, not their order nor how often one is listed.
  lemma CumulativeOfTheSameParents(a: seq<Pair>, b: seq<Pair>)
    requires forall p | p in a :: p in b
    requires forall p | p in b :: p in a
    ensures Cumulative(a) == Cumulative(b)
  {
    CumulativeOfFewer(a, b);
    CumulativeOfFewer(b, a);
    AsksNoLessIsAnOrder(Cumulative(a), Cumulative(b), Cumulative(a));
  }

  // BLK-PERM-034: fewer parents never ask more.
  lemma CumulativeOfFewer(fewer: seq<Pair>, more: seq<Pair>)
    requires forall p | p in fewer :: p in more
    ensures AsksNoLess(Cumulative(more), Cumulative(fewer))
  {
    CumulativeIsAbove(more);
    forall i | 0 <= i < |fewer|
      ensures AsksNoLess(Cumulative(more), fewer[i])
    {
      assert fewer[i] in more;
      var j :| 0 <= j < |more| && more[j] == fewer[i];
      assert AsksNoLess(Cumulative(more), more[j]);
    }
    CumulativeIsLeast(Cumulative(more), fewer);
  }

  // The test of two parents: b takes nothing that a does not share (BLK-PERM-003).
  predicate Allows(a: Pair, b: Pair) {
    Subset(b.perm, a.shared)
  }

  // Whether some two parents are in conflict; the order of the list is not looked at.
  predicate Conflict(pairs: seq<Pair>) {
    exists i, j | 0 <= i < |pairs| && 0 <= j < |pairs| && i != j :: !Allows(pairs[i], pairs[j])
  }

  // BLK-PERM-003: two parents get on or not, whichever comes first.
  lemma ConflictIsSymmetric(a: Pair, b: Pair)
    ensures Conflict([a, b]) == Conflict([b, a])
  {
    if Conflict([a, b]) {
      var i, j :| 0 <= i < 2 && 0 <= j < 2 && i != j && !Allows([a, b][i], [a, b][j]);
      assert !Allows([b, a][1 - i], [b, a][1 - j]);
    }
    if Conflict([b, a]) {
      var i, j :| 0 <= i < 2 && 0 <= j < 2 && i != j && !Allows([b, a][i], [b, a][j]);
      assert !Allows([a, b][1 - i], [a, b][1 - j]);
    }
  }

  // BLK-PERM-003: a reordered list is in conflict exactly when the list is.
  lemma ConflictOfReordered(pairs: seq<Pair>, other: seq<Pair>, place: seq<int>)
    requires |pairs| == |other| == |place|
    requires forall i | 0 <= i < |place| :: 0 <= place[i] < |pairs| && other[place[i]] == pairs[i]
    requires forall i, j | 0 <= i < j < |place| :: place[i] != place[j]
    ensures Conflict(pairs) ==> Conflict(other)
  {
    if Conflict(pairs) {
      var i, j :| 0 <= i < |pairs| && 0 <= j < |pairs| && i != j && !Allows(pairs[i], pairs[j]);
      assert !Allows(other[place[i]], other[place[j]]);
      assert place[i] != place[j];
    }
  }

  // The first conflicting pair in list order, as the refusal names it (BLK-PERM-004).
  function FirstAgainst(pairs: seq<Pair>, a: int, from: int): int
    requires 0 <= a < |pairs| && 0 <= from <= |pairs|
    decreases |pairs| - from
  {
    if from == |pairs| then -1
    else if from != a && !Allows(pairs[a], pairs[from]) then from
    else FirstAgainst(pairs, a, from + 1)
  }

  function FirstConflict(pairs: seq<Pair>, from: int): (int, int)
    requires 0 <= from <= |pairs|
    decreases |pairs| - from
  {
    if from == |pairs| then (-1, -1)
    else
      var b := FirstAgainst(pairs, from, 0);
      if b >= 0 then (from, b) else FirstConflict(pairs, from + 1)
  }

  lemma FirstAgainstFinds(pairs: seq<Pair>, a: int, from: int)
    requires 0 <= a < |pairs| && 0 <= from <= |pairs|
    ensures var b := FirstAgainst(pairs, a, from);
            if b >= 0 then from <= b < |pairs| && b != a && !Allows(pairs[a], pairs[b])
            else forall j | from <= j < |pairs| && j != a :: Allows(pairs[a], pairs[j])
    decreases |pairs| - from
  {
    if from < |pairs| && !(from != a && !Allows(pairs[a], pairs[from])) {
      FirstAgainstFinds(pairs, a, from + 1);
    }
  }

  // BLK-PERM-003, BLK-PERM-004: the search by list order finds a pair exactly when there is one.
  lemma FirstConflictFinds(pairs: seq<Pair>, from: int)
    requires 0 <= from <= |pairs|
    ensures var (a, b) := FirstConflict(pairs, from);
            if a >= 0 then
              from <= a < |pairs| && 0 <= b < |pairs| && a != b && !Allows(pairs[a], pairs[b])
            else
              b < 0 &&
              forall i, j | from <= i < |pairs| && 0 <= j < |pairs| && i != j ::
                Allows(pairs[i], pairs[j])
    decreases |pairs| - from
  {
    if from < |pairs| {
      FirstAgainstFinds(pairs, from, 0);
      FirstConflictFinds(pairs, from + 1);
    }
  }

  lemma FirstConflictDecides(pairs: seq<Pair>)
    ensures Conflict(pairs) <==> FirstConflict(pairs, 0).0 >= 0
  {
    FirstConflictFinds(pairs, 0);
  }
}
