// What the rules of drivers promise, whatever the driver (BLK-PERM-010 to BLK-PERM-026).
include "ChildPermissions.s.dfy"

module Rules {
  import opened Permission
  import opened ChildPermissions

  // BLK-PERM-011
  lemma CowIsMonotone(less: Pair, more: Pair)
    requires AsksNoLess(more, less)
    ensures AsksNoLess(Cow(more), Cow(less))
  {
  }

  // BLK-PERM-012
  lemma MetadataIsMonotone(writable: bool, less: Pair, more: Pair)
    requires AsksNoLess(more, less)
    ensures AsksNoLess(Metadata(writable, more), Metadata(writable, less))
  {
  }

  // BLK-PERM-013
  lemma DataIsMonotone(less: Pair, more: Pair)
    requires AsksNoLess(more, less)
    ensures AsksNoLess(Data(more), Data(less))
  {
  }

  // BLK-PERM-021
  lemma StorageIsMonotone(role: Role, writable: bool, less: Pair, more: Pair)
    requires AsksNoLess(more, less)
    ensures AsksNoLess(Storage(role, writable, more), Storage(role, writable, less))
  {
    hide Metadata, Data;
    if role.metadata {
      MetadataIsMonotone(writable, less, more);
    }
    var tablesLess := if role.metadata then Metadata(writable, less) else less;
    var tablesMore := if role.metadata then Metadata(writable, more) else more;
    if role.data {
      DataIsMonotone(tablesLess, tablesMore);
    }
  }

  // BLK-PERM-010, BLK-PERM-011, BLK-PERM-021
  lemma ByRoleIsMonotone(role: Role, writable: bool, less: Pair, more: Pair)
    requires AsksNoLess(more, less)
    ensures AsksNoLess(ByRole(role, writable, more), ByRole(role, writable, less))
  {
    hide Cow, Storage;
    if !role.filtered && role.cow {
      CowIsMonotone(less, more);
    } else if !role.filtered {
      StorageIsMonotone(role, writable, less, more);
    }
  }

  // BLK-PERM-020
  lemma RawIsMonotone(role: Role, writable: bool, less: Pair, more: Pair)
    requires AsksNoLess(more, less)
    ensures AsksNoLess(OfRaw(role, writable, more), OfRaw(role, writable, less))
  {
    hide ByRole;
    ByRoleIsMonotone(role, writable, less, more);
  }

  // BLK-PERM-010 to BLK-PERM-026: more asked above never asks less below, for every driver.
  lemma RulesAreMonotone(
    settings: Settings, writable: bool, role: Role, forceShare: bool, less: Pair, more: Pair
  )
    requires AsksNoLess(more, less)
    ensures AsksNoLess(
              EdgePair(settings, writable, role, forceShare, more),
              EdgePair(settings, writable, role, forceShare, less))
  {
    hide ByRole, OfRaw;
    match settings
    case Raw => RawIsMonotone(role, writable, less, more);
    case CopyOnRead =>
    case Blkdebug(take, unshare) =>
    case Quorum(rewrites) =>
    case _ => ByRoleIsMonotone(role, writable, less, more);
  }

  // BLK-PERM-012: a format node that is read-only and has no writer asks for no
  // writing below, in whatever role.
  lemma ReadOnlyFormatAsksNoWrite(role: Role, forceShare: bool, asked: Pair)
    requires !Meets(asked.perm, Writing)
    ensures !Meets(EdgePair(Qcow2, false, role, forceShare, asked).perm, Writing)
    ensures !Meets(EdgePair(Raw, false, role, forceShare, asked).perm, Writing)
  {
  }

  // BLK-PERM-007, BLK-PERM-012: nor for a resize, when nobody above asks for one.
  lemma ReadOnlyFormatAsksNoChange(role: Role, forceShare: bool, asked: Pair)
    requires !Meets(asked.perm, Union(Writing, RZ))
    ensures !Meets(EdgePair(Qcow2, false, role, forceShare, asked).perm, Union(Writing, RZ))
    ensures !Meets(EdgePair(Raw, false, role, forceShare, asked).perm, Union(Writing, RZ))
  {
  }

  // BLK-PERM-011: whoever reads through a backing never lets its content change.
  lemma BackingContentStays(settings: Settings, writable: bool, role: Role, asked: Pair)
    requires settings == Qcow2 && role.cow && !role.filtered
    ensures var pair := EdgePair(settings, writable, role, false, asked);
            Subset(pair.perm, CR) && (pair.shared.w ==> asked.shared.w)
  {
  }

  // BLK-PERM-010, BLK-PERM-022: a filter hides nothing and adds nothing.
  lemma FilterIsTransparent(writable: bool, role: Role, asked: Pair)
    requires role.filtered
    ensures EdgePair(Throttle, writable, role, false, asked) == asked
    ensures var raw := EdgePair(Raw, writable, role, false, asked); raw == asked
  {
  }

  // BLK-PERM-020: raw with a window changes its child exactly where its users do.
  lemma RawChangesWhatUsersChange(writable: bool, role: Role, asked: Pair)
    ensures var perm := EdgePair(Raw, writable, role, false, asked).perm;
            perm.w == asked.perm.w && perm.rz == asked.perm.rz
  {
  }
}
