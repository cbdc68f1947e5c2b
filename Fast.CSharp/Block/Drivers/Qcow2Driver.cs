// qcow2, control side: child, backing and header at open; the tables are in Formats/Qcow2.
namespace Ashlar.Block;

/// <summary>The format driver <c>qcow2</c> (BLK-PERM-021, BLK-OPEN-011, -012).</summary>
public sealed partial class Qcow2Driver : BlockDriver
{
    internal Qcow2Driver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <inheritdoc/>
    public override long LengthBytes => Image?.GuestLengthBytes ?? 0;

    /// <summary>The image; null before the open succeeded and after the close.</summary>
    internal Qcow2Image? Image { get; private set; }
}
