// Room for compressed clusters, which lie one behind the other and share host clusters; each counts
// once in every host cluster it touches. Spec: spec/formats/qcow2/compressed.md (FMT-QCOW2-206).
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Allocator
{
    // Where the last compressed bytes end; 0 when nothing may follow them.
    private long _packedEnd;

    /// <summary>
    /// Takes that many bytes, fewer than a cluster, and counts one reference for each host cluster
    /// they touch.
    /// </summary>
    internal async ValueTask<OffsetResult> TakeBytesAsync(int count)
    {
        long start = _packedEnd;
        long room = start == 0 ? 0 : _geometry.ClusterEnd(start) - start;
        bool isShared = room > 0;
        if (isShared)
        {
            RefcountResult found = await _refcounts
                .GetAsync(start >> _geometry.ClusterBits)
                .ConfigureAwait(false);
            if (found.Error is not null)
            {
                return new(0, found.Error);
            }
            isShared = found.Count > 0 && found.Count < _refcounts.MaxCount;
        }
        if (!isShared || room < count)
        {
            RunResult place = await TakeAsync(1).ConfigureAwait(false);
            if (place.Error is not null)
            {
                return new(0, place.Error);
            }
            long fresh = place.FirstCluster << _geometry.ClusterBits;
            // Making room may have freed what was shared, and then nothing may follow it.
            bool isNext = isShared && _packedEnd == start && _geometry.ClusterEnd(start) == fresh;
            isShared = isNext;
            start = isNext ? start : fresh;
        }
        if (isShared)
        {
            long cluster = start >> _geometry.ClusterBits;
            RefcountResult found = await _refcounts.GetAsync(cluster).ConfigureAwait(false);
            BlockError? error =
                found.Error
                ?? await _refcounts.SetAsync(cluster, found.Count + 1).ConfigureAwait(false);
            if (error is not null)
            {
                return new(0, error);
            }
        }
        long end = start + count;
        _packedEnd = _geometry.OffsetInCluster(end) == 0 ? 0 : end;
        return new(start, null);
    }

    // A cluster that loses a reference may be somebody else's soon.
    private void ForgetPacked(long cluster)
    {
        if (_packedEnd >> _geometry.ClusterBits == cluster)
        {
            _packedEnd = 0;
        }
    }
}
