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
                return QmpAnswer.Error($"Parameter '{key}' is unexpected");
            }
        }
        OptionValue[] elements = new OptionValue[options.Count];
        for (int index = 0; index < elements.Length; index++)
        {
            elements[index] = options[index];
        }
        return QmpAnswer.Of(graph.TryBlockdevReopen(elements));
    }

    public QmpAnswer Snapshot(OptionValue arguments) =>
        QmpAnswer.Of(graph.TryBlockdevSnapshot(arguments.Text("node"), arguments.Text("overlay")));

    public QmpAnswer Resize(OptionValue arguments)
    {
        string? device = arguments.TextOrNull("device");
        string? node = arguments.TextOrNull("node-name");
        if ((device is null) == (node is null))
        {
            return QmpAnswer.Error("Need exactly one of 'device' and 'node-name'");
        }
        if (device is not null)
        {
            // There are no devices here, only nodes.
            return QmpAnswer.Error(
                QmpErrorClass.DeviceNotFound,
                $"Cannot find device='{device}' nor node-name=''"
            );
        }
        return QmpAnswer.Of(graph.TryBlockResize(node!, arguments.Number("size", 0)));
    }
}
