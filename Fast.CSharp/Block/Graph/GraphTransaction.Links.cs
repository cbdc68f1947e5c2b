// The changes a transaction can make to links, ownership and registration, each with its undo.
namespace Ashlar.Block;

internal sealed partial class GraphTransaction
{
    /// <summary>Sets an edge's pair; marks the child for the next refresh.</summary>
    public void SetPermissions(BlockEdge edge, BlockPermissions perm, BlockPermissions shared)
    {
        ref Record record = ref Append();
        record.Step = Step.Permissions;
        record.Subject = edge;
        record.OldPerm = (byte)edge.Perm;
        record.OldShared = (byte)edge.SharedPerm;
        edge.Perm = perm;
        edge.SharedPerm = shared;
        Touch(edge.ChildNode);
    }

    /// <summary>Links a new edge at the head of both lists (BLK-GRAPH-006).</summary>
    public void Link(BlockEdge edge)
    {
        if (edge.ParentNode is BlockNode parent)
        {
            BlockEdge? behind = null;
            if (Planted.Is(Bug.NewEdgeAtTail))
            {
                behind = parent.FirstChild;
                while (behind?.NextInChildren is not null)
                {
                    behind = behind.NextInChildren;
                }
            }
            edge.InsertInChildren(behind);
            SetSlot(parent, edge);
        }
        else
        {
            edge.ParentBackend!.Root = edge;
        }
        edge.InsertInParents(null);
        Note(Step.Linked, edge);
        Touch(edge.ChildNode);
    }

    /// <summary>
    /// Takes an edge out of both lists; the child is marked for the next refresh.
    /// </summary>
    public void Unlink(BlockEdge edge)
    {
        if (edge.ParentNode is BlockNode parent)
        {
            Note(Step.UnlinkedFromChildren, edge, edge.PreviousInChildren);
            edge.RemoveFromChildren();
            ClearSlot(parent, edge);
        }
        else
        {
            Note(Step.UnlinkedFromChildren, edge);
            edge.ParentBackend!.Root = null;
        }
        Note(Step.UnlinkedFromParents, edge, edge.PreviousInParents);
        edge.RemoveFromParents();
        if (!Planted.Is(Bug.DetachDoesNotRefresh) || edge.ParentBackend is null)
        {
            Touch(edge.ChildNode);
        }
    }

    /// <summary>
    /// Moves an edge to another child: to the head of its parents list, and to the head of the
    /// parent's children list too (BLK-GRAPH-022).
    /// </summary>
    public void Move(BlockEdge edge, BlockNode newChild)
    {
        BlockNode oldChild = edge.ChildNode;
        Unlink(edge);
        Note(Step.Repointed, edge, oldChild);
        edge.ChildNode = newChild;
        Link(edge);
    }

    /// <summary>Changes whom a node inherits from (BLK-GRAPH-005).</summary>
    public void SetInheritsFrom(BlockNode node, BlockNode? parent)
    {
        Note(Step.InheritsFrom, node, node.InheritsFrom);
        node.InheritsFrom = parent;
    }

    /// <summary>Gives the monitor's reference to a node, or takes it (BLK-GRAPH-004).</summary>
    public void SetMonitorOwned(BlockNode node, bool isOwned)
    {
        Note(Step.MonitorOwned, node, null, node.IsMonitorOwned ? 1 : 0);
        node.IsMonitorOwned = isOwned;
    }

    /// <summary>Makes a named node part of the graph.</summary>
    public void Add(BlockNode node)
    {
        _graph.Register(node);
        Note(Step.NodeAdded, node);
    }

    /// <summary>Takes a node out of the graph; its edges are gone already.</summary>
    public void Remove(BlockNode node) =>
        Note(Step.NodeRemoved, node, null, _graph.Unregister(node));

    /// <summary>Makes a backend part of the graph.</summary>
    public void Add(BlockBackend backend)
    {
        _graph.Register(backend);
        Note(Step.BackendAdded, backend);
    }

    /// <summary>Takes a backend out of the graph; its root edge is gone already.</summary>
    public void Remove(BlockBackend backend) =>
        Note(Step.BackendRemoved, backend, null, _graph.Unregister(backend));

    private static void UndoLink(BlockEdge edge)
    {
        if (Planted.Is(Bug.LinkNotUndone))
        {
            return;
        }
        if (edge.ParentNode is BlockNode parent)
        {
            edge.RemoveFromChildren();
            ClearSlot(parent, edge);
        }
        else
        {
            edge.ParentBackend!.Root = null;
        }
        edge.RemoveFromParents();
    }

    private static void UndoUnlinkFromChildren(BlockEdge edge, BlockEdge? behind)
    {
        if (edge.ParentNode is BlockNode parent)
        {
            edge.InsertInChildren(Planted.Is(Bug.ChildrenOrderNotRestored) ? null : behind);
            SetSlot(parent, edge);
        }
        else
        {
            edge.ParentBackend!.Root = edge;
        }
    }

    private static void UndoUnlinkFromParents(BlockEdge edge, BlockEdge? behind) =>
        edge.InsertInParents(Planted.Is(Bug.ParentsOrderNotRestored) ? null : behind);

    private static void SetSlot(BlockNode parent, BlockEdge edge)
    {
        if ((edge.Roles & ChildRoles.Cow) != 0)
        {
            parent.Backing = edge;
        }
        else if ((edge.Roles & ChildRoles.Primary) != 0)
        {
            parent.File = edge;
        }
    }

    private static void ClearSlot(BlockNode parent, BlockEdge edge)
    {
        if (ReferenceEquals(parent.Backing, edge))
        {
            parent.Backing = null;
        }
        else if (ReferenceEquals(parent.File, edge))
        {
            parent.File = null;
        }
    }
}
