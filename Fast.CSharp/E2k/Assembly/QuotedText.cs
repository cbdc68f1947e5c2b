// Texts in quotes as bytes. Spec: spec/e2k/assembly.md, E2K-ASM-013.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Ashlar.E2k.Assembly;

/// <summary>Reads texts in quotes.</summary>
internal static class QuotedText
{
    private const string Rule = "E2K-ASM-013";

    /// <summary>Letters behind a backslash, and the bytes they are.</summary>
    private const string Letters = "nrtbf\\\"";

    private static ReadOnlySpan<byte> Meanings => "\n\r\t\b\f\\\""u8;

    /// <summary>The bytes of a text in quotes.</summary>
    internal static byte[] BytesOf(Segment segment)
    {
        if (Words.Quoted(segment.Text) is not { } text || text.Length + 2 != segment.Text.Length)
        {
            throw segment.Problem(0, Rule, "a text in quotes is wanted");
        }
        List<byte> bytes = [];
        int index = 0;
        while (index < text.Length)
        {
            if (text[index] != '\\' || index + 1 == text.Length)
            {
                int finish = Words.Behind(one => one != '\\', text, index + 1);
                bytes.AddRange(Encoding.UTF8.GetBytes(text[index..finish]));
                index = finish;
            }
            else
            {
                index = Escape(segment, text, index + 1, bytes);
            }
        }
        return [.. bytes];
    }

    /// <summary>What stands behind a backslash; gives the index behind it.</summary>
    private static int Escape(Segment segment, string text, int index, List<byte> bytes)
    {
        char one = text[index];
        int known = Letters.IndexOf(one, StringComparison.Ordinal);
        if (known >= 0)
        {
            bytes.Add(Meanings[known]);
            return index + 1;
        }
        if (one == 'x')
        {
            int finish = Words.Behind(char.IsAsciiHexDigit, text, index + 1);
            if (finish == index + 1)
            {
                throw segment.Problem(index, Rule, "\\x needs digits");
            }
            // The last two digits count.
            string last = text[Math.Max(index + 1, finish - 2)..finish];
            bytes.Add(byte.Parse(last, NumberStyles.HexNumber, CultureInfo.InvariantCulture));
            return finish;
        }
        if (!IsOctal(one))
        {
            throw segment.Problem(index, Rule, $"\\{one} is no escape");
        }
        int number = 0;
        int end = index;
        while (end < text.Length && end < index + 3 && IsOctal(text[end]))
        {
            number = (number * 8) + (text[end++] - '0');
        }
        bytes.Add((byte)number);
        return end;
    }

    private static bool IsOctal(char one) => one is >= '0' and <= '7';
}
