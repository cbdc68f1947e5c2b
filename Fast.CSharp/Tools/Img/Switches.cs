// A command line as getopt_long reads it: switches anywhere among the operands, short ones in a
// row, long ones abbreviated. Spec: spec/block/img.md (BLK-IMG-003).
using System;
using System.Collections.Generic;

namespace Ashlar.Tools.Img;

/// <summary>A switch of a command.</summary>
/// <param name="Name">A letter, or a word for --word.</param>
/// <param name="HasValue">Whether a value follows.</param>
/// <param name="Alias">The word that means the same as a letter.</param>
internal readonly record struct Switch(string Name, bool HasValue = false, string? Alias = null);

/// <summary>The switches that were given, the last of each, and the operands.</summary>
internal sealed class Switches
{
    private readonly Dictionary<string, List<string>> _given = new(StringComparer.Ordinal);
    private readonly List<string> _operands = [];

    private Switches() { }

    public IReadOnlyList<string> Operands => _operands;

    /// <summary>
    /// Reads the arguments of a command; --object and --image-opts are every command's.
    /// </summary>
    public static Switches Read(string program, IEnumerable<string> arguments, Switch[] known)
    {
        Switches read = new();
        known = [.. known, new("object", true), new("image-opts")];
        bool isOver = false;
        using IEnumerator<string> rest = arguments.GetEnumerator();
        while (rest.MoveNext())
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
                read.TakeLong(program, word, rest, known);
            }
            else
            {
                read.TakeShort(program, word, rest, known);
            }
        }
        return read;
    }

    public bool Has(string name) => _given.ContainsKey(name);

    /// <summary>The last value of a switch; null when it was not given.</summary>
    public string? Find(string name) =>
        _given.TryGetValue(name, out var values) ? values[^1] : null;

    /// <summary>Every value of a switch, in the order given.</summary>
    public IReadOnlyList<string> All(string name) =>
        _given.TryGetValue(name, out var values) ? values : [];

    private void TakeShort(string program, string word, IEnumerator<string> rest, Switch[] known)
    {
        for (int place = 1; place < word.Length; place++)
        {
            string letter = word[place].ToString();
            int index = Array.FindIndex(known, one => one.Name == letter);
            if (index < 0)
            {
                throw ImgException.Misuse(program, $"unrecognized option '{word}'");
            }
            if (!known[index].HasValue)
            {
                Add(letter, "");
                continue;
            }
            if (place + 1 < word.Length)
            {
                Add(letter, word[(place + 1)..]);
                return;
            }
            Add(letter, ValueAfter(program, word, rest));
        }
    }

    private void TakeLong(string program, string word, IEnumerator<string> rest, Switch[] known)
    {
        int equals = word.IndexOf('=', StringComparison.Ordinal);
        string name = equals < 0 ? word[2..] : word[2..equals];
        Switch found = Resolve(program, word, name, known);
        if (!found.HasValue)
        {
            if (equals >= 0)
            {
                throw ImgException.Misuse(program, $"option '{word}' has no value");
            }
            Add(found.Name, "");
            return;
        }
        Add(found.Name, equals < 0 ? ValueAfter(program, word, rest) : word[(equals + 1)..]);
    }

    private static Switch Resolve(string program, string word, string name, Switch[] known)
    {
        Switch? found = null;
        foreach (Switch one in known)
        {
            string? full = one.Name.Length > 1 ? one.Name : one.Alias;
            if (full == name)
            {
                return one;
            }
            if (full is null || !full.StartsWith(name, StringComparison.Ordinal))
            {
                continue;
            }
            if (found is not null)
            {
                throw ImgException.Misuse(program, $"option '{word}' is ambiguous");
            }
            found = one;
        }
        return found ?? throw ImgException.Misuse(program, $"unrecognized option '{word}'");
    }

    private static string ValueAfter(string program, string word, IEnumerator<string> rest) =>
        rest.MoveNext()
            ? rest.Current
            : throw ImgException.Misuse(program, $"missing argument for option '{word}'");

    private void Add(string name, string value)
    {
        if (!_given.TryGetValue(name, out List<string>? values))
        {
            values = [];
            _given.Add(name, values);
        }
        values.Add(value);
    }
}
