// aio_read, aio_write and aio_flush: requests that go on while further commands run.
// Spec: spec/block/iotool.md (BLK-IOT-011).
using System;
using System.Diagnostics;
using System.Linq;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Io;

internal static class AioCommands
{
    public static readonly IoCommand Read = new(
        "aio_read",
        "asynchronously reads a number of bytes",
        ReadAsync
    )
    {
        Least = 2,
        Most = -1,
        Arguments = "[-Ciqv] [-P pattern] off len [len..]",
        Help = IoHelp.AioRead,
    };

    public static readonly IoCommand Write = new(
        "aio_write",
        "asynchronously writes a number of bytes",
        WriteAsync
    )
    {
        Least = 2,
        Most = -1,
        Needs = BlockPermissions.Write,
        Arguments = "[-Cfiquz] [-P pattern] off len [len..]",
        Help = IoHelp.AioWrite,
    };

    public static readonly IoCommand Flush = new(
        "aio_flush",
        "completes all outstanding aio requests",
        static async (session, _) =>
        {
            await session.DrainAsync().ConfigureAwait(false);
            return true;
        }
    );

    private static ValueTask<bool> ReadAsync(IoSession session, IoWords words)
    {
        Getopt given = words.Options("CP:iqv");
        if (!TryBegin(given, "read", out byte? pattern, out bool result))
        {
            return new(result);
        }
        if (given.IsBad || given.Operands.Count < 2)
        {
            return new(Read.Misused());
        }
        if (
            !Amounts.TryReadBytes(given.Operands[0], out long offset)
            || !IoBuffer.TryReadVector([.. given.Operands.Skip(1)], out long count)
        )
        {
            return new(false);
        }
        session.Keep(RunReadAsync(session, given, pattern, offset, count));
        return new(true);
    }

    private static async Task RunReadAsync(
        IoSession session,
        Getopt given,
        byte? pattern,
        long offset,
        long count
    )
    {
        using IoBuffer buffer = new(session, count, ReadCommands.Unread);
        long begin = Stopwatch.GetTimestamp();
        BlockError? error = await session
            .User.TryReadAsync(offset, buffer.Memory)
            .ConfigureAwait(false);
        await session.TurnAsync().ConfigureAwait(false);
        if (error is not null)
        {
            Console.Out.Write($"readv failed: {IoReport.Reason(error)}\n");
            return;
        }
        if (pattern is byte wanted)
        {
            _ = ReadCommands.Verify(buffer.Memory.Span, wanted, offset);
        }
        IoReport report = ReadCommands.ReportOf(given);
        if (!report.IsQuiet && ReadCommands.Has(given, "v"))
        {
            IoReport.Dump(buffer.Memory.Span, offset);
        }
        report.Write("read", begin, offset, count);
    }

    private static ValueTask<bool> WriteAsync(IoSession session, IoWords words)
    {
        Getopt given = words.Options("CfiqP:uz");
        if (!TryBegin(given, "write", out byte? pattern, out bool result))
        {
            return new(result);
        }
        if (given.IsBad || given.Operands.Count < 2)
        {
            return new(Write.Misused());
        }
        bool isZero = ReadCommands.Has(given, "z");
        string? wrong =
            isZero && given.Operands.Count != 2 ? "-z supports only a single length parameter"
            : ReadCommands.Has(given, "u") && !isZero ? "-u requires -z to be specified"
            : null;
        if (wrong is not null)
        {
            Console.Out.Write(wrong + "\n");
            return new(false);
        }
        if (!Amounts.TryReadBytes(given.Operands[0], out long offset))
        {
            return new(false);
        }
        bool isRead = isZero
            ? Amounts.TryReadBytes(given.Operands[1], out long count)
            : IoBuffer.TryReadVector([.. given.Operands.Skip(1)], out count);
        if (!isRead)
        {
            return new(false);
        }
        session.Keep(
            RunWriteAsync(
                session,
                given,
                isZero ? null : pattern ?? WriteCommands.UsualPattern,
                offset,
                count
            )
        );
        return new(true);
    }

    // Without a pattern zeroes are written.
    private static async Task RunWriteAsync(
        IoSession session,
        Getopt given,
        byte? pattern,
        long offset,
        long count
    )
    {
        using IoBuffer buffer = new(session, pattern is null ? 0 : count, pattern ?? 0);
        BlockWriteFlags flags = WriteCommands.FlagsOf(given);
        long begin = Stopwatch.GetTimestamp();
        BlockError? error = pattern is null
            ? await session
                .User.TryWriteZeroesAsync(offset, count, flags | session.Image!.WriteFlags)
                .ConfigureAwait(false)
            : await WriteCommands
                .SendAsync(session, offset, buffer.Memory, flags)
                .ConfigureAwait(false);
        await session.TurnAsync().ConfigureAwait(false);
        if (error is not null)
        {
            Console.Out.Write($"aio_write failed: {IoReport.Reason(error)}\n");
            return;
        }
        ReadCommands.ReportOf(given).Write("wrote", begin, offset, count);
    }

    // Options come one by one: -i ends the command, whatever follows.
    private static bool TryBegin(Getopt given, string verb, out byte? pattern, out bool result)
    {
        pattern = null;
        result = false;
        foreach ((string name, string value) in given.Options)
        {
            if (name == "i")
            {
                Console.Out.Write($"injecting invalid {verb} request\n");
                result = true;
                return false;
            }
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
}
