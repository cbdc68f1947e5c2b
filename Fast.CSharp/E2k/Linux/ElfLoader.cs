// Loading a program: an ELF file of 64 bits into memory, and the stack with arguments and
// environment. Everything in the file is checked before it is believed. Spec: spec/e2k/linux.md,
// E2K-ELF.
using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Ashlar.E2k;

/// <summary>A program in memory, and where it begins.</summary>
/// <param name="Entry">The address of its first bundle.</param>
/// <param name="Version">Of the instruction set, where the file asks for one.</param>
/// <param name="End">The first address behind its segments.</param>
/// <param name="StackLimit">The lowest address of its stack.</param>
/// <param name="StackTop">Where its stack begins, at argc.</param>
/// <param name="Random">Where 16 bytes are that nobody is to foresee.</param>
public sealed record Image(
    ulong Entry,
    int? Version,
    ulong End,
    ulong StackLimit,
    ulong StackTop,
    ulong Random
);

/// <summary>Puts programs into memory.</summary>
internal static class ElfLoader
{
    /// <summary>The stack's end and its bytes (E2K-ELF-005).</summary>
    private const ulong StackEnd = 0x3ff00000000;
    private const ulong StackBytes = 0x100000;

    /// <summary>Programs have none of the lowest 64 KiB (E2K-ELF-004).</summary>
    private const ulong LowestAddress = 0x10000;

    /// <summary>Of arguments and environment together: a quarter of the stack.</summary>
    private const int ArgumentBytesMax = 0x40000;

    /// <summary>Bytes that nobody is to foresee (E2K-ELF-006).</summary>
    internal const ulong RandomBytes = 16;

    private const int HeaderBytes = 64;
    private const int ProgramHeaderBytes = 56;
    private const uint Loadable = 1;
    private const uint Magic = 0x464c457f;
    private const int Elbrus = 175;
    private const int OldElbrus = 49;
    private const ulong PageBytes = GuestMemory.PageBytes;

    private sealed record Segment(
        ulong Offset,
        ulong Address,
        ulong InFile,
        ulong InMemory,
        Protection Allowed
    );

    /// <summary>A file's segments and its stack in memory.</summary>
    /// <exception cref="ElfRefusalException">It is no program for this machine.</exception>
    internal static Image Load(
        GuestMemory memory,
        ReadOnlySpan<byte> file,
        IReadOnlyList<string> arguments,
        IReadOnlyList<string> environment
    )
    {
        if (arguments.Concat(environment).Sum(Encoding.UTF8.GetByteCount) > ArgumentBytesMax)
        {
            throw new ElfRefusalException("E2K-ELF-005", "arguments and environment are too long");
        }
        CheckHeader(file);
        List<Segment> segments = SegmentsOf(file);
        ulong pages = segments
            .Select(one => PagesOf(one).Count)
            .Aggregate(StackBytes / PageBytes, (sum, count) => sum + count);
        if (segments.Count == 0)
        {
            throw new ElfRefusalException("E2K-ELF-003", "nothing to load");
        }
        if (!memory.HasRoom(pages))
        {
            throw new ElfRefusalException(
                "E2K-ELF-004",
                $"{pages} pages of {PageBytes} bytes are more than the {memory.PagesMax} allowed"
            );
        }
        foreach (Segment segment in segments)
        {
            Place(memory, file, segment);
        }
        (ulong top, ulong random) = Stack(memory, Facts(file, segments), arguments, environment);
        return new(
            Read64(file, 24),
            VersionOf(file),
            segments.Max(one => one.Address + one.InMemory),
            StackEnd - StackBytes,
            top,
            random
        );
    }

    private static int Read16(ReadOnlySpan<byte> file, int at) =>
        BinaryPrimitives.ReadUInt16LittleEndian(file[at..]);

    private static uint Read32(ReadOnlySpan<byte> file, int at) =>
        BinaryPrimitives.ReadUInt32LittleEndian(file[at..]);

    private static ulong Read64(ReadOnlySpan<byte> file, int at) =>
        BinaryPrimitives.ReadUInt64LittleEndian(file[at..]);

    private static void CheckHeader(ReadOnlySpan<byte> file)
    {
        string? wrong =
            file.Length < HeaderBytes ? "too short for an ELF header"
            : Read32(file, 0) != Magic ? "not an ELF file"
            : file[4] != 2 || file[5] != 1 ? "not of 64 bits, low end first"
            : Read16(file, 16) != 2 ? "not a static executable"
            : Read16(file, 18) is not (Elbrus or OldElbrus)
                ? $"for machine {Read16(file, 18)}, not for {Elbrus} (Elbrus)"
            : Read16(file, 54) != ProgramHeaderBytes ? "program headers of another size"
            : null;
        if (wrong is not null)
        {
            throw new ElfRefusalException("E2K-ELF-001", wrong);
        }
    }

    /// <summary>The version that the flags name (E2K-ELF-002).</summary>
    private static int? VersionOf(ReadOnlySpan<byte> file) =>
        (Read32(file, 48) >> 24) switch
        {
            2 => 2,
            3 => 3,
            4 or 19 => 4,
            5 => 5,
            6 or 22 => 6,
            7 => 7,
            _ => null,
        };

    private static List<Segment> SegmentsOf(ReadOnlySpan<byte> file)
    {
        ulong first = Read64(file, 32);
        int count = Read16(file, 56);
        ulong bytes = (ulong)(count * ProgramHeaderBytes);
        if (first > (ulong)file.Length || bytes > (ulong)file.Length - first)
        {
            throw new ElfRefusalException(
                "E2K-ELF-001",
                "the program headers lie beyond the end of the file"
            );
        }
        List<Segment> segments = [];
        for (int index = 0; index < count; index++)
        {
            int at = (int)first + (index * ProgramHeaderBytes);
            if (Read32(file, at) == Loadable)
            {
                Segment segment = new(
                    Read64(file, at + 8),
                    Read64(file, at + 16),
                    Read64(file, at + 32),
                    Read64(file, at + 40),
                    ProtectionOf(Read32(file, at + 4))
                );
                Check((ulong)file.Length, segment);
                segments.Add(segment);
            }
        }
        CheckOverlap(segments);
        return segments;
    }

    private static Protection ProtectionOf(uint flags) =>
        ((flags & 4) != 0 ? Protection.Read : 0)
        | ((flags & 2) != 0 ? Protection.Write : 0)
        | ((flags & 1) != 0 ? Protection.Execute : 0);

    private static void Check(ulong length, Segment segment)
    {
        if (segment.InFile > segment.InMemory)
        {
            throw new ElfRefusalException(
                "E2K-ELF-003",
                "a segment has more bytes in the file than in memory"
            );
        }
        // Where nothing is taken from the file it does not matter from where.
        if (
            segment.InFile > 0
            && (segment.Offset > length || segment.InFile > length - segment.Offset)
        )
        {
            throw new ElfRefusalException(
                "E2K-ELF-003",
                "a segment lies beyond the end of the file"
            );
        }
        if (
            segment.Address < LowestAddress
            || segment.Address > GuestMemory.AddressEnd
            || segment.InMemory > GuestMemory.AddressEnd - segment.Address
        )
        {
            throw new ElfRefusalException(
                "E2K-ELF-004",
                $"a segment at {segment.Address:x} is outside the address space"
            );
        }
    }

    /// <summary>Segments may share a page, not a byte.</summary>
    private static void CheckOverlap(List<Segment> segments)
    {
        ulong end = 0;
        foreach (
            Segment segment in segments.Where(one => one.InMemory > 0).OrderBy(one => one.Address)
        )
        {
            if (segment.Address < end)
            {
                throw new ElfRefusalException("E2K-ELF-003", "segments overlap");
            }
            end = segment.Address + segment.InMemory;
        }
    }

    private static (ulong First, ulong Count) PagesOf(Segment segment)
    {
        ulong first = segment.Address / PageBytes;
        return segment.InMemory == 0
            ? (first, 0)
            : (first, ((segment.Address + segment.InMemory - 1) / PageBytes) - first + 1);
    }

    private static void Place(GuestMemory memory, ReadOnlySpan<byte> file, Segment segment)
    {
        (ulong first, ulong count) = PagesOf(segment);
        for (ulong page = first; page < first + count; page++)
        {
            if (memory.ProtectionOf(page) is { } other)
            {
                memory.Protect(page, other | segment.Allowed);
            }
            else
            {
                memory.Map(page, segment.Allowed);
            }
        }
        if (segment.InFile > 0)
        {
            memory.CopyIn(segment.Address, file.Slice((int)segment.Offset, (int)segment.InFile));
        }
    }

    /// <summary>
    /// What the file says of itself: its headers in memory, if they are there, and its entry.
    /// </summary>
    private static ulong[] Facts(ReadOnlySpan<byte> file, List<Segment> segments)
    {
        ulong headers = Read64(file, 32);
        int count = Read16(file, 56);
        ulong bytes = (ulong)(count * ProgramHeaderBytes);
        Segment? holder = segments.Find(one =>
            one.Offset <= headers && headers + bytes <= one.Offset + one.InFile
        );
        ulong[] entry = [Auxiliary.Entry, Read64(file, 24)];
        return holder is null or { InFile: 0 }
            ? entry
            :
            [
                Auxiliary.Headers,
                holder.Address + (headers - holder.Offset),
                Auxiliary.HeaderBytes,
                ProgramHeaderBytes,
                Auxiliary.HeaderCount,
                (ulong)count,
                .. entry,
            ];
    }

    /// <summary>
    /// Strings at the top, below them bytes for randomness and the vectors of argc, argv,
    /// environment and the auxiliary values, the lowest aligned to 16.
    /// </summary>
    private static (ulong Top, ulong Random) Stack(
        GuestMemory memory,
        ulong[] facts,
        IReadOnlyList<string> arguments,
        IReadOnlyList<string> environment
    )
    {
        for (ulong page = (StackEnd - StackBytes) / PageBytes; page < StackEnd / PageBytes; page++)
        {
            memory.Map(page, Protection.Read | Protection.Write);
        }
        ulong top = StackEnd - 16;
        ulong Push(string text)
        {
            byte[] bytes = [.. Encoding.UTF8.GetBytes(text), 0];
            top -= (ulong)bytes.Length;
            memory.CopyIn(top, bytes);
            return top;
        }

        ulong[] environments = [.. environment.Select(Push)];
        ulong[] strings = [.. arguments.Select(Push)];
        ulong random = top -= RandomBytes;
        ulong[] words =
        [
            (ulong)strings.Length,
            .. strings,
            0,
            .. environments,
            0,
            .. facts,
            Auxiliary.PageBytes,
            PageBytes,
            Auxiliary.User,
            Outside.OnlyUser,
            Auxiliary.EffectiveUser,
            Outside.OnlyUser,
            Auxiliary.Group,
            Outside.OnlyUser,
            Auxiliary.EffectiveGroup,
            Outside.OnlyUser,
            Auxiliary.Ticks,
            100,
            Auxiliary.Secure,
            0,
            Auxiliary.Random,
            random,
            0,
            0,
        ];
        ulong low = (top - (ulong)(8 * words.Length)) & ~15UL;
        for (int index = 0; index < words.Length; index++)
        {
            memory.Write(low + (ulong)(8 * index), 8, words[index]);
        }
        return (low, random);
    }

    /// <summary>Kinds of auxiliary values (E2K-ELF-006).</summary>
    private static class Auxiliary
    {
        internal const ulong Headers = 3;
        internal const ulong HeaderBytes = 4;
        internal const ulong HeaderCount = 5;
        internal const ulong PageBytes = 6;
        internal const ulong Entry = 9;
        internal const ulong User = 11;
        internal const ulong EffectiveUser = 12;
        internal const ulong Group = 13;
        internal const ulong EffectiveGroup = 14;
        internal const ulong Ticks = 17;
        internal const ulong Secure = 23;
        internal const ulong Random = 25;
    }
}
