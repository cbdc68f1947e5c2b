// Zero writes: zero clusters where the version has them, zero bytes elsewhere (BLK-DATA-005).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    /// <summary>
    /// True when zeroing the range writes nothing but tables: whole clusters, of a version that has
    /// zero clusters (BLK-DATA-017).
    /// </summary>
    internal bool HasZeroClusters(long offset, long length)
    {
        long end = offset + length;
        return _tables.Header.Version >= 3
            && _geometry.OffsetInCluster(offset) == 0
            && (_geometry.OffsetInCluster(end) == 0 || end == GuestLengthBytes);
    }

    private async ValueTask<BlockError?> ZeroClaimedAsync(long offset, long length, bool mayUnmap)
    {
        if (_tables.Header.Version < 3)
        {
            return await WriteAloneAsync(offset, new Payload(default, length))
                .ConfigureAwait(false);
        }
        BlockError? error = await HoldAsync(PrepareForWritingAsync).ConfigureAwait(false);
        long end = offset + length;
        // The last cluster is whole when the guest ends in it.
        long wholeEnd =
            end >= GuestLengthBytes ? _geometry.ClusterEnd(end) : _geometry.ClusterStart(end);
        while (offset < end && error is null)
        {
            bool isWhole = _geometry.OffsetInCluster(offset) == 0 && offset < wholeEnd;
            if (isWhole)
            {
                long clusters = (wholeEnd - offset) >> _geometry.ClusterBits;
                int count = (int)Math.Min(clusters, _mapping.ClustersInPage(offset));
                long start = offset;
                error = await HoldAsync(() => ZeroWholeAsync(start, count, mayUnmap))
                    .ConfigureAwait(false);
                offset += (long)count << _geometry.ClusterBits;
            }
            else
            {
                long partEnd = Math.Min(
                    end,
                    _geometry.ClusterStart(offset) + _geometry.ClusterBytes
                );
                error = await ZeroPartAsync(offset, partEnd - offset).ConfigureAwait(false);
                offset = partEnd;
            }
        }
        return error;
    }

    private async ValueTask<BlockError?> ZeroWholeAsync(long offset, int count, bool mayUnmap) =>
        await (
            Planted.Is(Bug.ZeroWriteShowsBacking)
                ? _mapping.ForgetAsync(offset, count)
                : _mapping.ZeroAsync(offset, count, mayUnmap)
        ).ConfigureAwait(false) ?? await LimitWaitingAsync().ConfigureAwait(false);

    // Part of one cluster. When all of the cluster reads as zeroes it becomes a zero cluster.
    private async ValueTask<BlockError?> ZeroPartAsync(long offset, long length)
    {
        MappingResult run = await FindAsync(offset, length).ConfigureAwait(false);
        long start = _geometry.ClusterStart(offset);
        if (run.Error is not null || run.Kind == ClusterKind.Zero)
        {
            return run.Error;
        }
        if (run.Kind == ClusterKind.Unallocated && !IsBacked(start))
        {
            return await HoldAsync(() => _mapping.ZeroAsync(start, 1, mayUnmap: false))
                .ConfigureAwait(false);
        }
        return await WriteAloneAsync(offset, new Payload(default, length)).ConfigureAwait(false);
    }
}
