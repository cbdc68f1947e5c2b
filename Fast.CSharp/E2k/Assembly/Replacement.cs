// Defined names in a line, and what they stand for. Spec: spec/e2k/assembly.md, E2K-ASM-003.
using System.Collections.Generic;
using System.Text;

namespace Ashlar.E2k.Assembly;

/// <summary>Replaces names; a name is not replaced in what it stands for.</summary>
internal sealed class Replacement
{
    private const string TooMuch = "E2K-ASM-030";

    private readonly Dictionary<string, string> _defined;
    private readonly SourceLine _line;
    private readonly StringBuilder _text = new();
    private readonly List<int> _columns = [];
    private readonly HashSet<string> _hidden = [];
    private int _count;

    private Replacement(Dictionary<string, string> defined, SourceLine line)
    {
        _defined = defined;
        _line = line;
    }

    /// <summary>A line with defined names replaced.</summary>
    internal static SourceLine Of(Dictionary<string, string> defined, SourceLine line)
    {
        if (defined.Count == 0)
        {
            return line.Text.Length <= SourceLimits.LineLength ? line : throw TooLong(line);
        }
        Replacement replacement = new(defined, line);
        replacement.Write(line.Text, null);
        return new(line.Place, replacement._text.ToString(), [.. replacement._columns]);
    }

    private static SourceException TooLong(SourceLine line) =>
        line.Problem(0, TooMuch, $"a line of more than {SourceLimits.LineLength}");

    /// <summary>Writes a text; what a name stands for has the name's column.</summary>
    private void Write(string source, int? column)
    {
        int index = 0;
        while (index < source.Length)
        {
            char one = source[index];
            int finish =
                one == '"' ? Words.BehindQuoted(source, index + 1)
                : Words.IsNamePart(one) ? Words.Behind(Words.IsNamePart, source, index)
                : index + 1;
            string word = source[index..finish];
            int at = column ?? _line.ColumnOf(index);
            if (
                Words.IsNameStart(one)
                && _defined.TryGetValue(word, out string? body)
                && _hidden.Add(word)
            )
            {
                Count();
                Write(body, at);
                _hidden.Remove(word);
            }
            else
            {
                for (int place = index; place < finish; place++)
                {
                    _text.Append(source[place]);
                    _columns.Add(column ?? _line.ColumnOf(place));
                }
                if (_text.Length > SourceLimits.LineLength)
                {
                    throw TooLong(_line);
                }
            }
            index = finish;
        }
    }

    private void Count()
    {
        if (_hidden.Count > SourceLimits.DefinitionDepth)
        {
            throw _line.Problem(0, TooMuch, "names stand for one another too deeply");
        }
        if (++_count > SourceLimits.Replacements)
        {
            throw _line.Problem(0, TooMuch, $"more than {SourceLimits.Replacements} names");
        }
    }
}
