// `ashlar-e2k dis`: the source of a program or of words. Spec: spec/e2k/assembly.md, E2K-DIS.
using System;
using System.Collections.Generic;
using System.CommandLine;
using System.Globalization;
using System.IO;
using Ashlar.E2k.Assembly;

namespace Ashlar.Tools.E2k;

/// <summary>Disassembles a program.</summary>
internal static class DisCommand
{
    private const int Done = 0;
    private const int Wrong = 1;

    /// <summary>Hexadecimal digits of a word.</summary>
    private const int DigitsMax = 8;

    /// <summary>The version of words where none is said: that of most programs.</summary>
    private const int DefaultVersion = 3;

    /// <summary>Bytes of a program's file, at most.</summary>
    private const long FileBytesMax = 1L << 28;

    internal static Command Create()
    {
        Argument<string?> program = new("PROGRAM")
        {
            Description = "an e2k program",
            Arity = ArgumentArity.ZeroOrOne,
        };
        Option<string[]> hex = new("--hex")
        {
            Description = "words of up to eight hexadecimal digits instead, in order of memory",
            Arity = ArgumentArity.OneOrMore,
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string?> cpu = CpuOption.Create("what the program asks for, v3 for words,");
        Command command = new("dis", "Writes the source of a program, or of words.")
        {
            program,
            hex,
            cpu,
        };
        command.SetAction(parsed =>
        {
            if (CpuOption.VersionOf(parsed.GetValue(cpu)) is not { } version)
            {
                return Saying.Refuse(CpuOption.Refusal);
            }
            return (parsed.GetValue(program), parsed.GetValue(hex) ?? []) switch
            {
                ({ } path, []) => WriteProgram(path, version),
                (null, [_, ..] words) => WriteWords(words, version),
                (null, _) => Saying.Refuse("which program, or --hex and which words?"),
                _ => Saying.Refuse("a program or --hex, not both"),
            };
        });
        return command;
    }

    /// <summary>Writes to standard output, all of it or with a word on why not.</summary>
    private static int Write(Action<TextWriter> write)
    {
        try
        {
            using StreamWriter output = new(Console.OpenStandardOutput());
            write(output);
            return Done;
        }
        catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException)
        {
            Saying.Complain("standard output takes no more of the text");
            return Wrong;
        }
    }

    private static int WriteProgram(string path, int version)
    {
        if (BoundedFile.TryRead(path, FileBytesMax, out byte[] file) is { } reason)
        {
            return Saying.Refuse($"{path} cannot be read: {reason}");
        }
        if (ProgramReader.TryRead(file, out ProgramImage? image) is { } refusal)
        {
            return Saying.Refuse($"{path}: {refusal.Reason} ({refusal.Rule})");
        }
        ProgramImage shown = version == 0 ? image! : image! with { Version = version };
        return Write(output => Disassembler.Write(shown, output));
    }

    private static int WriteWords(string[] texts, int version)
    {
        List<uint> words = [];
        foreach (string text in string.Join(' ', texts).Split([' ', ',', '\t']))
        {
            if (text.Length == 0)
            {
                continue;
            }
            if (
                text.Length > DigitsMax
                || !uint.TryParse(
                    text,
                    NumberStyles.AllowHexSpecifier,
                    CultureInfo.InvariantCulture,
                    out uint word
                )
            )
            {
                return Saying.Refuse($"'{text}' is no word of up to eight hexadecimal digits");
            }
            words.Add(word);
        }
        if (words.Count == 0)
        {
            return Saying.Refuse("--hex and which words?");
        }
        return Write(output =>
        {
            foreach (
                string line in Disassembler.Statements(
                    version == 0 ? DefaultVersion : version,
                    [.. words]
                )
            )
            {
                output.Write(line);
                output.Write('\n');
            }
        });
    }
}
