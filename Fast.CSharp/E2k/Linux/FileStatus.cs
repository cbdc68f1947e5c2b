// What is told of a file, in the forms that programs ask for. Inside it is what statx gives, which
// is alike on all machines. Spec: spec/e2k/linux.md, E2K-SYS-016.
using System;
using System.Buffers.Binary;

namespace Ashlar.E2k;

/// <summary>Layouts of a file's status (E2K-SYS-016).</summary>
internal enum StatusForm
{
    /// <summary>112 bytes, times of 64 bits.</summary>
    Ordinary,

    /// <summary>88 bytes, times of 32 bits.</summary>
    Short,

    /// <summary>256 bytes, as statx gives them.</summary>
    Extended,
}

/// <summary>Reads what statx gives.</summary>
internal static class FileStatus
{
    private const int TypeMask = 0xf000;
    private const int Pipe = 0x1000;
    private const int Folder = 0x4000;
    private const int Regular = 0x8000;
    private const int Link = 0xa000;
    private const int OwnersReadAndWrite = 0x180;

    private const int OrdinaryBytes = 112;
    private const int ShortBytes = 88;

    internal static bool IsLink(ReadOnlySpan<byte> status) => TypeOf(status) == Link;

    internal static bool IsFileOrFolder(ReadOnlySpan<byte> status) =>
        TypeOf(status) is Regular or Folder;

    /// <summary>A standard stream is told to be a pipe, whatever it is.</summary>
    internal static byte[] OfStream(int stream)
    {
        byte[] status = new byte[HostLibrary.StatusBytes];
        Span<byte> into = status;
        BinaryPrimitives.WriteUInt32LittleEndian(into, 0x7ff);
        BinaryPrimitives.WriteUInt32LittleEndian(into[4..], GuestMemory.PageBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(into[16..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(into[28..], Pipe | OwnersReadAndWrite);
        BinaryPrimitives.WriteUInt64LittleEndian(into[32..], (ulong)stream + 1);
        return status;
    }

    internal static byte[] As(StatusForm form, byte[] status) =>
        form switch
        {
            StatusForm.Extended => status,
            StatusForm.Short => Shortened(status),
            _ => Ordinary(status),
        };

    private static int TypeOf(ReadOnlySpan<byte> status) => ModeOf(status) & TypeMask;

    private static ushort ModeOf(ReadOnlySpan<byte> status) =>
        BinaryPrimitives.ReadUInt16LittleEndian(status[28..]);

    private static uint Word(ReadOnlySpan<byte> status, int at) =>
        BinaryPrimitives.ReadUInt32LittleEndian(status[at..]);

    private static ulong Long(ReadOnlySpan<byte> status, int at) =>
        BinaryPrimitives.ReadUInt64LittleEndian(status[at..]);

    /// <summary>Major and minor as one number.</summary>
    private static ulong Device(ReadOnlySpan<byte> status, int at)
    {
        ulong minor = Word(status, at + 4);
        return (minor & 0xff) | ((ulong)Word(status, at) << 8) | ((minor & ~0xffUL) << 12);
    }

    /// <summary>Up to the size both forms are alike.</summary>
    private static byte[] Begun(ReadOnlySpan<byte> status, int bytes)
    {
        byte[] form = new byte[bytes];
        Span<byte> into = form;
        BinaryPrimitives.WriteUInt64LittleEndian(into, Device(status, 136));
        BinaryPrimitives.WriteUInt64LittleEndian(into[8..], Long(status, 32));
        BinaryPrimitives.WriteUInt32LittleEndian(into[16..], ModeOf(status));
        // Links, owner and group stand in the same order.
        status.Slice(16, 12).CopyTo(into[20..]);
        BinaryPrimitives.WriteUInt64LittleEndian(into[32..], Device(status, 128));
        BinaryPrimitives.WriteUInt64LittleEndian(into[40..], Long(status, 40));
        BinaryPrimitives.WriteUInt32LittleEndian(into[48..], Word(status, 4));
        BinaryPrimitives.WriteUInt64LittleEndian(into[56..], Long(status, 48));
        return form;
    }

    private static byte[] Ordinary(ReadOnlySpan<byte> status)
    {
        byte[] form = Begun(status, OrdinaryBytes);
        int at = 64;
        foreach (int time in (ReadOnlySpan<int>)[64, 112, 96])
        {
            status.Slice(time, 12).CopyTo(form.AsSpan(at));
            at += 16;
        }
        return form;
    }

    private static byte[] Shortened(ReadOnlySpan<byte> status)
    {
        byte[] form = Begun(status, ShortBytes);
        int at = 64;
        foreach (int time in (ReadOnlySpan<int>)[64, 112, 96])
        {
            status.Slice(time, 4).CopyTo(form.AsSpan(at));
            status.Slice(time + 8, 4).CopyTo(form.AsSpan(at + 4));
            at += 8;
        }
        return form;
    }
}
