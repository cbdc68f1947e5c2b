// What query-named-block-nodes tells of the image a node shows.
// Spec: spec/block/qmp.md (BLK-QMP-009).
using System.Collections.Generic;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>The images of one reply.</summary>
internal sealed class ImageQuery(bool isFlat)
{
    /// <summary>
    /// How many images behind images one reply tells: a chain tells every image once for each above
    /// it, and thousands of nodes must not make a reply of gigabytes. With flat there are none.
    /// </summary>
    private const int ImagesBehindMax = 4096;

    // A graph has more ways from top to bottom than nodes: each node is asked once.
    private readonly Dictionary<BlockNode, long?> _allocated = [];
    private int _left = isFlat ? 0 : ImagesBehindMax;

    /// <summary>What an image reads through to: its backing, or what a filter shows.</summary>
    public static BlockNode? Below(BlockNode node) =>
        node.Backing?.Child ?? (node.Driver.Descriptor.IsFilter ? node.File?.Child : null);

    /// <summary>The node's image as ImageInfo, with those behind it.</summary>
    public OptionValue Describe(BlockNode node) => Describe(node, NodeFilename.Of(node));

    /// <summary>The same under a name that the caller knows it by.</summary>
    public OptionValue Describe(BlockNode node, string fileName)
    {
        List<(string, OptionValue)> members =
        [
            ("virtual-size", OptionValue.Of(node.LengthBytes)),
            ("filename", OptionValue.Of(fileName)),
            ("format", OptionValue.Of(node.DriverName)),
        ];
        if (Allocated(node) is long allocated)
        {
            members.Add(("actual-size", OptionValue.Of(allocated)));
        }
        AddLayout(members, node);
        AddBacking(members, node);
        if (node.Driver is Qcow2Driver { Image: { } image })
        {
            if (image.SnapshotCount > 0)
            {
                members.Add(("snapshots", Snapshots(image)));
            }
            members.Add(("format-specific", Specific(image)));
        }
        if (node.Driver is LuksDriver { Header: { } header })
        {
            OptionValue data = LuksQuery.Describe(header);
            members.Add(
                (
                    "format-specific",
                    OptionValue.Dictionary(("type", OptionValue.Of("luks")), ("data", data))
                )
            );
        }
        if (IsEncrypted(node))
        {
            members.Add(("encrypted", OptionValue.True));
        }
        if (_left > 0 && Below(node) is { } below)
        {
            _left--;
            members.Add(("backing-image", Describe(below)));
        }
        return OptionValue.Dictionary([.. members]);
    }

    /// <summary>Whether what the node's storage holds is encrypted.</summary>
    public static bool IsEncrypted(BlockNode node) => node.Driver is LuksDriver;

    // Bytes the host keeps for what the node holds itself, without a backing; null for unknown.
    private long? Allocated(BlockNode node)
    {
        if (_allocated.TryGetValue(node, out long? known))
        {
            return known;
        }
        long? bytes = node.Driver switch
        {
            FileDriver file => file.AllocatedBytes,
            NullDriver => 0,
            { Descriptor.IsProtocol: true } => null,
            _ => Sum(node),
        };
        _allocated.Add(node, bytes);
        return bytes;
    }

    private long? Sum(BlockNode node)
    {
        const ChildRoles Own = ChildRoles.Data | ChildRoles.Metadata | ChildRoles.Filtered;
        long? sum = 0;
        for (BlockEdge? edge = node.FirstChildEdge; edge is not null; edge = edge.NextChildEdge)
        {
            sum += (edge.Roles & Own) == 0 ? 0 : Allocated(edge.Child);
        }
        return sum;
    }

    // Of the image that the node shows unchanged, if a format or a file is what it shows.
    private static void AddLayout(List<(string, OptionValue)> members, BlockNode node)
    {
        BlockNode at = node;
        while (at.Driver is RawDriver or LuksDriver or FilterDriver && at.File is { } file)
        {
            at = file.Child;
        }
        Qcow2Image? image = (at.Driver as Qcow2Driver)?.Image;
        if (image is not null)
        {
            members.Add(("cluster-size", OptionValue.Of((long)image.ClusterBytes)));
        }
        if (image is not null || at.Driver is FileDriver)
        {
            members.Add(("dirty-flag", OptionValue.Of(image?.IsDirty ?? false)));
        }
    }

    private static void AddBacking(List<(string, OptionValue)> members, BlockNode node)
    {
        if (node.Driver.HeaderBackingFile is not string backing)
        {
            return;
        }
        members.Add(("backing-filename", OptionValue.Of(backing)));
        if (BackingFile.FindPath(node, backing, out string path) is null)
        {
            members.Add(("full-backing-filename", OptionValue.Of(path)));
        }
        if (node.Driver.HeaderBackingFormat is string format)
        {
            members.Add(("backing-filename-format", OptionValue.Of(format)));
        }
    }

    // A table that cannot be read is empty here; who wants to change the image is told why.
    private static OptionValue Snapshots(Qcow2Image image)
    {
        const ulong PerSecond = 1_000_000_000;
        List<OptionValue> all = [];
        foreach (Qcow2Snapshot one in IoThread.Await(image.ListSnapshotsAsync).Snapshots)
        {
            List<(string, OptionValue)> members =
            [
                ("id", OptionValue.Of(one.Id)),
                ("name", OptionValue.Of(one.Name)),
                ("vm-state-size", OptionValue.Of((long)one.VmStateBytes)),
                ("date-sec", OptionValue.Of((long)one.Seconds)),
                ("date-nsec", OptionValue.Of((long)one.Nanoseconds)),
                ("vm-clock-sec", OptionValue.Of((long)(one.ClockNanoseconds / PerSecond))),
                ("vm-clock-nsec", OptionValue.Of((long)(one.ClockNanoseconds % PerSecond))),
            ];
            if (one.InstructionCount != Qcow2Snapshot.NoInstructionCount)
            {
                members.Add(("icount", OptionValue.Of((long)one.InstructionCount)));
            }
            all.Add(OptionValue.Dictionary([.. members]));
        }
        return OptionValue.List([.. all]);
    }

    private static OptionValue Specific(Qcow2Image image)
    {
        List<(string, OptionValue)> data =
        [
            ("compat", OptionValue.Of(image.Version == 2 ? "0.10" : "1.1")),
            ("compression-type", OptionValue.Of(image.IsZstandard ? "zstd" : "zlib")),
        ];
        if (image.Version > 2)
        {
            data.Add(("lazy-refcounts", OptionValue.Of(image.HasLazyRefcounts)));
        }
        data.Add(("refcount-bits", OptionValue.Of((long)image.RefcountBits)));
        if (image.Version > 2)
        {
            data.Add(("corrupt", OptionValue.Of(image.IsCorrupt)));
            // An image that has any is refused (BLK-OPEN-011).
            data.Add(("extended-l2", OptionValue.False));
        }
        return OptionValue.Dictionary(
            ("type", OptionValue.Of("qcow2")),
            ("data", OptionValue.Dictionary([.. data]))
        );
    }
}
