// Lines of a source and parts of them, which know the columns they come from. Spec:
// spec/e2k/assembly.md, E2K-ASM-031.
using System;
using System.Collections.Generic;
using Ashlar.E2k.Symbolic;

namespace Ashlar.E2k.Assembly;

/// <summary>A line of text.</summary>
/// <param name="columns">
/// Where each character stands or comes from, from 1; null where they stand as they were read.
/// </param>
internal sealed class SourceLine(SourcePlace place, string text, int[]? columns = null)
{
    internal SourcePlace Place { get; } = place;

    internal string Text { get; } = text;

    /// <summary>The column of a character, or behind the last one.</summary>
    internal int ColumnOf(int index) =>
        columns is null ? Math.Min(index, Text.Length) + 1
        : index < columns.Length ? columns[index]
        : columns.Length > 0 ? columns[^1] + 1
        : 1;

    /// <summary>A problem at a character.</summary>
    internal SourceException Problem(int index, string rule, string reason) =>
        new(new(Place, ColumnOf(index), new(rule, reason)));

    /// <summary>A part without the blanks around it.</summary>
    internal Segment Part(int start, int finish)
    {
        string text = Text[start..finish];
        return new(this, start + Words.Leading(text), text.Trim());
    }
}

/// <summary>A part of a line.</summary>
internal readonly record struct Segment(SourceLine Line, int Start, string Text)
{
    /// <summary>A problem at a character.</summary>
    internal SourceException Problem(int index, string rule, string reason) =>
        Line.Problem(Start + index, rule, reason);

    /// <summary>A fault of the parser at its place in the source.</summary>
    internal SourceException Problem(Fault fault) =>
        new(new(Line.Place, Line.ColumnOf(Start + fault.Column - 1), fault.Wrong));

    /// <summary>The parts between commas; none of nothing.</summary>
    internal List<Segment> Arguments()
    {
        List<Segment> arguments = [];
        if (Text.Length > 0)
        {
            foreach ((int start, string text) in Words.Split(',', Text))
            {
                arguments.Add(new(Line, Start + start + Words.Leading(text), text.Trim()));
            }
        }
        return arguments;
    }
}

/// <summary>Characters of sources.</summary>
internal static class Words
{
    internal static bool IsNameStart(char one) => char.IsAsciiLetter(one) || one == '_';

    internal static bool IsNamePart(char one) => char.IsAsciiLetterOrDigit(one) || one == '_';

    /// <summary>Of labels, directives and macros.</summary>
    internal static bool IsWord(char one) => IsNamePart(one) || one is '.' or '$';

    internal static bool IsBlank(char one) => one is ' ' or '\t';

    /// <summary>Blanks at the start.</summary>
    internal static int Leading(string text) => text.Length - text.TrimStart().Length;

    /// <summary>The index behind the characters from one on for which something holds.</summary>
    internal static int Behind(Func<char, bool> holds, string text, int index)
    {
        while (index < text.Length && holds(text[index]))
        {
            index++;
        }
        return index;
    }

    /// <summary>
    /// The index behind the text in quotes that begins before this one, or behind the line where it
    /// does not end.
    /// </summary>
    internal static int BehindQuoted(string text, int index)
    {
        for (; index < text.Length; index++)
        {
            if (text[index] == '"')
            {
                return index + 1;
            }
            if (text[index] == '\\')
            {
                index++;
            }
        }
        return text.Length;
    }

    /// <summary>
    /// A text in quotes at the start of another, with its escapes as they are; else null.
    /// </summary>
    internal static string? Quoted(string text)
    {
        if (!text.StartsWith('"'))
        {
            return null;
        }
        int finish = BehindQuoted(text, 1);
        return finish > 1 && text[finish - 1] == '"' ? text[1..(finish - 1)] : null;
    }

    /// <summary>
    /// The parts between separators that stand outside quotes and brackets, with their starts.
    /// </summary>
    internal static List<(int Start, string Text)> Split(char separator, string text)
    {
        List<(int, string)> parts = [];
        int start = 0;
        int depth = 0;
        for (int index = 0; index < text.Length; )
        {
            char one = text[index];
            if (one == '"')
            {
                index = BehindQuoted(text, index + 1);
                continue;
            }
            depth +=
                one is '(' or '[' ? 1
                : one is ')' or ']' ? -1
                : 0;
            if (one == separator && depth <= 0)
            {
                parts.Add((start, text[start..index]));
                start = index + 1;
            }
            index++;
        }
        parts.Add((start, text[start..]));
        return parts;
    }
}
