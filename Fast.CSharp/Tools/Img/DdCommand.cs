// `img dd`: a part of one image in a new one. Spec: spec/block/img.md (BLK-IMG-026).
using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class DdCommand
{
    public const string Usage =
        "[--image-opts] [-U] [-f FMT] [-O FMT] [bs=BYTES] [count=BLOCKS] [skip=BLOCKS] "
        + "if=INPUT of=OUTPUT";

    private const int UsualBlockBytes = 512;

    private const int PieceBytes = 1 << 20;

    private static readonly Switch[] Known =
    [
        new("f", true),
        new("O", true),
        new("U", Alias: "force-share"),
    ];

    private static readonly string[] Words = ["bs", "count", "if", "of", "skip"];

    public static async Task<int> RunAsync(string program, string[] arguments)
    {
        Switches given = Switches.Read(program, arguments, Known);
        Dictionary<string, string> said = Operands(given);
        long block = Amount(said, "bs", 1, int.MaxValue) ?? UsualBlockBytes;
        long? count = Amount(said, "count", 0, long.MaxValue);
        long skip = Amount(said, "skip", 0, long.MaxValue) ?? 0;
        if (
            !said.TryGetValue("if", out string? input)
            || !said.TryGetValue("of", out string? output)
        )
        {
            throw new ImgException("Must specify both input and output files");
        }
        string format = given.Find("O") ?? "raw";
        if (!NewImage.IsKnown(format))
        {
            throw new ImgException("Unknown file format");
        }
        ImageObjects objects = ImageObjects.Read(given);
        using OpenedImage source = OpenedImage.Open(
            input,
            new ImageAccess
            {
                Format = given.Find("f"),
                Objects = objects,
                IsByOptions = given.Has("image-opts"),
                IsShared = given.Has("U"),
            }
        );
        long end = (long)
            Int128.Min(source.User.LengthBytes, (Int128)(count ?? long.MaxValue) * block);
        Int128 start = (Int128)skip * block;
        bool isBehind = start > end;
        NewImage image = new(output, format, objects)
        {
            SizeBytes = isBehind ? 0 : end - (long)start,
            Doing = "error while creating output image: ",
        };
        image.Create();
        if (isBehind)
        {
            // QEMU tells it and has made what was asked for.
            Console.Error.Write($"{program}: {input}: cannot skip to specified offset\n");
            return 0;
        }
        using OpenedImage target = OpenedImage.Open(
            output,
            new ImageAccess
            {
                Format = format,
                Objects = objects,
                IsWritable = true,
                KeySecret = image.KeySecret,
            }
        );
        await CopyAsync(source, (long)start, end, target).ConfigureAwait(false);
        ImgException.ThrowIf(await target.User.TryFlushAsync().ConfigureAwait(false));
        return 0;
    }

    private static async ValueTask CopyAsync(
        OpenedImage source,
        long start,
        long end,
        OpenedImage target
    )
    {
        using AlignedBuffer buffer = AlignedBuffer.Rent(PieceBytes);
        for (long offset = start; offset < end; )
        {
            Memory<byte> piece = buffer.Memory[..(int)Math.Min(PieceBytes, end - offset)];
            BlockError? error = await source.User.TryReadAsync(offset, piece).ConfigureAwait(false);
            ImgException.ThrowIf(error, "error while reading from input image file: ");
            error = await target.User.TryWriteAsync(offset - start, piece).ConfigureAwait(false);
            ImgException.ThrowIf(error, "error while writing to output image file: ");
            offset += piece.Length;
        }
    }

    private static Dictionary<string, string> Operands(Switches given)
    {
        Dictionary<string, string> said = new(StringComparer.Ordinal);
        foreach (string operand in given.Operands)
        {
            int equals = operand.IndexOf('=', StringComparison.Ordinal);
            string word = equals < 0 ? operand : operand[..equals];
            if (equals < 0 || Array.IndexOf(Words, word) < 0)
            {
                throw new ImgException($"unrecognized operand {word}");
            }
            said[word] = operand[(equals + 1)..];
        }
        return said;
    }

    private static long? Amount(
        Dictionary<string, string> said,
        string word,
        long least,
        long most
    ) =>
        !said.TryGetValue(word, out string? text) ? null
        : !Sizes.TryRead(text, out long amount)
            ? throw new ImgException(
                $"Invalid {word} specified. You may use k, M, G, T, P or E suffixes for",
                "kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes."
            )
        : amount < least || amount > most
            ? throw new ImgException(
                $"Invalid {word} specified. Must be between {least} and {most}."
            )
        : amount;
}
