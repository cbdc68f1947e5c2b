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
    private const int BadUse = 2;

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
            Description = "words of eight hexadecimal digits instead, in order of memory",
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
                return Refuse(CpuOption.Refusal);
            }
            using StreamWriter output = new(Console.OpenStandardOutput());
            return (parsed.GetValue(program), parsed.GetValue(hex) ?? []) switch
            {
                ({ } path, []) => WriteProgram(path, version, output),
                (null, [_, ..] words) => WriteWords(words, version, output),
                (null, _) => Refuse("which program, or --hex and which words?"),
                _ => Refuse("a program or --hex, not both"),
            };
        });
        return command;
    }

    private static int Refuse(string text)
    {
        Console.Error.WriteLine($"ashlar-e2k: {text}");
        return BadUse;
    }

    private static int WriteProgram(string path, int version, TextWriter output)
    {
        byte[] file;
        try
        {
            FileInfo info = new(path);
            if (info.Exists && info.Length > FileBytesMax)
            {
                return Refuse($"{path} is larger than {FileBytesMax} bytes");
            }
            file = File.ReadAllBytes(path);
        }
        catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException)
        {
            return Refuse($"{path} cannot be read");
        }
        if (ProgramReader.TryRead(file, out ProgramImage? image) is { } refusal)
        {
            return Refuse($"{path}: {refusal.Reason} ({refusal.Rule})");
        }
        Disassembler.Write(version == 0 ? image! : image! with { Version = version }, output);
        return Done;
    }

    private static int WriteWords(string[] texts, int version, TextWriter output)
    {
        List<uint> words = [];
        foreach (string text in string.Join(' ', texts).Split([' ', ',', '\t']))
        {
            if (text.Length == 0)
            {
                continue;
            }
            if (
                !uint.TryParse(
                    text,
                    NumberStyles.AllowHexSpecifier,
                    CultureInfo.InvariantCulture,
                    out uint word
                )
            )
            {
                return Refuse($"'{text}' is no word of eight hexadecimal digits");
            }
            words.Add(word);
        }
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
        return Done;
    }
}
