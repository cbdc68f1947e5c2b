// The kinds of types that arguments and results have, as QAPI has them. What the server accepts,
// what it says of wrong input, and what it tells of itself all come from values of these.
// Spec: spec/block/qmp.md (BLK-QMP-007, BLK-QMP-008).

namespace Ashlar.Qmp;

/// <summary>A type; the name is for readers of the tables and never leaves the server.</summary>
internal abstract class QmpType(string name)
{
    public string Name { get; } = name;
}

/// <summary>A type that JSON has, perhaps within bounds.</summary>
internal sealed class QmpBuiltin(string name, string jsonType, OptionKindSet kinds) : QmpType(name)
{
    /// <summary>What introspection calls it.</summary>
    public string JsonType { get; } = jsonType;

    public OptionKindSet Kinds { get; } = kinds;

    /// <summary>True for an integer that is never below zero.</summary>
    public bool IsNatural => Most != 0;

    /// <summary>The largest number of a type that has none below zero, otherwise 0.</summary>
    public long Most { get; init; }
}

/// <summary>Which kinds of values a builtin takes.</summary>
internal enum OptionKindSet
{
    Null,
    Boolean,
    Integer,
    Number,
    String,
    Anything,
}

/// <summary>A string out of a list.</summary>
internal sealed class QmpEnum(string name, params string[] words) : QmpType(name)
{
    public string[] Words { get; } = words;
}

/// <summary>A list.</summary>
internal sealed class QmpArray(QmpType element) : QmpType($"[{element.Name}]")
{
    public QmpType Element { get; } = element;
}

/// <summary>One of several types, told apart by the kind of the value.</summary>
internal sealed class QmpAlternate(string name) : QmpType(name)
{
    /// <summary>Set once: an alternate may contain what contains it.</summary>
    public QmpType[] Branches { get; set; } = [];
}

/// <summary>A member of an object.</summary>
internal sealed record QmpMember(string Name, QmpType Type, bool IsOptional)
{
    /// <summary>What clients may want to know of it.</summary>
    public string[] Features { get; init; } = [];
}

/// <summary>A variant: the members an object has for one word of its tag.</summary>
internal sealed record QmpVariant(string Word, QmpObject Members);

/// <summary>An object: its members and, with a tag, those of the variant.</summary>
internal sealed class QmpObject(string name, params QmpMember[] members) : QmpType(name)
{
    public QmpMember[] Members { get; set; } = members;

    /// <summary>The member, an enum, that chooses the variant; null for a plain object.</summary>
    public string? Tag { get; init; }

    public QmpVariant[] Variants { get; set; } = [];

    /// <summary>What clients may want to know of it.</summary>
    public string[] Features { get; init; } = [];

    /// <summary>The members of a word, or null where it has none.</summary>
    public QmpObject? VariantOf(string word)
    {
        foreach (QmpVariant variant in Variants)
        {
            if (string.Equals(variant.Word, word))
            {
                return variant.Members;
            }
        }
        return null;
    }
}

/// <summary>A command.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Arguments">What it takes.</param>
/// <param name="Result">What it returns.</param>
/// <param name="IsCheckedBelow">
/// Whether the graph checks the arguments, by the one table of node options.
/// </param>
internal sealed record QmpCommandType(
    string Name,
    QmpObject Arguments,
    QmpType Result,
    bool IsCheckedBelow = false
)
{
    /// <summary>What clients may want to know of it.</summary>
    public string[] Features { get; init; } = [];
}

/// <summary>An event with its data.</summary>
internal sealed record QmpEventType(string Name, QmpObject Data);
