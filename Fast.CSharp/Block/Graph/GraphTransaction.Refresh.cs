// The permission refresh: a walk that orders the reachable nodes parents first, then one pass over those
// that something changed for. Iterative, linear in the subtree, without allocation in the steady state.
// Spec: spec/block/permissions.md (BLK-PERM-002 to -007, -030 to -034).
using System;
using System.Diagnostics;

namespace Ashlar.Block;

internal sealed partial class GraphTransaction
{
    private BlockNode[] _order = new BlockNode[32];
    private BlockNode[] _stack = new BlockNode[32];
    private BlockEdge?[] _next = new BlockEdge?[32];
    private int _orderCount;
    private long _walk;

    /// <summary>
    /// Refreshes the subtree of one root (BLK-PERM-030). Null, or the first refusal; after a refusal the
    /// transaction must be aborted (BLK-PERM-032).
    /// </summary>
    public BlockError? Refresh(BlockNode root)
    {
        StartRefresh();
        AddRefreshRoot(root);
        return RunRefresh();
    }

    /// <summary>A refresh of several roots: start, add each in its order, run.</summary>
    public void StartRefresh()
    {
        _orderCount = 0;
        _walk = ++_graph.WalkCounter;
    }

    /// <summary>
    /// Adds a root: depth first, children in list order, a node is left after its children. Read
    /// backwards, the order of leaving has parents before children (BLK-PERM-030).
    /// </summary>
    public void AddRefreshRoot(BlockNode root)
    {
        if (root.VisitedIn == _walk)
        {
            return;
        }
        root.VisitedIn = _walk;
        int depth = 0;
        _stack[0] = root;
        _next[0] = root.FirstChild;
        while (depth >= 0)
        {
            BlockEdge? edge = _next[depth];
            if (edge is null)
            {
                Leave(_stack[depth--]);
                continue;
            }
            _next[depth] = edge.NextInChildren;
            BlockNode child = edge.ChildNode;
            if (child.VisitedIn == _walk)
            {
                continue;
            }
            child.VisitedIn = _walk;
            if (++depth == _stack.Length)
            {
                Array.Resize(ref _stack, depth * 2);
                Array.Resize(ref _next, depth * 2);
            }
            _stack[depth] = child;
            _next[depth] = child.FirstChild;
        }
    }

    /// <summary>Tests and recomputes in order; the first refusal ends it (BLK-PERM-031).</summary>
    public BlockError? RunRefresh()
    {
        BlockError? error = null;
        for (int index = _orderCount - 1; index >= 0 && error is null; index--)
        {
            BlockNode node = _order[index];
            if (node.TouchedIn == Serial)
            {
                // What nobody touched satisfies every test already (BLK-PERM-033), so it is passed over.
                node.TouchedIn = 0;
                error = RefreshNode(node);
            }
            if (Planted.Is(Bug.RefreshStopsAfterFirstNode) && index < _orderCount - 1)
            {
                break;
            }
        }
        Array.Clear(_order, 0, _orderCount);
        return error;
    }

    /// <summary>A refresh that only lowers perm or raises shared: it cannot fail (BLK-PERM-034).</summary>
    public void RunLooseningRefresh()
    {
        BlockError? error = RunRefresh();
        if (error is not null)
        {
            throw new InvalidOperationException("A loosening was refused: " + error.Text);
        }
    }

    /// <summary>The nodes walked since <see cref="StartRefresh"/>, children before parents.</summary>
    public ReadOnlySpan<BlockNode> TakeOrder() => _order.AsSpan(0, _orderCount);

    /// <summary>The end of a graph: every node walked is written back, then closed.</summary>
    public void CloseAllInOrder()
    {
        for (int index = _orderCount - 1; index >= 0; index--)
        {
            _ = _order[index].Driver.WriteBack();
        }
        for (int index = _orderCount - 1; index >= 0; index--)
        {
            _order[index].Driver.Close();
        }
        Array.Clear(_order, 0, _orderCount);
    }

    private void Leave(BlockNode node)
    {
        if (_orderCount == _order.Length)
        {
            Array.Resize(ref _order, _orderCount * 2);
        }
        _order[_orderCount++] = node;
    }

    private BlockError? RefreshNode(BlockNode node)
    {
        node.Cumulative(out BlockPermissions perm, out BlockPermissions shared);
        // BLK-PERM-003: with one parent there is no pair; else count before looking for the pair.
        BlockEdge? first = node.FirstParent;
        if (first?.NextInParents is not null && HasConflict(first, perm & ~shared))
        {
            BlockError? conflict = FindConflict(node);
            if (conflict is not null)
            {
                return conflict;
            }
        }
        BlockError? error =
            RefuseWriterOnReadOnly(node, perm) ?? node.Driver.CheckPermissions(this, perm, shared);
        if (error is not null)
        {
            return error;
        }
        for (BlockEdge? edge = node.FirstChild; edge is not null; edge = edge.NextInChildren)
        {
            node.Driver.ChildPermissions(
                edge.Roles,
                perm,
                shared,
                out BlockPermissions childPerm,
                out BlockPermissions childShared
            );
            // BLK-PERM-014
            if (edge.ChildNode.ForceShare && !Planted.Is(Bug.ForceShareIgnored))
            {
                childShared = BlockPermissions.All;
            }
            if (childPerm != edge.Perm || childShared != edge.SharedPerm)
            {
                SetPermissions(edge, childPerm, childShared);
            }
        }
        return null;
    }

    /// <summary>
    /// Whether some user needs what another does not share. A permission is disputed when someone needs
    /// it and someone does not share it; only if that is one and the same user there is peace.
    /// </summary>
    private static bool HasConflict(BlockEdge first, BlockPermissions disputed)
    {
        for (int bit = 1; bit <= (int)BlockPermissions.Resize; bit <<= 1)
        {
            BlockPermissions permission = (BlockPermissions)bit;
            if ((disputed & permission) == 0)
            {
                continue;
            }
            BlockEdge? needs = null;
            BlockEdge? keeps = null;
            for (BlockEdge? edge = first; edge is not null; edge = edge.NextInParents)
            {
                bool isNeeded = (edge.Perm & permission) != 0;
                bool isKept = (edge.SharedPerm & permission) == 0;
                if (
                    (isNeeded && keeps is not null && !ReferenceEquals(keeps, edge))
                    || (isKept && needs is not null && !ReferenceEquals(needs, edge))
                )
                {
                    return true;
                }
                needs = isNeeded ? edge : needs;
                keeps = isKept ? edge : keeps;
            }
        }
        return false;
    }

    /// <summary>The first conflicting pair: a over the list, then b over it (BLK-PERM-004).</summary>
    private static BlockError? FindConflict(BlockNode node)
    {
        for (BlockEdge? a = node.FirstParent; a is not null; a = a.NextInParents)
        {
            BlockEdge? b = Planted.Is(Bug.ConflictTestOneSided) ? a : node.FirstParent;
            for (; b is not null; b = b.NextInParents)
            {
                BlockPermissions missing = b.Perm & ~a.SharedPerm;
                if (missing != 0 && !ReferenceEquals(a, b))
                {
                    return new BlockError(
                        BlockErrorKind.Permission,
                        $"Permission conflict on node '{node.Name}': permissions '"
                            + $"{BlockPermissionNames.Join(missing)}' are both required by "
                            + $"{b.DescribeParent()} (uses node '{node.Name}' as '{b.Name}' child) "
                            + $"and unshared by {a.DescribeParent()} (uses node '{node.Name}' as "
                            + $"'{a.Name}' child)."
                    )
                    {
                        NodeName = node.Name,
                    };
                }
            }
        }
        Debug.Assert(PlantedBuild.IsPresent, "The counting test saw a conflict, the pairs do not.");
        return null;
    }

    /// <summary>BLK-PERM-006, BLK-PERM-007.</summary>
    private static BlockError? RefuseWriterOnReadOnly(BlockNode node, BlockPermissions perm)
    {
        BlockPermissions writing =
            BlockPermissions.Write | BlockPermissions.WriteUnchanged | BlockPermissions.Resize;
        if (Planted.Is(Bug.ResizeAllowedOnReadOnly))
        {
            writing &= ~BlockPermissions.Resize;
        }
        if (Planted.Is(Bug.WriteUnchangedAllowedOnReadOnly))
        {
            writing &= ~BlockPermissions.WriteUnchanged;
        }
        bool isWritable = Planted.Is(Bug.ReadOnlyTestUsesOldFlags)
            ? node.Writable
            : node.WritableAfter;
        if ((perm & writing) == 0 || isWritable)
        {
            return null;
        }
        string text = node.Writable
            ? $"Read-only block node '{node.Name}' cannot support read-write users"
            : "Block node is read-only";
        return new BlockError(BlockErrorKind.ReadOnly, text) { NodeName = node.Name };
    }
}
