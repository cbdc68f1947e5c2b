// The options of one node in a form that is cheap to merge and to compare: the common booleans as
// bits, the rest as fields or as a short list sorted by flat name. Children are not options here.
// Spec: spec/block/open.md (BLK-OPEN-003, BLK-OPEN-004, BLK-OPEN-019), reopen.md (BLK-REOPEN-006,
// BLK-REOPEN-012, BLK-REOPEN-016).
using System;

namespace Ashlar.Block;

/// <summary>The common options that are booleans.</summary>
[Flags]
internal enum CommonFlags : byte
{
    None = 0,
    AutoReadOnly = 1,
    CacheDirect = 2,
    CacheNoFlush = 4,
    ForceShare = 8,
    ReadOnly = 16,

    /// <summary>What every root has even if nobody gave it (BLK-OPEN-003).</summary>
    RootDefaults = AutoReadOnly | CacheDirect | CacheNoFlush | ReadOnly,
}

/// <summary>The option discard.</summary>
internal enum DiscardOption : sbyte
{
    Absent = -1,
    Ignore = 0,
    Unmap = 1,
}

/// <summary>The option detect-zeroes.</summary>
internal enum DetectZeroesOption : sbyte
{
    Absent = -1,
    Off = 0,
    On = 1,
    Unmap = 2,
}

/// <summary>
/// One driver's own option under its flat name, such as <c>take-child-perms.0</c>.
/// </summary>
internal readonly record struct OptionEntry(string Name, OptionValue Value);

/// <summary>A node's options without its children. A value; the list is never changed.</summary>
internal struct OptionSet
{
    /// <summary>No option at all.</summary>
    public static readonly OptionSet Empty = new()
    {
        Discard = DiscardOption.Absent,
        DetectZeroes = DetectZeroesOption.Absent,
        Own = [],
    };

    /// <summary>Which of the booleans are there.</summary>
    public CommonFlags Given;

    /// <summary>Which of them are on; only bits in <see cref="Given"/> count.</summary>
    public CommonFlags On;
    public DiscardOption Discard;
    public DetectZeroesOption DetectZeroes;
    public string? NodeName;

    /// <summary>
    /// The option driver; null when absent, as in a child that is only inherited to.
    /// </summary>
    public DriverDescriptor? Driver;

    /// <summary>The driver's own options, sorted by flat name in ordinal order.</summary>
    public OptionEntry[] Own;

    /// <summary>Whether a boolean is there and on (BLK-OPEN-003: absent means off).</summary>
    public readonly bool IsOn(CommonFlags flag) => (Given & On & flag) != 0;

    /// <summary>The driver's own option of that flat name, or null.</summary>
    public readonly OptionValue? Find(string name)
    {
        foreach (ref readonly OptionEntry entry in Own.AsSpan())
        {
            if (string.Equals(entry.Name, name))
            {
                return entry.Value;
            }
        }
        return null;
    }

    /// <summary>The options of this set and, for what is absent here, those of another.</summary>
    public readonly OptionSet Over(in OptionSet other)
    {
        CommonFlags borrowed = other.Given & ~Given;
        return new OptionSet
        {
            Given = Given | other.Given,
            On = (On & Given) | (other.On & borrowed),
            Discard = Discard == DiscardOption.Absent ? other.Discard : Discard,
            DetectZeroes =
                DetectZeroes == DetectZeroesOption.Absent ? other.DetectZeroes : DetectZeroes,
            NodeName = NodeName ?? other.NodeName,
            Driver = Driver ?? other.Driver,
            Own = MergeOwn(Own, other.Own),
        };
    }

    /// <summary>
    /// The options of a child of this node: its own, and what it inherits (BLK-OPEN-004). What the
    /// parent does not have is not inherited either; discard defaults to unmap.
    /// </summary>
    public readonly OptionSet Inherited(in OptionSet child, ChildRoles roles)
    {
        CommonFlags copied =
            CommonFlags.CacheDirect | CommonFlags.CacheNoFlush | CommonFlags.ForceShare;
        if (Planted.Is(Bug.ForceShareNotInherited))
        {
            copied &= ~CommonFlags.ForceShare;
        }
        OptionSet result = child;
        if ((roles & ChildRoles.Cow) != 0)
        {
            CommonFlags defaults = (CommonFlags.ReadOnly | CommonFlags.AutoReadOnly) & ~child.Given;
            result.Given |= defaults;
            result.On &= ~defaults;
            result.On |= defaults & (CommonFlags.ReadOnly);
            if (Planted.Is(Bug.CowChildDefaultsToReadWrite))
            {
                result.On &= ~(defaults & CommonFlags.ReadOnly);
            }
        }
        else
        {
            copied |= CommonFlags.ReadOnly | CommonFlags.AutoReadOnly;
            if (Planted.Is(Bug.AutoReadOnlyNotInherited))
            {
                copied &= ~CommonFlags.AutoReadOnly;
            }
        }
        CommonFlags taken = copied & Given & ~child.Given;
        result.Given |= taken;
        result.On = (result.On & ~taken) | (On & taken);
        if (result.Discard == DiscardOption.Absent)
        {
            result.Discard = DiscardOption.Unmap;
        }
        return result;
    }

    private static OptionEntry[] MergeOwn(OptionEntry[] mine, OptionEntry[] other)
    {
        if (other.Length == 0 || ReferenceEquals(mine, other))
        {
            return mine;
        }
        if (mine.Length == 0)
        {
            return other;
        }
        OptionEntry[] merged = new OptionEntry[mine.Length + other.Length];
        int count = 0;
        int left = 0;
        int right = 0;
        while (left < mine.Length || right < other.Length)
        {
            int order =
                left == mine.Length ? 1
                : right == other.Length ? -1
                : string.CompareOrdinal(mine[left].Name, other[right].Name);
            merged[count++] = order <= 0 ? mine[left] : other[right];
            left += order <= 0 ? 1 : 0;
            right += order >= 0 ? 1 : 0;
        }
        return count == merged.Length ? merged : merged[..count];
    }
}
