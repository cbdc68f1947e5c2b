// `img commit`: what an overlay has goes down into a backing file. Spec: spec/block/img.md
// (BLK-IMG-024).
using System;
using System.Collections.Generic;
using System.IO;
using System.Threading.Tasks;
using Ashlar.Block;
using Ashlar.Qmp;

namespace Ashlar.Tools.Img;

internal static class CommitCommand
{
    public const string Usage =
        "[--object OBJECT] [--image-opts] [-f FMT] [-t CACHE] [-b BASE] [-r RATE] [-d] [-p] [-q] "
        + "FILENAME";

    private const int PieceBytes = 1 << 20;

    private static readonly Switch[] Known =
    [
        new("f", true),
        new("t", true),
        new("b", true),
        new("r", true),
        new("d"),
        new("p"),
        new("q", Alias: "quiet"),
    ];

    /// <summary>An image of a chain.</summary>
    private readonly record struct Link(string FileName, string Format);

    public static async Task<int> RunAsync(string program, string[] arguments)
    {
        Switches given = Switches.Read(program, arguments, Known);
        if (given.Operands.Count != 1)
        {
            throw ImgException.Misuse(program, "Expecting one image file name");
        }
        string name = given.Operands[0];
        long? rate = Rate(given.Find("r"));
        CacheMode cache = CacheMode.Of(given.Find("t") ?? "writeback", "Invalid cache option: ");
        ImageAccess access = new()
        {
            Format = given.Find("f"),
            Objects = ImageObjects.Read(given),
            IsByOptions = given.Has("image-opts"),
            Cache = cache,
        };
        List<Link> below = Chain(name, access, given.Find("b"));
        Link target = below[^1];
        below.RemoveAt(below.Count - 1);

        // Of the base nothing is read through the overlay: while it is written, what lies above it
        // is opened as if it were the end.
        using OpenedImage overlay = OpenedImage.Open(
            name,
            access with
            {
                IsWritable = true,
                Backing = Above(below),
            }
        );
        using OpenedImage into = OpenTarget(target, access, overlay.User.LengthBytes);
        using Progress progress = new(given.Has("p") && !given.Has("q"));
        Pace pace = new(rate);
        await CopyAsync(overlay, below.Count, into, cache, progress, pace).ConfigureAwait(false);
        ImgException.ThrowIf(await into.User.TryFlushAsync().ConfigureAwait(false));
        progress.Dispose();
        if (!given.Has("d") && !given.Has("b") && SnapshotChoice.ImageOf(overlay) is { } image)
        {
            BlockError? error = await image.EmptyAsync().ConfigureAwait(false);
            ImgException.ThrowIf(error, $"Could not empty {name}: ");
        }
        ImgException.ThrowIf(await overlay.User.TryFlushAsync().ConfigureAwait(false));
        Console.Out.Write(given.Has("q") ? "" : "Image committed.\n");
        return 0;
    }

    /// <summary>What lies below an image, down to the base.</summary>
    private static List<Link> Chain(string name, ImageAccess access, string? wanted)
    {
        using OpenedImage image = OpenedImage.Open(name, access);
        List<Link> links = [];
        for (
            BlockEdge? edge = Layers.BackingOf(image.User.Root!);
            edge is not null;
            edge = Layers.BackingOf(edge)
        )
        {
            BlockNode node = Layers.ImageOf(edge).Child;
            string path = NodeFilename.Of(node.File?.Child ?? node);
            links.Add(new(path, node.Driver.Descriptor.Name));
            if (wanted is null || IsSame(wanted, path))
            {
                return links;
            }
        }
        throw new ImgException(
            wanted is null
                ? "Image does not have a backing file"
                : $"Did not find '{wanted}' in the backing chain of '{name}'"
        );
    }

    private static bool IsSame(string one, string other) =>
        string.Equals(Path.GetFullPath(one), Path.GetFullPath(other), StringComparison.Ordinal);

    /// <summary>Options of the images between overlay and base; the last has no backing.</summary>
    private static OptionValue Above(List<Link> links)
    {
        OptionValue node = OptionValue.Null;
        for (int index = links.Count - 1; index >= 0; index--)
        {
            node = OptionValue.Dictionary(
                ("driver", OptionValue.Of(links[index].Format)),
                ("read-only", OptionValue.True),
                (
                    "file",
                    OptionValue.Dictionary(
                        ("driver", OptionValue.Of("file")),
                        ("filename", OptionValue.Of(links[index].FileName))
                    )
                ),
                ("backing", node)
            );
        }
        return node;
    }

    private static OpenedImage OpenTarget(Link target, ImageAccess access, long length)
    {
        ImageAccess wanted = new()
        {
            Format = target.Format,
            Objects = access.Objects,
            Cache = access.Cache,
            IsWritable = true,
            IsResizing = true,
        };
        OpenedImage image = OpenedImage.Open(target.FileName, wanted);
        if (image.User.LengthBytes < length)
        {
            BlockError? error = IoThread.Await(() => image.User.Root!.TruncateAsync(length));
            if (error is not null)
            {
                image.Dispose();
                ImgException.ThrowIf(error);
            }
        }
        return image;
    }

    private static async Task CopyAsync(
        OpenedImage overlay,
        int depth,
        OpenedImage into,
        CacheMode cache,
        Progress progress,
        Pace pace
    )
    {
        using AlignedBuffer buffer = AlignedBuffer.Rent(PieceBytes);
        long length = overlay.User.LengthBytes;
        progress.Show(0, length);
        for (long offset = 0; offset < length; )
        {
            ChainExtent found = await Layers
                .FindAsync(overlay.User.Root!, offset, length - offset)
                .ConfigureAwait(false);
            ImgException.ThrowIf(found.Layer.Error, "Could not read file metadata: ");
            long step = found.Layer.LengthBytes;
            bool isZero = (found.Layer.Flags & BlockExtentFlags.Zero) != 0;
            // What the last image above the base has not, the base has already.
            bool isBelow = !found.Layer.IsOwn && found.Depth == depth;
            if (isZero && !isBelow)
            {
                BlockError? error = await into
                    .User.TryWriteZeroesAsync(
                        offset,
                        step,
                        cache.WriteFlags | BlockWriteFlags.MayUnmap
                    )
                    .ConfigureAwait(false);
                ImgException.ThrowIf(error, $"error while writing at byte {offset}: ");
            }
            else if (!isBelow)
            {
                step = Math.Min(step, PieceBytes);
                Memory<byte> piece = buffer.Memory[..(int)step];
                BlockError? error = await overlay
                    .User.TryReadAsync(offset, piece)
                    .ConfigureAwait(false);
                ImgException.ThrowIf(error, $"error while reading at byte {offset}: ");
                error = await into
                    .User.TryWriteAsync(offset, piece, cache.WriteFlags)
                    .ConfigureAwait(false);
                ImgException.ThrowIf(error, $"error while writing at byte {offset}: ");
                await pace.WaitAsync(step).ConfigureAwait(false);
            }
            offset += step;
            progress.Show(offset, length);
        }
    }

    private static long? Rate(string? text) =>
        text is null ? null
        : Sizes.TryRead(text, out long bytes) ? bytes
        : throw new ImgException(
            "Invalid rate limit specified. You may use k, M, G, T, P or E suffixes for",
            "kilobytes, megabytes, gigabytes, terabytes, petabytes and exabytes."
        );

    /// <summary>Holds a copy to so many bytes a second; 0 and null let it run.</summary>
    private sealed class Pace(long? bytesPerSecond)
    {
        private readonly long _start = TimeProvider.System.GetTimestamp();
        private double _done;

        internal async ValueTask WaitAsync(long bytes)
        {
            _done += bytes;
            if (bytesPerSecond is not > 0)
            {
                return;
            }
            TimeSpan due = TimeSpan.FromSeconds(_done / bytesPerSecond.Value);
            TimeSpan ahead = due - TimeProvider.System.GetElapsedTime(_start);
            if (ahead > TimeSpan.Zero)
            {
                await Task.Delay(ahead).ConfigureAwait(false);
            }
        }
    }
}
