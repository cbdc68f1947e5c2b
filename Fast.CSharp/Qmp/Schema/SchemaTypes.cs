// The type of the schema itself: what query-qmp-schema returns.
// Spec: spec/block/qmp.md (BLK-QMP-008).
using static Ashlar.Qmp.CommonTypes;

namespace Ashlar.Qmp;

/// <summary>What there is an array of in the reply of query-qmp-schema.</summary>
internal static class SchemaTypes
{
    private static readonly QmpArray Texts = new(Str);

    private static readonly QmpEnum MetaTypes = new(
        "SchemaMetaType",
        "builtin",
        "enum",
        "array",
        "object",
        "alternate",
        "command",
        "event"
    );

    private static readonly QmpEnum JsonTypes = new(
        "JSONType",
        "string",
        "number",
        "int",
        "boolean",
        "null",
        "object",
        "array",
        "value"
    );

    private static readonly QmpArray Words = new(
        new QmpObject("SchemaInfoEnumMember", Needed("name", Str), Optional("features", Texts))
    );

    // No default of a member is part of the protocol, so all that is said of one is null.
    private static readonly QmpArray Members = new(
        new QmpObject(
            "SchemaInfoObjectMember",
            Needed("name", Str),
            Needed("type", Str),
            Optional("default", Any),
            Optional("features", Texts)
        )
    );

    private static readonly QmpArray Variants = new(
        new QmpObject("SchemaInfoObjectVariant", Needed("case", Str), Needed("type", Str))
    );

    private static readonly QmpArray Branches = new(
        new QmpObject("SchemaInfoAlternateMember", Needed("type", Str))
    );

    /// <summary>One command, event or type.</summary>
    public static readonly QmpObject SchemaInfo = new(
        "SchemaInfo",
        Needed("name", Str),
        Needed("meta-type", MetaTypes),
        Optional("features", Texts)
    )
    {
        Tag = "meta-type",
        Variants =
        [
            new("builtin", new QmpObject("SchemaInfoBuiltin", Needed("json-type", JsonTypes))),
            new(
                "enum",
                new QmpObject(
                    "SchemaInfoEnum",
                    Needed("members", Words),
                    new("values", Texts, IsOptional: false) { Features = ["deprecated"] }
                )
            ),
            new("array", new QmpObject("SchemaInfoArray", Needed("element-type", Str))),
            new(
                "object",
                new QmpObject(
                    "SchemaInfoObject",
                    Needed("members", Members),
                    Optional("tag", Str),
                    Optional("variants", Variants)
                )
            ),
            new("alternate", new QmpObject("SchemaInfoAlternate", Needed("members", Branches))),
            new(
                "command",
                new QmpObject(
                    "SchemaInfoCommand",
                    Needed("arg-type", Str),
                    Needed("ret-type", Str),
                    Optional("allow-oob", Bool)
                )
            ),
            new("event", new QmpObject("SchemaInfoEvent", Needed("arg-type", Str))),
        ],
    };
}
