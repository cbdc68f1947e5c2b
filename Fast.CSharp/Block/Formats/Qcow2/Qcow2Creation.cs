// Making an empty qcow2 image: header, refcounts and an empty first-level table, in a few writes.
// Spec: spec/block/data.md (BLK-DATA-005).
using System;
using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Ashlar.Block;

/// <summary>What an image is made with. Sizes in bytes.</summary>
public sealed record Qcow2CreationOptions
{
    /// <summary>The guest's length, a multiple of 512.</summary>
    public required long SizeBytes { get; init; }

    /// <summary>2 (QEMU's compat=0.10) or 3 (compat=1.1).</summary>
    public int Version { get; init; } = 3;

    /// <summary>A power of two from 512 to 2 MiB.</summary>
    public int ClusterBytes { get; init; } = 65536;

    /// <summary>The width of a refcount: a power of two up to 64; 16 in version 2.</summary>
    public int RefcountBits { get; init; } = 16;

    /// <summary>True for compressed clusters of zstd rather than zlib; version 3 only.</summary>
    public bool IsZstandard { get; init; }

    /// <summary>
    /// True to let counts be behind while the image says that it is dirty; version 3 only.
    /// </summary>
    public bool HasLazyRefcounts { get; init; }

    /// <summary>The header's backing file name; null for none.</summary>
    public string? BackingFileName { get; init; }

    /// <summary>The header's backing format; null leaves it out.</summary>
    public string? BackingFormat { get; init; }
}

/// <summary>Makes empty qcow2 images.</summary>
public static class Qcow2Creation
{
    private const uint BackingFormatExtension = 0xe2792aca;

    /// <summary>
    /// Makes the image in an empty, writable file. A refusal has QEMU's text where QEMU has one.
    /// </summary>
    public static BlockError? TryCreate(HostFile file, Qcow2CreationOptions options)
    {
        BlockError? refusal = Check(options, out Layout layout);
        byte[] header = [];
        refusal ??= MakeHeader(options, layout, out header);
        if (refusal is not null)
        {
            return refusal;
        }
        HostErrno errno = file.Truncate(layout.TotalClusters << layout.ClusterBits);
        errno = errno == HostErrno.None ? WriteCounts(file, layout) : errno;
        // The header comes last: without it nothing takes the file for an image.
        errno = errno == HostErrno.None ? file.Write(0, header) : errno;
        return HostErrors.OfRequest(errno, -1);
    }

    /// <summary>The content of a new image, for memory files.</summary>
    public static BlockError? TryCreate(Qcow2CreationOptions options, out MemoryContent content)
    {
        using MemoryHostFile file = new(new MemoryInode(0, MemoryContent.Empty, 0), true);
        BlockError? refusal = TryCreate(file, options);
        content = refusal is null ? file.Freeze() : MemoryContent.Empty;
        return refusal;
    }

    /// <summary>Why there is no such image, or null.</summary>
    internal static BlockError? Refusal(Qcow2CreationOptions options) => Check(options, out _);

    private static BlockError? Check(Qcow2CreationOptions options, out Layout layout)
    {
        layout = default;
        bool isPowerOfTwo = BitOperations.IsPow2(options.ClusterBytes);
        int clusterBits = BitOperations.Log2((uint)options.ClusterBytes);
        if (
            !isPowerOfTwo
            || clusterBits is < Qcow2Limits.MinClusterBits or > Qcow2Limits.MaxClusterBits
        )
        {
            return Refused("Cluster size must be a power of two between 512 and 2048k");
        }
        if (options.Version is not (2 or 3))
        {
            return Refused("Invalid compatibility level");
        }
        if (!BitOperations.IsPow2(options.RefcountBits) || options.RefcountBits > 64)
        {
            return Refused("Refcount width must be a power of two and may not exceed 64 bits");
        }
        if (options.Version == 2 && options.RefcountBits != 16)
        {
            return Refused(
                "Different refcount widths than 16 bits require compatibility level 1.1 or above "
                    + "(use version=v3 or greater)"
            );
        }
        if (options.Version == 2 && options.HasLazyRefcounts)
        {
            return Refused(
                "Lazy refcounts only supported with compatibility level 1.1 and above (use "
                    + "version=v3 or greater)"
            );
        }
        if (options.Version == 2 && options.IsZstandard)
        {
            return Refused(
                "Non-zlib compression type is only supported with compatibility level 1.1 and "
                    + "above (use version=v3 or greater)"
            );
        }
        if (options.SizeBytes < 0 || options.SizeBytes % 512 != 0)
        {
            return Refused("Image size must be a multiple of 512 bytes");
        }
        if (options.BackingFormat is not null && options.BackingFileName is null)
        {
            return Refused("Backing format cannot be used without backing file");
        }
        int order = BitOperations.Log2((uint)options.RefcountBits);
        layout = Layout.Of(new Qcow2Geometry(clusterBits, order), options.SizeBytes);
        return layout.L1Entries > Qcow2Limits.MaxL1Bytes / sizeof(ulong)
            ? Refused(
                "The image size is too large for file format 'qcow2' "
                    + "(try using a larger cluster size)"
            )
            : null;
    }

    private static BlockError? MakeHeader(
        Qcow2CreationOptions options,
        Layout layout,
        out byte[] header
    )
    {
        byte[] name = Encoding.UTF8.GetBytes(options.BackingFileName ?? "");
        byte[] format = Encoding.UTF8.GetBytes(options.BackingFormat ?? "");
        int fixedBytes =
            options.Version == 2 ? Qcow2Header.Version2Bytes : Qcow2Header.LargestKnownBytes;
        int formatBytes = format.Length == 0 ? 0 : 8 + ((format.Length + 7) & ~7);
        const int EndBytes = 8;
        int nameOffset = fixedBytes + formatBytes + EndBytes;
        header = [];
        if (format.Length >= Qcow2Limits.FormatNameBufferBytes)
        {
            return Refused("Backing format name too long");
        }
        if (
            name.Length > Qcow2Limits.MaxBackingNameBytes
            || nameOffset + name.Length > options.ClusterBytes
        )
        {
            return Refused("Backing file name too long");
        }
        header = new byte[nameOffset + name.Length];
        Span<byte> bytes = header;
        WriteFixedPart(bytes, options.Version, layout);
        if (options.IsZstandard)
        {
            bytes[Qcow2Header.IncompatibleFieldOffset + 7] = (byte)Qcow2Header.CompressionTypeBit;
            bytes[Qcow2Header.CompressionTypeFieldOffset] = 1;
        }
        if (options.HasLazyRefcounts)
        {
            bytes[Qcow2Header.CompatibleFieldOffset + 7] = (byte)Qcow2Header.LazyRefcountsBit;
        }
        if (name.Length > 0)
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes[8..], nameOffset);
            BinaryPrimitives.WriteInt32BigEndian(bytes[16..], name.Length);
            name.CopyTo(bytes[nameOffset..]);
        }
        if (format.Length > 0)
        {
            BinaryPrimitives.WriteUInt32BigEndian(bytes[fixedBytes..], BackingFormatExtension);
            BinaryPrimitives.WriteInt32BigEndian(bytes[(fixedBytes + 4)..], format.Length);
            format.CopyTo(bytes[(fixedBytes + 8)..]);
        }
        BinaryPrimitives.WriteInt64BigEndian(
            bytes[Qcow2Header.SizeFieldOffset..],
            options.SizeBytes
        );
        return null;
    }

    private static void WriteFixedPart(Span<byte> bytes, int version, Layout layout)
    {
        BinaryPrimitives.WriteUInt32BigEndian(bytes, Qcow2Header.Magic);
        BinaryPrimitives.WriteInt32BigEndian(bytes[4..], version);
        BinaryPrimitives.WriteInt32BigEndian(bytes[20..], layout.ClusterBits);
        BinaryPrimitives.WriteUInt32BigEndian(
            bytes[Qcow2Header.L1SizeFieldOffset..],
            (uint)layout.L1Entries
        );
        BinaryPrimitives.WriteInt64BigEndian(bytes[40..], layout.L1Cluster << layout.ClusterBits);
        BinaryPrimitives.WriteInt64BigEndian(
            bytes[Qcow2Header.RefcountTableFieldOffset..],
            Layout.TableCluster << layout.ClusterBits
        );
        BinaryPrimitives.WriteInt32BigEndian(bytes[56..], (int)layout.TableClusters);
        if (version >= 3)
        {
            BinaryPrimitives.WriteInt32BigEndian(bytes[96..], layout.Geometry.RefcountOrder);
            BinaryPrimitives.WriteInt32BigEndian(bytes[100..], Qcow2Header.LargestKnownBytes);
        }
    }

    // Every cluster so far is counted once: header, refcount table, refcount blocks, first-level
    // table.
    private static HostErrno WriteCounts(HostFile file, Layout layout)
    {
        Qcow2Geometry geometry = layout.Geometry;
        int order = geometry.RefcountOrder;
        long perBlock = 1L << geometry.RefcountBlockBits;
        byte[] entries = new byte[layout.BlockCount * sizeof(ulong)];
        byte[] counts = new byte[Qcow2Limits.MinCountBytes];
        int perPiece = (counts.Length << 3) >> order;
        for (int index = 0; index < perPiece; index++)
        {
            RefcountEntries.Set(counts, index, order, 1);
        }
        HostErrno errno = HostErrno.None;
        for (long block = 0; block < layout.BlockCount && errno == HostErrno.None; block++)
        {
            long offset = (layout.BlockCluster + block) << layout.ClusterBits;
            BinaryPrimitives.WriteInt64BigEndian(entries.AsSpan((int)block * 8), offset);
            long left = Math.Min(perBlock, layout.TotalClusters - (block * perBlock));
            while (left > 0 && errno == HostErrno.None)
            {
                int here = (int)Math.Min(left, perPiece);
                if (here < perPiece)
                {
                    Array.Clear(counts);
                    for (int index = 0; index < here; index++)
                    {
                        RefcountEntries.Set(counts, index, order, 1);
                    }
                }
                errno = file.Write(offset, counts);
                offset += counts.Length;
                left -= here;
            }
        }
        return errno == HostErrno.None
            ? file.Write(Layout.TableCluster << layout.ClusterBits, entries)
            : errno;
    }

    private static BlockError Refused(string text) => new(BlockErrorKind.InvalidArgument, text);

    /// <summary>Where the parts of a new image are, in clusters.</summary>
    private readonly record struct Layout(
        Qcow2Geometry Geometry,
        long TableClusters,
        long BlockCount,
        long L1Entries
    )
    {
        internal const long TableCluster = 1;

        internal int ClusterBits => Geometry.ClusterBits;
        internal long BlockCluster => TableCluster + TableClusters;
        internal long L1Cluster => BlockCluster + BlockCount;
        internal long TotalClusters => L1Cluster + Geometry.ClustersFor(L1Entries * sizeof(ulong));

        // Blocks count the table and each other, so both grow until they suffice.
        internal static Layout Of(Qcow2Geometry geometry, long sizeBytes)
        {
            long l1Entries = (long)geometry.L1EntriesFor((ulong)sizeBytes);
            Layout layout = new(geometry, 1, 1, l1Entries);
            long perBlock = 1L << geometry.RefcountBlockBits;
            while (true)
            {
                long blocks = (layout.TotalClusters + perBlock - 1) / perBlock;
                long table = geometry.ClustersFor(blocks * sizeof(ulong));
                if (blocks <= layout.BlockCount && table <= layout.TableClusters)
                {
                    return layout;
                }
                layout = layout with
                {
                    BlockCount = Math.Max(blocks, layout.BlockCount),
                    TableClusters = Math.Max(table, layout.TableClusters),
                };
            }
        }
    }
}
