// The NBD server that the commands start and stop. Spec: spec/block/export.md (BLK-EXPORT-007).
using System;
using System.Text;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>The one server of a daemon, while it runs.</summary>
internal sealed class NbdService(BlockGraph graph) : IDisposable
{
    /// <summary>QEMU's default bound on connections.</summary>
    public const long DefaultMaxConnections = 100;

    /// <summary>The longest string of the NBD protocol in bytes.</summary>
    private const int StringBytesMax = 4096;

    /// <summary>Null, or why the protocol has no room for the description.</summary>
    public static string? RefuseDescription(string? description) =>
        description is not null && Encoding.UTF8.GetByteCount(description) > StringBytesMax
            ? $"description '{description}' too long"
            : null;

    public BlockError? Start(OptionValue address, long maxConnections) => null;

    public void Stop() { }

    public void Add(BlockExport export, string? description, bool isWriteThrough) { }

    public void Remove(BlockExport export) { }

    public int ConnectionCount(BlockExport export) => 0;

    public void Dispose() => _ = graph;
}
