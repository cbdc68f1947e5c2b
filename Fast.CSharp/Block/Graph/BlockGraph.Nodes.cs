// The commands on nodes: blockdev-add, -del, -reopen, -snapshot, block_resize.
// Spec: spec/block/open.md, graph.md, reopen.md, resize.md.
using System;

namespace Ashlar.Block;

public sealed partial class BlockGraph
{
    /// <summary>blockdev-add (BLK-OPEN-001, BLK-OPEN-002, then the opening of the tree).</summary>
    public BlockError? TryBlockdevAdd(OptionValue options)
    {
        BlockError? error = Parser.Parse(options, "", out NodeDefinition? definition);
        if (error is not null)
        {
            return error;
        }
        if (definition!.Options.NodeName is null)
        {
            return new BlockError(
                BlockErrorKind.InvalidArgument,
                "'node-name' must be specified for the root node"
            );
        }
        Transaction.Begin();
        try
        {
            error = Opener.OpenRoot(definition, out BlockNode? node);
            if (error is null)
            {
                Transaction.SetMonitorOwned(node!, true);
            }
        }
        catch
        {
            // An embedder's connector may throw; the graph must not be left half-way.
            Transaction.Abort();
            throw;
        }
        return Transaction.Finish(error);
    }

    /// <summary>blockdev-del (BLK-GRAPH-010 to -014).</summary>
    public BlockError? TryBlockdevDel(string nodeName)
    {
        BlockNode? node = FindNode(nodeName);
        if (node is null)
        {
            return new BlockError(
                BlockErrorKind.NotFound,
                $"Failed to find node with node-name='{nodeName}'"
            )
            {
                NodeName = nodeName,
            };
        }
        for (BlockEdge? edge = node.FirstParent; edge is not null; edge = edge.NextInParents)
        {
            // BLK-GRAPH-011
            if (edge.ParentBackend is not null)
            {
                return InUse(node, $"Node {node.Name} is in use");
            }
        }
        BlockError? error = RefuseBacking(node);
        if (error is not null)
        {
            return error;
        }
        // BLK-GRAPH-013
        if (!node.IsMonitorOwned)
        {
            return InUse(node, $"Node {node.Name} is not owned by the monitor");
        }
        // BLK-GRAPH-014
        if (node.FirstParent is not null && !Planted.Is(Bug.DeleteIgnoresParents))
        {
            return InUse(node, $"Block device {node.Name} is in use");
        }
        Transaction.Begin();
        Transaction.SetMonitorOwned(node, false);
        Closer.Release(node);
        Closer.Run();
        return null;
    }

    /// <summary>blockdev-reopen with its list of options (BLK-REOPEN).</summary>
    public BlockError? TryBlockdevReopen(ReadOnlySpan<OptionValue> nodes) => _reopener.Run(nodes);

    /// <summary>blockdev-snapshot (BLK-GRAPH-020 to -023).</summary>
    public BlockError? TryBlockdevSnapshot(string nodeName, string overlay)
    {
        BlockNode? node = FindNode(nodeName);
        if (node is null)
        {
            return NodeOpener.NoSuchNode(nodeName);
        }
        BlockError? error = RefuseBacking(node);
        if (error is not null)
        {
            return error;
        }
        BlockNode? top = FindNode(overlay);
        if (top is null)
        {
            return NodeOpener.NoSuchNode(overlay);
        }
        error = RefuseOverlay(top) ?? Walk.TestNewEdge(top, node, OptionSchema.Backing);
        if (error is not null)
        {
            return error;
        }
        Transaction.Begin();
        Transaction.StartRefresh();
        Transaction.AddRefreshRoot(top);
        Append(node, top);
        error = Transaction.Finish(Transaction.RunRefresh());
        if (error is null && !Planted.Is(Bug.SnapshotLeavesBaseReadWrite))
        {
            // BLK-GRAPH-023: a refusal of this second change is not the command's.
            _ = _reopener.MakeReadOnly(node);
        }
        return error;
    }

    /// <summary>block_resize; the size in bytes (BLK-SIZE-001 to -004).</summary>
    public BlockError? TryBlockResize(string nodeName, long sizeBytes)
    {
        BlockNode? node = FindNode(nodeName);
        if (node is null)
        {
            return NoSuchNode(nodeName);
        }
        if (sizeBytes < 0)
        {
            return new BlockError(
                BlockErrorKind.InvalidArgument,
                "Parameter 'size' expects a >0 size"
            );
        }
        if (FindBackingParent(node) is not null)
        {
            return InUse(node, $"Device '{node.Name}' is in use");
        }
        // BLK-SIZE-002: a root for the time of the command.
        BlockBackend root = new(this, null);
        BlockError? error = AttachRoot(root, node, BlockPermissions.Resize, BlockPermissions.All);
        if (error is not null)
        {
            return error;
        }
        // BLK-SIZE-004
        error = IoThread.Await(() => root.Root!.TruncateAsync(sizeBytes));
        if (!Planted.Is(Bug.ResizeRootLeaked))
        {
            DetachRoot(root);
        }
        return error;
    }

    // BLK-GRAPH-022
    private void Append(BlockNode node, BlockNode overlay)
    {
        Opener.LinkProvisionally(overlay, node, OptionSchema.Backing, ChildRoles.Cow);
        // What is below the overlay keeps the old node, or there would be a loop.
        Walk.Start();
        Walk.Add(overlay);
        BlockEdge? edge = node.FirstParent;
        while (edge is not null)
        {
            BlockEdge? next = edge.NextInParents;
            if (Planted.Is(Bug.SnapshotMovesOneParentTooFew) && next is null)
            {
                break;
            }
            if (edge.ParentNode is null || !Walk.Met(edge.ParentNode))
            {
                Transaction.Move(edge, overlay);
                if (edge.ParentNode is not null)
                {
                    // Its rule may give the overlay another share than the old node (BLK-PERM-014).
                    Transaction.Touch(edge.ParentNode);
                    Transaction.AddRefreshRoot(edge.ParentNode);
                }
            }
            edge = next;
        }
    }

    // BLK-GRAPH-012
    private static BlockError? RefuseBacking(BlockNode node) =>
        FindBackingParent(node) is BlockEdge edge
            ? InUse(
                node,
                $"Node '{node.Name}' is busy: node is used as backing hd of "
                    + $"'{edge.ParentNode!.Name}'"
            )
            : null;

    // BLK-GRAPH-021
    private static BlockError? RefuseOverlay(BlockNode overlay)
    {
        overlay.Cumulative(out BlockPermissions perm, out _);
        string? refusal =
            (perm & BlockPermissions.ConsistentRead) != 0 ? "The overlay is already in use"
            : overlay.Driver.Descriptor.IsFilter ? "Filters cannot be used as overlays"
            : overlay.Backing is not null ? "The overlay already has a backing image"
            : !overlay.Driver.Descriptor.SupportsBacking
                ? "The overlay does not support backing images"
            : null;
        return refusal is null ? null : InUse(overlay, refusal);
    }

    private static BlockError InUse(BlockNode node, string text) =>
        new(BlockErrorKind.InUse, text) { NodeName = node.Name };
}
