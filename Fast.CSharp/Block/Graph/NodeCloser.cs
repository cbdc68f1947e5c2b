// Closes nodes that lost their last reference, with everything only they held. This loosens
// permissions and so cannot be refused. Iterative. Spec: spec/block/graph.md (BLK-GRAPH-004,
// BLK-GRAPH-005), permissions.md (BLK-PERM-034, BLK-PERM-041).
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>Collects unreferenced nodes and closes them; one use at a time.</summary>
internal sealed class NodeCloser
{
    private readonly BlockGraph _graph;
    private readonly List<BlockNode> _dead = [];
    private readonly List<BlockNode> _survivors = [];

    public NodeCloser(BlockGraph graph)
    {
        _graph = graph;
    }

    /// <summary>
    /// Notes a node that lost a reference; it is closed by the next run if it was the last.
    /// </summary>
    public void Release(BlockNode? node)
    {
        if (node is { IsUnreferenced: true, IsClosing: false })
        {
            node.IsClosing = true;
            _dead.Add(node);
        }
    }

    /// <summary>
    /// Closes what was released, parents before children, and what loses its last reference by
    /// that. Runs its own transaction when none is open; an open one is committed with it.
    /// </summary>
    public void Run()
    {
        GraphTransaction transaction = _graph.Transaction;
        bool isOpen = transaction.IsOpen;
        if (!isOpen)
        {
            if (_dead.Count == 0)
            {
                return;
            }
            transaction.Begin();
        }
        for (int index = 0; index < _dead.Count; index++)
        {
            Detach(_dead[index]);
        }
        transaction.StartRefresh();
        foreach (BlockNode survivor in _survivors)
        {
            transaction.AddRefreshRoot(survivor);
        }
        transaction.RunLooseningRefresh();
        transaction.Commit();
        foreach (BlockNode node in _dead)
        {
            node.Driver.Close();
        }
        _dead.Clear();
        _survivors.Clear();
    }

    /// <summary>Also refreshes below a node that lost a user but stays.</summary>
    public void Loosen(BlockNode node) => _survivors.Add(node);

    private void Detach(BlockNode node)
    {
        GraphTransaction transaction = _graph.Transaction;
        // What the node holds back goes out while its children can still be written. A failure is
        // the host's and cannot keep the node alive; QEMU drops it too.
        _ = node.Driver.WriteBack();
        while (node.FirstChild is BlockEdge edge)
        {
            BlockNode child = edge.ChildNode;
            _graph.EndInheritance(node, edge);
            transaction.Unlink(edge);
            if (child.IsUnreferenced)
            {
                Release(child);
            }
            else
            {
                _survivors.Add(child);
            }
        }
        transaction.Remove(node);
        node.InheritsFrom = null;
    }
}
