// `img map`: which file has what of an image, and where. Spec: spec/block/img.md (BLK-IMG-021).
using System;
using System.Globalization;
using System.Threading.Tasks;
using Ashlar.Block;
using Ashlar.Qmp;

namespace Ashlar.Tools.Img;

internal static class MapCommand
{
    public const string Usage =
        "[-f FMT] [-s OFFSET] [-l LENGTH] [--output=human|json] [-U] FILENAME";

    private static readonly Switch[] Known =
    [
        new("f", true),
        new("s", true, "start-offset"),
        new("l", true, "max-length"),
        new("output", true),
        new("U", Alias: "force-share"),
    ];

    /// <summary>Bytes of one kind, one after the other in one image, so far down.</summary>
    private readonly record struct Part(long Start, long LengthBytes, LayerExtent Layer, int At)
    {
        internal long End => Start + LengthBytes;

        internal bool IsZero => (Layer.Flags & BlockExtentFlags.Zero) != 0;

        internal bool IsData => (Layer.Flags & BlockExtentFlags.Data) != 0;

        /// <summary>Whether the next bytes go on as these do.</summary>
        internal bool IsContinuedBy(Part next) =>
            LengthBytes > 0
            && (Layer.Flags, Layer.IsOwn, At) == (next.Layer.Flags, next.Layer.IsOwn, next.At)
            && ReferenceEquals(Layer.Storage, next.Layer.Storage)
            && (
                Layer.Storage is null
                || Layer.StorageOffsetBytes + LengthBytes == next.Layer.StorageOffsetBytes
            );
    }

    public static async Task<int> RunAsync(string program, string[] arguments)
    {
        Switches given = Switches.Read(program, arguments, Known);
        if (given.Operands.Count != 1)
        {
            throw ImgException.Misuse(program, "Expecting one image file name");
        }
        bool isJson = OutputForm.IsJson(given.Find("output"));
        long start = Amount(given.Find("s"), "start offset") ?? 0;
        long? most = Amount(given.Find("l"), "max length");
        ImageAccess access = new()
        {
            Format = given.Find("f"),
            Objects = ImageObjects.Read(given),
            IsByOptions = given.Has("image-opts"),
            IsShared = given.Has("U"),
        };
        using OpenedImage image = OpenedImage.Open(given.Operands[0], access);
        long end = image.User.LengthBytes;
        if (most < end - start)
        {
            end = start + most.Value;
        }
        Console.Out.Write(
            isJson ? "[" : $"{"Offset", -16}{"Length", -16}{"Mapped to", -16}{"File"}\n"
        );
        await WriteAsync(image, start, end, isJson).ConfigureAwait(false);
        Console.Out.Write(isJson ? "]\n" : "");
        return 0;
    }

    private static async Task WriteAsync(OpenedImage image, long start, long end, bool isJson)
    {
        Part current = new(start, 0, default, 0);
        while (current.End < end)
        {
            long offset = current.End;
            ChainExtent found = await Layers
                .FindAsync(image.User.Root!, offset, end - offset)
                .ConfigureAwait(false);
            ImgException.ThrowIf(found.Layer.Error, "Could not read file metadata: ");
            Part next = new(offset, found.Layer.LengthBytes, found.Layer, found.Depth);
            if (current.IsContinuedBy(next))
            {
                current = current with { LengthBytes = next.End - current.Start };
                continue;
            }
            if (current.LengthBytes > 0)
            {
                Write(current, isJson);
                Console.Out.Write(isJson ? ",\n" : "");
            }
            current = next;
        }
        Write(current, isJson);
    }

    private static void Write(Part part, bool isJson)
    {
        if (isJson)
        {
            Console.Out.Write(Json(part));
        }
        else if (part.IsData && !part.IsZero)
        {
            BlockNode storage =
                part.Layer.Storage
                ?? throw new ImgException(
                    "File contains external, encrypted or compressed clusters."
                );
            string name = NodeFilename.Of(storage);
            Console.Out.Write(
                $"{Hex(part.Start)}{Hex(part.LengthBytes)}"
                    + $"{Hex(part.Layer.StorageOffsetBytes)}{name}\n"
            );
        }
    }

    private static string Json(Part part)
    {
        string offset = part.Layer.Storage is null
            ? ""
            : $", \"offset\": {part.Layer.StorageOffsetBytes}";
        return $"{{ \"start\": {part.Start}, \"length\": {part.LengthBytes}, "
            + $"\"depth\": {part.At}, \"present\": {Word(part.Layer.IsOwn)}, "
            + $"\"zero\": {Word(part.IsZero)}, \"data\": {Word(part.IsData)}{offset}}}";
    }

    private static string Word(bool value) => value ? "true" : "false";

    // As C's %#-16x: a zero has no prefix.
    private static string Hex(long value) =>
        (value == 0 ? "0" : "0x" + value.ToString("x", CultureInfo.InvariantCulture)).PadRight(16);

    private static long? Amount(string? text, string what) =>
        text is null ? null
        : Sizes.TryRead(text, out long bytes) ? bytes
        : throw new ImgException(
            $"Invalid {what} specified. You may use k, M, G, T, P or E suffixes for",
            "kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes."
        );
}
