// null-co, what it holds: nothing. Spec: spec/block/data.md (BLK-DATA-021).
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class NullDriver : IAllocationStatus
{
    /// <summary>What it is told to read as zeroes counts as its own.</summary>
    public ValueTask<AllocationExtent> AllocationAsync(long offsetBytes, long lengthBytes) =>
        new(
            new AllocationExtent(
                Node.Effective.Find(OptionSchema.ReadZeroes)?.AsBoolean ?? false,
                lengthBytes
            )
        );
}
