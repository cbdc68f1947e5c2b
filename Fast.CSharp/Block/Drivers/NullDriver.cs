// null-co: reads as zeroes, forgets writes.
namespace Ashlar.Block;

/// <summary>The protocol driver <c>null-co</c> (BLK-DATA-008).</summary>
public sealed partial class NullDriver : BlockDriver
{
    /// <summary>QEMU's length when the option <c>size</c> is absent.</summary>
    internal const long DefaultSizeBytes = 1L << 30;

    private const long SectorMask = 511;

    internal NullDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>The option <c>size</c> in bytes.</summary>
    internal long SizeBytes { get; private set; } = DefaultSizeBytes;

    /// <summary>The size rounded up to 512 (BLK-DATA-011).</summary>
    public override long LengthBytes =>
        SizeBytes > long.MaxValue - SectorMask ? SizeBytes : (SizeBytes + SectorMask) & ~SectorMask;

    internal override BlockError? Open(NodeOpener opener, NodeDefinition definition)
    {
        SizeBytes = Node.Effective.Find(OptionSchema.Size)?.AsInteger ?? DefaultSizeBytes;
        return SizeBytes >= 0
            ? null
            : new BlockError(
                BlockErrorKind.InvalidArgument,
                "Parameter 'size' expects a non-negative number below 2^64"
            );
    }
}
