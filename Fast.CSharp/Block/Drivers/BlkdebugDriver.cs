// blkdebug, as far as permissions go: it takes and unshares what it is told to.
namespace Ashlar.Block;

/// <summary>A protocol-type filter named <c>blkdebug</c> with its child in <c>image</c> (BLK-PERM-024, BLK-DATA-009).</summary>
public sealed partial class BlkdebugDriver : BlockDriver
{
    internal BlkdebugDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <inheritdoc/>
    public override long LengthBytes => Node.File!.Child.LengthBytes;
}
