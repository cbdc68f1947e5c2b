// throttle: a filter that names a throttle group; the limits come with a later package.
namespace Ashlar.Block;

/// <summary>The filter <c>throttle</c> (BLK-PERM-022, BLK-OPEN-013).</summary>
public sealed partial class ThrottleDriver : FilterDriver
{
    internal ThrottleDriver(DriverDescriptor descriptor)
        : base(descriptor) { }
}
