// How a parent's requests reach the child: the always-on permission guard, then the child's
// capability.
using System;
using System.Diagnostics;
using System.Threading.Tasks;

namespace Ashlar.Block;

public sealed partial class BlockEdge
{
    /// <summary>
    /// Reads from the child; beyond its end there are zeroes. Offsets and lengths in bytes.
    /// </summary>
    public ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        Debug.Assert(offsetBytes >= 0);
        return ChildNode.Driver is IBlockReader reader
            ? reader.ReadAsync(offsetBytes, buffer)
            : new(Unsupported("read", offsetBytes));
    }

    /// <summary>
    /// Writes to the child. Needs W, or WU for an unchanged write; RZ beyond its end.
    /// </summary>
    public ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags = BlockWriteFlags.None
    )
    {
        BlockError? refusal = GuardWrite(offsetBytes, buffer.Length, flags);
        if (refusal is not null)
        {
            return new(refusal);
        }
        return ChildNode.Driver is IBlockWriter writer
            ? writer.WriteAsync(offsetBytes, buffer, flags)
            : new(Unsupported("write", offsetBytes));
    }

    /// <summary>Makes a range of the child read as zeroes. Permissions as for a write.</summary>
    public ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags = BlockWriteFlags.None
    )
    {
        BlockError? refusal = GuardWrite(offsetBytes, lengthBytes, flags);
        if (refusal is not null)
        {
            return new(refusal);
        }
        // BLK-DATA-017
        if (ChildNode.Effective.Discard != DiscardOption.Unmap)
        {
            flags &= ~BlockWriteFlags.MayUnmap;
        }
        bool isFast = (flags & BlockWriteFlags.NoFallback) != 0;
        if (isFast && !ChildNode.Driver.CanZeroFast(offsetBytes, lengthBytes))
        {
            return new(Unsupported("write zeroes fast", offsetBytes));
        }
        return ChildNode.Driver is IZeroWriter writer
            ? writer.WriteZeroesAsync(offsetBytes, lengthBytes, flags)
            : new(Unsupported("write zeroes", offsetBytes));
    }

    /// <summary>
    /// Gives up a range of the child, if its option discard lets it (BLK-DATA-015). Permissions as
    /// for a write.
    /// </summary>
    public ValueTask<BlockError?> DiscardAsync(long offsetBytes, long lengthBytes)
    {
        BlockError? refusal = GuardWrite(offsetBytes, lengthBytes, BlockWriteFlags.None);
        if (refusal is not null)
        {
            return new(refusal);
        }
        bool isAllowed = ChildNode.Effective.Discard == DiscardOption.Unmap;
        return isAllowed && ChildNode.Driver is IDiscarder discarder
            ? discarder.DiscardAsync(offsetBytes, lengthBytes)
            : default;
    }

    /// <summary>
    /// The first extent of a range of the child; beyond the child's end there are zeroes
    /// (BLK-DATA-016).
    /// </summary>
    public ValueTask<BlockExtent> StatusAsync(long offsetBytes, long lengthBytes)
    {
        Debug.Assert(offsetBytes >= 0 && lengthBytes > 0);
        long inside = Math.Min(ChildNode.LengthBytes - offsetBytes, lengthBytes);
        if (inside <= 0)
        {
            return new(new BlockExtent(BlockExtentFlags.Zero, lengthBytes));
        }
        return ChildNode.Driver is IBlockStatus status
            ? status.StatusAsync(offsetBytes, inside)
            : new(new BlockExtent(BlockExtentFlags.Data, inside));
    }

    /// <summary>
    /// The first extent of a range in the child alone, its backing left aside (BLK-DATA-021,
    /// BLK-DATA-023). The range is not empty and inside the child.
    /// </summary>
    public ValueTask<LayerExtent> LayerAsync(long offsetBytes, long lengthBytes) =>
        ChildNode.Driver is ILayerStatus layer
            ? layer.LayerAsync(offsetBytes, lengthBytes)
            : WholeLayerAsync(offsetBytes, lengthBytes);

    private async ValueTask<LayerExtent> WholeLayerAsync(long offsetBytes, long lengthBytes)
    {
        BlockExtent shown = await StatusAsync(offsetBytes, lengthBytes).ConfigureAwait(false);
        return new(shown.Flags, true, shown.LengthBytes, shown.Error);
    }

    /// <summary>Flushes the child and what is below it (BLK-DATA-012).</summary>
    public ValueTask<BlockError?> FlushAsync() => ChildNode.FlushAsync();

    /// <summary>
    /// Makes a range of the child the child's own, content unchanged. Needs W or WU. A child that
    /// owns all it shows has nothing to do (BLK-DATA-006).
    /// </summary>
    public ValueTask<BlockError?> OwnAsync(long offsetBytes, long lengthBytes)
    {
        if ((Perm & (BlockPermissions.Write | BlockPermissions.WriteUnchanged)) == 0)
        {
            return new(Missing("write unchanged", offsetBytes));
        }
        return ChildNode.Driver is IContentOwner owner
            ? owner.OwnAsync(offsetBytes, lengthBytes)
            : default;
    }

    /// <summary>Sets the child's length in bytes. Needs RZ.</summary>
    public ValueTask<BlockError?> TruncateAsync(long lengthBytes)
    {
        if ((Perm & BlockPermissions.Resize) == 0)
        {
            return new(Missing("resize", 0));
        }
        return ChildNode.Truncate(lengthBytes);
    }

    // BLK-DATA-001 below the roots: a driver that writes without the permission is a defect of
    // ours, and it is refused in every build rather than asserted in one.
    private BlockError? GuardWrite(long offsetBytes, long lengthBytes, BlockWriteFlags flags)
    {
        Debug.Assert(
            offsetBytes >= 0 && lengthBytes >= 0 && offsetBytes <= long.MaxValue - lengthBytes
        );
        BlockPermissions needed =
            (flags & BlockWriteFlags.Unchanged) != 0
                ? BlockPermissions.Write | BlockPermissions.WriteUnchanged
                : BlockPermissions.Write;
        if ((Perm & needed) == 0)
        {
            return Missing("write", offsetBytes);
        }
        bool grows = offsetBytes + lengthBytes > ChildNode.LengthBytes;
        if (grows && (Perm & BlockPermissions.Resize) == 0)
        {
            return Missing("resize", offsetBytes);
        }
        return null;
    }

    private BlockError Missing(string permission, long offsetBytes) =>
        new(
            BlockErrorKind.Permission,
            $"Operation not permitted: '{Name}' child of {DescribeParent()} lacks the "
                + $"{permission} permission"
        )
        {
            NodeName = ChildNode.Name,
            OffsetBytes = offsetBytes,
        };

    private BlockError Unsupported(string operation, long offsetBytes) =>
        new(
            BlockErrorKind.NotSupported,
            $"Operation not supported: {operation} on '{ChildNode.Name}'"
        )
        {
            NodeName = ChildNode.Name,
            OffsetBytes = offsetBytes,
        };
}
