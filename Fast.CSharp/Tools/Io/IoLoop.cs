// Commands one after the other: those of -c, or the lines of the standard input.
// Spec: spec/block/iotool.md (BLK-IOT-002, BLK-IOT-004).
using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Io;

internal static class IoLoop
{
    /// <summary>Runs all commands; false when one of them failed.</summary>
    public static async Task<bool> RunAsync(IoSession session, List<string> commands)
    {
        bool isGood = true;
        if (commands.Count > 0)
        {
            for (int index = 0; index < commands.Count && !session.IsOver; index++)
            {
                isGood &= await RunOneAsync(session, commands[index]).ConfigureAwait(false);
            }
            return isGood;
        }
        using StreamReader input = new(Console.OpenStandardInput());
        while (!session.IsOver)
        {
            Console.Out.Write($"{session.Program}> ");
            Console.Out.Flush();
            string? line = await ReadLineAsync(session, input).ConfigureAwait(false);
            if (line is null)
            {
                break;
            }
            isGood &= await RunOneAsync(session, line).ConfigureAwait(false);
        }
        return isGood;
    }

    private static async ValueTask<bool> RunOneAsync(IoSession session, string line)
    {
        string[] words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        if (words.Length == 0)
        {
            return true;
        }
        if (IoCommands.Find(words[0]) is not IoCommand command)
        {
            Console.Error.Write($"command \"{words[0]}\" not found\n");
            return false;
        }
        if (command.NeedsImage && session.Image is null)
        {
            Console.Error.Write("no file open, try 'help open'\n");
            return false;
        }
        IoWords arguments = new(words[0], words[1..]);
        if (!command.HasRightCount(arguments))
        {
            return false;
        }
        BlockError? refusal =
            command.Needs == BlockPermissions.None ? null : session.Image!.Demand(command.Needs);
        if (refusal is not null)
        {
            return session.Complain(refusal.Text);
        }
        return await command.Action(session, arguments).ConfigureAwait(false);
    }

    // Requests on their way go on while nobody types: a thread of its own waits for the line.
    private static Task<string?> ReadLineAsync(IoSession session, StreamReader input)
    {
        TaskCompletionSource<string?> done = new();
        Thread reader = new(() =>
        {
            string? line = null;
            try
            {
                line = input.ReadLine();
            }
            catch (IOException)
            {
                // As if the input had ended.
            }
            session.Loop.Post(() => done.SetResult(line));
        })
        {
            IsBackground = true,
            Name = "input",
        };
        reader.Start();
        return done.Task;
    }
}
