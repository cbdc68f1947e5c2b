// Giving clusters up (BLK-DATA-015): whole ones only, and so that nothing older shows through.
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    /// <summary>
    /// Gives up the clusters that lie whole in a range; they read as zeroes afterwards.
    /// </summary>
    public async ValueTask<BlockError?> DiscardAsync(long offset, long length)
    {
        GuestRanges.Claim claim = EnterAlone(offset, offset + length, out ValueTask held);
        await held.ConfigureAwait(false);
        try
        {
            return await HoldAsync(() => DiscardHeldAsync(offset, length)).ConfigureAwait(false);
        }
        finally
        {
            _ranges.Leave(claim);
        }
    }

    private async ValueTask<BlockError?> DiscardHeldAsync(long offset, long length)
    {
        // A version without zero clusters could only show what the backing holds.
        bool isVersion2 = _tables.Header.Version < 3;
        if (isVersion2 && Backing is not null)
        {
            return null;
        }
        long end = offset + length;
        end = end >= GuestLengthBytes ? _geometry.ClusterEnd(end) : _geometry.ClusterStart(end);
        long start = _geometry.ClusterEnd(offset);
        BlockError? error = await PrepareForWritingAsync().ConfigureAwait(false);
        while (start < end && error is null)
        {
            MappingResult run = await _mapping.FindAsync(start, end - start).ConfigureAwait(false);
            if (run.Error is not null || HoldsNothing(run))
            {
                error = run.Error;
                start += run.LengthBytes;
                continue;
            }
            long clusters = (end - start) >> _geometry.ClusterBits;
            int count = (int)long.Min(clusters, _mapping.ClustersInPage(start));
            error = await (
                isVersion2
                    ? _mapping.ForgetAsync(start, count)
                    : _mapping.ZeroAsync(start, count, mayUnmap: true)
            ).ConfigureAwait(false);
            error ??= await LimitWaitingAsync().ConfigureAwait(false);
            start += (long)count << _geometry.ClusterBits;
        }
        return error;
    }

    // No cluster of the file to give back, and zeroes already.
    private bool HoldsNothing(MappingResult run) =>
        run.HostOffset == 0
        && (run.Kind == ClusterKind.Zero || (run.Kind != ClusterKind.Data && Backing is null));
}
