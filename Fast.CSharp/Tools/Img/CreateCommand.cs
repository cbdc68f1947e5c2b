// `img create`: a new image. Spec: spec/block/img.md (BLK-IMG-011).
using System;
using System.IO;
using System.Threading.Tasks;

namespace Ashlar.Tools.Img;

internal static class CreateCommand
{
    public const string Usage =
        "[--object OBJECT] [-f FMT] "
        + "[-b BACKING [-F BACKING_FMT]] [-u] [-o OPTIONS] [-q] FILENAME [SIZE]";

    private static readonly Switch[] Known =
    [
        new("f", true),
        new("F", true),
        new("b", true),
        new("o", true),
        new("q", Alias: "quiet"),
        new("u"),
    ];

    public static Task<int> RunAsync(string program, string[] arguments)
    {
        Switches given = Switches.Read(program, arguments, Known);
        if (given.Has("image-opts"))
        {
            // What is not there yet has no node to describe.
            throw ImgException.Misuse(program, "unrecognized option '--image-opts'");
        }
        if (given.Operands.Count is not (1 or 2))
        {
            string text =
                given.Operands.Count == 0
                    ? "Expecting image file name"
                    : $"Unexpected argument: {given.Operands[2]}";
            throw ImgException.Misuse(program, text);
        }
        ImageObjects objects = ImageObjects.Read(given);
        NewImage image = new(given.Operands[0], given.Find("f") ?? "raw", objects);
        foreach (string options in given.All("o"))
        {
            image.Take(options);
        }
        if (given.Operands.Count == 2)
        {
            image.SizeBytes = Sizes.Read(given.Operands[1]);
        }
        TakeBacking(given, image, objects);
        if (!given.Has("q"))
        {
            Console.Out.Write(image.Describe());
        }
        image.Create();
        return Task.FromResult(0);
    }

    private static void TakeBacking(Switches given, NewImage image, ImageObjects objects)
    {
        if (given.Find("b") is string backing)
        {
            image.Set("backing_file", backing);
        }
        if (given.Find("F") is string format)
        {
            image.Set("backing_fmt", format);
        }
        if (image.BackingFile is not string name)
        {
            return;
        }
        if (image.BackingFormat is null)
        {
            throw new ImgException(
                $"{image.FileName}: Backing file specified without backing format",
                $"\nDetected format of {OpenedImage.Probe(PathOf(name, image), "", 1)}."
            );
        }
        if (image.SizeBytes is not null && given.Has("u"))
        {
            return;
        }
        ImageAccess access = new()
        {
            Format = image.BackingFormat,
            IsShared = true,
            Objects = objects,
            // Its length is all that is asked.
            IsOnlyDescribed = true,
        };
        try
        {
            using OpenedImage opened = OpenedImage.Open(PathOf(name, image), access, prefix: "");
            image.SizeBytes ??= opened.User.LengthBytes;
        }
        catch (ImgException error)
        {
            throw new ImgException(
                $"{image.FileName}: {error.Message}",
                "\nCould not open backing image."
            );
        }
    }

    // Relative names start where the new image is.
    private static string PathOf(string name, NewImage image)
    {
        string? folder = Path.GetDirectoryName(image.FileName);
        return string.IsNullOrEmpty(folder) ? name : Path.Combine(folder, name);
    }
}
