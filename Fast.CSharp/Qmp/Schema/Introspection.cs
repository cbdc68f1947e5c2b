// query-qmp-schema: the tables as SchemaInfo. Types get numbers for names, as in QEMU: a client
// follows references and never asks for a type by its name. Spec: spec/block/qmp.md (BLK-QMP-008).
using System.Collections.Generic;
using System.Globalization;
using Ashlar.Block;

namespace Ashlar.Qmp;

/// <summary>Makes the reply once.</summary>
internal sealed class Introspection
{
    private readonly Dictionary<QmpType, string> _names = [];
    private readonly Queue<QmpType> _toTell = new();
    private readonly List<OptionValue> _entities = [];

    private Introspection() { }

    /// <summary>Everything the tables hold, each type once.</summary>
    public static OptionValue Of(QmpCommandType[] commands, QmpEventType[] events)
    {
        Introspection telling = new();
        foreach (QmpCommandType command in commands)
        {
            telling.Tell(
                command.Name,
                "command",
                [
                    ("arg-type", telling.NameOf(command.Arguments)),
                    ("ret-type", telling.NameOf(command.Result)),
                    .. Features(command.Features),
                ]
            );
        }
        foreach (QmpEventType raised in events)
        {
            telling.Tell(raised.Name, "event", ("arg-type", telling.NameOf(raised.Data)));
        }
        while (telling._toTell.TryDequeue(out QmpType? type))
        {
            telling.Tell(type);
        }
        return OptionValue.List([.. telling._entities]);
    }

    private OptionValue NameOf(QmpType type)
    {
        if (!_names.TryGetValue(type, out string? name))
        {
            name = type switch
            {
                QmpBuiltin builtin => builtin.Kinds == OptionKindSet.Integer ? "int" : type.Name,
                QmpArray array => $"[{NameOf(array.Element).AsString}]",
                _ => _names.Count.ToString(CultureInfo.InvariantCulture),
            };
            bool isTold = _names.ContainsValue(name);
            _names.Add(type, name);
            if (!isTold)
            {
                _toTell.Enqueue(type);
            }
        }
        return OptionValue.Of(name);
    }

    private void Tell(QmpType type)
    {
        string name = _names[type];
        switch (type)
        {
            case QmpBuiltin builtin:
                Tell(name, "builtin", ("json-type", OptionValue.Of(builtin.JsonType)));
                break;
            case QmpEnum words:
                Tell(name, "enum", ("members", Named(words)), ("values", Texts(words.Words)));
                break;
            case QmpArray array:
                Tell(name, "array", ("element-type", NameOf(array.Element)));
                break;
            case QmpAlternate alternate:
                Tell(name, "alternate", ("members", Branches(alternate)));
                break;
            case QmpObject { Tag: not null } union:
                Tell(
                    name,
                    "object",
                    [
                        ("members", Members(union)),
                        ("tag", OptionValue.Of(union.Tag)),
                        ("variants", Variants(union)),
                        .. Features(union.Features),
                    ]
                );
                break;
            case QmpObject plain:
                Tell(name, "object", [("members", Members(plain)), .. Features(plain.Features)]);
                break;
        }
    }

    private void Tell(
        string name,
        string metaType,
        params (string Key, OptionValue Value)[] members
    ) =>
        _entities.Add(
            OptionValue.Dictionary([
                ("name", OptionValue.Of(name)),
                ("meta-type", OptionValue.Of(metaType)),
                .. members,
            ])
        );

    private OptionValue Members(QmpObject type)
    {
        List<OptionValue> members = [];
        foreach (QmpMember member in type.Members)
        {
            (string, OptionValue) name = ("name", OptionValue.Of(member.Name));
            (string, OptionValue) its = ("type", NameOf(member.Type));
            // A default of null says that the member is optional.
            (string, OptionValue)[] optional = member.IsOptional
                ? [("default", OptionValue.Null)]
                : [];
            members.Add(
                OptionValue.Dictionary([name, its, .. optional, .. Features(member.Features)])
            );
        }
        return OptionValue.List([.. members]);
    }

    private OptionValue Variants(QmpObject type)
    {
        List<OptionValue> variants = [];
        foreach (QmpVariant variant in type.Variants)
        {
            variants.Add(
                OptionValue.Dictionary(
                    ("case", OptionValue.Of(variant.Word)),
                    ("type", NameOf(variant.Members))
                )
            );
        }
        return OptionValue.List([.. variants]);
    }

    private OptionValue Branches(QmpAlternate type)
    {
        List<OptionValue> branches = [];
        foreach (QmpType branch in type.Branches)
        {
            branches.Add(OptionValue.Dictionary(("type", NameOf(branch))));
        }
        return OptionValue.List([.. branches]);
    }

    private static (string, OptionValue)[] Features(string[] features) =>
        features.Length == 0 ? [] : [("features", Texts(features))];

    private static OptionValue Texts(string[] texts)
    {
        OptionValue[] values = new OptionValue[texts.Length];
        for (int index = 0; index < values.Length; index++)
        {
            values[index] = OptionValue.Of(texts[index]);
        }
        return OptionValue.List(values);
    }

    private static OptionValue Named(QmpEnum type)
    {
        List<OptionValue> words = [];
        foreach (string word in type.Words)
        {
            words.Add(OptionValue.Dictionary(("name", OptionValue.Of(word))));
        }
        return OptionValue.List([.. words]);
    }
}
