// The NBD server that the commands start and stop. Spec: spec/block/export.md (BLK-EXPORT-007,
// BLK-EXPORT-009), nbd.md.
using System;
using System.Text;
using Ashlar.Block;
using Ashlar.Nbd;

namespace Ashlar.Qmp;

/// <summary>The one server of a daemon, while it runs.</summary>
internal sealed class NbdService(BlockGraph graph) : IDisposable
{
    /// <summary>The longest string of the NBD protocol in bytes.</summary>
    private const int StringBytesMax = 4096;

    private NbdServer? _server;

    /// <summary>Null, or why the protocol has no room for the description.</summary>
    public static string? RefuseDescription(string? description) =>
        description is not null && Encoding.UTF8.GetByteCount(description) > StringBytesMax
            ? $"description '{description}' too long"
            : null;

    /// <summary>
    /// Null, or why nobody could listen there, whoever asks and when (BLK-EXPORT-007).
    /// </summary>
    public static string? RefuseAddress(OptionValue address) =>
        address.Find("data")!.TextOrNull("path") is { Length: 0 }
            ? "UNIX socket path '' is empty"
            : null;

    /// <summary>Begins to listen at a SocketAddressLegacy whose types were checked.</summary>
    public BlockError? Start(OptionValue address, long maxConnections)
    {
        OptionValue data = address.Find("data")!;
        NbdListenAddress place = string.Equals(address.Text("type"), "unix")
            ? new NbdListenAddress.Unix(data.Text("path"))
            : new NbdListenAddress.Inet(data.Text("host"), data.Text("port"));
        NbdServerOptions options = new()
        {
            MaxConnections = (int)Math.Min(maxConnections, int.MaxValue),
        };
        try
        {
            _server = NbdServer.Listen(place, graph, options);
            return null;
        }
        catch (BlockException refusal)
        {
            return refusal.Error;
        }
    }

    /// <summary>Stops listening and closes every connection; what was asked is answered first or
    /// given up.</summary>
    public void Stop()
    {
        _server?.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _server = null;
    }

    /// <summary>Serves an export the graph has.</summary>
    public void Add(BlockExport export, string? description, bool isWriteThrough) =>
        _server!.Add(export, description, isWriteThrough);

    /// <summary>Closes the export's connections.</summary>
    public void Remove(BlockExport export) =>
        _server!.RemoveAsync(export).AsTask().GetAwaiter().GetResult();

    public int ConnectionCount(BlockExport export) => _server!.ConnectionCount(export);

    public void Dispose() => Stop();
}
