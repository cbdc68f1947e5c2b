// quorum: writes go to all children, reads are voted on.
namespace Ashlar.Block;

/// <summary>The driver <c>quorum</c> (BLK-PERM-025, BLK-OPEN-014, BLK-DATA-007).</summary>
public sealed partial class QuorumDriver : BlockDriver
{
    internal QuorumDriver(DriverDescriptor descriptor)
        : base(descriptor) { }

    /// <summary>How many children must agree; the option <c>vote-threshold</c>.</summary>
    internal int VoteThreshold { get; set; } = 1;

    /// <summary>The option <c>rewrite-corrupted</c>.</summary>
    internal bool RewritesCorrupted { get; set; }

    /// <summary>True when the option <c>read-pattern</c> is <c>fifo</c>.</summary>
    internal bool IsFifo { get; set; }

    /// <inheritdoc/>
    public override long LengthBytes => Children()[0].Child.LengthBytes;
}
