// The commands that concern the program: help, quit, sleep, sigraise and abort.
// Spec: spec/block/iotool.md (BLK-IOT-004, BLK-IOT-014).
using System;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Io;

internal static class ProgramCommands
{
    /// <summary>The C library's largest number of a signal, and one.</summary>
    private const int SignalEnd = 65;

    private const int AbortSignal = 6;

    public static readonly IoCommand Help = new(
        "help",
        "help for one or all commands",
        static (_, words) => new(ShowHelp(words))
    )
    {
        Alias = "?",
        Most = 1,
        NeedsImage = false,
        Arguments = "[command]",
    };

    public static readonly IoCommand Quit = new(
        "quit",
        "exit the program",
        static (session, _) =>
        {
            session.IsOver = true;
            return new(true);
        }
    )
    {
        Alias = "q",
        Least = -1,
        Most = -1,
        NeedsImage = false,
    };

    public static readonly IoCommand Sleep = new(
        "sleep",
        "waits for the given value in milliseconds",
        SleepAsync
    )
    {
        Least = 1,
        Most = 1,
        NeedsImage = false,
    };

    public static readonly IoCommand SigRaise = new(
        "sigraise",
        "raises a signal",
        static (_, words) => new(Raise(words.Arguments[0]))
    )
    {
        Least = 1,
        Most = 1,
        NeedsImage = false,
        Arguments = "signal",
        Help = IoHelp.SigRaise,
    };

    public static readonly IoCommand Abort = new(
        "abort",
        "simulate a program crash using abort(3)",
        static (_, _) =>
        {
            Console.Out.Flush();
            Posix.SendToItself(AbortSignal);
            return new(true);
        }
    )
    {
        NeedsImage = false,
    };

    private static bool ShowHelp(IoWords words)
    {
        if (words.Arguments.Count == 0)
        {
            foreach (IoCommand one in IoCommands.All)
            {
                Console.Out.Write(one.Line(one.Name));
            }
            Console.Out.Write("\nUse 'help commandname' for extended help.\n");
            return true;
        }
        string name = words.Arguments[0];
        if (IoCommands.Find(name) is not IoCommand command)
        {
            Console.Out.Write($"command {name} not found\n");
            return false;
        }
        Console.Out.Write(command.Line(name));
        Console.Out.Write(command.Help is null ? "" : $"\n{command.Help}\n\n");
        return true;
    }

    private static async ValueTask<bool> SleepAsync(IoSession session, IoWords words)
    {
        string text = words.Arguments[0];
        if (!KeyvalReader.TryReadNumber(text, out long milliseconds) || milliseconds < 0)
        {
            Console.Out.Write($"{text} is not a valid number\n");
            return false;
        }
        long most = int.MaxValue;
        TimeSpan time = TimeSpan.FromMilliseconds(Math.Min(milliseconds, most));
        await session.SleepAsync(time).ConfigureAwait(false);
        return true;
    }

    private static bool Raise(string text)
    {
        if (!Amounts.TryReadBytes(text, out long signal))
        {
            return false;
        }
        if (signal > SignalEnd)
        {
            Console.Out.Write($"signal argument '{text}' is too large to be a valid signal\n");
            return false;
        }
        Console.Out.Flush();
        Posix.SendToItself((int)signal);
        return true;
    }
}
