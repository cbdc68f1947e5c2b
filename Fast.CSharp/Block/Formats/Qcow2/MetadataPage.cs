// One piece of a qcow2 table in memory.
using System;
using System.Buffers.Binary;

namespace Ashlar.Block;

/// <summary>
/// The four tables, in the order in which their changes must reach the file (BLK-DATA-013).
/// </summary>
internal enum MetadataKind : byte
{
    RefcountBlock,
    RefcountTable,
    L2Table,
    L1Table,
}

/// <summary>A page of a table: its bytes as in the file, and where they belong.</summary>
internal sealed class MetadataPage
{
    internal long OffsetBytes { get; set; }
    internal MetadataKind Kind { get; set; }
    internal bool IsDirty { get; set; }
    internal byte[] Bytes { get; set; } = [];

    /// <summary>The cache's access count when the page was last asked for.</summary>
    internal long LastAccess { get; set; }

    // The list of all pages from the most to the least recently used.
    internal MetadataPage? Newer { get; set; }
    internal MetadataPage? Older { get; set; }

    /// <summary>The big-endian entry that begins this many bytes into the page.</summary>
    internal ulong Entry(int offsetInPage) =>
        BinaryPrimitives.ReadUInt64BigEndian(Bytes.AsSpan(offsetInPage));

    internal void SetEntry(int offsetInPage, ulong value) =>
        BinaryPrimitives.WriteUInt64BigEndian(Bytes.AsSpan(offsetInPage), value);
}

/// <summary>A page, or why it cannot be had.</summary>
internal readonly record struct PageResult(MetadataPage? Page, BlockError? Error);
