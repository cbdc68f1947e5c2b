// What a node asks of its children: one pure rule per driver (BLK-PERM-010 to BLK-PERM-026).
// Trusted: a line for each line of the F# file of that name.
include "Permission.s.dfy"

module ChildPermissions {
  import opened Permission

  // What a driver was told, as far as it decides what it asks of its children.
  datatype Settings =
    | File
    | NullCo
    | Nbd
    | Raw
    | Qcow2
    | Throttle
    | CopyOnRead
    | Blkdebug(take: Perm, unshare: Perm)
    | Quorum(rewrites: bool)

  // A filter passes both sets on (BLK-PERM-010).
  function Filter(asked: Pair): Pair {
    asked
  }

  // A backing child is only read; its content must stay (BLK-PERM-011).
  function Cow(asked: Pair): Pair {
    var changes := if asked.shared.w then Changing else None;
    Pair(Intersection(asked.perm, CR), Union(Union(CR, WU), changes))
  }

  // Tables (BLK-PERM-012).
  function Metadata(writable: bool, asked: Pair): Pair {
    Pair(
      Union(Union(asked.perm, CR), if writable then Changing else None),
      Minus(asked.shared, Changing))
  }

  // Guest data (BLK-PERM-013).
  function Data(asked: Pair): Pair {
    var writes := if asked.perm.wu then Union(asked.perm, W) else asked.perm;
    var grows := if writes.w then Union(writes, RZ) else writes;
    Pair(grows, Minus(asked.shared, RZ))
  }

  // Storage: tables first, then guest data.
  function Storage(role: Role, writable: bool, asked: Pair): Pair {
    var tables := if role.metadata then Metadata(writable, asked) else asked;
    if role.data then Data(tables) else tables
  }

  // The rule of the role alone.
  function ByRole(role: Role, writable: bool, asked: Pair): Pair {
    if role.filtered then Filter(asked)
    else if role.cow then Cow(asked)
    else Storage(role, writable, asked)
  }

  // raw changes its child only where its users change it (BLK-PERM-020).
  function OfRaw(role: Role, writable: bool, asked: Pair): Pair {
    var plain := ByRole(role, writable, asked);
    Pair(Union(Minus(plain.perm, Changing), Intersection(asked.perm, Changing)), plain.shared)
  }

  // copy-on-read writes what it read, unchanged (BLK-PERM-023).
  function OfCopyOnRead(asked: Pair): Pair {
    Pair(Union(asked.perm, WU), Union(asked.shared, WU))
  }

  // blkdebug takes and unshares what it was told to (BLK-PERM-024).
  function OfBlkdebug(take: Perm, unshare: Perm, asked: Pair): Pair {
    Pair(Union(asked.perm, take), Minus(asked.shared, unshare))
  }

  // Each copy of a quorum must stay equal to the others (BLK-PERM-025).
  function OfQuorum(rewrites: bool, asked: Pair): Pair {
    Pair(
      Union(asked.perm, if rewrites then W else None),
      Intersection(asked.shared, Union(CR, WU)))
  }

  // The driver's rule; writable is the parent's flag as after the change.
  function ByDriver(settings: Settings, writable: bool, role: Role, asked: Pair): Pair {
    match settings
    case Raw => OfRaw(role, writable, asked)
    case CopyOnRead => OfCopyOnRead(asked)
    case Blkdebug(take, unshare) => OfBlkdebug(take, unshare, asked)
    case Quorum(rewrites) => OfQuorum(rewrites, asked)
    case _ => ByRole(role, writable, asked)
  }

  // The pair an edge gets: the driver's rule, then force-share of the child (BLK-PERM-014).
  function EdgePair(
    settings: Settings, writable: bool, role: Role, childForceShare: bool, asked: Pair
  ): Pair {
    var pair := ByDriver(settings, writable, role, asked);
    if childForceShare then Pair(pair.perm, All) else pair
  }
}
