// Splits the command line into options as C's getopt_long does for qemu-storage-daemon. What they
// mean is StorageDaemon's affair. Spec: spec/block/storaged.md (BLK-SD-002, BLK-SD-003).
using System;
using System.Collections.Generic;
using System.Linq;

namespace Ashlar.Tools.Storaged;

/// <summary>The options there are.</summary>
internal enum OptionName
{
    Blockdev,
    Chardev,
    Daemonize,
    Export,
    Help,
    Monitor,
    NbdServer,
    Object,
    Pidfile,
    Trace,
    Version,

    /// <summary>An argument that is no option.</summary>
    None,
}

/// <summary>One option with its argument, and how both were written.</summary>
internal readonly record struct CommandLineOption(OptionName Name, string Argument, string Written);

internal static class CommandLine
{
    private static readonly (string Name, OptionName Option, bool HasArgument)[] LongOptions =
    [
        ("blockdev", OptionName.Blockdev, true),
        ("chardev", OptionName.Chardev, true),
        ("daemonize", OptionName.Daemonize, false),
        ("export", OptionName.Export, true),
        ("help", OptionName.Help, false),
        ("monitor", OptionName.Monitor, true),
        ("nbd-server", OptionName.NbdServer, true),
        ("object", OptionName.Object, true),
        ("pidfile", OptionName.Pidfile, true),
        ("trace", OptionName.Trace, true),
        ("version", OptionName.Version, false),
    ];

    /// <summary>
    /// The options in their order. One that is wrong ends the list with a refusal when it is
    /// reached: what stands before it, such as --version, still counts.
    /// </summary>
    public static IEnumerable<CommandLineOption> Split(string[] arguments)
    {
        int at = 0;
        while (at < arguments.Length)
        {
            string argument = arguments[at++];
            if (argument == "--")
            {
                yield break;
            }
            if (argument.StartsWith("--", StringComparison.Ordinal))
            {
                yield return Long(argument, arguments, ref at);
            }
            else if (argument.Length > 1 && argument[0] == '-')
            {
                foreach (CommandLineOption option in Short(argument, arguments, at))
                {
                    at += option.Written == argument ? 0 : 1;
                    yield return option;
                }
            }
            else
            {
                yield return new CommandLineOption(OptionName.None, argument, argument);
            }
        }
    }

    private static CommandLineOption Long(string argument, string[] arguments, ref int at)
    {
        int equals = argument.IndexOf('=');
        string name = equals < 0 ? argument[2..] : argument[2..equals];
        var found = LongOptions
            .Where(option => option.Name.StartsWith(name, StringComparison.Ordinal))
            .ToArray();
        if (found.Length == 0)
        {
            throw new StartException($"unrecognized option '--{name}'");
        }
        if (found.Length > 1)
        {
            string names = string.Join(' ', found.Select(option => $"'--{option.Name}'"));
            throw new StartException($"option '{argument}' is ambiguous; possibilities: {names}");
        }
        (string full, OptionName option, bool hasArgument) = found[0];
        if (!hasArgument)
        {
            return equals < 0
                ? new CommandLineOption(option, "", argument)
                : throw new StartException($"option '--{full}' doesn't allow an argument");
        }
        if (equals >= 0)
        {
            return new CommandLineOption(option, argument[(equals + 1)..], argument);
        }
        if (at == arguments.Length)
        {
            throw new StartException($"option '--{full}' requires an argument");
        }
        string value = arguments[at++];
        return new CommandLineOption(option, value, $"{argument} {value}");
    }

    /// <summary>Letters behind one dash; -T takes the rest of them, or the next argument.</summary>
    private static IEnumerable<CommandLineOption> Short(
        string argument,
        string[] arguments,
        int next
    )
    {
        for (int index = 1; index < argument.Length; index++)
        {
            switch (argument[index])
            {
                case 'h':
                    yield return new CommandLineOption(OptionName.Help, "", argument);
                    break;
                case 'V':
                    yield return new CommandLineOption(OptionName.Version, "", argument);
                    break;
                case 'T' when index + 1 < argument.Length:
                    string rest = argument[(index + 1)..];
                    yield return new CommandLineOption(OptionName.Trace, rest, argument);
                    yield break;
                case 'T' when next < arguments.Length:
                    string written = $"{argument} {arguments[next]}";
                    yield return new CommandLineOption(OptionName.Trace, arguments[next], written);
                    yield break;
                case 'T':
                    throw new StartException("option requires an argument -- 'T'");
                default:
                    throw new StartException($"invalid option -- '{argument[index]}'");
            }
        }
    }
}
