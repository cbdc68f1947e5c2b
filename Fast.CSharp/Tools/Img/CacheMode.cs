// The cache modes of -t and -T as the options of a node. Spec: spec/block/img.md (BLK-IMG-005).
using Ashlar.Block;

namespace Ashlar.Tools.Img;

/// <summary>What a mode means: past the page cache, flushes left out, each write durable.</summary>
internal readonly record struct CacheMode(bool IsDirect, bool IsUnsafe, bool IsWriteThrough)
{
    public static readonly CacheMode WriteBack = default;

    public static readonly CacheMode Unsafe = new(false, true, false);

    /// <summary>All names, for people.</summary>
    public const string Names = "writeback, writethrough, none, directsync or " + "unsafe";

    /// <summary>The mode of that name.</summary>
    public static CacheMode Of(string name, string refusal) =>
        TryOf(name, out CacheMode mode) ? mode : throw new ImgException(refusal + name);

    /// <summary>The mode of that name, if there is one.</summary>
    public static bool TryOf(string name, out CacheMode mode)
    {
        mode = name switch
        {
            "none" or "off" => new(true, false, false),
            "directsync" => new(true, false, true),
            "writethrough" => new(false, false, true),
            "unsafe" => Unsafe,
            _ => WriteBack,
        };
        return mode != WriteBack || name == "writeback";
    }

    /// <summary>The flags of every write.</summary>
    public BlockWriteFlags WriteFlags =>
        IsWriteThrough ? BlockWriteFlags.ForceUnitAccess : BlockWriteFlags.None;

    /// <summary>The node's option cache.</summary>
    public OptionValue Option =>
        OptionValue.Dictionary(
            ("direct", OptionValue.Of(IsDirect)),
            ("no-flush", OptionValue.Of(IsUnsafe))
        );
}
