// `img measure`: how large the file of a new image will be. Spec: spec/block/img.md (BLK-IMG-023).
using System;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class MeasureCommand
{
    public const string Usage =
        "[--object OBJECT] [--image-opts] [-f FMT] [-O FMT] [-o OPTIONS] [-l SNAPSHOT] "
        + "[--output=human|json] [-U] [--size N | FILENAME]";

    private static readonly Switch[] Known =
    [
        new("f", true),
        new("O", true),
        new("o", true),
        new("l", true, "snapshot"),
        new("size", true),
        new("output", true),
        new("U", Alias: "force-share"),
    ];

    /// <summary>Bytes of a file at first, and with all of the disk in it.</summary>
    private readonly record struct Sizing(Int128 Required, Int128 Full, bool HasBitmaps);

    public static async Task<int> RunAsync(string program, string[] arguments)
    {
        Switches given = Switches.Read(program, arguments, Known);
        bool isJson = OutputForm.IsJson(given.Find("output"));
        if (given.Operands.Count > 1)
        {
            throw new ImgException("At most one filename argument is allowed.");
        }
        string? name = given.Operands.Count == 1 ? given.Operands[0] : null;
        if (name is null && (given.Has("f") || given.Has("l") || given.Has("image-opts")))
        {
            throw new ImgException("--image-opts, -f, and -l require a filename argument.");
        }
        if (name is not null && given.Has("size"))
        {
            throw new ImgException("--size N cannot be used together with a filename.");
        }
        if (name is null && !given.Has("size"))
        {
            throw new ImgException("Either --size N or one filename must be specified.");
        }
        ImageObjects objects = ImageObjects.Read(given);
        using OpenedImage? source = name is null
            ? null
            : OpenedImage.Open(
                name,
                new ImageAccess
                {
                    Format = given.Find("f"),
                    Objects = objects,
                    IsByOptions = given.Has("image-opts"),
                    IsShared = given.Has("U"),
                }
            );
        if (given.Find("l") is string snapshot)
        {
            await SnapshotChoice.ShowAsync(source!, snapshot).ConfigureAwait(false);
        }
        NewImage image = Wanted(given, objects);
        image.SizeBytes = source?.User.LengthBytes ?? Sizes.Read(given.Find("size")!);
        Sizing sizing = await OfAsync(image, source).ConfigureAwait(false);
        Console.Out.Write(isJson ? Json(sizing) : Text(sizing));
        return 0;
    }

    private static NewImage Wanted(Switches given, ImageObjects objects)
    {
        string format = given.Find("O") ?? "raw";
        if (!NewImage.IsKnown(format))
        {
            throw new ImgException($"Unknown file format '{format}'");
        }
        // What is only foretold has no name.
        NewImage image = new("", format, objects);
        try
        {
            foreach (string options in given.All("o"))
            {
                image.Take(options);
            }
        }
        catch (ImgException refusal)
        {
            throw new ImgException(refusal.Message, $"Invalid options for file format '{format}'");
        }
        return image;
    }

    private static async ValueTask<Sizing> OfAsync(NewImage image, OpenedImage? source)
    {
        if (image.Format != "qcow2")
        {
            Int128 bytes = image.FileBytes;
            return new(bytes, bytes, false);
        }
        image.RefuseUnless("extended_l2", "off");
        Qcow2CreationOptions options = image.Qcow2Options();
        ImgException.ThrowIf(Qcow2Measurement.TryMeasure(options, out Int128 full));
        Int128 disk = (options.SizeBytes + options.ClusterBytes - 1) & -(long)options.ClusterBytes;
        // Of a backing file nobody knows what it will have in common with the disk.
        bool isWhole =
            image.IsPreallocated || (source is not null && image.BackingFile is not null);
        Int128 data =
            isWhole ? disk
            : source is null ? 0
            : await DataAsync(source, options.ClusterBytes).ConfigureAwait(false);
        bool hasBitmaps =
            options.Version >= 3 && source?.Node.Driver is Qcow2Driver { Image.Version: >= 3 };
        return new(full - disk + data, full, hasBitmaps);
    }

    /// <summary>Bytes of the clusters in which something is not zero.</summary>
    private static async ValueTask<long> DataAsync(OpenedImage source, long cluster)
    {
        long length = source.User.LengthBytes;
        long data = 0;
        for (long offset = 0; offset < length; )
        {
            Extent extent = await Extent
                .FindAsync(source, offset, length - offset)
                .ConfigureAwait(false);
            long end = offset + extent.LengthBytes;
            if (!extent.IsZero)
            {
                end = (end + cluster - 1) & -cluster;
                data += end - (offset & -cluster);
            }
            offset = end;
        }
        return data;
    }

    private static string Text(Sizing sizing) =>
        $"required size: {sizing.Required}\nfully allocated size: {sizing.Full}\n"
        + (sizing.HasBitmaps ? "bitmaps size: 0\n" : "");

    private static string Json(Sizing sizing) =>
        "{\n"
        + (sizing.HasBitmaps ? "    \"bitmaps\": 0,\n" : "")
        + $"    \"required\": {sizing.Required},\n    \"fully-allocated\": {sizing.Full}\n}}\n";
}
