// A part of an image of one kind, with what lies beyond an image's end. Spec: spec/block/img.md
// (BLK-IMG-008).
using System;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

/// <summary>A range that is known to read as zeroes, or not.</summary>
internal readonly record struct Extent(bool IsZero, long LengthBytes)
{
    /// <summary>The first extent of a range that is not empty.</summary>
    public static async ValueTask<Extent> FindAsync(
        OpenedImage image,
        long offset,
        long length,
        int code = 1
    )
    {
        long inside = Math.Min(length, image.User.LengthBytes - offset);
        if (inside <= 0)
        {
            return new(true, length);
        }
        BlockExtent found = await image.User.TryStatusAsync(offset, inside).ConfigureAwait(false);
        ImgException.ThrowIf(
            found.Error,
            $"error while reading block status at offset {offset}: ",
            code
        );
        return new((found.Flags & BlockExtentFlags.Zero) != 0, found.LengthBytes);
    }

    /// <summary>Its bytes, from the image only where they are not known.</summary>
    public async ValueTask ReadAsync(
        OpenedImage image,
        long offset,
        Memory<byte> buffer,
        int code = 1
    )
    {
        if (IsZero)
        {
            buffer.Span.Clear();
            return;
        }
        BlockError? error = await image.User.TryReadAsync(offset, buffer).ConfigureAwait(false);
        ImgException.ThrowIf(error, $"error while reading at byte {offset}: ", code);
    }
}
