// Writing guest bytes: in place where the cluster is the image's alone, else into a new cluster
// with what the request does not cover copied (BLK-DATA-005). Data is in the file before it is
// linked.
using System;
using System.Runtime.CompilerServices;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    private enum WriteWay : byte
    {
        /// <summary>Into clusters that are the image's alone.</summary>
        InPlace,

        /// <summary>The same, but of zero clusters: they become data.</summary>
        Kept,

        /// <summary>Into clusters just taken.</summary>
        New,

        /// <summary>Only who is alone with the guest clusters may go on.</summary>
        NotYet,
    }

    /// <summary>Writes guest bytes, which lie inside the guest's length.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<BlockError?> WriteAsync(long offset, ReadOnlyMemory<byte> buffer)
    {
        Payload payload = new(buffer, buffer.Length);
        long end = offset + buffer.Length;
        GuestRanges.Claim claim = _ranges.Enter(offset, end, isAlone: false, out ValueTask held);
        await held.ConfigureAwait(false);
        WriteResult result;
        try
        {
            result = await WriteClaimedAsync(offset, payload, isAlone: false).ConfigureAwait(false);
        }
        finally
        {
            _ranges.Leave(claim);
        }
        if (result.Error is not null || result.DoneBytes == buffer.Length)
        {
            return result.Error;
        }
        // The rest needs clusters, and whoever reads or writes beside it waits for them.
        long rest = offset + result.DoneBytes;
        claim = EnterAlone(rest, end, out held);
        await held.ConfigureAwait(false);
        try
        {
            return await WriteAloneAsync(rest, payload.Skip(result.DoneBytes))
                .ConfigureAwait(false);
        }
        finally
        {
            _ranges.Leave(claim);
        }
    }

    /// <summary>
    /// Makes guest bytes read as zeroes; they lie inside the guest's length. With
    /// <paramref name="mayUnmap"/> whole clusters are given back.
    /// </summary>
    public async ValueTask<BlockError?> WriteZeroesAsync(long offset, long length, bool mayUnmap)
    {
        GuestRanges.Claim claim = EnterAlone(offset, offset + length, out ValueTask held);
        await held.ConfigureAwait(false);
        try
        {
            return await ZeroClaimedAsync(offset, length, mayUnmap).ConfigureAwait(false);
        }
        finally
        {
            _ranges.Leave(claim);
        }
    }

    private async ValueTask<BlockError?> WriteAloneAsync(long offset, Payload payload)
    {
        WriteResult result = await WriteClaimedAsync(offset, payload, isAlone: true)
            .ConfigureAwait(false);
        return result.Error;
    }

    // Writes all of it, or up to what only a claim alone lets it write.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<WriteResult> WriteClaimedAsync(
        long offset,
        Payload payload,
        bool isAlone
    )
    {
        long done = 0;
        while (payload.Length > 0)
        {
            WritePlan plan = await PlanAsync(offset, payload.Length, isAlone).ConfigureAwait(false);
            if (plan.Error is not null || plan.Way == WriteWay.NotYet)
            {
                return new(done, plan.Error);
            }
            Payload part = payload.Take(plan.LengthBytes);
            // Nothing points to these bytes that did not before, so they need no barrier.
            BlockError? error =
                plan.Way == WriteWay.InPlace
                    ? await PutInPlaceAsync(plan.HostOffset, part).ConfigureAwait(false)
                    : await FillAndLinkAsync(offset, part, plan).ConfigureAwait(false);
            if (error is not null)
            {
                return new(done, error);
            }
            done += part.Length;
            offset += part.Length;
            payload = payload.Skip(part.Length);
        }
        return new(done, null);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<WritePlan> PlanAsync(long offset, long length, bool isAlone)
    {
        await _gate.EnterAsync().ConfigureAwait(false);
        try
        {
            WritePlan plan = await PlanHeldAsync(offset, length, isAlone).ConfigureAwait(false);
            _ = Note(plan.Error);
            return plan;
        }
        finally
        {
            _gate.Leave();
        }
    }

    // What can be written in one go from a guest offset on, and where.
    private async ValueTask<WritePlan> PlanHeldAsync(long offset, long length, bool isAlone)
    {
        BlockError? error = await PrepareForWritingAsync().ConfigureAwait(false);
        if (error is not null)
        {
            return WritePlan.Failed(error);
        }
        MappingResult run = await _mapping.FindAsync(offset, length).ConfigureAwait(false);
        if (run.Error is not null)
        {
            return WritePlan.Failed(run.Error);
        }
        bool mayOwn = run.HostOffset != 0 && run.Kind != ClusterKind.Compressed;
        WriteResult owned = mayOwn ? await FindOwnedAsync(run).ConfigureAwait(false) : default;
        if (owned.Error is not null)
        {
            return WritePlan.Failed(owned.Error);
        }
        long done = Math.Min(owned.DoneBytes, length);
        if (done > 0 && run.Kind == ClusterKind.Data)
        {
            return new(WriteWay.InPlace, run.HostOffset, 0, done, false, null);
        }
        if (!isAlone)
        {
            return default(WritePlan) with { Way = WriteWay.NotYet };
        }
        long inCluster = _geometry.OffsetInCluster(offset);
        if (done > 0)
        {
            int kept = (int)_geometry.ClustersFor(inCluster + done);
            return new(WriteWay.Kept, run.HostOffset - inCluster, kept, done, false, null);
        }
        return await TakeForAsync(offset, length, run).ConfigureAwait(false);
    }

    // How many bytes from the start of a run lie in clusters that nobody else refers to.
    private async ValueTask<WriteResult> FindOwnedAsync(MappingResult run)
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
                return new(0, error);
            }
            if (count.Count > 1)
            {
                break;
            }
            owned += _geometry.ClusterBytes - inCluster;
            inCluster = 0;
            cluster++;
        }
        return new(Math.Min(owned, run.LengthBytes), null);
    }

    // Clusters for those of the run's kind that the request touches, as far as one page of entries
    // goes.
    private async ValueTask<WritePlan> TakeForAsync(long offset, long length, MappingResult run)
    {
        long inCluster = _geometry.OffsetInCluster(offset);
        length = Math.Min(run.LengthBytes, length);
        int count = (int)
            Math.Min(_geometry.ClustersFor(inCluster + length), _mapping.ClustersInPage(offset));
        // A cluster shared with somebody is replaced alone: its neighbours may be the image's own.
        count = run.HostOffset != 0 ? 1 : count;
        RunResult place = await _allocator.TakeAsync(count).ConfigureAwait(false);
        if (place.Error is not null)
        {
            return WritePlan.Failed(place.Error);
        }
        long done = Math.Min(((long)place.Count << _geometry.ClusterBits) - inCluster, length);
        long host = place.FirstCluster << _geometry.ClusterBits;
        return new(WriteWay.New, host, place.Count, done, place.IsFresh, null);
    }

    // A cluster becomes the image's own as it is.
    private async ValueTask<BlockError?> WriteNewAsync(long offset)
    {
        WritePlan plan = default;
        BlockError? error = await HoldAsync(async () =>
            {
                RunResult place = await _allocator.TakeAsync(1).ConfigureAwait(false);
                long host = place.FirstCluster << _geometry.ClusterBits;
                plan = new(WriteWay.New, host, 1, 0, place.IsFresh, null);
                return place.Error;
            })
            .ConfigureAwait(false);
        return error
            ?? await FillAndLinkAsync(offset, new Payload(default, 0), plan).ConfigureAwait(false);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<BlockError?> FillAndLinkAsync(
        long offset,
        Payload payload,
        WritePlan plan
    )
    {
        BlockError? error = await FillAsync(offset, payload, plan).ConfigureAwait(false);
        await _gate.EnterAsync().ConfigureAwait(false);
        try
        {
            long guest = _geometry.ClusterStart(offset);
            error ??= await _mapping
                .LinkAsync(guest, plan.HostOffset, plan.Clusters)
                .ConfigureAwait(false);
            if (error is not null && plan.Way == WriteWay.New)
            {
                long first = plan.HostOffset >> _geometry.ClusterBits;
                RunResult place = new(first, plan.Clusters, null);
                _ = await _allocator.GiveBackAsync(place).ConfigureAwait(false);
            }
            return Note(error ?? await LimitWaitingAsync().ConfigureAwait(false));
        }
        finally
        {
            _gate.Leave();
        }
    }

    // Writes host clusters: the payload, and around it what the guest clusters read as until now.
    private async ValueTask<BlockError?> FillAsync(long offset, Payload payload, WritePlan plan)
    {
        long guest = _geometry.ClusterStart(offset);
        long host = plan.HostOffset;
        long head = offset - guest;
        long tail = head + payload.Length;
        long end = (long)plan.Clusters << _geometry.ClusterBits;
        long copied = Planted.Is(Bug.CopyOnWriteForgetsTail) ? tail : end;
        return await CopyUpAsync(guest, host, head, plan.IsFresh).ConfigureAwait(false)
            ?? await PutAsync(host + head, payload).ConfigureAwait(false)
            ?? await CopyUpAsync(guest + tail, host + tail, copied - tail, plan.IsFresh)
                .ConfigureAwait(false)
            ?? await _tables.ReachAsync(host + end).ConfigureAwait(false);
    }

    private ValueTask<BlockError?> PutInPlaceAsync(long host, Payload payload) =>
        payload.IsZeroes
            ? _tables.ClearAsync(host, payload.Length)
            : _tables.Storage.WriteAsync(host, payload.Bytes, BlockDebugEvent.WriteAio);

    private ValueTask<BlockError?> PutAsync(long host, Payload payload)
    {
        if (payload.Length == 0)
        {
            return default;
        }
        return payload.IsZeroes
            ? _tables.ClearAsync(host, payload.Length)
            : _tables.WriteAsync(host, payload.Bytes, BlockDebugEvent.WriteAio);
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

    private readonly record struct WriteResult(long DoneBytes, BlockError? Error);

    /// <summary>
    /// The next step of a write. In place, the host offset is that of the first byte; otherwise
    /// that of the first of the clusters.
    /// </summary>
    private readonly record struct WritePlan(
        WriteWay Way,
        long HostOffset,
        int Clusters,
        long LengthBytes,
        bool IsFresh,
        BlockError? Error
    )
    {
        internal static WritePlan Failed(BlockError error) => new(default, 0, 0, 0, false, error);
    }
}
