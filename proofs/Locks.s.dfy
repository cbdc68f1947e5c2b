// The lock bytes of a file and the protocol by which processes take, test and drop them
// (BLK-FILE-010, BLK-FILE-011). Trusted: one step is one system call of one process, and steps of
// different processes come in any order. A holder is a process, or a node with a descriptor of its
// own: the kernel does not tell them apart.
include "Permission.s.dfy"

module LocksStatement {
  import opened Permission

  // Byte 100+bit is held by who needs a permission, byte 200+bit by who refuses it to others.
  datatype Byte = Needs(bit: nat) | Refuses(bit: nat)

  // The byte of the other side.
  function Against(b: Byte): Byte {
    match b
    case Needs(bit) => Refuses(bit)
    case Refuses(bit) => Needs(bit)
  }

  // The bytes of a pair (BLK-FILE-010).
  function BytesOf(pair: Pair): set<Byte> {
    (if pair.perm.cr then {Needs(0)} else {}) + (if pair.perm.w then {Needs(1)} else {})
    + (if pair.perm.wu then {Needs(2)} else {}) + (if pair.perm.rz then {Needs(3)} else {})
    + (if pair.shared.cr then {} else {Refuses(0)}) + (if pair.shared.w then {} else {Refuses(1)})
    + (if pair.shared.wu then {} else {Refuses(2)}) + (if pair.shared.rz then {} else {Refuses(3)})
  }

  datatype Phase =
      // Nothing under way.
    | Resting
      // Takes the bytes it wants, beside those it has.
    | Taking(wanted: set<Byte>)
      // Has them all, and looks whether anybody holds the other side of each.
    | Testing(wanted: set<Byte>, tested: set<Byte>)
      // Drops what is held beyond what is claimed: after a commit, or after a refusal.
    | Dropping

  // What one holder holds at the kernel, and what it counts on.
  datatype Holder = Holder(held: set<Byte>, claimed: set<Byte>, phase: Phase)

  type Holders = map<nat, Holder>

  // Whether a holder other than this one has the byte.
  predicate HeldByOther(all: Holders, who: nat, b: Byte) {
    exists other | other in all && other != who :: b in all[other].held
  }

  // One step of one holder.
  datatype Action =
    | Begin(wanted: set<Byte>)
    | Take(take: Byte)
    | BeginTests
    | Test(test: Byte)
    | Commit
      // Less is wanted than before: nothing is tested (BLK-FILE-011).
    | Loosen(less: set<Byte>)
    | Drop(drop: Byte)
    | Rest

  predicate Possible(all: Holders, who: nat, action: Action)
    requires who in all
  {
    var h := all[who];
    match action
    case Begin(wanted) => h.phase.Resting?
    case Take(b) => h.phase.Taking? && b in h.phase.wanted
    case BeginTests => h.phase.Taking? && h.phase.wanted <= h.held
    case Test(b) => h.phase.Testing? && b in h.phase.wanted
    case Commit => h.phase.Testing? && h.phase.wanted <= h.phase.tested
    case Loosen(less) => h.phase.Resting? && less <= h.claimed
    case Drop(b) => h.phase.Dropping? && b in h.held - h.claimed
    case Rest => h.phase.Dropping? && h.held <= h.claimed
  }

  // A test that finds the other side held ends in a refusal; every other step in what it says.
  function After(all: Holders, who: nat, action: Action): Holder
    requires who in all && Possible(all, who, action)
  {
    var h := all[who];
    match action
    case Begin(wanted) => h.(phase := Taking(wanted))
    case Take(b) => h.(held := h.held + {b})
    case BeginTests => h.(phase := Testing(h.phase.wanted, {}))
    case Test(b) =>
      if HeldByOther(all, who, Against(b)) then h.(phase := Dropping)
      else h.(phase := h.phase.(tested := h.phase.tested + {b}))
    case Commit => h.(claimed := h.phase.wanted, phase := Dropping)
    case Loosen(less) => h.(claimed := less, phase := Dropping)
    case Drop(b) => h.(held := h.held - {b})
    case Rest => h.(phase := Resting)
  }

  ghost predicate Next(before: Holders, after: Holders) {
    exists who, action ::
      && who in before && Possible(before, who, action)
      && after == before[who := After(before, who, action)]
  }

  // What is to hold at every moment: nobody claims what another refuses.
  predicate PairwiseSafe(all: Holders) {
    forall p, q, b | p in all && q in all && p != q && b in all[p].claimed ::
      Against(b) !in all[q].claimed
  }

  // Nobody holds anything yet.
  predicate Initial(all: Holders) {
    forall p | p in all :: all[p] == Holder({}, {}, Resting)
  }
}
