// Arithmetic of requests and tables, in unbounded integers, with the bounds within which a
// machine's 64-bit numbers do the same (BLK-DATA-002, BLK-DATA-010, BLK-SIZE-007).
module Arithmetic {
  // Powers of two, as shifts use them.
  function Power(bits: nat): nat
    ensures Power(bits) >= 1
  {
    if bits == 0 then 1 else 2 * Power(bits - 1)
  }

  lemma PowerAdds(a: nat, b: nat)
    ensures Power(a + b) == Power(a) * Power(b)
  {
    if a > 0 {
      PowerAdds(a - 1, b);
    }
  }

  lemma PowerIsMonotone(a: nat, b: nat)
    requires a <= b
    ensures Power(a) <= Power(b)
  {
    PowerAdds(a, b - a);
    assert Power(a) * 1 <= Power(a) * Power(b - a) by {
      MultiplyIsMonotone(Power(a), 1, Power(b - a));
    }
  }

  lemma MultiplyIsMonotone(k: nat, a: nat, b: nat)
    requires a <= b
    ensures k * a <= k * b
  {
    assert k * b - k * a == k * (b - a);
  }

  // ---- A request in pieces ----

  datatype Piece = Piece(offset: nat, length: nat)

  function End(piece: Piece): nat {
    piece.offset + piece.length
  }

  // The first multiple of the alignment above an offset.
  function NextBoundary(offset: nat, alignment: nat): nat
    requires alignment > 0
    ensures offset < NextBoundary(offset, alignment) <= offset + alignment
    ensures NextBoundary(offset, alignment) % alignment == 0
  {
    var q := offset / alignment;
    assert (q + 1) * alignment == q * alignment + alignment;
    assert offset == q * alignment + offset % alignment;
    MultipleIsAligned(q + 1, alignment);
    (q + 1) * alignment
  }

  lemma MultipleIsAligned(q: nat, alignment: nat)
    requires alignment > 0
    ensures (q * alignment) % alignment == 0
  {
    if q > 0 {
      MultipleIsAligned(q - 1, alignment);
      assert q * alignment == (q - 1) * alignment + alignment;
      var rest := (q - 1) * alignment;
      assert (rest + alignment) % alignment == rest % alignment by {
        AddingAlignment(rest, alignment);
      }
    }
  }

  lemma AddingAlignment(n: nat, alignment: nat)
    requires alignment > 0
    ensures (n + alignment) % alignment == n % alignment
  {
    var (q, r) := (n / alignment, n % alignment);
    assert n == q * alignment + r;
    assert n + alignment == (q + 1) * alignment + r by {
      assert (q + 1) * alignment == q * alignment + alignment;
    }
    QuotientIsUnique(n + alignment, alignment, q + 1, r);
  }

  lemma QuotientIsUnique(n: nat, d: nat, q: nat, r: nat)
    requires d > 0 && n == q * d + r && r < d
    ensures n / d == q && n % d == r
  {
    var (q', r') := (n / d, n % d);
    assert n == q' * d + r';
    if q' < q {
      MultiplyIsMonotone(d, q' + 1, q);
      assert d * (q' + 1) == q' * d + d;
      assert d * q == q * d;
    } else if q < q' {
      MultiplyIsMonotone(d, q + 1, q');
      assert d * (q + 1) == q * d + d;
      assert d * q' == q' * d;
    }
  }

  // A request cut at every multiple of the alignment.
  function Split(offset: nat, length: nat, alignment: nat): seq<Piece>
    requires alignment > 0
    decreases length
  {
    if length == 0 then []
    else
      var boundary := NextBoundary(offset, alignment);
      if boundary >= offset + length then [Piece(offset, length)]
      else
        [Piece(offset, boundary - offset)] +
        Split(boundary, offset + length - boundary, alignment)
  }

  // The pieces lie one after the other, from here to there.
  predicate Covers(pieces: seq<Piece>, offset: nat, length: nat) {
    if |pieces| == 0 then length == 0
    else
      && pieces[0].offset == offset
      && 0 < pieces[0].length <= length
      && Covers(pieces[1..], End(pieces[0]), length - pieces[0].length)
  }

  // No piece leaves its unit of the alignment.
  predicate WithinUnits(pieces: seq<Piece>, alignment: nat)
    requires alignment > 0
  {
    forall p | p in pieces ::
      p.length > 0 && p.offset / alignment == (End(p) - 1) / alignment
  }

  // BLK-DATA-002: splitting a request by an alignment covers exactly the request.
  lemma SplitCovers(offset: nat, length: nat, alignment: nat)
    requires alignment > 0
    ensures Covers(Split(offset, length, alignment), offset, length)
    ensures WithinUnits(Split(offset, length, alignment), alignment)
    decreases length
  {
    if length > 0 {
      var boundary := NextBoundary(offset, alignment);
      var end := if boundary >= offset + length then offset + length else boundary;
      SameUnit(offset, end, alignment);
      if boundary < offset + length {
        var rest := Split(boundary, offset + length - boundary, alignment);
        SplitCovers(boundary, offset + length - boundary, alignment);
        assert Split(offset, length, alignment)[1..] == rest;
      }
    }
  }

  lemma SameUnit(offset: nat, end: nat, alignment: nat)
    requires alignment > 0 && offset < end <= NextBoundary(offset, alignment)
    ensures offset / alignment == (end - 1) / alignment
  {
    var q := offset / alignment;
    assert offset == q * alignment + offset % alignment;
    assert (q + 1) * alignment == q * alignment + alignment;
    QuotientIsUnique(end - 1, alignment, q, end - 1 - q * alignment);
  }

  // ---- The tables of qcow2 ----

  // Sizes of an image with clusters of 2^bits bytes and table entries of 8 bytes.
  function L1EntryBits(clusterBits: nat): nat
    requires clusterBits >= 3
  {
    clusterBits + clusterBits - 3
  }

  function L1Entries(guestBytes: nat, clusterBits: nat): nat
    requires clusterBits >= 3
  {
    var unit := Power(L1EntryBits(clusterBits));
    guestBytes / unit + if guestBytes % unit != 0 then 1 else 0
  }

  // The bounds of the layer: cluster sizes, the first-level table, the offsets that entries hold.
  const MinClusterBits: nat := 9
  const MaxClusterBits: nat := 21
  const MaxL1Entries: nat := 4 * 1024 * 1024
  const EntryBytes: nat := 8
  const HostEnd: nat := 0x100_0000_0000_0000
  const Int64End: nat := 0x8000_0000_0000_0000

  lemma PowersInUse()
    ensures Power(22) == MaxL1Entries
    ensures Power(39) == 0x80_0000_0000
    ensures Power(56) == HostEnd
    ensures Power(61) == 0x2000_0000_0000_0000
  {
    PowerAdds(11, 11);
    PowerAdds(22, 17);
    PowerAdds(28, 28);
    PowerAdds(39, 22);
    assert Power(11) == 2048;
    assert Power(17) == 131072;
    assert Power(28) == 0x1000_0000 by {
      PowerAdds(17, 11);
    }
  }

  // BLK-SIZE-007: what a first-level table may map is less than 2^61 bytes, for every cluster size.
  lemma GuestIsBounded(guestBytes: nat, clusterBits: nat)
    requires MinClusterBits <= clusterBits <= MaxClusterBits
    requires L1Entries(guestBytes, clusterBits) <= MaxL1Entries
    ensures guestBytes <= Power(61)
  {
    var unit := Power(L1EntryBits(clusterBits));
    assert guestBytes <= L1Entries(guestBytes, clusterBits) * unit by {
      var (q, r) := (guestBytes / unit, guestBytes % unit);
      assert guestBytes == q * unit + r;
      if r != 0 {
        assert (q + 1) * unit == q * unit + unit;
      }
    }
    PowerIsMonotone(L1EntryBits(clusterBits), 39);
    PowersInUse();
    PowerAdds(22, 39);
    MultiplyIsMonotone(unit, L1Entries(guestBytes, clusterBits), MaxL1Entries);
    MultiplyIsMonotone(MaxL1Entries, unit, Power(39));
    assert unit * MaxL1Entries == MaxL1Entries * unit;
    assert L1Entries(guestBytes, clusterBits) * unit
        == unit * L1Entries(guestBytes, clusterBits);
  }

  // BLK-DATA-010, BLK-SIZE-007: the index of every guest byte lies in its table, and neither it
  // nor the offset of its entry leaves the range of a signed 64-bit number.
  lemma IndexesFit(guestBytes: nat, clusterBits: nat, offset: nat, tableOffset: nat)
    requires MinClusterBits <= clusterBits <= MaxClusterBits
    requires L1Entries(guestBytes, clusterBits) <= MaxL1Entries
    requires offset < guestBytes && tableOffset < HostEnd
    ensures var l1 := offset / Power(L1EntryBits(clusterBits));
            && l1 < L1Entries(guestBytes, clusterBits)
            && tableOffset + l1 * EntryBytes + EntryBytes < Int64End
    ensures var l2 := offset / Power(clusterBits) % Power(clusterBits - 3);
            && 0 <= l2 < Power(clusterBits - 3)
            && l2 * EntryBytes + EntryBytes <= Power(clusterBits)
    ensures offset + Power(clusterBits) < Int64End
  {
    var unit := Power(L1EntryBits(clusterBits));
    var (q, r) := (guestBytes / unit, guestBytes % unit);
    assert guestBytes == q * unit + r;
    var l1 := offset / unit;
    assert offset == l1 * unit + offset % unit;
    if l1 >= L1Entries(guestBytes, clusterBits) {
      if r == 0 {
        MultiplyIsMonotone(unit, q, l1);
        assert unit * q == q * unit && unit * l1 == l1 * unit;
      } else {
        MultiplyIsMonotone(unit, q + 1, l1);
        assert unit * (q + 1) == q * unit + unit && unit * l1 == l1 * unit;
      }
      assert false;
    }
    PowerAdds(clusterBits - 3, 3);
    assert Power(3) == EntryBytes;
    var entries := Power(clusterBits - 3);
    var l2 := offset / Power(clusterBits) % entries;
    MultiplyIsMonotone(EntryBytes, l2 + 1, entries);
    assert entries * EntryBytes == Power(clusterBits);
    GuestIsBounded(guestBytes, clusterBits);
    PowersInUse();
    PowerIsMonotone(clusterBits, 22);
  }
}
