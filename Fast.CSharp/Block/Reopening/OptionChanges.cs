// Which option a reopen may neither leave out nor change; the first in ordinal order is named.
// Spec: spec/block/reopen.md (BLK-REOPEN-012, BLK-REOPEN-013, BLK-REOPEN-016, BLK-REOPEN-017).
using System;

namespace Ashlar.Block;

/// <summary>The two comparisons of old and new options.</summary>
internal static class OptionChanges
{
    /// <summary>
    /// BLK-REOPEN-012: what was there, is not, and has no way back to its default.
    /// </summary>
    public static BlockError? FindReset(BlockNode node, in OptionSet now)
    {
        ref readonly OptionSet old = ref node.Effective;
        string? first = null;
        if (old.Driver is not null && now.Driver is null)
        {
            first = "driver";
        }
        if ((old.Given & ~now.Given & CommonFlags.ForceShare) != 0)
        {
            Consider(ref first, "force-share");
        }
        foreach (ref readonly OptionEntry entry in old.Own.AsSpan())
        {
            if (now.Find(entry.Name) is null && !node.Driver.IsMutable(entry.Name))
            {
                Consider(ref first, entry.Name);
            }
        }
        return first is null
            ? null
            : new BlockError(
                BlockErrorKind.InvalidArgument,
                $"Option '{first}' cannot be reset to its default value"
            )
            {
                NodeName = node.Name,
            };
    }

    /// <summary>BLK-REOPEN-016: what is said and is not as it was.</summary>
    public static BlockError? FindChange(ReopenEntry entry)
    {
        BlockNode node = entry.Node;
        ref readonly OptionSet old = ref node.Effective;
        ref readonly OptionSet now = ref entry.Effective;
        string? first = null;
        if (now.Driver is not null && !ReferenceEquals(now.Driver, old.Driver))
        {
            first = "driver";
        }
        if (now.NodeName is not null && !string.Equals(now.NodeName, old.NodeName))
        {
            Consider(ref first, "node-name");
        }
        bool isForceShareChanged =
            (now.Given & CommonFlags.ForceShare) != 0
            && (
                (old.Given & CommonFlags.ForceShare) == 0
                || old.IsOn(CommonFlags.ForceShare) != now.IsOn(CommonFlags.ForceShare)
            );
        if (isForceShareChanged)
        {
            Consider(ref first, "force-share");
        }
        foreach (ref readonly OptionEntry option in now.Own.AsSpan())
        {
            if (!node.Driver.IsAccepted(option.Name) && !option.Value.Equals(old.Find(option.Name)))
            {
                Consider(ref first, option.Name);
            }
        }
        foreach (ref readonly ChildDefinition child in entry.Definition.Children)
        {
            ConsiderChild(ref first, entry, child);
        }
        return first is null
            ? null
            : new BlockError(BlockErrorKind.InvalidArgument, $"Cannot change the option '{first}'")
            {
                NodeName = node.Name,
            };
    }

    private static void ConsiderChild(
        ref string? first,
        ReopenEntry entry,
        in ChildDefinition child
    )
    {
        if (child.Inline is null)
        {
            bool isHandled = child.Name is OptionSchema.File or OptionSchema.Backing;
            BlockEdge? present = FindEdge(entry.Node, child.Name);
            if (!isHandled && !string.Equals(present?.ChildNode.Name, child.Reference))
            {
                Consider(ref first, child.Name);
            }
            return;
        }
        if (entry.HandedOn is null || !entry.HandedOn.Contains(child.Inline))
        {
            Consider(ref first, child.Name + "." + child.Inline.FirstFlatName());
        }
    }

    private static BlockEdge? FindEdge(BlockNode node, string name)
    {
        for (BlockEdge? edge = node.FirstChild; edge is not null; edge = edge.NextInChildren)
        {
            if (string.Equals(edge.Name, name))
            {
                return edge;
            }
        }
        return null;
    }

    private static void Consider(ref string? first, string name)
    {
        if (first is null || string.CompareOrdinal(name, first) < 0)
        {
            first = name;
        }
    }
}
