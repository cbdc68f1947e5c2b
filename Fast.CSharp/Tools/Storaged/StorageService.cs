// What the daemon serves: one graph of the host's files, and the commands on it.
// Spec: spec/block/storaged.md (BLK-SD-014, BLK-SD-018).
using System;
using Ashlar.Block;
using Ashlar.Nbd;
using Ashlar.Qmp;
using Ashlar.Tools.Options;

namespace Ashlar.Tools.Storaged;

/// <summary>The graph with its commands, from the first option to the last flush.</summary>
internal sealed class StorageService : IDisposable
{
    private readonly BlockGraph _graph = new(
        new BlockGraphOptions
        {
            HostFiles = new LinuxHostFiles(),
            RemoteExports = new NbdConnector(),
        }
    );
    private readonly StorageCommands _commands;

    public StorageService()
    {
        _commands = new StorageCommands(_graph, Version);
        Dispatcher = new QmpDispatcher(_commands, Version);
    }

    /// <summary>
    /// Whom the daemon speaks like; management software looks at the numbers.
    /// </summary>
    public static QmpVersion Version { get; } = new(7, 2, 22, "Ashlar 0.1.0");

    /// <summary>Where the monitors' conversations bring their commands.</summary>
    public QmpDispatcher Dispatcher { get; }

    /// <summary>Carries out what an option of the command line stands for.</summary>
    public void Execute(string command, OptionValue arguments)
    {
        QmpAnswer answer = _commands.Execute(command, arguments);
        if (answer.Result is null)
        {
            throw new StartException(answer.ErrorText!, HintOf(answer.ErrorText!));
        }
    }

    // What QEMU adds for people and keeps from programs: QMP has no place for it.
    private static string? HintOf(string text) =>
        text == Identifiers.Refusal ? Identifiers.Hint
        : text.StartsWith("UNIX socket path '") && text.EndsWith("' is too long")
            ? $"Path must be less than {UnixSocket.PathBytes} bytes"
        : null;

    /// <summary>
    /// Ends every connection, then writes back and flushes what nodes hold, and closes them
    /// (BLK-SD-014). No command comes after.
    /// </summary>
    public void Dispose()
    {
        _commands.Dispose();
        using GraphGate.Pass pass = _graph.Gate.EnterControl();
        foreach (BlockNode node in _graph.Nodes.ToArray())
        {
            // The flush of a root reaches everything below it.
            if (IsRoot(node) && Flush(node) is { } error)
            {
                Detachment.Complain($"flushing node '{node.Name}' failed: {error.Text}\n");
            }
        }
        _graph.Dispose();
    }

    private static bool IsRoot(BlockNode node)
    {
        for (BlockEdge? edge = node.FirstParentEdge; edge is not null; edge = edge.NextParentEdge)
        {
            if (edge.ParentNode is not null)
            {
                return false;
            }
        }
        return true;
    }

    private static BlockError? Flush(BlockNode node) =>
        node.FlushAsync().AsTask().GetAwaiter().GetResult();
}
