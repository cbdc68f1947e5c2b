// Every bound of the control protocol, each with its reason: whoever may connect may be hostile.
// Spec: spec/block/qmp.md (BLK-QMP-004).
namespace Ashlar.Qmp;

/// <summary>The limits of one conversation (BLK-QMP-004).</summary>
public static class QmpLimits
{
    /// <summary>
    /// The longest message in bytes. The longest sensible one is a blockdev-reopen of thousands of
    /// nodes, far below this; QEMU's own bound is four times as large.
    /// </summary>
    public const int MessageBytesMax = 16 << 20;

    /// <summary>How deep a message may nest, as in QEMU.</summary>
    public const int NestingMax = 1024;

    /// <summary>
    /// How deep what is sent may nest: all of a message, as an id or in what tells of it, inside
    /// the few levels of a reply.
    /// </summary>
    public const int SentNestingMax = NestingMax + 16;

    /// <summary>
    /// What may wait for a client that does not read, in bytes: several of the longest replies.
    /// Beyond it the connection ends, since dropping events or replies would be worse.
    /// </summary>
    public const int OutboxBytesMax = 64 << 20;

    /// <summary>How much is read from a client at once, in bytes.</summary>
    public const int ReadBytes = 16 << 10;

    /// <summary>A buffer larger than this is given back after the message that needed it.</summary>
    public const int KeptBufferBytes = 256 << 10;
}
