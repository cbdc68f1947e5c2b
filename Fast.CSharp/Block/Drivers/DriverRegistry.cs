// The one table of drivers. A new driver is one new file and one row here.
using System;

namespace Ashlar.Block;

/// <summary>What is true of a driver whatever its instance.</summary>
public sealed class DriverDescriptor
{
    internal DriverDescriptor(
        string name,
        OptionRow[] rows,
        Func<DriverDescriptor, BlockDriver> create
    )
    {
        Name = name;
        Rows = rows;
        Create = create;
    }

    /// <summary>The value of the option <c>driver</c>.</summary>
    public string Name { get; }

    /// <summary>
    /// True for drivers that open their own resource or child inside their open instead of a
    /// <c>file</c> child before it (BLK-OPEN-008).
    /// </summary>
    public bool IsProtocol { get; init; }

    /// <summary>True when the node shows its child's data unchanged (BLK-GRAPH-021).</summary>
    public bool IsFilter { get; init; }

    /// <summary>True when the driver can have a <c>backing</c> child.</summary>
    public bool SupportsBacking { get; init; }

    /// <summary>False when a reopen is refused by BLK-REOPEN-011.</summary>
    public bool SupportsReopen { get; init; } = true;

    /// <summary>The driver's own options (BLK-OPEN-020).</summary>
    internal OptionRow[] Rows { get; }

    internal Func<DriverDescriptor, BlockDriver> Create { get; }
}

/// <summary>All drivers of the engine, by name.</summary>
public static class DriverRegistry
{
    private static readonly DriverDescriptor[] All =
    [
        new("blkdebug", OptionSchema.BlkdebugRows, static d => new BlkdebugDriver(d))
        {
            IsProtocol = true,
            IsFilter = true,
        },
        new("copy-on-read", OptionSchema.CopyOnReadRows, static d => new CopyOnReadDriver(d))
        {
            IsFilter = true,
            SupportsReopen = false,
        },
        new("file", OptionSchema.FileRows, static d => new FileDriver(d)) { IsProtocol = true },
        new("luks", OptionSchema.LuksRows, static d => new LuksDriver(d)),
        new("nbd", OptionSchema.NbdRows, static d => new NbdDriver(d)) { IsProtocol = true },
        new("null-co", OptionSchema.NullRows, static d => new NullDriver(d)) { IsProtocol = true },
        new("qcow2", OptionSchema.Qcow2Rows, static d => new Qcow2Driver(d))
        {
            SupportsBacking = true,
        },
        new("quorum", OptionSchema.QuorumRows, static d => new QuorumDriver(d))
        {
            SupportsReopen = false,
        },
        new("raw", OptionSchema.RawRows, static d => new RawDriver(d)),
        new("throttle", OptionSchema.ThrottleRows, static d => new ThrottleDriver(d))
        {
            IsFilter = true,
        },
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
