// What an embedder decides about a graph once, before it has a node.
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>How file nodes with auto-read-only=on behave (BLK-RO-010, BLK-RO-015).</summary>
public enum AutoReadOnlyPolicy
{
    /// <summary>Writable exactly while a writer is attached; the node stays read-write.</summary>
    Dynamic,

    /// <summary>Try read-write at open, degrade to read-only when the host refuses.</summary>
    Static,
}

/// <summary>The settings of a <see cref="BlockGraph"/>.</summary>
public sealed class BlockGraphOptions
{
    /// <summary>The host's files.</summary>
    public required IHostFiles HostFiles { get; init; }

    /// <summary>
    /// The graph-wide policy for auto-read-only of files; nbd is static under both.
    /// </summary>
    public AutoReadOnlyPolicy AutoReadOnlyPolicy { get; init; }

    /// <summary>Who reaches remote exports; without one every nbd node is refused.</summary>
    public IRemoteExportConnector? RemoteExports { get; init; }

    /// <summary>
    /// True when nodes are opened to be described only: encrypted images stay locked, need no
    /// secret, and refuse requests (FMT-LUKS-017).
    /// </summary>
    public bool LeavesLocked { get; init; }

    /// <summary>
    /// True when images are opened to be checked or repaired only: a damaged or dirty one opens
    /// read-write, too, and refuses writes (BLK-IMG-017).
    /// </summary>
    public bool IsForCheck { get; init; }

    /// <summary>The throttle groups that exist from the start (BLK-OBJ-001).</summary>
    public IReadOnlyCollection<string> ThrottleGroups { get; init; } = [];
}
