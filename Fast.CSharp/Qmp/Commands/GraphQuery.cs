// x-debug-query-block-graph: nodes, their users, and every edge with its permissions.
// Spec: spec/block/qmp.md (BLK-QMP-009).
using System.Collections.Generic;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>The graph as a value.</summary>
internal static class GraphQuery
{
    public static OptionValue Run(BlockGraph graph)
    {
        Dictionary<object, long> ids = new(ReferenceEqualityComparer.Instance);
        List<OptionValue> nodes = [];
        List<OptionValue> edges = [];
        foreach (BlockBackend backend in graph.Backends)
        {
            nodes.Add(Vertex(ids, backend, "block-backend", backend.Name ?? ""));
        }
        foreach (BlockNode node in graph.Nodes)
        {
            nodes.Add(Vertex(ids, node, "block-driver", node.Name));
        }
        foreach (BlockNode node in graph.Nodes)
        {
            for (BlockEdge? edge = node.FirstChildEdge; edge is not null; edge = edge.NextChildEdge)
            {
                edges.Add(Edge(ids, node, edge));
            }
        }
        foreach (BlockBackend backend in graph.Backends)
        {
            if (backend.Root is not null)
            {
                edges.Add(Edge(ids, backend, backend.Root));
            }
        }
        return OptionValue.Dictionary(
            ("edges", OptionValue.List([.. edges])),
            ("nodes", OptionValue.List([.. nodes]))
        );
    }

    private static OptionValue Vertex(
        Dictionary<object, long> ids,
        object vertex,
        string type,
        string name
    )
    {
        long id = ids.Count + 1;
        ids.Add(vertex, id);
        return OptionValue.Dictionary(
            ("name", OptionValue.Of(name)),
            ("type", OptionValue.Of(type)),
            ("id", OptionValue.Of(id))
        );
    }

    private static OptionValue Edge(Dictionary<object, long> ids, object parent, BlockEdge edge) =>
        OptionValue.Dictionary(
            ("name", OptionValue.Of(edge.Name)),
            ("parent", OptionValue.Of(ids[parent])),
            ("shared-perm", Names(edge.Shared)),
            ("perm", Names(edge.Permissions)),
            ("child", OptionValue.Of(ids[edge.Child]))
        );

    private static OptionValue Names(BlockPermissions permissions)
    {
        List<OptionValue> names = [];
        for (int bit = 0; bit < OptionSchema.PermissionWords.Length; bit++)
        {
            if (((int)permissions & (1 << bit)) != 0)
            {
                names.Add(OptionValue.Of(OptionSchema.PermissionWords[bit]));
            }
        }
        return OptionValue.List([.. names]);
    }
}
