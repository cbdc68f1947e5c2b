// The four things a parent may ask of a child, and what a role is (BLK-PERM-001, BLK-PERM-020).
// Trusted: these are the words in which every theorem is stated.
module Permission {
  // A set of permissions, one field for each bit of the F# type of that name (BLK-PERM-001).
  datatype Perm = Perm(cr: bool, w: bool, wu: bool, rz: bool)

  const None := Perm(false, false, false, false)
  const All := Perm(true, true, true, true)
  const CR := Perm(true, false, false, false)
  const W := Perm(false, true, false, false)
  const WU := Perm(false, false, true, false)
  const RZ := Perm(false, false, false, true)

  // W and WU, which only a writable node can give (BLK-PERM-006).
  const Writing := Perm(false, true, true, false)
  // W and RZ, which metadata cannot share (BLK-PERM-012).
  const Changing := Perm(false, true, false, true)

  function Union(a: Perm, b: Perm): Perm {
    Perm(a.cr || b.cr, a.w || b.w, a.wu || b.wu, a.rz || b.rz)
  }

  function Intersection(a: Perm, b: Perm): Perm {
    Perm(a.cr && b.cr, a.w && b.w, a.wu && b.wu, a.rz && b.rz)
  }

  function Minus(a: Perm, b: Perm): Perm {
    Perm(a.cr && !b.cr, a.w && !b.w, a.wu && !b.wu, a.rz && !b.rz)
  }

  predicate Subset(a: Perm, b: Perm) {
    (a.cr ==> b.cr) && (a.w ==> b.w) && (a.wu ==> b.wu) && (a.rz ==> b.rz)
  }

  predicate Meets(a: Perm, b: Perm) {
    (a.cr && b.cr) || (a.w && b.w) || (a.wu && b.wu) || (a.rz && b.rz)
  }

  // What an edge takes and what it lets the others take (BLK-PERM-002).
  datatype Pair = Pair(perm: Perm, shared: Perm)

  // Nothing taken, everything shared: a node without parents (BLK-PERM-002).
  const Nobody := Pair(None, All)

  function Join(a: Pair, b: Pair): Pair {
    Pair(Union(a.perm, b.perm), Intersection(a.shared, b.shared))
  }

  // b asks for no less than a: it takes more or the same, and shares less or the same.
  predicate AsksNoLess(b: Pair, a: Pair) {
    Subset(a.perm, b.perm) && Subset(b.shared, a.shared)
  }

  // The cumulative pair of a list of parents, in list order (BLK-PERM-002).
  function Cumulative(pairs: seq<Pair>): Pair {
    if |pairs| == 0 then Nobody else Join(pairs[0], Cumulative(pairs[1..]))
  }

  // What a child is to its parent; the fields are the bits of the F# type of that name.
  datatype Role = Role(data: bool, metadata: bool, filtered: bool, cow: bool, primary: bool)

  const Image := Role(true, true, false, false, true)
}
