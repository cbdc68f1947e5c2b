// null-co, what it holds: nothing. Spec: spec/block/data.md (BLK-DATA-021, BLK-DATA-023).
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class NullDriver : ILayerStatus
{
    /// <summary>What it is told to read as zeroes counts as its own.</summary>
    public ValueTask<LayerExtent> LayerAsync(long offsetBytes, long lengthBytes)
    {
        bool isZero = Node.Effective.Find(OptionSchema.ReadZeroes)?.AsBoolean ?? false;
        BlockExtentFlags flags = isZero ? BlockExtentFlags.Zero : BlockExtentFlags.None;
        return new(
            new LayerExtent(flags, isZero, lengthBytes)
            {
                Storage = Node,
                StorageOffsetBytes = offsetBytes,
            }
        );
    }
}
