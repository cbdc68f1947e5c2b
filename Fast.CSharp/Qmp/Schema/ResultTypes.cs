// What the queries return. Spec: spec/block/qmp.md (BLK-QMP-008).
using static Ashlar.Qmp.CommonTypes;

namespace Ashlar.Qmp;

/// <summary>The types of results.</summary>
internal static class ResultTypes
{
    private static readonly QmpObject Triple = new(
        "VersionTriple",
        Needed("major", Int),
        Needed("minor", Int),
        Needed("micro", Int)
    );

    public static readonly QmpObject Version = new(
        "VersionInfo",
        Needed("qemu", Triple),
        Needed("package", Str)
    );

    public static readonly QmpObject CommandInfo = new("CommandInfo", Needed("name", Str));

    public static readonly QmpObject IoThread = new(
        "IOThreadInfo",
        Needed("id", Str),
        Needed("thread-id", Int),
        Needed("poll-max-ns", Int),
        Needed("poll-grow", Int),
        Needed("poll-shrink", Int),
        Needed("aio-max-batch", Int)
    );

    public static readonly QmpObject Export = new(
        "BlockExportInfo",
        Needed("id", Str),
        Needed("type", new QmpEnum("BlockExportType", "nbd")),
        Needed("node-name", Str),
        Needed("shutting-down", Bool)
    );

    private static readonly QmpEnum HashAlgorithm = new(
        "QCryptoHashAlgorithm",
        "sha1",
        "sha256",
        "sha384",
        "sha512"
    );

    private static readonly QmpObject Qcow2Image = new(
        "ImageInfoSpecificQCow2",
        Needed("compat", Str),
        Optional("extended-l2", Bool),
        Optional("lazy-refcounts", Bool),
        Optional("corrupt", Bool),
        Needed("refcount-bits", Int),
        Needed("compression-type", new QmpEnum("Qcow2CompressionType", "zlib", "zstd"))
    );

    private static readonly QmpObject Luks = new(
        "QCryptoBlockInfoLUKS",
        Needed(
            "cipher-alg",
            new QmpEnum("QCryptoCipherAlgorithm", "aes-128", "aes-192", "aes-256")
        ),
        Needed("cipher-mode", new QmpEnum("QCryptoCipherMode", "cbc", "xts")),
        Needed("ivgen-alg", new QmpEnum("QCryptoIVGenAlgorithm", "plain", "plain64", "essiv")),
        Optional("ivgen-hash-alg", HashAlgorithm),
        Needed("hash-alg", HashAlgorithm),
        Needed("payload-offset", Int),
        Needed("master-key-iters", Int),
        Needed("uuid", Str),
        Needed(
            "slots",
            new QmpArray(
                new QmpObject(
                    "QCryptoBlockInfoLUKSSlot",
                    Needed("active", Bool),
                    Optional("iters", Int),
                    Optional("stripes", Int),
                    Needed("key-offset", Int)
                )
            )
        )
    );

    private static readonly QmpObject Snapshot = new(
        "SnapshotInfo",
        Needed("id", Str),
        Needed("name", Str),
        Needed("vm-state-size", Int),
        Needed("date-sec", Int),
        Needed("date-nsec", Int),
        Needed("vm-clock-sec", Int),
        Needed("vm-clock-nsec", Int),
        Optional("icount", Int)
    );

    private static readonly QmpObject Specific = new(
        "ImageInfoSpecific",
        Needed("type", new QmpEnum("ImageInfoSpecificKind", "luks", "qcow2"))
    )
    {
        Tag = "type",
        Variants =
        [
            new("luks", new QmpObject("QCryptoBlockInfoLUKSBox", Needed("data", Luks))),
            new("qcow2", new QmpObject("ImageInfoSpecificQCow2Box", Needed("data", Qcow2Image))),
        ],
    };

    public static readonly QmpObject Image = MakeImage();

    public static readonly QmpObject Node = new(
        "BlockDeviceInfo",
        Needed("file", Str),
        Optional("node-name", Str),
        Needed("ro", Bool),
        Needed("drv", Str),
        Optional("backing_file", Str),
        Needed("backing_file_depth", Int),
        Needed("encrypted", Bool),
        Needed("detect_zeroes", new QmpEnum("BlockdevDetectZeroesOptions", "off", "on", "unmap")),
        Needed("bps", Int),
        Needed("bps_rd", Int),
        Needed("bps_wr", Int),
        Needed("iops", Int),
        Needed("iops_rd", Int),
        Needed("iops_wr", Int),
        Needed("image", Image),
        Needed(
            "cache",
            new QmpObject(
                "BlockdevCacheInfo",
                Needed("writeback", Bool),
                Needed("direct", Bool),
                Needed("no-flush", Bool)
            )
        ),
        Needed("write_threshold", Int)
    );

    private static readonly QmpArray Permissions = new(
        new QmpEnum("BlockPermission", "consistent-read", "write", "write-unchanged", "resize")
    );

    public static readonly QmpObject Graph = new(
        "XDbgBlockGraph",
        Needed(
            "nodes",
            new QmpArray(
                new QmpObject(
                    "XDbgBlockGraphNode",
                    Needed("id", Int),
                    Needed(
                        "type",
                        new QmpEnum("XDbgBlockGraphNodeType", "block-backend", "block-driver")
                    ),
                    Needed("name", Str)
                )
            )
        ),
        Needed(
            "edges",
            new QmpArray(
                new QmpObject(
                    "XDbgBlockGraphEdge",
                    Needed("parent", Int),
                    Needed("child", Int),
                    Needed("name", Str),
                    Needed("perm", Permissions),
                    Needed("shared-perm", Permissions)
                )
            )
        )
    );

    private static QmpObject MakeImage()
    {
        QmpObject image = new("ImageInfo");
        image.Members =
        [
            Needed("filename", Str),
            Needed("format", Str),
            Optional("actual-size", Int),
            Optional("dirty-flag", Bool),
            Needed("virtual-size", Int),
            Optional("cluster-size", Int),
            Optional("encrypted", Bool),
            Optional("backing-filename", Str),
            Optional("full-backing-filename", Str),
            Optional("backing-filename-format", Str),
            Optional("snapshots", new QmpArray(Snapshot)),
            Optional("backing-image", image),
            Optional("format-specific", Specific),
        ];
        return image;
    }
}
