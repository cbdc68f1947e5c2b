// How large a qcow2 image will be before it is made. Spec: spec/block/img.md (BLK-IMG-023).
using System;

namespace Ashlar.Block;

/// <summary>Foretells the size of an image's file.</summary>
public static class Qcow2Measurement
{
    private const int EntryBytes = sizeof(ulong);

    /// <summary>
    /// The bytes of the file of an image of which every cluster is written; or why there is no such
    /// image, with QEMU's text.
    /// </summary>
    public static BlockError? TryMeasure(Qcow2CreationOptions options, out Int128 fileBytes)
    {
        fileBytes = 0;
        BlockError? refusal = Qcow2Creation.Refusal(options with { SizeBytes = 0 });
        if (refusal is not null)
        {
            return refusal;
        }
        long cluster = options.ClusterBytes;
        Int128 data = Whole(options.SizeBytes, cluster);
        // Tables are whole clusters, and each of them has an entry of the table above.
        Int128 second = Whole(data / cluster * EntryBytes, cluster);
        Int128 first = Whole(second / cluster * EntryBytes, cluster);
        if (second / cluster * EntryBytes > Qcow2Limits.MaxL1Bytes)
        {
            return new BlockError(
                BlockErrorKind.InvalidArgument,
                "The image size is too large (try using a larger cluster size)"
            );
        }
        Int128 others = cluster + first + second + data;
        fileBytes = others + Counts(others / cluster, cluster, options.RefcountBits);
        return null;
    }

    // What counts clusters lies in clusters that are counted too.
    private static Int128 Counts(Int128 clusters, long clusterBytes, int countBits)
    {
        long countsOfBlock = clusterBytes * 8 / countBits;
        Int128 blocks = 0;
        Int128 tables = 0;
        while (true)
        {
            Int128 wanted = Parts(clusters + tables + blocks, countsOfBlock);
            if (wanted == blocks)
            {
                return (blocks + tables) * clusterBytes;
            }
            blocks = wanted;
            tables = Parts(blocks, clusterBytes / EntryBytes);
        }
    }

    private static Int128 Parts(Int128 amount, long part) => (amount + part - 1) / part;

    private static Int128 Whole(Int128 bytes, long cluster) => Parts(bytes, cluster) * cluster;
}
