// A chain of images, asked from the top down: which of them has a range, and where. Spec:
// spec/block/data.md (BLK-DATA-023).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>An extent, and the image of the chain that tells of it; the top one is 0.</summary>
public readonly record struct ChainExtent(LayerExtent Layer, int Depth);

/// <summary>Walks chains of backing files.</summary>
public static class Layers
{
    /// <summary>
    /// The first extent of a range that is not empty and inside the top image, as the uppermost
    /// image tells that knows of it; nobody's where none does. Filters are no images.
    /// </summary>
    public static async ValueTask<ChainExtent> FindAsync(
        BlockEdge top,
        long offsetBytes,
        long lengthBytes
    )
    {
        BlockEdge edge = ImageOf(top);
        for (int depth = 0; ; depth++)
        {
            LayerExtent extent = await edge.LayerAsync(offsetBytes, lengthBytes)
                .ConfigureAwait(false);
            if (extent.Error is not null || extent.Flags != BlockExtentFlags.None)
            {
                return new(extent, depth);
            }
            lengthBytes = extent.LengthBytes;
            if (BackingOf(edge) is not BlockEdge backing)
            {
                return new(extent with { Storage = null }, depth);
            }
            edge = ImageOf(backing);
            // Whoever lies above has told what is beyond this one's end.
            lengthBytes = Math.Min(lengthBytes, edge.Child.LengthBytes - offsetBytes);
        }
    }

    /// <summary>The link to an image, below the filters over it.</summary>
    public static BlockEdge ImageOf(BlockEdge edge)
    {
        while (edge.Child.Driver is FilterDriver && edge.Child.File is BlockEdge file)
        {
            edge = file;
        }
        return edge;
    }

    /// <summary>What an image shows where it has nothing itself; null for nothing.</summary>
    public static BlockEdge? BackingOf(BlockEdge edge) => ImageOf(edge).Child.Backing;
}
