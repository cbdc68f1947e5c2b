// The rules that more than one driver shares: what a node asks of a child, as a function of the
// child's role and of what is asked of the node. Spec: spec/block/permissions.md (BLK-PERM-010 to
// -013).
namespace Ashlar.Block;

/// <summary>Pure functions from a node's cumulative pair to a child's pair.</summary>
internal static class ChildPermissionRules
{
    private const BlockPermissions WriteAndResize =
        BlockPermissions.Write | BlockPermissions.Resize;

    /// <summary>The rule for the role: filter, backing or storage.</summary>
    public static void ByRole(
        BlockNode parent,
        ChildRoles roles,
        BlockPermissions perm,
        BlockPermissions shared,
        out BlockPermissions childPerm,
        out BlockPermissions childShared
    )
    {
        if ((roles & ChildRoles.Filtered) != 0)
        {
            // BLK-PERM-010
            childPerm = perm;
            childShared = shared;
            if (Planted.Is(Bug.FilterDropsResize))
            {
                childPerm &= ~BlockPermissions.Resize;
            }
        }
        else if ((roles & ChildRoles.Cow) != 0)
        {
            Backing(perm, shared, out childPerm, out childShared);
        }
        else
        {
            Storage(parent.WritableAfter, roles, perm, shared, out childPerm, out childShared);
        }
    }

    /// <summary>BLK-PERM-011.</summary>
    private static void Backing(
        BlockPermissions perm,
        BlockPermissions shared,
        out BlockPermissions childPerm,
        out BlockPermissions childShared
    )
    {
        childPerm = perm & BlockPermissions.ConsistentRead;
        childShared = BlockPermissions.ConsistentRead | BlockPermissions.WriteUnchanged;
        if ((shared & BlockPermissions.Write) != 0)
        {
            childShared |= Planted.Is(Bug.BackingSharesWriteOnly)
                ? BlockPermissions.Write
                : WriteAndResize;
        }
        if (Planted.Is(Bug.BackingUnsharesWriteUnchanged))
        {
            childShared &= ~BlockPermissions.WriteUnchanged;
        }
    }

    /// <summary>BLK-PERM-012, then BLK-PERM-013.</summary>
    private static void Storage(
        bool isParentWritable,
        ChildRoles roles,
        BlockPermissions perm,
        BlockPermissions shared,
        out BlockPermissions childPerm,
        out BlockPermissions childShared
    )
    {
        if ((roles & ChildRoles.Metadata) != 0)
        {
            if (isParentWritable && !Planted.Is(Bug.MetadataNeedsNoWrite))
            {
                perm |= WriteAndResize;
            }
            if (!Planted.Is(Bug.MetadataForgetsConsistentRead))
            {
                perm |= BlockPermissions.ConsistentRead;
            }
            shared &= Planted.Is(Bug.MetadataSharesWrite)
                ? ~BlockPermissions.Resize
                : ~WriteAndResize;
        }
        if ((roles & ChildRoles.Data) != 0)
        {
            if (!Planted.Is(Bug.DataSharesResize))
            {
                shared &= ~BlockPermissions.Resize;
            }
            if ((perm & BlockPermissions.WriteUnchanged) != 0)
            {
                perm |= BlockPermissions.Write;
            }
            if ((perm & BlockPermissions.Write) != 0)
            {
                perm |= BlockPermissions.Resize;
            }
        }
        childPerm = perm;
        childShared = shared;
    }
}
