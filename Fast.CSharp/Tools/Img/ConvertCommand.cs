// `img convert`: the bytes of one image in a new one, or in one that is there.
// Spec: spec/block/img.md (BLK-IMG-012, BLK-IMG-029).
using System;
using System.Globalization;
using System.Threading.Tasks;
using Ashlar.Block;
using Ashlar.Qmp;

namespace Ashlar.Tools.Img;

internal static class ConvertCommand
{
    public const string Usage =
        "[--object OBJECT] [--image-opts] [--target-image-opts] [-c] [-f FMT] [-O FMT] "
        + "[-o OPTIONS] [-n] [-l SNAPSHOT] [-p] [-q] [-S SIZE] [-m N] [-W] [-t CACHE] [-T CACHE] "
        + "[-U] FILENAME OUTPUT";

    /// <summary>-m goes from 1 to this, as in QEMU.</summary>
    private const int MostTasks = 16;

    private const int UsualTasks = 8;

    // So that what all tasks have in their hands stays in a processor's cache.
    private const int PieceBytes = 256 << 10;

    private static readonly Switch[] Known =
    [
        new("c"),
        new("f", true),
        new("O", true),
        new("o", true),
        new("n"),
        new("l", true),
        new("p"),
        new("q", Alias: "quiet"),
        new("S", true),
        new("m", true),
        new("W"),
        new("t", true),
        new("T", true),
        new("U", Alias: "force-share"),
        new("target-image-opts"),
    ];

    public static async Task<int> RunAsync(string program, string[] arguments)
    {
        Switches given = Switches.Read(program, arguments, Known);
        if (given.Operands.Count == 0)
        {
            throw new ImgException("Must specify image file name");
        }
        if (given.Operands.Count != 2)
        {
            throw new ImgException(
                given.Operands.Count == 1
                    ? "Must specify image file name"
                    : "Several sources are not supported"
            );
        }
        int tasks = Tasks(given.Find("m"));
        int sparse = Sparse(given.Find("S"));
        string format = given.Find("O") ?? "raw";
        if (!NewImage.IsKnown(format))
        {
            throw new ImgException($"Unknown file format '{format}'");
        }
        bool isCompressed = given.Has("c");
        if (isCompressed && format != "qcow2")
        {
            throw new ImgException("Compression not supported for this file format");
        }
        string targetName = given.Operands[1];
        if (given.Has("target-image-opts") && !given.Has("n"))
        {
            throw new ImgException("--target-image-opts requires use of -n flag");
        }
        ImageObjects objects = ImageObjects.Read(given);
        using OpenedImage source = OpenedImage.Open(
            given.Operands[0],
            new ImageAccess
            {
                Format = given.Find("f"),
                Objects = objects,
                IsByOptions = given.Has("image-opts"),
                IsShared = given.Has("U"),
                Cache = CacheMode.Of(
                    given.Find("T") ?? "writeback",
                    "Invalid source cache option: "
                ),
            }
        );
        if (given.Find("l") is string snapshot)
        {
            await SnapshotChoice.ShowAsync(source, snapshot).ConfigureAwait(false);
        }
        bool isNew = !given.Has("n");
        string? keySecret = null;
        if (isNew)
        {
            keySecret = Create(given, targetName, format, source.User.LengthBytes, objects);
        }
        CacheMode cache = CacheMode.Of(given.Find("t") ?? "unsafe", "Invalid cache option: ");
        using OpenedImage target = OpenedImage.Open(
            targetName,
            new ImageAccess
            {
                Format = format,
                Objects = objects,
                IsByOptions = given.Has("target-image-opts"),
                KeySecret = keySecret,
                IsWritable = true,
                Cache = cache,
            }
        );
        if (target.User.LengthBytes < source.User.LengthBytes)
        {
            throw new ImgException("output file is smaller than input file");
        }
        using Progress progress = new(given.Has("p") && !given.Has("q"));
        ImageCopy copy = new(source, target)
        {
            IsTargetZero = isNew && target.Node.Driver is not LuksDriver,
            SparseBytes = sparse,
            WriteFlags = cache.WriteFlags | (isCompressed ? BlockWriteFlags.Compressed : 0),
            UnitBytes = isCompressed ? ClusterOf(target) : 1,
            PieceBytes = Math.Max(PieceBytes, Math.Max(ClusterOf(source), ClusterOf(target))),
            // Packing is what takes the time, and it goes on in several threads at once.
            IsInOrder = !given.Has("W") && !isCompressed,
        };
        await copy.RunAsync(tasks, progress).ConfigureAwait(false);
        ImgException.ThrowIf(await target.User.TryFlushAsync().ConfigureAwait(false));
        return 0;
    }

    private static int ClusterOf(OpenedImage image)
    {
        OptionValue described = new ImageQuery(isFlat: true).Describe(image.Node, image.FileName);
        return (int)(described.Find("cluster-size")?.AsInteger ?? 1);
    }

    // Gives the secret that the new image was encrypted with.
    private static string? Create(
        Switches given,
        string name,
        string format,
        long length,
        ImageObjects objects
    )
    {
        NewImage image = new(name, format, objects) { SizeBytes = length };
        foreach (string options in given.All("o"))
        {
            image.Take(options);
        }
        if (image.BackingFile is not null)
        {
            throw new ImgException($"{name}: a backing file of the output is not supported");
        }
        image.Doing = $"error while converting {format}: ";
        image.Create();
        return image.KeySecret;
    }

    private static int Tasks(string? text)
    {
        if (text is null)
        {
            return UsualTasks;
        }
        bool isNumber = int.TryParse(
            text,
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out int tasks
        );
        return isNumber && tasks is >= 1 and <= MostTasks
            ? tasks
            : throw new ImgException(
                $"Invalid number of coroutines. Allowed number of coroutines is between 1 and "
                    + MostTasks.ToString(CultureInfo.InvariantCulture)
            );
    }

    private static int Sparse(string? text)
    {
        const int Usual = 4096;
        const long Largest = 1 << 24;
        if (text is null)
        {
            return Usual;
        }
        return Sizes.TryRead(text, out long bytes) && bytes % 512 == 0 && bytes <= Largest
            ? (int)bytes
            : throw new ImgException(
                "Invalid buffer size for sparse output specified. Valid sizes are multiples of 512 "
                    + "up to 16777216. Select 0 to disable sparse detection (fully allocates "
                    + "output)."
            );
    }
}
