// nbd, what it holds: all that the server shows. Spec: spec/block/data.md (BLK-DATA-023).
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class NbdDriver : ILayerStatus
{
    /// <inheritdoc/>
    public async ValueTask<LayerExtent> LayerAsync(long offsetBytes, long lengthBytes)
    {
        BlockExtent extent = await StatusAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
        return new LayerExtent(extent.Flags, true, extent.LengthBytes, extent.Error)
        {
            Storage = Node,
            StorageOffsetBytes = offsetBytes,
        };
    }
}
