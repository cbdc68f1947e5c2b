// copy-on-read, data path: what a read touches becomes the child's own before it is read.
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class CopyOnReadDriver
{
    /// <summary>Reads, after the child took over what it has not got yet (BLK-DATA-006).</summary>
    public override async ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        BlockEdge file = Node.File!;
        int owned = Planted.Is(Bug.CopyOnReadCopiesNothing) ? 0 : buffer.Length;
        return await file.OwnAsync(offsetBytes, owned).ConfigureAwait(false)
            ?? await file.ReadAsync(offsetBytes, buffer).ConfigureAwait(false);
    }
}
