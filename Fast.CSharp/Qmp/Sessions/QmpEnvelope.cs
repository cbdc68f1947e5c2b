// The members around a command, and the one command that is the conversation's own.
// Spec: spec/block/qmp.md (BLK-QMP-002, BLK-QMP-005).
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>Opens messages.</summary>
internal static class QmpEnvelope
{
    /// <summary>The command that ends the negotiation.</summary>
    public const string Negotiation = "qmp_capabilities";

    // The one capability there is, which this server does not offer.
    private const string OutOfBand = "oob";

    private static readonly OptionValue NoArguments = OptionValue.Dictionary();

    /// <summary>Null, a command and its arguments; or a refusal with QEMU's text.</summary>
    public static QmpAnswer? Open(
        OptionValue message,
        out string command,
        out OptionValue arguments
    )
    {
        command = "";
        arguments = NoArguments;
        bool isNamed = false;
        for (int index = 0; index < message.Count; index++)
        {
            string key = message.KeyAt(index);
            OptionValue value = message[index];
            switch (key)
            {
                case "id":
                    break;
                case "execute" when value.Kind != OptionKind.String:
                    return QmpAnswer.Error("QMP input member 'execute' must be a string");
                case "execute":
                    command = value.AsString;
                    isNamed = true;
                    break;
                case "arguments" when value.Kind != OptionKind.Dictionary:
                    return QmpAnswer.Error("QMP input member 'arguments' must be an object");
                case "arguments":
                    arguments = value;
                    break;
                default:
                    return QmpAnswer.Error($"QMP input member '{key}' is unexpected");
            }
        }
        return isNamed ? null : QmpAnswer.Error("QMP input lacks member 'execute'");
    }

    /// <summary>qmp_capabilities: there is nothing to enable (BLK-QMP-005).</summary>
    public static QmpAnswer Negotiate(OptionValue arguments)
    {
        OptionValue? wanted = arguments.Find("enable");
        if (wanted is not null && wanted.Kind != OptionKind.List)
        {
            return QmpAnswer.Error("Invalid parameter type for 'enable', expected: array");
        }
        for (int index = 0; index < (wanted?.Count ?? 0); index++)
        {
            if (wanted![index].Kind != OptionKind.String)
            {
                return QmpAnswer.Error(
                    $"Invalid parameter type for 'enable[{index}]', expected: string"
                );
            }
            // QEMU names a word in a list by its member's name, and an item has none.
            string word = wanted[index].AsString;
            if (!string.Equals(word, OutOfBand))
            {
                return QmpAnswer.Error($"Parameter 'null' does not accept value '{word}'");
            }
        }
        for (int index = 0; index < arguments.Count; index++)
        {
            if (!string.Equals(arguments.KeyAt(index), "enable"))
            {
                return QmpAnswer.Error($"Parameter '{arguments.KeyAt(index)}' is unexpected");
            }
        }
        return wanted is null || wanted.Count == 0
            ? QmpAnswer.Done
            : QmpAnswer.Error($"Capability {OutOfBand} not available");
    }
}
