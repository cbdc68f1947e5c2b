// The one way the graph changes: a journal of undo records, kept until the command is decided. An
// abort plays it backwards, so that links, flags, options, names and the order of every list are
// exactly what they were (BLK-GRAPH-007, BLK-PERM-032). One object serves all commands of a graph,
// one at a time.
using System;
using System.Diagnostics;

namespace Ashlar.Block;

/// <summary>A change of the graph: prepare by its methods, then commit or abort.</summary>
internal sealed partial class GraphTransaction
{
    private enum Step : byte
    {
        Permissions,
        Linked,
        UnlinkedFromChildren,
        UnlinkedFromParents,
        Repointed,
        InheritsFrom,
        MonitorOwned,
        NodeAdded,
        NodeRemoved,
        BackendAdded,
        BackendRemoved,
    }

    private struct Record
    {
        public Step Step;
        public byte OldPerm;
        public byte OldShared;
        public int Position;
        public object Subject;
        public object? Other;
    }

    private readonly BlockGraph _graph;
    private Record[] _journal = new Record[64];
    private int _count;
    private BlockDriver[] _drivers = new BlockDriver[16];
    private int _driverCount;
    private long _nameCounterBefore;

    public GraphTransaction(BlockGraph graph)
    {
        _graph = graph;
    }

    /// <summary>True between <see cref="Begin"/> and commit or abort.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>
    /// A number no other transaction of the graph has; marks of old ones are void.
    /// </summary>
    public long Serial { get; private set; }

    /// <summary>Starts a transaction.</summary>
    public void Begin()
    {
        if (IsOpen)
        {
            throw new InvalidOperationException("A graph transaction is already open.");
        }
        IsOpen = true;
        Serial++;
        _nameCounterBefore = _graph.NameCounter;
    }

    /// <summary>Makes the changes final: drivers take over what they prepared.</summary>
    public void Commit()
    {
        Debug.Assert(IsOpen);
        for (int index = 0; index < _driverCount; index++)
        {
            BlockDriver driver = _drivers[index];
            driver.IsInTransaction = false;
            driver.CommitPermissions();
        }
        End();
    }

    /// <summary>Takes everything back, last change first.</summary>
    public void Abort()
    {
        Debug.Assert(IsOpen);
        while (_count > 0)
        {
            Undo(ref _journal[--_count]);
        }
        for (int index = _driverCount - 1; index >= 0; index--)
        {
            BlockDriver driver = _drivers[index];
            driver.IsInTransaction = false;
            driver.AbortPermissions();
        }
        if (!Planted.Is(Bug.NameCounterNotRestored))
        {
            _graph.NameCounter = _nameCounterBefore;
        }
        End();
    }

    /// <summary>The command's outcome decides; for the pattern "do all, then finish".</summary>
    public BlockError? Finish(BlockError? error)
    {
        if (error is null)
        {
            Commit();
        }
        else
        {
            Abort();
        }
        return error;
    }

    /// <summary>A driver prepared something and wants its commit or abort called, once.</summary>
    public void Enlist(BlockDriver driver)
    {
        if (driver.IsInTransaction)
        {
            return;
        }
        driver.IsInTransaction = true;
        if (_driverCount == _drivers.Length)
        {
            Array.Resize(ref _drivers, _driverCount * 2);
        }
        _drivers[_driverCount++] = driver;
    }

    private void End()
    {
        // References are dropped so that closed nodes are not kept alive by the next idle hour.
        Array.Clear(_journal, 0, Math.Min(_journal.Length, _highWater));
        Array.Clear(_drivers, 0, _driverCount);
        ForgetTouched(isRefused: true);
        _count = 0;
        _highWater = 0;
        _driverCount = 0;
        IsOpen = false;
    }

    private int _highWater;

    private void Note(Step step, object subject, object? other = null, int position = 0)
    {
        ref Record record = ref Append();
        record.Step = step;
        record.Subject = subject;
        record.Other = other;
        record.Position = position;
    }

    private ref Record Append()
    {
        Debug.Assert(IsOpen);
        if (_count == _journal.Length)
        {
            Array.Resize(ref _journal, _count * 2);
        }
        if (_count == _highWater)
        {
            _highWater++;
        }
        return ref _journal[_count++];
    }

    private void Undo(ref Record record)
    {
        switch (record.Step)
        {
            case Step.Permissions:
                if (!Planted.Is(Bug.PermissionsNotRestored))
                {
                    BlockEdge changed = (BlockEdge)record.Subject;
                    changed.Perm = (BlockPermissions)record.OldPerm;
                    changed.SharedPerm = (BlockPermissions)record.OldShared;
                }
                break;
            case Step.Linked:
                UndoLink((BlockEdge)record.Subject);
                break;
            case Step.UnlinkedFromChildren:
                UndoUnlinkFromChildren((BlockEdge)record.Subject, (BlockEdge?)record.Other);
                break;
            case Step.UnlinkedFromParents:
                UndoUnlinkFromParents((BlockEdge)record.Subject, (BlockEdge?)record.Other);
                break;
            case Step.Repointed:
                ((BlockEdge)record.Subject).ChildNode = (BlockNode)record.Other!;
                break;
            case Step.InheritsFrom:
                if (!Planted.Is(Bug.InheritanceNotRestored))
                {
                    ((BlockNode)record.Subject).InheritsFrom = (BlockNode?)record.Other;
                }
                break;
            case Step.MonitorOwned:
                ((BlockNode)record.Subject).IsMonitorOwned = record.Position != 0;
                break;
            case Step.NodeAdded:
                _graph.Unregister((BlockNode)record.Subject);
                ((BlockNode)record.Subject).Driver.Close();
                break;
            case Step.NodeRemoved:
                _graph.RegisterAt((BlockNode)record.Subject, record.Position);
                break;
            case Step.BackendAdded:
                _graph.Unregister((BlockBackend)record.Subject);
                break;
            default:
                _graph.RegisterAt((BlockBackend)record.Subject, record.Position);
                break;
        }
    }
}
