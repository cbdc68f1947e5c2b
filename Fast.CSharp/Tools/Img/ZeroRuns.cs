// Runs of zeroes in a buffer, by blocks. Spec: spec/block/img.md (BLK-IMG-012).
using System;

namespace Ashlar.Tools.Img;

internal static class ZeroRuns
{
    /// <summary>
    /// The length of the run a buffer begins with: of blocks of zeroes, or of others.
    /// </summary>
    /// <param name="bytes">Not empty.</param>
    /// <param name="blockBytes">The least run of zeroes; 0 for none at all.</param>
    /// <param name="isZero">Which of the two it is.</param>
    public static int Next(ReadOnlySpan<byte> bytes, int blockBytes, out bool isZero)
    {
        isZero = false;
        if (blockBytes == 0)
        {
            return bytes.Length;
        }
        isZero = IsZero(bytes, 0, blockBytes);
        int place = blockBytes;
        while (place < bytes.Length && IsZero(bytes, place, blockBytes) == isZero)
        {
            place += blockBytes;
        }
        return Math.Min(place, bytes.Length);
    }

    private static bool IsZero(ReadOnlySpan<byte> bytes, int place, int blockBytes)
    {
        ReadOnlySpan<byte> rest = bytes[place..];
        return !(rest.Length < blockBytes ? rest : rest[..blockBytes]).ContainsAnyExcept((byte)0);
    }
}
