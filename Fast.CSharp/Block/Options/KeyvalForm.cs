// What a command line option may say: tables of the same rows as the options of drivers have, with
// the member that picks further rows. Spec: spec/block/storaged.md (BLK-SD-034).
using System;

namespace Ashlar.Block;

/// <summary>The members an object of options has.</summary>
internal sealed class KeyvalForm(OptionRow[] rows)
{
    /// <summary>The members every such object has, in the order they are read.</summary>
    public readonly OptionRow[] Rows = rows;

    /// <summary>The member whose value picks the rest, or null.</summary>
    public string? Selector { get; init; }

    /// <summary>The rest for a value of the selector; null when it is none of its words.</summary>
    public Func<string, OptionRow[]?> Choose { get; init; } = static _ => [];

    /// <summary>The options of a node: those of all drivers, then the driver's own.</summary>
    public static readonly KeyvalForm Node = new(OptionSchema.NodeRows)
    {
        Selector = "driver",
        Choose = static driver => DriverRegistry.Find(driver)?.Rows,
    };
}
