// An edge from a parent (a node or a backend) to a child node. Spec: spec/block/permissions.md,
// graph.md.
namespace Ashlar.Block;

/// <summary>
/// An edge: who uses which node as what, with which permissions. It stands in two ordered lists,
/// the parent's children and the child's parents; new edges go to the head of both (BLK-GRAPH-006).
/// </summary>
public sealed partial class BlockEdge
{
    internal BlockEdge(
        BlockNode? parentNode,
        BlockBackend? parentBackend,
        BlockNode child,
        string name,
        ChildRoles roles
    )
    {
        ParentNode = parentNode;
        ParentBackend = parentBackend;
        ChildNode = child;
        Name = name;
        Roles = roles;
    }

    /// <summary>The parent, when it is a node.</summary>
    public BlockNode? ParentNode { get; }

    /// <summary>
    /// The parent, when it is a backend (a user, an export, a command in flight).
    /// </summary>
    public BlockBackend? ParentBackend { get; }

    /// <summary>The name within the parent: file, backing, image, children.N, root.</summary>
    public string Name { get; }

    /// <summary>What the child means to the parent; never changes (BLK-PERM-020).</summary>
    public ChildRoles Roles { get; }

    /// <summary>The child node.</summary>
    public BlockNode Child => ChildNode;

    /// <summary>What the parent may do.</summary>
    public BlockPermissions Permissions => Perm;

    /// <summary>What the parent lets others do.</summary>
    public BlockPermissions Shared => SharedPerm;

    /// <summary>The next edge in the parent's children list.</summary>
    public BlockEdge? NextChildEdge => NextInChildren;

    /// <summary>The next edge in the child's parents list.</summary>
    public BlockEdge? NextParentEdge => NextInParents;

    // The lists are intrusive, so that taking an edge out and putting it back at the very same
    // place is O(1) and allocates nothing (BLK-GRAPH-007).
    internal BlockEdge? NextInChildren { get; set; }

    internal BlockEdge? PreviousInChildren { get; set; }

    internal BlockEdge? NextInParents { get; set; }

    internal BlockEdge? PreviousInParents { get; set; }

    internal BlockNode ChildNode { get; set; }

    internal BlockPermissions Perm { get; set; }

    internal BlockPermissions SharedPerm { get; set; }

    /// <summary>
    /// Puts the edge into its parent's children list, behind an edge or at the head.
    /// </summary>
    internal void InsertInChildren(BlockEdge? behind)
    {
        BlockNode parent = ParentNode!;
        BlockEdge? next = behind is null ? parent.FirstChild : behind.NextInChildren;
        PreviousInChildren = behind;
        NextInChildren = next;
        if (next is not null)
        {
            next.PreviousInChildren = this;
        }
        if (behind is null)
        {
            parent.FirstChild = this;
        }
        else
        {
            behind.NextInChildren = this;
        }
    }

    /// <summary>Takes the edge out of its parent's children list.</summary>
    internal void RemoveFromChildren()
    {
        if (NextInChildren is not null)
        {
            NextInChildren.PreviousInChildren = PreviousInChildren;
        }
        if (PreviousInChildren is null)
        {
            ParentNode!.FirstChild = NextInChildren;
        }
        else
        {
            PreviousInChildren.NextInChildren = NextInChildren;
        }
        NextInChildren = null;
        PreviousInChildren = null;
    }

    /// <summary>
    /// Puts the edge into its child's parents list, behind an edge or at the head.
    /// </summary>
    internal void InsertInParents(BlockEdge? behind)
    {
        BlockEdge? next = behind is null ? ChildNode.FirstParent : behind.NextInParents;
        PreviousInParents = behind;
        NextInParents = next;
        if (next is not null)
        {
            next.PreviousInParents = this;
        }
        if (behind is null)
        {
            ChildNode.FirstParent = this;
        }
        else
        {
            behind.NextInParents = this;
        }
    }

    /// <summary>Takes the edge out of its child's parents list.</summary>
    internal void RemoveFromParents()
    {
        if (NextInParents is not null)
        {
            NextInParents.PreviousInParents = PreviousInParents;
        }
        if (PreviousInParents is null)
        {
            ChildNode.FirstParent = NextInParents;
        }
        else
        {
            PreviousInParents.NextInParents = NextInParents;
        }
        NextInParents = null;
        PreviousInParents = null;
    }

    /// <summary>How texts name the party that holds this edge (BLK-PERM-005).</summary>
    internal string DescribeParent()
    {
        if (ParentNode is not null)
        {
            return $"node '{ParentNode.Name}'";
        }
        string? name = ParentBackend!.Name;
        return name is null ? "an unnamed block device" : $"block device '{name}'";
    }
}
