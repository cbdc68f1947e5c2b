// The types that JSON has, and short names for the tables.
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
        Least = 0,
        Most = uint.MaxValue,
    };

    /// <summary>A number of bytes or of anything else that is never negative.</summary>
    public static readonly QmpBuiltin Size = new("size", "int", OptionKindSet.Integer)
    {
        Least = 0,
    };

    /// <summary>The result of a command that says nothing.</summary>
    public static readonly QmpObject Empty = new("q_empty");

    public static QmpMember Needed(string name, QmpType type) => new(name, type, false);

    public static QmpMember Optional(string name, QmpType type) => new(name, type, true);
}
