// Every bound of the qcow2 layer, each with its reason. Image contents are hostile: no size taken
// from an image is used before it was compared with one of these. Spec: spec/block/open.md,
// data.md.
namespace Ashlar.Block;

internal static class Qcow2Limits
{
    /// <summary>The format's smallest cluster: 512 bytes.</summary>
    internal const int MinClusterBits = 9;

    /// <summary>QEMU's largest cluster: 2 MiB; larger ones open nowhere.</summary>
    internal const int MaxClusterBits = 21;

    /// <summary>Refcount entries of 1 to 64 bits.</summary>
    internal const int MaxRefcountOrder = 6;

    /// <summary>
    /// QEMU's bound on a first-level table; a larger one opens nowhere (BLK-SIZE-007).
    /// </summary>
    internal const int MaxL1Bytes = 32 * 1024 * 1024;

    /// <summary>Entries of L1 tables, snapshots' too, that one check looks at.</summary>
    internal const long MaxCheckedL1Entries = 1 << 24;

    /// <summary>QEMU's bound on a refcount table; a larger one opens nowhere.</summary>
    internal const int MaxRefcountTableBytes = 8 * 1024 * 1024;

    /// <summary>QEMU's bound on the number of internal snapshots.</summary>
    internal const int MaxSnapshots = 65536;

    /// <summary>QEMU's bound on the table of snapshots.</summary>
    internal const int MaxSnapshotBytes = 64 * 1024 * 1024;

    /// <summary>QEMU's bound on what an entry of it says beyond its fields.</summary>
    internal const int MaxSnapshotExtraBytes = 1024;

    /// <summary>QEMU's bound on the name of a new snapshot, without a final zero.</summary>
    internal const int MaxSnapshotNameBytes = 255;

    /// <summary>
    /// Tables point with 56 bits, so nothing lies at or beyond this offset in bytes.
    /// </summary>
    internal const long HostEndBytes = 1L << 56;

    /// <summary>
    /// QEMU writes five header extensions; a header with more than this many is taken for an
    /// attack, since one can fill a 2 MiB cluster with empty ones.
    /// </summary>
    internal const int MaxHeaderExtensions = 256;

    /// <summary>The format's bound on the backing file name in bytes.</summary>
    internal const int MaxBackingNameBytes = 1023;

    /// <summary>QEMU's bound on a format name in the header, with its final zero.</summary>
    internal const int FormatNameBufferBytes = 16;

    /// <summary>How much of a feature name table is looked at: one row of 48 bytes a bit.</summary>
    internal const int MaxFeatureTableBytes = 3 * 64 * 48;

    /// <summary>
    /// Tables are cached in pieces of this many bytes (a cluster where that is smaller): a page of
    /// the host, so that a 2 MiB table costs what is used of it.
    /// </summary>
    internal const int CachePageBytes = 4096;

    /// <summary>
    /// The cache of one image in bytes: maps 16 GiB of guest data with clusters of 64 KiB.
    /// </summary>
    internal const int CacheBytes = 2 * 1024 * 1024;

    /// <summary>A page used within this many accesses is in use and is not evicted.</summary>
    internal const int CacheGraceAccesses = 16;

    /// <summary>
    /// Counts of a new image are written in pieces of this many bytes, the smallest cluster.
    /// </summary>
    internal const int MinCountBytes = 512;

    /// <summary>Copying goes through one buffer of this many bytes.</summary>
    internal const int CopyBufferBytes = 64 * 1024;

    /// <summary>Freed clusters wait for a write-back; more than this many cause one.</summary>
    internal const int MaxPendingFrees = 65536;
}
