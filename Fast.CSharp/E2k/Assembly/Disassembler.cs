// Programs to sources that an assembler takes back: code as bundles with labels, data as numbers.
// Spec: spec/e2k/assembly.md, E2K-DIS.
using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Numerics;
using Ashlar.E2k.Symbolic;

namespace Ashlar.E2k.Assembly;

/// <summary>Writes the source of programs and of words.</summary>
public sealed class Disassembler
{
    private const ulong AlignmentMax = 64;

    /// <summary>The name that every program has for its entry.</summary>
    private const string Start = "_start";

    private readonly ProgramImage _image;
    private readonly TextWriter _output;

    /// <summary>The pieces of each executable section.</summary>
    private readonly Dictionary<ProgramSection, IReadOnlyList<CodePiece>> _pieces = [];

    private readonly SortedDictionary<ulong, string> _names;

    /// <summary>Where pieces begin, and where operations go to.</summary>
    private readonly HashSet<ulong> _starts = [];
    private readonly HashSet<ulong> _reached = [];

    private Disassembler(ProgramImage image, TextWriter output)
    {
        _image = image;
        _output = output;
        foreach (ProgramSection section in image.Sections.Where(one => one.IsExecutable))
        {
            IReadOnlyList<CodePiece> pieces = new CodePieces(
                image.Version,
                section.Address,
                WordsOf(section.Bytes)
            ).Read();
            _pieces[section] = pieces;
            _starts.UnionWith(pieces.Select(piece => piece.Address));
            _reached.UnionWith(CodePieces.Targets(pieces, "disp", "ldisp", "ibranch"));
        }
        _names = SymbolNames.Of(image.Symbols);
        if (!_names.ContainsValue(Start))
        {
            _names[image.Entry] = Start;
        }
    }

    /// <summary>Writes the source of a program (E2K-DIS-001).</summary>
    public static void Write(ProgramImage image, TextWriter output) =>
        new Disassembler(image, output).Write();

    /// <summary>The statements of words, a line each.</summary>
    /// <param name="version">Of the instruction set, from 2 to 7.</param>
    public static IEnumerable<string> Statements(int version, uint[] words) =>
        new CodePieces(version, 0, words).Read().Select(piece => Statement(piece, _ => null));

    /// <summary>A piece as a statement.</summary>
    /// <param name="labels">The name of an address, or null.</param>
    private static string Statement(CodePiece piece, Func<ulong, string?> labels)
    {
        if (piece.Operations is not { } operations)
        {
            return ".word " + string.Join(", ", piece.Words.Select(word => $"0x{word:x8}"));
        }
        if (operations.IsEmpty)
        {
            return "{ }";
        }
        Argument Named(Argument argument) =>
            CodePieces.TargetOf(piece.Address, argument) is { } target && labels(target) is { } name
                ? new Argument.Number(new Quantity(name, 0))
                : argument;

        IEnumerable<Operation> labelled = operations.Select(operation =>
            operation with
            {
                Arguments = [.. operation.Arguments.Select(Named)],
            }
        );
        return $"{{ {Printer.Print(labelled)} }}";
    }

    private static uint[] WordsOf(byte[] bytes)
    {
        ReadOnlySpan<byte> whole = bytes.AsSpan(0, bytes.Length & ~3);
        uint[] words = new uint[whole.Length / 4];
        for (int index = 0; index < words.Length; index++)
        {
            words[index] = BinaryPrimitives.ReadUInt32LittleEndian(whole[(4 * index)..]);
        }
        return words;
    }

    private void Line(string text)
    {
        // Whatever the host's ends of lines are, the source has one.
        _output.Write(text);
        _output.Write('\n');
    }

    private void Write()
    {
        Line($"// version {_image.Version}");
        foreach (ProgramSection section in _image.Sections)
        {
            Line($"    {DirectiveOf(section)}");
            if (section.IsExecutable)
            {
                WriteCode(section);
            }
            else
            {
                Line($"    .balign {Math.Min(AlignmentMax, AlignmentOf(section.Address))}");
                WriteData(section);
            }
        }
    }

    private static string DirectiveOf(ProgramSection section) =>
        section switch
        {
            { IsExecutable: true } => ".text",
            { Bytes.Length: 0, Size: > 0 } => ".bss",
            { IsWritable: true } => ".data",
            _ => ".rodata",
        };

    private static ulong AlignmentOf(ulong address) =>
        address == 0 ? 8 : 1UL << BitOperations.TrailingZeroCount(address);

    /// <summary>The label of a place that begins a piece, if it has one (E2K-DIS-003).</summary>
    private string? LabelOf(ulong address)
    {
        if (!_starts.Contains(address))
        {
            return null;
        }
        if (_names.TryGetValue(address, out string? name))
        {
            return name;
        }
        return _reached.Contains(address)
            ? string.Create(CultureInfo.InvariantCulture, $"L_{address:x}")
            : null;
    }

    private void WriteCode(ProgramSection section)
    {
        foreach (ProgramSymbol symbol in _image.Symbols)
        {
            if (
                symbol.IsGlobal
                && _names.TryGetValue(symbol.Address, out string? name)
                && name == symbol.Name
            )
            {
                Line($"    .global {name}");
            }
        }
        foreach (CodePiece piece in _pieces[section])
        {
            if (LabelOf(piece.Address) is { } label)
            {
                Line($"{label}:");
            }
            Line($"    {Statement(piece, LabelOf)}");
        }
        DataText.Write(section.Bytes.AsSpan(section.Bytes.Length & ~3), Line);
    }

    /// <summary>Data with the labels that lie in it.</summary>
    private void WriteData(ProgramSection section)
    {
        ulong end = section.Address + section.Size;
        ulong from = section.Address;
        foreach ((ulong address, string name) in _names)
        {
            if (address < section.Address || address >= end)
            {
                continue;
            }
            WritePart(section, from, address);
            Line($"{name}:");
            from = address;
        }
        WritePart(section, from, end);
    }

    private void WritePart(ProgramSection section, ulong first, ulong last)
    {
        ulong held = (ulong)section.Bytes.Length;
        ulong from = first - section.Address;
        ulong until = last - section.Address;
        if (from < held)
        {
            DataText.Write(section.Bytes.AsSpan((int)from..(int)Math.Min(held, until)), Line);
        }
        if (until > Math.Max(from, held))
        {
            Line($"    .skip {until - Math.Max(from, held)}");
        }
    }
}
