// `ashlar-e2k asm`: the program of a source. Spec: spec/e2k/assembly.md.
using System;
using System.Collections.Generic;
using System.CommandLine;
using System.IO;
using System.Text;
using Ashlar.E2k.Assembly;

namespace Ashlar.Tools.E2k;

/// <summary>Assembles a source.</summary>
internal static class AsmCommand
{
    private const int Done = 0;
    private const int Wrong = 1;

    /// <summary>The version where none is named: that of the programs most often met.</summary>
    private const int VersionByDefault = 3;

    /// <summary>Bytes of a source, at most.</summary>
    private const long FileBytesMax = 1L << 26;

    /// <summary>Read by all, run by all, written by the owner; the umask takes from it.</summary>
    private const UnixFileMode Program =
        UnixFileMode.UserRead
        | UnixFileMode.UserWrite
        | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead
        | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead
        | UnixFileMode.OtherExecute;

    internal static Command Create()
    {
        Argument<string> source = new("FILE.S") { Description = "a source" };
        Option<string> output = new("-o") { Description = "the program to write", Required = true };
        Option<string?> cpu = CpuOption.Create("v3");
        Option<string[]> defined = new("-D")
        {
            Description = "a name, or NAME=TEXT, as if the source defined it",
            HelpName = "D",
        };
        Command command = new("asm", "Assembles a source to a program.")
        {
            source,
            output,
            cpu,
            defined,
        };
        command.SetAction(parsed =>
        {
            if (CpuOption.VersionOf(parsed.GetValue(cpu)) is not { } version)
            {
                return Saying.Refuse(CpuOption.Refusal);
            }
            Dictionary<string, string> names = new(StringComparer.Ordinal);
            foreach (string text in parsed.GetValue(defined) ?? [])
            {
                string[] halves = text.Split('=', 2);
                if (!Assembler.IsName(halves[0]))
                {
                    return Saying.Refuse($"-D takes NAME or NAME=TEXT, not '{text}'");
                }
                names[halves[0]] = halves.Length > 1 ? halves[1] : "1";
            }
            return Assemble(
                version == 0 ? VersionByDefault : version,
                names,
                parsed.GetRequiredValue(source),
                parsed.GetRequiredValue(output)
            );
        });
        return command;
    }

    private static int Assemble(
        int version,
        Dictionary<string, string> defined,
        string source,
        string target
    )
    {
        SourceProblem? problem = Assembler.TryAssemble(
            version,
            Read,
            defined,
            source,
            out ProgramImage? image
        );
        if (problem is not null)
        {
            Saying.Tell(problem.ToString());
            return Wrong;
        }
        try
        {
            Write(target, Assembler.FileOf(image!));
            return Done;
        }
        catch (Exception wrong)
            when (wrong is IOException or UnauthorizedAccessException or ArgumentException)
        {
            string reason = BoundedFile.Reason(wrong);
            Saying.Complain($"{target} cannot be written: {reason}");
            return Wrong;
        }
    }

    /// <summary>Files are named from the folder of the file that names them.</summary>
    private static string? Read(string? from, string name, out string path, out string text)
    {
        path = Path.GetDirectoryName(from) is { Length: > 0 } folder
            ? Path.Combine(folder, name)
            : name;
        string? reason = BoundedFile.TryRead(path, FileBytesMax, out byte[] bytes);
        text = Encoding.UTF8.GetString(bytes);
        return reason;
    }

    /// <summary>A whole program, or none where there was none.</summary>
    private static void Write(string target, byte[] file)
    {
        bool wasThere = Path.Exists(target);
        // Shared, for a pipe or a device may have other users.
        FileStreamOptions options = new()
        {
            Mode = FileMode.Create,
            Access = FileAccess.Write,
            Share = FileShare.ReadWrite,
        };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = Program;
        }
        using FileStream stream = new(target, options);
        try
        {
            stream.Write(file);
            stream.Flush();
        }
        catch (IOException) when (!wasThere)
        {
            File.Delete(target);
            throw;
        }
    }
}
