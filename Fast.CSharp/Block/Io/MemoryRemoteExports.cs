// Remote exports without a network: what an nbd node talks to in a world made of memory.
// Spec: spec/block/open.md (BLK-OPEN-015), read-only.md (BLK-RO-020).
using System;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>Servers in memory, each with exports by name. One thread at a time.</summary>
public sealed class MemoryRemoteExports : IRemoteExportConnector
{
    private readonly Dictionary<(string? Path, string Server, string Export), Entry> _exports = [];
    private readonly HashSet<(string? Path, string Server)> _servers = [];

    /// <summary>
    /// Makes an export, which is part of what <see cref="Reset"/> comes back to, and the server
    /// when it is the first one there.
    /// </summary>
    public MemoryInode Add(RemoteExportAddress address, MemoryContent content, bool isReadOnly)
    {
        MemoryInode inode = new((ulong)_exports.Count + 1, content, 0);
        _exports.Add((address.Path, address.Server, address.Export), new Entry(inode, isReadOnly));
        _servers.Add((address.Path, address.Server));
        return inode;
    }

    /// <inheritdoc/>
    public BlockError? Connect(RemoteExportAddress address, out RemoteExport? export)
    {
        export = null;
        if (!_servers.Contains((address.Path, address.Server)))
        {
            string reason = address.Path is null
                ? "Connection refused"
                : "No such file or directory";
            return new BlockError(
                BlockErrorKind.Host,
                $"Failed to connect to '{address.Server}': {reason}"
            );
        }
        if (!_exports.TryGetValue((address.Path, address.Server, address.Export), out Entry? entry))
        {
            return new BlockError(BlockErrorKind.NotFound, "Requested export not available");
        }
        export = new MemoryRemoteExport(entry.Inode, entry.IsReadOnly);
        return null;
    }

    /// <summary>Brings every export back to how it was made.</summary>
    public void Reset()
    {
        foreach (Entry entry in _exports.Values)
        {
            entry.Inode.Reset();
        }
    }

    private sealed record Entry(MemoryInode Inode, bool IsReadOnly);
}

/// <summary>A connection to an export in memory.</summary>
internal sealed class MemoryRemoteExport(MemoryInode inode, bool isReadOnly)
    : RemoteExport,
        IBlockReader,
        IBlockWriter,
        IZeroWriter
{
    private readonly MemoryHostFile _file = new(inode, !isReadOnly);

    public override long LengthBytes => _file.Length;

    public override bool IsReadOnly => isReadOnly;

    public ValueTask<BlockError?> ReadAsync(long offsetBytes, Memory<byte> buffer) =>
        new(HostErrors.OfRequest(_file.Read(offsetBytes, buffer.Span), offsetBytes));

    public ValueTask<BlockError?> WriteAsync(
        long offsetBytes,
        ReadOnlyMemory<byte> buffer,
        BlockWriteFlags flags
    ) => new(HostErrors.OfRequest(_file.Write(offsetBytes, buffer.Span), offsetBytes));

    public ValueTask<BlockError?> WriteZeroesAsync(
        long offsetBytes,
        long lengthBytes,
        BlockWriteFlags flags
    ) => new(HostErrors.OfRequest(_file.WriteZeroes(offsetBytes, lengthBytes), offsetBytes));

    public override void Dispose() => _file.Dispose();
}
