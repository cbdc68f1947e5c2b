// `ashlar io`, also under the name qemu-io: the command line, the commands one after the other, and
// how it ends. Spec: spec/block/iotool.md (BLK-IOT-001, BLK-IOT-002, BLK-IOT-003).
using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;
using Ashlar.Block;
using Ashlar.Tools.Img;
using Ashlar.Tools.Options;
using Ashlar.Tools.Storaged;

namespace Ashlar.Tools.Io;

internal static class IoTool
{
    private const string Letters = "hVc:f:m" + IoAccess.Letters;

    private static readonly LongOption[] Words =
    [
        new("help", false, "h"),
        new("version", false, "V"),
        new("cmd", true, "c"),
        new("format", true, "f"),
        new("read-only", false, "r"),
        new("snapshot", false, "s"),
        new("nocache", false, "n"),
        new("copy-on-read", false, "C"),
        new("misalign", false, "m"),
        new("native-aio", false, "k"),
        new("aio", true, "i"),
        new("discard", true, "d"),
        new("cache", true, "t"),
        new("object", true, "object"),
        new("image-opts", false, "image-opts"),
        new("force-share", false, "U"),
    ];

    /// <summary>Runs the tool and gives the exit code.</summary>
    public static int Run(string program, string[] arguments)
    {
        using IoThread loop = new("io");
        int code = 1;
        loop.RunAsync(async () =>
                code = await RunAsync(new IoSession(program, loop), arguments).ConfigureAwait(false)
            )
            .GetAwaiter()
            .GetResult();
        return code;
    }

    private static async Task<int> RunAsync(IoSession session, string[] arguments)
    {
        using (session)
        {
            try
            {
                List<string> commands = [];
                if (Prepare(session, arguments, commands) is int code)
                {
                    return code;
                }
                bool isGood = await IoLoop.RunAsync(session, commands).ConfigureAwait(false);
                session.Image?.Debugger?.ResumeAll();
                await session.DrainAsync().ConfigureAwait(false);
                return isGood ? 0 : 1;
            }
            catch (IOException error)
            {
                // Whoever read our output is gone, or a full disk took no more of it.
                session.Complain(error.Message);
                return 1;
            }
        }
    }

    /// <summary>Takes the command line and opens the image; a code when that is all.</summary>
    private static int? Prepare(IoSession session, string[] arguments, List<string> commands)
    {
        Getopt given = Getopt.Read(session.Program, arguments, Letters, Words);
        IoAccess access = new();
        string? format = null;
        foreach ((string name, string value) in given.Options)
        {
            switch (name)
            {
                case "h":
                    WriteHelp(session.Program);
                    return 0;
                case "V":
                    Console.Out.Write($"{session.Program} version 7.2.22 (Ashlar 0.1.0)\n");
                    return 0;
                case "c":
                    commands.Add(value);
                    break;
                case "f":
                    format = value;
                    break;
                case "m":
                    session.IsMisaligned = true;
                    break;
                case "image-opts":
                    session.UsesImageOptions = true;
                    break;
                case "object":
                    if (!AddObject(session, value))
                    {
                        return 1;
                    }
                    break;
                default:
                    if (!access.Take(session.Program, name, value))
                    {
                        return 1;
                    }
                    break;
            }
        }
        if (given.IsBad || given.Operands.Count > 1)
        {
            WriteHelp(session.Program);
            return 1;
        }
        if (format is not null && session.UsesImageOptions)
        {
            session.Complain("--image-opts and -f are mutually exclusive");
            return 1;
        }
        return given.Operands.Count == 0 || Open(session, given.Operands[0], format, access)
            ? null
            : 1;
    }

    private static bool Open(IoSession session, string name, string? format, IoAccess access)
    {
        FlatImageOptions options = new();
        if (session.UsesImageOptions)
        {
            options.Read(session.Program, name);
            return session.TryOpen(null, options, access);
        }
        if (format is not null)
        {
            options.Set("driver", format);
        }
        return session.TryOpen(name, options, access);
    }

    private static bool AddObject(IoSession session, string argument)
    {
        try
        {
            OptionValue given = OptionArgument.Read(argument, "qom-type", ObjectForms.Object);
            BlockObjectKind kind = given.Find("qom-type")!.AsString switch
            {
                "iothread" => BlockObjectKind.IoThread,
                "throttle-group" => BlockObjectKind.ThrottleGroup,
                _ => BlockObjectKind.Secret,
            };
            BlockError? error = session.Graph.TryObjectAdd(kind, given.Find("id")!.AsString);
            return error is null || session.Complain(error.Text);
        }
        catch (StartException refusal)
        {
            return session.Complain(refusal.Message);
        }
    }

    private static void WriteHelp(string program) =>
        Console.Out.Write(
            $"Usage: {program} [OPTIONS]... [-c STRING]... [file]\n"
                + "Reads and writes an image by commands\n\n"
                + "  --object OBJECTDEF   an object that options of the image refer to\n"
                + "  --image-opts         the file's name is a line of options\n"
                + "  -c, --cmd STRING     a command, instead of those of the standard input\n"
                + "  -f, --format FMT     the image's driver\n"
                + "  -r, --read-only      nothing is written\n"
                + "  -s, --snapshot       what is written is forgotten at the end\n"
                + "  -n, --nocache        past the host's page cache, as -t none\n"
                + "  -C, --copy-on-read   what is read of a backing file is kept\n"
                + "  -m, --misalign       memory of requests is not aligned\n"
                + "  -k, --native-aio     as -i native\n"
                + "  -i, --aio=MODE       threads, native or io_uring\n"
                + $"  -t, --cache=MODE     {CacheMode.Names}\n"
                + "  -d, --discard=MODE   ignore or unmap\n"
                + "  -U, --force-share    others may do what they want meanwhile\n"
                + "  -h, --help           this text\n"
                + "  -V, --version        the version\n\n"
                + $"See '{program} -c help' for the commands.\n"
        );
}
