// throttle: a filter that names a throttle group; the limits come with a later package.
namespace Ashlar.Block;

/// <summary>The filter <c>throttle</c> (BLK-PERM-022, BLK-OPEN-013).</summary>
public sealed partial class ThrottleDriver : BlockDriver
{
    internal ThrottleDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <inheritdoc/>
    public override long LengthBytes => Node.File!.Child.LengthBytes;
}
