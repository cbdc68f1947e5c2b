// The graph and its commands. One thread controls a graph; requests go through BlockBackend.
// Spec: spec/block. A refusal leaves everything as it was, to the order of every list.
using System;

namespace Ashlar.Block;

/// <summary>
/// A graph of block nodes and the commands that change it. Each <c>Try</c> method is one transaction: null
/// means done, otherwise nothing changed and the value says why. Not thread-safe: one control thread.
/// </summary>
public sealed partial class BlockGraph : IDisposable
{
    public BlockGraph(BlockGraphOptions options)
    {
        Options = options;
    }

    /// <summary>The settings the graph was made with.</summary>
    public BlockGraphOptions Options { get; }

    /// <summary>blockdev-add (BLK-OPEN).</summary>
    public BlockError? TryBlockdevAdd(OptionValue options) => throw new NotImplementedException();

    /// <summary>blockdev-del (BLK-GRAPH-010 to -014).</summary>
    public BlockError? TryBlockdevDel(string nodeName) => throw new NotImplementedException();

    /// <summary>blockdev-reopen with its list of options (BLK-REOPEN).</summary>
    public BlockError? TryBlockdevReopen(ReadOnlySpan<OptionValue> nodes) =>
        throw new NotImplementedException();

    /// <summary>blockdev-snapshot (BLK-GRAPH-020 to -022).</summary>
    public BlockError? TryBlockdevSnapshot(string nodeName, string overlay) =>
        throw new NotImplementedException();

    /// <summary>block_resize; the size in bytes (BLK-SIZE).</summary>
    public BlockError? TryBlockResize(string nodeName, long sizeBytes) =>
        throw new NotImplementedException();

    /// <summary>nbd-server-start: from now on exports can be added (BLK-EXPORT-007).</summary>
    public BlockError? TryNbdServerStart() => throw new NotImplementedException();

    /// <summary>block-export-add of type nbd; a null name means the node's (BLK-EXPORT-001 to -005).</summary>
    public BlockError? TryBlockExportAdd(string id, string nodeName, string? name, bool writable) =>
        throw new NotImplementedException();

    /// <summary>block-export-del (BLK-EXPORT-006).</summary>
    public BlockError? TryBlockExportDel(string id) => throw new NotImplementedException();

    /// <summary>Attaches a new named backend to a node (BLK-PERM-050).</summary>
    public BlockError? TryBackendAttach(
        string name,
        string nodeName,
        BlockPermissions perm,
        BlockPermissions shared,
        out BlockBackend? backend
    ) => throw new NotImplementedException();

    /// <summary>Sets both masks of a backend at once (BLK-PERM-050).</summary>
    public BlockError? TryBackendSet(string name, BlockPermissions perm, BlockPermissions shared) =>
        throw new NotImplementedException();

    /// <summary>Detaches and forgets a backend (BLK-PERM-050).</summary>
    public BlockError? TryBackendDetach(string name) => throw new NotImplementedException();

    /// <summary>The backend of that name, or null.</summary>
    public BlockBackend? FindBackend(string name) => throw new NotImplementedException();

    /// <summary>The node of that name, or null.</summary>
    public BlockNode? FindNode(string name) => throw new NotImplementedException();

    /// <summary>All nodes in the order they were made.</summary>
    public ReadOnlySpan<BlockNode> Nodes => throw new NotImplementedException();

    /// <summary>All backends with a root edge, named ones and exports, in the order they were made.</summary>
    public ReadOnlySpan<BlockBackend> Backends => throw new NotImplementedException();

    /// <summary>Closes every node, releasing descriptors and locks.</summary>
    public void Dispose() => throw new NotImplementedException();
}
