// copy-on-read: what is read from a backing of the child is written into the child.
namespace Ashlar.Block;

/// <summary>The filter <c>copy-on-read</c> (BLK-PERM-023, BLK-DATA-006).</summary>
public sealed partial class CopyOnReadDriver : BlockDriver
{
    internal CopyOnReadDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <inheritdoc/>
    public override long LengthBytes => Node.File!.Child.LengthBytes;
}
