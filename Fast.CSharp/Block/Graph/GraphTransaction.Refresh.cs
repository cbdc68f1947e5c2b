// The permission refresh: nodes for which something changed are tested, parents first, and hand
// changes on to their children. Iterative, at most linear in the subtree, without allocation in the
// steady state. Spec: spec/block/permissions.md (BLK-PERM-002 to -007, -030 to -034).
using System;
using System.Diagnostics;

namespace Ashlar.Block;

internal sealed partial class GraphTransaction
{
    private BlockNode[] _roots = new BlockNode[8];
    private BlockNode[] _touched = new BlockNode[16];
    private int _rootCount;
    private int _touchedCount;

    /// <summary>Marks a node: the next refresh tests it (its users or flags changed).</summary>
    public void Touch(BlockNode node)
    {
        if (node.TouchedIn == Serial)
        {
            return;
        }
        node.TouchedIn = Serial;
        if (_touchedCount == _touched.Length)
        {
            Array.Resize(ref _touched, _touchedCount * 2);
        }
        _touched[_touchedCount++] = node;
    }

    /// <summary>
    /// Refreshes the subtree of one root (BLK-PERM-030). Null, or the first refusal; after a
    /// refusal the transaction must be aborted (BLK-PERM-032).
    /// </summary>
    public BlockError? Refresh(BlockNode root)
    {
        StartRefresh();
        AddRefreshRoot(root);
        return RunRefresh();
    }

    /// <summary>A refresh of several roots: start, add each in its order, run.</summary>
    public void StartRefresh() => _rootCount = 0;

    /// <summary>Adds a root; every node touched before must be below some root.</summary>
    public void AddRefreshRoot(BlockNode root)
    {
        if (_rootCount == _roots.Length)
        {
            Array.Resize(ref _roots, _rootCount * 2);
        }
        _roots[_rootCount++] = root;
    }

    /// <summary>
    /// Tests and recomputes in the order of BLK-PERM-030; the first refusal ends it (BLK-PERM-031).
    /// What nobody touched satisfies every test already (BLK-PERM-033), so only touched nodes are
    /// visited, and the order among nodes matters only once two of them wait at a time.
    /// </summary>
    public BlockError? RunRefresh()
    {
        BlockError? error = null;
        int visited = 0;
        while (_touchedCount == 1 && error is null)
        {
            BlockNode node = _touched[0];
            _touchedCount = 0;
            node.TouchedIn = 0;
            error = RefreshNode(node);
            if (Planted.Is(Bug.RefreshStopsAfterTwoNodes) && ++visited == 2)
            {
                _touchedCount = 0;
            }
        }
        if (_touchedCount > 1)
        {
            error = RefreshInOrder();
        }
        Array.Clear(_roots, 0, _rootCount);
        ForgetTouched(error is not null);
        return error;
    }

    /// <summary>
    /// A refresh that only lowers perm or raises shared: it cannot fail (BLK-PERM-034).
    /// </summary>
    public void RunLooseningRefresh()
    {
        BlockError? error = RunRefresh();
        if (error is not null)
        {
            throw new InvalidOperationException("A loosening was refused: " + error.Text);
        }
    }

    private BlockError? RefreshInOrder()
    {
        GraphWalk walk = _graph.Walk;
        walk.Start();
        for (int index = 0; index < _rootCount; index++)
        {
            walk.Add(_roots[index]);
        }
        ReadOnlySpan<BlockNode> left = walk.Left;
        int visited = 0;
        for (int index = left.Length - 1; index >= 0; index--)
        {
            BlockNode node = left[index];
            if (node.TouchedIn != Serial)
            {
                continue;
            }
            node.TouchedIn = 0;
            BlockError? error = RefreshNode(node);
            if (error is not null)
            {
                return error;
            }
            if (Planted.Is(Bug.RefreshStopsAfterTwoNodes) && ++visited == 2)
            {
                break;
            }
        }
        return null;
    }

    private void ForgetTouched(bool isRefused)
    {
        for (int index = 0; index < _touchedCount; index++)
        {
            Debug.Assert(
                PlantedBuild.IsPresent || isRefused || _touched[index].TouchedIn != Serial,
                "A touched node was below no root of the refresh."
            );
            _touched[index].TouchedIn = 0;
        }
        Array.Clear(_touched, 0, _touchedCount);
        _touchedCount = 0;
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
    /// Whether some user needs what another does not share. A permission is disputed when someone
    /// needs it and someone does not share it; only if that is one and the same user there is
    /// peace.
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

    /// <summary>
    /// The first conflicting pair: a over the list, then b over it (BLK-PERM-004).
    /// </summary>
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
