// query-named-block-nodes. Spec: spec/block/qmp.md (BLK-QMP-009).
using System.Collections.Generic;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>The nodes as values, the newest first.</summary>
internal static class NodeQuery
{
    /// <summary>
    /// How many images behind images one reply tells: a chain tells every image once for each above
    /// it, and thousands of nodes must not make a reply of gigabytes. With flat there are none.
    /// </summary>
    private const int ImagesBehindMax = 4096;

    private static readonly OptionValue Zero = OptionValue.Of(0L);

    public static OptionValue Run(BlockGraph graph, OptionValue arguments)
    {
        bool isFlat = arguments.Flag("flat");
        int left = isFlat ? 0 : ImagesBehindMax;
        OptionValue[] nodes = new OptionValue[graph.Nodes.Length];
        for (int index = 0; index < nodes.Length; index++)
        {
            nodes[^(index + 1)] = Describe(graph.Nodes[index], isFlat, ref left);
        }
        return OptionValue.List(nodes);
    }

    private static OptionValue Describe(BlockNode node, bool isFlat, ref int left)
    {
        List<(string, OptionValue)> members =
        [
            ("iops_rd", Zero),
            ("detect_zeroes", OptionValue.Of(DetectZeroes(node))),
            ("image", Image(node, ref left)),
            ("iops_wr", Zero),
            ("ro", OptionValue.Of(node.IsReadOnly)),
            ("node-name", OptionValue.Of(node.Name)),
            ("backing_file_depth", OptionValue.Of(isFlat ? 0L : BackingDepth(node))),
            ("drv", OptionValue.Of(node.DriverName)),
            ("iops", Zero),
            ("bps_wr", Zero),
            ("write_threshold", Zero),
            ("encrypted", OptionValue.False),
            ("bps", Zero),
            ("bps_rd", Zero),
            ("cache", Cache(node)),
            ("file", OptionValue.Of(NodeFilename.Of(node))),
        ];
        if (node.Backing is not null)
        {
            members.Add(("backing_file", OptionValue.Of(NodeFilename.Of(node.Backing.Child))));
        }
        return OptionValue.Dictionary([.. members]);
    }

    private static OptionValue Image(BlockNode node, ref int left)
    {
        List<(string, OptionValue)> members =
        [
            ("virtual-size", OptionValue.Of(node.LengthBytes)),
            ("filename", OptionValue.Of(NodeFilename.Of(node))),
            ("format", OptionValue.Of(node.DriverName)),
        ];
        if (node.Driver is Qcow2Driver { Image: not null } qcow2)
        {
            members.Add(("cluster-size", OptionValue.Of((long)qcow2.Image.ClusterBytes)));
        }
        if (node.Driver.HeaderBackingFile is string backing)
        {
            members.Add(("backing-filename", OptionValue.Of(backing)));
            if (node.Driver.HeaderBackingFormat is string format)
            {
                members.Add(("backing-filename-format", OptionValue.Of(format)));
            }
        }
        BlockNode? below = Below(node);
        if (left > 0 && below is not null)
        {
            left--;
            members.Add(("backing-image", Image(below, ref left)));
        }
        return OptionValue.Dictionary([.. members]);
    }

    private static OptionValue Cache(BlockNode node) =>
        OptionValue.Dictionary(
            ("no-flush", OptionValue.Of(node.Effective.IsOn(CommonFlags.CacheNoFlush))),
            ("direct", OptionValue.Of(node.Effective.IsOn(CommonFlags.CacheDirect))),
            // Only a guest's device could ask for anything else.
            ("writeback", OptionValue.True)
        );

    private static string DetectZeroes(BlockNode node) =>
        node.Effective.DetectZeroes == DetectZeroesOption.Absent
            ? OptionSchema.DetectZeroesWords[0]
            : OptionSchema.DetectZeroesWords[(int)node.Effective.DetectZeroes];

    // What an image reads through to: its backing, or what a filter shows.
    private static BlockNode? Below(BlockNode node) =>
        node.Backing?.Child ?? (node.Driver.Descriptor.IsFilter ? node.File?.Child : null);

    private static long BackingDepth(BlockNode node)
    {
        long depth = 0;
        for (BlockNode? at = Below(node); at is not null; at = Below(at))
        {
            depth++;
        }
        return depth;
    }
}
