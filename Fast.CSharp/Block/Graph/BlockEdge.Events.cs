// Telling the child what the parent is about to do. Spec: spec/block/debugging.md (BLK-DEBUG-001).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class BlockEdge
{
    /// <summary>Completes when the parent may go on; at once without blkdebug.</summary>
    internal ValueTask RaiseAsync(BlockDebugEvent happened) =>
        ChildNode.Driver is IDebugEvents events ? events.OnEventAsync(happened) : default;

    /// <summary>Reads after an event.</summary>
    internal ValueTask<BlockError?> ReadAsync(
        long offsetBytes,
        Memory<byte> buffer,
        BlockDebugEvent happened
    )
    {
        ValueTask raised = RaiseAsync(happened);
        return raised.IsCompletedSuccessfully ? ReadAsync(offsetBytes, buffer) : LaterAsync();

        async ValueTask<BlockError?> LaterAsync()
        {
            await raised.ConfigureAwait(false);
            return await ReadAsync(offsetBytes, buffer).ConfigureAwait(false);
        }
    }

    /// <summary>Writes after an event.</summary>
    internal ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags,
        BlockDebugEvent happened
    )
    {
        ValueTask raised = RaiseAsync(happened);
        return raised.IsCompletedSuccessfully
            ? WriteAsync(offsetBytes, buffer, flags)
            : LaterAsync();

        async ValueTask<BlockError?> LaterAsync()
        {
            await raised.ConfigureAwait(false);
            return await WriteAsync(offsetBytes, buffer, flags).ConfigureAwait(false);
        }
    }
}
