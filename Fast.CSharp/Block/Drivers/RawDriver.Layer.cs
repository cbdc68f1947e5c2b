// raw, what it holds: what its file does. Spec: spec/block/data.md (BLK-DATA-021, BLK-DATA-023).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class RawDriver : ILayerStatus
{
    /// <summary>As the file, up to the file's end; what lies behind it is nobody's.</summary>
    public ValueTask<LayerExtent> LayerAsync(long offsetBytes, long lengthBytes)
    {
        long offset = offsetBytes + WindowOffsetBytes;
        long inside = Math.Min(lengthBytes, Node.File!.Child.LengthBytes - offset);
        return inside > 0
            ? Node.File.LayerAsync(offset, inside)
            : new(new LayerExtent(BlockExtentFlags.Zero, false, lengthBytes));
    }
}
