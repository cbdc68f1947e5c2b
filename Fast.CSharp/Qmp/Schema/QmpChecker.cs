// Arguments against their types, with the texts of QEMU's QAPI. Spec: spec/block/qmp.md
// (BLK-QMP-007).
using System;
using System.Collections.Generic;
using System.Text;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>Checks values. One instance a dispatcher; the first refusal counts.</summary>
internal sealed class QmpChecker
{
    private readonly List<string> _path = [];

    /// <summary>Null, or what is wrong with the arguments of a command.</summary>
    public string? Check(QmpObject type, OptionValue arguments)
    {
        _path.Clear();
        return CheckObject(type, arguments);
    }

    private string? CheckObject(QmpObject type, OptionValue value)
    {
        string? refusal = CheckMembers(type, value);
        QmpObject? variant = null;
        if (refusal is null && type.Tag is not null)
        {
            variant = type.VariantOf(value.Find(type.Tag)!.AsString);
            refusal = variant is null ? null : CheckMembers(variant, value);
        }
        for (int index = 0; refusal is null && index < value.Count; index++)
        {
            string key = value.KeyAt(index);
            if (!Has(type, key) && (variant is null || !Has(variant, key)))
            {
                refusal = $"Parameter '{PathTo(key)}' is unexpected";
            }
        }
        return refusal;
    }

    private string? CheckMembers(QmpObject type, OptionValue value)
    {
        foreach (QmpMember member in type.Members)
        {
            OptionValue? given = value.Find(member.Name);
            if (given is null)
            {
                if (!member.IsOptional)
                {
                    return $"Parameter '{PathTo(member.Name)}' is missing";
                }
                continue;
            }
            _path.Add(member.Name);
            string? refusal = CheckValue(member.Type, given);
            if (refusal is not null)
            {
                return refusal;
            }
            _path.RemoveAt(_path.Count - 1);
        }
        return null;
    }

    private string? CheckValue(QmpType type, OptionValue value) =>
        type switch
        {
            QmpBuiltin builtin => CheckBuiltin(builtin, value),
            QmpEnum words => CheckWord(words, value),
            QmpArray array => CheckArray(array, value),
            QmpAlternate alternate => CheckAlternate(alternate, value),
            QmpObject when value.Kind != OptionKind.Dictionary => WrongType("object"),
            QmpObject nested => CheckObject(nested, value),
            _ => throw new InvalidOperationException($"{type.Name} is no type."),
        };

    private string? CheckBuiltin(QmpBuiltin type, OptionValue value)
    {
        bool fits = type.Kinds switch
        {
            OptionKindSet.Null => value.Kind == OptionKind.Null,
            OptionKindSet.Boolean => value.Kind == OptionKind.Boolean,
            OptionKindSet.Integer when type.IsNatural => value.Kind
                is OptionKind.Integer
                    or OptionKind.Unsigned,
            OptionKindSet.Integer => value.Kind == OptionKind.Integer,
            OptionKindSet.Number => value.Kind
                is OptionKind.Integer
                    or OptionKind.Unsigned
                    or OptionKind.Number,
            OptionKindSet.String => value.Kind == OptionKind.String,
            _ => true,
        };
        if (!fits)
        {
            return type.IsNatural
                ? $"Parameter '{PathToLast()}' expects uint64"
                : WrongType(type.JsonType == "int" ? "integer" : type.JsonType);
        }
        // QEMU takes a number below zero for the large one with the same bits.
        return type.IsNatural && !IsWithin(type, value)
            ? $"Parameter '{_path[^1]}' expects {type.Name}_t"
            : null;
    }

    private static bool IsWithin(QmpBuiltin type, OptionValue value) =>
        value.Kind == OptionKind.Integer && value.AsInteger >= 0 && value.AsInteger <= type.Most;

    private string? CheckWord(QmpEnum type, OptionValue value)
    {
        if (value.Kind != OptionKind.String)
        {
            return WrongType("string");
        }
        return Array.IndexOf(type.Words, value.AsString) >= 0
            ? null
            : $"Parameter '{LastName()}' does not accept value '{value.AsString}'";
    }

    private string? CheckArray(QmpArray type, OptionValue value)
    {
        if (value.Kind != OptionKind.List)
        {
            return WrongType("array");
        }
        for (int index = 0; index < value.Count; index++)
        {
            _path.Add($"[{index}]");
            string? refusal = CheckValue(type.Element, value[index]);
            if (refusal is not null)
            {
                return refusal;
            }
            _path.RemoveAt(_path.Count - 1);
        }
        return null;
    }

    private string? CheckAlternate(QmpAlternate type, OptionValue value)
    {
        foreach (QmpType branch in type.Branches)
        {
            bool isMeant = branch switch
            {
                QmpObject => value.Kind == OptionKind.Dictionary,
                QmpArray => value.Kind == OptionKind.List,
                QmpEnum => value.Kind == OptionKind.String,
                QmpBuiltin { Kinds: OptionKindSet.String } => value.Kind == OptionKind.String,
                QmpBuiltin { Kinds: OptionKindSet.Null } => value.Kind == OptionKind.Null,
                _ => false,
            };
            if (isMeant)
            {
                return CheckValue(branch, value);
            }
        }
        return $"Invalid parameter type for '{LastName()}', expected: {type.Name}";
    }

    // An item of a list has no name of its own, which QEMU's texts show.
    private string LastName() => _path[^1].StartsWith('[') ? "null" : _path[^1];

    private static bool Has(QmpObject type, string key)
    {
        foreach (QmpMember member in type.Members)
        {
            if (string.Equals(member.Name, key))
            {
                return true;
            }
        }
        return false;
    }

    private string WrongType(string expected) =>
        $"Invalid parameter type for '{PathToLast()}', expected: {expected}";

    private string PathToLast()
    {
        string last = _path[^1];
        _path.RemoveAt(_path.Count - 1);
        return PathTo(last);
    }

    private string PathTo(string last)
    {
        StringBuilder text = new();
        foreach (string step in _path)
        {
            Append(text, step);
        }
        Append(text, last);
        return text.ToString();
    }

    private static void Append(StringBuilder text, string step)
    {
        if (text.Length > 0 && !step.StartsWith('['))
        {
            text.Append('.');
        }
        text.Append(step);
    }
}
