// quorum: writes go to all children, reads are voted on.
namespace Ashlar.Block;

/// <summary>The driver <c>quorum</c> (BLK-PERM-025, BLK-OPEN-014, BLK-DATA-007).</summary>
public sealed partial class QuorumDriver : BlockDriver
{
    internal QuorumDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <inheritdoc/>
    public override long LengthBytes => 0;
}
