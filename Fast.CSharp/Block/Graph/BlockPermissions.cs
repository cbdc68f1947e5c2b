// Permission sets and the names QEMU gives them in texts. Spec: spec/block/permissions.md.
using System;

namespace Ashlar.Block;

/// <summary>
/// A set of permissions on a node (BLK-PERM-001). The bit values are the lock-byte offsets.
/// </summary>
[Flags]
public enum BlockPermissions
{
    None = 0,

    /// <summary>CR: what is read is consistent, a snapshot of the guest's view.</summary>
    ConsistentRead = 1,

    /// <summary>W: change the visible content.</summary>
    Write = 2,

    /// <summary>
    /// WU: write what leaves the visible content unchanged, as copy-on-read does.
    /// </summary>
    WriteUnchanged = 4,

    /// <summary>RZ: change the length.</summary>
    Resize = 8,

    All = 15,
}

/// <summary>
/// What a child means to its parent; fixed when the edge is made (BLK-PERM-020, BLK-PERM-021).
/// </summary>
[Flags]
public enum ChildRoles
{
    None = 0,

    /// <summary>Holds guest-visible data.</summary>
    Data = 1,

    /// <summary>Holds the parent's own tables.</summary>
    Metadata = 2,

    /// <summary>The parent is a filter over this child.</summary>
    Filtered = 4,

    /// <summary>Read where the parent has nothing of its own (a backing file).</summary>
    Cow = 8,

    /// <summary>The child that gives the node its name and length; at most one a node.</summary>
    Primary = 16,

    /// <summary>A format driver's only storage child.</summary>
    Image = Data | Metadata | Primary,
}

/// <summary>Texts for permission sets (BLK-PERM-001).</summary>
public static class BlockPermissionNames
{
    /// <summary>The number of permissions.</summary>
    public const int Count = 4;

    /// <summary>
    /// The name QEMU's texts use for permission number <paramref name="index"/> (0 to 3).
    /// </summary>
    public static string Of(int index) =>
        index switch
        {
            0 => "consistent read",
            1 => "write",
            2 => "write unchanged",
            3 => "resize",
            _ => throw new ArgumentOutOfRangeException(nameof(index)),
        };

    /// <summary>The names in the set joined by ", " in the order CR, W, WU, RZ.</summary>
    public static string Join(BlockPermissions set)
    {
        string text = "";
        for (int index = 0; index < Count; index++)
        {
            if (((int)set & (1 << index)) != 0)
            {
                text = text.Length == 0 ? Of(index) : text + ", " + Of(index);
            }
        }
        return text;
    }
}
