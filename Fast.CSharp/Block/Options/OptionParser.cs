// Checks the options of a command against the tables and turns them into node definitions, with the
// texts of QEMU's QAPI. Spec: spec/block/open.md (BLK-OPEN-001, BLK-OPEN-018, BLK-OPEN-019,
// BLK-OPEN-020).
using System;
using System.Collections.Generic;
using System.Text;

namespace Ashlar.Block;

/// <summary>
/// A parser of option trees. It is reused from command to command; the first refusal stops it.
/// </summary>
internal sealed class OptionParser
{
    /// <summary>
    /// How deep options may nest (BLK-OPEN-018): a stack bound for hostile input.
    /// </summary>
    public const int MaximumNesting = 64;

    private readonly List<string> _path = [];
    private readonly List<OptionEntry> _own = [];
    private readonly List<ChildDefinition> _children = [];
    private int _nesting;
    private bool _isReopen;
    private BlockError? _error;

    /// <summary>
    /// Parses the options of one root; prefix names the element of a reopen's list, or is empty.
    /// </summary>
    public BlockError? Parse(OptionValue options, string prefix, out NodeDefinition? definition)
    {
        _path.Clear();
        _own.Clear();
        _children.Clear();
        _nesting = 0;
        _error = null;
        if (prefix.Length != 0)
        {
            _path.Add(prefix);
        }
        _isReopen = prefix.Length != 0;
        definition = null;
        if (options.Kind != OptionKind.Dictionary)
        {
            return WrongType("object");
        }
        definition = ParseNode(options);
        return _error;
    }

    private NodeDefinition? ParseNode(OptionValue dictionary)
    {
        if (++_nesting > MaximumNesting)
        {
            _error = Invalid($"Options are nested deeper than {MaximumNesting} levels");
            return null;
        }
        // Lists shared by all levels: each level owns the part behind what its parents put there.
        int firstOwn = _own.Count;
        int firstChild = _children.Count;
        OptionSet options = OptionSet.Empty;
        bool isFine =
            ParseCommon(dictionary, ref options)
            && ParseRows(options.Driver!.Rows, dictionary)
            && RefuseUnexpected(dictionary, OptionSchema.NodeRows, options.Driver.Rows);
        if (!isFine)
        {
            return null;
        }
        options.Own = TakeOwn(firstOwn);
        ChildDefinition[] children = [];
        if (_children.Count > firstChild)
        {
            children = _children.GetRange(firstChild, _children.Count - firstChild).ToArray();
            _children.RemoveRange(firstChild, children.Length);
        }
        _nesting--;
        return new NodeDefinition(options, children);
    }

    private OptionEntry[] TakeOwn(int first)
    {
        int count = _own.Count - first;
        if (count == 0)
        {
            return [];
        }
        OptionEntry[] own = new OptionEntry[count];
        for (int index = 0; index < count; index++)
        {
            OptionEntry entry = _own[first + index];
            int place = index;
            while (place > 0 && string.CompareOrdinal(own[place - 1].Name, entry.Name) > 0)
            {
                own[place] = own[place - 1];
                place--;
            }
            own[place] = entry;
        }
        _own.RemoveRange(first, count);
        return own;
    }

    private bool ParseCommon(OptionValue dictionary, ref OptionSet options)
    {
        OptionValue? driver = dictionary.Find("driver");
        if (driver is null)
        {
            return Missing("driver");
        }
        if (driver.Kind != OptionKind.String)
        {
            return Mistyped("driver", "string");
        }
        options.Driver = DriverRegistry.Find(driver.AsString);
        if (options.Driver is null)
        {
            return NoSuchWord("driver", driver.AsString);
        }
        OptionValue? name = dictionary.Find("node-name");
        if (name is not null)
        {
            if (name.Kind != OptionKind.String)
            {
                return Mistyped("node-name", "string");
            }
            options.NodeName = name.AsString;
        }
        if (!TryWord(dictionary, "discard", OptionSchema.DiscardWords, out int discard))
        {
            return false;
        }
        options.Discard = (DiscardOption)discard;
        if (
            !ParseCache(dictionary, ref options)
            || !TryFlag(dictionary, "read-only", CommonFlags.ReadOnly, ref options)
            || !TryFlag(dictionary, "auto-read-only", CommonFlags.AutoReadOnly, ref options)
            || !TryFlag(dictionary, "force-share", CommonFlags.ForceShare, ref options)
            || !TryWord(dictionary, "detect-zeroes", OptionSchema.DetectZeroesWords, out int zeroes)
        )
        {
            return false;
        }
        options.DetectZeroes = (DetectZeroesOption)zeroes;
        return true;
    }

    private bool ParseCache(OptionValue dictionary, ref OptionSet options)
    {
        OptionValue? cache = dictionary.Find("cache");
        if (cache is null)
        {
            return true;
        }
        if (cache.Kind != OptionKind.Dictionary)
        {
            return Mistyped("cache", "object");
        }
        _path.Add("cache");
        if (
            !TryFlag(cache, "direct", CommonFlags.CacheDirect, ref options)
            || !TryFlag(cache, "no-flush", CommonFlags.CacheNoFlush, ref options)
        )
        {
            return false;
        }
        for (int index = 0; index < cache.Count; index++)
        {
            string key = cache.KeyAt(index);
            if (!string.Equals(key, "direct") && !string.Equals(key, "no-flush"))
            {
                return Unexpected(key);
            }
        }
        _path.RemoveAt(_path.Count - 1);
        return true;
    }

    private bool ParseRows(OptionRow[] rows, OptionValue dictionary)
    {
        foreach (OptionRow row in rows)
        {
            OptionValue? value = dictionary.Find(row.Name);
            if (value is null)
            {
                if (row.IsNeeded)
                {
                    return Missing(row.Name);
                }
            }
            else if (!ParseRow(row, value))
            {
                return false;
            }
        }
        return true;
    }

    private bool ParseRow(OptionRow row, OptionValue value)
    {
        switch (row.Type)
        {
            case OptionType.Boolean:
                return Keep(row, value, OptionKind.Boolean, "boolean");
            case OptionType.Integer:
                return Keep(row, value, OptionKind.Integer, "integer");
            case OptionType.Natural16:
                return ParseNatural16(row, value);
            case OptionType.String:
                return Keep(row, value, OptionKind.String, "string");
            case OptionType.Word:
                if (value.Kind == OptionKind.String && Array.IndexOf(row.Words, value.AsString) < 0)
                {
                    return NoSuchWord(row.Name, value.AsString);
                }
                return Keep(row, value, OptionKind.String, "string");
            case OptionType.WordList:
                return ParseWords(row, value);
            case OptionType.ReferenceList:
                return ParseReferences(row, value);
            case OptionType.Object:
                return ParseObject(row, value);
            default:
                return ParseReference(row.Name, row.Name, row.Name, row.Type, value);
        }
    }

    // QEMU names the type it reads first, and the one it keeps after that.
    private bool ParseNatural16(OptionRow row, OptionValue value)
    {
        if (value.Kind != OptionKind.Integer)
        {
            _error = Invalid($"Parameter '{PathTo(row.Name)}' expects uint64");
            return false;
        }
        if (value.AsInteger is < 0 or > ushort.MaxValue)
        {
            _error = Invalid($"Parameter '{row.Name}' expects uint16_t");
            return false;
        }
        _own.Add(new OptionEntry(row.FlatName, value));
        return true;
    }

    private bool Keep(OptionRow row, OptionValue value, OptionKind kind, string type)
    {
        if (value.Kind != kind)
        {
            return Mistyped(row.Name, type);
        }
        _own.Add(new OptionEntry(row.FlatName, value));
        return true;
    }

    private bool ParseWords(OptionRow row, OptionValue value)
    {
        if (value.Kind != OptionKind.List)
        {
            return Mistyped(row.Name, "array");
        }
        for (int index = 0; index < value.Count; index++)
        {
            OptionValue word = value[index];
            if (word.Kind != OptionKind.String)
            {
                return Mistyped($"{row.Name}[{index}]", "string");
            }
            if (Array.IndexOf(row.Words, word.AsString) < 0)
            {
                return NoSuchWord("null", word.AsString);
            }
            _own.Add(new OptionEntry($"{row.Name}.{index}", word));
        }
        if (value.Count == 0)
        {
            // Said, but empty: the driver's open refuses it (BLK-OPEN-024).
            _own.Add(new OptionEntry(row.Name, value));
        }
        return true;
    }

    private bool ParseObject(OptionRow row, OptionValue value)
    {
        if (value.Kind != OptionKind.Dictionary)
        {
            return Mistyped(row.Name, "object");
        }
        _path.Add(row.Name);
        KeyvalForm form = row.Form ?? new KeyvalForm(row.Rows);
        if (!ParseRows(form.Rows, value))
        {
            return false;
        }
        // The selector is one of its words by now.
        OptionRow[] chosen = form.Selector is { } selector
            ? form.Choose(value.Find(selector)!.AsString)!
            : [];
        if (!ParseRows(chosen, value) || !RefuseUnexpected(value, form.Rows, chosen))
        {
            return false;
        }
        _path.RemoveAt(_path.Count - 1);
        return true;
    }

    private bool ParseReferences(OptionRow row, OptionValue value)
    {
        if (value.Kind != OptionKind.List)
        {
            return Mistyped(row.Name, "array");
        }
        for (int index = 0; index < value.Count; index++)
        {
            string step = $"{row.Name}[{index}]";
            string child = $"{row.Name}.{index}";
            if (!ParseReference(child, step, "null", OptionType.Reference, value[index]))
            {
                return false;
            }
        }
        return true;
    }

    private bool ParseReference(
        string child,
        string step,
        string last,
        OptionType type,
        OptionValue value
    )
    {
        switch (value.Kind)
        {
            // BLK-OPEN-012: an older way to say null, which a reopen never knew.
            case OptionKind.String
                when type == OptionType.ReferenceOrNull && !_isReopen && value.AsString.Length == 0:
                _children.Add(new ChildDefinition(child, null, null));
                return true;
            case OptionKind.String:
                _children.Add(new ChildDefinition(child, value.AsString, null));
                return true;
            case OptionKind.Null when type == OptionType.ReferenceOrNull:
                _children.Add(new ChildDefinition(child, null, null));
                return true;
            case OptionKind.Dictionary:
                _path.Add(step);
                NodeDefinition? inline = ParseNode(value);
                if (inline is null)
                {
                    return false;
                }
                _path.RemoveAt(_path.Count - 1);
                _children.Add(new ChildDefinition(child, null, inline));
                return true;
            default:
                string expected =
                    type == OptionType.ReferenceOrNull ? "BlockdevRefOrNull" : "BlockdevRef";
                _error = Invalid($"Invalid parameter type for '{last}', expected: {expected}");
                return false;
        }
    }

    private bool TryFlag(
        OptionValue dictionary,
        string name,
        CommonFlags flag,
        ref OptionSet options
    )
    {
        OptionValue? value = dictionary.Find(name);
        if (value is null)
        {
            return true;
        }
        if (value.Kind != OptionKind.Boolean)
        {
            return Mistyped(name, "boolean");
        }
        options.Given |= flag;
        if (value.AsBoolean)
        {
            options.On |= flag;
        }
        return true;
    }

    private bool TryWord(OptionValue dictionary, string name, string[] words, out int index)
    {
        index = -1;
        OptionValue? value = dictionary.Find(name);
        if (value is null)
        {
            return true;
        }
        if (value.Kind != OptionKind.String)
        {
            return Mistyped(name, "string");
        }
        index = Array.IndexOf(words, value.AsString);
        return index >= 0 || NoSuchWord(name, value.AsString);
    }

    private bool RefuseUnexpected(OptionValue dictionary, OptionRow[] rows, OptionRow[] more)
    {
        for (int index = 0; index < dictionary.Count; index++)
        {
            string key = dictionary.KeyAt(index);
            if (!IsRow(rows, key) && !IsRow(more, key))
            {
                return Unexpected(key);
            }
        }
        return true;
    }

    private static bool IsRow(OptionRow[] rows, string key)
    {
        foreach (OptionRow row in rows)
        {
            if (string.Equals(row.Name, key))
            {
                return true;
            }
        }
        return false;
    }

    private bool Missing(string name)
    {
        _error = Invalid($"Parameter '{PathTo(name)}' is missing");
        return false;
    }

    private bool Unexpected(string name)
    {
        _error = Invalid($"Parameter '{PathTo(name)}' is unexpected");
        return false;
    }

    private bool Mistyped(string name, string type)
    {
        _path.Add(name);
        _error = WrongType(type);
        return false;
    }

    private bool NoSuchWord(string last, string word)
    {
        _error = Invalid($"Parameter '{last}' does not accept value '{word}'");
        return false;
    }

    private BlockError WrongType(string type) =>
        Invalid($"Invalid parameter type for '{PathTo(null)}', expected: {type}");

    private string PathTo(string? last)
    {
        if (_path.Count == 0)
        {
            return last ?? "null";
        }
        StringBuilder text = new();
        foreach (string step in _path)
        {
            text.Append(text.Length == 0 ? "" : ".").Append(step);
        }
        if (last is not null)
        {
            text.Append('.').Append(last);
        }
        return text.ToString();
    }

    private static BlockError Invalid(string text) => new(BlockErrorKind.InvalidArgument, text);
}
