// The qcow2 image behind a node's file child, as the control side sees it: opened, asked, closed.
// Spec: spec/block/open.md (BLK-OPEN-011), data.md (BLK-DATA-005, -010).
using System;
using System.Diagnostics.CodeAnalysis;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>An open qcow2 image: header, tables and caches. It makes requests through one edge.</summary>
[SuppressMessage("Performance", "CA1822", Justification = "The bodies follow.")]
internal sealed partial class Qcow2Image : IDisposable
{
    private Qcow2Image(long guestLengthBytes, string? backingFileName, string? backingFormat)
    {
        GuestLengthBytes = guestLengthBytes;
        BackingFileName = backingFileName;
        BackingFormat = backingFormat;
    }

    /// <summary>The virtual size in bytes.</summary>
    public long GuestLengthBytes { get; private set; }

    /// <summary>The header's backing file name, null without one.</summary>
    public string? BackingFileName { get; }

    /// <summary>The header's backing format, null when the header does not say.</summary>
    public string? BackingFormat { get; }

    /// <summary>
    /// Reads and checks the header and the tables needed at open, through the edge (CR). Nothing is
    /// written. The refusal has QEMU's text (<c>Image is not in qcow2 format</c>, ...).
    /// </summary>
    public static BlockError? Open(BlockEdge file, out Qcow2Image? image)
    {
        image = null;
        return new BlockError(BlockErrorKind.InvalidArgument, "Image is not in qcow2 format");
    }

    /// <summary>Why a node on this image cannot be read-write, or null (BLK-OPEN-021).</summary>
    public BlockError? CheckWritable() => null;

    /// <summary>Writes back what is cached, before the node becomes read-only or goes.</summary>
    public ValueTask<BlockError?> WriteBackAsync() => default;

    /// <summary>Gives the caches' memory back.</summary>
    public void Dispose() { }
}
