// The types that JSON has, and short names for the tables.
using System;

namespace Ashlar.Qmp;

/// <summary>Builtin types.</summary>
internal static class CommonTypes
{
    public static readonly QmpBuiltin Str = new("str", "string", OptionKindSet.String);
    public static readonly QmpBuiltin Bool = new("bool", "boolean", OptionKindSet.Boolean);
    public static readonly QmpBuiltin Int = new("int", "int", OptionKindSet.Integer);
    public static readonly QmpBuiltin Null = new("null", "null", OptionKindSet.Null);
    public static readonly QmpBuiltin Any = new("any", "value", OptionKindSet.Anything);

    /// <summary>A number that fits 32 bits without a sign.</summary>
    public static readonly QmpBuiltin Uint32 = new("uint32", "int", OptionKindSet.Integer)
    {
        Most = uint.MaxValue,
    };

    /// <summary>A number that fits 16 bits without a sign.</summary>
    public static readonly QmpBuiltin Uint16 = new("uint16", "int", OptionKindSet.Integer)
    {
        Most = ushort.MaxValue,
    };

    /// <summary>The result of a command that says nothing.</summary>
    public static readonly QmpObject Empty = new("q_empty");

    public static QmpMember Needed(string name, QmpType type) => new(name, type, false);

    public static QmpMember Optional(string name, QmpType type) =>
        new(name, type, true) { Features = FeaturesOf(name) };

    /// <summary>What begins with x- may change.</summary>
    public static string[] FeaturesOf(string name) =>
        name.StartsWith("x-", StringComparison.Ordinal) ? ["unstable"] : [];
}
