// Reads the argument of --chardev. It is older than the form of the other options: flat names, a
// type for each, and a name alone means on (with `no` before it off).
// Spec: spec/block/storaged.md (BLK-SD-007).
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Ashlar.Tools.Options;
using Ashlar.Tools.Storaged;

namespace Ashlar.Tools.Chardevs;

/// <summary>The options of one character device.</summary>
internal sealed class ChardevOptions
{
    private enum Kind
    {
        Text,
        Flag,
        Number,
    }

    /// <summary>Every name QEMU knows; those of devices that are not here among them.</summary>
    private static readonly Dictionary<string, Kind> Known = new(StringComparer.Ordinal)
    {
        ["abstract"] = Kind.Flag,
        ["append"] = Kind.Flag,
        ["backend"] = Kind.Text,
        ["chardev"] = Kind.Text,
        ["clipboard"] = Kind.Flag,
        ["cols"] = Kind.Number,
        ["debug"] = Kind.Number,
        ["delay"] = Kind.Flag,
        ["fd"] = Kind.Text,
        ["height"] = Kind.Number,
        ["host"] = Kind.Text,
        ["ipv4"] = Kind.Flag,
        ["ipv6"] = Kind.Flag,
        ["localaddr"] = Kind.Text,
        ["localport"] = Kind.Text,
        ["logappend"] = Kind.Flag,
        ["logfile"] = Kind.Text,
        ["mouse"] = Kind.Flag,
        ["mux"] = Kind.Flag,
        ["name"] = Kind.Text,
        ["nodelay"] = Kind.Flag,
        ["path"] = Kind.Text,
        ["port"] = Kind.Text,
        ["reconnect"] = Kind.Number,
        ["rows"] = Kind.Number,
        ["server"] = Kind.Flag,
        ["signal"] = Kind.Flag,
        ["size"] = Kind.Number,
        ["telnet"] = Kind.Flag,
        ["tight"] = Kind.Flag,
        ["tls-authz"] = Kind.Text,
        ["tls-creds"] = Kind.Text,
        ["tn3270"] = Kind.Flag,
        ["to"] = Kind.Number,
        ["wait"] = Kind.Flag,
        ["websocket"] = Kind.Flag,
        ["width"] = Kind.Number,
    };

    private readonly Dictionary<string, string> _values = new(StringComparer.Ordinal);

    private ChardevOptions() { }

    /// <summary>The name the device is known by.</summary>
    public string Id { get; private set; } = "";

    /// <summary>What sort of device: stdio, socket.</summary>
    public string Backend { get; private set; } = "";

    /// <summary>The argument asks what devices there are.</summary>
    public bool IsHelpWanted { get; private set; }

    public string? Find(string name) => _values.GetValueOrDefault(name);

    /// <summary>A flag, or what it is by default.</summary>
    public bool IsOn(string name, bool byDefault = false) =>
        Find(name) is { } text ? ReadFlag(name, text) : byDefault;

    public static ChardevOptions Parse(string text)
    {
        ChardevOptions options = new();
        List<(string Name, string Value)> parts = Split(text, out bool isHelpWanted);
        options.IsHelpWanted = isHelpWanted;
        // The id first, as QEMU does: a device is made before its options are read.
        foreach ((string name, string value) in parts)
        {
            if (name == "id" && options.Id.Length == 0)
            {
                options.Id = Identifiers.IsOne(value)
                    ? value
                    : throw new StartException(Identifiers.Refusal, Identifiers.Hint);
            }
        }
        foreach ((string name, string value) in parts)
        {
            if (name != "id")
            {
                Check(name, value);
                options._values[name] = value;
            }
        }
        if (!isHelpWanted && options.Id.Length == 0)
        {
            throw new StartException("chardev: no id specified");
        }
        options.Backend = options.Find("backend") ?? "";
        if (!isHelpWanted && options.Backend.Length == 0)
        {
            throw new StartException($"chardev: \"{options.Id}\" missing backend");
        }
        return options;
    }

    private static List<(string Name, string Value)> Split(string text, out bool isHelpWanted)
    {
        List<(string Name, string Value)> parts = [];
        isHelpWanted = false;
        int at = 0;
        while (at < text.Length)
        {
            int end = text.AsSpan(at).IndexOfAny('=', ',');
            end = end < 0 ? text.Length : at + end;
            string name = text[at..end];
            bool isFirst = at == 0;
            at = end + 1;
            if (end < text.Length && text[end] == '=')
            {
                parts.Add((name, ReadValue(text, ref at)));
            }
            else if (name is "help" or "?")
            {
                isHelpWanted = true;
            }
            else if (isFirst)
            {
                parts.Add(("backend", name));
            }
            else
            {
                bool isNo =
                    name.StartsWith("no", StringComparison.Ordinal) && !Known.ContainsKey(name);
                parts.Add(isNo ? (name[2..], "off") : (name, "on"));
            }
        }
        return parts;
    }

    private static string ReadValue(string text, ref int at)
    {
        StringBuilder value = new();
        while (at < text.Length)
        {
            char next = text[at++];
            if (next == ',')
            {
                if (at == text.Length || text[at] != ',')
                {
                    break;
                }
                at++;
            }
            value.Append(next);
        }
        return value.ToString();
    }

    private static void Check(string name, string value)
    {
        if (!Known.TryGetValue(name, out Kind kind))
        {
            throw new StartException($"Invalid parameter '{name}'");
        }
        if (kind == Kind.Flag)
        {
            ReadFlag(name, value);
        }
        else if (
            kind == Kind.Number
            && !ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out _)
        )
        {
            throw new StartException($"Parameter '{name}' expects a number");
        }
    }

    private static bool ReadFlag(string name, string text) =>
        text switch
        {
            "on" or "yes" or "true" or "y" => true,
            "off" or "no" or "false" or "n" => false,
            _ => throw new StartException($"Parameter '{name}' expects 'on' or 'off'"),
        };
}
