// The members around a command, and the one command that is the conversation's own.
// Spec: spec/block/qmp.md (BLK-QMP-002, BLK-QMP-005).
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>Opens messages.</summary>
internal static class QmpEnvelope
{
    /// <summary>The command that ends the negotiation.</summary>
    public const string Negotiation = "qmp_capabilities";

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
        for (int index = 0; index < arguments.Count; index++)
        {
            string key = arguments.KeyAt(index);
            if (!string.Equals(key, "enable"))
            {
                return QmpAnswer.Error($"Parameter '{key}' is unexpected");
            }
            OptionValue wanted = arguments[index];
            if (wanted.Kind != OptionKind.List)
            {
                return QmpAnswer.Error("Invalid parameter type for 'enable', expected: array");
            }
            if (wanted.Count > 0)
            {
                return RefuseCapability(wanted[0]);
            }
        }
        return QmpAnswer.Done;
    }

    private static QmpAnswer RefuseCapability(OptionValue wanted)
    {
        if (wanted.Kind != OptionKind.String)
        {
            return QmpAnswer.Error("Invalid parameter type for 'enable[0]', expected: string");
        }
        string name = wanted.AsString;
        return QmpAnswer.Error(
            string.Equals(name, "oob")
                ? "Capability oob is not supported"
                : $"Parameter 'enable[0]' does not accept value '{name}'"
        );
    }
}
