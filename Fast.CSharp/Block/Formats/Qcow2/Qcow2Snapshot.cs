// One internal snapshot, as its entry in the image's table says. Spec:
// spec/formats/qcow2/snapshots.md (FMT-QCOW2-501, FMT-QCOW2-502).
using System;
using System.Globalization;
using System.Text;

namespace Ashlar.Block;

/// <summary>An entry of the table of snapshots. Sizes and offsets are bytes.</summary>
internal sealed record Qcow2Snapshot
{
    /// <summary>What QEMU has instead of an instruction count that nobody counted.</summary>
    internal const ulong NoInstructionCount = ulong.MaxValue;

    /// <summary>Where the snapshot's first-level table is.</summary>
    internal required long L1Offset { get; init; }

    internal required uint L1EntryCount { get; init; }

    /// <summary>The id as it stands in the file.</summary>
    internal required ReadOnlyMemory<byte> IdBytes { get; init; }

    /// <summary>The name as it stands in the file.</summary>
    internal required ReadOnlyMemory<byte> NameBytes { get; init; }

    /// <summary>When it was made: seconds since 1970, and nanoseconds beyond.</summary>
    internal required uint Seconds { get; init; }

    internal required uint Nanoseconds { get; init; }

    /// <summary>How long the machine had run, in nanoseconds.</summary>
    internal ulong ClockNanoseconds { get; init; }

    internal ulong VmStateBytes { get; init; }

    /// <summary>The length of the guest's disk then.</summary>
    internal required ulong DiskBytes { get; init; }

    /// <summary>Instructions counted, or <see cref="NoInstructionCount"/>.</summary>
    internal ulong InstructionCount { get; init; } = NoInstructionCount;

    /// <summary>Extra data beyond what is known here, kept as it is.</summary>
    internal ReadOnlyMemory<byte> UnknownExtra { get; init; }

    internal string Id => Text(IdBytes);

    internal string Name => Text(NameBytes);

    /// <summary>The bytes of its first-level table.</summary>
    internal long L1Bytes => (long)L1EntryCount * sizeof(ulong);

    /// <summary>The number that the id begins with; 0 when it begins with none.</summary>
    internal ulong IdNumber
    {
        get
        {
            ReadOnlySpan<byte> id = IdBytes.Span;
            int digits = id.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
            return ulong.TryParse(
                digits < 0 ? id : id[..digits],
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out ulong number
            )
                ? number
                : 0;
        }
    }

    /// <summary>Why its first-level table cannot be one (FMT-QCOW2-503), or null.</summary>
    internal BlockError? CheckL1(Qcow2Geometry geometry)
    {
        if (L1Bytes > Qcow2Limits.MaxL1Bytes)
        {
            return Qcow2Header.Refused("Snapshot L1 table too large");
        }
        bool isInside = L1Offset >= 0 && L1Offset <= long.MaxValue - L1Bytes;
        return isInside && geometry.IsAligned((ulong)L1Offset)
            ? null
            : Qcow2Header.Refused("Snapshot L1 table offset invalid");
    }

    // Other programs end a string where its first zero byte is.
    private static string Text(ReadOnlyMemory<byte> bytes)
    {
        int end = bytes.Span.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? bytes.Span : bytes.Span[..end]);
    }
}
