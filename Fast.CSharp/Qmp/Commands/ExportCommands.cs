// Exports and the server behind them. What an export may do to the graph is the graph's; who is
// connected is the server's. Spec: spec/block/export.md.
using System;
using System.Collections.Generic;
using Ashlar.Block;
using Ashlar.Nbd;

namespace Ashlar.Qmp;

/// <summary>block-export-* and nbd-server-*.</summary>
internal sealed class ExportCommands(
    BlockGraph graph,
    NbdService nbd,
    Action<string, OptionValue> raise
)
{
    public QmpAnswer Add(OptionValue arguments)
    {
        string id = arguments.Text("id");
        string node = arguments.Text("node-name");
        string? name = arguments.TextOrNull("name");
        string? description = arguments.TextOrNull("description");
        BlockError? error = graph.TryBlockExportAdd(
            id,
            node,
            name,
            arguments.Flag("writable"),
            arguments.TextOrNull("iothread"),
            arguments.Flag("fixed-iothread")
        );
        if (error is not null)
        {
            return QmpAnswer.Of(error);
        }
        string? refusal =
            NbdService.RefuseDescription(description) ?? RefuseBitmaps(arguments.Find("bitmaps"));
        if (refusal is not null)
        {
            graph.TryBlockExportDel(id);
            return QmpAnswer.Error(refusal);
        }
        nbd.Add(Find(id)!, description, arguments.Flag("writethrough"));
        return QmpAnswer.Done;
    }

    public QmpAnswer Delete(OptionValue arguments) =>
        Remove(arguments.Text("id"), arguments.TextOrNull("mode"));

    public QmpAnswer Query(OptionValue arguments)
    {
        List<OptionValue> exports = [];
        // The newest comes first.
        for (int index = graph.Exports.Count - 1; index >= 0; index--)
        {
            BlockExport export = graph.Exports[index];
            exports.Add(
                OptionValue.Dictionary(
                    ("node-name", OptionValue.Of(export.Backend.Root?.Child.Name ?? "")),
                    ("shutting-down", OptionValue.False),
                    ("type", OptionValue.Of("nbd")),
                    ("id", OptionValue.Of(export.Id))
                )
            );
        }
        return QmpAnswer.Of(OptionValue.List([.. exports]));
    }

    public QmpAnswer ServerStart(OptionValue arguments)
    {
        OptionValue address = arguments.Find("addr")!;
        if (NbdService.RefuseAddress(address) is { } refusal)
        {
            return QmpAnswer.Error(refusal);
        }
        if (graph.IsNbdServerRunning)
        {
            return QmpAnswer.Of(graph.TryNbdServerStart());
        }
        BlockError? error = nbd.Start(
            address,
            arguments.Number("max-connections", NbdServerOptions.DefaultMaxConnections)
        );
        return QmpAnswer.Of(error ?? graph.TryNbdServerStart());
    }

    public QmpAnswer ServerStop(OptionValue arguments)
    {
        if (!graph.IsNbdServerRunning)
        {
            return QmpAnswer.Of(graph.TryNbdServerStop());
        }
        List<string> ids = [];
        foreach (BlockExport export in graph.Exports)
        {
            ids.Add(export.Id);
        }
        nbd.Stop();
        BlockError? error = graph.TryNbdServerStop();
        foreach (string id in ids)
        {
            TellDeleted(id);
        }
        return QmpAnswer.Of(error);
    }

    public QmpAnswer ServerAdd(OptionValue arguments)
    {
        string device = arguments.Text("device");
        string? name = arguments.TextOrNull("name");
        string? description = arguments.TextOrNull("description");
        BlockError? error = graph.TryNbdServerAdd(device, name, arguments.Flag("writable"));
        if (error is not null)
        {
            return QmpAnswer.Of(error);
        }
        string id = name ?? device;
        string? bitmap = arguments.TextOrNull("bitmap");
        string? refusal =
            NbdService.RefuseDescription(description)
            ?? (bitmap is null ? null : $"Bitmap '{bitmap}' is not found");
        if (refusal is not null)
        {
            graph.TryBlockExportDel(id);
            return QmpAnswer.Error(refusal);
        }
        nbd.Add(Find(id)!, description, isWriteThrough: false);
        return QmpAnswer.Done;
    }

    public QmpAnswer ServerRemove(OptionValue arguments) =>
        Remove(arguments.Text("name"), arguments.TextOrNull("mode"));

    private QmpAnswer Remove(string id, string? mode)
    {
        BlockExport? export = Find(id);
        if (export is null)
        {
            return QmpAnswer.Of(graph.TryBlockExportDel(id));
        }
        if (!string.Equals(mode, "hard") && nbd.ConnectionCount(export) > 0)
        {
            return QmpAnswer.Error($"export '{id}' still in use");
        }
        nbd.Remove(export);
        BlockError? error = graph.TryBlockExportDel(id);
        if (error is null)
        {
            TellDeleted(id);
        }
        return QmpAnswer.Of(error);
    }

    // No node has bitmaps.
    private string? RefuseBitmaps(OptionValue? bitmaps)
    {
        if (bitmaps is null || bitmaps.Count == 0)
        {
            return null;
        }
        OptionValue first = bitmaps[0];
        if (first.Kind == OptionKind.String)
        {
            return $"Bitmap '{first.AsString}' is not found";
        }
        string node = first.Text("node");
        return graph.FindNode(node) is null
            ? $"Node '{node}' not found"
            : $"Dirty bitmap '{first.Text("name")}' not found";
    }

    private BlockExport? Find(string id)
    {
        foreach (BlockExport export in graph.Exports)
        {
            if (string.Equals(export.Id, id))
            {
                return export;
            }
        }
        return null;
    }

    private void TellDeleted(string id) =>
        raise("BLOCK_EXPORT_DELETED", OptionValue.Dictionary(("id", OptionValue.Of(id))));
}
