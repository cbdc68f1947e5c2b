// qcow2, what it holds: every cluster that is not its backing's. Spec: spec/block/data.md
// (BLK-DATA-021).
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class Qcow2Driver : IAllocationStatus
{
    /// <inheritdoc/>
    public async ValueTask<AllocationExtent> AllocationAsync(long offsetBytes, long lengthBytes)
    {
        MappingResult run = await Connected()
            .FindAsync(offsetBytes, lengthBytes)
            .ConfigureAwait(false);
        return run.Error is not null
            ? new AllocationExtent(false, 0, run.Error)
            : new AllocationExtent(run.Kind != ClusterKind.Unallocated, run.LengthBytes);
    }
}
