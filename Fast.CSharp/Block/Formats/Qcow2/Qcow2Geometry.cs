// The arithmetic of a qcow2 image: clusters, tables, entries. Pure; nothing here can fail for
// values that the header check let through.
using System.Runtime.CompilerServices;

namespace Ashlar.Block;

/// <summary>Sizes and shifts that follow from cluster size and refcount width.</summary>
internal readonly struct Qcow2Geometry
{
    private const long PackedSectorBytes = 512;

    internal Qcow2Geometry(int clusterBits, int refcountOrder)
    {
        ClusterBits = clusterBits;
        RefcountOrder = refcountOrder;
    }

    internal int ClusterBits { get; }

    /// <summary>An entry of a refcount block has 2 to the power of this many bits.</summary>
    internal int RefcountOrder { get; }

    internal int ClusterBytes => 1 << ClusterBits;

    /// <summary>
    /// A second-level table has 2 to the power of this many entries, of 8 bytes each.
    /// </summary>
    internal int L2Bits => ClusterBits - 3;

    /// <summary>A refcount block counts 2 to the power of this many clusters.</summary>
    internal int RefcountBlockBits => ClusterBits + 3 - RefcountOrder;

    /// <summary>
    /// One entry of the first-level table maps 2 to the power of this many guest bytes.
    /// </summary>
    internal int L1EntryBits => ClusterBits + L2Bits;

    /// <summary>The unit of the table cache: a power of two that divides the cluster.</summary>
    internal int PageBytes =>
        ClusterBytes < Qcow2Limits.CachePageBytes ? ClusterBytes : Qcow2Limits.CachePageBytes;

    internal long OffsetInCluster(long offset) => offset & (ClusterBytes - 1);

    internal long ClusterStart(long offset) => offset & ~((long)ClusterBytes - 1);

    /// <summary>The end of the cluster that holds the last byte before the offset.</summary>
    internal long ClusterEnd(long offset) => ClusterStart(offset + ClusterBytes - 1);

    /// <summary>How many clusters that many bytes fill, the last perhaps in part.</summary>
    internal long ClustersFor(long bytes) => (bytes + ClusterBytes - 1) >> ClusterBits;

    internal long L1Index(long guestOffset) => guestOffset >> L1EntryBits;

    internal int L2Index(long guestOffset) =>
        (int)((guestOffset >> ClusterBits) & ((1L << L2Bits) - 1));

    /// <summary>Entries of the first-level table for a guest of that many bytes.</summary>
    internal ulong L1EntriesFor(ulong guestBytes) =>
        (guestBytes >> L1EntryBits) + ((guestBytes & ((1ul << L1EntryBits) - 1)) != 0 ? 1ul : 0ul);

    /// <summary>The bits of a compressed entry that say where its bytes begin.</summary>
    internal int PackedOffsetBits => 62 - (ClusterBits - 8);

    /// <summary>Where a compressed cluster's bytes begin.</summary>
    internal long PackedOffset(ulong entry) => (long)(entry & ((1ul << PackedOffsetBits) - 1));

    /// <summary>How many bytes there are up to the end of the last sector.</summary>
    internal int PackedBytes(ulong entry)
    {
        long more = (long)((entry & ~Qcow2Entry.Compressed) >> PackedOffsetBits);
        long start = PackedOffset(entry);
        return (int)((start & -PackedSectorBytes) + ((more + 1) * PackedSectorBytes) - start);
    }

    /// <summary>The entry of a compressed cluster.</summary>
    internal ulong CompressedEntry(long offset, int bytes)
    {
        long more = ((offset + bytes - 1) / PackedSectorBytes) - (offset / PackedSectorBytes);
        return Qcow2Entry.Compressed | ((ulong)more << PackedOffsetBits) | (ulong)offset;
    }

    internal bool IsAligned(ulong offset) => (offset & (ulong)(ClusterBytes - 1)) == 0;
}

/// <summary>Bits of the entries of first- and second-level tables.</summary>
internal static class Qcow2Entry
{
    internal const ulong OffsetMask = 0x00ff_ffff_ffff_fe00;
    internal const ulong Copied = 1ul << 63;
    internal const ulong Compressed = 1ul << 62;
    internal const ulong Zero = 1;

    // What the format reserves in a first-level entry, and in a standard second-level one.
    internal const ulong ReservedInL1 = ~(OffsetMask | Copied);
    internal const ulong ReservedInL2 = ~(OffsetMask | Copied | Compressed | Zero);

    /// <summary>Offsets of refcount blocks use all bits above the low nine.</summary>
    internal const ulong RefcountOffsetMask = ~0x1fful;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static long Offset(ulong entry) => (long)(entry & OffsetMask);
}
