// copy-on-read: what is read from a backing of the child is written into the child.
// Spec: spec/block/permissions.md (BLK-PERM-023), data.md (BLK-DATA-006).
namespace Ashlar.Block;

/// <summary>The filter <c>copy-on-read</c> (BLK-PERM-023, BLK-DATA-006).</summary>
public sealed partial class CopyOnReadDriver : FilterDriver
{
    internal CopyOnReadDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    internal override BlockError? Open(NodeOpener opener, NodeDefinition definition) =>
        opener.AttachFile(Node, ChildRoles.Filtered | ChildRoles.Primary);

    internal override void ChildPermissions(
        ChildRoles roles,
        BlockPermissions perm,
        BlockPermissions shared,
        out BlockPermissions childPerm,
        out BlockPermissions childShared
    )
    {
        // BLK-PERM-023: always takes and shares WU, also when nobody uses the node.
        childPerm = perm | BlockPermissions.WriteUnchanged;
        childShared = shared | BlockPermissions.WriteUnchanged;
        if (Planted.Is(Bug.CopyOnReadForgetsWriteUnchanged))
        {
            childPerm = perm;
        }
        if (Planted.Is(Bug.CopyOnReadUnsharesWriteUnchanged))
        {
            childShared = shared;
        }
    }
}
