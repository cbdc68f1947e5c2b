// The storage daemon's commands: each checked by its types, then executed with the graph to itself.
// Spec: spec/block/qmp.md (BLK-QMP-007).
using System;
using System.Collections.Generic;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>
/// The commands of a storage daemon over one graph. Call <see cref="Execute"/> for one command at a
/// time; the dispatcher does.
/// </summary>
public sealed class StorageCommands : IQmpCommands, IDisposable
{
    private readonly Dictionary<string, Entry> _table = new(StringComparer.Ordinal);
    private readonly QmpChecker _checker = new();
    private readonly BlockGraph _graph;
    private readonly NbdService _nbd;
    private Action<QmpEvent> _listener = static _ => { };

    private sealed record Entry(QmpCommandType Type, Func<OptionValue, QmpAnswer> Execute);

    /// <param name="graph">The graph; it stays the caller's.</param>
    /// <param name="version">What query-version says.</param>
    public StorageCommands(BlockGraph graph, QmpVersion version)
    {
        _graph = graph;
        ObjectCommands objects = new(graph);
        _nbd = new NbdService(graph);
        ExportCommands exports = new(graph, _nbd, Raise);
        NodeCommands nodes = new(graph);
        Dictionary<string, Func<OptionValue, QmpAnswer>> handlers = new(StringComparer.Ordinal)
        {
            ["block-export-add"] = exports.Add,
            ["block-export-del"] = exports.Delete,
            ["block_resize"] = nodes.Resize,
            ["blockdev-add"] = nodes.Add,
            ["blockdev-del"] = nodes.Delete,
            ["blockdev-reopen"] = nodes.Reopen,
            ["blockdev-snapshot"] = nodes.Snapshot,
            ["nbd-server-add"] = exports.ServerAdd,
            ["nbd-server-remove"] = exports.ServerRemove,
            ["nbd-server-start"] = exports.ServerStart,
            ["nbd-server-stop"] = exports.ServerStop,
            ["object-add"] = objects.Add,
            ["object-del"] = objects.Delete,
            ["query-block-exports"] = exports.Query,
            ["query-commands"] = static _ => QmpAnswer.Of(Tables.Commands.Value),
            ["query-iothreads"] = objects.QueryIoThreads,
            ["query-named-block-nodes"] = arguments =>
                QmpAnswer.Of(NodeQuery.Run(graph, arguments)),
            ["query-qmp-schema"] = static _ => QmpAnswer.Of(Tables.Schema.Value),
            ["query-version"] = _ => QmpAnswer.Of(version.ToValue()),
            ["quit"] = static _ => QmpAnswer.Quit(),
            ["x-debug-query-block-graph"] = _ => QmpAnswer.Of(GraphQuery.Run(graph)),
        };
        foreach (QmpCommandType type in QmpSchema.Commands)
        {
            _table.Add(type.Name, new Entry(type, handlers[type.Name]));
        }
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names => _table.Keys;

    /// <inheritdoc/>
    public QmpAnswer Execute(string command, OptionValue arguments)
    {
        Entry entry = _table[command];
        if (!entry.Type.IsCheckedBelow)
        {
            string? refusal = _checker.Check(entry.Type.Arguments, arguments);
            if (refusal is not null)
            {
                return QmpAnswer.Error(refusal);
            }
        }
        using GraphGate.Pass pass = _graph.Gate.EnterControl();
        return entry.Execute(arguments);
    }

    /// <inheritdoc/>
    public void Listen(Action<QmpEvent> listener) => _listener = listener;

    /// <summary>Stops serving: closes every connection of the NBD server.</summary>
    public void Dispose() => _nbd.Dispose();

    private void Raise(string name, OptionValue data) => _listener(new QmpEvent(name, data));

    // The same for every server of the process, and large; made when first asked for.
    private static class Tables
    {
        public static readonly Lazy<OptionValue> Schema = new(static () =>
            Introspection.Of(All(), QmpSchema.Events)
        );

        public static readonly Lazy<OptionValue> Commands = new(static () =>
        {
            QmpCommandType[] all = All();
            OptionValue[] names = new OptionValue[all.Length];
            for (int index = 0; index < all.Length; index++)
            {
                names[index] = OptionValue.Dictionary(("name", OptionValue.Of(all[index].Name)));
            }
            return OptionValue.List(names);
        });

        private static QmpCommandType[] All() => [QmpSchema.Negotiation, .. QmpSchema.Commands];
    }
}
