// What a driver's data path can do. A driver implements the interfaces it supports; an absent
// interface means the operation is refused. Callers are BlockEdge and BlockBackend, which have
// checked permission and sign.
using System;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>How a write is meant.</summary>
[Flags]
public enum BlockWriteFlags
{
    None = 0,

    /// <summary>The guest-visible content stays as it is, so WU is enough (copy-on-read).</summary>
    Unchanged = 1,

    /// <summary>Durable before the completion.</summary>
    ForceUnitAccess = 2,

    /// <summary>A zero write may deallocate.</summary>
    MayUnmap = 4,

    /// <summary>
    /// A zero write that would have to write its zeroes does nothing (BLK-DATA-017).
    /// </summary>
    NoFallback = 8,

    /// <summary>Compressed, where the format can; of whole clusters (BLK-DATA-019).</summary>
    Compressed = 16,
}

/// <summary>Reads guest bytes. Beyond the node's end it gives zeroes. Null means success.</summary>
public interface IBlockReader
{
    ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer);
}

/// <summary>
/// Writes guest bytes. Only a caller with RZ writes beyond the end, which grows the node.
/// </summary>
public interface IBlockWriter
{
    ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    );
}

/// <summary>Makes a range read as zeroes.</summary>
public interface IZeroWriter
{
    ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    );
}

/// <summary>
/// Makes completed writes durable, in this node only; the caller of the node's own children.
/// </summary>
public interface IFlusher
{
    ValueTask<BlockError?> FlushAsync();
}

/// <summary>Changes the node's length (BLK-SIZE-003, BLK-SIZE-004).</summary>
public interface ITruncater
{
    ValueTask<BlockError?> TruncateAsync(long lengthBytes);
}

/// <summary>
/// Makes ranges the node's own, with the content they read as now: an image that reads from a
/// backing copies what it has not got. Needs W or WU (BLK-DATA-006).
/// </summary>
public interface IContentOwner
{
    ValueTask<BlockError?> OwnAsync(long offsetBytes, long lengthBytes);
}

/// <summary>
/// Gives up the content of a range. Each byte of it then reads as before or as zero; what a driver
/// cannot give up stays, and that is no error (BLK-DATA-015).
/// </summary>
public interface IDiscarder
{
    ValueTask<BlockError?> DiscardAsync(long offsetBytes, long lengthBytes);
}

/// <summary>What is known about a range without reading it (BLK-DATA-016).</summary>
[Flags]
public enum BlockExtentFlags
{
    None = 0,

    /// <summary>Storage stands behind it, here or in a backing.</summary>
    Data = 1,

    /// <summary>It reads as zeroes.</summary>
    Zero = 2,
}

/// <summary>
/// A range of one kind, or a refusal. The length is positive unless there is a refusal.
/// </summary>
public readonly record struct BlockExtent(
    BlockExtentFlags Flags,
    long LengthBytes,
    BlockError? Error = null
);

/// <summary>
/// Tells which part of a range is data and which reads as zeroes, as a guest sees it through all
/// that is below. A driver without it is taken to hold data everywhere (BLK-DATA-016).
/// </summary>
public interface IBlockStatus
{
    /// <summary>The first extent of a range that is not empty and inside the node.</summary>
    ValueTask<BlockExtent> StatusAsync(long offsetBytes, long lengthBytes);
}

/// <summary>
/// A range of one kind in one image, its backing left aside; or a refusal. The length is positive
/// unless there is a refusal.
/// </summary>
/// <param name="Flags">
/// What is known of it here; none where the backing has to be asked (BLK-DATA-023).
/// </param>
/// <param name="IsOwn">Whether the image holds it itself (BLK-DATA-021).</param>
/// <param name="LengthBytes">The range's length.</param>
/// <param name="Error">Why nothing is known.</param>
public readonly record struct LayerExtent(
    BlockExtentFlags Flags,
    bool IsOwn,
    long LengthBytes,
    BlockError? Error = null
)
{
    /// <summary>
    /// The node that has these bytes as they are read; null where none has: they are packed,
    /// encrypted, or not there.
    /// </summary>
    public BlockNode? Storage { get; init; }

    /// <summary>Where they begin in <see cref="Storage"/>, in bytes.</summary>
    public long StorageOffsetBytes { get; init; }
}

/// <summary>
/// Tells what an image has by itself. A driver without it holds all it shows (BLK-DATA-021,
/// BLK-DATA-023).
/// </summary>
public interface ILayerStatus
{
    /// <summary>The first extent of a range that is not empty and inside the node.</summary>
    ValueTask<LayerExtent> LayerAsync(long offsetBytes, long lengthBytes);
}

/// <summary>
/// Asks a server for an export; supplied by the embedder (BLK-OPEN-015, BLK-RO-020).
/// </summary>
public interface IRemoteExportConnector
{
    /// <summary>Null and an export, or the refusal with QEMU's text.</summary>
    BlockError? Connect(RemoteExportAddress address, out RemoteExport? export);
}

/// <summary>
/// Where a remote export is: exactly one of path or host is set; the export name may be empty.
/// </summary>
public sealed record RemoteExportAddress(string? Path, string? Host, string? Port, string Export)
{
    /// <summary>False when the host's addresses of that family are left out.</summary>
    public bool UsesIPv4 { get; init; } = true;

    /// <summary>
    /// The same; a host that has none but IPv4 addresses is then reached through IPv6 ones.
    /// </summary>
    public bool UsesIPv6 { get; init; } = true;

    /// <summary>True when the host is asked to notice a peer that is gone.</summary>
    public bool KeepsAlive { get; init; }

    /// <summary>The server in texts: its path, or host and port.</summary>
    public string Server => Path ?? $"{Host}:{Port}";
}

/// <summary>
/// A connection to a remote export. It implements the capability interfaces it has; the nbd driver
/// passes requests on to them.
/// </summary>
public abstract class RemoteExport : IDisposable
{
    /// <summary>The server's length in bytes.</summary>
    public abstract long LengthBytes { get; }

    /// <summary>True when the server refuses writing.</summary>
    public abstract bool IsReadOnly { get; }

    /// <summary>
    /// False when zeroes would have to be sent as bytes; where it is true the server may still
    /// refuse a zero write with <see cref="BlockWriteFlags.NoFallback"/> (BLK-DATA-017).
    /// </summary>
    public virtual bool CanZeroFast(long offsetBytes, long lengthBytes) => false;

    public abstract void Dispose();
}
