// Files to programs. Tables may point anywhere: what is not in the file is left out. Spec:
// spec/e2k/assembly.md, E2K-FILE-001, E2K-FILE-002 and E2K-FILE-004.
using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using System.Text;

namespace Ashlar.E2k.Assembly;

/// <summary>Reads executables: little-endian ELF64 files of the machine.</summary>
public sealed class ProgramReader
{
    private const int Machine = 175;
    private const int HeaderSize = 64;
    private const int SegmentSize = 56;
    private const int SectionSize = 64;
    private const int SymbolSize = 24;

    /// <summary>Kinds of sections, and of segments the one that is loaded.</summary>
    private const uint KindOfBytes = 1;
    private const uint KindOfSymbols = 2;
    private const uint KindOfZeros = 8;
    private const uint Loaded = 1;

    /// <summary>Flags of sections, and those of segments.</summary>
    private const ulong Writable = 1;
    private const ulong Allocated = 2;
    private const ulong Executable = 4;
    private const uint SegmentExecutable = 1;
    private const uint SegmentWritable = 2;

    /// <summary>Kinds of symbols: functions, and the first that names no place.</summary>
    private const int Function = 2;
    private const int NoPlace = 3;

    private readonly byte[] _file;

    /// <summary>Headers of sections; none where the file does not hold all.</summary>
    private readonly byte[][] _headings;

    private ProgramReader(byte[] file)
    {
        _file = file;
        _headings = Table(U64(file, 40), U16(file, 58), SectionSize, U16(file, 60));
    }

    /// <summary>The program of a file, or why it is none.</summary>
    public static Illegal? TryRead(byte[] file, out ProgramImage? image)
    {
        image = null;
        if (WrongKind(file) is { } wrong)
        {
            return new("E2K-FILE-001", wrong);
        }
        uint flags = U32(file, 48);
        if (VersionOf(flags) is not { } version)
        {
            return new("E2K-FILE-002", $"the flags {flags:x8} name no known version");
        }
        ProgramImage found = new ProgramReader(file).Read(version);
        if (!found.Sections.Any(section => section.IsExecutable))
        {
            return new(
                "E2K-FILE-004",
                "the file has no code: no section or segment that is executable"
            );
        }
        image = found;
        return null;
    }

    /// <summary>What a file is instead of a program (E2K-FILE-001).</summary>
    private static string? WrongKind(byte[] file)
    {
        if (!file.AsSpan().StartsWith("\u007fELF"u8))
        {
            return "this is no ELF file";
        }
        if (file.Length < HeaderSize)
        {
            return "the ELF header is cut off";
        }
        if (file[4] != 2 || file[5] != 1)
        {
            return "only little-endian ELF64 is read";
        }
        if (U16(file, 18) != Machine)
        {
            return $"the machine {U16(file, 18)} is not Elbrus, {Machine}";
        }
        return U16(file, 16) != 2 ? "only executables are read, no objects or libraries" : null;
    }

    /// <summary>The version of the machine that flags name (E2K-FILE-002).</summary>
    private static int? VersionOf(uint flags) =>
        (flags >> 24) switch
        {
            0x13 => 4,
            0x16 => 6,
            >= 1 and <= 7 and var version => (int)version,
            _ => null,
        };

    private static int U16(ReadOnlySpan<byte> bytes, int at) =>
        BinaryPrimitives.ReadUInt16LittleEndian(bytes[at..]);

    private static uint U32(ReadOnlySpan<byte> bytes, int at) =>
        BinaryPrimitives.ReadUInt32LittleEndian(bytes[at..]);

    private static ulong U64(ReadOnlySpan<byte> bytes, int at) =>
        BinaryPrimitives.ReadUInt64LittleEndian(bytes[at..]);

    private static string TextAt(ReadOnlySpan<byte> strings, uint index)
    {
        if (index >= strings.Length)
        {
            return "";
        }
        ReadOnlySpan<byte> rest = strings[(int)index..];
        int end = rest.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? rest : rest[..end]);
    }

    private ProgramImage Read(int version)
    {
        int names = U16(_file, 62);
        byte[] strings = names < _headings.Length ? BytesOf(_headings[names]) ?? [] : [];
        List<(int Index, ProgramSection Section)> kept = [];
        for (int index = 0; index < _headings.Length; index++)
        {
            if (SectionOf(_headings[index], strings) is { } section)
            {
                kept.Add((index, section));
            }
        }
        IEnumerable<ProgramSection> sections =
            kept.Count > 0 ? kept.Select(one => one.Section) : Segments();
        int[] places = [.. kept.Select(one => one.Index)];
        return new(version, U64(_file, 24), [.. sections], [.. Symbols(places)]);
    }

    /// <summary>A part of the file, or null where it does not hold all of it.</summary>
    private byte[]? Slice(ulong offset, ulong size)
    {
        ulong length = (ulong)_file.Length;
        return offset <= length && size <= length - offset
            ? _file.AsSpan((int)offset, (int)size).ToArray()
            : null;
    }

    /// <summary>The records of a table; none where the file does not hold all of them.</summary>
    private byte[][] Table(ulong offset, int size, int least, int count) =>
        offset != 0
        && count != 0
        && size >= least
        && Slice(offset, (ulong)size * (ulong)count) is { } bytes
            ? [.. bytes.Chunk(size)]
            : [];

    /// <summary>What the file holds of a section.</summary>
    private byte[]? BytesOf(byte[] heading) => Slice(U64(heading, 24), U64(heading, 32));

    /// <summary>A section that is loaded, or null (E2K-FILE-004).</summary>
    private ProgramSection? SectionOf(byte[] heading, byte[] strings)
    {
        ulong flags = U64(heading, 8);
        byte[]? bytes = U32(heading, 4) switch
        {
            KindOfBytes => BytesOf(heading),
            KindOfZeros => [],
            _ => null,
        };
        return (flags & Allocated) != 0 && bytes is not null
            ? new(TextAt(strings, U32(heading, 0)), U64(heading, 16), bytes, U64(heading, 32))
            {
                IsExecutable = (flags & Executable) != 0,
                IsWritable = (flags & Writable) != 0,
            }
            : null;
    }

    /// <summary>The segments, as sections (E2K-FILE-004).</summary>
    private IEnumerable<ProgramSection> Segments()
    {
        foreach (
            byte[] header in Table(U64(_file, 32), U16(_file, 54), SegmentSize, U16(_file, 56))
        )
        {
            if (U32(header, 0) == Loaded && Slice(U64(header, 8), U64(header, 32)) is { } bytes)
            {
                bool isExecutable = (U32(header, 4) & SegmentExecutable) != 0;
                yield return new(
                    isExecutable ? ".text" : ".data",
                    U64(header, 16),
                    bytes,
                    U64(header, 40)
                )
                {
                    IsExecutable = isExecutable,
                    IsWritable = (U32(header, 4) & SegmentWritable) != 0,
                };
            }
        }
    }

    /// <summary>Names of places in sections that are loaded.</summary>
    /// <param name="places">Numbers of those sections in the file.</param>
    private IEnumerable<ProgramSymbol> Symbols(int[] places)
    {
        byte[]? heading = Array.Find(_headings, one => U32(one, 4) == KindOfSymbols);
        if (
            heading is null
            || BytesOf(heading) is not { } records
            || U32(heading, 40) >= _headings.Length
        )
        {
            yield break;
        }
        byte[] strings = BytesOf(_headings[U32(heading, 40)]) ?? [];
        foreach (byte[] record in records.Chunk(SymbolSize))
        {
            if (record.Length < SymbolSize)
            {
                continue;
            }
            string name = TextAt(strings, U32(record, 0));
            int kind = record[4] & 15;
            int section = Array.IndexOf(places, U16(record, 6));
            if (name.Length > 0 && kind < NoPlace && section >= 0)
            {
                yield return new(name, U64(record, 8), U64(record, 16), section)
                {
                    IsGlobal = record[4] >> 4 == 1,
                    IsFunction = kind == Function,
                };
            }
        }
    }
}
