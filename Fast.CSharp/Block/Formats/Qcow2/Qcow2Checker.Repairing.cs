// What a check mends: counts, copied bits, the refcount structure, and entries that mean zeroes
// whatever their place. Writes are in an order in which a cut leaves an image that can be repaired.
// Spec: spec/formats/qcow2/consistency.md (FMT-QCOW2-810 to -813), refcounts.md.
using System;
using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>What a check repairs.</summary>
internal enum Qcow2Fixes
{
    None,

    /// <summary>Counts that are too high.</summary>
    Leaks,

    /// <summary>Whatever can be repaired.</summary>
    All,
}

internal sealed partial class Qcow2Checker
{
    // Upper tables and blocks: whoever writes an entry looks whether its table is one of them.
    private readonly Dictionary<long, MetadataUse> _reserved = [];
    private readonly Dictionary<long, long> _blocks = [];
    private readonly HashSet<long> _unreadableBlocks = [];
    private readonly HashSet<long> _overflown = [];
    private readonly List<long> _zeroed = [];
    private Qcow2Fixes _allowed;
    private bool _needsRebuild;

    // FMT-QCOW2-812: a table that cannot be followed may have meant what nothing else refers to.
    private bool _missesTables;

    // What single entries beyond the file's end point to is counted by some blocks nevertheless.
    private readonly Dictionary<long, ulong> _farCounts = [];

    [Flags]
    private enum MetadataUse : byte
    {
        ActiveL1 = 1,
        Other = 2,
    }

    private void Forget(Qcow2Fixes allowed)
    {
        _allowed = allowed;
        _needsRebuild = _missesTables = false;
        _farCounts.Clear();
        _tables.Clear();
        _activeL1.Clear();
        _reserved.Clear();
        _blocks.Clear();
        _unreadableBlocks.Clear();
        _overflown.Clear();
        _l1Entries = 0;
        _result.AllocatedClusters = 0;
        _result.FragmentedClusters = 0;
        _result.CompressedClusters = 0;
    }

    private void Reserve(long offset, long length, MetadataUse use)
    {
        if (fixes == Qcow2Fixes.None || length == 0)
        {
            return;
        }
        long last = (offset + length - 1) >> _geometry.ClusterBits;
        for (long cluster = offset >> _geometry.ClusterBits; cluster <= last; cluster++)
        {
            _reserved[cluster] = _reserved.GetValueOrDefault(cluster) | use;
        }
    }

    private void MissRange(long offset, long length, uint times)
    {
        if (length <= _geometry.ClusterBytes)
        {
            _farCounts[offset >> _geometry.ClusterBits] = 0;
        }
        if (fixes == Qcow2Fixes.All)
        {
            _references.AddBeyond(offset, length, times);
        }
    }

    // FMT-QCOW2-312
    private void Overflow(long cluster, ulong times)
    {
        _overflown.Add(cluster);
        Corrupt($"ERROR: overflow cluster offset=0x{Hex(cluster << _geometry.ClusterBits)}");
        _result.Corruptions += (long)times - 1;
        Say(
            "Use qemu-img amend to increase the refcount entry width or qemu-img convert to create "
                + "a clean copy if the image cannot be opened for writing"
        );
    }

    private void MissBlock(long index)
    {
        if (_allowed == Qcow2Fixes.All)
        {
            Say($"Repairing refcount block {index} is outside image");
            _result.CorruptionsFixed++;
            _needsRebuild = true;
        }
        else
        {
            Corrupt($"ERROR refcount block {index} is outside image");
        }
    }

    // An entry that means zeroes whatever its place is needs none.
    private bool TryZero(long place, string fault)
    {
        if (_allowed != Qcow2Fixes.All)
        {
            return false;
        }
        Say("Repairing " + fault);
        _zeroed.Add(place);
        return true;
    }

    private async ValueTask<BlockError?> ZeroUnalignedAsync()
    {
        byte[] zero = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(zero, Qcow2Entry.Zero);
        BlockError? error = null;
        foreach (long place in _zeroed)
        {
            if (_reserved.ContainsKey(place >> _geometry.ClusterBits))
            {
                error ??= Overlapping("ERROR: Overlap check failed");
            }
            error ??= await storage.WriteAsync(place, zero).ConfigureAwait(false);
            _result.CorruptionsFixed += error is null ? 1 : 0;
        }
        _zeroed.Clear();
        return error;
    }

    private async ValueTask<BlockError?> CompareAndRepairAsync()
    {
        long corruptions = _result.Corruptions;
        Compare(Qcow2Fixes.None);
        if (_needsRebuild && fixes == Qcow2Fixes.All)
        {
            return await RebuildAsync().ConfigureAwait(false);
        }
        if (_needsRebuild && fixes != Qcow2Fixes.None)
        {
            _result.CheckErrors++;
            Say("ERROR need to rebuild refcount structures");
            return HostErrors.OfRequest(HostErrno.Io, -1);
        }
        if (fixes == Qcow2Fixes.None || _result is { Corruptions: 0, Leaks: 0 })
        {
            return null;
        }
        _result.Corruptions = corruptions;
        _result.Leaks = 0;
        _result.CheckErrors = 0;
        return await WriteCountsAsync(Compare(fixes)).ConfigureAwait(false);
    }

    // FMT-QCOW2-308, FMT-QCOW2-309; returns the clusters whose counts are to be written.
    private List<long> Compare(Qcow2Fixes allowed)
    {
        List<long> changed = [];
        _result.EndBytes = _geometry.ClusterBytes;
        for (long cluster = 0; cluster < _counts.Length; cluster++)
        {
            uint references = _references[cluster];
            // Of what is behind the file only what is referred to matters.
            bool isInside = cluster < _counts.Length - 1 || references > 0;
            ulong count = isInside ? _counts[cluster] : 0;
            if (isInside && _unreadableBlocks.Contains(cluster >> _geometry.RefcountBlockBits))
            {
                _result.CheckErrors++;
                Say($"Can't get refcount for cluster {cluster}: Input/output error");
                continue;
            }
            if (count != 0 || references != 0)
            {
                _result.EndBytes = (cluster + 1) << _geometry.ClusterBits;
            }
            if (count == references)
            {
                continue;
            }
            bool isLeak = count > references;
            _needsRebuild |= count == 0;
            bool isFixed =
                count != 0
                && (
                    isLeak
                        ? allowed != Qcow2Fixes.None && !_missesTables
                        : allowed == Qcow2Fixes.All
                );
            string what =
                isFixed ? "Repairing"
                : isLeak ? "Leaked"
                : "ERROR";
            Say($"{what} cluster {cluster} refcount={count} reference={references}");
            if (isFixed)
            {
                changed.Add(cluster);
                _counts[cluster] = references;
            }
            _result.Leaks += isLeak && !isFixed ? 1 : 0;
            _result.LeaksFixed += isLeak && isFixed ? 1 : 0;
            _result.Corruptions += !isLeak && !isFixed ? 1 : 0;
            _result.CorruptionsFixed += !isLeak && isFixed ? 1 : 0;
        }
        return changed;
    }

    // A block at a time. What lowered a count, an entry without its place or a new table, is safe
    // first.
    private async ValueTask<BlockError?> WriteCountsAsync(List<long> changed)
    {
        if (changed.Count == 0)
        {
            return null;
        }
        BlockError? error = await storage.FlushAsync().ConfigureAwait(false);
        byte[] block = ArrayPool<byte>.Shared.Rent(_geometry.ClusterBytes);
        Memory<byte> bytes = block.AsMemory(0, _geometry.ClusterBytes);
        int order = _geometry.RefcountOrder;
        int next = 0;
        while (next < changed.Count && error is null)
        {
            long range = changed[next] >> _geometry.RefcountBlockBits;
            long first = range << _geometry.RefcountBlockBits;
            error = await storage.ReadAsync(_blocks[range], bytes).ConfigureAwait(false);
            if (error is not null)
            {
                break;
            }
            while (next < changed.Count && changed[next] >> _geometry.RefcountBlockBits == range)
            {
                long cluster = changed[next++];
                RefcountEntries.Set(bytes.Span, (int)(cluster - first), order, _counts[cluster]);
            }
            error = await storage.WriteAsync(_blocks[range], bytes).ConfigureAwait(false);
        }
        ArrayPool<byte>.Shared.Return(block);
        return error ?? await storage.FlushAsync().ConfigureAwait(false);
    }

    // FMT-QCOW2-811. The old structure is a leak of the new one.
    private async ValueTask<BlockError?> RebuildAsync()
    {
        long corruptions = _result.Corruptions;
        long leaks = _result.Leaks;
        Say("Rebuilding refcount structure");
        for (long cluster = 0; _missesTables && cluster < _counts.Length - 1; cluster++)
        {
            if (_counts[cluster] != 0)
            {
                _references.Keep(cluster);
            }
        }
        BlockError? error = await new Qcow2Rebuild(storage, header, _references)
            .RunAsync()
            .ConfigureAwait(false);
        _result.Corruptions = 0;
        _result.Leaks = 0;
        _result.CheckErrors = 0;
        error ??= await CountAllAsync(Qcow2Fixes.None).ConfigureAwait(false);
        if (error is not null)
        {
            return error;
        }
        long left = _result.Corruptions;
        long leaksFixed = _result.LeaksFixed;
        List<long> changed = Compare(Qcow2Fixes.Leaks);
        if (_needsRebuild)
        {
            Say("ERROR rebuilt refcount structure is still broken");
        }
        _result.CorruptionsFixed += Math.Max(0, corruptions - left);
        _result.LeaksFixed = leaksFixed + Math.Max(0, leaks - _result.Leaks);
        return await WriteCountsAsync(changed).ConfigureAwait(false);
    }

    // FMT-QCOW2-310. A bit that says that a cluster is the image's own is written after the count.
    private async ValueTask<BlockError?> CheckCopiedAsync()
    {
        bool isRepaired =
            fixes == Qcow2Fixes.All
            || (
                fixes == Qcow2Fixes.Leaks && _result is { CheckErrors: 0, Corruptions: 0, Leaks: 0 }
            );
        List<(long Place, ulong Entry)> changed = [];
        foreach ((long index, ulong entry) in _activeL1)
        {
            long table = Qcow2Entry.Offset(entry);
            if (table == 0 || !_geometry.IsAligned((ulong)table) || table >= _fileBytes)
            {
                continue;
            }
            changed.Clear();
            long place = (long)header.L1Offset + (index * sizeof(ulong));
            string subject = $"L2 cluster: l1_index={index} l1_entry={Hex((long)entry)}";
            CheckCopied(place, entry, table, subject);
            BlockError? error =
                await WriteL1EntryAsync(changed).ConfigureAwait(false)
                ?? await WalkAsync(table, 1L << _geometry.L2Bits, CheckWord).ConfigureAwait(false)
                ?? await WriteL2Async(table, changed).ConfigureAwait(false);
            if (error is not null)
            {
                return error;
            }

            void CheckWord(long number, ulong word)
            {
                long data = Qcow2Entry.Offset(word);
                if ((word & Qcow2Entry.Compressed) == 0 && data != 0)
                {
                    long at = table + (number * sizeof(ulong));
                    CheckCopied(at, word, data, $"data cluster: l2_entry={Hex((long)word)}");
                }
            }
        }
        return null;

        void CheckCopied(long place, ulong word, long target, string subject)
        {
            long cluster = target >> _geometry.ClusterBits;
            ulong count = CountOf(target);
            bool isAlone = count == 1;
            if (
                isAlone == ((word & Qcow2Entry.Copied) != 0)
                || _unreadableBlocks.Contains(cluster >> _geometry.RefcountBlockBits)
            )
            {
                return;
            }
            // What has more references than a count can say must not become somebody's own.
            bool isFixed = isRepaired && !(isAlone && _overflown.Contains(cluster));
            Say($"{(isFixed ? "Repairing" : "ERROR")} OFLAG_COPIED {subject} refcount={count}");
            _result.Corruptions += isFixed ? 0 : 1;
            if (isFixed)
            {
                changed.Add((place, word ^ Qcow2Entry.Copied));
            }
        }
    }

    private async ValueTask<BlockError?> WriteL1EntryAsync(List<(long Place, ulong Entry)> changed)
    {
        if (changed.Count == 0)
        {
            return null;
        }
        (long place, ulong entry) = changed[0];
        changed.Clear();
        long l1Bytes = (long)header.L1EntryCount * sizeof(ulong);
        long last = ((long)header.L1Offset + l1Bytes - 1) >> _geometry.ClusterBits;
        for (
            long cluster = (long)header.L1Offset >> _geometry.ClusterBits;
            cluster <= last;
            cluster++
        )
        {
            bool isTable = _tables.ContainsKey(cluster << _geometry.ClusterBits);
            if (isTable || _reserved[cluster] != MetadataUse.ActiveL1)
            {
                return Overlapping("ERROR: the L1 table lies over another table");
            }
        }
        byte[] bytes = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, entry);
        BlockError? error = await storage.WriteAsync(place, bytes).ConfigureAwait(false);
        _result.CorruptionsFixed += error is null ? 1 : 0;
        return error;
    }

    private async ValueTask<BlockError?> WriteL2Async(
        long table,
        List<(long Place, ulong Entry)> changed
    )
    {
        if (changed.Count == 0)
        {
            return null;
        }
        if (_reserved.ContainsKey(table >> _geometry.ClusterBits))
        {
            return Overlapping(
                "ERROR: Could not write L2 table; metadata overlap check failed: Input/output error"
            );
        }
        byte[] buffer = ArrayPool<byte>.Shared.Rent(_geometry.ClusterBytes);
        Memory<byte> bytes = buffer.AsMemory(0, _geometry.ClusterBytes);
        BlockError? error = await storage.ReadAsync(table, bytes).ConfigureAwait(false);
        if (error is null)
        {
            foreach ((long place, ulong entry) in changed)
            {
                BinaryPrimitives.WriteUInt64BigEndian(bytes.Span[(int)(place - table)..], entry);
            }
            error = await storage.WriteAsync(table, bytes).ConfigureAwait(false);
        }
        ArrayPool<byte>.Shared.Return(buffer);
        _result.CorruptionsFixed += error is null ? changed.Count : 0;
        return error;
    }

    private BlockError Overlapping(string line)
    {
        _result.CheckErrors++;
        Say(line);
        return HostErrors.OfRequest(HostErrno.Io, -1)!;
    }
}
