// The way back from flat to nested options. Spec: spec/block/storaged.md (BLK-SD-021).
using System;
using System.Collections.Generic;
using System.Globalization;

namespace Ashlar.Block;

public static partial class FlatOptions
{
    /// <summary>What is left of one flat key at some level, with its value.</summary>
    private readonly record struct FlatEntry(string Key, int Start, OptionValue Value);

    /// <summary>All entries that share their first step: one scalar, or what is below.</summary>
    private sealed class Step(string name)
    {
        public readonly string Name = name;
        public OptionValue? Scalar;
        public List<FlatEntry>? Below;
    }

    /// <summary>
    /// The nested form of a flat dictionary (BLK-SD-021): a point in a key parts levels, two points
    /// stand for one in a name, and a level whose keys are all numbers becomes a list. The result
    /// is null when the keys contradict each other.
    /// </summary>
    public static BlockError? Crumple(OptionValue flat, out OptionValue? nested)
    {
        List<FlatEntry> entries = new(flat.Count);
        nested = null;
        for (int index = 0; index < flat.Count; index++)
        {
            if (flat[index].Count != 0)
            {
                return Refuse($"Value {flat.KeyAt(index)} is not flat");
            }
            entries.Add(new FlatEntry(flat.KeyAt(index), 0, flat[index]));
        }
        return CrumpleLevel(entries, 1, out nested);
    }

    private static BlockError? CrumpleLevel(
        List<FlatEntry> entries,
        int depth,
        out OptionValue? nested
    )
    {
        nested = null;
        if (depth > MaximumNesting)
        {
            return Refuse($"Options are nested deeper than {MaximumNesting} levels");
        }
        BlockError? error = Group(entries, out List<Step> steps);
        if (error is not null)
        {
            return error;
        }
        string[] keys = new string[steps.Count];
        OptionValue[] values = new OptionValue[steps.Count];
        for (int index = 0; index < keys.Length; index++)
        {
            OptionValue? value = steps[index].Scalar;
            if (steps[index].Below is { } below)
            {
                error = CrumpleLevel(below, depth + 1, out value);
                if (error is not null)
                {
                    return error;
                }
            }
            keys[index] = steps[index].Name;
            values[index] = value!;
        }
        return ToListOrDictionary(keys, values, out nested);
    }

    private static BlockError? Group(List<FlatEntry> entries, out List<Step> steps)
    {
        Dictionary<string, Step> byName = new(StringComparer.Ordinal);
        steps = [];
        foreach (FlatEntry entry in entries)
        {
            string name = FirstStep(entry.Key, entry.Start, out int rest);
            if (!byName.TryGetValue(name, out Step? step))
            {
                step = new Step(name);
                byName.Add(name, step);
                steps.Add(step);
            }
            else if (rest < 0 || step.Below is null)
            {
                return Refuse("Cannot mix scalar and non-scalar keys");
            }
            if (rest < 0)
            {
                step.Scalar = entry.Value;
            }
            else
            {
                (step.Below ??= []).Add(entry with { Start = rest });
            }
        }
        return null;
    }

    /// <summary>
    /// The name before the first single point, and where the rest begins, or -1 without one.
    /// </summary>
    private static string FirstStep(string key, int start, out int rest)
    {
        rest = -1;
        int end = start;
        bool hasPoints = false;
        for (; end < key.Length; end++)
        {
            if (key[end] != '.')
            {
                continue;
            }
            if (end + 1 == key.Length || key[end + 1] != '.')
            {
                rest = end + 1;
                break;
            }
            hasPoints = true;
            end++;
        }
        string name = key[start..end];
        return hasPoints ? name.Replace("..", ".", StringComparison.Ordinal) : name;
    }

    private static BlockError? ToListOrDictionary(
        string[] keys,
        OptionValue[] values,
        out OptionValue? nested
    )
    {
        nested = null;
        long largest = -1;
        int indices = 0;
        foreach (string key in keys)
        {
            if (TryReadIndex(key, out long index))
            {
                indices++;
                largest = Math.Max(largest, index);
            }
        }
        if (indices == 0)
        {
            nested = OptionValue.Dictionary(keys, values);
            return null;
        }
        if (indices != keys.Length)
        {
            return Refuse("Cannot mix list and non-list keys");
        }
        if (largest != keys.Length - 1)
        {
            return Refuse(
                $"List indices are not contiguous, saw {keys.Length} elements "
                    + $"but {largest} largest index"
            );
        }
        OptionValue?[] items = new OptionValue?[keys.Length];
        for (int index = 0; index < keys.Length; index++)
        {
            // Only the plain form of a number names an item: `+1` and `01` count as indices above
            // and are missed here.
            int place = (int)Math.Max(0, ReadIndex(keys[index]));
            if (string.Equals(keys[index], place.ToString(CultureInfo.InvariantCulture)))
            {
                items[place] = values[index];
            }
        }
        int missing = Array.IndexOf(items, null);
        if (missing >= 0)
        {
            return Refuse($"Missing list index {missing}");
        }
        nested = OptionValue.List(items!);
        return null;
    }

    private static long ReadIndex(string key) => TryReadIndex(key, out long index) ? index : -1;

    /// <summary>
    /// Whether C's strtoll takes the whole key as a decimal number: spaces before it and a sign are
    /// fine.
    /// </summary>
    private static bool TryReadIndex(string key, out long index)
    {
        const NumberStyles Style = NumberStyles.AllowLeadingWhite | NumberStyles.AllowLeadingSign;
        index = -1;
        return key.Length != 0
            && char.IsAsciiDigit(key[^1])
            && long.TryParse(key, Style, CultureInfo.InvariantCulture, out index);
    }

    private static BlockError Refuse(string text) => new(BlockErrorKind.InvalidArgument, text);
}
