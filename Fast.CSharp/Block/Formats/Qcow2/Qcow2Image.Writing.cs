// Writing guest bytes: in place where the cluster is the image's alone, else into a new cluster
// with what the request does not cover copied (BLK-DATA-005). Data is in the file before it is
// linked.
using System;
using System.Buffers;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    /// <summary>Writes guest bytes, which lie inside the guest's length.</summary>
    public async ValueTask<BlockError?> WriteAsync(long offset, ReadOnlyMemory<byte> buffer)
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            Payload payload = new(buffer, buffer.Length);
            return Note(await WriteHeldAsync(offset, payload).ConfigureAwait(false));
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>
    /// Makes guest bytes read as zeroes; they lie inside the guest's length. With
    /// <paramref name="mayUnmap"/> whole clusters are given back.
    /// </summary>
    public async ValueTask<BlockError?> WriteZeroesAsync(long offset, long length, bool mayUnmap)
    {
        await _gate.WaitAsync().ConfigureAwait(false);
        try
        {
            return Note(await ZeroHeldAsync(offset, length, mayUnmap).ConfigureAwait(false));
        }
        finally
        {
            _gate.Release();
        }
    }

    private async ValueTask<BlockError?> WriteHeldAsync(long offset, Payload payload)
    {
        BlockError? error = await PrepareForWritingAsync().ConfigureAwait(false);
        while (payload.Length > 0 && error is null)
        {
            MappingResult run = await _mapping
                .FindAsync(offset, payload.Length)
                .ConfigureAwait(false);
            if (run.Error is not null)
            {
                return run.Error;
            }
            WriteStep step =
                run.HostOffset != 0
                    ? await FindOwnedAsync(run).ConfigureAwait(false)
                    : new WriteStep(0, null);
            error = step.Error;
            long done = Math.Min(step.OwnedBytes, payload.Length);
            if (error is null && done > 0)
            {
                error =
                    run.Kind == ClusterKind.Data
                        ? await PutAsync(run.HostOffset, payload.Take(done)).ConfigureAwait(false)
                        : await WriteKeptAsync(offset, run.HostOffset, payload.Take(done))
                            .ConfigureAwait(false);
            }
            else if (error is null)
            {
                (done, error) = await WriteNewRunAsync(offset, payload, run).ConfigureAwait(false);
            }
            offset += done;
            payload = payload.Skip(done);
        }
        return error ?? await LimitWaitingAsync().ConfigureAwait(false);
    }

    // How many bytes from the start of a run lie in clusters that nobody else refers to.
    private async ValueTask<WriteStep> FindOwnedAsync(MappingResult run)
    {
        long owned = 0;
        long inCluster = _geometry.OffsetInCluster(run.HostOffset);
        long cluster = run.HostOffset >> _geometry.ClusterBits;
        while (owned < run.LengthBytes)
        {
            BlockError? error = _mapping.CheckOwned(cluster << _geometry.ClusterBits);
            RefcountResult count = await _refcounts.GetAsync(cluster).ConfigureAwait(false);
            error ??= count.Error;
            if (error is null && count.Count == 0)
            {
                error = Qcow2Corruption.At($"cluster {cluster:x} is used but counts as free");
            }
            if (error is not null)
            {
                return new WriteStep(0, error);
            }
            if (count.Count > 1)
            {
                break;
            }
            owned += _geometry.ClusterBytes - inCluster;
            inCluster = 0;
            cluster++;
        }
        return new WriteStep(Math.Min(owned, run.LengthBytes), null);
    }

    // The clusters of the run's kind that the payload touches, as far as one page of entries goes.
    private async ValueTask<(long Done, BlockError? Error)> WriteNewRunAsync(
        long offset,
        Payload payload,
        MappingResult run
    )
    {
        long inCluster = _geometry.OffsetInCluster(offset);
        long length = Math.Min(run.LengthBytes, payload.Length);
        int count = (int)
            Math.Min(_geometry.ClustersFor(inCluster + length), _mapping.ClustersInPage(offset));
        // A cluster shared with somebody is replaced alone: its neighbours may be the image's own.
        count = run.HostOffset != 0 ? 1 : count;
        RunResult place = await _allocator.TakeAsync(count).ConfigureAwait(false);
        if (place.Error is not null)
        {
            return (0, place.Error);
        }
        long done = Math.Min(((long)place.Count << _geometry.ClusterBits) - inCluster, length);
        BlockError? error = await FillAndLinkAsync(offset, payload.Take(done), place)
            .ConfigureAwait(false);
        return (done, error);
    }

    // The same for a payload that may be empty: the clusters become the image's own as they are.
    private async ValueTask<BlockError?> WriteNewAsync(long offset, Payload payload, int count)
    {
        RunResult place = await _allocator.TakeAsync(count).ConfigureAwait(false);
        return place.Error ?? await FillAndLinkAsync(offset, payload, place).ConfigureAwait(false);
    }

    private async ValueTask<BlockError?> FillAndLinkAsync(
        long offset,
        Payload payload,
        RunResult place
    )
    {
        long host = place.FirstCluster << _geometry.ClusterBits;
        long guest = _geometry.ClusterStart(offset);
        BlockError? error =
            await FillAsync(offset, payload, host, place.Count).ConfigureAwait(false)
            ?? await _mapping.LinkAsync(guest, host, place.Count).ConfigureAwait(false);
        if (error is not null)
        {
            _ = await _allocator.GiveBackAsync(place).ConfigureAwait(false);
        }
        return error;
    }

    // A zero cluster that kept its host cluster gets it back as data.
    private async ValueTask<BlockError?> WriteKeptAsync(
        long offset,
        long hostOffset,
        Payload payload
    )
    {
        long inCluster = _geometry.OffsetInCluster(offset);
        int count = (int)_geometry.ClustersFor(inCluster + payload.Length);
        long host = hostOffset - inCluster;
        return await FillAsync(offset, payload, host, count).ConfigureAwait(false)
            ?? await _mapping.LinkAsync(offset - inCluster, host, count).ConfigureAwait(false);
    }

    // Writes host clusters: the payload, and around it what the guest clusters read as until now.
    private async ValueTask<BlockError?> FillAsync(
        long offset,
        Payload payload,
        long host,
        int count
    )
    {
        long guest = _geometry.ClusterStart(offset);
        long head = offset - guest;
        long tail = head + payload.Length;
        long end = (long)count << _geometry.ClusterBits;
        long copied = Planted.Is(Bug.CopyOnWriteForgetsTail) ? tail : end;
        // Beyond the file's end the host reads as zeroes without being written.
        bool isFresh = host >= _tables.Storage.LengthBytes;
        return await CopyUpAsync(guest, host, head, isFresh).ConfigureAwait(false)
            ?? await PutAsync(host + head, payload).ConfigureAwait(false)
            ?? await CopyUpAsync(guest + tail, host + tail, copied - tail, isFresh)
                .ConfigureAwait(false)
            ?? await _tables.ReachAsync(host + end).ConfigureAwait(false);
    }

    // What guest bytes read as, put into host bytes. Zeroes are not read to find out that they are.
    private async ValueTask<BlockError?> CopyUpAsync(
        long guest,
        long host,
        long length,
        bool isFresh
    )
    {
        while (length > 0)
        {
            MappingResult run = await _mapping.FindAsync(guest, length).ConfigureAwait(false);
            if (run.Error is not null)
            {
                return run.Error;
            }
            bool isZero =
                run.Kind == ClusterKind.Zero
                || guest >= GuestLengthBytes
                || (run.Kind == ClusterKind.Unallocated && !IsBacked(guest));
            BlockError? error = null;
            if (!isZero)
            {
                error = await CopyRunAsync(guest, host, run.LengthBytes, isFresh)
                    .ConfigureAwait(false);
            }
            else if (!isFresh)
            {
                error = await _tables.ClearAsync(host, run.LengthBytes).ConfigureAwait(false);
            }
            if (error is not null)
            {
                return error;
            }
            guest += run.LengthBytes;
            host += run.LengthBytes;
            length -= run.LengthBytes;
        }
        return null;
    }

    private async ValueTask<BlockError?> CopyRunAsync(
        long guest,
        long host,
        long length,
        bool isFresh
    )
    {
        int pieceBytes = (int)Math.Min(length, Qcow2Limits.CopyBufferBytes);
        byte[] buffer = ArrayPool<byte>.Shared.Rent(pieceBytes);
        BlockError? error = null;
        while (length > 0 && error is null)
        {
            Memory<byte> piece = buffer.AsMemory(0, (int)Math.Min(pieceBytes, length));
            error = await ReadHeldAsync(guest, piece).ConfigureAwait(false);
            bool isZero = ZeroBytes.AreAll(piece.Span);
            if (error is null && !isZero)
            {
                error = await _tables.WriteAsync(host, piece).ConfigureAwait(false);
            }
            else if (error is null && !isFresh)
            {
                error = await _tables.ClearAsync(host, piece.Length).ConfigureAwait(false);
            }
            guest += piece.Length;
            host += piece.Length;
            length -= piece.Length;
        }
        ArrayPool<byte>.Shared.Return(buffer);
        return error;
    }

    private ValueTask<BlockError?> PutAsync(long host, Payload payload)
    {
        if (payload.Length == 0)
        {
            return default;
        }
        if (!payload.IsZeroes)
        {
            return _tables.WriteAsync(host, payload.Bytes);
        }
        return _tables.ClearAsync(host, payload.Length);
    }

    private ValueTask<BlockError?> LimitWaitingAsync() =>
        _allocator.FreedCount > Qcow2Limits.MaxPendingFrees ? WriteBackHeldAsync() : default;

    /// <summary>What a request writes: bytes, or that many zeroes.</summary>
    private readonly record struct Payload(ReadOnlyMemory<byte> Bytes, long Length)
    {
        internal bool IsZeroes => Bytes.Length == 0;

        internal Payload Take(long count) => new(IsZeroes ? default : Bytes[..(int)count], count);

        internal Payload Skip(long count) =>
            new(IsZeroes ? default : Bytes[(int)count..], Length - count);
    }

    private readonly record struct WriteStep(long OwnedBytes, BlockError? Error);
}
