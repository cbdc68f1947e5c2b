// Bytes without a label within, as directives: numbers, and runs of zeros. Spec:
// spec/e2k/assembly.md, E2K-DIS-001.
using System;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Ashlar.E2k.Assembly;

/// <summary>Writes data.</summary>
internal static class DataText
{
    /// <summary>Numbers of a line.</summary>
    private const int PerLine = 4;

    /// <summary>Zeros that are worth a line of their own.</summary>
    private const int ZerosMin = 16;

    private const int NumberBytes = 8;

    /// <summary>Writes bytes, as numbers of eight of them while there are so many.</summary>
    /// <param name="line">Takes a line of text.</param>
    internal static void Write(ReadOnlySpan<byte> bytes, Action<string> line)
    {
        while (!bytes.IsEmpty)
        {
            int zeros = bytes.IndexOfAnyExcept((byte)0);
            zeros = zeros < 0 ? bytes.Length : zeros;
            int taken;
            if (zeros >= ZerosMin)
            {
                line($"    .skip {zeros}");
                taken = zeros;
            }
            else
            {
                int width = bytes.Length >= NumberBytes ? NumberBytes : 1;
                int count = width == 1 ? bytes.Length : Math.Min(PerLine, bytes.Length / width);
                taken = width * count;
                line(Numbers(bytes[..taken], width));
            }
            bytes = bytes[taken..];
        }
    }

    private static string Numbers(ReadOnlySpan<byte> bytes, int width)
    {
        StringBuilder text = new(width == 1 ? "    .byte " : "    .dword ");
        for (int at = 0; at < bytes.Length; at += width)
        {
            ulong number =
                width == 1 ? bytes[at] : BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);
            text.Append(CultureInfo.InvariantCulture, $"{(at == 0 ? "" : ", ")}0x{number:x}");
        }
        return text.ToString();
    }
}
