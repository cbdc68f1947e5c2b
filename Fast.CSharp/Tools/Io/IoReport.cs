// What a request reports of itself. Spec: spec/block/iotool.md (BLK-IOT-006, BLK-IOT-007).
using System;
using System.Diagnostics;
using System.Text;
using Ashlar.Block;

namespace Ashlar.Tools.Io;

/// <summary>How a request is reported.</summary>
/// <param name="IsQuiet">-q: not at all.</param>
/// <param name="IsTable">-C: in one line, for programs.</param>
internal readonly record struct IoReport(bool IsQuiet, bool IsTable)
{
    private const int DumpedLineBytes = 16;

    /// <summary>Reports a request that was carried out.</summary>
    /// <param name="verb">What was done.</param>
    /// <param name="begin">When it began, as a time stamp.</param>
    /// <param name="offset">Where, in bytes.</param>
    /// <param name="bytes">How much.</param>
    public void Write(string verb, long begin, long offset, long bytes)
    {
        if (IsQuiet)
        {
            return;
        }
        TimeSpan time = Stopwatch.GetElapsedTime(begin);
        double bytesEach = bytes / time.TotalSeconds;
        double requestsEach = 1 / time.TotalSeconds;
        if (IsTable)
        {
            Console.Out.Write(
                $"{bytes},1,{Amounts.Show(time, isLong: true)},{Amounts.Fixed(bytesEach, 3)},"
                    + $"{Amounts.Fixed(requestsEach, 3)}\n"
            );
            return;
        }
        Console.Out.Write(
            $"{verb} {bytes}/{bytes} bytes at offset {offset}\n"
                + $"{Amounts.Show(bytes)}, 1 ops; {Amounts.Show(time, isLong: false)} "
                + $"({Amounts.Show(bytesEach)}/sec and {Amounts.Fixed(requestsEach, 4)} ops/sec)\n"
        );
    }

    /// <summary>The bytes as people read them, sixteen a line.</summary>
    public static void Dump(ReadOnlySpan<byte> bytes, long offset)
    {
        StringBuilder text = new();
        for (int start = 0; start < bytes.Length; start += DumpedLineBytes)
        {
            ReadOnlySpan<byte> line = bytes[start..Math.Min(start + DumpedLineBytes, bytes.Length)];
            text.Append($"{offset + start:x8}:  ");
            foreach (byte one in line)
            {
                text.Append($"{one:x2} ");
            }
            text.Append(' ');
            foreach (byte one in line)
            {
                text.Append(char.IsAsciiLetterOrDigit((char)one) ? (char)one : '.');
            }
            text.Append('\n');
            if (text.Length > DumpedLineBytes << 12)
            {
                Console.Out.Write(text);
                text.Clear();
            }
        }
        Console.Out.Write(text);
    }

    /// <summary>The C library's text for a refusal of a request.</summary>
    public static string Reason(BlockError error) =>
        error.Errno != HostErrno.None
            ? HostErrnoText.Of(error.Errno)
            : error.Kind switch
            {
                BlockErrorKind.NotSupported => "Operation not supported",
                BlockErrorKind.Permission => "Operation not permitted",
                BlockErrorKind.ReadOnly => "Read-only file system",
                BlockErrorKind.InvalidArgument => "Invalid argument",
                BlockErrorKind.Io when error.Text.Length > 0 => error.Text,
                _ => "Input/output error",
            };
}
