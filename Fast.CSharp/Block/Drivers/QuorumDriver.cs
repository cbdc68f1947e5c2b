// quorum: writes go to all children, reads are voted on.
// Spec: spec/block/open.md (BLK-OPEN-014), permissions.md (BLK-PERM-025), data.md (BLK-DATA-007).
using System;

namespace Ashlar.Block;

/// <summary>The driver <c>quorum</c> (BLK-PERM-025, BLK-OPEN-014, BLK-DATA-007).</summary>
public sealed partial class QuorumDriver : BlockDriver
{
    // In the order of their numbers. They are fixed: quorum cannot be reopened (BLK-REOPEN-011).
    private BlockEdge[] _children = [];

    internal QuorumDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>How many children must agree.</summary>
    internal int VoteThreshold { get; private set; }

    /// <summary>True when a read repairs the children that differ; never with fifo.</summary>
    internal bool RewritesCorrupted { get; private set; }

    /// <summary>True when a read takes the first child that answers.</summary>
    internal bool IsFifo { get; private set; }

    /// <inheritdoc/>
    public override long LengthBytes
    {
        // The children are of one length until somebody resizes one of them (BLK-DATA-011).
        get
        {
            long shortest = long.MaxValue;
            foreach (BlockEdge edge in _children)
            {
                shortest = long.Min(shortest, edge.Child.LengthBytes);
            }
            return _children.Length == 0 ? 0 : shortest;
        }
    }

    internal override BlockError? Open(NodeOpener opener, NodeDefinition definition)
    {
        ReadOnlySpan<ChildDefinition> definitions = definition.Children;
        long threshold = Node.Effective.Find(OptionSchema.VoteThreshold)!.AsInteger;
        string? refusal =
            definitions.Length == 0 ? "Number of provided children must be 1 or more"
            : threshold < 1 ? "Parameter 'vote-threshold' expects a value >= 1"
            : threshold > definitions.Length ? "threshold may not exceed children count"
            : null;
        if (refusal is not null)
        {
            return new BlockError(BlockErrorKind.InvalidArgument, refusal);
        }
        VoteThreshold = (int)threshold;
        IsFifo = Node.Effective.Find(OptionSchema.ReadPattern) is { AsString: "fifo" };
        RewritesCorrupted =
            !IsFifo && Node.Effective.Find(OptionSchema.RewriteCorrupted) is { AsBoolean: true };
        BlockEdge[] children = new BlockEdge[definitions.Length];
        for (int index = 0; index < children.Length; index++)
        {
            BlockError? error = opener.OpenAndAttach(
                Node,
                definitions[index],
                ChildRoles.Data,
                out BlockEdge? edge
            );
            if (error is not null)
            {
                return error;
            }
            children[index] = edge!;
        }
        _children = children;
        return TestLengths();
    }

    // BLK-OPEN-014
    private BlockError? TestLengths()
    {
        foreach (BlockEdge edge in _children)
        {
            if (edge.Child.LengthBytes != _children[0].Child.LengthBytes)
            {
                return new BlockError(
                    BlockErrorKind.Io,
                    "Could not refresh total sector count: Input/output error"
                );
            }
        }
        return null;
    }

    internal override void ChildPermissions(
        ChildRoles roles,
        BlockPermissions perm,
        BlockPermissions shared,
        out BlockPermissions childPerm,
        out BlockPermissions childShared
    )
    {
        // BLK-PERM-025
        childPerm = RewritesCorrupted ? perm | BlockPermissions.Write : perm;
        childShared = shared & (BlockPermissions.ConsistentRead | BlockPermissions.WriteUnchanged);
        if (Planted.Is(Bug.QuorumSharesWrite))
        {
            childShared = shared;
        }
    }
}
