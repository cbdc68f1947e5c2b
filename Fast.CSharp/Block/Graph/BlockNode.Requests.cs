// Requests that concern a node as a whole: length and flush. Spec: spec/block/data.md
// (BLK-DATA-012), resize.md (BLK-SIZE-003).
using System.Globalization;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class BlockNode
{
    /// <summary>
    /// QEMU's largest length in bytes: a multiple of 1 GiB, so that rounding up never wraps.
    /// </summary>
    internal const long MaxLengthBytes = long.MaxValue & ~((1L << 30) - 1);

    /// <summary>
    /// Sets the length of the node in bytes, after the caller made sure of RZ: too large sizes,
    /// read-only nodes and drivers without <see cref="ITruncater"/> are refused, in this order
    /// (BLK-SIZE-003).
    /// </summary>
    internal ValueTask<BlockError?> Truncate(long lengthBytes)
    {
        if (lengthBytes > MaxLengthBytes)
        {
            string size = lengthBytes.ToString(CultureInfo.InvariantCulture);
            string largest = MaxLengthBytes.ToString(CultureInfo.InvariantCulture);
            return Refused(
                BlockErrorKind.InvalidArgument,
                $"offset({size}) exceeds maximum({largest})"
            );
        }
        if (!Writable)
        {
            return Refused(BlockErrorKind.ReadOnly, "Image is read-only");
        }
        return Driver is ITruncater truncater
            ? truncater.TruncateAsync(lengthBytes)
            : Refused(BlockErrorKind.NotSupported, "Image format driver does not support resize");
    }

    /// <summary>
    /// Writes back what the node holds and flushes the children it may write to. A read-only node
    /// has nothing to flush. Of several refusals the first counts (BLK-DATA-012).
    /// </summary>
    internal async ValueTask<BlockError?> FlushAsync()
    {
        if (!Writable)
        {
            return null;
        }
        if (Driver is QuorumDriver quorum)
        {
            return await quorum.FlushChildrenAsync().ConfigureAwait(false);
        }
        // The child hears of it before what it is about (BLK-DEBUG-001).
        if (File is BlockEdge toOs)
        {
            await toOs.RaiseAsync(BlockDebugEvent.FlushToOs).ConfigureAwait(false);
        }
        BlockError? refusal = Driver is IFlusher flusher
            ? await flusher.FlushAsync().ConfigureAwait(false)
            : null;
        if (refusal is not null)
        {
            return refusal;
        }
        if (File is BlockEdge toDisk)
        {
            await toDisk.RaiseAsync(BlockDebugEvent.FlushToDisk).ConfigureAwait(false);
        }
        const BlockPermissions Writing = BlockPermissions.Write | BlockPermissions.WriteUnchanged;
        for (BlockEdge? edge = FirstChild; edge is not null; edge = edge.NextInChildren)
        {
            if ((edge.Perm & Writing) != 0)
            {
                BlockError? error = await edge.FlushAsync().ConfigureAwait(false);
                refusal ??= error;
            }
        }
        return refusal;
    }

    private ValueTask<BlockError?> Refused(BlockErrorKind kind, string text) =>
        new(new BlockError(kind, text) { NodeName = Name });
}
