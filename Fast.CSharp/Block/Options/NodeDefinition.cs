// What a command says of one node, checked against the schema: its options and its children.
using System;

namespace Ashlar.Block;

/// <summary>One child as said: a reference, an inline definition, or null (neither).</summary>
internal readonly record struct ChildDefinition(
    string Name,
    string? Reference,
    NodeDefinition? Inline
)
{
    /// <summary>True for an explicit null, which only backing takes.</summary>
    public bool IsNull => Reference is null && Inline is null;
}

/// <summary>A node as said by a command. Immutable once parsed.</summary>
internal sealed class NodeDefinition
{
    /// <summary>A definition that says nothing.</summary>
    public static readonly NodeDefinition Nothing = new(OptionSet.Empty, []);

    public readonly OptionSet Options;

    /// <summary>What of it the user gave; a header's backing file is given by nobody.</summary>
    public readonly OptionSet Explicit;
    private readonly ChildDefinition[] _children;

    public NodeDefinition(in OptionSet options, ChildDefinition[] children)
    {
        Options = options;
        Explicit = options;
        _children = children;
    }

    /// <summary>
    /// A definition the user did not give: a header's backing file (BLK-OPEN-012).
    /// </summary>
    public NodeDefinition(
        in OptionSet options,
        in OptionSet explicitOptions,
        ChildDefinition[] children
    )
    {
        Options = options;
        Explicit = explicitOptions;
        _children = children;
    }

    /// <summary>The children in the order of the schema.</summary>
    public ReadOnlySpan<ChildDefinition> Children => _children;

    /// <summary>Finds what is said of a child.</summary>
    public bool TryFindChild(string name, out ChildDefinition child)
    {
        foreach (ref readonly ChildDefinition candidate in _children.AsSpan())
        {
            if (string.Equals(candidate.Name, name))
            {
                child = candidate;
                return true;
            }
        }
        child = default;
        return false;
    }

    /// <summary>
    /// The first of all flat names in ordinal order, for the text of BLK-REOPEN-016 when a child's
    /// definition stays its parent's options. There is always one: driver is needed.
    /// </summary>
    public string FirstFlatName()
    {
        string first = "driver";
        Consider(ref first, Options.NodeName is not null, "node-name");
        Consider(ref first, Options.Discard != DiscardOption.Absent, "discard");
        Consider(ref first, Options.DetectZeroes != DetectZeroesOption.Absent, "detect-zeroes");
        Consider(ref first, (Options.Given & CommonFlags.AutoReadOnly) != 0, "auto-read-only");
        Consider(ref first, (Options.Given & CommonFlags.CacheDirect) != 0, "cache.direct");
        Consider(ref first, (Options.Given & CommonFlags.CacheNoFlush) != 0, "cache.no-flush");
        Consider(ref first, (Options.Given & CommonFlags.ForceShare) != 0, "force-share");
        Consider(ref first, (Options.Given & CommonFlags.ReadOnly) != 0, "read-only");
        if (Options.Own.Length != 0)
        {
            Consider(ref first, true, Options.Own[0].Name);
        }
        foreach (ref readonly ChildDefinition child in _children.AsSpan())
        {
            string name = child.Inline is null
                ? child.Name
                : child.Name + "." + child.Inline.FirstFlatName();
            Consider(ref first, true, name);
        }
        return first;
    }

    private static void Consider(ref string first, bool isThere, string name)
    {
        if (isThere && string.CompareOrdinal(name, first) < 0)
        {
            first = name;
        }
    }
}
