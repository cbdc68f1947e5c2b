// Every command and event of the storage daemon, with its types: the one table from which input is
// checked and of which query-qmp-schema tells. Spec: spec/block/qmp.md (BLK-QMP-007, BLK-QMP-008).
using static Ashlar.Qmp.CommonTypes;

namespace Ashlar.Qmp;

/// <summary>The commands and events.</summary>
internal static class QmpSchema
{
    private static readonly QmpEnum RemoveMode = new("BlockExportRemoveMode", "safe", "hard");

    private static readonly QmpAlternate Bitmap = new("BlockDirtyBitmapOrStr")
    {
        Branches =
        [
            Str,
            new QmpObject("BlockDirtyBitmap", Needed("node", Str), Needed("name", Str)),
        ],
    };

    private static readonly QmpObject ExportOptions = new(
        "BlockExportOptions",
        Needed("type", new QmpEnum("BlockExportType", "nbd")),
        Needed("id", Str),
        Optional("fixed-iothread", Bool),
        Optional("iothread", Str),
        Needed("node-name", Str),
        Optional("writable", Bool),
        Optional("writethrough", Bool)
    )
    {
        Tag = "type",
        Variants =
        [
            new(
                "nbd",
                new QmpObject(
                    "BlockExportOptionsNbd",
                    Optional("name", Str),
                    Optional("description", Str),
                    Optional("bitmaps", new QmpArray(Bitmap)),
                    Optional("allocation-depth", Bool)
                )
            ),
        ],
    };

    /// <summary>The properties of an iothread, each a number that is not below zero.</summary>
    public static readonly QmpMember[] IoThreadMembers =
    [
        Optional("aio-max-batch", Int),
        Optional("thread-pool-min", Int),
        Optional("thread-pool-max", Int),
        Optional("poll-max-ns", Int),
        Optional("poll-grow", Int),
        Optional("poll-shrink", Int),
    ];

    private static readonly QmpObject ObjectOptions = new(
        "ObjectOptions",
        Needed("qom-type", new QmpEnum("ObjectType", "iothread", "secret", "throttle-group")),
        Needed("id", Str)
    )
    {
        Tag = "qom-type",
        Variants =
        [
            new("iothread", new QmpObject("IothreadProperties", IoThreadMembers)),
            new(
                "secret",
                new QmpObject(
                    "SecretProperties",
                    new("loaded", Bool, IsOptional: true) { Features = ["deprecated"] },
                    Optional("format", new QmpEnum("QCryptoSecretFormat", "raw", "base64")),
                    Optional("keyid", Str),
                    Optional("iv", Str),
                    Optional("data", Str),
                    Optional("file", Str)
                )
            ),
            new(
                "throttle-group",
                new QmpObject("ThrottleGroupProperties", [.. ThrottleTypes.GroupMembers()])
            ),
        ],
    };

    private static readonly QmpObject NoArguments = new("q_none");

    /// <summary>Every command but qmp_capabilities.</summary>
    public static readonly QmpCommandType[] Commands =
    [
        new("block-export-add", ExportOptions, Empty),
        new(
            "block-export-del",
            new QmpObject("q_export_del", Needed("id", Str), Optional("mode", RemoveMode)),
            Empty
        ),
        new(
            "block_resize",
            new QmpObject(
                "q_resize",
                Optional("device", Str),
                Optional("node-name", Str),
                Needed("size", Int)
            ),
            Empty
        ),
        new("blockdev-add", NodeTypes.Options, Empty, IsCheckedBelow: true),
        new("blockdev-del", new QmpObject("q_del", Needed("node-name", Str)), Empty),
        new(
            "blockdev-reopen",
            new QmpObject("q_reopen", Needed("options", new QmpArray(NodeTypes.Options))),
            Empty,
            IsCheckedBelow: true
        ),
        new(
            "blockdev-snapshot",
            new QmpObject("q_snapshot", Needed("node", Str), Needed("overlay", Str)),
            Empty
        )
        {
            Features = ["allow-write-only-overlay"],
        },
        new(
            "nbd-server-add",
            new QmpObject(
                "q_nbd_add",
                Optional("name", Str),
                Optional("description", Str),
                Needed("device", Str),
                Optional("writable", Bool),
                Optional("bitmap", Str)
            ),
            Empty
        )
        {
            Features = ["deprecated"],
        },
        new(
            "nbd-server-remove",
            new QmpObject("q_nbd_remove", Needed("name", Str), Optional("mode", RemoveMode)),
            Empty
        )
        {
            Features = ["deprecated"],
        },
        new(
            "nbd-server-start",
            new QmpObject(
                "q_nbd_start",
                Needed("addr", AddressTypes.Legacy),
                Optional("max-connections", Uint32)
            ),
            Empty
        ),
        new("nbd-server-stop", NoArguments, Empty),
        new("object-add", ObjectOptions, Empty),
        new("object-del", new QmpObject("q_object_del", Needed("id", Str)), Empty),
        new("query-block-exports", NoArguments, new QmpArray(ResultTypes.Export)),
        new("query-commands", NoArguments, new QmpArray(ResultTypes.CommandInfo)),
        new("query-iothreads", NoArguments, new QmpArray(ResultTypes.IoThread)),
        new(
            "query-named-block-nodes",
            new QmpObject("q_nodes", Optional("flat", Bool)),
            new QmpArray(ResultTypes.Node)
        ),
        new("query-qmp-schema", NoArguments, new QmpArray(SchemaTypes.SchemaInfo)),
        new("query-version", NoArguments, ResultTypes.Version),
        new("quit", NoArguments, Empty),
        new("x-debug-query-block-graph", NoArguments, ResultTypes.Graph)
        {
            Features = ["unstable"],
        },
    ];

    /// <summary>The command of the conversation itself.</summary>
    public static readonly QmpCommandType Negotiation = new(
        QmpEnvelope.Negotiation,
        new QmpObject(
            "q_capabilities",
            Optional("enable", new QmpArray(new QmpEnum("QMPCapability", "oob")))
        ),
        Empty
    );

    /// <summary>Every event.</summary>
    public static readonly QmpEventType[] Events =
    [
        new("BLOCK_EXPORT_DELETED", new QmpObject("q_export_deleted", Needed("id", Str))),
    ];
}
