/// What a child is to its parent (BLK-PERM-020, BLK-PERM-021).
/// A role is fixed when the edge is made and never changes by a reopen.
namespace Ashlar.Reference.Block

open System

/// Role bits of an edge; IMAGE is DATA, METADATA and PRIMARY together.
[<Flags>]
type Role =
    | None = 0
    /// The child stores the parent's guest data.
    | Data = 1
    /// The child stores tables that describe the guest data.
    | Metadata = 2
    /// The parent shows the child's data unchanged.
    | Filtered = 4
    /// The child holds what the parent has not yet allocated.
    | Cow = 8
    /// The one child that stands for the parent.
    | Primary = 16
    /// DATA, METADATA and PRIMARY.
    | Image = 19

/// Questions about roles.
module Role =
    /// Whether the role has all bits of the other.
    let inline has (bit: Role) (role: Role) : bool = role &&& bit = bit
