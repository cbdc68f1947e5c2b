// Internal snapshots: listed, made, applied, deleted, and shown in the disk's place. Spec:
// spec/formats/qcow2/snapshots.md.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using System.Threading.Tasks;

namespace Ashlar.Block;

internal sealed partial class Qcow2Image
{
    // Read when first wanted; null before that and after a change.
    private Qcow2SnapshotsResult? _snapshots;

    /// <summary>How many internal snapshots the header says there are.</summary>
    internal long SnapshotCount => _tables.Header.SnapshotCount;

    /// <summary>The internal snapshots in the order of their table.</summary>
    internal async ValueTask<Qcow2SnapshotsResult> ListSnapshotsAsync()
    {
        await _gate.EnterAsync().ConfigureAwait(false);
        try
        {
            return await FindSnapshotsHeldAsync().ConfigureAwait(false);
        }
        finally
        {
            _gate.Leave();
        }
    }

    /// <summary>
    /// Makes a snapshot of the disk as it is (FMT-QCOW2-507); the name is cut to what QEMU keeps of
    /// one, the id is the next number. The time is that since 1970.
    /// </summary>
    internal ValueTask<BlockError?> CreateSnapshotAsync(string name, TimeSpan time) =>
        RestateAsync(before =>
        {
            Qcow2L1 active = ActiveL1;
            Qcow2Snapshot made = new()
            {
                L1Offset = active.OffsetBytes,
                L1EntryCount = (uint)active.Entries,
                IdBytes = Encoding.ASCII.GetBytes(NextId(before.Snapshots)),
                NameBytes = NameOf(name),
                Seconds = (uint)(time.Ticks / TimeSpan.TicksPerSecond),
                Nanoseconds = (uint)(
                    time.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick
                ),
                DiskBytes = (ulong)GuestLengthBytes,
                // There is no machine whose instructions could be counted; QEMU's tool writes this.
                InstructionCount = 0,
            };
            // The snapshot keeps the table, and the disk gets a new one.
            Qcow2Change change = new()
            {
                Added = active,
                Source = active,
                L1Entries = active.Entries,
                SizeBytes = _tables.Header.SizeBytes,
                Snapshots = [.. before.Snapshots, made],
                OldSnapshotBytes = before.TableBytes,
            };
            return (change, null);
        });

    /// <summary>
    /// Deletes the snapshot of that place in the table, which has been listed (FMT-QCOW2-507).
    /// </summary>
    internal ValueTask<BlockError?> DeleteSnapshotAsync(int index) =>
        RestateAsync(before =>
        {
            Qcow2Snapshot gone = before.Snapshots[index];
            List<Qcow2Snapshot> left = [.. before.Snapshots];
            left.RemoveAt(index);
            Qcow2L1 table = new(gone.L1Offset, gone.L1EntryCount);
            Qcow2Change change = new()
            {
                Removed = table,
                Gone = [table, ActiveL1],
                Source = ActiveL1,
                L1Entries = ActiveL1.Entries,
                SizeBytes = _tables.Header.SizeBytes,
                Snapshots = left,
                OldSnapshotBytes = before.TableBytes,
            };
            return (change, null);
        });

    /// <summary>
    /// Makes the disk what it was at the snapshot of that place in the table, which has been
    /// listed, its length too (FMT-QCOW2-507, FMT-QCOW2-509).
    /// </summary>
    internal ValueTask<BlockError?> ApplySnapshotAsync(int index) =>
        RestateAsync(before =>
        {
            Qcow2Snapshot wanted = before.Snapshots[index];
            long size = (long)(wanted.DiskBytes & ~(ulong)SectorMask);
            BlockError? error = CheckDisk(wanted, out long entries);
            Qcow2L1 source = new(wanted.L1Offset, Math.Min(wanted.L1EntryCount, entries));
            Qcow2Change change = new()
            {
                Added = source,
                Removed = ActiveL1,
                Gone = [ActiveL1],
                Source = source,
                L1Entries = entries,
                SizeBytes = size == GuestLengthBytes ? _tables.Header.SizeBytes : (ulong)size,
                Snapshots = before.Snapshots,
                OldSnapshotBytes = before.TableBytes,
            };
            return (change, error);
        });

    /// <summary>
    /// Gives up all that the disk has, so that it shows its backing again (FMT-QCOW2-510).
    /// </summary>
    internal ValueTask<BlockError?> EmptyAsync() =>
        RestateAsync(before =>
        {
            Qcow2Change change = new()
            {
                Removed = ActiveL1,
                Gone = [ActiveL1],
                Source = default,
                L1Entries = ActiveL1.Entries,
                SizeBytes = _tables.Header.SizeBytes,
                Snapshots = before.Snapshots,
                OldSnapshotBytes = before.TableBytes,
            };
            return (change, null);
        });

    /// <summary>
    /// Shows a listed snapshot in the disk's place, for reading only, until the image is closed
    /// (FMT-QCOW2-504). Nothing of the image may have been written.
    /// </summary>
    internal async ValueTask<BlockError?> ShowSnapshotAsync(Qcow2Snapshot snapshot)
    {
        GuestRanges.Claim claim = _ranges.Enter(0, long.MaxValue, true, out ValueTask held);
        await held.ConfigureAwait(false);
        await _gate.EnterAsync().ConfigureAwait(false);
        try
        {
            BlockError? error = snapshot.CheckL1(_geometry) ?? CheckDisk(snapshot, out _);
            if (error is null)
            {
                Qcow2Header header = _tables.Header;
                header.L1Offset = (ulong)snapshot.L1Offset;
                header.L1EntryCount = snapshot.L1EntryCount;
                header.SizeBytes = snapshot.DiskBytes;
                _tables.IsSnapshotShown = true;
                _tables.Cache.Clear();
            }
            return error;
        }
        finally
        {
            _gate.Leave();
            _ranges.Leave(claim);
        }
    }

    private Qcow2L1 ActiveL1 => new(_tables.L1Offset, _tables.Header.L1EntryCount);

    private async ValueTask<Qcow2SnapshotsResult> FindSnapshotsHeldAsync() =>
        _snapshots ??= await Qcow2SnapshotTable
            .ReadAsync(_tables.Storage, _tables.Header)
            .ConfigureAwait(false);

    private async ValueTask<BlockError?> RestateAsync(
        Func<Qcow2SnapshotsResult, (Qcow2Change Change, BlockError? Error)> plan
    )
    {
        GuestRanges.Claim claim = _ranges.Enter(0, long.MaxValue, true, out ValueTask held);
        await held.ConfigureAwait(false);
        try
        {
            return await HoldAsync(() => RestateHeldAsync(plan)).ConfigureAwait(false);
        }
        finally
        {
            _ranges.Leave(claim);
        }
    }

    private async ValueTask<BlockError?> RestateHeldAsync(
        Func<Qcow2SnapshotsResult, (Qcow2Change Change, BlockError? Error)> plan
    )
    {
        BlockError? error = await PrepareForWritingAsync().ConfigureAwait(false);
        if (error is not null)
        {
            return error;
        }
        Qcow2SnapshotsResult before = await FindSnapshotsHeldAsync().ConfigureAwait(false);
        (Qcow2Change change, error) = before.Error is null ? plan(before) : (null!, before.Error);
        if (error is not null)
        {
            return error;
        }
        Qcow2TableReferences references = new(_tables, _refcounts, _mapping);
        Qcow2Restatement restatement = new(
            _tables,
            _refcounts,
            _allocator,
            references,
            WriteBackHeldAsync
        );
        error = await restatement.RunAsync(change).ConfigureAwait(false);
        // Whether the file is the old or the new image is not known.
        _isDamaged |= restatement.IsUncertain;
        // Where tables are has changed, also where it came to nothing.
        _snapshots = null;
        _isPreparedForWriting = false;
        return error ?? await PrepareForWritingAsync().ConfigureAwait(false);
    }

    // The entries that a table for the snapshot's disk has; more than that are machine state.
    private BlockError? CheckDisk(Qcow2Snapshot snapshot, out long entries)
    {
        entries = (long)Math.Min(_geometry.L1EntriesFor(snapshot.DiskBytes), long.MaxValue);
        entries = Math.Max(entries, 1);
        return entries > Qcow2Limits.MaxL1Bytes / sizeof(ulong)
            ? Qcow2Header.Refused("Snapshot disk size too large")
            : null;
    }

    private static string NextId(IReadOnlyList<Qcow2Snapshot> snapshots)
    {
        ulong largest = 0;
        foreach (Qcow2Snapshot one in snapshots)
        {
            largest = Math.Max(largest, one.IdNumber);
        }
        return unchecked(largest + 1).ToString(CultureInfo.InvariantCulture);
    }

    private static byte[] NameOf(string name)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(name);
        return bytes.Length <= Qcow2Limits.MaxSnapshotNameBytes
            ? bytes
            : bytes[..Qcow2Limits.MaxSnapshotNameBytes];
    }
}
