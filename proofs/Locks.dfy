// Lock bytes keep processes apart at every interleaving (BLK-FILE-010, BLK-FILE-011).
include "Locks.s.dfy"

module Locks {
  import opened Permission
  import opened LocksStatement

  // The holder has the byte and has seen, while it had it, that nobody held the other side.
  predicate Passed(h: Holder, b: Byte) {
    b in h.claimed || (h.phase.Testing? && b in h.phase.tested)
  }

  ghost predicate Invariant(all: Holders) {
    && (forall p | p in all ::
          && all[p].claimed <= all[p].held
          && (all[p].phase.Testing? ==> all[p].phase.tested <= all[p].phase.wanted <= all[p].held)
          && (all[p].phase.Resting? ==> all[p].held == all[p].claimed))
    && (forall p, q, b | p in all && q in all && p != q && Passed(all[p], b) ::
          !Passed(all[q], Against(b)))
  }

  lemma AgainstIsMutual(b: Byte)
    ensures Against(Against(b)) == b
  {
  }

  // BLK-FILE-010, BLK-FILE-011: whatever step a holder takes, each claim has its byte, and no byte
  // that another claim forbids.
  lemma StepKeepsInvariant(all: Holders, who: nat, action: Action)
    requires Invariant(all) && who in all && Possible(all, who, action)
    ensures Invariant(all[who := After(all, who, action)])
  {
    var next := all[who := After(all, who, action)];
    forall p, q, b | p in next && q in next && p != q && Passed(next[p], b)
      ensures !Passed(next[q], Against(b))
    {
      AgainstIsMutual(b);
      if p == who && !Passed(all[p], b) {
        assert action == Test(b) && !HeldByOther(all, who, Against(b));
        assert Against(b) !in all[q].held;
      } else if q == who && !Passed(all[q], Against(b)) && Passed(next[q], Against(b)) {
        assert action == Test(Against(b)) && !HeldByOther(all, who, b);
        assert b !in all[p].held;
      }
    }
  }

  // The states of a run, from one in which nobody holds anything.
  ghost predicate Run(states: seq<Holders>) {
    && |states| > 0
    && Initial(states[0])
    && (forall i | 0 <= i < |states| - 1 :: Next(states[i], states[i + 1]))
  }

  lemma RunKeepsInvariant(states: seq<Holders>, i: nat)
    requires Run(states) && i < |states|
    ensures Invariant(states[i])
  {
    if i > 0 {
      RunKeepsInvariant(states, i - 1);
      var who, action :|
        && who in states[i - 1] && Possible(states[i - 1], who, action)
        && states[i] == states[i - 1][who := After(states[i - 1], who, action)];
      StepKeepsInvariant(states[i - 1], who, action);
    }
  }

  // BLK-FILE-010, BLK-FILE-011: at every moment of every interleaving of takes, tests, commits
  // and drops, no holder counts on what another refuses.
  lemma LocksKeepHoldersApart(states: seq<Holders>, i: nat)
    requires Run(states) && i < |states|
    ensures PairwiseSafe(states[i])
  {
    RunKeepsInvariant(states, i);
    forall p, q, b |
      p in states[i] && q in states[i] && p != q && b in states[i][p].claimed
      ensures Against(b) !in states[i][q].claimed
    {
      assert Passed(states[i][p], b);
    }
  }

  // BLK-FILE-010, BLK-PERM-003: when two holders' claims are the bytes of their nodes' cumulative
  // pairs, each user of the one gets on with each user of the other, as within one graph.
  lemma PairwiseSafeAcrossProcesses(all: Holders, p: nat, q: nat, ours: Pair, theirs: Pair,
                                    user: Pair, other: Pair)
    requires PairwiseSafe(all) && p in all && q in all && p != q
    requires all[p].claimed == BytesOf(ours) && all[q].claimed == BytesOf(theirs)
    requires AsksNoLess(ours, user) && AsksNoLess(theirs, other)
    ensures Subset(user.perm, other.shared) && Subset(other.perm, user.shared)
  {
    forall bit: nat | bit < 4
      ensures Needs(bit) in all[p].claimed ==> Refuses(bit) !in all[q].claimed
      ensures Needs(bit) in all[q].claimed ==> Refuses(bit) !in all[p].claimed
    {
      assert Against(Needs(bit)) == Refuses(bit);
    }
    assert forall bit: nat | bit < 4 ::
        !(Needs(bit) in BytesOf(ours) && Refuses(bit) in BytesOf(theirs))
        && !(Needs(bit) in BytesOf(theirs) && Refuses(bit) in BytesOf(ours));
    MeaningOfBytes(ours);
    MeaningOfBytes(theirs);
  }

  lemma MeaningOfBytes(pair: Pair)
    ensures Needs(0) in BytesOf(pair) <==> pair.perm.cr
    ensures Needs(1) in BytesOf(pair) <==> pair.perm.w
    ensures Needs(2) in BytesOf(pair) <==> pair.perm.wu
    ensures Needs(3) in BytesOf(pair) <==> pair.perm.rz
    ensures Refuses(0) in BytesOf(pair) <==> !pair.shared.cr
    ensures Refuses(1) in BytesOf(pair) <==> !pair.shared.w
    ensures Refuses(2) in BytesOf(pair) <==> !pair.shared.wu
    ensures Refuses(3) in BytesOf(pair) <==> !pair.shared.rz
  {
  }

  // BLK-FILE-012, BLK-FILE-013: the hazard of dropping bytes at the commit only. While the old
  // holder still has its bytes, although it wants them no more, the new holder's test is refused: a
  // role cannot be handed from one node to another of the same file in one transaction.
  lemma HandOverIsRefused(all: Holders, former: nat, next: nat, b: Byte)
    requires Invariant(all) && former in all && next in all && former != next
    requires b in all[former].claimed
    requires all[next].phase.Testing? && Against(b) in all[next].phase.wanted
    ensures After(all, next, Test(Against(b))).phase == Dropping
  {
    AgainstIsMutual(b);
    assert b in all[former].held;
    assert HeldByOther(all, next, Against(Against(b)));
  }

  // BLK-FILE-011: when it has dropped them, and nobody else holds that side, the test passes.
  lemma HandOverAfterDrop(all: Holders, next: nat, b: Byte)
    requires next in all && all[next].phase.Testing? && b in all[next].phase.wanted
    requires !HeldByOther(all, next, Against(b))
    ensures b in After(all, next, Test(b)).phase.tested
  {
  }

  // BLK-FILE-011: the two tests of two new holders may refuse both, never accept both.
  lemma NotBoth(all: Holders, p: nat, q: nat, b: Byte)
    requires Invariant(all) && p in all && q in all && p != q
    ensures !(Passed(all[p], b) && Passed(all[q], Against(b)))
  {
  }
}
