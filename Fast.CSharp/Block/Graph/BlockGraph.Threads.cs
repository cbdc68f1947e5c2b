// Which thread the nodes of an export run in, as far as commands see it: what links join runs in
// one thread, and a fixed export keeps it there. Spec: spec/block/objects.md (BLK-OBJ-005, -006).
namespace Ashlar.Block;

public sealed partial class BlockGraph
{
    private int _fixedExports;

    // BLK-OBJ-006: the test before a link, after that for cycles. Without fixed exports, that is
    // nearly always, it costs nothing.
    internal BlockError? TestThreads(BlockNode parent, BlockNode child)
    {
        if (_fixedExports == 0 || Planted.Is(Bug.ThreadsNotTested))
        {
            return null;
        }
        return
            FindExport(parent, isFixed: true) is { } one
            && FindExport(child, isFixed: true) is { } other
            && !string.Equals(one.IoThread, other.IoThread)
            ? ApartError(parent)
            : null;
    }

    /// <summary>The thread that an export of the node gets; null is the main one.</summary>
    private BlockError? ChooseThread(BlockNode node, ref string? iothread, bool isFixed)
    {
        if (iothread is not null && !HasIoThread(iothread))
        {
            return new BlockError(BlockErrorKind.NotFound, $"iothread \"{iothread}\" not found");
        }
        if (!isFixed)
        {
            return null;
        }
        BlockExport? holding = FindExport(node, isFixed: true);
        if (iothread is null)
        {
            iothread = (holding ?? FindExport(node, isFixed: false))?.IoThread;
            return null;
        }
        return holding is null || string.Equals(holding.IoThread, iothread)
            ? null
            : ApartError(node);
    }

    // The newest export of what is joined with a node that is fixed, or that names a thread.
    private BlockExport? FindExport(BlockNode node, bool isFixed)
    {
        if (_exports.Count == 0)
        {
            return null;
        }
        Walk.Join(node);
        for (int index = _exports.Count - 1; index >= 0; index--)
        {
            BlockExport export = _exports[index];
            bool isWanted = isFixed ? export.IsFixedThread : export.IoThread is not null;
            if (isWanted && Walk.IsJoined(export.Backend.Root!.ChildNode))
            {
                return export;
            }
        }
        return null;
    }

    private bool HasIoThread(string id)
    {
        int index = FindObject(id);
        return index >= 0 && _objects[index].Kind == BlockObjectKind.IoThread;
    }

    // BLK-OBJ-003
    private bool IsThreadInUse(string id)
    {
        foreach (BlockExport export in _exports)
        {
            if (string.Equals(export.IoThread, id))
            {
                return true;
            }
        }
        return false;
    }

    private void AddExport(BlockExport export)
    {
        _exports.Add(export);
        _fixedExports += export.IsFixedThread ? 1 : 0;
    }

    private void RemoveExport(BlockExport export)
    {
        _exports.Remove(export);
        _fixedExports -= export.IsFixedThread ? 1 : 0;
    }

    private static BlockError ApartError(BlockNode node) =>
        new(BlockErrorKind.InUse, "Cannot change iothread of active block backend")
        {
            NodeName = node.Name,
        };
}
