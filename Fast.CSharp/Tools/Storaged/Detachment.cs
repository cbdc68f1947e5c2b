// Becoming a daemon. A .NET process cannot fork once its threads run, so the program starts itself
// again: the new process leaves the session and does all the work, the old one waits on a pipe for
// the word that it serves, or for the text of what went wrong.
// Spec: spec/block/storaged.md (BLK-SD-013).
using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;

namespace Ashlar.Tools.Storaged;

internal static class Detachment
{
    /// <summary>Private: says to the second process which descriptor its word goes to.</summary>
    private const string Variable = "ASHLAR_STORAGED_READY";

    /// <summary>A text of what went wrong is shorter: an argument or two and a sentence.</summary>
    private const int TextBytesMax = 1 << 20;

    private const int ReadWrite = 2;
    private const int Streams = 3;
    private const int ErrorStream = 2;

    private static int _wordDescriptor = -1;

    /// <summary>
    /// True in the second process. Asked once, before anything opens a descriptor.
    /// </summary>
    public static bool IsDetached()
    {
        string? text = Environment.GetEnvironmentVariable(Variable);
        if (
            int.TryParse(text, CultureInfo.InvariantCulture, out int descriptor)
            && Posix.Control(descriptor, Posix.SetDescriptorFlags, Posix.DescriptorCloseOnExec) == 0
        )
        {
            _wordDescriptor = descriptor;
            Posix.StartSession();
        }
        return _wordDescriptor >= 0;
    }

    /// <summary>
    /// Starts the second process and waits until it serves or is gone. Gives the exit code.
    /// </summary>
    public static int StartAndWait(string program, string[] commandLine)
    {
        int[] ends = new int[2];
        if (Posix.Pipe(ends, Posix.CloseOnExec) != 0)
        {
            throw new StartException($"cannot create a pipe: {Posix.LastErrorText()}");
        }
        Posix.Control(ends[1], Posix.SetDescriptorFlags, 0);
        // The second process has no streams from the start: the runtime keeps copies of those it
        // is born with, and whoever reads from them would wait for as long as the daemon lives.
        int errors = Posix.Control(ErrorStream, Posix.DuplicateCloseOnExec, Streams);
        LetGoOfStreams();
        string word = ends[1].ToString(CultureInfo.InvariantCulture);
        int errno = Posix.Spawn(
            out int child,
            Environment.ProcessPath!,
            0,
            0,
            [.. commandLine, null],
            Surroundings($"{Variable}={word}")
        );
        Posix.Duplicate(errors, ErrorStream);
        if (errno != 0)
        {
            throw new StartException($"cannot fork: {Posix.ErrorText(errno)}");
        }
        Posix.Close(ends[1]);
        byte[] said = ReadAll(ends[0]);
        if (said is [0, ..])
        {
            return 0;
        }
        Posix.WaitFor(child, out _, 0);
        Console.Error.Write(
            said.Length != 0
                ? Encoding.UTF8.GetString(said)
                : $"{program}: the daemon died before it served\n"
        );
        return 1;
    }

    /// <summary>Gives up the directory, then says that the daemon serves.</summary>
    public static void SayReady()
    {
        Directory.SetCurrentDirectory("/");
        if (!Say([0]))
        {
            throw new StartException("who started the daemon is gone");
        }
        Posix.Close(_wordDescriptor);
        _wordDescriptor = -1;
    }

    /// <summary>Tells a person what went wrong, wherever that person is.</summary>
    public static void Complain(string text)
    {
        if (_wordDescriptor < 0)
        {
            Console.Error.Write(text);
        }
        else
        {
            Say(Encoding.UTF8.GetBytes(text));
        }
    }

    private static bool Say(byte[] said)
    {
        nint at = 0;
        while (at < said.Length)
        {
            nint count = Posix.Write(_wordDescriptor, ref said[at], said.Length - at);
            if (count <= 0)
            {
                return false;
            }
            at += count;
        }
        return true;
    }

    private static byte[] ReadAll(int descriptor)
    {
        byte[] said = new byte[TextBytesMax];
        nint at = 0;
        while (at < said.Length)
        {
            nint count = Posix.Read(descriptor, ref said[at], said.Length - at);
            if (count <= 0)
            {
                break;
            }
            at += count;
        }
        return said[..(int)at];
    }

    private static void LetGoOfStreams()
    {
        int nothing = Posix.Open("/dev/null", ReadWrite | Posix.CloseOnExec, 0);
        if (nothing < 0)
        {
            throw new StartException($"/dev/null: {Posix.LastErrorText()}");
        }
        for (int stream = 0; stream < Streams; stream++)
        {
            Posix.Duplicate(nothing, stream);
        }
    }

    private static string?[] Surroundings(string more)
    {
        List<string?> all = [more];
        foreach (DictionaryEntry entry in Environment.GetEnvironmentVariables())
        {
            all.Add($"{entry.Key}={entry.Value}");
        }
        all.Add(null);
        return [.. all];
    }
}
