// nbd: an export of a server that an embedder's connector talks to.
namespace Ashlar.Block;

/// <summary>The protocol driver <c>nbd</c> (BLK-OPEN-015, BLK-RO-020).</summary>
public sealed partial class NbdDriver : BlockDriver
{
    internal NbdDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>The connection; null before the open and after the close.</summary>
    internal RemoteExport? Remote { get; private set; }

    /// <inheritdoc/>
    public override long LengthBytes => Remote!.LengthBytes;
}
