// Operations that are no channel's: which syllable each belongs to, and the names and bits of the
// fields that several of them share. Spec: spec/e2k/encoding.md, E2K-SS and E2K-CS.
using System.Collections.Frozen;
using System.Collections.Generic;
using System.Collections.Immutable;

namespace Ashlar.E2k.Symbolic;

/// <summary>The part of a bundle that an operation belongs to.</summary>
internal enum Role : byte
{
    /// <summary>A flag or the number of waits of the header.</summary>
    Header,

    /// <summary>Bits of SS that say something by themselves.</summary>
    Stub,

    /// <summary>CS0, the preparation of a transfer.</summary>
    Preparation,

    /// <summary>A transfer by itself: its operation is in CS0, its condition in SS.</summary>
    Departure,

    /// <summary>The transfer of SS.</summary>
    Transfer,

    /// <summary>A call: CS1, and the condition of SS.</summary>
    Call,

    /// <summary>A jump or call of a channel that has the condition of SS.</summary>
    ChannelTransfer,

    /// <summary>Windows and rotation in CS1.</summary>
    Window,

    /// <summary>Anything else that CS1 says.</summary>
    Control1,

    /// <summary>The predicate logic.</summary>
    Logic,

    /// <summary>The increment of an array operation.</summary>
    Increment,

    /// <summary>A move out of the prefetch buffer.</summary>
    ArrayMove,
}

/// <summary>A pair of bits of SS: its operation, the two settings, the position.</summary>
internal readonly record struct StubPair(string Name, string High, string Low, int Position);

/// <summary>A bit or bits with a name.</summary>
internal readonly record struct NamedBits(string Name, uint Bits);

/// <summary>Names and bits.</summary>
internal static class Vocabulary
{
    /// <summary>Those of several bits before their parts (E2K-SS-002).</summary>
    internal static readonly ImmutableArray<NamedBits> StubFlags =
    [
        new("eap", 0x20000000),
        new("bap", 0x10000000),
        new("slrp", 0x0a000000),
        new("srp", 0x08000000),
        new("vfdi", 0x04000000),
        new("crp", 0x02000000),
    ];

    internal static readonly ImmutableArray<StubPair> StubPairs =
    [
        new("abg", "abgi", "abgd", 23),
        new("abn", "abnf", "abnt", 21),
        new("abp", "abpf", "abpt", 18),
        new("alc", "alcf", "alct", 16),
    ];

    /// <summary>Bits 29:16 of the one stub of the other format (E2K-SS-003).</summary>
    internal const uint FlushTags = 0x14100000;

    /// <summary>What a wait may say, in the order of text (E2K-CS-006).</summary>
    internal static readonly ImmutableArray<NamedBits> Waits =
    [
        new("sal", 1 << 8),
        new("sas", 1 << 7),
        new("trap", 1 << 6),
        new("ma_c", 1 << 5),
        new("fl_c", 1 << 4),
        new("ld_c", WaitForLoads),
        new("st_c", WaitForStores),
        new("all_e", 1 << 1),
        new("all_c", 1 << 0),
        new("mem_mod", 1 << 13),
        new("int", 1 << 12),
        new("mt", 1 << 11),
        new("lal", 1 << 10),
        new("las", 1 << 9),
    ];

    internal const uint WaitForStores = 1 << 2;
    internal const uint WaitForLoads = 1 << 3;

    /// <summary>The waits that are waits for stores, and for loads, too.</summary>
    internal const uint FinerForStores = (1 << 7) | (1 << 9);
    internal const uint FinerForLoads = (1 << 8) | (1 << 10);

    internal static readonly ImmutableArray<NamedBits> Caches =
    [
        new("flushr", 1),
        new("flushc", 2),
        new("fillr", 4),
        new("fillc", 8),
    ];

    /// <summary>Moves out of the prefetch buffer by their size's code (E2K-AAS-002).</summary>
    internal static readonly ImmutableArray<string?> Moves =
    [
        null,
        "movab",
        "movah",
        "movaw",
        "movad",
        "movaq",
        null,
        "movaqp",
    ];

    private static readonly FrozenDictionary<string, Role> Roles = All().ToFrozenDictionary();

    /// <summary>The part that a name belongs to; null for what only a channel can do.</summary>
    internal static Role? RoleOf(string name) =>
        Roles.TryGetValue(name, out Role role) ? role : null;

    /// <summary>The bits of a name in a list, or null.</summary>
    internal static uint? BitsOf(this ImmutableArray<NamedBits> list, string name)
    {
        foreach (NamedBits one in list)
        {
            if (one.Name == name)
            {
                return one.Bits;
            }
        }
        return null;
    }

    private static IEnumerable<KeyValuePair<string, Role>> All()
    {
        foreach (StubPair pair in StubPairs)
        {
            yield return new(pair.Name, Role.Stub);
        }
        foreach (NamedBits flag in StubFlags)
        {
            yield return new(flag.Name, Role.Stub);
        }
        foreach (NamedBits cache in Caches)
        {
            yield return new(cache.Name, Role.Control1);
        }
        foreach (string? move in Moves)
        {
            if (move is not null)
            {
                yield return new(move, Role.ArrayMove);
            }
        }
        foreach ((Role role, string[] names) in Others)
        {
            foreach (string name in names)
            {
                yield return new(name, role);
            }
        }
    }

    private static (Role Role, string[] Names)[] Others =>
        [
            (Role.Header, ["nop", "set_mark", "loop_mode"]),
            (Role.Stub, ["ipd", "flushts"]),
            (Role.Preparation, ["disp", "ldisp", "sdisp", "return", "gettsd", "pref"]),
            (Role.Departure, ["ibranch", "rbranch", "done", "iret", "glaunch"]),
            (Role.Transfer, ["ct"]),
            (Role.Call, ["call", "icall", "hcall"]),
            (Role.ChannelTransfer, ["ibranchd", "icalld"]),
            (Role.Window, ["setwd", "setbn", "setbp", "settr", "vfrpsz"]),
            (Role.Control1, ["wait", "setei", "setsft"]),
            (Role.Logic, ["pass", "andp", "landp", "movep"]),
            (Role.Increment, ["incr"]),
        ];
}
