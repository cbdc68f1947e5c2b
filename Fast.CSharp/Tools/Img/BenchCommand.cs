// `img bench`: how fast requests of one kind are, many at a time. Spec: spec/block/img.md
// (BLK-IMG-015).
using System;
using System.Diagnostics;
using System.Globalization;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class BenchCommand
{
    public const string Usage =
        "[-c COUNT] [-d DEPTH] [-f FMT] [-i AIO] [-n] [-o OFFSET] [--pattern=BYTE] [-q] "
        + "[-s BUFFER_SIZE] [-S STEP_SIZE] [-t CACHE] [-w] [-U] FILENAME";

    private const int UsualCount = 75_000;
    private const int UsualDepth = 64;
    private const int UsualBytes = 4096;

    private static readonly Switch[] Known =
    [
        new("c", true),
        new("d", true),
        new("f", true),
        new("i", true),
        new("n"),
        new("o", true),
        new("pattern", true),
        new("q", Alias: "quiet"),
        new("s", true),
        new("S", true),
        new("t", true),
        new("w"),
        new("U", Alias: "force-share"),
    ];

    public static async Task<int> RunAsync(string program, string[] arguments)
    {
        Switches given = Switches.Read(program, arguments, Known);
        if (given.Operands.Count != 1)
        {
            throw ImgException.Misuse(program, "Expecting one image file name");
        }
        bool isWriting = given.Has("w");
        long count = Number(given, "c", "request count", UsualCount, int.MaxValue);
        long depth = Number(given, "d", "queue depth", UsualDepth, int.MaxValue);
        long bytes = Size(given, "s", "buffer size", UsualBytes, int.MaxValue);
        long step = Size(given, "S", "step size", 0, int.MaxValue);
        long start = Size(given, "o", "offset", 0, long.MaxValue);
        ImageAccess access = new()
        {
            Format = given.Find("f"),
            Objects = ImageObjects.Read(given),
            IsByOptions = given.Has("image-opts"),
            IsWritable = isWriting,
            IsShared = given.Has("U"),
            Aio = given.Has("n") ? "native" : given.Find("i"),
            Cache = CacheMode.Of(given.Find("t") ?? "writeback", "Invalid cache mode: "),
        };
        using OpenedImage image = OpenedImage.Open(given.Operands[0], access);
        Requests requests = new(image, isWriting, access.Cache.WriteFlags)
        {
            Left = count,
            Offset = start,
            Bytes = (int)bytes,
            Step = step == 0 ? bytes : step,
            Pattern = (byte)Number(given, "pattern", "pattern byte", 0, byte.MaxValue),
        };
        if (!given.Has("q"))
        {
            string kind = isWriting ? "write" : "read";
            Console.Out.Write(
                $"Sending {count} {kind} requests, {bytes} bytes each, {depth} in parallel "
                    + $"(starting at offset {start}, step size {requests.Step})\n"
            );
        }
        long begin = Stopwatch.GetTimestamp();
        Task[] tasks = new Task[Math.Min(depth, count)];
        for (int index = 0; index < tasks.Length; index++)
        {
            tasks[index] = requests.RunAsync();
        }
        await Task.WhenAll(tasks).ConfigureAwait(false);
        TimeSpan time = Stopwatch.GetElapsedTime(begin);
        if (!given.Has("q"))
        {
            string seconds = time.TotalSeconds.ToString("F3", CultureInfo.InvariantCulture);
            Console.Out.Write($"Run completed in {seconds} seconds.\n");
        }
        return 0;
    }

    private static long Number(Switches given, string name, string what, long usual, long most)
    {
        if (given.Find(name) is not string text)
        {
            return usual;
        }
        bool isNumber = long.TryParse(
            text,
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out long number
        );
        return isNumber && number <= most
            ? number
            : throw new ImgException($"Invalid {what} specified");
    }

    private static long Size(Switches given, string name, string what, long usual, long most)
    {
        if (given.Find(name) is not string text)
        {
            return usual;
        }
        return Sizes.TryRead(text, out long bytes) && bytes <= most && (bytes > 0 || usual == 0)
            ? bytes
            : throw new ImgException($"Invalid {what} specified");
    }

    // One stream of requests; as many as the depth says share the counters, all in the same loop.
    private sealed class Requests(OpenedImage image, bool isWriting, BlockWriteFlags flags)
    {
        public long Left { get; set; }

        public long Offset { get; set; }

        public required int Bytes { get; init; }

        public required long Step { get; init; }

        public byte Pattern { get; init; }

        public async Task RunAsync()
        {
            using AlignedBuffer buffer = AlignedBuffer.Rent(Bytes);
            Memory<byte> memory = buffer.Memory[..Bytes];
            memory.Span.Fill(Pattern);
            long length = image.User.LengthBytes;
            if (length < Bytes)
            {
                throw new ImgException("Failed request: Input/output error");
            }
            while (Left > 0)
            {
                Left--;
                long offset = Offset > length - Bytes ? 0 : Offset;
                Offset = offset + Step;
                BlockError? error = isWriting
                    ? await image.User.TryWriteAsync(offset, memory, flags).ConfigureAwait(false)
                    : await image.User.TryReadAsync(offset, memory).ConfigureAwait(false);
                ImgException.ThrowIf(error, "Failed request: ");
            }
        }
    }
}
