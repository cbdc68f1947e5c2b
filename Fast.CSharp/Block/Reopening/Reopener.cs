// The reopen of many nodes as one change: prepare each, one refresh, one commit.
// Spec: spec/block/reopen.md (BLK-REOPEN-010 to -024).
using System;
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>Runs reopens of one graph, one at a time.</summary>
internal sealed class Reopener
{
    private static readonly string[] ElementNames = MakeElementNames(16);

    private readonly BlockGraph _graph;
    private readonly ReopenQueue _queue = new();

    public Reopener(BlockGraph graph)
    {
        _graph = graph;
    }

    private GraphTransaction Transaction => _graph.Transaction;

    /// <summary>blockdev-reopen with its list.</summary>
    public BlockError? Run(ReadOnlySpan<OptionValue> nodes)
    {
        NodeDefinition[] definitions = new NodeDefinition[nodes.Length];
        for (int index = 0; index < nodes.Length; index++)
        {
            BlockError? error = _graph.Parser.Parse(
                nodes[index],
                index < ElementNames.Length ? ElementNames[index] : $"options[{index}]",
                out NodeDefinition? definition
            );
            if (error is not null)
            {
                return error;
            }
            definitions[index] = definition!;
        }
        try
        {
            foreach (NodeDefinition definition in definitions)
            {
                BlockError? error = _queue.AddListed(_graph, definition);
                if (error is not null)
                {
                    return error;
                }
            }
            return RunQueue();
        }
        finally
        {
            _queue.Clear();
        }
    }

    /// <summary>
    /// Makes a node read-only and keeps its other options, its inheriting children with it
    /// (BLK-GRAPH-023).
    /// </summary>
    public BlockError? MakeReadOnly(BlockNode node)
    {
        OptionSet options = OptionSet.Empty;
        options.Given = CommonFlags.ReadOnly;
        options.On = CommonFlags.ReadOnly;
        try
        {
            _queue.AddKept(node, new NodeDefinition(options, []));
            return RunQueue();
        }
        finally
        {
            _queue.Clear();
        }
    }

    private BlockError? RunQueue()
    {
        BlockError? error = _queue.Build() ?? WriteBack();
        if (error is not null)
        {
            return error;
        }
        Transaction.Begin();
        RememberLengths();
        error = PrepareAll() ?? Refresh() ?? PrepareNewFiles();
        if (error is not null)
        {
            Transaction.Abort();
            foreach (ReopenEntry entry in _queue.Entries)
            {
                if (entry.IsDriverPrepared)
                {
                    entry.Node.Driver.AbortReopen(entry);
                }
            }
            return error;
        }
        Commit();
        return null;
    }

    // What nodes hold back goes out while they may still write it.
    private BlockError? WriteBack()
    {
        foreach (ReopenEntry entry in _queue.Entries)
        {
            BlockError? error = entry.Node.Driver.WriteBack();
            if (error is not null)
            {
                return error.WithPrefix("Error flushing drive: ");
            }
        }
        return null;
    }

    // BLK-OPEN-010: links are replaced one after the other, so lengths are looked at before the
    // first is.
    private void RememberLengths()
    {
        foreach (ReopenEntry entry in _queue.Entries)
        {
            if (entry.Node.Driver is RawDriver && entry.Effective.Own.Length != 0)
            {
                entry.FileLengthBefore = entry.Node.File!.ChildNode.LengthBytes;
            }
        }
    }

    private BlockError? PrepareAll()
    {
        foreach (ReopenEntry entry in _queue.Entries)
        {
            BlockError? error = Prepare(entry);
            if (error is not null)
            {
                return error;
            }
        }
        return null;
    }

    // The order of BLK-REOPEN-010: 018, 011 to 017.
    private BlockError? Prepare(ReopenEntry entry)
    {
        BlockNode node = entry.Node;
        BlockDriver driver = node.Driver;
        BlockError? error = NodeOpener.TestDetectZeroes(entry.Effective);
        if (error is not null)
        {
            return error;
        }
        if (!driver.Descriptor.SupportsReopen)
        {
            return new BlockError(
                BlockErrorKind.NotSupported,
                $"Block format '{node.DriverName}' used by node '{node.Name}' does not support "
                    + "reopening files"
            )
            {
                NodeName = node.Name,
            };
        }
        error = OptionChanges.FindReset(node, entry.Effective);
        if (error is not null)
        {
            return error;
        }
        // Also after its own refusal a driver gives back what it acquired.
        entry.IsDriverPrepared = true;
        return driver.PrepareReopen(entry)
            ?? RefuseMissingBacking(entry)
            ?? ChangeBacking(entry)
            ?? ChangeFile(entry)
            ?? OptionChanges.FindChange(entry);
    }

    // BLK-REOPEN-014
    private static BlockError? RefuseMissingBacking(ReopenEntry entry)
    {
        BlockNode node = entry.Node;
        bool isMissing =
            node.Driver.Descriptor.SupportsBacking
            && !entry.KeepsOldOptions
            && (node.Backing is not null || node.Driver.HeaderBackingFile is not null)
            && !entry.Definition.TryFindChild(OptionSchema.Backing, out _);
        return isMissing && !Planted.Is(Bug.MissingBackingAccepted)
            ? new BlockError(
                BlockErrorKind.InvalidArgument,
                $"backing is missing for '{node.Name}'"
            )
            {
                NodeName = node.Name,
            }
            : null;
    }

    private BlockError? ChangeBacking(ReopenEntry entry)
    {
        if (
            !entry.Definition.TryFindChild(OptionSchema.Backing, out ChildDefinition said)
            || said.Inline is not null
        )
        {
            return null;
        }
        BlockEdge? present = entry.Node.Backing;
        BlockError? error = ChangeLink(entry, said, present, ChildRoles.Cow, out bool isChanged);
        entry.ReplacedBacking = isChanged ? present?.ChildNode : null;
        return error;
    }

    private BlockError? ChangeFile(ReopenEntry entry)
    {
        BlockEdge? present = entry.Node.File;
        if (
            !entry.Definition.TryFindChild(OptionSchema.File, out ChildDefinition said)
            || said.Inline is not null
        )
        {
            return null;
        }
        ChildRoles roles = present?.Roles ?? ChildRoles.None;
        BlockError? error = ChangeLink(entry, said, present, roles, out bool isChanged);
        entry.ReplacedFile = isChanged ? present?.ChildNode : null;
        return error;
    }

    // BLK-REOPEN-015
    private BlockError? ChangeLink(
        ReopenEntry entry,
        in ChildDefinition said,
        BlockEdge? present,
        ChildRoles roles,
        out bool isChanged
    )
    {
        isChanged = false;
        BlockNode node = entry.Node;
        BlockNode? child = null;
        if (said.Reference is not null)
        {
            child = _graph.FindNode(said.Reference);
            if (child is null)
            {
                return BlockGraph.NoSuchNode(said.Reference);
            }
        }
        // The present child is below the node and so never above it. It is asked for before the
        // cycle, whose walk would make a reopen of all nodes of a chain quadratic.
        if (ReferenceEquals(present?.ChildNode, child))
        {
            return null;
        }
        if (child is not null)
        {
            BlockError? error = _graph.Walk.Reaches(child, node)
                ? GraphWalk.Cycle(child.Name, said.Name, node)
                : RefuseForeignChild(node, present, said.Name)
                    ?? _graph.Walk.TestDepth(node, child);
            if (error is not null)
            {
                return error;
            }
        }
        isChanged = true;
        bool inherits = child is not null && Inherits(child, node);
        if (present is not null)
        {
            _graph.EndInheritance(node, present);
            Transaction.Unlink(present);
        }
        if (child is not null)
        {
            // What is joined is another set without the link that just went.
            BlockError? apart = _graph.TestThreads(node, child);
            if (apart is not null)
            {
                return apart;
            }
            _graph.Opener.LinkProvisionally(node, child, said.Name, roles);
            if (inherits)
            {
                Transaction.SetInheritsFrom(child, node);
            }
        }
        return null;
    }

    // Only the options of another driver can name a child that the node's driver cannot have.
    private static BlockError? RefuseForeignChild(BlockNode node, BlockEdge? present, string name)
    {
        DriverDescriptor driver = node.Driver.Descriptor;
        bool isBacking = string.Equals(name, OptionSchema.Backing);
        if (present is not null || (isBacking && driver.SupportsBacking))
        {
            return null;
        }
        string text =
            driver.IsFilter
                ? $"'{node.Name}' is a {driver.Name} filter node that does not support a "
                    + $"{name} child"
            : isBacking
                ? $"Driver '{driver.Name}' of node '{node.Name}' does not support backing files"
            : "Cannot set file child to format node without file child";
        return new BlockError(BlockErrorKind.NotSupported, text) { NodeName = node.Name };
    }

    private static bool Inherits(BlockNode child, BlockNode node)
    {
        for (BlockNode? above = child; above is not null; above = above.InheritsFrom)
        {
            if (ReferenceEquals(above, node))
            {
                return true;
            }
        }
        return false;
    }

    // BLK-REOPEN-020
    private BlockError? Refresh()
    {
        Transaction.StartRefresh();
        foreach (ReopenEntry entry in _queue.Entries)
        {
            Transaction.Touch(entry.Node);
            Transaction.AddRefreshRoot(entry.Node);
            if (entry.ReplacedBacking is not null)
            {
                Transaction.AddRefreshRoot(entry.ReplacedBacking);
            }
            if (entry.ReplacedFile is not null && !Planted.Is(Bug.ReplacedChildNotRefreshed))
            {
                Transaction.AddRefreshRoot(entry.ReplacedFile);
            }
        }
        return Transaction.RunRefresh();
    }

    // BLK-OPEN-022
    private BlockError? PrepareNewFiles()
    {
        foreach (ReopenEntry entry in _queue.Entries)
        {
            BlockError? error = entry.ReplacedFile is null
                ? null
                : entry.Node.Driver.PrepareNewFile(entry);
            if (error is not null)
            {
                return error;
            }
        }
        return null;
    }

    private void Commit()
    {
        List<ReopenEntry> entries = _queue.Entries;
        for (int index = entries.Count - 1; index >= 0; index--)
        {
            ReopenEntry entry = entries[index];
            BlockNode node = entry.Node;
            if (!Planted.Is(Bug.ReopenForgetsFlags))
            {
                node.Writable = entry.Writable;
            }
            node.AutoReadOnly = entry.AutoReadOnly;
            node.Explicit = entry.Explicit;
            node.Effective = entry.Effective;
            node.Driver.CommitReopen(entry);
            node.ReopenEntry = null;
        }
        Transaction.Commit();
        if (Planted.Is(Bug.DroppedNodeLeaked))
        {
            return;
        }
        // BLK-REOPEN-020, BLK-REOPEN-021: in the order in which they were replaced.
        foreach (ReopenEntry entry in entries)
        {
            _graph.Closer.Release(entry.ReplacedBacking);
            _graph.Closer.Release(entry.ReplacedFile);
        }
        _graph.Closer.Run();
    }

    private static string[] MakeElementNames(int count)
    {
        string[] names = new string[count];
        for (int index = 0; index < count; index++)
        {
            names[index] = $"options[{index}]";
        }
        return names;
    }
}
