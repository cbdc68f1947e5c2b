// A server's export as the nbd driver sees it: requests of any length at any place become requests
// the server takes. Spec: spec/block/nbd.md (BLK-NBD-022, BLK-NBD-025).
using System;
using System.Buffers;
using System.Runtime.CompilerServices;
using System.Threading;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Nbd;

/// <summary>A connection to an export (BLK-NBD-022).</summary>
internal sealed partial class NbdRemoteExport
    : RemoteExport,
        IBlockReader,
        IBlockWriter,
        IZeroWriter,
        IFlusher,
        IDiscarder,
        IBlockStatus
{
    // Requests without data: as long as the field allows, and aligned to anything sensible.
    private const long LongestEmptyBytes = 1L << 31;

    // Where a server cannot zero, this much is written at a time.
    private const int ZeroStepBytes = 1024 * 1024;

    private readonly NbdRemoteFacts _facts;
    private readonly NbdRequests _requests;

    // Blocks that are written in part are read, changed and written by one request at a time.
    private readonly SemaphoreSlim _changing = new(1);
    private readonly long _blockMask;

    internal NbdRemoteExport(NbdLink link, NbdRemoteFacts facts)
    {
        _facts = facts;
        _blockMask = facts.MinimumBlockBytes - 1;
        _requests = new NbdRequests(link, facts);
    }

    /// <inheritdoc/>
    public override long LengthBytes => _facts.SizeBytes;

    /// <inheritdoc/>
    public override bool IsReadOnly => _facts.Can(NbdExportFlags.ReadOnly);

    /// <inheritdoc/>
    public override void Dispose() => _requests.Close();

    /// <inheritdoc/>
    public ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer) =>
        IsAligned(offsetBytes, buffer.Length)
            ? ReadAlignedAsync(offsetBytes, buffer)
            : ReadAroundAsync(offsetBytes, buffer);

    /// <inheritdoc/>
    public ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    ) =>
        _blockMask == 0
            ? WriteAlignedAsync(offsetBytes, buffer, flags)
            : ChangeAsync(offsetBytes, buffer, flags);

    /// <inheritdoc/>
    public override bool CanZeroFast(long offsetBytes, long lengthBytes) =>
        _facts.Can(NbdExportFlags.WriteZeroes)
        && _facts.Can(NbdExportFlags.FastZero)
        && IsAligned(offsetBytes, lengthBytes);

    /// <inheritdoc/>
    public async ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    )
    {
        if (!_facts.Can(NbdExportFlags.WriteZeroes) || !IsAligned(offsetBytes, lengthBytes))
        {
            return await WriteZeroBytesAsync(offsetBytes, lengthBytes, flags).ConfigureAwait(false);
        }
        NbdCommandFlags wire = (flags & BlockWriteFlags.MayUnmap) != 0 ? 0 : NbdCommandFlags.NoHole;
        wire |= (flags & BlockWriteFlags.NoFallback) != 0 ? NbdCommandFlags.FastZero : 0;
        BlockError? error = await EmptyAsync(
                NbdCommand.WriteZeroes,
                wire | Durable(flags),
                offsetBytes,
                lengthBytes
            )
            .ConfigureAwait(false);
        return error ?? await FlushIfAskedAsync(flags).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask<BlockError?> FlushAsync()
    {
        if (!_facts.Can(NbdExportFlags.Flush))
        {
            return null;
        }
        (BlockError? error, _) = await _requests
            .AskAsync(NbdCommand.Flush, NbdCommandFlags.None, 0, 0, default, default)
            .ConfigureAwait(false);
        return error;
    }

    /// <summary>Whole blocks only, and nothing where the server cannot.</summary>
    public ValueTask<BlockError?> DiscardAsync(long offsetBytes, long lengthBytes)
    {
        long end = (offsetBytes + lengthBytes) & ~_blockMask;
        long start = (offsetBytes + _blockMask) & ~_blockMask;
        return _facts.Can(NbdExportFlags.Trim) && start < end
            ? EmptyAsync(NbdCommand.Trim, NbdCommandFlags.None, start, end - start)
            : default;
    }

    /// <summary>Data where the server does not tell.</summary>
    public async ValueTask<BlockExtent> StatusAsync(long offsetBytes, long lengthBytes)
    {
        if (_facts.AllocationId is null)
        {
            return new BlockExtent(BlockExtentFlags.Data, lengthBytes);
        }
        long start = offsetBytes & ~_blockMask;
        long end = (offsetBytes + lengthBytes + _blockMask) & ~_blockMask;
        long length = Math.Min(end - start, LongestEmptyBytes);
        (BlockError? error, BlockExtent extent) = await _requests
            .AskAsync(
                NbdCommand.BlockStatus,
                NbdCommandFlags.RequestOne,
                start,
                length,
                default,
                default
            )
            .ConfigureAwait(false);
        if (error is not null)
        {
            return new BlockExtent(BlockExtentFlags.None, 0, error);
        }
        long inside = Math.Min(extent.LengthBytes - (offsetBytes - start), lengthBytes);
        return inside > 0
            ? extent with
            {
                LengthBytes = inside,
            }
            : new BlockExtent(BlockExtentFlags.Data, lengthBytes);
    }

    private bool IsAligned(long offset, long length) => ((offset | length) & _blockMask) == 0;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockError?> ReadAlignedAsync(long offset, Memory<byte> buffer)
    {
        BlockError? error = null;
        while (buffer.Length > 0 && error is null)
        {
            int step = (int)Math.Min(buffer.Length, _facts.MaximumBlockBytes);
            (error, _) = await _requests
                .AskAsync(
                    NbdCommand.Read,
                    NbdCommandFlags.None,
                    offset,
                    step,
                    buffer[..step],
                    default
                )
                .ConfigureAwait(false);
            offset += step;
            buffer = buffer[step..];
        }
        return error;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockError?> WriteAlignedAsync(
        long offset,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    )
    {
        BlockError? error = null;
        while (buffer.Length > 0 && error is null)
        {
            int step = (int)Math.Min(buffer.Length, _facts.MaximumBlockBytes);
            (error, _) = await _requests
                .AskAsync(NbdCommand.Write, Durable(flags), offset, step, default, buffer[..step])
                .ConfigureAwait(false);
            offset += step;
            buffer = buffer[step..];
        }
        return error ?? await FlushIfAskedAsync(flags).ConfigureAwait(false);
    }

    private async ValueTask<BlockError?> EmptyAsync(
        NbdCommand command,
        NbdCommandFlags flags,
        long offset,
        long length
    )
    {
        BlockError? error = null;
        while (length > 0 && error is null)
        {
            long step = Math.Min(length, LongestEmptyBytes);
            (error, _) = await _requests
                .AskAsync(command, flags, offset, step, default, default)
                .ConfigureAwait(false);
            offset += step;
            length -= step;
        }
        return error;
    }

    private async ValueTask<BlockError?> WriteZeroBytesAsync(
        long offset,
        long length,
        BlockWriteFlags flags
    )
    {
        int chunk = (int)Math.Min(length, ZeroStepBytes);
        byte[] zeroes = ArrayPool<byte>.Shared.Rent(chunk);
        Array.Clear(zeroes, 0, chunk);
        BlockError? error = null;
        while (length > 0 && error is null)
        {
            int step = (int)Math.Min(length, chunk);
            error = await WriteAsync(offset, zeroes.AsMemory(0, step), flags).ConfigureAwait(false);
            offset += step;
            length -= step;
        }
        ArrayPool<byte>.Shared.Return(zeroes);
        return error;
    }

    private NbdCommandFlags Durable(BlockWriteFlags flags) =>
        (flags & BlockWriteFlags.ForceUnitAccess) != 0 && _facts.Can(NbdExportFlags.ForceUnitAccess)
            ? NbdCommandFlags.ForceUnitAccess
            : NbdCommandFlags.None;

    // A server without FUA is flushed instead.
    private ValueTask<BlockError?> FlushIfAskedAsync(BlockWriteFlags flags) =>
        (flags & BlockWriteFlags.ForceUnitAccess) != 0
        && !_facts.Can(NbdExportFlags.ForceUnitAccess)
            ? FlushAsync()
            : default;
}
