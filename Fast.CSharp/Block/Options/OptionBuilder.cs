// A dictionary of options while it is being made. OptionValue itself never changes.
using System;
using System.Collections.Generic;

namespace Ashlar.Block;

/// <summary>
/// Keys in the order of their first mention, each with its last value; finding a key costs the same
/// however many there are, so that a long hostile command line is read in linear time.
/// </summary>
internal sealed class OptionBuilder
{
    private readonly Dictionary<string, int> _places = new(StringComparer.Ordinal);
    private readonly List<string> _keys = [];
    private readonly List<OptionValue> _values = [];

    public int Count => _keys.Count;

    public bool Contains(string key) => _places.ContainsKey(key);

    /// <summary>Puts a value under a key, over what was there.</summary>
    public void Put(string key, OptionValue value)
    {
        if (_places.TryGetValue(key, out int place))
        {
            _values[place] = value;
            return;
        }
        _places.Add(key, _keys.Count);
        _keys.Add(key);
        _values.Add(value);
    }

    /// <summary>Puts every pair of a dictionary.</summary>
    public void PutAll(OptionValue dictionary)
    {
        for (int index = 0; index < dictionary.Count; index++)
        {
            Put(dictionary.KeyAt(index), dictionary[index]);
        }
    }

    /// <summary>The value under a key, or null.</summary>
    public OptionValue? Find(string key) =>
        _places.TryGetValue(key, out int place) ? _values[place] : null;

    public OptionValue ToValue() => OptionValue.Dictionary([.. _keys], [.. _values]);
}
