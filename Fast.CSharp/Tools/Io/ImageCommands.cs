// open, close, reopen, flush, truncate, length and info. Spec: spec/block/iotool.md (BLK-IOT-008,
// BLK-IOT-009, BLK-IOT-013).
using System;
using System.Threading.Tasks;
using Ashlar.Block;
using Ashlar.Qmp;
using Ashlar.Tools.Img;

namespace Ashlar.Tools.Io;

internal static class ImageCommands
{
    private const int EntryBytes = 8;

    public static readonly IoCommand Open = new(
        "open",
        "open the file specified by path",
        static (session, words) => new(RunOpen(session, words))
    )
    {
        Alias = "o",
        Least = 1,
        Most = -1,
        NeedsImage = false,
        Arguments = "[-rsCnkU] [-t cache] [-d discard] [-o options] [path]",
        Help = IoHelp.Open,
    };

    public static readonly IoCommand Close = new(
        "close",
        "close the current open file",
        static async (session, _) =>
        {
            session.Image!.Debugger?.ResumeAll();
            await session.DrainAsync().ConfigureAwait(false);
            session.Image.Dispose();
            session.Image = null;
            return true;
        }
    )
    {
        Alias = "c",
    };

    public static readonly IoCommand Flush = new(
        "flush",
        "flush all in-core file state to disk",
        static async (session, _) =>
        {
            await session.TurnAsync().ConfigureAwait(false);
            return await session.User.TryFlushAsync().ConfigureAwait(false) is null;
        }
    )
    {
        Alias = "f",
    };

    public static readonly IoCommand Truncate = new(
        "truncate",
        "truncates the current file at the given offset",
        TruncateAsync
    )
    {
        Alias = "t",
        Least = 1,
        Most = 3,
        Needs = BlockPermissions.Write | BlockPermissions.Resize,
        Arguments = "[-m prealloc_mode] off",
    };

    public static readonly IoCommand Length = new(
        "length",
        "gets the length of the current file",
        static (session, _) =>
        {
            Console.Out.Write($"{Amounts.Show(session.User.LengthBytes)}\n");
            return new(true);
        }
    )
    {
        Alias = "l",
    };

    public static readonly IoCommand Info = new(
        "info",
        "prints information about the current file",
        static (session, _) => new(ShowInfo(session))
    )
    {
        Alias = "i",
    };

    private static bool RunOpen(IoSession session, IoWords words)
    {
        IoAccess access = new();
        FlatImageOptions options = new();
        Getopt given = words.Options(IoAccess.Letters + "o:");
        foreach ((string name, string value) in given.Options)
        {
            if (name != "o")
            {
                if (!access.Take(session.Program, name, value))
                {
                    return false;
                }
                continue;
            }
            if (session.UsesImageOptions)
            {
                Console.Out.Write("--image-opts and 'open -o' are mutually exclusive\n");
                return false;
            }
            options.Read(session.Program, value);
        }
        if (given.IsBad || given.Operands.Count > 1)
        {
            return Open.Misused();
        }
        string? path = given.Operands.Count == 0 ? null : given.Operands[0];
        if (session.UsesImageOptions && path is not null)
        {
            options.Read(session.Program, path);
            path = null;
        }
        return session.TryOpen(path, options, access);
    }

    private static async ValueTask<bool> TruncateAsync(IoSession session, IoWords words)
    {
        Getopt given = words.Options("m:");
        string preallocation = "off";
        foreach ((_, string value) in given.Options)
        {
            preallocation = value;
            if (value is not ("off" or "metadata" or "falloc" or "full"))
            {
                return session.Complain($"Invalid preallocation mode '{value}'");
            }
        }
        if (given.IsBad || given.Operands.Count == 0)
        {
            return Truncate.Misused();
        }
        if (!Amounts.TryReadBytes(given.Operands[0], out long length))
        {
            return false;
        }
        if (preallocation != "off")
        {
            return session.Complain(
                length < session.User.LengthBytes
                    ? "Preallocation can't be used for shrinking an image"
                    : $"Unsupported preallocation mode '{preallocation}'"
            );
        }
        await session.TurnAsync().ConfigureAwait(false);
        BlockError? error = await session.User.Root!.TruncateAsync(length).ConfigureAwait(false);
        return error is null || session.Complain(error.Text);
    }

    private static bool ShowInfo(IoSession session)
    {
        BlockNode node = session.Image!.Node;
        string name = $"format name: {node.DriverName}\n";
        Console.Out.Write(node.Driver.Descriptor.IsProtocol ? name + name : name);
        // Filters know the layout of the image they show, raw all that its file knows.
        bool isWhole = true;
        while (node.Driver is RawDriver or FilterDriver && node.File is BlockEdge file)
        {
            isWhole &= node.Driver is RawDriver;
            node = file.Child;
        }
        if (node.Driver is not (Qcow2Driver or FileDriver))
        {
            return false;
        }
        OptionValue described = new ImageQuery(isFlat: true).Describe(node);
        long cluster = described.Find("cluster-size")?.AsInteger ?? 0;
        OptionValue? specific = described.Find("format-specific")?.Find("data");
        bool isExtended = specific?.Find("extended-l2")?.AsBoolean ?? false;
        // Behind the last guest byte that the first table can reach as it is.
        long reach = cluster * (cluster / (isExtended ? 2 * EntryBytes : EntryBytes));
        long behind = reach == 0 ? 0 : (node.LengthBytes + reach - 1) / reach * reach;
        Console.Out.Write(
            $"cluster size: {Amounts.Show(cluster)}\nvm state offset: {Amounts.Show(behind)}\n"
        );
        Console.Out.Write(isWhole ? InfoCommand.SpecificText(described) : "");
        return true;
    }
}
