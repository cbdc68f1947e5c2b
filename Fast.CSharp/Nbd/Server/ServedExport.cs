// An export as clients see it: name, size and flags, fixed when it was added, and who is connected.
using System.Collections.Generic;
using System.Text;
using Ashlar.Block;

namespace Ashlar.Nbd;

internal sealed class ServedExport
{
    private const long SectorMask = 511;

    internal ServedExport(
        BlockExport export,
        string? description,
        bool isShared,
        bool isWriteThrough
    )
    {
        IsWriteThrough = isWriteThrough;
        Export = export;
        Name = Encoding.UTF8.GetBytes(export.Name);
        Description = description is null ? [] : Encoding.UTF8.GetBytes(description);
        SizeBytes = export.Backend.LengthBytes & ~SectorMask;
        Flags = FlagsOf(export, isShared);
    }

    internal BlockExport Export { get; }

    internal byte[] Name { get; }

    /// <summary>Empty when there is none.</summary>
    internal byte[] Description { get; }

    /// <summary>Nobody may resize an exported node, so the size stays (BLK-EXPORT-005).</summary>
    internal long SizeBytes { get; }

    internal NbdExportFlags Flags { get; }

    /// <summary>Every change is durable before it is answered (BLK-NBD-013).</summary>
    internal bool IsWriteThrough { get; }

    internal bool IsWritable => Export.IsWritable;

    /// <summary>Guarded by the server's lock.</summary>
    internal List<NbdConnection> Connections { get; } = [];

    // BLK-NBD-006
    private static NbdExportFlags FlagsOf(BlockExport export, bool isShared)
    {
        NbdExportFlags flags =
            NbdExportFlags.HasFlags
            | NbdExportFlags.Flush
            | NbdExportFlags.ForceUnitAccess
            | NbdExportFlags.Cache;
        flags |= isShared ? NbdExportFlags.MultiConnection : 0;
        return flags
            | (
                export.IsWritable
                    ? NbdExportFlags.Trim | NbdExportFlags.WriteZeroes | NbdExportFlags.FastZero
                    : NbdExportFlags.ReadOnly
            );
    }
}
