/// The five things a parent may ask of a child, as a set of bits.
/// Not here: who asks for what (ChildPermissions) and whether it is granted (Refresh).
namespace Ashlar.Reference.Block

/// A set of permissions; the bits are QEMU's BLK_PERM_*.
[<Struct>]
type Permission = Permission of bits: uint8
