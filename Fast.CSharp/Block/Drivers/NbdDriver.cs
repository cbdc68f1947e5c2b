// nbd: an export of a server that an embedder's connector talks to.
// Spec: spec/block/open.md (BLK-OPEN-015), read-only.md (BLK-RO-020, BLK-RO-021).
namespace Ashlar.Block;

/// <summary>The protocol driver <c>nbd</c> (BLK-OPEN-015, BLK-RO-020).</summary>
public sealed partial class NbdDriver : BlockDriver
{
    internal NbdDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>The connection; null before the open and after the close.</summary>
    internal RemoteExport? Remote { get; private set; }

    /// <summary>The server's length rounded up to 512 (BLK-DATA-011).</summary>
    public override long LengthBytes => ((Remote?.LengthBytes ?? 0) + SectorMask) & ~SectorMask;

    internal override BlockError? Open(NodeOpener opener, NodeDefinition definition)
    {
        BlockError? error = NbdAddress.Of(Node, out RemoteExportAddress? address);
        if (error is not null)
        {
            return error;
        }
        IRemoteExportConnector? connector = Node.Graph.Options.RemoteExports;
        if (connector is null)
        {
            return new BlockError(
                BlockErrorKind.Host,
                $"Failed to connect to '{address!.Server}': {HostErrnoText.Of(HostErrno.NoEntry)}"
            )
            {
                Errno = HostErrno.NoEntry,
                Path = address.Path,
                NodeName = Node.Name,
            };
        }
        error = connector.Connect(address!, out RemoteExport? remote);
        Remote = remote;
        if (error is not null || !Node.Writable || !remote!.IsReadOnly)
        {
            return error;
        }
        // BLK-RO-020
        if (!Node.AutoReadOnly)
        {
            return new BlockError(BlockErrorKind.ReadOnly, "NBD export is read-only")
            {
                NodeName = Node.Name,
            };
        }
        Node.Writable = false;
        return null;
    }

    internal override BlockError? PrepareReopen(ReopenEntry entry)
    {
        if (!entry.Writable || !Remote!.IsReadOnly)
        {
            return null;
        }
        if (!entry.AutoReadOnly)
        {
            return new BlockError(
                BlockErrorKind.ReadOnly,
                "Can't reopen read-only NBD mount as read/write"
            )
            {
                NodeName = Node.Name,
            };
        }
        // BLK-RO-021
        entry.Writable = Planted.Is(Bug.NbdReopenForgetsServer);
        return null;
    }

    internal override void Close()
    {
        Remote?.Dispose();
        Remote = null;
    }
}
