// One node's part in a reopen. Spec: spec/block/reopen.md.
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>A queued node: what is said of it, what comes of that, and what to clean up.</summary>
internal sealed class ReopenEntry
{
    public ReopenEntry(BlockNode node, NodeDefinition definition, bool keepsOldOptions)
    {
        Node = node;
        Definition = definition;
        KeepsOldOptions = keepsOldOptions;
    }

    public BlockNode Node { get; }

    /// <summary>What is said of the node (BLK-REOPEN-003, BLK-REOPEN-004).</summary>
    public NodeDefinition Definition { get; }

    /// <summary>What is not said stays as it was (BLK-REOPEN-006).</summary>
    public bool KeepsOldOptions { get; }

    /// <summary>The command's list names the node itself.</summary>
    public bool IsListed { get; init; }

    /// <summary>It has its place in the queue.</summary>
    public bool IsQueued { get; set; }

    /// <summary>The queued parent it inherits from, if that keeps it as child.</summary>
    public ReopenEntry? InheritsFrom { get; set; }

    /// <summary>The roles of the edge it inherits by.</summary>
    public ChildRoles InheritedRoles { get; set; }

    /// <summary>Inline definitions that were handed on to a child (BLK-REOPEN-004).</summary>
    public List<NodeDefinition>? HandedOn { get; set; }

    /// <summary>The options are merged.</summary>
    public bool IsMerged { get; set; }

    public OptionSet Explicit;
    public OptionSet Effective;

    /// <summary>
    /// RDWR after the reopen; drivers may lower it when they prepare (BLK-RO-021).
    /// </summary>
    public bool Writable { get; set; }

    /// <summary>auto-read-only after the reopen (BLK-RO-030).</summary>
    public bool AutoReadOnly { get; set; }

    /// <summary>Length in bytes of the file child before the command (BLK-OPEN-010).</summary>
    public long FileLengthBefore { get; set; }

    /// <summary>raw's options as read while preparing.</summary>
    public long RawOffsetBytes { get; set; }

    public long? RawSizeBytes { get; set; }

    /// <summary>The driver's prepare succeeded, so its commit or abort is due.</summary>
    public bool IsDriverPrepared { get; set; }

    /// <summary>Children that were replaced; they lose their reference after the commit.</summary>
    public BlockNode? ReplacedBacking { get; set; }

    public BlockNode? ReplacedFile { get; set; }
}
