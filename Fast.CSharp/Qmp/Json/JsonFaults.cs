// Why a text is no JSON, in QEMU's words. The library that reads JSON says only that it is none,
// so a text it refused is walked again here; nothing is made of its values.
// Spec: spec/block/qmp.md (BLK-QMP-003).
using System;
using System.Buffers;
using System.Collections.Generic;
using System.Text;

namespace Ashlar.Qmp;

/// <summary>A walk over one refused text, up to its first fault.</summary>
internal ref struct JsonFaults
{
    // A reply repeats what was wrong, but no more of it than helps.
    private const int QuotedBytesMax = 80;

    private readonly ReadOnlySpan<byte> _text;
    private int _at;
    private int _depth;

    private JsonFaults(ReadOnlySpan<byte> text) => _text = text;

    /// <summary>The fault of a text that is no JSON, without QEMU's prefix.</summary>
    public static string Explain(ReadOnlySpan<byte> text)
    {
        JsonFaults walk = new(text);
        return walk.Value(out _) ?? "expecting value";
    }

    /// <summary>What QEMU says of bytes that begin no token.</summary>
    public static string Stray(ReadOnlySpan<byte> bytes)
    {
        // C ends a text at a zero byte.
        int end = bytes.IndexOf((byte)0);
        ReadOnlySpan<byte> shown = end < 0 ? bytes : bytes[..end];
        return shown.Length > QuotedBytesMax
            ? $"stray '{Encoding.UTF8.GetString(shown[..QuotedBytesMax])}...'"
            : $"stray '{Encoding.UTF8.GetString(shown)}'";
    }

    // Null for a value; text is its content when it is a string.
    private string? Value(out string? text)
    {
        text = null;
        byte first = Peek();
        switch (first)
        {
            case (byte)'{':
                return Inside(isObject: true);
            case (byte)'[':
                return Inside(isObject: false);
            case (byte)'"':
                return Text(out text);
            case (byte)'-':
            case >= (byte)'0' and <= (byte)'9':
                return Number();
            case >= (byte)'a' and <= (byte)'z':
                return Keyword();
            case 0 or (byte)'}' or (byte)']' or (byte)',' or (byte)':':
                return "expecting value";
            default:
                return Stray(_text.Slice(_at, 1));
        }
    }

    private string? Inside(bool isObject)
    {
        byte close = isObject ? (byte)'}' : (byte)']';
        if (++_depth > QmpLimits.NestingMax)
        {
            return "nesting too deep";
        }
        _at++;
        HashSet<string> keys = new(StringComparer.Ordinal);
        if (Peek() == close)
        {
            _at++;
            _depth--;
            return null;
        }
        while (true)
        {
            string? fault = isObject ? Pair(keys) : Value(out _);
            if (fault is not null)
            {
                return fault;
            }
            byte next = Peek();
            if (next == close)
            {
                _at++;
                _depth--;
                return null;
            }
            if (next != (byte)',')
            {
                return StrayAt(next)
                    ?? (isObject ? "expected separator in dict" : "expected separator in list");
            }
            _at++;
        }
    }

    private string? Pair(HashSet<string> keys)
    {
        string? fault = Value(out string? key);
        if (fault is not null)
        {
            return fault;
        }
        if (key is null)
        {
            return "key is not a string in object";
        }
        byte next = Peek();
        if (next != (byte)':')
        {
            return StrayAt(next) ?? "missing : in object pair";
        }
        _at++;
        fault = Value(out _);
        return fault ?? (keys.Add(key) ? null : "duplicate key");
    }

    // A token that cannot be is told as such wherever it stands.
    private readonly string? StrayAt(byte first) =>
        first
            is 0
                or (byte)'{'
                or (byte)'}'
                or (byte)'['
                or (byte)']'
                or (byte)','
                or (byte)':'
                or (byte)'"'
                or (byte)'-'
        || char.IsAsciiLetterLower((char)first)
        || char.IsAsciiDigit((char)first)
            ? null
            : Stray(_text.Slice(_at, 1));

    private string? Keyword()
    {
        int start = _at;
        while (_at < _text.Length && char.IsAsciiLetterLower((char)_text[_at]))
        {
            _at++;
        }
        ReadOnlySpan<byte> word = _text[start.._at];
        if (
            word.SequenceEqual("true"u8)
            || word.SequenceEqual("false"u8)
            || word.SequenceEqual("null"u8)
        )
        {
            return null;
        }
        int shown = Math.Min(word.Length, QuotedBytesMax);
        return $"invalid keyword '{Encoding.UTF8.GetString(word[..shown])}'";
    }

    private string? Number()
    {
        int start = _at;
        if (At() == (byte)'-')
        {
            _at++;
        }
        bool isFine = At() == (byte)'0' ? Zero() : Digits();
        if (isFine && At() == (byte)'.')
        {
            _at++;
            isFine = Digits();
        }
        if (isFine && At() is (byte)'e' or (byte)'E')
        {
            _at++;
            if (At() is (byte)'+' or (byte)'-')
            {
                _at++;
            }
            isFine = Digits();
        }
        return isFine ? null : Stray(_text[start..Math.Min(_at + 1, _text.Length)]);
    }

    private bool Zero()
    {
        _at++;
        return !char.IsAsciiDigit((char)At());
    }

    private bool Digits()
    {
        int start = _at;
        while (char.IsAsciiDigit((char)At()))
        {
            _at++;
        }
        return _at > start;
    }

    private string? Text(out string? content)
    {
        content = null;
        int start = _at++;
        while (At() != (byte)'"')
        {
            if (_at >= _text.Length)
            {
                return Stray(_text[start..]);
            }
            if (At() == (byte)'\\')
            {
                string? fault = Escape();
                if (fault is not null)
                {
                    return fault;
                }
                continue;
            }
            if (Rune.DecodeFromUtf8(_text[_at..], out _, out int length) != OperationStatus.Done)
            {
                return "invalid UTF-8 sequence in string";
            }
            _at += length;
        }
        _at++;
        // The spelling does for keys: two keys with one name and two spellings are told apart by
        // the reader, and then nothing else is wrong with the text.
        content = Encoding.UTF8.GetString(_text[start.._at]);
        return null;
    }

    private string? Escape()
    {
        int start = _at++;
        byte kind = At();
        _at++;
        if (kind != (byte)'u')
        {
            return "\"\\/bfnrt"u8.Contains(kind) ? null : "invalid escape sequence in string";
        }
        int unit = Unit();
        if (unit is >= 0xD800 and < 0xDC00 && At() == (byte)'\\')
        {
            _at++;
            bool isPair = At() == (byte)'u';
            _at++;
            unit = isPair && Unit() is >= 0xDC00 and < 0xE000 ? 0 : -1;
        }
        else if (unit is >= 0xD800 and < 0xE000)
        {
            unit = -1;
        }
        if (unit >= 0)
        {
            return null;
        }
        const int UnitBytes = 6;
        ReadOnlySpan<byte> shown = _text[start..Math.Min(start + UnitBytes, _text.Length)];
        int quote = shown.IndexOf((byte)'"');
        return $"{Encoding.UTF8.GetString(quote < 0 ? shown : shown[..(quote + 1)])}"
            + " is not a valid Unicode character";
    }

    // Four hexadecimal digits, or -1.
    private int Unit()
    {
        int unit = 0;
        for (int digit = 0; digit < 4; digit++)
        {
            if (!char.IsAsciiHexDigit((char)At()))
            {
                return -1;
            }
            unit = unit * 16 + Convert.ToInt32(((char)At()).ToString(), 16);
            _at++;
        }
        return unit;
    }

    // The byte here, or 0 behind the end; no text has a zero byte outside of a string.
    private readonly byte At() => _at < _text.Length ? _text[_at] : (byte)0;

    private byte Peek()
    {
        while (At() is (byte)' ' or (byte)'\t' or (byte)'\r' or (byte)'\n')
        {
            _at++;
        }
        return At();
    }
}
