// Lines to statements: labels, directives, definitions and bundles, with macros put in place. Spec:
// spec/e2k/assembly.md, E2K-ASM-004 to E2K-ASM-006.
using System;
using System.Collections.Generic;

namespace Ashlar.E2k.Assembly;

/// <summary>Reads statements.</summary>
internal sealed class StatementReader
{
    private const string TooMuch = "E2K-ASM-030";

    private readonly List<Statement> _made = [];
    private readonly Dictionary<string, Macro> _macros = new(StringComparer.Ordinal);

    // The brace and the operations of a bundle that is open.
    private Segment? _brace;
    private readonly List<Segment> _operations = [];

    // The heading and the lines of a macro that is being read, and the macros within.
    private Segment? _heading;
    private readonly List<SourceLine> _body = [];
    private int _inner;

    // Lines that macros made.
    private int _count;

    private StatementReader() { }

    /// <summary>The statements of lines.</summary>
    internal static List<Statement> Of(List<SourceLine> lines)
    {
        StatementReader reader = new();
        foreach (SourceLine line in lines)
        {
            reader.ReadLine(0, line);
        }
        if (reader._brace is { } brace)
        {
            throw brace.Problem(0, "E2K-ASM-005", "the bundle does not end");
        }
        if (reader._heading is { } heading)
        {
            throw heading.Problem(0, "E2K-ASM-006", "the macro is not ended by .endm");
        }
        return reader._made;
    }

    private static (string Word, int Finish) WordAt(SourceLine line, int index)
    {
        int finish = Words.Behind(Words.IsWord, line.Text, index);
        return (line.Text[index..finish], finish);
    }

    /// <summary>
    /// Where a statement that is no bundle ends: at a semicolon outside quotes, or with the line.
    /// </summary>
    private static int EndOf(string text, int index)
    {
        while (index < text.Length && text[index] != ';')
        {
            index = text[index] == '"' ? Words.BehindQuoted(text, index + 1) : index + 1;
        }
        return index;
    }

    private void ReadLine(int depth, SourceLine line)
    {
        int start = Words.Behind(Words.IsBlank, line.Text, 0);
        (string first, int finish) = WordAt(line, start);
        if (_heading is { } heading)
        {
            if (first == ".endm" && _inner == 0)
            {
                Macro macro = Macro.Of(heading, _body);
                _macros[macro.Name] = macro;
                _heading = null;
                _body.Clear();
                return;
            }
            _inner += first switch
            {
                ".macro" => 1,
                ".endm" => -1,
                _ => 0,
            };
            _body.Add(line);
        }
        else if (first == ".macro" && _brace is null)
        {
            _heading = line.Part(finish, line.Text.Length);
            _inner = 0;
        }
        else
        {
            Scan(depth, line);
        }
    }

    private void Scan(int depth, SourceLine line)
    {
        string text = line.Text;
        int index = 0;
        while ((index = Words.Behind(Words.IsBlank, text, index)) < text.Length)
        {
            if (_brace is { } brace)
            {
                int finish = Words.Behind(one => one is not (';' or '}'), text, index);
                TakeOperation(line.Part(index, finish));
                if (finish < text.Length && text[finish] == '}')
                {
                    _made.Add(new Statement.Bundle(brace, [.. _operations]));
                    _brace = null;
                    _operations.Clear();
                }
                index = finish + 1;
            }
            else if (text[index] == '{')
            {
                _brace = line.Part(index, index + 1);
                index++;
            }
            else
            {
                index = text[index] == ';' ? index + 1 : ReadStatement(depth, line, index);
            }
        }
    }

    private void TakeOperation(Segment operation)
    {
        if (operation.Text.Length > SourceLimits.OperationLength)
        {
            throw operation.Problem(0, TooMuch, "the operation is too long");
        }
        if (operation.Text.Length > 0)
        {
            _operations.Add(operation);
        }
    }

    /// <summary>A statement that is no bundle; gives the index behind it.</summary>
    private int ReadStatement(int depth, SourceLine line, int index)
    {
        string text = line.Text;
        (string word, int finish) = WordAt(line, index);
        Segment name = line.Part(index, finish);
        int next = Words.Behind(Words.IsBlank, text, finish);
        int stop = EndOf(text, finish);
        if (word.Length == 0)
        {
            throw line.Problem(index, "E2K-ASM-004", "a label, a directive or a bundle is wanted");
        }
        if (next < text.Length && text[next] == ':')
        {
            _made.Add(new Statement.Label(name));
            return next + 1;
        }
        if (next < text.Length && text[next] == '=')
        {
            _made.Add(new Statement.Definition(name, line.Part(next + 1, stop)));
            return stop;
        }
        Segment rest = line.Part(finish, stop);
        if (_macros.TryGetValue(word, out Macro? macro))
        {
            Expand(depth, name, macro, rest.Arguments());
        }
        else if (word.StartsWith('.'))
        {
            _made.Add(new Statement.Directive(name, rest));
        }
        else
        {
            throw name.Problem(
                0,
                "E2K-ASM-004",
                $"{word} is no label, directive or macro; operations stand in braces"
            );
        }
        return stop;
    }

    /// <summary>A macro's lines with what was given (E2K-ASM-006).</summary>
    private void Expand(int depth, Segment use, Macro macro, List<Segment> given)
    {
        if (depth >= SourceLimits.MacroDepth)
        {
            throw use.Problem(0, TooMuch, "macros use one another too deeply");
        }
        _count += macro.Body.Length;
        if (_count > SourceLimits.Lines)
        {
            throw use.Problem(0, TooMuch, $"macros make more than {SourceLimits.Lines} lines");
        }
        var values = macro.ValuesFor(use, given);
        foreach (SourceLine line in macro.Body)
        {
            ReadLine(depth + 1, macro.Substituted(line, values, use.Line.Place));
        }
    }
}
