// What a command of the I/O tool is. Spec: spec/block/iotool.md (BLK-IOT-004).
using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Io;

/// <summary>A command line taken apart at its blanks.</summary>
/// <param name="Name">The command as typed; it complains under this name.</param>
/// <param name="Arguments">The words after it.</param>
internal readonly record struct IoWords(string Name, IReadOnlyList<string> Arguments)
{
    /// <summary>The options of the command.</summary>
    public Getopt Options(string letters) => Getopt.Read(Name, Arguments, letters);
}

/// <summary>Carries a command out; false when it failed, after telling why.</summary>
internal delegate ValueTask<bool> IoAction(IoSession session, IoWords words);

/// <summary>A command.</summary>
internal sealed record IoCommand(string Name, string OneLine, IoAction Action)
{
    /// <summary>A shorter name; null for none.</summary>
    public string? Alias { get; init; }

    /// <summary>The form of its arguments; null for none.</summary>
    public string? Arguments { get; init; }

    /// <summary>The least number of words; negative for any.</summary>
    public int Least { get; init; }

    /// <summary>The largest number of words; negative for any.</summary>
    public int Most { get; init; }

    /// <summary>What the user needs beside reading.</summary>
    public BlockPermissions Needs { get; init; }

    /// <summary>Whether an image has to be open.</summary>
    public bool NeedsImage { get; init; } = true;

    /// <summary>Further help; null for none.</summary>
    public string? Help { get; init; }

    /// <summary>Tells the form of the command; always false.</summary>
    public bool Misused()
    {
        Console.Out.Write($"{Name} {Arguments} -- {OneLine}\n");
        return false;
    }

    /// <summary>The line of the list of commands.</summary>
    public string Line(string name) =>
        Arguments is null ? $"{name} -- {OneLine}\n" : $"{name} {Arguments} -- {OneLine}\n";

    /// <summary>Whether there are as many words as may be; false after telling.</summary>
    public bool HasRightCount(IoWords words)
    {
        int count = words.Arguments.Count;
        if (count >= Least && (Most < 0 || count <= Most))
        {
            return true;
        }
        string expected =
            Most < 0 ? $"at least {Least}"
            : Least == Most ? $"{Least}"
            : $"between {Least} and {Most}";
        Console.Error.Write(
            $"bad argument count {count} to {words.Name}, expected {expected} arguments\n"
        );
        return false;
    }
}
