// An open qcow2 image: whether its tables tell of more than its file holds. Spec:
// spec/block/data.md (BLK-DATA-023).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    /// <summary>
    /// Whether so many more clusters are counted as used than a number of bytes has room for that
    /// tables must have been prepared for data which is not there. A count that cannot be read ends
    /// the question with no.
    /// </summary>
    internal async ValueTask<bool> CountsMoreThanAsync(long fileBytes)
    {
        long held = fileBytes >> _geometry.ClusterBits;
        long most = Math.Max((long)(held * (Int128)10 / 9), held + 2);
        long end = (_tables.FileEndBytes + _geometry.ClusterBytes - 1) >> _geometry.ClusterBits;
        long used = 0;
        await _gate.EnterAsync().ConfigureAwait(false);
        try
        {
            for (long cluster = 0; cluster < end && used < most; cluster++)
            {
                RefcountResult count = await _refcounts.GetAsync(cluster).ConfigureAwait(false);
                if (count.Error is not null)
                {
                    return false;
                }
                used += count.Count == 0 ? 0 : 1;
            }
        }
        finally
        {
            _gate.Leave();
        }
        return used >= most;
    }
}
