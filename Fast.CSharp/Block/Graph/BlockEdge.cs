// An edge from a parent (a node or a backend) to a child node. Spec: spec/block/permissions.md, graph.md.
using System.Diagnostics.CodeAnalysis;

namespace Ashlar.Block;

/// <summary>
/// An edge: who uses which node as what, with which permissions. It stands in two ordered lists, the parent's
/// children and the child's parents; new edges go to the head of both (BLK-GRAPH-006).
/// </summary>
public sealed partial class BlockEdge
{
    // The lists are intrusive, so that taking an edge out and putting it back at the very same place is
    // O(1) and allocates nothing (BLK-GRAPH-007).
    internal BlockEdge? NextInChildren { get; set; }
    internal BlockEdge? PreviousInChildren { get; set; }
    internal BlockEdge? NextInParents { get; set; }
    internal BlockEdge? PreviousInParents { get; set; }
    internal BlockNode? ChildNode { get; set; }
    internal BlockPermissions Perm { get; set; }
    internal BlockPermissions SharedPerm { get; set; }

    internal BlockEdge(
        BlockNode? parentNode,
        BlockBackend? parentBackend,
        string name,
        ChildRoles roles
    )
    {
        ParentNode = parentNode;
        ParentBackend = parentBackend;
        Name = name;
        Roles = roles;
    }

    /// <summary>The parent, when it is a node.</summary>
    public BlockNode? ParentNode { get; }

    /// <summary>The parent, when it is a backend (a user, an export, a command in flight).</summary>
    public BlockBackend? ParentBackend { get; }

    /// <summary>The child's name within its parent: file, backing, image, children.N, root.</summary>
    public string Name { get; }

    /// <summary>What the child means to the parent; never changes (BLK-PERM-020).</summary>
    public ChildRoles Roles { get; }

    /// <summary>The child node.</summary>
    public BlockNode Child => ChildNode!;

    /// <summary>What the parent may do.</summary>
    public BlockPermissions Permissions => Perm;

    /// <summary>What the parent lets others do.</summary>
    public BlockPermissions Shared => SharedPerm;

    /// <summary>True while a job or command forbids changing this link; no command of now does.</summary>
    public bool IsFrozen { get; internal set; }

    /// <summary>The next edge in the parent's children list.</summary>
    public BlockEdge? NextChildEdge => NextInChildren;

    /// <summary>The next edge in the child's parents list.</summary>
    public BlockEdge? NextParentEdge => NextInParents;

    /// <summary>True when the parent is a node.</summary>
    [MemberNotNullWhen(true, nameof(ParentNode))]
    internal bool IsFromNode => ParentNode is not null;
}
