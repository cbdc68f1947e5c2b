// The one table of drivers. A new driver is one new file and one row here.
using System;

namespace Ashlar.Block;

/// <summary>What is true of a driver whatever its instance.</summary>
public sealed class DriverDescriptor
{
    internal DriverDescriptor(string name, Func<DriverDescriptor, BlockDriver> create)
    {
        Name = name;
        Create = create;
    }

    /// <summary>The value of the option <c>driver</c>.</summary>
    public string Name { get; }

    /// <summary>True for drivers that open their own resource instead of a <c>file</c> child (BLK-OPEN-008).</summary>
    public bool IsProtocol { get; init; }

    /// <summary>True when the node shows its child's data unchanged.</summary>
    public bool IsFilter { get; init; }

    /// <summary>True when the driver can have a <c>backing</c> child.</summary>
    public bool SupportsBacking { get; init; }

    /// <summary>False when a reopen is refused by BLK-REOPEN-011.</summary>
    public bool SupportsReopen { get; init; } = true;

    internal Func<DriverDescriptor, BlockDriver> Create { get; }
}

/// <summary>All drivers of the engine, by name.</summary>
public static class DriverRegistry
{
    private static readonly DriverDescriptor[] All =
    [
        new("blkdebug", static d => new BlkdebugDriver(d)) { IsProtocol = true },
        new("copy-on-read", static d => new CopyOnReadDriver(d))
        {
            IsFilter = true,
            SupportsReopen = false,
        },
        new("file", static d => new FileDriver(d)) { IsProtocol = true },
        new("nbd", static d => new NbdDriver(d)) { IsProtocol = true },
        new("null-co", static d => new NullDriver(d)) { IsProtocol = true },
        new("qcow2", static d => new Qcow2Driver(d)) { SupportsBacking = true },
        new("quorum", static d => new QuorumDriver(d))
        {
            IsProtocol = true,
            SupportsReopen = false,
        },
        new("raw", static d => new RawDriver(d)),
        new("throttle", static d => new ThrottleDriver(d)) { IsFilter = true },
    ];

    /// <summary>All drivers in ordinal order of their names.</summary>
    public static ReadOnlySpan<DriverDescriptor> Drivers => All;

    /// <summary>The driver of that name, or null.</summary>
    public static DriverDescriptor? Find(string name)
    {
        foreach (DriverDescriptor descriptor in All)
        {
            if (string.Equals(descriptor.Name, name))
            {
                return descriptor;
            }
        }
        return null;
    }
}
