// The base of all drivers: one instance a node, holding the node's driver state.
namespace Ashlar.Block;

/// <summary>
/// A driver instance. The control hooks (permissions, open, reopen) are internal and called by the control
/// thread inside one <c>GraphTransaction</c>; the data path is the capability interfaces a driver implements
/// (<see cref="IBlockReader"/> and its siblings), in its <c>.Data.cs</c> part.
/// </summary>
public abstract partial class BlockDriver
{
    private protected BlockDriver(DriverDescriptor descriptor)
    {
        Descriptor = descriptor;
    }

    /// <summary>The row of <see cref="DriverRegistry"/> this driver comes from.</summary>
    public DriverDescriptor Descriptor { get; }

    /// <summary>The node this instance drives; set when the node is made.</summary>
    public BlockNode Node { get; internal set; } = null!;

    /// <summary>The guest-visible length in bytes now.</summary>
    public abstract long LengthBytes { get; }
}
