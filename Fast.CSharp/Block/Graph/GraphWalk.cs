// Questions to the shape of the graph. Iterative, with the graph's own stack.
// Spec: spec/block/graph.md (BLK-GRAPH-008), open.md (BLK-OPEN-018).
using System;

namespace Ashlar.Block;

/// <summary>Walks over a graph; one at a time.</summary>
internal sealed class GraphWalk
{
    /// <summary>
    /// The longest path in nodes (BLK-OPEN-018): far beyond any real chain (QEMU's own limit for
    /// header chains is 200), and a bound for everything that follows links.
    /// </summary>
    public const int MaximumDepth = 2000;

    private readonly BlockGraph _graph;
    private BlockNode[] _stack = new BlockNode[32];
    private BlockNode[] _left = new BlockNode[32];
    private int _leftCount;
    private long _walk;

    public GraphWalk(BlockGraph graph)
    {
        _graph = graph;
    }

    /// <summary>
    /// The nodes of the walk in the order in which it left them: children before parents. Read
    /// backwards it is the order of BLK-PERM-030.
    /// </summary>
    public ReadOnlySpan<BlockNode> Left => _left.AsSpan(0, _leftCount);

    /// <summary>Starts a walk downwards.</summary>
    public void Start()
    {
        Array.Clear(_left, 0, _leftCount);
        _leftCount = 0;
        _walk = ++_graph.WalkCounter;
    }

    /// <summary>Whether the walk met the node.</summary>
    public bool Met(BlockNode node) => node.VisitedIn == _walk;

    /// <summary>
    /// Walks from a root: depth first, children in list order, a node is left after its children;
    /// each node once in a walk.
    /// </summary>
    public void Add(BlockNode root)
    {
        if (root.VisitedIn == _walk)
        {
            return;
        }
        int count = 0;
        Enter(ref count, root);
        while (count > 0)
        {
            BlockNode node = _stack[count - 1];
            BlockEdge? edge = node.WalkPosition;
            if (edge is null)
            {
                count--;
                if (_leftCount == _left.Length)
                {
                    Array.Resize(ref _left, _leftCount * 2);
                }
                _left[_leftCount++] = node;
                continue;
            }
            node.WalkPosition = edge.NextInChildren;
            if (edge.ChildNode.VisitedIn != _walk)
            {
                Enter(ref count, edge.ChildNode);
            }
        }
    }

    private void Enter(ref int count, BlockNode node)
    {
        node.VisitedIn = _walk;
        node.WalkPosition = node.FirstChild;
        Push(ref count, node);
    }

    /// <summary>
    /// The tests before an edge from parent to child is linked: depth, cycle, threads.
    /// </summary>
    public BlockError? TestNewEdge(BlockNode parent, BlockNode child, string name) =>
        TestDepth(parent, child)
        ?? (Reaches(child, parent) ? Cycle(child.Name, name, parent) : null)
        ?? _graph.TestThreads(parent, child);

    /// <summary>Marks what links join with a node, whichever way they point.</summary>
    public void Join(BlockNode start)
    {
        long walk = ++_graph.WalkCounter;
        int count = 0;
        start.VisitedIn = walk;
        Push(ref count, start);
        while (count > 0)
        {
            BlockNode node = _stack[--count];
            for (BlockEdge? edge = node.FirstChild; edge is not null; edge = edge.NextInChildren)
            {
                Mark(ref count, edge.ChildNode, walk);
            }
            for (BlockEdge? edge = node.FirstParent; edge is not null; edge = edge.NextInParents)
            {
                if (edge.ParentNode is BlockNode parent)
                {
                    Mark(ref count, parent, walk);
                }
            }
        }
    }

    /// <summary>Whether the last <see cref="Join"/> met the node.</summary>
    public bool IsJoined(BlockNode node) => node.VisitedIn == _graph.WalkCounter;

    /// <summary>Refuses an edge that would make a path too long (BLK-OPEN-018).</summary>
    public BlockError? TestDepth(BlockNode parent, BlockNode child) =>
        IsTooDeep(parent, child)
            ? new BlockError(
                BlockErrorKind.InvalidArgument,
                $"The graph would be deeper than {MaximumDepth} nodes"
            )
            {
                NodeName = parent.Name,
            }
            : null;

    /// <summary>The refusal of BLK-GRAPH-008.</summary>
    public static BlockError Cycle(string child, string name, BlockNode parent) =>
        new(
            BlockErrorKind.InvalidArgument,
            $"Making '{child}' a {name} child of '{parent.Name}' would create a cycle"
        )
        {
            NodeName = parent.Name,
        };

    /// <summary>Whether the second node is the first or somewhere below it.</summary>
    public bool Reaches(BlockNode from, BlockNode target)
    {
        if (ReferenceEquals(from, target))
        {
            return true;
        }
        if (target.FirstParent is null)
        {
            // Nobody is above it: the usual case, a node that is just being opened.
            return false;
        }
        long walk = ++_graph.WalkCounter;
        int count = 0;
        from.VisitedIn = walk;
        Push(ref count, from);
        while (count > 0)
        {
            BlockNode node = _stack[--count];
            for (BlockEdge? edge = node.FirstChild; edge is not null; edge = edge.NextInChildren)
            {
                BlockNode child = edge.ChildNode;
                if (ReferenceEquals(child, target))
                {
                    return true;
                }
                if (child.VisitedIn != walk)
                {
                    child.VisitedIn = walk;
                    Push(ref count, child);
                }
            }
        }
        return false;
    }

    private void Mark(ref int count, BlockNode node, long walk)
    {
        if (node.VisitedIn != walk)
        {
            node.VisitedIn = walk;
            Push(ref count, node);
        }
    }

    private void Push(ref int count, BlockNode node)
    {
        if (count == _stack.Length)
        {
            Array.Resize(ref _stack, count * 2);
        }
        _stack[count++] = node;
    }

    // A path is never longer than the graph has nodes (plus the one that is being opened and is not
    // counted yet), so small graphs, that is nearly all, cost nothing.
    private bool IsTooDeep(BlockNode parent, BlockNode child) =>
        _graph.NodeCount + 1 > MaximumDepth
        && Longest(parent, isUpwards: true) + Longest(child, isUpwards: false) > MaximumDepth;

    /// <summary>The number of nodes of the longest path up or down from a node, with it.</summary>
    private int Longest(BlockNode start, bool isUpwards)
    {
        long walk = ++_graph.WalkCounter;
        int count = 0;
        start.VisitedIn = walk;
        start.WalkPosition = isUpwards ? start.FirstParent : start.FirstChild;
        start.WalkLength = 1;
        Push(ref count, start);
        while (true)
        {
            BlockNode node = _stack[count - 1];
            BlockEdge? edge = node.WalkPosition;
            if (edge is null)
            {
                if (--count == 0)
                {
                    return start.WalkLength;
                }
                BlockNode above = _stack[count - 1];
                above.WalkLength = Math.Max(above.WalkLength, node.WalkLength + 1);
                continue;
            }
            node.WalkPosition = isUpwards ? edge.NextInParents : edge.NextInChildren;
            BlockNode? other = isUpwards ? edge.ParentNode : edge.ChildNode;
            if (other is null)
            {
                continue;
            }
            if (other.VisitedIn == walk)
            {
                // Finished already: the graph has no cycles, so it is not on the stack.
                node.WalkLength = Math.Max(node.WalkLength, other.WalkLength + 1);
                continue;
            }
            other.VisitedIn = walk;
            other.WalkPosition = isUpwards ? other.FirstParent : other.FirstChild;
            other.WalkLength = 1;
            Push(ref count, other);
        }
    }
}
