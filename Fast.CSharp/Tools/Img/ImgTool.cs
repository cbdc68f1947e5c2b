// `ashlar img`, also under the name qemu-img: which command, and how it ends.
// Spec: spec/block/img.md (BLK-IMG-001, BLK-IMG-002).
using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class ImgTool
{
    private delegate Task<int> Command(string program, string[] arguments);

    private static readonly Dictionary<string, (Command Run, string Usage)> Commands = new(
        StringComparer.Ordinal
    )
    {
        ["bench"] = (BenchCommand.RunAsync, BenchCommand.Usage),
        ["check"] = (CheckCommand.RunAsync, CheckCommand.Usage),
        ["commit"] = (CommitCommand.RunAsync, CommitCommand.Usage),
        ["compare"] = (CompareCommand.RunAsync, CompareCommand.Usage),
        ["convert"] = (ConvertCommand.RunAsync, ConvertCommand.Usage),
        ["create"] = (CreateCommand.RunAsync, CreateCommand.Usage),
        ["dd"] = (DdCommand.RunAsync, DdCommand.Usage),
        ["info"] = (InfoCommand.RunAsync, InfoCommand.Usage),
        ["map"] = (MapCommand.RunAsync, MapCommand.Usage),
        ["measure"] = (MeasureCommand.RunAsync, MeasureCommand.Usage),
        ["resize"] = (ResizeCommand.RunAsync, ResizeCommand.Usage),
        ["snapshot"] = (SnapshotCommand.RunAsync, SnapshotCommand.Usage),
    };

    /// <summary>Runs a command and gives the exit code.</summary>
    public static int Run(string program, string[] arguments)
    {
        try
        {
            return RunCommand(program, arguments);
        }
        catch (ImgException error)
        {
            Complain(program, error.Message, error.Hint);
            return error.Code;
        }
        catch (IOException error)
        {
            // Whoever read our output is gone, or a full disk took no more of it.
            Complain(program, error.Message, null);
            return 1;
        }
    }

    private static int RunCommand(string program, string[] arguments)
    {
        if (arguments.Length == 0)
        {
            throw ImgException.Misuse(program, "Not enough arguments");
        }
        string name = arguments[0];
        if (name is "-h" or "--help")
        {
            WriteHelp(program);
            return 0;
        }
        if (name is "-V" or "--version")
        {
            Console.Out.Write($"{program} version 7.2.22 (Ashlar 0.1.0)\n");
            return 0;
        }
        if (!Commands.TryGetValue(name, out var command))
        {
            throw ImgException.Misuse(program, $"Command not found: {name}");
        }
        using IoThread loop = new("img");
        int code = 0;
        loop.RunAsync(async () => code = await command.Run(program, arguments[1..]))
            .GetAwaiter()
            .GetResult();
        return code;
    }

    private static void WriteHelp(string program)
    {
        Console.Out.Write($"usage: {program} command [command options]\n\n");
        foreach ((string name, (_, string usage)) in Commands)
        {
            Console.Out.Write($"  {name} {usage}\n");
        }
    }

    private static void Complain(string program, string text, string? hint)
    {
        Console.Error.Write($"{program}: {text}\n");
        if (hint is not null)
        {
            // A line end before a hint keeps the program's name away from it.
            bool isBare = hint.StartsWith('\n');
            Console.Error.Write(isBare ? $"{hint[1..]}\n" : $"{program}: {hint}\n");
        }
    }
}
