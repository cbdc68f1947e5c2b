// The header of a qcow2 image: fields as numbers and the checks that need nothing but them, in
// QEMU's order and with its texts. Spec: spec/block/open.md (BLK-OPEN-011, BLK-OPEN-021).
using System;
using System.Buffers.Binary;
using System.Globalization;

namespace Ashlar.Block;

/// <summary>The fixed part of the header. What a node changes later has a setter.</summary>
internal sealed class Qcow2Header
{
    /// <summary>QEMU's header with all fields it knows, padded.</summary>
    internal const int LargestKnownBytes = 112;

    internal const int SizeFieldOffset = 24;
    internal const int L1SizeFieldOffset = 36;
    internal const int RefcountTableFieldOffset = 48;
    internal const int IncompatibleFieldOffset = 72;
    internal const int CompatibleFieldOffset = 80;
    internal const int AutoclearFieldOffset = 88;
    internal const int CompressionTypeFieldOffset = 104;

    internal const uint Magic = 0x514649fb;
    internal const int Version2Bytes = 72;
    internal const int Version3Bytes = 104;

    internal const ulong DirtyBit = 1;
    internal const ulong CorruptBit = 2;
    internal const ulong ExternalDataBit = 4;
    internal const ulong CompressionTypeBit = 8;

    /// <summary>Of the compatible features.</summary>
    internal const ulong LazyRefcountsBit = 1;
    internal const ulong ExtendedL2Bit = 16;

    /// <summary>The autoclear bit that says that the image's bitmaps follow its content.</summary>
    private const ulong BitmapsBit = 1;

    private const int LargestCompressionType = 1;
    private const int DefaultRefcountOrder = 4;

    private uint _clusterBits;

    internal uint Version { get; private init; }
    internal ulong BackingNameOffset { get; private init; }
    internal uint BackingNameBytes { get; private init; }
    internal ulong SizeBytes { get; set; }
    internal uint EncryptionMethod { get; private init; }
    internal uint L1EntryCount { get; set; }
    internal ulong L1Offset { get; set; }
    internal ulong RefcountTableOffset { get; set; }
    internal uint RefcountTableClusters { get; set; }
    internal uint SnapshotCount { get; set; }
    internal ulong SnapshotsOffset { get; set; }
    internal ulong IncompatibleFeatures { get; set; }
    internal ulong CompatibleFeatures { get; private init; }
    internal ulong AutoclearFeatures { get; set; }
    internal uint RefcountOrder { get; private init; }
    internal uint HeaderBytes { get; private init; }
    internal byte CompressionType { get; private init; }

    /// <summary>True when the image's bitmaps follow its content.</summary>
    internal bool HasBitmaps => (AutoclearFeatures & BitmapsBit) != 0;

    internal Qcow2Geometry Geometry => new((int)_clusterBits, (int)RefcountOrder);

    /// <summary>Where header extensions must have ended.</summary>
    internal long ExtensionsEnd =>
        BackingNameOffset != 0 ? (long)BackingNameOffset : 1L << (int)_clusterBits;

    /// <summary>
    /// Reads the fields and refuses what no check of another part is needed for, up to the feature
    /// bits.
    /// </summary>
    internal static BlockError? TryParse(ReadOnlySpan<byte> bytes, out Qcow2Header header)
    {
        header = Read(bytes);
        if (BinaryPrimitives.ReadUInt32BigEndian(bytes) != Magic)
        {
            return Refused("Image is not in qcow2 format");
        }
        if (header.Version is < 2 or > 3)
        {
            return Refused("Unsupported qcow2 version " + Text(header.Version));
        }
        if (header._clusterBits is < Qcow2Limits.MinClusterBits or > Qcow2Limits.MaxClusterBits)
        {
            return Refused("Unsupported cluster size: 2^" + Text(header._clusterBits));
        }
        if (header.Version == 3 && header.HeaderBytes < Version3Bytes)
        {
            return Refused("qcow2 header too short");
        }
        if (header.HeaderBytes > 1u << (int)header._clusterBits)
        {
            return Refused("qcow2 header exceeds cluster size");
        }
        if (header.BackingNameOffset > 1ul << (int)header._clusterBits)
        {
            return Refused("Invalid backing file offset");
        }
        return header.CheckCompressionType();
    }

    /// <summary>
    /// The checks that follow the feature bits: refcounts, tables, size. A refcount table may be
    /// missing when it can be made anew (FMT-QCOW2-811).
    /// </summary>
    internal BlockError? CheckTables(bool isForCheck)
    {
        if (RefcountOrder > Qcow2Limits.MaxRefcountOrder)
        {
            return Refused("Reference count entry width too large; may not exceed 64 bits");
        }
        if (EncryptionMethod != 0)
        {
            return Refused("qcow2: encryption is not supported");
        }
        if (RefcountTableClusters == 0 && !isForCheck)
        {
            return Refused("Image does not contain a reference count table");
        }
        Qcow2Geometry geometry = Geometry;
        const ulong SnapshotHeaderBytes = 40;
        BlockError? refusal =
            CheckTable(
                RefcountTableOffset,
                RefcountTableClusters,
                (ulong)geometry.ClusterBytes,
                Qcow2Limits.MaxRefcountTableBytes,
                "Reference count table"
            )
            ?? CheckTable(
                SnapshotsOffset,
                SnapshotCount,
                SnapshotHeaderBytes,
                SnapshotHeaderBytes * Qcow2Limits.MaxSnapshots,
                "Snapshot table"
            )
            ?? CheckTable(
                L1Offset,
                L1EntryCount,
                sizeof(ulong),
                Qcow2Limits.MaxL1Bytes,
                "Active L1 table"
            );
        if (refusal is not null)
        {
            return refusal;
        }
        ulong needed = geometry.L1EntriesFor(SizeBytes);
        if (needed > int.MaxValue)
        {
            return Refused("Image is too big");
        }
        return needed > L1EntryCount ? Refused("L1 table is too small") : null;
    }

    /// <summary>Why a node on this image cannot be read-write, or null (BLK-OPEN-021).</summary>
    internal BlockError? CheckWritable()
    {
        if ((IncompatibleFeatures & CorruptBit) != 0)
        {
            return Refused("qcow2: Image is corrupt; cannot be opened read/write");
        }
        return HasBitmaps
            ? Refused("qcow2: Image has persistent bitmaps; cannot be opened read/write")
            : null;
    }

    internal static BlockError Refused(string text) => new(BlockErrorKind.NotSupported, text);

    internal static string Text(uint number) => number.ToString(CultureInfo.InvariantCulture);

    private static Qcow2Header Read(ReadOnlySpan<byte> bytes)
    {
        uint version = Number(bytes, 4);
        bool isVersion3 = version >= 3;
        uint headerBytes = isVersion3 ? Number(bytes, 100) : Version2Bytes;
        return new Qcow2Header
        {
            Version = version,
            BackingNameOffset = LongNumber(bytes, 8),
            BackingNameBytes = Number(bytes, 16),
            _clusterBits = Number(bytes, 20),
            SizeBytes = LongNumber(bytes, SizeFieldOffset),
            EncryptionMethod = Number(bytes, 32),
            L1EntryCount = Number(bytes, L1SizeFieldOffset),
            L1Offset = LongNumber(bytes, 40),
            RefcountTableOffset = LongNumber(bytes, RefcountTableFieldOffset),
            RefcountTableClusters = Number(bytes, 56),
            SnapshotCount = Number(bytes, 60),
            SnapshotsOffset = LongNumber(bytes, 64),
            IncompatibleFeatures = isVersion3 ? LongNumber(bytes, 72) : 0,
            CompatibleFeatures = isVersion3 ? LongNumber(bytes, 80) : 0,
            AutoclearFeatures = isVersion3 ? LongNumber(bytes, AutoclearFieldOffset) : 0,
            RefcountOrder = isVersion3 ? Number(bytes, 96) : DefaultRefcountOrder,
            HeaderBytes = headerBytes,
            CompressionType =
                headerBytes > CompressionTypeFieldOffset
                    ? bytes[CompressionTypeFieldOffset]
                    : (byte)0,
        };
    }

    private static uint Number(ReadOnlySpan<byte> bytes, int offset) =>
        BinaryPrimitives.ReadUInt32BigEndian(bytes[offset..]);

    private static ulong LongNumber(ReadOnlySpan<byte> bytes, int offset) =>
        BinaryPrimitives.ReadUInt64BigEndian(bytes[offset..]);

    private BlockError? CheckCompressionType()
    {
        if (CompressionType > LargestCompressionType)
        {
            return Refused("qcow2: unknown compression type: " + Text(CompressionType));
        }
        bool isBitSet = (IncompatibleFeatures & CompressionTypeBit) != 0;
        if (isBitSet == (CompressionType != 0))
        {
            return null;
        }
        return Refused(
            "qcow2: Compression type incompatible feature bit must "
                + (isBitSet ? "not be set" : "be set")
        );
    }

    // The offset is compared as a signed number, because offsets are signed everywhere else.
    private BlockError? CheckTable(
        ulong offset,
        ulong entryCount,
        ulong entryBytes,
        ulong largestBytes,
        string name
    )
    {
        if (entryCount > largestBytes / entryBytes)
        {
            return Refused(name + " too large");
        }
        bool isBeyond = long.MaxValue - (entryCount * entryBytes) < offset;
        return isBeyond || !Geometry.IsAligned(offset) ? Refused(name + " offset invalid") : null;
    }
}
