// New refcount blocks and a new table for an image whose own cannot be mended. They lie in clusters
// that nobody refers to, and the header turns to them in one write, so that a cut leaves either the
// old structure or the new one. Spec: spec/formats/qcow2/consistency.md (FMT-QCOW2-811).
using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed class Qcow2Rebuild(
    ImageStorage storage,
    Qcow2Header header,
    Qcow2References references
)
{
    private readonly Qcow2Geometry _geometry = header.Geometry;
    private readonly List<long> _table = [];

    /// <summary>
    /// Writes the references as counts and makes the header point to them. The old structure stays
    /// counted: it has references until the next check.
    /// </summary>
    internal async ValueTask<BlockError?> RunAsync()
    {
        references.ChangeAll();
        BlockError? error = await WriteBlocksAsync().ConfigureAwait(false);
        long tableCluster = 0;
        long tableClusters = -1;
        // The table needs room, that room a count, that count perhaps a block and a longer table.
        while (error is null && TableClusters() > tableClusters)
        {
            tableClusters = TableClusters();
            tableCluster = references.Take(0, tableClusters);
            error = await WriteBlocksAsync().ConfigureAwait(false);
        }
        return error
            ?? await SwitchAsync(tableCluster << _geometry.ClusterBits, tableClusters)
                .ConfigureAwait(false);
    }

    private long TableClusters() => _geometry.ClustersFor((long)_table.Count * sizeof(ulong));

    // From the lowest range on; a block in its own range or behind it does not touch those before.
    private async ValueTask<BlockError?> WriteBlocksAsync()
    {
        while (references.ChangedRanges.Count > 0)
        {
            long range = references.ChangedRanges.Min;
            while (_table.Count <= range)
            {
                _table.Add(0);
            }
            if (_table[(int)range] == 0)
            {
                long block = references.Take(range << _geometry.RefcountBlockBits, 1);
                _table[(int)range] = block << _geometry.ClusterBits;
            }
            references.ChangedRanges.Remove(range);
            if (TableClusters() << _geometry.ClusterBits > Qcow2Limits.MaxRefcountTableBytes)
            {
                return HostErrors.OfRequest(HostErrno.FileTooBig, -1);
            }
            BlockError? error = await WriteBlockAsync(range).ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }
        }
        return null;
    }

    private async ValueTask<BlockError?> WriteBlockAsync(long range)
    {
        byte[] block = ArrayPool<byte>.Shared.Rent(_geometry.ClusterBytes);
        Memory<byte> bytes = block.AsMemory(0, _geometry.ClusterBytes);
        bytes.Span.Clear();
        long first = range << _geometry.RefcountBlockBits;
        long count = Math.Min(1L << _geometry.RefcountBlockBits, references.Slots - first);
        for (int index = 0; index < count; index++)
        {
            uint number = references[first + index];
            RefcountEntries.Set(bytes.Span, index, _geometry.RefcountOrder, number);
        }
        BlockError? error = await storage
            .WriteAsync(_table[(int)range], bytes)
            .ConfigureAwait(false);
        ArrayPool<byte>.Shared.Return(block);
        return error;
    }

    // Offset and size lie side by side in the header, so that one write changes both.
    private async ValueTask<BlockError?> SwitchAsync(long offset, long clusters)
    {
        byte[] table = new byte[clusters << _geometry.ClusterBits];
        for (int index = 0; index < _table.Count; index++)
        {
            BinaryPrimitives.WriteInt64BigEndian(table.AsSpan(index * 8), _table[index]);
        }
        byte[] field = new byte[sizeof(ulong) + sizeof(uint)];
        BinaryPrimitives.WriteInt64BigEndian(field, offset);
        BinaryPrimitives.WriteUInt32BigEndian(field.AsSpan(sizeof(ulong)), (uint)clusters);
        BlockError? error =
            await storage.WriteAsync(offset, table).ConfigureAwait(false)
            ?? await storage.FlushAsync().ConfigureAwait(false)
            ?? await storage
                .WriteAsync(Qcow2Header.RefcountTableFieldOffset, field)
                .ConfigureAwait(false)
            ?? await storage.FlushAsync().ConfigureAwait(false);
        if (error is null)
        {
            header.RefcountTableOffset = (ulong)offset;
            header.RefcountTableClusters = (uint)clusters;
        }
        return error;
    }
}
