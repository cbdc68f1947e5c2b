// Reads the options of a command line in QEMU's form `driver=qcow2,file.driver=file,...`: a tree
// whose leaves are all strings. What they mean is KeyvalReader's affair.
// Spec: spec/block/storaged.md (BLK-SD-030 to BLK-SD-033).
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Ashlar.Block;

/// <summary>A parser of <c>key=value,...</c> texts.</summary>
public sealed class KeyvalParser
{
    /// <summary>Characters a part of a key between two points may not reach (BLK-SD-031).</summary>
    public const int FragmentLimit = 128;

    private readonly string _text;
    private readonly Branch _root = new();
    private int _at;

    private KeyvalParser(string text)
    {
        _text = text;
    }

    /// <summary>A level of the tree: its values are strings and other levels.</summary>
    private sealed class Branch
    {
        public readonly Dictionary<string, object> Members = new(StringComparer.Ordinal);
        public readonly List<string> Order = [];
    }

    /// <summary>
    /// Parses a text. The implied key, if there is one, belongs to a first part without <c>=</c>
    /// (BLK-SD-030). A part <c>help</c> or <c>?</c> asks for help and is no option.
    /// </summary>
    public static BlockError? Parse(
        string text,
        string? impliedKey,
        out OptionValue? options,
        out bool isHelpWanted
    )
    {
        KeyvalParser parser = new(text);
        options = null;
        return parser.ParseParts(impliedKey, out isHelpWanted)
            ?? ToValue(parser._root, "", out options);
    }

    /// <summary>As above, for options that have no help to give.</summary>
    public static BlockError? Parse(string text, string? impliedKey, out OptionValue? options)
    {
        KeyvalParser parser = new(text);
        options = null;
        BlockError? error = parser.ParseParts(impliedKey, out bool isHelpWanted);
        if (error is null && isHelpWanted)
        {
            error = Refuse("Help is not available for this option");
        }
        return error ?? ToValue(parser._root, "", out options);
    }

    private BlockError? ParseParts(string? impliedKey, out bool isHelpWanted)
    {
        isHelpWanted = false;
        while (_at < _text.Length)
        {
            BlockError? error = ParsePart(impliedKey, ref isHelpWanted);
            if (error is not null)
            {
                return error;
            }
            impliedKey = null;
        }
        return null;
    }

    private BlockError? ParsePart(string? impliedKey, ref bool isHelpWanted)
    {
        int end = _text.AsSpan(_at).IndexOfAny('=', ',');
        end = end < 0 ? _text.Length : _at + end;
        if (end > _at && (end == _text.Length || _text[end] == ','))
        {
            string word = _text[_at..end];
            if (word is "help" or "?")
            {
                isHelpWanted = true;
                _at = Math.Min(end + 1, _text.Length);
                return null;
            }
            if (impliedKey is not null)
            {
                _at = Math.Min(end + 1, _text.Length);
                return Put(_root, impliedKey, impliedKey, word);
            }
        }
        string key = _text[_at..end];
        BlockError? error = EnterLevels(key, out Branch branch, out string name);
        if (error is not null)
        {
            return error;
        }
        if (end == _text.Length || _text[end] != '=')
        {
            return Refuse($"Expected '=' after parameter '{key}'");
        }
        _at = end + 1;
        return Put(branch, name, key, ReadValue());
    }

    /// <summary>Reads up to a single comma; two commas stand for one.</summary>
    private string ReadValue()
    {
        StringBuilder value = new();
        while (_at < _text.Length)
        {
            char next = _text[_at++];
            if (next == ',')
            {
                if (_at == _text.Length || _text[_at] != ',')
                {
                    break;
                }
                _at++;
            }
            value.Append(next);
        }
        return value.ToString();
    }

    /// <summary>
    /// Goes down the levels a key names, making those that are not there, to its last fragment.
    /// </summary>
    private BlockError? EnterLevels(string key, out Branch branch, out string name)
    {
        branch = _root;
        name = "";
        int start = 0;
        for (int depth = 1; ; depth++)
        {
            int length = FragmentLength(key.AsSpan(start), mayBeIndex: start != 0);
            bool isWhole = start + length == key.Length;
            if (length == 0 || (!isWhole && key[start + length] != '.'))
            {
                return Refuse($"Invalid parameter '{key}'");
            }
            string fragment = key.Substring(start, length);
            if (length >= FragmentLimit)
            {
                string what = start != 0 || !isWhole ? "Parameter fragment" : "Parameter";
                return Refuse($"{what} '{fragment}' is too long");
            }
            if (depth > FlatOptions.MaximumNesting)
            {
                return Refuse(
                    $"Options are nested deeper than {FlatOptions.MaximumNesting} levels"
                );
            }
            if (start != 0)
            {
                if (!branch.Members.TryGetValue(name, out object? member))
                {
                    member = new Branch();
                    branch.Members.Add(name, member);
                    branch.Order.Add(name);
                }
                if (member is not Branch below)
                {
                    return Refuse($"Parameters '{key[..(start - 1)]}.*' used inconsistently");
                }
                branch = below;
            }
            name = fragment;
            if (isWhole)
            {
                return null;
            }
            start += length + 1;
        }
    }

    /// <summary>
    /// How much of the text is an index or a name: letters, digits, '-' and '_' after a letter, or
    /// after a vendor's prefix such as <c>__com.example_</c> (BLK-SD-031).
    /// </summary>
    private static int FragmentLength(ReadOnlySpan<char> text, bool mayBeIndex)
    {
        int at = 0;
        if (mayBeIndex)
        {
            while (at < text.Length && char.IsAsciiDigit(text[at]))
            {
                at++;
            }
            if (at != 0)
            {
                return at;
            }
        }
        if (text.StartsWith("__", StringComparison.Ordinal))
        {
            at = 2;
            while (
                at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] is '-' or '.')
            )
            {
                at++;
            }
            if (at == text.Length || text[at] != '_')
            {
                return 0;
            }
            at++;
        }
        if (at == text.Length || !char.IsAsciiLetter(text[at]))
        {
            return 0;
        }
        while (at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] is '-' or '_'))
        {
            at++;
        }
        return at;
    }

    private static BlockError? Put(Branch branch, string name, string key, string value)
    {
        if (!branch.Members.TryGetValue(name, out object? member))
        {
            branch.Order.Add(name);
        }
        else if (member is Branch)
        {
            return Refuse($"Parameters '{key}.*' used inconsistently");
        }
        branch.Members[name] = value;
        return null;
    }

    /// <summary>
    /// A level as a value: a list where all keys are numbers (BLK-SD-032). What is below a level is
    /// looked at first.
    /// </summary>
    private static BlockError? ToValue(Branch branch, string path, out OptionValue? value)
    {
        string[] keys = [.. branch.Order];
        OptionValue[] values = new OptionValue[keys.Length];
        int indices = 0;
        value = null;
        for (int place = 0; place < keys.Length; place++)
        {
            indices += char.IsAsciiDigit(keys[place][0]) ? 1 : 0;
            if (branch.Members[keys[place]] is string text)
            {
                values[place] = OptionValue.Of(text);
                continue;
            }
            Branch below = (Branch)branch.Members[keys[place]];
            BlockError? error = ToValue(below, $"{path}{keys[place]}.", out OptionValue? nested);
            if (error is not null)
            {
                return error;
            }
            values[place] = nested!;
        }
        if (indices == 0)
        {
            value = OptionValue.Dictionary(keys, values);
            return null;
        }
        return indices == keys.Length
            ? ToList(keys, values, path, out value)
            : Refuse($"Parameters '{path}*' used inconsistently");
    }

    private static BlockError? ToList(
        string[] keys,
        OptionValue[] values,
        string path,
        out OptionValue? value
    )
    {
        value = null;
        OptionValue?[] items = new OptionValue?[keys.Length];
        int largest = 0;
        for (int place = 0; place < keys.Length; place++)
        {
            // Two keys may be one number, `0` and `00`: the list is then shorter than the keys are.
            int number = int.TryParse(
                keys[place],
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out int parsed
            )
                ? parsed
                : int.MaxValue;
            largest = Math.Max(largest, number);
            if (number < items.Length)
            {
                items[number] = values[place];
            }
        }
        int count = largest < items.Length ? largest + 1 : items.Length;
        int missing = Array.IndexOf(items, null, 0, count);
        if (missing < 0 && largest >= items.Length)
        {
            missing = items.Length;
        }
        if (missing >= 0)
        {
            return Refuse($"Parameter '{path}{missing}' missing");
        }
        value = OptionValue.List(items[..count]!);
        return null;
    }

    private static BlockError Refuse(string text) => new(BlockErrorKind.InvalidArgument, text);
}
