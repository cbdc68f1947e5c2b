// The commands that change nodes. What they mean is the graph's. Spec: spec/block/open.md,
// reopen.md, graph.md, resize.md.
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>blockdev-* and block_resize.</summary>
internal sealed class NodeCommands(BlockGraph graph)
{
    public QmpAnswer Add(OptionValue arguments) => QmpAnswer.Of(graph.TryBlockdevAdd(arguments));

    public QmpAnswer Delete(OptionValue arguments) =>
        QmpAnswer.Of(graph.TryBlockdevDel(arguments.Text("node-name")));

    public QmpAnswer Reopen(OptionValue arguments)
    {
        OptionValue? options = arguments.Find("options");
        if (options is null)
        {
            return QmpAnswer.Error("Parameter 'options' is missing");
        }
        if (options.Kind != OptionKind.List)
        {
            return QmpAnswer.Error("Invalid parameter type for 'options', expected: array");
        }
        for (int index = 0; index < arguments.Count; index++)
        {
            string key = arguments.KeyAt(index);
            if (!string.Equals(key, "options"))
            {
                // What is wrong with a node's options comes first.
                return RefuseNodes(options) ?? QmpAnswer.Error($"Parameter '{key}' is unexpected");
            }
        }
        OptionValue[] elements = new OptionValue[options.Count];
        for (int index = 0; index < elements.Length; index++)
        {
            elements[index] = options[index];
        }
        return QmpAnswer.Of(graph.TryBlockdevReopen(elements));
    }

    private static QmpAnswer? RefuseNodes(OptionValue options)
    {
        OptionParser parser = new();
        for (int index = 0; index < options.Count; index++)
        {
            BlockError? error = parser.Parse(options[index], $"options[{index}]", out _);
            if (error is not null)
            {
                return QmpAnswer.Of(error);
            }
        }
        return null;
    }

    public QmpAnswer Snapshot(OptionValue arguments) =>
        QmpAnswer.Of(graph.TryBlockdevSnapshot(arguments.Text("node"), arguments.Text("overlay")));

    public QmpAnswer Resize(OptionValue arguments)
    {
        // There are no devices here, only nodes: a device's name finds nothing.
        string node = arguments.TextOrNull("node-name") ?? "";
        return graph.FindNode(node) is null
            ? QmpAnswer.Error(
                $"Cannot find device='{arguments.TextOrNull("device")}' nor node-name='{node}'"
            )
            : QmpAnswer.Of(graph.TryBlockResize(node, arguments.Number("size", 0)));
    }
}
