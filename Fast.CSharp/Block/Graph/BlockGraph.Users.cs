// The users of the graph: backends and exports, and their root edges.
// Spec: spec/block/permissions.md (BLK-PERM-050), export.md.
using System.Text;

namespace Ashlar.Block;

public sealed partial class BlockGraph
{
    /// <summary>
    /// The longest export name in bytes of UTF-8, as NBD has it (BLK-EXPORT-005).
    /// </summary>
    public const int MaximumExportNameBytes = 4096;

    /// <summary>Attaches a new named backend to a node (BLK-PERM-050).</summary>
    public BlockError? TryBackendAttach(
        string name,
        string nodeName,
        BlockPermissions perm,
        BlockPermissions shared,
        out BlockBackend? backend
    )
    {
        backend = null;
        BlockNode? node = FindNode(nodeName);
        if (node is null)
        {
            return NoSuchNode(nodeName);
        }
        BlockError? error = TestBackendName(name);
        if (error is not null)
        {
            return error;
        }
        BlockBackend attached = new(this, name);
        error = AttachRoot(attached, node, perm, shared);
        if (error is null)
        {
            backend = attached;
        }
        return error;
    }

    /// <summary>Sets both masks of a backend at once (BLK-PERM-050).</summary>
    public BlockError? TryBackendSet(string name, BlockPermissions perm, BlockPermissions shared)
    {
        BlockBackend? backend = FindBackend(name);
        if (backend is null)
        {
            return NoSuchBackend(name);
        }
        BlockEdge root = backend.Root!;
        Transaction.Begin();
        Transaction.SetPermissions(root, perm, shared);
        return Transaction.Finish(Transaction.Refresh(root.ChildNode));
    }

    /// <summary>Detaches and forgets a backend (BLK-PERM-050).</summary>
    public BlockError? TryBackendDetach(string name)
    {
        BlockBackend? backend = FindBackend(name);
        if (backend is null)
        {
            return NoSuchBackend(name);
        }
        DetachRoot(backend);
        return null;
    }

    /// <summary>
    /// nbd-server-start: from now on exports can be added (BLK-EXPORT-007). Serving them is another
    /// package's.
    /// </summary>
    public BlockError? TryNbdServerStart()
    {
        if (IsNbdServerRunning)
        {
            return new BlockError(BlockErrorKind.AlreadyExists, "NBD server already running");
        }
        IsNbdServerRunning = true;
        return null;
    }

    /// <summary>
    /// nbd-server-stop: the exports go, oldest first, then the server (BLK-EXPORT-009).
    /// </summary>
    public BlockError? TryNbdServerStop()
    {
        if (!IsNbdServerRunning)
        {
            return new BlockError(BlockErrorKind.NotFound, "NBD server not running");
        }
        foreach (BlockExport export in _exports)
        {
            DetachRoot(export.Backend);
        }
        _exports.Clear();
        _fixedExports = 0;
        IsNbdServerRunning = false;
        return null;
    }

    /// <summary>
    /// nbd-server-add: an export under the name of the export, or of the device where that is null,
    /// and not writable where the node is not (BLK-EXPORT-008).
    /// </summary>
    public BlockError? TryNbdServerAdd(string device, string? name, bool writable)
    {
        BlockNode? node = FindNode(device);
        if (node is null)
        {
            return NodeOpener.NoSuchNode(device);
        }
        name ??= device;
        return TryBlockExportAdd(name, node.Name, name, writable && !node.IsReadOnly);
    }

    /// <summary>
    /// nbd-server-remove: the export of that id goes (BLK-EXPORT-011).
    /// </summary>
    public BlockError? TryNbdServerRemove(string name) => TryBlockExportDel(name);

    /// <summary>
    /// block-export-add of type nbd; a null name means the node's (BLK-EXPORT-001 to -005). The
    /// iothread is that of BLK-OBJ-005, and fixed keeps the node in it (BLK-OBJ-006).
    /// </summary>
    public BlockError? TryBlockExportAdd(
        string id,
        string nodeName,
        string? name,
        bool writable,
        string? iothread = null,
        bool isFixedThread = false
    )
    {
        if (!NodeOpener.IsWellFormed(id))
        {
            return new BlockError(BlockErrorKind.InvalidArgument, "Invalid block export id");
        }
        if (FindExport(id) is not null)
        {
            return new BlockError(
                BlockErrorKind.AlreadyExists,
                $"Block export id '{id}' is already in use"
            );
        }
        BlockNode? node = FindNode(nodeName);
        if (node is null)
        {
            return NoSuchNode(nodeName);
        }
        // BLK-EXPORT-003
        if (writable && node.IsReadOnly)
        {
            return new BlockError(
                BlockErrorKind.ReadOnly,
                "Cannot export read-only node as writable"
            )
            {
                NodeName = nodeName,
            };
        }
        BlockError? error = ChooseThread(node, ref iothread, isFixedThread);
        if (error is not null)
        {
            return error;
        }
        BlockExport export = new(id, name ?? nodeName, writable, new BlockBackend(this, null))
        {
            IoThread = iothread,
            IsFixedThread = isFixedThread,
        };
        Transaction.Begin();
        error = Transaction.Finish(AttachExport(export, node));
        if (error is null)
        {
            AddExport(export);
        }
        return error;
    }

    /// <summary>block-export-del (BLK-EXPORT-006).</summary>
    public BlockError? TryBlockExportDel(string id)
    {
        BlockExport? export = FindExport(id);
        if (export is null)
        {
            return new BlockError(BlockErrorKind.NotFound, $"Export '{id}' is not found");
        }
        DetachRoot(export.Backend);
        RemoveExport(export);
        return null;
    }

    // BLK-EXPORT-004, BLK-EXPORT-005
    private BlockError? AttachExport(BlockExport export, BlockNode node)
    {
        BlockPermissions perm = BlockPermissions.ConsistentRead;
        if (export.IsWritable)
        {
            perm |= BlockPermissions.Write;
        }
        BlockError? error =
            LinkRoot(export.Backend, node, perm, BlockPermissions.All) ?? TestServer(export);
        if (error is not null || Planted.Is(Bug.ExportKeepsSharingResize))
        {
            return error;
        }
        Transaction.SetPermissions(
            export.Backend.Root!,
            perm,
            BlockPermissions.All & ~BlockPermissions.Resize
        );
        return Transaction.Refresh(node);
    }

    private BlockError? TestServer(BlockExport export)
    {
        if (!IsNbdServerRunning)
        {
            return new BlockError(BlockErrorKind.NotFound, "NBD server not running");
        }
        string name = export.Name;
        if (
            name.Length > MaximumExportNameBytes / 3
            && Encoding.UTF8.GetByteCount(name) > MaximumExportNameBytes
        )
        {
            return new BlockError(BlockErrorKind.InvalidArgument, $"export name '{name}' too long");
        }
        foreach (BlockExport other in _exports)
        {
            if (string.Equals(other.Name, name))
            {
                return new BlockError(
                    BlockErrorKind.AlreadyExists,
                    $"NBD server already has export named '{name}'"
                );
            }
        }
        return null;
    }

    private BlockExport? FindExport(string id)
    {
        foreach (BlockExport export in _exports)
        {
            if (string.Equals(export.Id, id))
            {
                return export;
            }
        }
        return null;
    }

    private BlockError? TestBackendName(string name)
    {
        if (!NodeOpener.IsWellFormed(name))
        {
            return new BlockError(BlockErrorKind.InvalidArgument, "Invalid device name");
        }
        if (FindBackend(name) is not null)
        {
            return new BlockError(
                BlockErrorKind.AlreadyExists,
                $"Device with id '{name}' already exists"
            );
        }
        return FindNode(name) is null
            ? null
            : new BlockError(
                BlockErrorKind.AlreadyExists,
                $"Device name '{name}' conflicts with an existing node name"
            );
    }

    private BlockError? AttachRoot(
        BlockBackend backend,
        BlockNode node,
        BlockPermissions perm,
        BlockPermissions shared
    )
    {
        Transaction.Begin();
        return Transaction.Finish(LinkRoot(backend, node, perm, shared));
    }

    /// <summary>Links a root edge and refreshes the node's subtree (BLK-PERM-040).</summary>
    private BlockError? LinkRoot(
        BlockBackend backend,
        BlockNode node,
        BlockPermissions perm,
        BlockPermissions shared
    )
    {
        Transaction.Add(backend);
        Transaction.Link(
            new BlockEdge(null, backend, node, "root", ChildRoles.Filtered | ChildRoles.Primary)
            {
                Perm = perm,
                SharedPerm = shared,
            }
        );
        return Transaction.Refresh(node);
    }

    /// <summary>
    /// Takes a root away; its node goes with it if nobody else holds it (BLK-PERM-041).
    /// </summary>
    private void DetachRoot(BlockBackend backend)
    {
        BlockEdge root = backend.Root!;
        BlockNode node = root.ChildNode;
        Transaction.Begin();
        Transaction.Unlink(root);
        Transaction.Remove(backend);
        if (node.IsUnreferenced)
        {
            Closer.Release(node);
        }
        else
        {
            Closer.Loosen(node);
        }
        Closer.Run();
    }

    private static BlockError NoSuchBackend(string name) =>
        new(BlockErrorKind.NotFound, $"Device '{name}' not found") { IsDeviceNotFound = true };
}
