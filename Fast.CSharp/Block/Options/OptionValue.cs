// The tree of options a command carries: what QMP's JSON arguments are once parsed. No JSON in
// here.
using System;

namespace Ashlar.Block;

/// <summary>The kinds of <see cref="OptionValue"/>.</summary>
public enum OptionKind : byte
{
    Null,
    Boolean,
    Integer,
    String,
    List,
    Dictionary,

    /// <summary>A whole number above the largest signed one of 64 bits.</summary>
    Unsigned,

    /// <summary>Any other number.</summary>
    Number,
}

/// <summary>An immutable option value. Dictionaries keep the order they were written in.</summary>
public sealed class OptionValue : IEquatable<OptionValue>
{
    public static readonly OptionValue Null = new(OptionKind.Null, 0, null, null, null);
    public static readonly OptionValue True = new(OptionKind.Boolean, 1, null, null, null);
    public static readonly OptionValue False = new(OptionKind.Boolean, 0, null, null, null);

    private readonly long _number;
    private readonly string? _text;
    private readonly string[]? _keys;
    private readonly OptionValue[]? _items;

    private OptionValue(
        OptionKind kind,
        long number,
        string? text,
        string[]? keys,
        OptionValue[]? items
    )
    {
        Kind = kind;
        _number = number;
        _text = text;
        _keys = keys;
        _items = items;
    }

    /// <summary>Which kind of value this is; the accessors below demand the right one.</summary>
    public OptionKind Kind { get; }

    public static OptionValue Of(bool value) => value ? True : False;

    public static OptionValue Of(long value) => new(OptionKind.Integer, value, null, null, null);

    /// <summary>An integer where it is one of 64 signed bits, else an unsigned one.</summary>
    public static OptionValue Of(ulong value) =>
        value <= long.MaxValue
            ? Of((long)value)
            : new(OptionKind.Unsigned, (long)value, null, null, null);

    public static OptionValue Of(double value) =>
        new(OptionKind.Number, BitConverter.DoubleToInt64Bits(value), null, null, null);

    public static OptionValue Of(string value) => new(OptionKind.String, 0, value, null, null);

    /// <summary>A list; the array is owned by the value from now on.</summary>
    public static OptionValue List(params OptionValue[] items) =>
        new(OptionKind.List, 0, null, null, items);

    /// <summary>
    /// A dictionary from parallel arrays, which it owns from now on. Keys must differ.
    /// </summary>
    public static OptionValue Dictionary(string[] keys, OptionValue[] values)
    {
        if (keys.Length != values.Length)
        {
            throw new ArgumentException("As many keys as values are needed.", nameof(values));
        }
        return new(OptionKind.Dictionary, 0, null, keys, values);
    }

    /// <summary>A dictionary from pairs. Keys must differ.</summary>
    public static OptionValue Dictionary(params (string Key, OptionValue Value)[] pairs)
    {
        string[] keys = new string[pairs.Length];
        OptionValue[] values = new OptionValue[pairs.Length];
        for (int index = 0; index < pairs.Length; index++)
        {
            keys[index] = pairs[index].Key;
            values[index] = pairs[index].Value;
        }
        return new(OptionKind.Dictionary, 0, null, keys, values);
    }

    public bool AsBoolean => Kind == OptionKind.Boolean ? _number != 0 : throw Wrong();

    public long AsInteger => Kind == OptionKind.Integer ? _number : throw Wrong();

    public ulong AsUnsigned => Kind == OptionKind.Unsigned ? (ulong)_number : throw Wrong();

    public double AsNumber =>
        Kind == OptionKind.Number ? BitConverter.Int64BitsToDouble(_number) : throw Wrong();

    public string AsString => Kind == OptionKind.String ? _text! : throw Wrong();

    /// <summary>The number of items of a list or dictionary, otherwise 0.</summary>
    public int Count => _items?.Length ?? 0;

    /// <summary>Item of a list, or value of a dictionary, by position.</summary>
    public OptionValue this[int index] => _items![index];

    /// <summary>Key of a dictionary by position.</summary>
    public string KeyAt(int index) => _keys![index];

    /// <summary>
    /// The value under a key, or null when it is absent (or this is no dictionary).
    /// </summary>
    public OptionValue? Find(string key)
    {
        string[]? keys = _keys;
        if (keys is not null)
        {
            for (int index = 0; index < keys.Length; index++)
            {
                if (string.Equals(keys[index], key))
                {
                    return _items![index];
                }
            }
        }
        return null;
    }

    /// <summary>Equality of content; dictionaries compare without regard to order.</summary>
    public bool Equals(OptionValue? other)
    {
        if (ReferenceEquals(this, other))
        {
            return true;
        }
        if (other is null || Kind != other.Kind || Count != other.Count)
        {
            return false;
        }
        if (Kind != OptionKind.List && Kind != OptionKind.Dictionary)
        {
            return _number == other._number && string.Equals(_text, other._text);
        }
        for (int index = 0; index < Count; index++)
        {
            OptionValue? twin = Kind == OptionKind.List ? other[index] : other.Find(_keys![index]);
            if (twin is null || !this[index].Equals(twin))
            {
                return false;
            }
        }
        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as OptionValue);

    /// <inheritdoc/>
    public override int GetHashCode() =>
        Kind switch
        {
            OptionKind.String => string.GetHashCode(_text),
            OptionKind.List or OptionKind.Dictionary => HashCode.Combine(Kind, Count),
            _ => HashCode.Combine(Kind, _number),
        };

    private InvalidOperationException Wrong() => new($"The option value is a {Kind}.");
}
