// A change of a node's length, after the caller made sure of RZ.
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class BlockNode
{
    /// <summary>The largest length in bytes of a node, as QEMU's (BLK-SIZE-003).</summary>
    internal const long MaximumLengthBytes = 9223372035781033984;

    /// <summary>
    /// Sets the length of the node in bytes (BLK-SIZE-003): the tests every node makes, then the driver's.
    /// </summary>
    internal ValueTask<BlockError?> TruncateAsync(long lengthBytes)
    {
        if (lengthBytes > MaximumLengthBytes)
        {
            return Refuse(
                BlockErrorKind.InvalidArgument,
                $"offset({lengthBytes}) exceeds maximum({MaximumLengthBytes})"
            );
        }
        if (!Writable)
        {
            return Refuse(BlockErrorKind.ReadOnly, "Image is read-only");
        }
        return Driver is ITruncater truncater
            ? truncater.TruncateAsync(lengthBytes)
            : Refuse(BlockErrorKind.NotSupported, "Image format driver does not support resize");
    }

    private ValueTask<BlockError?> Refuse(BlockErrorKind kind, string text) =>
        new(new BlockError(kind, text) { NodeName = Name });
}
