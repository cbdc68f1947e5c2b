// write and writev: a pattern, a file's bytes or zeroes. Spec: spec/block/iotool.md (BLK-IOT-005,
// BLK-IOT-009, BLK-IOT-010).
using System;
using System.Diagnostics;
using System.Linq;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Io;

internal static class WriteCommands
{
    /// <summary>What is written unless -P says otherwise.</summary>
    public const byte UsualPattern = 0xcd;

    public static readonly IoCommand Write = new(
        "write",
        "writes a number of bytes at a specified offset",
        WriteAsync
    )
    {
        Alias = "w",
        Least = 2,
        Most = -1,
        Needs = BlockPermissions.Write,
        Arguments = "[-bcCfnquz] [-P pattern | -s source_file] off len",
        Help = IoHelp.Write,
    };

    public static readonly IoCommand WriteVector = new(
        "writev",
        "writes a number of bytes at a specified offset",
        WriteVectorAsync
    )
    {
        Least = 2,
        Most = -1,
        Needs = BlockPermissions.Write,
        Arguments = "[-Cfq] [-P pattern] off len [len..]",
        Help = IoHelp.WriteVector,
    };

    /// <summary>Writes bytes, unless a raw image would then look like another format.</summary>
    public static async ValueTask<BlockError?> SendAsync(
        IoSession session,
        long offset,
        ReadOnlyMemory<byte> bytes,
        BlockWriteFlags flags
    ) =>
        await session.Image!.WouldMislead(offset, bytes).ConfigureAwait(false)
            ? new BlockError(BlockErrorKind.Permission, "Operation not permitted")
            : await session
                .User.TryWriteAsync(offset, bytes, flags | session.Image.WriteFlags)
                .ConfigureAwait(false);

    /// <summary>What -f, -u and -n ask for.</summary>
    public static BlockWriteFlags FlagsOf(Getopt given)
    {
        BlockWriteFlags flags = BlockWriteFlags.None;
        flags |= Has(given, "f") ? BlockWriteFlags.ForceUnitAccess : flags;
        flags |= Has(given, "u") ? BlockWriteFlags.MayUnmap : flags;
        flags |= Has(given, "n") ? BlockWriteFlags.NoFallback : flags;
        return flags;
    }

    private static async ValueTask<bool> WriteAsync(IoSession session, IoWords words)
    {
        Getopt given = words.Options("bcCfnpP:qs:uz");
        if (!ReadCommands.TryPattern(given, out byte? pattern))
        {
            return false;
        }
        if (given.IsBad || given.Operands.Count != 2)
        {
            return Write.Misused();
        }
        string? source = given.Options.LastOrDefault(option => option.Name == "s").Value;
        if (Contradiction(given, pattern is not null, source is not null) is string wrong)
        {
            Console.Out.Write(wrong + "\n");
            return false;
        }
        if (
            !Amounts.TryReadBytes(given.Operands[0], out long offset)
            || !Amounts.TryReadBytes(given.Operands[1], out long count)
        )
        {
            return false;
        }
        if (count > Amounts.LargestRequestBytes && !Has(given, "n"))
        {
            Console.Out.Write(
                $"length cannot exceed {Amounts.LargestRequestBytes} without -n, given "
                    + $"{given.Operands[1]}\n"
            );
            return false;
        }
        bool isSectors = Has(given, "b") || Has(given, "c");
        if (isSectors && !ReadCommands.AreSectors(offset, count))
        {
            return false;
        }
        bool isZero = Has(given, "z");
        using IoBuffer buffer = new(session, isZero ? 0 : count, pattern ?? UsualPattern);
        if (source is not null && !buffer.TryFill(source))
        {
            return false;
        }
        await session.TurnAsync().ConfigureAwait(false);
        long begin = Stopwatch.GetTimestamp();
        BlockWriteFlags flags = FlagsOf(given);
        BlockError? error =
            isSectors ? ReadCommands.StateError()
            : isZero
                ? await session
                    .User.TryWriteZeroesAsync(offset, count, flags | session.Image!.WriteFlags)
                    .ConfigureAwait(false)
            : await SendAsync(session, offset, buffer.Memory, flags).ConfigureAwait(false);
        if (error is not null)
        {
            Console.Out.Write($"write failed: {IoReport.Reason(error)}\n");
            return false;
        }
        ReadCommands.ReportOf(given).Write("wrote", begin, offset, count);
        return true;
    }

    private static async ValueTask<bool> WriteVectorAsync(IoSession session, IoWords words)
    {
        Getopt given = words.Options("CfqP:");
        if (!ReadCommands.TryPattern(given, out byte? pattern))
        {
            return false;
        }
        if (given.IsBad || given.Operands.Count < 2)
        {
            return WriteVector.Misused();
        }
        if (
            !Amounts.TryReadBytes(given.Operands[0], out long offset)
            || !IoBuffer.TryReadVector([.. given.Operands.Skip(1)], out long count)
        )
        {
            return false;
        }
        using IoBuffer buffer = new(session, count, pattern ?? UsualPattern);
        await session.TurnAsync().ConfigureAwait(false);
        long begin = Stopwatch.GetTimestamp();
        BlockError? error = await SendAsync(session, offset, buffer.Memory, FlagsOf(given))
            .ConfigureAwait(false);
        if (error is not null)
        {
            Console.Out.Write($"writev failed: {IoReport.Reason(error)}\n");
            return false;
        }
        ReadCommands.ReportOf(given).Write("wrote", begin, offset, count);
        return true;
    }

    // The first of the contradictions, in the order in which they are told.
    private static string? Contradiction(Getopt given, bool hasPattern, bool hasSource)
    {
        bool isZero = Has(given, "z");
        bool isState = Has(given, "b");
        int sources = (isZero ? 1 : 0) + (hasPattern ? 1 : 0) + (hasSource ? 1 : 0);
        return isState && isZero ? "-b and -z cannot be specified at the same time"
            : Has(given, "f") && (isState || Has(given, "c"))
                ? "-f and -b or -c cannot be specified at the same time"
            : Has(given, "n") && !isZero ? "-n requires -z to be specified"
            : Has(given, "u") && !isZero ? "-u requires -z to be specified"
            : sources > 1 ? "Only one of -z, -P, and -s can be specified at the same time"
            : null;
    }

    private static bool Has(Getopt given, string name) => ReadCommands.Has(given, name);
}
