// `img compare`: whether two images show the same bytes. Spec: spec/block/img.md (BLK-IMG-013).
using System;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class CompareCommand
{
    public const string Usage =
        "[-f FMT] [-F FMT] [-T CACHE] [-p] [-q] [-s] [-U] FILENAME1 FILENAME2";

    /// <summary>Images that cannot be opened or read are worse than images that differ.</summary>
    private const int Trouble = 2;

    private const int WindowBytes = 2 << 20;

    // What reads as zeroes on both sides is passed over in one step, however long.
    private const long LongestStepBytes = 1L << 40;

    private static readonly Switch[] Known =
    [
        new("f", true),
        new("F", true),
        new("T", true),
        new("p"),
        new("q"),
        new("s"),
        new("U", Alias: "force-share"),
    ];

    public static async Task<int> RunAsync(string program, string[] arguments)
    {
        Switches given = Switches.Read(program, arguments, Known);
        if (given.Operands.Count != 2)
        {
            throw ImgException.Misuse(program, "Expecting two image file names");
        }
        using OpenedImage one = Open(given, 0, "f");
        using OpenedImage other = Open(given, 1, "F");
        bool isLoud = !given.Has("q");
        using Progress progress = new(given.Has("p") && isLoud);
        long length = Math.Max(one.User.LengthBytes, other.User.LengthBytes);
        if (one.User.LengthBytes != other.User.LengthBytes)
        {
            if (given.Has("s"))
            {
                Say(isLoud, "Strict mode: Image size mismatch!");
                return 1;
            }
            Say(isLoud, "Warning: Image size mismatch!");
        }
        long difference = await FindAsync(one, other, length, progress).ConfigureAwait(false);
        progress.Dispose();
        Say(
            isLoud,
            difference < 0 ? "Images are identical." : $"Content mismatch at offset {difference}!"
        );
        return difference < 0 ? 0 : 1;
    }

    private static OpenedImage Open(Switches given, int index, string format) =>
        OpenedImage.Open(
            given.Operands[index],
            new ImageAccess
            {
                Format = given.Find(format),
                Objects = ImageObjects.Read(given),
                IsByOptions = given.Has("image-opts"),
                IsShared = given.Has("U"),
                Cache = CacheMode.Of(
                    given.Find("T") ?? "writeback",
                    "Invalid source cache option: "
                ),
            },
            Trouble
        );

    private static void Say(bool isLoud, string text) =>
        Console.Out.Write(isLoud ? text + "\n" : "");

    /// <summary>The first byte that differs, or -1.</summary>
    private static async Task<long> FindAsync(
        OpenedImage one,
        OpenedImage other,
        long length,
        Progress progress
    )
    {
        using AlignedBuffer first = AlignedBuffer.Rent(WindowBytes);
        using AlignedBuffer second = AlignedBuffer.Rent(WindowBytes);
        long offset = 0;
        while (offset < length)
        {
            long step = Math.Min(length - offset, LongestStepBytes);
            Extent left = await Extent.FindAsync(one, offset, step, Trouble).ConfigureAwait(false);
            step = Math.Min(step, left.LengthBytes);
            Extent right = await Extent
                .FindAsync(other, offset, step, Trouble)
                .ConfigureAwait(false);
            step = Math.Min(step, right.LengthBytes);
            if (!left.IsZero || !right.IsZero)
            {
                step = Math.Min(step, WindowBytes);
                Memory<byte> a = first.Memory[..(int)step];
                Memory<byte> b = second.Memory[..(int)step];
                await left.ReadAsync(one, offset, a, Trouble).ConfigureAwait(false);
                await right.ReadAsync(other, offset, b, Trouble).ConfigureAwait(false);
                int common = EqualBytes.CommonLength(a.Span, b.Span);
                if (common < step)
                {
                    return offset + common;
                }
            }
            offset += step;
            progress.Show(offset, length);
        }
        return -1;
    }
}
