// `img resize`: another length for an image. Spec: spec/block/img.md (BLK-IMG-014).
using System;
using System.Threading.Tasks;

namespace Ashlar.Tools.Img;

internal static class ResizeCommand
{
    public const string Usage = "[-f FMT] [--shrink] [-q] FILENAME [+|-]SIZE";

    private static readonly Switch[] Known =
    [
        new("f", true),
        new("q", Alias: "quiet"),
        new("shrink"),
    ];

    public static async Task<int> RunAsync(string program, string[] arguments)
    {
        // The size may begin with a minus, so it is taken away before the switches are read.
        if (arguments.Length == 0)
        {
            throw ImgException.Misuse(program, "Not enough arguments");
        }
        string size = arguments[^1];
        Switches given = Switches.Read(program, arguments[..^1], Known);
        if (given.Operands.Count != 1)
        {
            throw ImgException.Misuse(program, "Expecting image file name and size");
        }
        int sign =
            size.StartsWith('+') ? 1
            : size.StartsWith('-') ? -1
            : 0;
        if (!Sizes.TryRead(sign == 0 ? size : size[1..], out long bytes))
        {
            throw new ImgException(
                "Parameter 'size' expects a non-negative number below 2^64",
                "\nOptional suffix k, M, G, T, P or E means kilo-, mega-, giga-, tera-, peta-\n"
                    + "and exabytes, respectively."
            );
        }
        ImageAccess access = new()
        {
            Format = given.Find("f"),
            Objects = ImageObjects.Read(given),
            IsByOptions = given.Has("image-opts"),
            IsWritable = true,
            IsResizing = true,
        };
        using OpenedImage image = OpenedImage.Open(given.Operands[0], access);
        long before = image.User.LengthBytes;
        long after = sign == 0 ? bytes : before + (sign * bytes);
        if (after < 0 || (sign > 0 && after < before))
        {
            throw new ImgException("New image size must be positive");
        }
        if (after < before && !given.Has("shrink"))
        {
            throw new ImgException(
                "Use the --shrink option to perform a shrink operation.",
                "warning: Shrinking an image will delete all data beyond the shrunken image's "
                    + "end. Before performing such an operation, make sure there is no important "
                    + "data there."
            );
        }
        ImgException.ThrowIf(
            await image.User.Root!.TruncateAsync(after).ConfigureAwait(false)
                ?? await image.User.TryFlushAsync().ConfigureAwait(false)
        );
        if (!given.Has("q"))
        {
            Console.Out.Write("Image resized.\n");
        }
        return 0;
    }
}
