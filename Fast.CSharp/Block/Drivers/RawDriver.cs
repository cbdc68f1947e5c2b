// raw: a window on the child, the whole of it without options.
namespace Ashlar.Block;

/// <summary>The format driver <c>raw</c> (BLK-PERM-020, BLK-OPEN-010, BLK-DATA-004).</summary>
public sealed partial class RawDriver : BlockDriver
{
    internal RawDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>Where the window begins in the child, in bytes.</summary>
    internal long WindowOffsetBytes { get; private set; }

    /// <summary>The option <c>size</c> in bytes; null when the window goes to the child's end.</summary>
    internal long? WindowSizeBytes { get; private set; }

    /// <inheritdoc/>
    public override long LengthBytes =>
        WindowSizeBytes ?? long.Max(0, Node.File!.Child.LengthBytes - WindowOffsetBytes);
}
