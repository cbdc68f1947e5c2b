// The commands for callers that want exceptions: each does what its Try twin does and throws a
// BlockException, with kind, text and context, where that returns a refusal.
using System;

namespace Ashlar.Block;

public sealed partial class BlockGraph
{
    /// <summary>As <see cref="TryBlockdevAdd"/>.</summary>
    public void BlockdevAdd(OptionValue options) => BlockException.ThrowIf(TryBlockdevAdd(options));

    /// <summary>As <see cref="TryBlockdevDel"/>.</summary>
    public void BlockdevDel(string nodeName) => BlockException.ThrowIf(TryBlockdevDel(nodeName));

    /// <summary>As <see cref="TryBlockdevReopen"/>.</summary>
    public void BlockdevReopen(params ReadOnlySpan<OptionValue> nodes) =>
        BlockException.ThrowIf(TryBlockdevReopen(nodes));

    /// <summary>As <see cref="TryBlockdevSnapshot"/>.</summary>
    public void BlockdevSnapshot(string nodeName, string overlay) =>
        BlockException.ThrowIf(TryBlockdevSnapshot(nodeName, overlay));

    /// <summary>As <see cref="TryBlockResize"/>; the size in bytes.</summary>
    public void BlockResize(string nodeName, long sizeBytes) =>
        BlockException.ThrowIf(TryBlockResize(nodeName, sizeBytes));

    /// <summary>As <see cref="TryNbdServerStart"/>.</summary>
    public void NbdServerStart() => BlockException.ThrowIf(TryNbdServerStart());

    /// <summary>As <see cref="TryNbdServerStop"/>.</summary>
    public void NbdServerStop() => BlockException.ThrowIf(TryNbdServerStop());

    /// <summary>As <see cref="TryObjectAdd"/>.</summary>
    public void ObjectAdd(BlockObjectKind kind, string id) =>
        BlockException.ThrowIf(TryObjectAdd(kind, id));

    /// <summary>As <see cref="TryObjectDel"/>.</summary>
    public void ObjectDel(string id) => BlockException.ThrowIf(TryObjectDel(id));

    /// <summary>As <see cref="TryBlockExportAdd"/>.</summary>
    public void BlockExportAdd(string id, string nodeName, string? name, bool writable) =>
        BlockException.ThrowIf(TryBlockExportAdd(id, nodeName, name, writable));

    /// <summary>As <see cref="TryBlockExportDel"/>.</summary>
    public void BlockExportDel(string id) => BlockException.ThrowIf(TryBlockExportDel(id));

    /// <summary>As <see cref="TryBackendAttach"/>; returns the backend.</summary>
    public BlockBackend BackendAttach(
        string name,
        string nodeName,
        BlockPermissions perm,
        BlockPermissions shared
    )
    {
        BlockException.ThrowIf(
            TryBackendAttach(name, nodeName, perm, shared, out BlockBackend? backend)
        );
        return backend!;
    }

    /// <summary>As <see cref="TryBackendSet"/>.</summary>
    public void BackendSet(string name, BlockPermissions perm, BlockPermissions shared) =>
        BlockException.ThrowIf(TryBackendSet(name, perm, shared));

    /// <summary>As <see cref="TryBackendDetach"/>.</summary>
    public void BackendDetach(string name) => BlockException.ThrowIf(TryBackendDetach(name));
}
