// The references to each cluster of a file, counted anew, and which clusters nobody refers to.
// Spec: spec/formats/qcow2/consistency.md (FMT-QCOW2-801, FMT-QCOW2-804, FMT-QCOW2-811).
using System;
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>
/// A number for every cluster of a file and for the one behind it, which a last range may reach.
/// </summary>
internal sealed class Qcow2References
{
    private readonly Qcow2Geometry _geometry;
    private readonly uint _most;

    // What refers beyond the file is not counted, but a file that grows must not give it a meaning.
    private readonly List<(long Offset, long Length, uint Times)> _beyond = [];
    private readonly HashSet<long> _beyondClusters = [];
    private uint[] _numbers;

    internal Qcow2References(Qcow2Geometry geometry, long fileBytes)
    {
        _geometry = geometry;
        ulong largest = ulong.MaxValue >> (64 - (1 << geometry.RefcountOrder));
        _most = (uint)Math.Min(largest, uint.MaxValue);
        _numbers = new uint[geometry.ClustersFor(fileBytes) + 1];
    }

    internal long Slots => _numbers.Length;

    /// <summary>The block ranges whose counts are not in the file as they are here.</summary>
    internal SortedSet<long> ChangedRanges { get; } = [];

    internal uint this[long cluster] => cluster < _numbers.Length ? _numbers[cluster] : 0;

    /// <summary>
    /// Adds references to all clusters of a range inside the file; tells how many more there were
    /// than a count can say, for each cluster where it is so (FMT-QCOW2-312).
    /// </summary>
    internal void Add(long offset, long length, uint times, Action<long, ulong>? tell)
    {
        long last = (offset + length - 1) >> _geometry.ClusterBits;
        for (long cluster = offset >> _geometry.ClusterBits; cluster <= last; cluster++)
        {
            ulong sum = (ulong)_numbers[cluster] + times;
            _numbers[cluster] = (uint)Math.Min(sum, _most);
            if (sum > _most)
            {
                tell?.Invoke(cluster, sum - _most);
            }
        }
    }

    /// <summary>Keeps a range in mind that ends beyond the file.</summary>
    internal void AddBeyond(long offset, long length, uint times)
    {
        if (offset < 0 || offset >= Qcow2Limits.HostEndBytes)
        {
            return;
        }
        _beyond.Add((offset, length, times));
        long last = (offset + length - 1) >> _geometry.ClusterBits;
        for (long cluster = offset >> _geometry.ClusterBits; cluster <= last; cluster++)
        {
            _beyondClusters.Add(cluster);
        }
    }

    /// <summary>Gives a cluster without references one, so that it is not taken.</summary>
    internal void Keep(long cluster) => _numbers[cluster] = Math.Max(_numbers[cluster], 1);

    /// <summary>
    /// The first of so many clusters side by side that nobody refers to, at or behind one, with a
    /// reference to each from now on; beyond the file's end where there are none before it.
    /// </summary>
    internal long Take(long from, long count)
    {
        long first = from;
        for (long cluster = from; cluster < first + count; cluster++)
        {
            if (this[cluster] != 0 || _beyondClusters.Contains(cluster))
            {
                first = cluster + 1;
            }
        }
        if (first + count >= _numbers.Length)
        {
            Grow(first + count);
        }
        for (long cluster = first; cluster < first + count; cluster++)
        {
            _numbers[cluster] = 1;
            ChangedRanges.Add(cluster >> _geometry.RefcountBlockBits);
        }
        return first;
    }

    /// <summary>Calls every range changed that has a count in it.</summary>
    internal void ChangeAll()
    {
        for (long cluster = 0; cluster < _numbers.Length; cluster++)
        {
            if (_numbers[cluster] != 0)
            {
                long range = cluster >> _geometry.RefcountBlockBits;
                ChangedRanges.Add(range);
                cluster = ((range + 1) << _geometry.RefcountBlockBits) - 1;
            }
        }
    }

    // What was beyond the file and no longer is counts.
    private void Grow(long clusters)
    {
        Array.Resize(ref _numbers, (int)(clusters + 1));
        long end = (clusters + 1) << _geometry.ClusterBits;
        for (int index = _beyond.Count - 1; index >= 0; index--)
        {
            (long offset, long length, uint times) = _beyond[index];
            if (offset + length < end)
            {
                _beyond.RemoveAt(index);
                Add(offset, length, times, null);
                long last = (offset + length - 1) >> _geometry.ClusterBits;
                for (long cluster = offset >> _geometry.ClusterBits; cluster <= last; cluster++)
                {
                    ChangedRanges.Add(cluster >> _geometry.RefcountBlockBits);
                }
            }
        }
    }
}
