// query-named-block-nodes. Spec: spec/block/qmp.md (BLK-QMP-009).
using System.Collections.Generic;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>The nodes as values, the newest first.</summary>
internal static class NodeQuery
{
    private static readonly OptionValue Zero = OptionValue.Of(0L);

    public static OptionValue Run(BlockGraph graph, OptionValue arguments)
    {
        bool isFlat = arguments.Flag("flat");
        ImageQuery images = new(isFlat);
        OptionValue[] nodes = new OptionValue[graph.Nodes.Length];
        for (int index = 0; index < nodes.Length; index++)
        {
            nodes[^(index + 1)] = Describe(graph.Nodes[index], isFlat, images);
        }
        return OptionValue.List(nodes);
    }

    private static OptionValue Describe(BlockNode node, bool isFlat, ImageQuery images)
    {
        List<(string, OptionValue)> members =
        [
            ("iops_rd", Zero),
            ("detect_zeroes", OptionValue.Of(DetectZeroes(node))),
            ("image", images.Describe(node)),
            ("iops_wr", Zero),
            ("ro", OptionValue.Of(node.IsReadOnly)),
            ("node-name", OptionValue.Of(node.Name)),
            ("backing_file_depth", OptionValue.Of(isFlat ? 0L : BackingDepth(node))),
            ("drv", OptionValue.Of(node.DriverName)),
            ("iops", Zero),
            ("bps_wr", Zero),
            ("write_threshold", Zero),
            ("encrypted", OptionValue.Of(ImageQuery.IsEncrypted(node))),
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

    private static long BackingDepth(BlockNode node)
    {
        long depth = 0;
        for (BlockNode? at = ImageQuery.Below(node); at is not null; at = ImageQuery.Below(at))
        {
            depth++;
        }
        return depth;
    }
}
