// References added and taken away by whole first-level tables, as snapshots come and go. The counts
// are those in memory; where they reach the file is the caller's business. Spec:
// spec/formats/qcow2/snapshots.md (FMT-QCOW2-505, FMT-QCOW2-507), refcounts.md.
using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>A first-level table: where it is and how many entries count.</summary>
internal readonly record struct Qcow2L1(long OffsetBytes, long Entries)
{
    internal long LengthBytes => Entries * sizeof(ulong);
}

/// <summary>
/// Changes of counts. A count that falls to nothing stays 1 until <see cref="FreeAsync"/>: until
/// then the file's header may lead to the cluster.
/// </summary>
internal sealed class Qcow2TableReferences(
    Qcow2Tables tables,
    Qcow2Refcounts refcounts,
    Qcow2Mapping mapping
)
{
    private readonly Qcow2Geometry _geometry = tables.Geometry;

    // Sets of 64 clusters, a bit for each: what is dropped lies together mostly.
    private readonly Dictionary<long, ulong> _dropped = [];

    /// <summary>Whether the last reference to a cluster is gone.</summary>
    internal bool IsDropped(long cluster) =>
        _dropped.TryGetValue(cluster >> 6, out ulong bits)
        && (bits >> (int)(cluster & 63) & 1) != 0;

    /// <summary>Counts all that a table leads to once more.</summary>
    internal ValueTask<BlockError?> AddAsync(Qcow2L1 l1) => WalkAsync(l1, isAdding: true);

    /// <summary>Counts all that a table leads to once less.</summary>
    internal ValueTask<BlockError?> RemoveAsync(Qcow2L1 l1) => WalkAsync(l1, isAdding: false);

    /// <summary>Takes one reference from each cluster of a run of bytes.</summary>
    internal async ValueTask<BlockError?> DropAsync(long offset, long bytes)
    {
        long first = offset >> _geometry.ClusterBits;
        long end = first + _geometry.ClustersFor(bytes);
        for (long cluster = first; cluster < end; cluster++)
        {
            BlockError? error = await ChangeAsync(cluster, 1, isAdding: false)
                .ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
        }
        return null;
    }

    /// <summary>Frees what has no reference. Nothing in the file leads there any more.</summary>
    internal async ValueTask<BlockError?> FreeAsync()
    {
        List<long> sets = [.. _dropped.Keys];
        // Neighbours are counted in one page.
        sets.Sort();
        foreach (long set in sets)
        {
            for (int bit = 0; bit < 64; bit++)
            {
                long cluster = (set << 6) + bit;
                BlockError? error = IsDropped(cluster)
                    ? await refcounts.DecrementAsync(cluster).ConfigureAwait(false)
                    : null;
                if (error is not null)
                {
                    return error;
                }
            }
        }
        _dropped.Clear();
        return null;
    }

    /// <summary>The words of a table of the file that are not 0, in their order.</summary>
    internal async ValueTask<BlockError?> ReadAsync(Qcow2L1 l1, Action<long, ulong> take)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Qcow2Limits.CopyBufferBytes);
        long bytes = Math.Min(l1.LengthBytes, tables.Storage.LengthBytes - l1.OffsetBytes);
        BlockError? error = null;
        for (long done = 0; done < bytes && error is null; done += Qcow2Limits.CopyBufferBytes)
        {
            int piece = (int)Math.Min(Qcow2Limits.CopyBufferBytes, (bytes - done + 7) & ~7L);
            error = await tables
                .Storage.ReadAsync(l1.OffsetBytes + done, buffer.AsMemory(0, piece))
                .ConfigureAwait(false);
            ReadOnlySpan<byte> rest = buffer.AsSpan(0, error is null ? piece : 0);
            long index = done / sizeof(ulong);
            while (ZeroBytes.First(rest) is var first and >= 0)
            {
                index += first / sizeof(ulong);
                rest = rest[(first & ~7)..];
                take(index++, BinaryPrimitives.ReadUInt64BigEndian(rest));
                rest = rest[sizeof(ulong)..];
            }
        }
        ArrayPool<byte>.Shared.Return(buffer);
        return error;
    }

    // A second-level table is walked once, however many entries lead to it (FMT-QCOW2-806).
    private async ValueTask<BlockError?> WalkAsync(Qcow2L1 l1, bool isAdding)
    {
        SortedDictionary<long, ulong> found = [];
        BlockError? damage = null;
        BlockError? error = await ReadAsync(
                l1,
                (index, entry) =>
                {
                    damage ??= mapping.CheckL1(index, entry);
                    long table = Qcow2Entry.Offset(entry);
                    if (damage is null && table != 0)
                    {
                        found[table] = found.GetValueOrDefault(table) + 1;
                    }
                }
            )
            .ConfigureAwait(false);
        error ??= damage;
        byte[] buffer = ArrayPool<byte>.Shared.Rent(_geometry.ClusterBytes);
        Memory<byte> bytes = buffer.AsMemory(0, _geometry.ClusterBytes);
        foreach ((long table, ulong times) in found)
        {
            error ??= await tables.Storage.ReadAsync(table, bytes).ConfigureAwait(false);
            error ??= await ChangeTableAsync(bytes, times, isAdding).ConfigureAwait(false);
            error ??= await ChangeAsync(table >> _geometry.ClusterBits, times, isAdding)
                .ConfigureAwait(false);
        }
        ArrayPool<byte>.Shared.Return(buffer);
        return error;
    }

    private async ValueTask<BlockError?> ChangeTableAsync(
        ReadOnlyMemory<byte> table,
        ulong times,
        bool isAdding
    )
    {
        for (int at = 0; at < table.Length; at += sizeof(ulong))
        {
            ulong entry = BinaryPrimitives.ReadUInt64BigEndian(table.Span[at..]);
            if (entry == 0)
            {
                continue;
            }
            BlockError? error = mapping.CheckL2(entry, out long first, out long last);
            for (long cluster = first; cluster <= last && error is null; cluster++)
            {
                error = await ChangeAsync(cluster, times, isAdding).ConfigureAwait(false);
            }
            if (error is not null)
            {
                return error;
            }
        }
        return null;
    }

    private async ValueTask<BlockError?> ChangeAsync(long cluster, ulong times, bool isAdding)
    {
        RefcountResult found = await refcounts.GetAsync(cluster).ConfigureAwait(false);
        if (found.Error is not null)
        {
            return found.Error;
        }
        if (found.Count == 0 || IsDropped(cluster))
        {
            return Qcow2Corruption.At($"cluster {cluster:x} is used but counts as free");
        }
        if (isAdding)
        {
            // A count that is too narrow cannot have snapshots.
            return times > refcounts.MaxCount - found.Count
                ? HostErrors.OfRequest(HostErrno.Invalid, -1)
                : await refcounts.SetAsync(cluster, found.Count + times).ConfigureAwait(false);
        }
        if (found.Count < times)
        {
            return Qcow2Corruption.At($"cluster {cluster:x} counts fewer references than it has");
        }
        if (found.Count == times)
        {
            ulong bits = _dropped.GetValueOrDefault(cluster >> 6);
            _dropped[cluster >> 6] = bits | (1ul << (int)(cluster & 63));
        }
        ulong left = Math.Max(found.Count - times, 1);
        return await refcounts.SetAsync(cluster, left).ConfigureAwait(false);
    }
}
