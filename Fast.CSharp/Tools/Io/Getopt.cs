// Words as getopt_long takes them apart, with the C library's own complaints: what users of QEMU's
// tool read when they mistype. Spec: spec/block/iotool.md (BLK-IOT-003).
using System;
using System.Collections.Generic;
using System.Linq;

namespace Ashlar.Tools.Io;

/// <summary>A word that can stand for a letter: --word.</summary>
/// <param name="Word">The word.</param>
/// <param name="HasValue">Whether a value follows.</param>
/// <param name="Meaning">What it is reported as: its letter, or itself.</param>
internal readonly record struct LongOption(string Word, bool HasValue, string Meaning);

/// <summary>What was given, in order, up to the first word that is wrong.</summary>
internal sealed class Getopt
{
    private readonly string _program;
    private readonly string _letters;
    private readonly LongOption[] _long;
    private readonly List<(string Name, string Value)> _options = [];
    private readonly List<string> _operands = [];

    private Getopt(string program, string letters, LongOption[] words)
    {
        _program = program;
        _letters = letters;
        _long = words;
    }

    /// <summary>Options with their values, empty for those that have none.</summary>
    public IReadOnlyList<(string Name, string Value)> Options => _options;

    /// <summary>The other words.</summary>
    public IReadOnlyList<string> Operands => _operands;

    /// <summary>True when a word was wrong; the user was told.</summary>
    public bool IsBad { get; private set; }

    /// <summary>Takes words apart.</summary>
    /// <param name="program">Who complains.</param>
    /// <param name="words">The words after the program's name.</param>
    /// <param name="letters">The letters, each with a colon after it if it has a value.</param>
    /// <param name="longWords">The words with two dashes.</param>
    public static Getopt Read(
        string program,
        IReadOnlyList<string> words,
        string letters,
        params LongOption[] longWords
    )
    {
        Getopt read = new(program, letters, longWords);
        using IEnumerator<string> rest = words.GetEnumerator();
        bool isOver = false;
        while (!read.IsBad && rest.MoveNext())
        {
            string word = rest.Current;
            if (isOver || word.Length < 2 || word[0] != '-')
            {
                read._operands.Add(word);
            }
            else if (word == "--")
            {
                isOver = true;
            }
            else if (word[1] == '-')
            {
                read.TakeLong(word, rest);
            }
            else
            {
                read.TakeLetters(word, rest);
            }
        }
        return read;
    }

    private void TakeLetters(string word, IEnumerator<string> rest)
    {
        for (int place = 1; place < word.Length; place++)
        {
            char letter = word[place];
            int index = letter == ':' ? -1 : _letters.IndexOf(letter, StringComparison.Ordinal);
            if (index < 0)
            {
                Complain($"invalid option -- '{letter}'");
                return;
            }
            bool hasValue = index + 1 < _letters.Length && _letters[index + 1] == ':';
            if (!hasValue)
            {
                _options.Add((letter.ToString(), ""));
                continue;
            }
            if (place + 1 < word.Length)
            {
                _options.Add((letter.ToString(), word[(place + 1)..]));
            }
            else if (rest.MoveNext())
            {
                _options.Add((letter.ToString(), rest.Current));
            }
            else
            {
                Complain($"option requires an argument -- '{letter}'");
            }
            return;
        }
    }

    private void TakeLong(string word, IEnumerator<string> rest)
    {
        int equals = word.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? word[2..] : word[2..equals];
        LongOption[] meant =
        [
            .. _long.Where(one => one.Word.StartsWith(name, StringComparison.Ordinal)),
        ];
        LongOption[] exact = [.. meant.Where(one => one.Word == name)];
        if (exact.Length == 1)
        {
            meant = exact;
        }
        if (meant.Length != 1)
        {
            string which = string.Concat(meant.Select(one => $" '--{one.Word}'"));
            Complain(
                meant.Length == 0
                    ? $"unrecognized option '{word}'"
                    : $"option '{word}' is ambiguous; possibilities:{which}"
            );
            return;
        }
        LongOption found = meant[0];
        if (!found.HasValue && equals >= 0)
        {
            Complain($"option '--{found.Word}' doesn't allow an argument");
        }
        else if (found.HasValue && equals < 0 && !rest.MoveNext())
        {
            Complain($"option '--{found.Word}' requires an argument");
        }
        else
        {
            string value =
                !found.HasValue ? ""
                : equals < 0 ? rest.Current
                : word[(equals + 1)..];
            _options.Add((found.Meaning, value));
        }
    }

    private void Complain(string text)
    {
        IsBad = true;
        Console.Error.Write($"{_program}: {text}\n");
    }
}
