// A user of the graph: a root edge with its own permissions, and the requests made through it.
// Spec: spec/block/permissions.md (BLK-PERM-050), data.md.
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>
/// A backend: the graph's user. Requests are checked against its permissions and the node's length,
/// then go to the root node's driver. Requests may come from any thread when no control command
/// runs.
/// </summary>
public sealed class BlockBackend
{
    internal BlockBackend(BlockGraph graph, string? name)
    {
        Graph = graph;
        Name = name;
    }

    /// <summary>The graph the backend belongs to.</summary>
    public BlockGraph Graph { get; }

    /// <summary>The name, or null for an export's or a command's own root.</summary>
    public string? Name { get; }

    /// <summary>The root edge; null once detached.</summary>
    public BlockEdge? Root { get; internal set; }

    /// <summary>The length of the root node in bytes.</summary>
    public long LengthBytes => Root is null ? 0 : Root.Child.LengthBytes;

    /// <summary>
    /// Reads [offset, offset + buffer.Length). Null means success. Needs CR (BLK-DATA-001); outside
    /// the node <c>Input/output error</c> (BLK-DATA-002).
    /// </summary>
    public ValueTask<BlockError?> TryReadAsync(long offsetBytes, Memory<byte> buffer)
    {
        BlockError? refusal = Guard(BlockPermissions.ConsistentRead, offsetBytes, buffer.Length);
        // Nothing is done for no bytes, not even below (BLK-DATA-002).
        return refusal is not null || buffer.IsEmpty
            ? new(refusal)
            : Root!.ReadAsync(offsetBytes, buffer);
    }

    /// <summary>Writes [offset, offset + buffer.Length). Needs W. Null means success.</summary>
    public ValueTask<BlockError?> TryWriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags = BlockWriteFlags.None
    )
    {
        BlockError? refusal = Guard(BlockPermissions.Write, offsetBytes, buffer.Length);
        return refusal is not null || buffer.IsEmpty
            ? new(refusal)
            : Root!.WriteAsync(offsetBytes, buffer, flags);
    }

    /// <summary>
    /// Makes [offset, offset + length) read as zeroes. Needs W. Null means success.
    /// </summary>
    public ValueTask<BlockError?> TryWriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags = BlockWriteFlags.None
    )
    {
        BlockError? refusal = Guard(BlockPermissions.Write, offsetBytes, lengthBytes);
        return refusal is not null || lengthBytes == 0
            ? new(refusal)
            : Root!.WriteZeroesAsync(offsetBytes, lengthBytes, flags);
    }

    /// <summary>
    /// Gives up [offset, offset + length), where the node's option discard lets it (BLK-DATA-015).
    /// Needs W. Null means success, or that nothing was done.
    /// </summary>
    public ValueTask<BlockError?> TryDiscardAsync(long offsetBytes, long lengthBytes)
    {
        BlockError? refusal = Guard(BlockPermissions.Write, offsetBytes, lengthBytes);
        return refusal is not null || lengthBytes == 0
            ? new(refusal)
            : Root!.DiscardAsync(offsetBytes, lengthBytes);
    }

    /// <summary>
    /// The first extent of [offset, offset + length), which is not empty (BLK-DATA-016). Needs CR.
    /// </summary>
    public ValueTask<BlockExtent> TryStatusAsync(long offsetBytes, long lengthBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(lengthBytes);
        BlockError? refusal = Guard(BlockPermissions.ConsistentRead, offsetBytes, lengthBytes);
        return refusal is not null
            ? new(new BlockExtent(BlockExtentFlags.None, 0, refusal))
            : Root!.StatusAsync(offsetBytes, lengthBytes);
    }

    /// <summary>Makes completed writes durable, all the way down. Needs nothing.</summary>
    public ValueTask<BlockError?> TryFlushAsync() =>
        Root is null ? new(NoMedium()) : Root.FlushAsync();

    /// <summary>As <see cref="TryReadAsync"/>, throwing <see cref="BlockException"/>.</summary>
    public async ValueTask ReadAsync(long offsetBytes, Memory<byte> buffer) =>
        BlockException.ThrowIf(await TryReadAsync(offsetBytes, buffer).ConfigureAwait(false));

    /// <summary>As <see cref="TryWriteAsync"/>, throwing <see cref="BlockException"/>.</summary>
    public async ValueTask WriteAsync(long offsetBytes, ReadOnlyMemory<byte> buffer) =>
        BlockException.ThrowIf(await TryWriteAsync(offsetBytes, buffer).ConfigureAwait(false));

    /// <summary>
    /// As <see cref="TryWriteZeroesAsync"/>, throwing <see cref="BlockException"/>.
    /// </summary>
    public async ValueTask WriteZeroesAsync(long offsetBytes, long lengthBytes) =>
        BlockException.ThrowIf(
            await TryWriteZeroesAsync(offsetBytes, lengthBytes).ConfigureAwait(false)
        );

    /// <summary>As <see cref="TryFlushAsync"/>, throwing <see cref="BlockException"/>.</summary>
    public async ValueTask FlushAsync() =>
        BlockException.ThrowIf(await TryFlushAsync().ConfigureAwait(false));

    private BlockError? Guard(BlockPermissions needed, long offsetBytes, long lengthBytes)
    {
        if (Root is null)
        {
            return NoMedium();
        }
        if ((Root.Perm & needed) == 0 && !Planted.Is(Bug.RequestNeedsNoPermission))
        {
            return new(
                BlockErrorKind.Permission,
                $"Operation not permitted: {Root.DescribeParent()} lacks the "
                    + $"{BlockPermissionNames.Join(needed)} permission"
            )
            {
                NodeName = Root.Child.Name,
                OffsetBytes = offsetBytes,
            };
        }
        long length = Root.Child.LengthBytes + (Planted.Is(Bug.RequestBoundsOffByOne) ? 1 : 0);
        if (offsetBytes < 0 || lengthBytes < 0 || offsetBytes > length - lengthBytes)
        {
            return new(BlockErrorKind.Io, "Input/output error")
            {
                NodeName = Root.Child.Name,
                OffsetBytes = offsetBytes,
            };
        }
        return null;
    }

    private static BlockError NoMedium() => new(BlockErrorKind.Io, "No medium found");
}
