// Changing the guest's length. New bytes read as zeroes whatever the file, the tables or a longer
// backing hold there; what is cut off is freed. Spec: spec/block/resize.md (BLK-SIZE-003 to -007).
using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    /// <summary>Sets the guest's length in bytes.</summary>
    public async ValueTask<BlockError?> TruncateAsync(long lengthBytes)
    {
        if ((lengthBytes & SectorMask) != 0)
        {
            return Qcow2Header.Refused("The new size must be a multiple of 512");
        }
        GuestRanges.Claim claim = _ranges.Enter(
            0,
            long.MaxValue,
            isAlone: true,
            out ValueTask held
        );
        await held.ConfigureAwait(false);
        try
        {
            return await TruncateClaimedAsync(lengthBytes).ConfigureAwait(false);
        }
        finally
        {
            _ranges.Leave(claim);
        }
    }

    private async ValueTask<BlockError?> TruncateClaimedAsync(long length)
    {
        long old = GuestLengthBytes;
        BlockError? error = await HoldAsync(PrepareForWritingAsync).ConfigureAwait(false);
        if (error is not null || length == old)
        {
            return error;
        }
        if (_tables.Header.SnapshotCount != 0 && _tables.Header.Version < 3)
        {
            // Its snapshots need not say how long their disk was (BLK-SIZE-006).
            return Qcow2Header.Refused("Can't resize a v2 image which has snapshots");
        }
        long l1Entries = (long)_geometry.L1EntriesFor((ulong)length);
        if (l1Entries > Qcow2Limits.MaxL1Bytes / sizeof(ulong))
        {
            return Qcow2Header.Refused("Failed to grow the L1 table: File too large");
        }
        // BLK-SIZE-006 for a smaller length.
        error =
            length > old
                ? await GrowClaimedAsync(old, length, l1Entries).ConfigureAwait(false)
                : await UnlinkAsync(_geometry.ClusterEnd(length), _tables.Header.L1EntryCount)
                    .ConfigureAwait(false);
        return error ?? await HoldAsync(() => FinishHeldAsync(length)).ConfigureAwait(false);
    }

    // The new length comes last: until then nothing of the change can be seen.
    private async ValueTask<BlockError?> FinishHeldAsync(long length) =>
        await WriteBackHeldAsync().ConfigureAwait(false)
        ?? await _tables.BarrierAsync().ConfigureAwait(false)
        ?? await WriteSizeAsync(length).ConfigureAwait(false);

    private ValueTask<BlockError?> UnlinkAsync(long start, long l1Entries) =>
        HoldAsync(() => _mapping.UnlinkAsync(start, l1Entries));

    private async ValueTask<BlockError?> GrowClaimedAsync(long old, long length, long l1Entries)
    {
        BlockError? error = null;
        if (l1Entries > _tables.Header.L1EntryCount)
        {
            error = await HoldAsync(() => GrowL1Async((int)l1Entries)).ConfigureAwait(false);
        }
        long partEnd = Math.Min(_geometry.ClusterEnd(old), length);
        if (error is null && partEnd > old && !Planted.Is(Bug.CutBytesComeBack))
        {
            error = await ClearOldEndAsync(old, partEnd - old).ConfigureAwait(false);
        }
        if (error is null && length > partEnd)
        {
            // Entries behind the old end are leftovers of another program.
            error = await UnlinkAsync(partEnd, l1Entries).ConfigureAwait(false);
            long backed = Math.Min(length, Backing is null ? 0 : Backing.LengthBytes);
            if (error is null && backed > partEnd && !Planted.Is(Bug.BackingShowsBeyondOldEnd))
            {
                error = await ZeroNewAsync(partEnd, backed).ConfigureAwait(false);
            }
        }
        return error;
    }

    // The part of the last cluster behind the old end: what the file has there is not the guest's.
    private async ValueTask<BlockError?> ClearOldEndAsync(long old, long length)
    {
        MappingResult run = await FindAsync(old, length).ConfigureAwait(false);
        bool isUnseen =
            run.Kind == ClusterKind.Zero || (run.Kind == ClusterKind.Unallocated && !IsBacked(old));
        if (run.Error is not null || isUnseen)
        {
            return run.Error;
        }
        return await WriteAloneAsync(old, new Payload(default, length)).ConfigureAwait(false);
    }

    // Whole clusters that a longer backing would show (BLK-SIZE-005).
    private async ValueTask<BlockError?> ZeroNewAsync(long start, long end)
    {
        if (_tables.Header.Version < 3)
        {
            Payload zeroes = new(default, end - start);
            return await WriteAloneAsync(start, zeroes).ConfigureAwait(false);
        }
        BlockError? error = null;
        while (start < end && error is null)
        {
            long clusters = _geometry.ClustersFor(end - start);
            int count = (int)Math.Min(clusters, _mapping.ClustersInPage(start));
            long from = start;
            error = await HoldAsync(() => _mapping.ZeroAsync(from, count, mayUnmap: false))
                .ConfigureAwait(false);
            start += (long)count << _geometry.ClusterBits;
        }
        return error;
    }

    private async ValueTask<BlockError?> WriteSizeAsync(long length)
    {
        byte[] field = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(field, length);
        BlockError? error = await _tables
            .WriteAsync(Qcow2Header.SizeFieldOffset, field)
            .ConfigureAwait(false);
        if (error is null)
        {
            _tables.Header.SizeBytes = (ulong)length;
        }
        return error;
    }

    // A larger first-level table is a new one elsewhere; the header changes over in one write.
    private async ValueTask<BlockError?> GrowL1Async(int entries)
    {
        Qcow2Header header = _tables.Header;
        long oldBytes = (long)header.L1EntryCount * sizeof(ulong);
        long newBytes = (long)entries * sizeof(ulong);
        int clusters = (int)_geometry.ClustersFor(newBytes);
        await _tables.Storage.RaiseAsync(BlockDebugEvent.L1GrowAllocTable).ConfigureAwait(false);
        RunResult place = await _allocator.TakeTogetherAsync(clusters).ConfigureAwait(false);
        if (place.Error is not null)
        {
            return place.Error;
        }
        long offset = place.FirstCluster << _geometry.ClusterBits;
        long areaBytes = (long)clusters << _geometry.ClusterBits;
        BlockError? error =
            await WriteBackHeldAsync().ConfigureAwait(false)
            ?? await _tables.ClearAsync(offset, areaBytes).ConfigureAwait(false)
            ?? await CopyTableAsync(_tables.L1Offset, offset, oldBytes).ConfigureAwait(false)
            ?? await _tables.ReachAsync(offset + areaBytes).ConfigureAwait(false)
            ?? await _tables.BarrierAsync().ConfigureAwait(false);
        if (error is not null)
        {
            _ = await _allocator.GiveBackAsync(place).ConfigureAwait(false);
            return error;
        }
        // From here on the header may point to the new table, so it is not given back any more.
        error = await WriteL1FieldsAsync(entries, offset).ConfigureAwait(false);
        if (error is not null)
        {
            return error;
        }
        // Entries go to the new table now, or they would be lost. The old one is freed only by who
        // knows that no crash brings it back.
        error = await _tables.BarrierAsync().ConfigureAwait(false);
        long oldCluster = _tables.L1Offset >> _geometry.ClusterBits;
        int oldClusters = (int)_geometry.ClustersFor(oldBytes);
        _tables.Cache.Forget(_tables.L1Offset, (long)oldClusters << _geometry.ClusterBits);
        header.L1Offset = (ulong)offset;
        header.L1EntryCount = (uint)entries;
        _tables.Extents.MoveL1(place.FirstCluster, clusters);
        return error
            ?? await _allocator
                .GiveBackAsync(new RunResult(oldCluster, oldClusters, null))
                .ConfigureAwait(false);
    }

    private async ValueTask<BlockError?> CopyTableAsync(long from, long to, long bytes)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(Qcow2Limits.CopyBufferBytes);
        BlockError? error = null;
        for (long at = 0; at < bytes && error is null; at += Qcow2Limits.CopyBufferBytes)
        {
            int count = (int)Math.Min(bytes - at, Qcow2Limits.CopyBufferBytes);
            Memory<byte> piece = buffer.AsMemory(0, count);
            error =
                await _tables.Storage.ReadAsync(from + at, piece).ConfigureAwait(false)
                ?? await _tables
                    .WriteAsync(to + at, piece, BlockDebugEvent.L1GrowWriteTable)
                    .ConfigureAwait(false);
        }
        ArrayPool<byte>.Shared.Return(buffer);
        return error;
    }

    // Number and place lie side by side in the header.
    private ValueTask<BlockError?> WriteL1FieldsAsync(int entries, long offset)
    {
        byte[] fields = new byte[sizeof(uint) + sizeof(ulong)];
        BinaryPrimitives.WriteInt32BigEndian(fields, entries);
        BinaryPrimitives.WriteInt64BigEndian(fields.AsSpan(sizeof(uint)), offset);
        return _tables.WriteAsync(
            Qcow2Header.L1SizeFieldOffset,
            fields,
            BlockDebugEvent.L1GrowActivateTable
        );
    }
}
