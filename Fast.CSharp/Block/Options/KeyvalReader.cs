// Gives the strings of a command line their types. A tree from KeyvalParser has strings only; the
// tables say where "on" is a boolean and "4096" a number, and everything else that is wrong is
// refused here too, in the order of the tables and with the texts QEMU has for this form. A tree
// from JSON has its types, and is only tested.
// Spec: spec/block/storaged.md (BLK-SD-034 to BLK-SD-036).
using System;
using System.Collections.Generic;
using System.Globalization;

namespace Ashlar.Block;

/// <summary>A reader of one tree; the first refusal stops it.</summary>
internal sealed class KeyvalReader
{
    private readonly List<string> _path = [];
    private readonly bool _isTyped;
    private BlockError? _error;

    private KeyvalReader(bool isTyped)
    {
        _isTyped = isTyped;
    }

    /// <summary>The tree with its types, or null and the refusal.</summary>
    public static BlockError? Read(OptionValue tree, KeyvalForm form, out OptionValue? typed)
    {
        KeyvalReader reader = new(isTyped: false);
        typed = reader.ReadObject(tree, form);
        return reader._error;
    }

    /// <summary>The same for a tree whose values have their types.</summary>
    public static BlockError? Test(OptionValue tree, KeyvalForm form)
    {
        KeyvalReader reader = new(isTyped: true);
        reader.ReadObject(tree, form);
        return reader._error;
    }

    private OptionValue? ReadObject(OptionValue tree, KeyvalForm form)
    {
        OptionBuilder result = new();
        if (_path.Count > OptionParser.MaximumNesting * 2)
        {
            // Two steps a node at most: a list and its item.
            string limit = $"{OptionParser.MaximumNesting}";
            return Refuse($"Options are nested deeper than {limit} levels");
        }
        if (!ReadRows(form.Rows, tree, result))
        {
            return null;
        }
        OptionRow[] more = [];
        if (form.Selector is { } selector)
        {
            string word = tree.Find(selector)!.AsString;
            if (form.Choose(word) is not { } chosen)
            {
                return Refuse($"Parameter '{selector}' does not accept value '{word}'");
            }
            more = chosen;
        }
        if (!ReadRows(more, tree, result))
        {
            return null;
        }
        for (int index = 0; index < tree.Count; index++)
        {
            if (!result.Contains(tree.KeyAt(index)))
            {
                return Refuse($"Parameter '{PathTo(tree.KeyAt(index))}' is unexpected");
            }
        }
        return result.ToValue();
    }

    private bool ReadRows(OptionRow[] rows, OptionValue tree, OptionBuilder result)
    {
        foreach (OptionRow row in rows)
        {
            OptionValue? value = tree.Find(row.Name);
            if (value is null && row.IsNeeded)
            {
                Refuse($"Parameter '{PathTo(row.Name)}' is missing");
                return false;
            }
            if (value is not null)
            {
                OptionValue? typed = Below(row.Name, row, value);
                if (typed is null)
                {
                    return false;
                }
                result.Put(row.Name, typed);
            }
        }
        return true;
    }

    private OptionValue? Below(string step, OptionRow row, OptionValue value)
    {
        _path.Add(step);
        OptionValue? typed = ReadValue(row, value);
        _path.RemoveAt(_path.Count - 1);
        return typed;
    }

    private OptionValue? ReadValue(OptionRow row, OptionValue value)
    {
        switch (row.Type)
        {
            case OptionType.Reference:
            case OptionType.ReferenceOrNull:
                return ReadReference(row.Name, row.Type, value);
            case OptionType.Object:
                return value.Kind == OptionKind.Dictionary
                    ? ReadObject(value, row.Form ?? new KeyvalForm(row.Rows))
                    : WrongType(PathTo(null), "object");
            case OptionType.WordList:
            case OptionType.ReferenceList:
            case OptionType.StringList:
                return value.Kind == OptionKind.List
                    ? ReadList(row, value)
                    : WrongType(PathTo(null), "array");
            case OptionType.Boolean when _isTyped:
                return value.Kind == OptionKind.Boolean
                    ? value
                    : WrongType(PathTo(null), "boolean");
            case OptionType.Integer or OptionType.Natural16 or OptionType.Natural32 when _isTyped:
                return value.Kind == OptionKind.Integer
                    ? InRange(row, value)
                    : WrongType(PathTo(null), "integer");
            default:
                if (_isTyped && value.Kind != OptionKind.String)
                {
                    return WrongType(PathTo(null), "string");
                }
                return value.Kind == OptionKind.String
                    ? ReadScalar(row, value)
                    : Refuse($"Parameters '{PathTo(null)}.*' are unexpected");
        }
    }

    private OptionValue? ReadScalar(OptionRow row, OptionValue value)
    {
        string text = value.AsString;
        switch (row.Type)
        {
            case OptionType.Boolean:
                return text switch
                {
                    "on" or "yes" or "true" or "y" => OptionValue.True,
                    "off" or "no" or "false" or "n" => OptionValue.False,
                    _ => Refuse($"Parameter '{PathTo(null)}' expects 'on' or 'off'"),
                };
            case OptionType.Integer:
            case OptionType.Natural16:
            case OptionType.Natural32:
                return ReadNumber(row, text);
            case OptionType.Word:
                return Array.IndexOf(row.Words, text) >= 0
                    ? value
                    : Refuse($"Parameter '{row.Name}' does not accept value '{text}'");
            default:
                return value;
        }
    }

    private OptionValue? ReadNumber(OptionRow row, string text)
    {
        if (!TryReadNumber(text, out long number))
        {
            return Refuse($"Parameter '{PathTo(null)}' expects integer");
        }
        return InRange(row, OptionValue.Of(number));
    }

    private OptionValue? InRange(OptionRow row, OptionValue value) =>
        (row.Type, value.AsInteger) switch
        {
            (OptionType.Natural16, < 0 or > ushort.MaxValue) => Refuse(
                $"Parameter '{row.Name}' expects uint16_t"
            ),
            (OptionType.Natural32, < 0 or > uint.MaxValue) => Refuse(
                $"Parameter '{row.Name}' expects uint32_t"
            ),
            _ => value,
        };

    /// <summary>
    /// Reads a whole text as C does with base 0: spaces, a sign, then a decimal, octal (0...) or
    /// hexadecimal (0x...) number.
    /// </summary>
    internal static bool TryReadNumber(string text, out long number)
    {
        ReadOnlySpan<char> rest = text.AsSpan().TrimStart(" \t\n\v\f\r");
        bool isNegative = rest.StartsWith('-');
        if (isNegative || rest.StartsWith('+'))
        {
            rest = rest[1..];
        }
        ulong magnitude;
        bool isFine;
        number = 0;
        if (rest.StartsWith("0x", StringComparison.OrdinalIgnoreCase))
        {
            NumberStyles style = NumberStyles.AllowHexSpecifier;
            isFine = ulong.TryParse(rest[2..], style, CultureInfo.InvariantCulture, out magnitude);
        }
        else if (rest.Length > 1 && rest[0] == '0')
        {
            isFine = TryReadOctal(rest, out magnitude);
        }
        else
        {
            NumberStyles style = NumberStyles.None;
            isFine = ulong.TryParse(rest, style, CultureInfo.InvariantCulture, out magnitude);
        }
        ulong limit = isNegative ? 1UL << 63 : long.MaxValue;
        if (!isFine || magnitude > limit || rest[^1] == '\0')
        {
            return false;
        }
        number = isNegative ? unchecked(-(long)magnitude) : (long)magnitude;
        return true;
    }

    private static bool TryReadOctal(ReadOnlySpan<char> digits, out ulong magnitude)
    {
        magnitude = 0;
        foreach (char digit in digits)
        {
            if (digit is < '0' or > '7' || magnitude >> 61 != 0)
            {
                return false;
            }
            magnitude = magnitude * 8 + (ulong)(digit - '0');
        }
        return true;
    }

    private OptionValue? ReadReference(string name, OptionType type, OptionValue value)
    {
        switch (value.Kind)
        {
            case OptionKind.String:
                return value;
            case OptionKind.Dictionary:
                return ReadObject(value, KeyvalForm.Node);
            default:
                return WrongType(
                    name,
                    type == OptionType.ReferenceOrNull ? "BlockdevRefOrNull" : "BlockdevRef"
                );
        }
    }

    private OptionValue? ReadList(OptionRow row, OptionValue value)
    {
        // An item has no name of its own, which QEMU's texts call null.
        OptionRow item = new(
            "null",
            row.Type switch
            {
                OptionType.WordList => OptionType.Word,
                OptionType.ReferenceList => OptionType.Reference,
                _ => OptionType.String,
            }
        )
        {
            Words = row.Words,
        };
        OptionValue[] items = new OptionValue[value.Count];
        for (int index = 0; index < items.Length; index++)
        {
            string step = index.ToString(CultureInfo.InvariantCulture);
            if (Below(step, item, value[index]) is not { } typed)
            {
                return null;
            }
            items[index] = typed;
        }
        return OptionValue.List(items);
    }

    private string PathTo(string? last)
    {
        string path = string.Join('.', _path);
        return last is null ? path
            : path.Length == 0 ? last
            : $"{path}.{last}";
    }

    private OptionValue? WrongType(string name, string expected) =>
        Refuse($"Invalid parameter type for '{name}', expected: {expected}");

    private OptionValue? Refuse(string text)
    {
        _error = new BlockError(BlockErrorKind.InvalidArgument, text);
        return null;
    }
}
