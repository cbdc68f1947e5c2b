// Programs to files: headers, segments that can be mapped, sections and symbols. Spec:
// spec/e2k/assembly.md, E2K-FILE-001 to E2K-FILE-003.
using System.Collections.Generic;
using System.Collections.Immutable;
using System.IO;
using System.Linq;
using System.Text;

namespace Ashlar.E2k.Assembly;

/// <summary>Writes executables: little-endian ELF64 files of the machine.</summary>
public sealed class ProgramWriter
{
    /// <summary>
    /// Pages of a program: a segment keeps its place within one from file to memory.
    /// </summary>
    public const ulong PageSize = 0x1000;

    private const ushort Machine = 175;
    private const int HeaderSize = 64;
    private const int SegmentSize = 56;
    private const int SectionSize = 64;
    private const int SymbolSize = 24;
    private const int Alignment = 8;

    /// <summary>The tables behind the sections of the program, in order.</summary>
    private static readonly string[] Tables = [".symtab", ".strtab", ".shstrtab"];

    private readonly ulong _first;
    private readonly ProgramImage _image;
    private readonly BinaryWriter _file;

    /// <summary>Where each section begins in the file.</summary>
    private readonly int[] _starts;

    /// <summary>Symbols in the order of the table: others before those that are global.</summary>
    private readonly ImmutableArray<ProgramSymbol> _symbols;

    private readonly StringTable _names = new();
    private readonly StringTable _headings = new();

    private ProgramWriter(ulong first, ProgramImage image, Stream file)
    {
        _first = first;
        _image = image;
        _file = new(file);
        _starts = new int[image.Sections.Length];
        _symbols = [.. image.Symbols.OrderBy(symbol => symbol.IsGlobal)];
    }

    /// <summary>
    /// The bytes before the first section of a program with or without a writable segment.
    /// </summary>
    public static ulong HeadersSize(bool isWritable) =>
        HeaderSize + (isWritable ? 2UL : 1UL) * SegmentSize;

    /// <summary>The file of a program (E2K-FILE-003).</summary>
    /// <param name="first">The address of the headers, and so the program's first.</param>
    /// <param name="image">
    /// Sections that are not writable before those that are, each by address.
    /// </param>
    public static byte[] Write(ulong first, ProgramImage image)
    {
        using MemoryStream file = new();
        new ProgramWriter(first, image, file).Write();
        return file.ToArray();
    }

    private static bool IsHeld(ProgramSection section) =>
        section.Bytes.Length > 0 || section.Size == 0;

    private static ulong HeldEnd(IEnumerable<ProgramSection> sections) =>
        sections.Max(section => section.Address + (ulong)section.Bytes.Length);

    private static int Aligned(int offset) => (offset + Alignment - 1) & ~(Alignment - 1);

    /// <summary>The flags of a version: bits 31:24 say it, bit 4 is set (E2K-FILE-002).</summary>
    private static uint FlagsOf(int version)
    {
        uint machine = version switch
        {
            4 => 0x13,
            6 => 0x16,
            _ => (uint)version,
        };
        return (machine << 24) | 0x10;
    }

    private void Write()
    {
        int end = Place();
        int symbols = Aligned(end);
        int names = symbols + (SymbolSize * (_symbols.Length + 1));
        int[] nameIndex = [.. _symbols.Select(symbol => _names.Add(symbol.Name))];
        int[] headingIndex =
        [
            .. _image.Sections.Select(section => section.Name).Concat(Tables).Select(_headings.Add),
        ];
        byte[] texts = _names.Bytes;
        byte[] headingTexts = _headings.Bytes;
        int headings = names + texts.Length;
        int table = Aligned(headings + headingTexts.Length);

        WriteHeader(table);
        WriteSegments();
        for (int index = 0; index < _starts.Length; index++)
        {
            if (_image.Sections[index].Bytes.Length > 0)
            {
                PadTo(_starts[index]);
                _file.Write(_image.Sections[index].Bytes);
            }
        }
        PadTo(symbols);
        WriteSymbols(nameIndex);
        _file.Write(texts);
        _file.Write(headingTexts);
        PadTo(table);
        _file.Write(new byte[SectionSize]);
        WriteHeadings(headingIndex);

        int own = _image.Sections.Length;
        Heading symbolTable = new(2, 0, 0, symbols, names - symbols)
        {
            Link = own + 2,
            Info = _symbols.Count(symbol => !symbol.IsGlobal) + 1,
            EntrySize = SymbolSize,
        };
        Write(headingIndex[own], symbolTable);
        Write(headingIndex[own + 1], new(3, 0, 0, names, headings - names) { Align = 1 });
        Write(headingIndex[own + 2], new(3, 0, 0, headings, headingTexts.Length) { Align = 1 });
    }

    /// <summary>
    /// Gives sections their places: addresses and offsets agree within a page, so that the pages of
    /// the file can be mapped.
    /// </summary>
    /// <returns>Where the last of them ends.</returns>
    private int Place()
    {
        int offset = (int)HeadersSize(_image.Sections.Any(section => section.IsWritable));
        for (int index = 0; index < _starts.Length; index++)
        {
            ProgramSection section = _image.Sections[index];
            int apart = (int)((section.Address - (ulong)offset) & (PageSize - 1));
            _starts[index] = offset + apart;
            if (IsHeld(section))
            {
                offset = _starts[index] + section.Bytes.Length;
            }
        }
        return offset;
    }

    private void PadTo(int offset)
    {
        long missing = offset - _file.BaseStream.Length;
        if (missing > 0)
        {
            _file.Write(new byte[missing]);
        }
    }

    private void WriteHeader(int table)
    {
        bool isWritable = _image.Sections.Any(section => section.IsWritable);
        int count = _image.Sections.Length + Tables.Length + 1;
        _file.Write("\u007fELF\u0002\u0001\u0001\0\0\0\0\0\0\0\0\0"u8);
        _file.Write((ushort)2);
        _file.Write(Machine);
        _file.Write(1u);
        _file.Write(_image.Entry);
        _file.Write((ulong)HeaderSize);
        _file.Write((ulong)table);
        _file.Write(FlagsOf(_image.Version));
        _file.Write((ushort)HeaderSize);
        _file.Write((ushort)SegmentSize);
        _file.Write((ushort)(isWritable ? 2 : 1));
        _file.Write((ushort)SectionSize);
        _file.Write((ushort)count);
        _file.Write((ushort)(count - 1));
    }

    /// <summary>A segment that is read and executed, and one that is read and written.</summary>
    private void WriteSegments()
    {
        ProgramSection[] constant = [.. _image.Sections.Where(section => !section.IsWritable)];
        ProgramSection[] writable = [.. _image.Sections.Where(section => section.IsWritable)];
        ulong end = constant.Length == 0 ? _first : HeldEnd(constant);
        WriteSegment(5, 0, _first, end - _first, end - _first);
        if (writable.Length > 0)
        {
            ulong start = writable[0].Address;
            bool isHeld = writable.Any(section => section.Bytes.Length > 0);
            WriteSegment(
                6,
                _starts[constant.Length],
                start,
                isHeld ? HeldEnd(writable) - start : 0,
                writable[^1].Address + writable[^1].Size - start
            );
        }
    }

    private void WriteSegment(uint flags, int offset, ulong address, ulong held, ulong size)
    {
        _file.Write(1u);
        _file.Write(flags);
        _file.Write((ulong)offset);
        _file.Write(address);
        _file.Write(address);
        _file.Write(held);
        _file.Write(size);
        _file.Write(PageSize);
    }

    private void WriteSymbols(int[] names)
    {
        const int Absolute = 0xfff1;
        _file.Write(new byte[SymbolSize]);
        for (int index = 0; index < names.Length; index++)
        {
            ProgramSymbol symbol = _symbols[index];
            _file.Write((uint)names[index]);
            _file.Write((byte)((symbol.IsGlobal ? 0x10 : 0) | (symbol.IsFunction ? 2 : 0)));
            _file.Write((byte)0);
            _file.Write((ushort)(symbol.Section + 1 ?? Absolute));
            _file.Write(symbol.Address);
            _file.Write(symbol.Size);
        }
    }

    private void WriteHeadings(int[] names)
    {
        for (int index = 0; index < _starts.Length; index++)
        {
            ProgramSection section = _image.Sections[index];
            ulong flags = 2UL | (section.IsWritable ? 1UL : 0) | (section.IsExecutable ? 4UL : 0);
            uint kind = IsHeld(section) ? 1u : 8;
            Write(
                names[index],
                new(kind, flags, section.Address, _starts[index], (long)section.Size)
            );
        }
    }

    private void Write(int name, Heading heading)
    {
        _file.Write((uint)name);
        _file.Write(heading.Kind);
        _file.Write(heading.Flags);
        _file.Write(heading.Address);
        _file.Write((ulong)heading.Offset);
        _file.Write((ulong)heading.Size);
        _file.Write((uint)heading.Link);
        _file.Write((uint)heading.Info);
        _file.Write((ulong)heading.Align);
        _file.Write((ulong)heading.EntrySize);
    }

    /// <summary>A header of a section.</summary>
    private readonly record struct Heading(
        uint Kind,
        ulong Flags,
        ulong Address,
        int Offset,
        long Size
    )
    {
        internal int Link { get; init; }

        internal int Info { get; init; }

        internal int Align { get; init; } = Alignment;

        internal int EntrySize { get; init; }
    }

    /// <summary>Texts behind each other, each ended by a zero; the first is none.</summary>
    private sealed class StringTable
    {
        private readonly List<byte> _bytes = [0];

        internal byte[] Bytes => [.. _bytes];

        /// <summary>Adds a text and returns where it begins.</summary>
        internal int Add(string text)
        {
            int start = _bytes.Count;
            _bytes.AddRange(Encoding.UTF8.GetBytes(text));
            _bytes.Add(0);
            return start;
        }
    }
}
