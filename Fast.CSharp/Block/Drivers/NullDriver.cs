// null-co: reads as zeroes, forgets writes.
namespace Ashlar.Block;

/// <summary>The protocol driver <c>null-co</c> (BLK-DATA-008).</summary>
public sealed partial class NullDriver : BlockDriver
{
    /// <summary>QEMU's length when the option <c>size</c> is absent.</summary>
    internal const long DefaultSizeBytes = 1L << 30;

    /// <summary>QEMU's longest node: offset and length add up in range (BLK-OPEN-024).</summary>
    private const long MaxSizeBytes = long.MaxValue - (1L << 30) + 1;

    private const long SectorMask = 511;

    internal NullDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>The option <c>size</c> in bytes.</summary>
    internal long SizeBytes { get; private set; } = DefaultSizeBytes;

    /// <summary>The size rounded up to 512 (BLK-DATA-011).</summary>
    public override long LengthBytes => (SizeBytes + SectorMask) & ~SectorMask;

    private static BlockError Refused(string text) => new(BlockErrorKind.InvalidArgument, text);

    internal override BlockError? Open(NodeOpener opener, NodeDefinition definition)
    {
        SizeBytes = Node.Effective.Find(OptionSchema.Size)?.AsInteger ?? DefaultSizeBytes;
        return SizeBytes switch
        {
            < 0 => Refused("Parameter 'size' expects a non-negative number below 2^64"),
            > MaxSizeBytes => Refused("Could not refresh total sector count: File too large"),
            _ => null,
        };
    }
}
