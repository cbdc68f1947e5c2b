// read and readv: bytes of the image, compared with a pattern or shown.
// Spec: spec/block/iotool.md (BLK-IOT-005, BLK-IOT-007).
using System;
using System.Diagnostics;
using System.Linq;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Io;

internal static class ReadCommands
{
    // What memory holds before it is read into: who sees it knows that nothing was read.
    public const byte Unread = 0xab;

    private const int SectorBytes = 512;

    public static readonly IoCommand Read = new(
        "read",
        "reads a number of bytes at a specified offset",
        ReadAsync
    )
    {
        Alias = "r",
        Least = 2,
        Most = -1,
        Arguments = "[-abCqv] [-P pattern [-s off] [-l len]] off len",
        Help = IoHelp.Read,
    };

    public static readonly IoCommand ReadVector = new(
        "readv",
        "reads a number of bytes at a specified offset",
        ReadVectorAsync
    )
    {
        Least = 2,
        Most = -1,
        Arguments = "[-Cqv] [-P pattern] off len [len..]",
        Help = IoHelp.ReadVector,
    };

    /// <summary>Whether all bytes are the pattern's; false after telling otherwise.</summary>
    public static bool Verify(ReadOnlySpan<byte> bytes, byte pattern, long offset)
    {
        if (!bytes.ContainsAnyExcept(pattern))
        {
            return true;
        }
        Console.Out.Write(
            $"Pattern verification failed at offset {offset}, {bytes.Length} bytes\n"
        );
        return false;
    }

    /// <summary>Whether a range of the saved machine is whole sectors.</summary>
    public static bool AreSectors(long offset, long count)
    {
        string? wrong =
            offset % SectorBytes != 0 ? $"{offset} is not a sector-aligned value for 'offset'"
            : count % SectorBytes != 0 ? $"{count} is not a sector-aligned value for 'count'"
            : null;
        Console.Out.Write(wrong is null ? "" : wrong + "\n");
        return wrong is null;
    }

    private static async ValueTask<bool> ReadAsync(IoSession session, IoWords words)
    {
        Getopt given = words.Options("bCl:pP:qs:v");
        byte? pattern = null;
        long? verified = null;
        long? skipped = null;
        foreach ((string name, string value) in given.Options)
        {
            long bytes = 0;
            byte one = 0;
            bool isWrong = name switch
            {
                "l" or "s" => !Amounts.TryReadBytes(value, out bytes),
                "P" => !Amounts.TryReadPattern(value, out one),
                _ => false,
            };
            if (isWrong)
            {
                return false;
            }
            verified = name == "l" ? bytes : verified;
            skipped = name == "s" ? bytes : skipped;
            pattern = name == "P" ? one : pattern;
        }
        if (given.IsBad || given.Operands.Count != 2)
        {
            return Read.Misused();
        }
        if (
            !Amounts.TryReadBytes(given.Operands[0], out long offset)
            || !Amounts.TryReadBytes(given.Operands[1], out long count)
        )
        {
            return false;
        }
        if (count > Amounts.LargestRequestBytes)
        {
            Console.Out.Write(
                $"length cannot exceed {Amounts.LargestRequestBytes}, given {given.Operands[1]}\n"
            );
            return false;
        }
        if (pattern is null && (verified ?? skipped) is not null)
        {
            return Read.Misused();
        }
        long start = skipped ?? 0;
        long length = verified ?? count - start;
        if (length < 0 || start > count - length)
        {
            Console.Out.Write("pattern verification range exceeds end of read data\n");
            return false;
        }
        bool isState = Has(given, "b");
        if (isState && !AreSectors(offset, count))
        {
            return false;
        }
        using IoBuffer buffer = new(session, count, Unread);
        await session.TurnAsync().ConfigureAwait(false);
        long begin = Stopwatch.GetTimestamp();
        BlockError? error = isState
            ? StateError()
            : await session.User.TryReadAsync(offset, buffer.Memory).ConfigureAwait(false);
        if (error is not null)
        {
            Console.Out.Write($"read failed: {IoReport.Reason(error)}\n");
            return false;
        }
        bool isGood =
            pattern is not byte wanted
            || Verify(buffer.Memory.Span.Slice((int)start, (int)length), wanted, offset + start);
        Show(given, begin, buffer, offset);
        return isGood;
    }

    private static async ValueTask<bool> ReadVectorAsync(IoSession session, IoWords words)
    {
        Getopt given = words.Options("CP:qv");
        if (!TryPattern(given, out byte? pattern))
        {
            return false;
        }
        if (given.IsBad || given.Operands.Count < 2)
        {
            return ReadVector.Misused();
        }
        if (
            !Amounts.TryReadBytes(given.Operands[0], out long offset)
            || !IoBuffer.TryReadVector([.. given.Operands.Skip(1)], out long count)
        )
        {
            return false;
        }
        using IoBuffer buffer = new(session, count, Unread);
        await session.TurnAsync().ConfigureAwait(false);
        long begin = Stopwatch.GetTimestamp();
        BlockError? error = await session
            .User.TryReadAsync(offset, buffer.Memory)
            .ConfigureAwait(false);
        if (error is not null)
        {
            Console.Out.Write($"readv failed: {IoReport.Reason(error)}\n");
            return false;
        }
        bool isGood = pattern is not byte wanted || Verify(buffer.Memory.Span, wanted, offset);
        Show(given, begin, buffer, offset);
        return isGood;
    }

    /// <summary>The byte of the last -P; false after telling that it is none.</summary>
    public static bool TryPattern(Getopt given, out byte? pattern)
    {
        pattern = null;
        foreach ((string name, string value) in given.Options)
        {
            if (name == "P")
            {
                if (!Amounts.TryReadPattern(value, out byte one))
                {
                    return false;
                }
                pattern = one;
            }
        }
        return true;
    }

    public static bool Has(Getopt given, string name) =>
        given.Options.Any(option => option.Name == name);

    /// <summary>How a request is reported.</summary>
    public static IoReport ReportOf(Getopt given) => new(Has(given, "q"), Has(given, "C"));

    /// <summary>No format here keeps the state of a machine in its image.</summary>
    public static BlockError StateError() =>
        new(BlockErrorKind.NotSupported, "Operation not supported");

    private static void Show(Getopt given, long begin, IoBuffer buffer, long offset)
    {
        IoReport report = ReportOf(given);
        if (!report.IsQuiet && Has(given, "v"))
        {
            IoReport.Dump(buffer.Memory.Span, offset);
        }
        report.Write("read", begin, offset, buffer.Memory.Length);
    }
}
