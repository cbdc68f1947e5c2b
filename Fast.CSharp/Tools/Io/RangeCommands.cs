// discard, alloc and map: what an image holds of its own. Spec: spec/block/iotool.md (BLK-IOT-012).
using System;
using System.Diagnostics;
using System.Threading.Tasks;
using Ashlar.Block;

namespace Ashlar.Tools.Io;

internal static class RangeCommands
{
    private const int SectorBytes = 512;

    public static readonly IoCommand Discard = new(
        "discard",
        "discards a number of bytes at a specified offset",
        DiscardAsync
    )
    {
        Alias = "d",
        Least = 2,
        Most = -1,
        Needs = BlockPermissions.Write,
        Arguments = "[-Cq] off len",
        Help = IoHelp.Discard,
    };

    public static readonly IoCommand Alloc = new(
        "alloc",
        "checks if offset is allocated in the file",
        AllocAsync
    )
    {
        Alias = "a",
        Least = 1,
        Most = 2,
        Arguments = "offset [count]",
    };

    public static readonly IoCommand Map = new(
        "map",
        "prints the allocated areas of a file",
        MapAsync
    )
    {
        Arguments = "",
    };

    private static async ValueTask<bool> DiscardAsync(IoSession session, IoWords words)
    {
        Getopt given = words.Options("Cq");
        if (given.IsBad || given.Operands.Count != 2)
        {
            return Discard.Misused();
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
        await session.TurnAsync().ConfigureAwait(false);
        long begin = Stopwatch.GetTimestamp();
        BlockError? error = await session.User.TryDiscardAsync(offset, count).ConfigureAwait(false);
        if (error is not null)
        {
            Console.Out.Write($"discard failed: {IoReport.Reason(error)}\n");
            return false;
        }
        ReadCommands.ReportOf(given).Write("discard", begin, offset, count);
        return true;
    }

    private static async ValueTask<bool> AllocAsync(IoSession session, IoWords words)
    {
        long count = SectorBytes;
        if (
            !Amounts.TryReadBytes(words.Arguments[0], out long start)
            || (words.Arguments.Count > 1 && !Amounts.TryReadBytes(words.Arguments[1], out count))
        )
        {
            return false;
        }
        long inside = Math.Clamp(session.User.LengthBytes - start, 0, count);
        // What lies beyond the end is not counted.
        long own = 0;
        for (long offset = start; offset < start + inside; )
        {
            LayerExtent extent = await session
                .User.Root!.LayerAsync(offset, start + inside - offset)
                .ConfigureAwait(false);
            if (extent.Error is not null)
            {
                Console.Out.Write($"is_allocated failed: {IoReport.Reason(extent.Error)}\n");
                return false;
            }
            own += extent.IsOwn ? extent.LengthBytes : 0;
            offset += extent.LengthBytes;
        }
        Console.Out.Write($"{own}/{inside} bytes allocated at offset {Amounts.Show(start)}\n");
        return true;
    }

    private static async ValueTask<bool> MapAsync(IoSession session, IoWords words)
    {
        long length = session.User.LengthBytes;
        long begin = 0;
        bool isOwn = false;
        for (long offset = 0; offset < length; )
        {
            LayerExtent extent = await session
                .User.Root!.LayerAsync(offset, length - offset)
                .ConfigureAwait(false);
            if (extent.Error is not null)
            {
                return session.Complain(
                    $"Failed to get allocation status: {IoReport.Reason(extent.Error)}"
                );
            }
            if (extent.IsOwn != isOwn && offset > begin)
            {
                Write(begin, offset - begin, isOwn);
                begin = offset;
            }
            isOwn = extent.IsOwn;
            offset += extent.LengthBytes;
        }
        if (length > begin)
        {
            Write(begin, length - begin, isOwn);
        }
        return true;
    }

    private static void Write(long offset, long length, bool isOwn) =>
        Console.Out.Write(
            $"{Amounts.Show(length)} (0x{length:x}) bytes "
                + (isOwn ? "    allocated" : "not allocated")
                + $" at offset {Amounts.Show(offset)} (0x{offset:x})\n"
        );
}
