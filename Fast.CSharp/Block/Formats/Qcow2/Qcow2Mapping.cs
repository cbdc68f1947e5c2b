// From guest offsets to host offsets: the two-level tables L1 and L2, looked up and changed through
// the cache. Every entry is checked here before anybody uses it. Spec: spec/block/data.md
// (BLK-DATA-005, BLK-DATA-010).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>Where a guest cluster's content is.</summary>
internal enum ClusterKind : byte
{
    /// <summary>Not the image's own: in the backing, else zeroes.</summary>
    Unallocated,

    /// <summary>Zeroes, perhaps with a host cluster kept for later.</summary>
    Zero,

    /// <summary>In a host cluster.</summary>
    Data,

    /// <summary>Packed, from a byte of the file on.</summary>
    Compressed,
}

/// <summary>
/// A run of guest bytes of one kind, contiguous in the file too. The host offset belongs to the
/// first byte asked for; it is 0 when there is no host cluster. Of a compressed cluster it is that
/// of the packed bytes, and so many of them are read at most.
/// </summary>
internal readonly record struct MappingResult(
    ClusterKind Kind,
    long HostOffset,
    long LengthBytes,
    BlockError? Error,
    int PackedBytes = 0
);

internal sealed partial class Qcow2Mapping
{
    private readonly Qcow2Tables _tables;
    private readonly Qcow2Refcounts _refcounts;
    private readonly Qcow2Allocator _allocator;
    private readonly Qcow2Geometry _geometry;
    private readonly bool _hasZeroClusters;

    internal Qcow2Mapping(Qcow2Tables tables, Qcow2Refcounts refcounts, Qcow2Allocator allocator)
    {
        _tables = tables;
        _refcounts = refcounts;
        _allocator = allocator;
        _geometry = tables.Geometry;
        _hasZeroClusters = tables.Header.Version >= 3;
    }

    /// <summary>
    /// The run that begins at a guest offset, at most that many bytes long and at least one.
    /// </summary>
    internal async ValueTask<MappingResult> FindAsync(long guestOffset, long maxBytes)
    {
        OffsetResult table = await FindTableAsync(guestOffset).ConfigureAwait(false);
        if (table.Error is not null)
        {
            return Failed(table.Error);
        }
        if (table.Offset == 0)
        {
            long mapped = 1L << _geometry.L1EntryBits;
            long rest = mapped - (guestOffset & (mapped - 1));
            return new(ClusterKind.Unallocated, 0, Math.Min(rest, maxBytes), null);
        }
        PageResult page = await PageAsync(table.Offset, guestOffset).ConfigureAwait(false);
        return page.Error is not null
            ? Failed(page.Error)
            : FindInPage(page.Page!, guestOffset, maxBytes);
    }

    /// <summary>
    /// The second-level table that maps a guest offset; 0 when there is none.
    /// </summary>
    internal async ValueTask<OffsetResult> FindTableAsync(long guestOffset)
    {
        long index = _geometry.L1Index(guestOffset);
        if (index >= _tables.Header.L1EntryCount)
        {
            if (_tables.IsSnapshotShown)
            {
                return default;
            }
            return new(
                0,
                Qcow2Corruption.At($"guest offset {guestOffset:x} is beyond the L1 table")
            );
        }
        long entryOffset = _tables.L1Offset + (index * sizeof(ulong));
        PageResult page = await _tables
            .Cache.GetAsync(entryOffset, MetadataKind.L1Table)
            .ConfigureAwait(false);
        if (page.Error is not null)
        {
            return new(0, page.Error);
        }
        ulong entry = page.Page!.Entry((int)(entryOffset & (_geometry.PageBytes - 1)));
        BlockError? error = CheckL1(index, entry);
        return error is null ? new(Qcow2Entry.Offset(entry), null) : new(0, error);
    }

    /// <summary>Why an entry of a first-level table cannot be followed, or null.</summary>
    internal BlockError? CheckL1(long index, ulong entry)
    {
        long offset = Qcow2Entry.Offset(entry);
        bool isReserved = (entry & Qcow2Entry.ReservedInL1) != 0;
        return isReserved || !_geometry.IsAligned((ulong)offset) || offset >= _tables.FileEndBytes
            ? Qcow2Corruption.At($"L1 entry {index:x} is invalid: {entry:x}")
            : null;
    }

    /// <summary>
    /// The host clusters that an entry of a second-level table refers to, none when the first is
    /// behind the last; or why they cannot be this image's.
    /// </summary>
    internal BlockError? CheckL2(ulong entry, out long first, out long last)
    {
        BlockError? error = Classify(entry, 0, out ClusterKind kind, out long host);
        bool isPacked = kind == ClusterKind.Compressed;
        long bytes = isPacked ? _geometry.PackedBytes(entry) : _geometry.ClusterBytes;
        first = host >> _geometry.ClusterBits;
        last = (host + bytes - 1) >> _geometry.ClusterBits;
        if (host == 0)
        {
            last = first - 1;
        }
        return error ?? CheckOwned(host);
    }

    private MappingResult FindInPage(MetadataPage page, long guestOffset, long maxBytes)
    {
        int place = PlaceInPage(guestOffset);
        BlockError? error = Classify(
            page.Entry(place),
            guestOffset,
            out ClusterKind kind,
            out long host
        );
        if (error is not null)
        {
            return Failed(error);
        }
        long inCluster = _geometry.OffsetInCluster(guestOffset);
        long length = _geometry.ClusterBytes - inCluster;
        if (kind == ClusterKind.Compressed)
        {
            int packed = _geometry.PackedBytes(page.Entry(place));
            return new(kind, host, Math.Min(length, maxBytes), null, packed);
        }
        long next = host;
        while (length < maxBytes && (place += sizeof(ulong)) < _geometry.PageBytes)
        {
            next += host == 0 ? 0 : _geometry.ClusterBytes;
            error = Classify(
                page.Entry(place),
                guestOffset + length,
                out ClusterKind k,
                out long h
            );
            if (error is not null || k != kind || h != next)
            {
                break;
            }
            length += _geometry.ClusterBytes;
        }
        return new(kind, host == 0 ? 0 : host + inCluster, Math.Min(length, maxBytes), null);
    }

    // The error of a later entry does not matter to a run that ends before it.
    private BlockError? Classify(
        ulong entry,
        long guestOffset,
        out ClusterKind kind,
        out long hostOffset
    )
    {
        hostOffset = Qcow2Entry.Offset(entry);
        kind = ClusterKind.Unallocated;
        if (entry == 0)
        {
            return null;
        }
        if ((entry & Qcow2Entry.Compressed) != 0)
        {
            // FMT-QCOW2-201, -207, -209
            kind = ClusterKind.Compressed;
            hostOffset = _geometry.PackedOffset(entry);
            return (entry & Qcow2Entry.Copied) == 0 && hostOffset < _tables.FileEndBytes
                ? null
                : Invalid(guestOffset, entry);
        }
        bool isZero = (entry & Qcow2Entry.Zero) != 0;
        kind = isZero ? ClusterKind.Zero : ClusterKind.Data;
        bool isValid =
            (entry & Qcow2Entry.ReservedInL2) == 0
            && _geometry.IsAligned((ulong)hostOffset)
            && (isZero ? _hasZeroClusters : hostOffset != 0)
            && (hostOffset != 0 || (entry & Qcow2Entry.Copied) == 0);
        return isValid ? null : Invalid(guestOffset, entry);
    }

    private static BlockError Invalid(long guestOffset, ulong entry) =>
        Qcow2Corruption.At($"L2 entry of guest offset {guestOffset:x} is invalid: {entry:x}");

    private ValueTask<PageResult> PageAsync(long tableOffset, long guestOffset)
    {
        long entryOffset = tableOffset + ((long)_geometry.L2Index(guestOffset) * sizeof(ulong));
        return _tables.Cache.GetAsync(entryOffset, MetadataKind.L2Table);
    }

    private int PlaceInPage(long guestOffset) =>
        (_geometry.L2Index(guestOffset) * sizeof(ulong)) & (_geometry.PageBytes - 1);

    private static MappingResult Failed(BlockError error) => new(default, 0, 0, error);
}
