// Which nodes a reopen concerns, in which order, and with which options.
// Spec: spec/block/reopen.md (BLK-REOPEN-001 to -006, -010).
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>The queue of one reopen: first built from what is said, then merged.</summary>
internal sealed class ReopenQueue
{
    private readonly List<ReopenEntry> _listed = [];
    private readonly List<ReopenEntry> _queue = [];

    /// <summary>The entries in queue order (BLK-REOPEN-010).</summary>
    public List<ReopenEntry> Entries => _queue;

    /// <summary>Forgets everything and frees the nodes' marks.</summary>
    public void Clear()
    {
        foreach (ReopenEntry entry in _listed)
        {
            entry.Node.ReopenEntry = null;
        }
        foreach (ReopenEntry entry in _queue)
        {
            entry.Node.ReopenEntry = null;
        }
        _listed.Clear();
        _queue.Clear();
    }

    /// <summary>Takes an element of the command's list (BLK-REOPEN-001, BLK-REOPEN-002).</summary>
    public BlockError? AddListed(BlockGraph graph, NodeDefinition definition)
    {
        string? name = definition.Options.NodeName;
        if (name is null)
        {
            return new BlockError(BlockErrorKind.InvalidArgument, "node-name not specified");
        }
        BlockNode? node = graph.FindNode(name);
        if (node is null)
        {
            return new BlockError(
                BlockErrorKind.NotFound,
                $"Failed to find node with node-name='{name}'"
            )
            {
                NodeName = name,
            };
        }
        if (node.ReopenEntry is not null)
        {
            return Twice(node);
        }
        Add(new ReopenEntry(node, definition, keepsOldOptions: false) { IsListed = true });
        return null;
    }

    /// <summary>Takes the one node of an internal reopen, which keeps its other options.</summary>
    public void AddKept(BlockNode node, NodeDefinition definition) =>
        Add(new ReopenEntry(node, definition, keepsOldOptions: true) { IsListed = true });

    /// <summary>
    /// Queues the listed nodes and the children they keep, then merges all options. The merge goes
    /// from parents to children whatever the order of the list (BLK-REOPEN-005).
    /// </summary>
    public BlockError? Build()
    {
        if (Planted.Is(Bug.ReopenListReversed))
        {
            _listed.Reverse();
        }
        foreach (ReopenEntry entry in _listed)
        {
            BlockError? error = Queue(entry);
            if (error is not null)
            {
                return error;
            }
        }
        foreach (ReopenEntry entry in _queue)
        {
            Merge(entry);
        }
        return null;
    }

    private void Add(ReopenEntry entry)
    {
        entry.Node.ReopenEntry = entry;
        _listed.Add(entry);
    }

    // Recursion follows inherits_from, which only inline opens make: at most
    // OptionParser.MaximumNesting plus two for each image of a header chain
    // (NodeOpener.MaximumHeaderChain).
    private BlockError? Queue(ReopenEntry entry)
    {
        if (entry.IsQueued)
        {
            return null;
        }
        entry.IsQueued = true;
        _queue.Add(entry);
        BlockNode node = entry.Node;
        for (BlockEdge? edge = node.FirstChild; edge is not null; edge = edge.NextInChildren)
        {
            if (ReferenceEquals(edge.ChildNode.InheritsFrom, node))
            {
                BlockError? error = QueueChild(entry, edge);
                if (error is not null)
                {
                    return error;
                }
            }
        }
        return null;
    }

    // BLK-REOPEN-004. Usually one edge leads to the child; if there are more they are judged
    // together, when the first that keeps the child is met.
    private BlockError? QueueChild(ReopenEntry parent, BlockEdge first)
    {
        BlockNode child = first.ChildNode;
        if (!Keeps(parent, first, out _) || IsBehindAnotherKeeper(parent, first))
        {
            return null;
        }
        NodeDefinition? inline = null;
        bool isReferenced = false;
        ChildRoles roles = first.Roles;
        for (BlockEdge? edge = first; edge is not null; edge = edge.NextInChildren)
        {
            if (
                !ReferenceEquals(edge.ChildNode, child)
                || !Keeps(parent, edge, out ChildDefinition said)
            )
            {
                continue;
            }
            roles = edge.Roles;
            isReferenced |= said.Reference is not null;
            if (said.Inline is not null)
            {
                if (inline is not null)
                {
                    return Twice(child);
                }
                inline = said.Inline;
                parent.HandedOn ??= [];
                parent.HandedOn.Add(inline);
            }
        }
        ReopenEntry? entry = child.ReopenEntry;
        if (entry is null)
        {
            bool keepsOld = inline is null && (isReferenced || parent.KeepsOldOptions);
            entry = new ReopenEntry(child, inline ?? NodeDefinition.Nothing, keepsOld);
            child.ReopenEntry = entry;
        }
        else if (inline is not null)
        {
            return Twice(child);
        }
        if (!Planted.Is(Bug.ReopenedChildInheritsNothing))
        {
            entry.InheritsFrom = parent;
            entry.InheritedRoles = roles;
        }
        return Queue(entry);
    }

    private static bool IsBehindAnotherKeeper(ReopenEntry parent, BlockEdge edge)
    {
        for (
            BlockEdge? earlier = edge.PreviousInChildren;
            earlier is not null;
            earlier = earlier.PreviousInChildren
        )
        {
            if (ReferenceEquals(earlier.ChildNode, edge.ChildNode) && Keeps(parent, earlier, out _))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>
    /// Whether the parent's options keep the child behind the edge, and what they say.
    /// </summary>
    private static bool Keeps(ReopenEntry parent, BlockEdge edge, out ChildDefinition said)
    {
        if (!parent.Definition.TryFindChild(edge.Name, out said))
        {
            return true;
        }
        return said.Inline is not null || string.Equals(said.Reference, edge.ChildNode.Name);
    }

    // BLK-REOPEN-003, BLK-REOPEN-006
    private static void Merge(ReopenEntry entry)
    {
        if (entry.IsMerged)
        {
            return;
        }
        entry.IsMerged = true;
        BlockNode node = entry.Node;
        OptionSet options = entry.Definition.Options;
        if (entry.KeepsOldOptions && !Planted.Is(Bug.KeptChildForgetsExplicitOptions))
        {
            options = options.Over(node.Explicit);
        }
        entry.Explicit = options;
        if (entry.InheritsFrom is not null)
        {
            Merge(entry.InheritsFrom);
            options = entry.InheritsFrom.Effective.Inherited(options, entry.InheritedRoles);
        }
        if (entry.KeepsOldOptions)
        {
            options = options.Over(node.Effective);
        }
        entry.Effective = options;
        entry.Writable = !options.IsOn(CommonFlags.ReadOnly);
        entry.AutoReadOnly = options.IsOn(CommonFlags.AutoReadOnly);
        if (Planted.Is(Bug.AutoReadOnlySticky))
        {
            entry.AutoReadOnly |= node.AutoReadOnly;
        }
    }

    private static BlockError Twice(BlockNode node) =>
        new(
            BlockErrorKind.InvalidArgument,
            $"Node '{node.Name}' appears more than once in the reopen list"
        )
        {
            NodeName = node.Name,
        };
}
