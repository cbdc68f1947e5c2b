// The table of internal snapshots: read as hostile input, and written anew. Spec:
// spec/formats/qcow2/snapshots.md (FMT-QCOW2-501 to -503, -506).
using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Threading.Tasks;

namespace Ashlar.Block;

/// <summary>
/// The snapshots of an image and the bytes that their table takes; or why they cannot be had.
/// </summary>
internal readonly record struct Qcow2SnapshotsResult(
    IReadOnlyList<Qcow2Snapshot> Snapshots,
    long TableBytes,
    BlockError? Error
);

internal static class Qcow2SnapshotTable
{
    private const int FixedBytes = 40;

    // What is known of the extra data: machine state, disk, instruction count.
    private const int KnownExtraBytes = 24;

    /// <summary>Reads all entries. Nothing is written.</summary>
    internal static async ValueTask<Qcow2SnapshotsResult> ReadAsync(
        ImageStorage storage,
        Qcow2Header header
    )
    {
        List<Qcow2Snapshot> found = [];
        long start = (long)header.SnapshotsOffset;
        long at = start;
        byte[] head = new byte[FixedBytes];
        for (uint index = 0; index < header.SnapshotCount; index++)
        {
            at = RoundUp(at);
            BlockError? error = await storage.ReadAsync(at, head).ConfigureAwait(false);
            long length = FixedBytes + TailBytes(head);
            error ??= Check(head, index, at + length, start, storage.LengthBytes);
            // One entry has at most 130 KiB: its lengths are of 16 bits, its extra data is bounded.
            byte[] entry = error is null ? new byte[length] : [];
            error ??= await storage.ReadAsync(at, entry).ConfigureAwait(false);
            if (error is not null)
            {
                return new([], 0, error);
            }
            found.Add(Parse(entry, header));
            at += length;
        }
        return new(found, at - start, null);
    }

    /// <summary>The table as bytes; entries of version 2 get the extra data of version 3.</summary>
    internal static BlockError? TryWrite(IReadOnlyList<Qcow2Snapshot> snapshots, out byte[] table)
    {
        table = [];
        long length = LengthOf(snapshots);
        if (snapshots.Count > Qcow2Limits.MaxSnapshots || length > Qcow2Limits.MaxSnapshotBytes)
        {
            return HostErrors.OfRequest(HostErrno.FileTooBig, -1);
        }
        table = new byte[length];
        int at = 0;
        foreach (Qcow2Snapshot snapshot in snapshots)
        {
            at = (int)RoundUp(at);
            at += Put(table.AsSpan(at), snapshot);
        }
        return null;
    }

    /// <summary>How many bytes the table takes when it is written.</summary>
    internal static long LengthOf(IReadOnlyList<Qcow2Snapshot> snapshots)
    {
        long length = 0;
        foreach (Qcow2Snapshot one in snapshots)
        {
            length =
                RoundUp(length)
                + FixedBytes
                + KnownExtraBytes
                + one.UnknownExtra.Length
                + one.IdBytes.Length
                + one.NameBytes.Length;
        }
        return length;
    }

    private static long RoundUp(long offset) => (offset + 7) & ~7L;

    private static long TailBytes(ReadOnlySpan<byte> head) =>
        (long)ExtraBytes(head)
        + BinaryPrimitives.ReadUInt16BigEndian(head[12..])
        + BinaryPrimitives.ReadUInt16BigEndian(head[14..]);

    private static uint ExtraBytes(ReadOnlySpan<byte> head) =>
        BinaryPrimitives.ReadUInt32BigEndian(head[36..]);

    // FMT-QCOW2-501, -502
    private static BlockError? Check(
        ReadOnlySpan<byte> head,
        uint index,
        long end,
        long tableStart,
        long fileBytes
    )
    {
        if (ExtraBytes(head) > Qcow2Limits.MaxSnapshotExtraBytes)
        {
            string number = Qcow2Header.Text(index);
            return Qcow2Header.Refused($"Too much extra metadata in snapshot table entry {number}");
        }
        if (end - tableStart > Qcow2Limits.MaxSnapshotBytes)
        {
            return Qcow2Header.Refused("Snapshot table is too big");
        }
        return end > fileBytes
            ? Qcow2Corruption.At($"snapshot {index} ends beyond the file")
            : null;
    }

    private static Qcow2Snapshot Parse(ReadOnlyMemory<byte> entry, Qcow2Header header)
    {
        ReadOnlySpan<byte> bytes = entry.Span;
        int extra = (int)ExtraBytes(bytes);
        int idBytes = BinaryPrimitives.ReadUInt16BigEndian(bytes[12..]);
        int id = FixedBytes + extra;
        int unknown = Math.Max(extra - KnownExtraBytes, 0);
        return new Qcow2Snapshot
        {
            L1Offset = BinaryPrimitives.ReadInt64BigEndian(bytes),
            L1EntryCount = BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]),
            IdBytes = entry.Slice(id, idBytes),
            NameBytes = entry[(id + idBytes)..],
            Seconds = BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]),
            Nanoseconds = BinaryPrimitives.ReadUInt32BigEndian(bytes[20..]),
            ClockNanoseconds = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]),
            VmStateBytes =
                extra >= 8
                    ? BinaryPrimitives.ReadUInt64BigEndian(bytes[FixedBytes..])
                    : BinaryPrimitives.ReadUInt32BigEndian(bytes[32..]),
            DiskBytes =
                extra >= 16
                    ? BinaryPrimitives.ReadUInt64BigEndian(bytes[(FixedBytes + 8)..])
                    : header.SizeBytes,
            InstructionCount =
                extra >= KnownExtraBytes
                    ? BinaryPrimitives.ReadUInt64BigEndian(bytes[(FixedBytes + 16)..])
                    : Qcow2Snapshot.NoInstructionCount,
            UnknownExtra = entry.Slice(FixedBytes + extra - unknown, unknown),
        };
    }

    private static int Put(Span<byte> room, Qcow2Snapshot one)
    {
        int extra = KnownExtraBytes + one.UnknownExtra.Length;
        BinaryPrimitives.WriteInt64BigEndian(room, one.L1Offset);
        BinaryPrimitives.WriteUInt32BigEndian(room[8..], one.L1EntryCount);
        BinaryPrimitives.WriteUInt16BigEndian(room[12..], (ushort)one.IdBytes.Length);
        BinaryPrimitives.WriteUInt16BigEndian(room[14..], (ushort)one.NameBytes.Length);
        BinaryPrimitives.WriteUInt32BigEndian(room[16..], one.Seconds);
        BinaryPrimitives.WriteUInt32BigEndian(room[20..], one.Nanoseconds);
        BinaryPrimitives.WriteUInt64BigEndian(room[24..], one.ClockNanoseconds);
        // A program that knows no extra data takes a state that is too large here for none.
        uint small = one.VmStateBytes <= uint.MaxValue ? (uint)one.VmStateBytes : 0;
        BinaryPrimitives.WriteUInt32BigEndian(room[32..], small);
        BinaryPrimitives.WriteUInt32BigEndian(room[36..], (uint)extra);
        BinaryPrimitives.WriteUInt64BigEndian(room[FixedBytes..], one.VmStateBytes);
        BinaryPrimitives.WriteUInt64BigEndian(room[(FixedBytes + 8)..], one.DiskBytes);
        BinaryPrimitives.WriteUInt64BigEndian(room[(FixedBytes + 16)..], one.InstructionCount);
        one.UnknownExtra.Span.CopyTo(room[(FixedBytes + KnownExtraBytes)..]);
        one.IdBytes.Span.CopyTo(room[(FixedBytes + extra)..]);
        one.NameBytes.Span.CopyTo(room[(FixedBytes + extra + one.IdBytes.Length)..]);
        return FixedBytes + extra + one.IdBytes.Length + one.NameBytes.Length;
    }
}
