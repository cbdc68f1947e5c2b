// The options of an image as a line of key=value pairs, where a later pair of the same key counts.
// Spec: spec/block/iotool.md (BLK-IOT-008).
using System;
using System.Collections.Generic;
using System.Text;
using Ashlar.Block;
using Ashlar.Qmp;

namespace Ashlar.Tools.Io;

/// <summary>Pairs in the order in which their keys were first given.</summary>
internal sealed class FlatImageOptions
{
    private readonly List<string> _keys = [];
    private readonly Dictionary<string, string?> _values = new(StringComparer.Ordinal);

    /// <summary>The value of a key; null for none.</summary>
    public string? Find(string key) => _values.GetValueOrDefault(key);

    public bool Has(string key) => _values.ContainsKey(key);

    public IReadOnlyList<string> Keys => _keys;

    /// <summary>Sets a pair; a value of null is JSON's null.</summary>
    public void Set(string key, string? value)
    {
        if (!_values.ContainsKey(key))
        {
            _keys.Add(key);
        }
        _values[key] = value;
    }

    /// <summary>Takes all pairs of others over.</summary>
    public void Take(FlatImageOptions others)
    {
        foreach (string key in others._keys)
        {
            Set(key, others._values[key]);
        }
    }

    public FlatImageOptions Copy()
    {
        FlatImageOptions copy = new();
        copy.Take(this);
        return copy;
    }

    /// <summary>Leaves out a key and all that is below it.</summary>
    public void Remove(string key)
    {
        foreach (string one in _keys.ToArray())
        {
            if (one == key || one.StartsWith(key + ".", StringComparison.Ordinal))
            {
                _keys.Remove(one);
                _values.Remove(one);
            }
        }
    }

    /// <summary>Reads pairs with commas between, doubled inside a value.</summary>
    /// <param name="program">Who warns of a word without a value.</param>
    /// <param name="text">The pairs.</param>
    public void Read(string program, string text)
    {
        foreach (string pair in Split(text))
        {
            int equals = pair.IndexOf('=', StringComparison.Ordinal);
            if (equals >= 0)
            {
                Set(pair[..equals], pair[(equals + 1)..]);
                continue;
            }
            bool isOff = pair.StartsWith("no", StringComparison.Ordinal);
            string key = isOff ? pair[2..] : pair;
            string value = isOff ? "off" : "on";
            Console.Error.Write(
                $"{program}: warning: short-form boolean option '{pair}' deprecated\n"
                    + $"Please use {key}={value} instead\n"
            );
            Set(key, value);
        }
    }

    /// <summary>Reads the rest of a name json:{...}; null, or what is wrong with it.</summary>
    public string? ReadJson(string text)
    {
        string? reason = JsonArgument.TryParse(Encoding.UTF8.GetBytes(text), out var value);
        if (reason is not null || value!.Kind != OptionKind.Dictionary)
        {
            return "Could not parse the JSON options: " + (reason ?? "Expecting a JSON object");
        }
        Flatten("", value);
        return null;
    }

    /// <summary>The pairs as a tree of strings.</summary>
    public BlockError? ToTree(out OptionValue? tree)
    {
        StringBuilder text = new();
        foreach (string key in _keys)
        {
            if (_values[key] is string value)
            {
                string escaped = value.Replace(",", ",,", StringComparison.Ordinal);
                text.Append(text.Length == 0 ? "" : ",").Append($"{key}={escaped}");
            }
        }
        return KeyvalParser.Parse(text.ToString(), null, out tree);
    }

    private void Flatten(string prefix, OptionValue value)
    {
        switch (value.Kind)
        {
            case OptionKind.Dictionary:
                for (int index = 0; index < value.Count; index++)
                {
                    Flatten(Below(prefix, value.KeyAt(index)), value[index]);
                }
                break;
            case OptionKind.List:
                for (int index = 0; index < value.Count; index++)
                {
                    Flatten(Below(prefix, $"{index}"), value[index]);
                }
                break;
            default:
                Set(prefix, Plain(value));
                break;
        }
    }

    private static string Below(string prefix, string key) =>
        prefix.Length == 0 ? key : $"{prefix}.{key}";

    private static string? Plain(OptionValue value) =>
        value.Kind switch
        {
            OptionKind.Null => null,
            OptionKind.Boolean => value.AsBoolean ? "on" : "off",
            OptionKind.Integer => $"{value.AsInteger}",
            OptionKind.Unsigned => $"{value.AsUnsigned}",
            OptionKind.Number => $"{value.AsNumber}",
            _ => value.AsString,
        };

    private static List<string> Split(string text)
    {
        List<string> pairs = [];
        StringBuilder pair = new();
        for (int place = 0; place < text.Length; place++)
        {
            bool isComma = text[place] == ',';
            if (isComma && place + 1 < text.Length && text[place + 1] == ',')
            {
                place++;
            }
            else if (isComma)
            {
                pairs.Add(pair.ToString());
                pair.Clear();
                continue;
            }
            pair.Append(text[place]);
        }
        if (pair.Length > 0)
        {
            pairs.Add(pair.ToString());
        }
        return pairs;
    }
}
