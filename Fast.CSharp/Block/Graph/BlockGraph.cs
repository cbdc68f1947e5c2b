// The graph: its nodes, backends and exports, and the parts that change it. One thread controls a
// graph; requests go through BlockBackend. Spec: spec/block. The commands are in the other parts of
// the class.
using System;
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>
/// A graph of block nodes and the commands that change it. Each <c>Try</c> method is one command:
/// null means done, otherwise nothing changed, to the order of every list (BLK-GRAPH-007), and the
/// value says why. Not thread-safe: one control thread, or <see cref="Gate"/>.
/// </summary>
public sealed partial class BlockGraph : IDisposable
{
    private readonly Dictionary<string, BlockNode> _nodesByName = new(StringComparer.Ordinal);
    private readonly Dictionary<string, BlockBackend> _backendsByName = new(StringComparer.Ordinal);
    private readonly List<BlockExport> _exports = [];
    private readonly Reopener _reopener;
    private BlockNode[] _nodes = new BlockNode[16];
    private BlockBackend[] _backends = new BlockBackend[4];
    private int _backendCount;

    public BlockGraph(BlockGraphOptions options)
    {
        Options = options;
        foreach (string group in options.ThrottleGroups)
        {
            _objects.Add(new BlockObject(BlockObjectKind.ThrottleGroup, group));
        }
        Transaction = new GraphTransaction(this);
        Walk = new GraphWalk(this);
        Opener = new NodeOpener(this);
        Closer = new NodeCloser(this);
        _reopener = new Reopener(this);
    }

    /// <summary>The settings the graph was made with.</summary>
    public BlockGraphOptions Options { get; }

    /// <summary>
    /// Who may touch the graph now, for an embedder that runs requests beside control commands
    /// (BLK-DATA-014).
    /// </summary>
    public GraphGate Gate { get; } = new();

    /// <summary>All nodes, in the order in which they got their names.</summary>
    public ReadOnlySpan<BlockNode> Nodes => _nodes.AsSpan(0, NodeCount);

    /// <summary>All backends with a root edge, named ones and exports, oldest first.</summary>
    public ReadOnlySpan<BlockBackend> Backends => _backends.AsSpan(0, _backendCount);

    /// <summary>All exports, oldest first.</summary>
    public IReadOnlyList<BlockExport> Exports => _exports;

    /// <summary>True between nbd-server-start and -stop (BLK-EXPORT-007, BLK-EXPORT-009).</summary>
    public bool IsNbdServerRunning { get; private set; }

    internal GraphTransaction Transaction { get; }

    /// <summary>
    /// What blkdebug nodes do, by the names of nodes that are opened later (BLK-DEBUG-006).
    /// </summary>
    public Dictionary<string, BlkdebugSettings> Debugging { get; } = new(StringComparer.Ordinal);

    internal GraphWalk Walk { get; }

    internal NodeOpener Opener { get; }

    internal NodeCloser Closer { get; }

    internal OptionParser Parser { get; } = new();

    internal int NodeCount { get; private set; }

    /// <summary>Makes the marks of different walks differ.</summary>
    internal long WalkCounter { get; set; }

    /// <summary>The next generated name's number (BLK-GRAPH-003).</summary>
    internal long NameCounter { get; set; }

    /// <summary>The node of that name, or null.</summary>
    public BlockNode? FindNode(string name) => _nodesByName.GetValueOrDefault(name);

    /// <summary>The backend of that name, or null.</summary>
    public BlockBackend? FindBackend(string name) => _backendsByName.GetValueOrDefault(name);

    /// <summary>
    /// Closes every node, releasing descriptors and locks; the graph is of no use after.
    /// </summary>
    public void Dispose()
    {
        // Parents first, so that what they hold back still finds its children.
        Walk.Start();
        foreach (BlockNode node in Nodes)
        {
            Walk.Add(node);
        }
        ReadOnlySpan<BlockNode> left = Walk.Left;
        for (int index = left.Length - 1; index >= 0; index--)
        {
            _ = left[index].Driver.WriteBack();
        }
        foreach (BlockNode node in left)
        {
            node.Driver.Close();
        }
        Walk.Start();
        Array.Clear(_nodes);
        Array.Clear(_backends);
        NodeCount = 0;
        _backendCount = 0;
        _nodesByName.Clear();
        _backendsByName.Clear();
        _exports.Clear();
    }

    /// <summary>
    /// A generated name (BLK-GRAPH-003); no user can choose one that begins with #.
    /// </summary>
    internal string GenerateName() => $"#block{NameCounter++:D3}";

    internal void Register(BlockNode node) => RegisterAt(node, NodeCount);

    internal void RegisterAt(BlockNode node, int position)
    {
        if (NodeCount == _nodes.Length)
        {
            Array.Resize(ref _nodes, NodeCount * 2);
        }
        Array.Copy(_nodes, position, _nodes, position + 1, NodeCount - position);
        _nodes[position] = node;
        NodeCount++;
        _nodesByName[node.Name] = node;
    }

    internal int Unregister(BlockNode node)
    {
        int position = Array.LastIndexOf(_nodes, node, NodeCount - 1, NodeCount);
        NodeCount--;
        Array.Copy(_nodes, position + 1, _nodes, position, NodeCount - position);
        _nodes[NodeCount] = null!;
        if (!Planted.Is(Bug.NameNotFreed))
        {
            _nodesByName.Remove(node.Name);
        }
        return position;
    }

    internal void Register(BlockBackend backend) => RegisterAt(backend, _backendCount);

    internal void RegisterAt(BlockBackend backend, int position)
    {
        if (_backendCount == _backends.Length)
        {
            Array.Resize(ref _backends, _backendCount * 2);
        }
        Array.Copy(_backends, position, _backends, position + 1, _backendCount - position);
        _backends[position] = backend;
        _backendCount++;
        if (backend.Name is not null)
        {
            _backendsByName.Add(backend.Name, backend);
        }
    }

    internal int Unregister(BlockBackend backend)
    {
        int position = Array.LastIndexOf(_backends, backend, _backendCount - 1, _backendCount);
        _backendCount--;
        Array.Copy(_backends, position + 1, _backends, position, _backendCount - position);
        _backends[_backendCount] = null!;
        if (backend.Name is not null)
        {
            _backendsByName.Remove(backend.Name);
        }
        return position;
    }

    /// <summary>The text for a node that a command names (BLK-EXPORT-002, BLK-PERM-050).</summary>
    internal static BlockError NoSuchNode(string name) =>
        new(BlockErrorKind.NotFound, $"Cannot find device='' nor node-name='{name}'")
        {
            NodeName = name,
        };

    /// <summary>
    /// Before an edge goes: its child, and whatever is below that, no longer inherits from the
    /// parent, unless another edge still leads there (BLK-GRAPH-005).
    /// </summary>
    internal void EndInheritance(BlockNode parent, BlockEdge edge)
    {
        if (parent.InheritorCount == 0)
        {
            return;
        }
        Walk.Start();
        Walk.Add(edge.ChildNode);
        foreach (BlockNode node in Walk.Left)
        {
            if (ReferenceEquals(node.InheritsFrom, parent) && !HasOtherEdge(parent, node, edge))
            {
                Transaction.SetInheritsFrom(node, null);
            }
        }
    }

    /// <summary>The first parent edge by which the node is a backing file, or null.</summary>
    internal static BlockEdge? FindBackingParent(BlockNode node)
    {
        BlockEdge? edge = node.FirstParent;
        while (edge is not null && (edge.Roles & ChildRoles.Cow) == 0)
        {
            edge = edge.NextInParents;
        }
        return edge;
    }

    private static bool HasOtherEdge(BlockNode parent, BlockNode child, BlockEdge except)
    {
        for (BlockEdge? edge = parent.FirstChild; edge is not null; edge = edge.NextInChildren)
        {
            if (ReferenceEquals(edge.ChildNode, child) && !ReferenceEquals(edge, except))
            {
                return true;
            }
        }
        return false;
    }
}
