// The tables of options: which there are, of which type, in which order they are checked.
// Spec: spec/block/open.md (BLK-OPEN-019, BLK-OPEN-020). The texts are OptionParser's.
namespace Ashlar.Block;

/// <summary>The types an option can have.</summary>
internal enum OptionType : byte
{
    Boolean,
    Integer,

    /// <summary>A number that 16 bits hold without a sign.</summary>
    Natural16,

    /// <summary>A number that 32 bits hold; no driver has one.</summary>
    Natural32,
    String,

    /// <summary>A string out of a list.</summary>
    Word,

    /// <summary>A list of words; its flat names are NAME.0, NAME.1, ...</summary>
    WordList,

    /// <summary>A list of any strings; no driver has one.</summary>
    StringList,

    /// <summary>A node name or an options object.</summary>
    Reference,

    /// <summary>The same, or null.</summary>
    ReferenceOrNull,

    /// <summary>A list of references: the children NAME.0, NAME.1, ...</summary>
    ReferenceList,

    /// <summary>An object of nothing but other options; its flat names are NAME.x.</summary>
    Object,
}

/// <summary>One row of a table.</summary>
internal sealed class OptionRow(string name, OptionType type, bool isNeeded = false)
{
    /// <summary>The name within its object.</summary>
    public readonly string Name = name;
    public readonly OptionType Type = type;
    public readonly bool IsNeeded = isNeeded;

    /// <summary>The words of Word and WordList.</summary>
    public string[] Words { get; init; } = [];

    /// <summary>The rows of Object.</summary>
    public OptionRow[] Rows { get; init; } = [];

    /// <summary>The form of an Object that has a selector.</summary>
    public KeyvalForm? Form { get; init; }

    /// <summary>The name with what leads to it within the node's options.</summary>
    public string FlatName { get; init; } = name;
}

/// <summary>
/// The drivers' own options (BLK-OPEN-020), in the order in which they are checked.
/// </summary>
internal static class OptionSchema
{
    public const string Filename = "filename";
    public const string Locking = "locking";
    public const string Aio = "aio";
    public const string CheckCacheDropped = "x-check-cache-dropped";
    public const string Size = "size";
    public const string ReadZeroes = "read-zeroes";
    public const string Offset = "offset";
    public const string File = "file";
    public const string Backing = "backing";
    public const string DataFile = "data-file";
    public const string ThrottleGroup = "throttle-group";
    public const string Image = "image";
    public const string TakeChildPerms = "take-child-perms";
    public const string UnshareChildPerms = "unshare-child-perms";
    public const string Export = "export";
    public const string Children = "children";
    public const string VoteThreshold = "vote-threshold";
    public const string RewriteCorrupted = "rewrite-corrupted";
    public const string KeySecret = "key-secret";
    public const string ReadPattern = "read-pattern";

    public static readonly string[] DiscardWords = ["ignore", "unmap"];
    public static readonly string[] DetectZeroesWords = ["off", "on", "unmap"];
    public static readonly string[] PermissionWords =
    [
        "consistent-read",
        "write",
        "write-unchanged",
        "resize",
    ];

    /// <summary>What every node has, in the order it is checked (BLK-OPEN-019).</summary>
    public static readonly OptionRow[] NodeRows =
    [
        new("driver", OptionType.String, isNeeded: true),
        new("node-name", OptionType.String),
        new("discard", OptionType.Word) { Words = DiscardWords },
        new("cache", OptionType.Object)
        {
            Rows =
            [
                new("direct", OptionType.Boolean) { FlatName = "cache.direct" },
                new("no-flush", OptionType.Boolean) { FlatName = "cache.no-flush" },
            ],
        },
        new("read-only", OptionType.Boolean),
        new("auto-read-only", OptionType.Boolean),
        new("force-share", OptionType.Boolean),
        new("detect-zeroes", OptionType.Word) { Words = DetectZeroesWords },
    ];

    public static readonly OptionRow[] FileRows =
    [
        new(Filename, OptionType.String, isNeeded: true),
        new(Locking, OptionType.Word) { Words = ["on", "off", "auto"] },
        new(Aio, OptionType.Word) { Words = ["threads", "native", "io_uring"] },
        new(CheckCacheDropped, OptionType.Boolean),
    ];

    public static readonly OptionRow[] NullRows =
    [
        new(Size, OptionType.Integer),
        new(ReadZeroes, OptionType.Boolean),
    ];

    public static readonly OptionRow[] RawRows =
    [
        new(File, OptionType.Reference, isNeeded: true),
        new(Offset, OptionType.Integer),
        new(Size, OptionType.Integer),
    ];

    public static readonly OptionRow[] LuksRows =
    [
        new(File, OptionType.Reference, isNeeded: true),
        new(KeySecret, OptionType.String),
    ];

    public static readonly OptionRow[] Qcow2Rows =
    [
        new(File, OptionType.Reference, isNeeded: true),
        new(Backing, OptionType.ReferenceOrNull),
        new(DataFile, OptionType.Reference),
    ];

    public static readonly OptionRow[] ThrottleRows =
    [
        new(ThrottleGroup, OptionType.String, isNeeded: true),
        new(File, OptionType.Reference, isNeeded: true),
    ];

    public static readonly OptionRow[] CopyOnReadRows =
    [
        new(File, OptionType.Reference, isNeeded: true),
    ];

    public static readonly OptionRow[] BlkdebugRows =
    [
        new(Image, OptionType.Reference, isNeeded: true),
        new(TakeChildPerms, OptionType.WordList) { Words = PermissionWords },
        new(UnshareChildPerms, OptionType.WordList) { Words = PermissionWords },
    ];

    public static readonly OptionRow[] NbdRows =
    [
        new("server", OptionType.Object, isNeeded: true)
        {
            Form = SocketAddressForm.Under("server."),
        },
        new(Export, OptionType.String),
    ];

    public static readonly OptionRow[] QuorumRows =
    [
        new(Children, OptionType.ReferenceList, isNeeded: true),
        new(VoteThreshold, OptionType.Integer, isNeeded: true),
        new(RewriteCorrupted, OptionType.Boolean),
        new(ReadPattern, OptionType.Word) { Words = ["quorum", "fifo"] },
    ];
}
