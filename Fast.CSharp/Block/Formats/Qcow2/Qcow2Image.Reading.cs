// Reading guest bytes: from the file, from the backing, or zeroes (BLK-DATA-005).
using System;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    /// <summary>Reads guest bytes; beyond the guest's end there are zeroes.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<BlockError?> ReadAsync(long offset, Memory<byte> buffer)
    {
        GuestRanges.Claim claim = _ranges.Enter(
            offset,
            offset + buffer.Length,
            isAlone: false,
            out ValueTask held
        );
        await held.ConfigureAwait(false);
        try
        {
            return await ReadClaimedAsync(offset, buffer).ConfigureAwait(false);
        }
        finally
        {
            _ranges.Leave(claim);
        }
    }

    /// <summary>Where the first bytes of a guest range are, and how far that goes.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<MappingResult> FindAsync(long offset, long length)
    {
        await _gate.EnterAsync().ConfigureAwait(false);
        try
        {
            MappingResult run = await _mapping.FindAsync(offset, length).ConfigureAwait(false);
            _ = Note(run.Error);
            return run;
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>
    /// Makes sure that the image owns every cluster that a range touches, each with the content it
    /// reads as now (BLK-DATA-006).
    /// </summary>
    public async ValueTask<BlockError?> OwnAsync(long offset, long length)
    {
        GuestRanges.Claim claim = EnterAlone(offset, offset + length, out ValueTask held);
        await held.ConfigureAwait(false);
        try
        {
            return await OwnClaimedAsync(offset, length).ConfigureAwait(false);
        }
        finally
        {
            _ranges.Leave(claim);
        }
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockError?> ReadClaimedAsync(long offset, Memory<byte> buffer)
    {
        int inside = (int)Math.Clamp(GuestLengthBytes - offset, 0, buffer.Length);
        buffer.Span[inside..].Clear();
        buffer = buffer[..inside];
        while (buffer.Length > 0)
        {
            MappingResult run = await FindAsync(offset, buffer.Length).ConfigureAwait(false);
            if (run.Error is not null)
            {
                return run.Error;
            }
            Memory<byte> part = buffer[..(int)run.LengthBytes];
            BlockError? error = await ReadRunAsync(run, offset, part).ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
            offset += part.Length;
            buffer = buffer[part.Length..];
        }
        return null;
    }

    private ValueTask<BlockError?> ReadRunAsync(MappingResult run, long offset, Memory<byte> part)
    {
        switch (run.Kind)
        {
            case ClusterKind.Data:
                return _tables.Storage.ReadAsync(run.HostOffset, part, BlockDebugEvent.ReadAio);
            case ClusterKind.Compressed:
                return ReadCompressedAsync(run, offset, part);
            case ClusterKind.Zero:
                part.Span.Clear();
                return default;
            default:
                return ReadBackingAsync(offset, part);
        }
    }

    private ValueTask<BlockError?> ReadBackingAsync(long offset, Memory<byte> buffer)
    {
        long backed = Backing is null ? 0 : Backing.LengthBytes - offset;
        int inside = (int)Math.Clamp(backed, 0, buffer.Length);
        buffer.Span[inside..].Clear();
        if (inside == 0)
        {
            return default;
        }
        ValueTask raised = _tables.Storage.RaiseAsync(BlockDebugEvent.ReadBackingAio);
        return raised.IsCompletedSuccessfully
            ? Backing!.ReadAsync(offset, buffer[..inside])
            : LaterAsync();

        async ValueTask<BlockError?> LaterAsync()
        {
            await raised.ConfigureAwait(false);
            return await Backing!.ReadAsync(offset, buffer[..inside]).ConfigureAwait(false);
        }
    }

    // A cluster that reads as zeroes anyway becomes a zero cluster where the version has them;
    // otherwise a write of nothing copies what the backing holds.
    private async ValueTask<BlockError?> OwnClaimedAsync(long offset, long length)
    {
        BlockError? error = await HoldAsync(PrepareForWritingAsync).ConfigureAwait(false);
        long end = Math.Min(offset + length, GuestLengthBytes);
        offset = _geometry.ClusterStart(offset);
        while (offset < end && error is null)
        {
            MappingResult run = await FindAsync(offset, end - offset).ConfigureAwait(false);
            error = run.Error;
            long runEnd = Math.Min(_geometry.ClusterEnd(offset + run.LengthBytes), end);
            while (error is null && run.Kind == ClusterKind.Unallocated && offset < runEnd)
            {
                error = await OwnClusterAsync(offset).ConfigureAwait(false);
                offset += _geometry.ClusterBytes;
            }
            offset = Math.Max(offset, runEnd);
        }
        return error;
    }

    private ValueTask<BlockError?> OwnClusterAsync(long offset) =>
        !IsBacked(offset) && _tables.Header.Version >= 3
            ? HoldAsync(() => _mapping.ZeroAsync(offset, 1, mayUnmap: false))
            : WriteNewAsync(offset);

    private bool IsBacked(long offset) => Backing is not null && offset < Backing.LengthBytes;
}
