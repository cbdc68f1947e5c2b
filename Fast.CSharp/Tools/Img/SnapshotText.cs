// A table of snapshots for people. Spec: spec/block/img.md (BLK-IMG-028).
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using Ashlar.Block;

namespace Ashlar.Tools.Img;

internal static class SnapshotText
{
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    /// <summary>A title and a line for each; nothing when there is none.</summary>
    public static string Of(IReadOnlyList<Qcow2Snapshot> snapshots)
    {
        if (snapshots.Count == 0)
        {
            return "";
        }
        StringBuilder text = new("Snapshot list:\n");
        text.Append(
            "ID        TAG               VM SIZE                DATE     VM CLOCK     ICOUNT\n"
        );
        foreach (Qcow2Snapshot one in snapshots)
        {
            text.Append(Left(one.Id, 9))
                .Append(' ')
                .Append(Left(one.Name, 16))
                .Append(' ')
                .Append(Sizes.ToText((long)one.VmStateBytes).PadLeft(8))
                .Append(Date(one.Seconds).PadLeft(20))
                .Append(Clock(one.ClockNanoseconds).PadLeft(13))
                .Append(Count(one.InstructionCount).PadLeft(11))
                .Append('\n');
        }
        return text.ToString();
    }

    // C counts the bytes of a column.
    private static string Left(string text, int width) =>
        text + new string(' ', Math.Max(width - Encoding.UTF8.GetByteCount(text), 0));

    private static string Date(uint seconds) =>
        DateTimeOffset
            .FromUnixTimeSeconds(seconds)
            .ToLocalTime()
            .ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static string Clock(ulong nanoseconds)
    {
        ulong seconds = nanoseconds / NanosecondsPerSecond;
        ulong milliseconds = nanoseconds / 1_000_000 % 1000;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{seconds / 3600:00}:{seconds / 60 % 60:00}:{seconds % 60:00}.{milliseconds:000}"
        );
    }

    private static string Count(ulong instructions) =>
        instructions == Qcow2Snapshot.NoInstructionCount
            ? ""
            : ((long)instructions).ToString(CultureInfo.InvariantCulture);
}
