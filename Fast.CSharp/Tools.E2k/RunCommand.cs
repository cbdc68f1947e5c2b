// `ashlar-e2k run`: a program from its first bundle to its end. Spec: spec/e2k/linux.md.
using System;
using System.Collections;
using System.Collections.Generic;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using Ashlar.E2k;

namespace Ashlar.Tools.E2k;

/// <summary>Runs a program.</summary>
internal static class RunCommand
{
    private const int LimitReached = 124;
    private const int PagesInMebibyte = 256;
    private const long MemoryByDefault = GuestOptions.PagesMaxByDefault / PagesInMebibyte;
    private const long MemoryMax = 1 << 20;

    /// <summary>Bytes of a program's file, at most.</summary>
    private const long FileBytesMax = 1L << 30;

    internal static Command Create()
    {
        Option<string?> cpu = CpuOption.Create("what the file asks for");
        Option<string> tags = new("--tags")
        {
            Description = "whether invalid values are told from numbers: on or off",
            DefaultValueFactory = _ => "on",
        };
        Option<bool> stats = new("--stats") { Description = "counts and speed, to standard error" };
        Option<string?> limit = new("--limit") { Description = "wide instructions, at most" };
        Option<string?> memory = new("--memory")
        {
            Description = $"MiB that the program may have; {MemoryByDefault} if not given",
        };
        Option<bool> strace = new("--strace")
        {
            Description = "a line for each system call, to standard error",
        };
        Option<bool> sandbox = new("--sandbox")
        {
            Description = "files below the current folder, to be read: so if nothing is said",
        };
        Option<bool> allowHost = new("--allow-host-files")
        {
            Description = "all files that you may reach, also to be changed",
        };
        Option<string?> trace = new("--trace")
        {
            Description = "a file for a line on each wide instruction; nothing is translated then",
        };
        Argument<string> program = new("PROGRAM") { Description = "a static ELF program" };
        Argument<string[]> arguments = new("ARGS") { Description = "its arguments" };
        Command command = new("run", "Runs a program.")
        {
            cpu,
            tags,
            stats,
            limit,
            memory,
            strace,
            trace,
            sandbox,
            allowHost,
            program,
            arguments,
        };
        command.SetAction(parsed =>
        {
            if (CpuOption.VersionOf(parsed.GetValue(cpu)) is not { } version)
            {
                return Saying.Refuse(CpuOption.Refusal);
            }
            if (parsed.GetValue(tags) is not ("on" or "off"))
            {
                return Saying.Refuse($"--tags is on or off, not '{parsed.GetValue(tags)}'");
            }
            if (NumberOf(parsed.GetValue(memory), MemoryByDefault, MemoryMax) is not { } mebibytes)
            {
                return Saying.Refuse(
                    $"--memory takes 1 to {MemoryMax} MiB, not '{parsed.GetValue(memory)}'"
                );
            }
            if (NumberOf(parsed.GetValue(limit), long.MaxValue, long.MaxValue) is not { } most)
            {
                return Saying.Refuse(
                    $"--limit takes a number from 1 on, not '{parsed.GetValue(limit)}'"
                );
            }
            if (parsed.GetValue(sandbox) && parsed.GetValue(allowHost))
            {
                return Saying.Refuse("--sandbox and --allow-host-files exclude each other");
            }
            string path = parsed.GetRequiredValue(program);
            GuestOptions options = new()
            {
                Version = version == 0 ? null : version,
                HasTags = parsed.GetValue(tags) == "on",
                PagesMax = mebibytes * PagesInMebibyte,
                Files = new(".", parsed.GetValue(allowHost)),
                SystemCalls = parsed.GetValue(strace) ? Saying.Tell : null,
                Arguments = [path, .. parsed.GetValue(arguments) ?? []],
                Environment = [.. EnvironmentOfOurs()],
            };
            try
            {
                using StreamWriter? lines = parsed.GetValue(trace) is { } target
                    ? new(target)
                    : null;
                return Run(path, options, most, parsed.GetValue(stats), lines);
            }
            catch (Exception wrong) when (wrong is IOException or UnauthorizedAccessException)
            {
                return Saying.Refuse($"{parsed.GetValue(trace)} cannot be written");
            }
        });
        return command;
    }

    /// <summary>A number from 1 to a limit; null where the text is none.</summary>
    private static long? NumberOf(string? text, long otherwise, long max) =>
        text is null ? otherwise
        : long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long number)
        && number >= 1
        && number <= max
            ? number
        : null;

    private static IEnumerable<string> EnvironmentOfOurs() =>
        Environment
            .GetEnvironmentVariables()
            .Cast<DictionaryEntry>()
            .Select(one => $"{one.Key}={one.Value}")
            .Order(StringComparer.Ordinal);

    private static int Run(
        string path,
        GuestOptions options,
        long bundlesMax,
        bool showsStats,
        StreamWriter? lines
    )
    {
        if (BoundedFile.TryRead(path, FileBytesMax, out byte[] file) is { } reason)
        {
            return Saying.Refuse($"{path} cannot be read: {reason}");
        }

        try
        {
            using GuestProcess process = GuestProcess.Start(file, options, new ConsoleHost());
            Stopwatch watch = Stopwatch.StartNew();
            Ending ending = lines is null
                ? process.Run(bundlesMax)
                : process.Trace(bundlesMax, lines.WriteLine);
            // The guest's death may be this process's.
            lines?.Flush();
            watch.Stop();
            if (showsStats)
            {
                Show(process, watch.Elapsed);
            }
            return End(path, ending, process);
        }
        catch (ElfRefusalException refusal)
        {
            return Saying.Refuse($"{path}: {refusal.Message}");
        }
        catch (InsufficientMemoryException wrong)
        {
            return Saying.Refuse(wrong.Message);
        }
    }

    private static void Show(GuestProcess process, TimeSpan time)
    {
        double millions = process.Retired / 1e6;
        Saying.Tell(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{process.Retired} wide instructions, {time.TotalSeconds:F3} s, "
                    + $"{millions / time.TotalSeconds:F1} million a second, "
                    + $"{100.0 * process.Translated / Math.Max(1, process.Retired):F1} % translated"
            )
        );
    }

    private static int End(string path, Ending ending, GuestProcess process)
    {
        switch (ending.Kind)
        {
            case EndingKind.Exited:
                return ending.Status;
            case EndingKind.Stopped:
                Saying.Complain($"{path}: the limit was reached");
                return LimitReached;
            default:
                ulong ip = process.Machine.State.Ip;
                string what = Signals.Describe(ending);
                // Whoever closed the pipe knows, as after any command of a shell.
                if (ending.Status != SignalNumbers.BrokenPipe)
                {
                    Saying.Complain($"{path}: {what} at {ip:x}");
                }
                return Signals.Die(ending.Status);
        }
    }
}
