// Arrays within flat options: `children.0`, `children.1.driver`, ...
// Spec: spec/block/storaged.md (BLK-SD-022).
using System;
using System.Collections.Generic;
using System.Globalization;

namespace Ashlar.Block;

public static partial class FlatOptions
{
    /// <summary>
    /// Takes the entries whose key begins so, without that beginning; the rest stays in order.
    /// </summary>
    public static OptionValue Extract(OptionValue flat, string prefix, out OptionValue rest)
    {
        OptionBuilder taken = new();
        OptionBuilder kept = new();
        for (int index = 0; index < flat.Count; index++)
        {
            string key = flat.KeyAt(index);
            if (key.StartsWith(prefix, StringComparison.Ordinal))
            {
                taken.Put(key[prefix.Length..], flat[index]);
            }
            else
            {
                kept.Put(key, flat[index]);
            }
        }
        rest = kept.ToValue();
        return taken.ToValue();
    }

    /// <summary>
    /// Takes the items 0, 1, ... as a list (BLK-SD-022): an item is the value under <c>N</c>, or a
    /// dictionary of all keys that begin with <c>N.</c>, and the first number that has neither or
    /// both ends the list.
    /// </summary>
    public static OptionValue SplitArray(OptionValue flat, out OptionValue rest)
    {
        Items(flat, "", out List<OptionValue> items, out OptionBuilder kept);
        rest = kept.ToValue();
        return OptionValue.List([.. items]);
    }

    /// <summary>
    /// How many items the array under a prefix has, the point included in the prefix, or null when
    /// keys below the prefix are no part of it (BLK-SD-022).
    /// </summary>
    public static int? CountArray(OptionValue flat, string prefix)
    {
        Items(flat, prefix, out List<OptionValue> items, out OptionBuilder kept);
        OptionValue rest = kept.ToValue();
        for (int index = 0; index < rest.Count; index++)
        {
            if (rest.KeyAt(index).StartsWith(prefix, StringComparison.Ordinal))
            {
                return null;
            }
        }
        return items.Count;
    }

    private static void Items(
        OptionValue flat,
        string prefix,
        out List<OptionValue> items,
        out OptionBuilder kept
    )
    {
        Dictionary<int, OptionValue> scalars = [];
        Dictionary<int, OptionBuilder> groups = [];
        for (int place = 0; place < flat.Count; place++)
        {
            int number = ItemNumber(flat.KeyAt(place), prefix, out string? below);
            if (number >= 0 && below is null)
            {
                scalars[number] = flat[place];
            }
            else if (number >= 0)
            {
                if (!groups.TryGetValue(number, out OptionBuilder? group))
                {
                    groups.Add(number, group = new OptionBuilder());
                }
                group.Put(below!, flat[place]);
            }
        }
        items = [];
        while (scalars.ContainsKey(items.Count) != groups.ContainsKey(items.Count))
        {
            items.Add(
                scalars.TryGetValue(items.Count, out OptionValue? scalar)
                    ? scalar
                    : groups[items.Count].ToValue()
            );
        }
        kept = new OptionBuilder();
        for (int place = 0; place < flat.Count; place++)
        {
            int number = ItemNumber(flat.KeyAt(place), prefix, out _);
            if (number < 0 || number >= items.Count)
            {
                kept.Put(flat.KeyAt(place), flat[place]);
            }
        }
    }

    /// <summary>The item a key belongs to, and its key there if it has one; else -1.</summary>
    private static int ItemNumber(string key, string prefix, out string? below)
    {
        below = null;
        if (!key.StartsWith(prefix, StringComparison.Ordinal))
        {
            return -1;
        }
        ReadOnlySpan<char> rest = key.AsSpan(prefix.Length);
        int point = rest.IndexOf('.');
        ReadOnlySpan<char> digits = point < 0 ? rest : rest[..point];
        bool isPlain = digits.Length == 1 || (digits.Length > 1 && digits[0] != '0');
        if (
            !isPlain
            || !int.TryParse(
                digits,
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out int number
            )
        )
        {
            return -1;
        }
        below = point < 0 ? null : rest[(point + 1)..].ToString();
        return number;
    }
}
