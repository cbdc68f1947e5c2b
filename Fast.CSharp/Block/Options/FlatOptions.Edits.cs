// Renaming, joining and defaults. Spec: spec/block/storaged.md (BLK-SD-023, BLK-SD-024).
using System;

namespace Ashlar.Block;

public static partial class FlatOptions
{
    /// <summary>
    /// Gives keys their other names, one pair after the other (BLK-SD-023). A key and its alias
    /// together are refused.
    /// </summary>
    public static BlockError? Rename(
        OptionValue options,
        ReadOnlySpan<(string From, string To)> pairs,
        out OptionValue renamed
    )
    {
        renamed = options;
        foreach ((string from, string to) in pairs)
        {
            if (renamed.Find(from) is null)
            {
                continue;
            }
            if (renamed.Find(to) is not null)
            {
                return Refuse($"'{to}' and its alias '{from}' can't be used at the same time");
            }
            OptionBuilder changed = new();
            for (int index = 0; index < renamed.Count; index++)
            {
                string key = renamed.KeyAt(index);
                changed.Put(string.Equals(key, from) ? to : key, renamed[index]);
            }
            renamed = changed.ToValue();
        }
        return null;
    }

    /// <summary>
    /// The target with the source's entries (BLK-SD-024). Where both have a key, the source wins
    /// with overwrite; without it the target does, and what it did not take is the rest.
    /// </summary>
    public static OptionValue Join(
        OptionValue target,
        OptionValue source,
        bool overwrite,
        out OptionValue rest
    )
    {
        OptionBuilder joined = new();
        OptionBuilder left = new();
        joined.PutAll(target);
        for (int index = 0; index < source.Count; index++)
        {
            string key = source.KeyAt(index);
            bool isTaken = overwrite || !joined.Contains(key);
            (isTaken ? joined : left).Put(key, source[index]);
        }
        rest = left.ToValue();
        return joined.ToValue();
    }

    /// <summary>The options with a value under a key that had none (BLK-SD-024).</summary>
    public static OptionValue WithDefault(OptionValue options, string key, OptionValue? value)
    {
        if (value is null || options.Find(key) is not null)
        {
            return options;
        }
        OptionBuilder more = new();
        more.PutAll(options);
        more.Put(key, value);
        return more.ToValue();
    }
}
