// An open qcow2 image: opened, asked, written back, closed. Its requests are in the other parts of
// the class, its tables in the classes beside. One request at a time has the tables, and only while
// it looks at them or changes them; data moves outside, under a claim on its guest range.
// Spec: spec/block/open.md (BLK-OPEN-011, BLK-OPEN-021), data.md (BLK-DATA-005, BLK-DATA-010,
// BLK-DATA-012, BLK-DATA-013, BLK-DATA-018, BLK-DATA-022).
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>
/// An open qcow2 image: header, tables and caches, over the storage that holds it.
/// </summary>
internal sealed partial class Qcow2Image : IDisposable
{
    private const long SectorMask = 511;

    // Methods that say Held want this lock held. It is taken after a claim, never before one.
    private readonly LoopGate _gate = new();
    private readonly GuestRanges _ranges = new();
    private readonly Qcow2Tables _tables;
    private readonly Qcow2Refcounts _refcounts;
    private readonly Qcow2Allocator _allocator;
    private readonly Qcow2Mapping _mapping;
    private readonly Qcow2Geometry _geometry;
    private readonly Qcow2HeaderStrings _strings;
    private bool _isPreparedForWriting;
    private bool _hasSetDirtyBit;
    private volatile bool _isDamaged;

    private Qcow2Image(ImageStorage storage, Qcow2Header header, Qcow2HeaderStrings strings)
    {
        _tables = new Qcow2Tables(storage, header, WriteBackHeldAsync);
        _refcounts = new Qcow2Refcounts(_tables);
        _allocator = new Qcow2Allocator(_tables, _refcounts, WriteBackHeldAsync);
        _mapping = new Qcow2Mapping(_tables, _refcounts, _allocator);
        _geometry = header.Geometry;
        _strings = strings;
    }

    /// <summary>The virtual size in bytes (BLK-DATA-011).</summary>
    public long GuestLengthBytes => (long)_tables.Header.SizeBytes & ~SectorMask;

    /// <summary>The header's backing file name, null without one.</summary>
    public string? BackingFileName => _strings.BackingName;

    /// <summary>The header's backing format, null when the header does not say.</summary>
    public string? BackingFormat => _strings.BackingFormat;

    /// <summary>The cluster size in bytes.</summary>
    public int ClusterBytes => _geometry.ClusterBytes;

    /// <summary>The header's version, 2 or 3.</summary>
    internal int Version => (int)_tables.Header.Version;

    /// <summary>How wide a reference count is.</summary>
    internal int RefcountBits => 1 << _geometry.RefcountOrder;

    /// <summary>True when compressed clusters would be those of zstd.</summary>
    internal bool IsZstandard => _tables.Header.CompressionType != 0;

    /// <summary>True when reference counts may be behind (BLK-OPEN-021).</summary>
    internal bool IsDirty => (_tables.Header.IncompatibleFeatures & Qcow2Header.DirtyBit) != 0;

    /// <summary>True when the header says that the image is damaged (BLK-OPEN-021).</summary>
    internal bool IsCorrupt => (_tables.Header.IncompatibleFeatures & Qcow2Header.CorruptBit) != 0;

    /// <summary>True when a program may let reference counts be behind.</summary>
    internal bool HasLazyRefcounts =>
        (_tables.Header.CompatibleFeatures & Qcow2Header.LazyRefcountsBit) != 0;

    /// <summary>What clusters read as that the image does not own; null reads as zeroes.</summary>
    internal ImageStorage? Backing { get; set; }

    /// <summary>
    /// Reads and checks the header, through the edge (CR). Nothing is written. The refusal has
    /// QEMU's text (<c>Image is not in qcow2 format</c>, ...).
    /// </summary>
    /// <param name="file">What the image lives in.</param>
    /// <param name="isForCheck">True when the image may need a repair first.</param>
    /// <param name="image">The image; null when it is refused.</param>
    public static BlockError? Open(BlockEdge file, bool isForCheck, out Qcow2Image? image) =>
        Open(new EdgeStorage(file), isForCheck, out image);

    internal static BlockError? Open(ImageStorage storage, out Qcow2Image? image) =>
        Open(storage, isForCheck: false, out image);

    internal static BlockError? Open(ImageStorage storage, bool isForCheck, out Qcow2Image? image)
    {
        Qcow2HeaderResult result = IoThread.Await(() =>
            Qcow2HeaderReader.ReadAsync(storage, isForCheck)
        );
        image = result.Error is null
            ? new Qcow2Image(storage, result.Header!, result.Strings!)
            : null;
        return result.Error;
    }

    /// <summary>
    /// Why a node on this image cannot be read-write, or null: damage, bitmaps
    /// (BLK-OPEN-021). To be asked at open and at a reopen.
    /// </summary>
    public BlockError? CheckWritable() => _tables.Header.CheckWritable();

    /// <summary>Writes the tables that are held back, in an order that no crash can hurt.</summary>
    public ValueTask<BlockError?> WriteBackAsync() => HoldAsync(WriteBackHeldAsync);

    /// <summary>Gives the caches' memory back. What was not written back is lost.</summary>
    public void Dispose() => _tables.Cache.Clear();

    // BLK-DATA-018: what changes where guest bytes are is alone with the clusters it touches.
    private GuestRanges.Claim EnterAlone(long start, long end, out ValueTask held) =>
        _ranges.Enter(
            _geometry.ClusterStart(start),
            _geometry.ClusterEnd(end),
            isAlone: true,
            out held
        );

    // Does something to the tables, alone with them.
    private async ValueTask<BlockError?> HoldAsync(Func<ValueTask<BlockError?>> change)
    {
        await _gate.EnterAsync().ConfigureAwait(false);
        try
        {
            return Note(await change().ConfigureAwait(false));
        }
        finally
        {
            _gate.Leave();
        }
    }

    // BLK-DATA-013: counts and blocks, the table over them, L2, L1, and at last what was freed,
    // with a barrier between one that points and one that is pointed to. Data was written before it
    // was linked and is covered by the first barrier.
    private async ValueTask<BlockError?> WriteBackHeldAsync()
    {
        MetadataCache cache = _tables.Cache;
        BlockError? error = await cache
            .WriteDirtyAsync(MetadataKind.RefcountBlock)
            .ConfigureAwait(false);
        for (var kind = MetadataKind.RefcountTable; kind <= MetadataKind.L1Table; kind++)
        {
            if (error is null && cache.HasDirty(kind))
            {
                error =
                    await _tables.BarrierAsync().ConfigureAwait(false)
                    ?? await cache.WriteDirtyAsync(kind).ConfigureAwait(false);
            }
        }
        if (error is null && _allocator.FreedCount > 0)
        {
            error =
                await _tables.BarrierAsync().ConfigureAwait(false)
                ?? await _allocator.FreeWaitingAsync().ConfigureAwait(false)
                ?? await cache.WriteDirtyAsync(MetadataKind.RefcountBlock).ConfigureAwait(false);
        }
        return error;
    }

    // Before the first change: repair what another writer left behind, know where all tables are,
    // and take back what an image claims for features that do not follow our changes.
    private async ValueTask<BlockError?> PrepareForWritingAsync()
    {
        if (_isDamaged)
        {
            return new BlockError(
                BlockErrorKind.Corrupt,
                "qcow2: Image is corrupt; it cannot be written"
            );
        }
        if (_isPreparedForWriting)
        {
            return await SayDirtyAsync().ConfigureAwait(false);
        }
        if (_tables.IsSnapshotShown)
        {
            return Qcow2Header.Refused("qcow2: a snapshot is shown; it cannot be written");
        }
        Qcow2Header header = _tables.Header;
        BlockError? error =
            header.CheckWritable()
            ?? await RepairDirtyHeldAsync().ConfigureAwait(false)
            ?? await WriteBackHeldAsync().ConfigureAwait(false)
            ?? await LoadExtentsAsync().ConfigureAwait(false)
            ?? await ClearAutoclearAsync().ConfigureAwait(false)
            ?? await SayDirtyAsync().ConfigureAwait(false);
        _isPreparedForWriting = error is null;
        return error;
    }

    private async ValueTask<BlockError?> ClearAutoclearAsync()
    {
        Qcow2Header header = _tables.Header;
        if (header.AutoclearFeatures == 0)
        {
            return null;
        }
        BlockError? error =
            await _tables
                .WriteAsync(Qcow2Header.AutoclearFieldOffset, new byte[sizeof(ulong)])
                .ConfigureAwait(false)
            ?? await _tables.BarrierAsync().ConfigureAwait(false);
        header.AutoclearFeatures = error is null ? 0 : header.AutoclearFeatures;
        return error;
    }

    private async ValueTask<BlockError?> LoadExtentsAsync()
    {
        Qcow2SnapshotsResult snapshots = await FindSnapshotsHeldAsync().ConfigureAwait(false);
        return snapshots.Error
            ?? await _tables
                .Extents.LoadAsync(_tables.Storage, _tables.Header, snapshots, _tables.FileEndBytes)
                .ConfigureAwait(false);
    }

    // Damage once seen forbids every later write (BLK-DATA-010).
    private BlockError? Note(BlockError? error)
    {
        _isDamaged |= error is { Kind: BlockErrorKind.Corrupt };
        return error;
    }
}
