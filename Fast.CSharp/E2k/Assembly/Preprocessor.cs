// The lines of a source and of the files it includes, without comments, with defined names replaced
// and without the parts that a condition leaves out. Spec: spec/e2k/assembly.md, E2K-ASM-001 to
// E2K-ASM-003.
using System;
using System.Collections.Generic;

namespace Ashlar.E2k.Assembly;

/// <summary>Reads a source.</summary>
internal sealed class Preprocessor
{
    private const string Rule = "E2K-ASM-002";
    private const string TooMuch = "E2K-ASM-030";

    private readonly SourceReader _read;
    private readonly Dictionary<string, string> _defined;
    private readonly List<SourceLine> _taken = [];
    private int _lines;

    // Of each condition that is open in the file whether its part is taken.
    private Stack<bool> _conditions = [];

    private Preprocessor(SourceReader read, IReadOnlyDictionary<string, string> defined)
    {
        _read = read;
        _defined = new(defined, StringComparer.Ordinal);
    }

    /// <summary>The lines of a source; defined names stand for texts from the start.</summary>
    internal static List<SourceLine> Lines(
        SourceReader read,
        IReadOnlyDictionary<string, string> defined,
        string name
    )
    {
        if (read(null, name, out string path, out string text) is { } reason)
        {
            throw new SourceException(
                new(new(name, 1), 1, new(Rule, $"{name} cannot be read: {reason}"))
            );
        }
        Preprocessor preprocessor = new(read, defined);
        preprocessor.ReadFile(0, path, text);
        return preprocessor._taken;
    }

    private bool IsTaken => !_conditions.Contains(false);

    private void ReadFile(int depth, string name, string text)
    {
        Stack<bool> outside = _conditions;
        _conditions = [];
        bool isComment = false;
        int number = 0;
        foreach (Range range in text.AsSpan().Split('\n'))
        {
            number++;
            string kept = Uncommented(text[range].TrimEnd('\r'), ref isComment);
            SourceLine line = new(new(name, number), kept);
            if (++_lines > SourceLimits.Lines)
            {
                throw line.Problem(0, TooMuch, $"more than {SourceLimits.Lines} lines");
            }
            ReadLine(depth, line);
        }
        SourceLine last = new(new(name, number), "");
        if (_conditions.Count > 0)
        {
            throw last.Problem(0, Rule, "a condition is not ended by #endif");
        }
        if (isComment)
        {
            throw last.Problem(0, "E2K-ASM-001", "a comment does not end");
        }
        _conditions = outside;
    }

    /// <summary>
    /// A text with blanks for comments (E2K-ASM-001), and whether one is open at its end.
    /// </summary>
    private static string Uncommented(string text, ref bool isOpen)
    {
        char[] kept = text.ToCharArray();
        int index = 0;
        while (index < kept.Length)
        {
            bool Is(string mark) => string.CompareOrdinal(text, index, mark, 0, mark.Length) == 0;
            int blanks = 0;
            if (isOpen)
            {
                isOpen = !Is("*/");
                blanks = isOpen ? 1 : 2;
            }
            else if (kept[index] == '"')
            {
                index = Words.BehindQuoted(text, index + 1);
            }
            else if (Is("/*"))
            {
                isOpen = true;
                blanks = 2;
            }
            else if (Is("//"))
            {
                blanks = kept.Length - index;
            }
            else
            {
                index++;
            }
            Array.Fill(kept, ' ', index, Math.Min(blanks, kept.Length - index));
            index += blanks;
        }
        return new(kept);
    }

    private void ReadLine(int depth, SourceLine line)
    {
        (string word, int finish) = FirstWord(line.Text);
        Segment rest = line.Part(finish, line.Text.Length);
        switch (word)
        {
            case "#ifdef":
            case "#ifndef":
                if (_conditions.Count >= SourceLimits.ConditionDepth)
                {
                    throw rest.Problem(0, TooMuch, "conditions nest too deeply");
                }
                bool isDefined = _defined.ContainsKey(NameIn(rest, word));
                _conditions.Push(isDefined == (word == "#ifdef"));
                return;
            case "#else":
            case "#endif":
                if (!_conditions.TryPop(out bool taken))
                {
                    throw rest.Problem(0, Rule, $"{word} without a condition");
                }
                if (word == "#else")
                {
                    _conditions.Push(!taken);
                }
                return;
        }
        if (!IsTaken)
        {
            return;
        }
        switch (word)
        {
            case "#define":
                string name = NameIn(rest, word);
                string body = rest.Text[name.Length..];
                if (body.StartsWith('('))
                {
                    throw rest.Problem(0, Rule, $"{name} has parameters; macros have them");
                }
                _defined[name] = body.Trim();
                return;
            case "#undef":
                _defined.Remove(NameIn(rest, word));
                return;
            case "#include":
            case ".include":
                Include(depth, word, rest);
                return;
        }
        if (word.StartsWith('#'))
        {
            throw rest.Problem(0, Rule, $"{word} is unknown");
        }
        SourceLine replaced = Replacement.Of(_defined, line);
        if (!string.IsNullOrWhiteSpace(replaced.Text))
        {
            _taken.Add(replaced);
        }
    }

    /// <summary>
    /// A line's first word, behind a number sign if one is there, and the index behind it.
    /// </summary>
    private static (string Word, int Finish) FirstWord(string text)
    {
        int start = Words.Behind(Words.IsBlank, text, 0);
        if (start < text.Length && text[start] == '#')
        {
            int word = Words.Behind(Words.IsBlank, text, start + 1);
            int behind = Words.Behind(Words.IsNamePart, text, word);
            return ($"#{text[word..behind]}", behind);
        }
        int finish = Words.Behind(Words.IsWord, text, start);
        return (text[start..finish], finish);
    }

    private static string NameIn(Segment rest, string word)
    {
        int finish = Words.Behind(Words.IsNamePart, rest.Text, 0);
        return finish > 0 && Words.IsNameStart(rest.Text[0])
            ? rest.Text[..finish]
            : throw rest.Problem(0, Rule, $"{word} needs a name");
    }

    private void Include(int depth, string word, Segment rest)
    {
        if (Words.Quoted(rest.Text) is not { } wanted)
        {
            throw rest.Problem(0, Rule, $"{word} needs the name of a file in quotes");
        }
        if (depth >= SourceLimits.IncludeDepth)
        {
            throw rest.Problem(0, TooMuch, "files include one another too deeply");
        }
        string from = rest.Line.Place.File;
        if (_read(from, wanted, out string path, out string text) is { } reason)
        {
            throw rest.Problem(0, Rule, $"{wanted} cannot be read: {reason}");
        }
        ReadFile(depth + 1, path, text);
    }
}
