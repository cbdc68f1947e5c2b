// The tables of the specification as data: operations by encoding and by name, state registers.
// Spec: spec/e2k/operations.md; the tables: spec/e2k/operations/*.tsv.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Runtime.InteropServices;

namespace Ashlar.E2k;

/// <summary>The operations and registers of the specification.</summary>
public sealed class OperationTable
{
    private static readonly Lazy<OperationTable> Loaded = new(() => new());

    /// <summary>The functions of three bits that are words, too.</summary>
    private static readonly (string Word, int Code)[] Words =
    [
        ("and", 0x80),
        ("or", 0xfe),
        ("xor", 0x96),
        ("mjr", 0xe8),
        ("sel3", 0xd8),
    ];

    private readonly Dictionary<int, List<Entry>> _byCode = [];
    private readonly Lazy<Dictionary<string, Entry>> _byName;
    private readonly Lazy<Dictionary<string, string>> _aliases;

    private OperationTable()
    {
        Entries = [.. Rows("channel.tsv").SelectMany(EntriesOf)];
        _aliases = new(Aliases);
        _byName = new(() => Entries.ToDictionary(entry => entry.Mnemonic, StringComparer.Ordinal));
        foreach (Entry entry in Entries)
        {
            Index(entry);
        }
        Registers = [.. Rows("registers.tsv").Select(row => row.Split('\t'))];
        StateCodes = Registers
            .Where(cells => cells[0] == "state")
            .ToDictionary(cells => cells[1], cells => Hex(cells[2]), StringComparer.Ordinal);
    }

    /// <summary>The tables that the specification carries.</summary>
    public static OperationTable Specification => Loaded.Value;

    /// <summary>All operations, in the order of the table.</summary>
    public ImmutableArray<Entry> Entries { get; }

    public IReadOnlyDictionary<string, Entry> ByName => _byName.Value;

    /// <summary>The operation of a name or of another name of it, or null (E2K-OPS-006).</summary>
    public Entry? Find(string name) =>
        ByName.TryGetValue(name, out Entry? entry) ? entry
        : _aliases.Value.TryGetValue(name, out string? known) ? ByName[known]
        : null;

    /// <summary>Codes of state registers by name.</summary>
    public IReadOnlyDictionary<string, int> StateCodes { get; }

    /// <summary>Rows of the table of registers: kind, name, code, specifier.</summary>
    public ImmutableArray<string[]> Registers { get; }

    /// <summary>
    /// The operations of an opcode and of the high byte of a half-syllable, -1 for none; those that
    /// fix more fields come first.
    /// </summary>
    public ReadOnlySpan<Entry> ByCode(int opcode, int high) =>
        _byCode.TryGetValue(CodeOf(opcode, high), out List<Entry>? entries)
            ? CollectionsMarshal.AsSpan(entries)
            : [];

    private static int Hex(string text) =>
        int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private static IEnumerable<string> Rows(string name)
    {
        using Stream stream =
            typeof(OperationTable).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"the assembly lacks {name}");
        using StreamReader reader = new(stream);
        while (reader.ReadLine() is { } row)
        {
            if (row.Length > 0 && row[0] != '#')
            {
                yield return row;
            }
        }
    }

    private static Form FormOf(string text) =>
        text switch
        {
            "ss" => Form.TwoSources,
            "s" => Form.OneSource,
            "sss" or "plog" => Form.ThreeSources,
            "ss8" => Form.TwoAndByte,
            "s8" => Form.OneAndByte,
            "cmp" => Form.Comparison,
            "ccto" => Form.Test,
            "ssp" => Form.Merge,
            "sssp" => Form.MergeAndThen,
            "load" => Form.Load,
            "store" => Form.Store,
            "ldaa" => Form.ArrayLoad,
            "staa" => Form.ArrayStore,
            "aarr" => Form.ArrayRead,
            "aarw" => Form.ArrayWrite,
            "rr" => Form.StateRead,
            "rw" => Form.StateWrite,
            "ibr" => Form.Jump,
            "icall" => Form.JumpCall,
            _ => throw new InvalidOperationException($"the table has the form {text}"),
        };

    private static Extension ExtensionOf(string text)
    {
        if (text == "-")
        {
            return Extension.None;
        }
        return text.EndsWith("..", StringComparison.Ordinal)
            ? new(ExtensionKind.High, Hex(text[..2]))
            : new(ExtensionKind.Whole, Hex(text));
    }

    private static ImmutableArray<Extension> ExtensionsOf(string text)
    {
        if (!text.Contains('=', StringComparison.Ordinal))
        {
            Extension all = ExtensionOf(text);
            return [all, all, all];
        }
        Extension[] byChannel = [Extension.None, Extension.None, Extension.None];
        foreach (string part in text.Split(','))
        {
            byChannel[part[0] - '0'] = ExtensionOf(part[3..]);
        }
        return [.. byChannel];
    }

    private static ImmutableArray<int> Digits(string text) =>
        ImmutableCollectionsMarshal.AsImmutableArray(
            Array.ConvertAll(text.ToCharArray(), one => one - '0')
        );

    private static Legality LegalityOf(string text)
    {
        string[] halves = text.Split(':');
        string[] bounds = halves[0].Split('-');
        return new(
            int.Parse(bounds[0], CultureInfo.InvariantCulture),
            int.Parse(bounds[^1], CultureInfo.InvariantCulture),
            Digits(halves[1])
        );
    }

    private static Width WidthOf(char letter) =>
        letter switch
        {
            'S' => Width.Single,
            'D' => Width.Double,
            'Q' => Width.Quad,
            'P' => Width.Packed,
            _ => Width.None,
        };

    private static IEnumerable<Entry> EntriesOf(string row)
    {
        string[] cells = row.Split('\t');
        bool isFamily = cells[1] == "plog";
        return isFamily
            ? Enumerable.Range(0, 256).Select(code => EntryOf(cells, code))
            : [EntryOf(cells, null)];
    }

    /// <summary>
    /// A row, or one of the 256 functions of a row, whose number stands in the opcode and above it
    /// in the half-syllable (E2K-OPS-006).
    /// </summary>
    private static Entry EntryOf(string[] cells, int? function)
    {
        ImmutableArray<Extension> extensions = ExtensionsOf(cells[3]);
        string name = cells[0];
        string semantics = cells[9];
        if (function is { } code)
        {
            Extension half = new(ExtensionKind.High, extensions[0].Value | (code >> 7));
            extensions = [half, half, half];
            string digits = code.ToString("x2", CultureInfo.InvariantCulture);
            name = name.Replace("*", $"0x{digits}", StringComparison.Ordinal);
            semantics = semantics.Replace("*", digits, StringComparison.Ordinal);
        }
        return new()
        {
            Mnemonic = name,
            Form = FormOf(cells[1]),
            Opcode = function is { } low ? low & 127 : Hex(cells[2]),
            Extensions = extensions,
            Source1 = cells[4] == "-" ? null : Hex(cells[4]),
            Destination = cells[5] == "-" ? null : Hex(cells[5]),
            Pairs =
                cells[6] == "-"
                    ? []
                    :
                    [
                        .. cells[6]
                            .Split('/')
                            .Select(pair => new ChannelPair(pair[0] - '0', pair[1] - '0')),
                    ],
            Widths = ImmutableCollectionsMarshal.AsImmutableArray(
                Array.ConvertAll(cells[7].ToCharArray(), WidthOf)
            ),
            Legal = [.. cells[8].Split(' ').Select(LegalityOf)],
            Semantics = semantics,
        };
    }

    /// <summary>
    /// Other names with the name each stands for: a function in decimal digits, in hexadecimal ones
    /// without a leading zero, or as a word (E2K-OPS-006).
    /// </summary>
    private static Dictionary<string, string> Aliases()
    {
        static string Name(string prefix, int code) =>
            string.Create(CultureInfo.InvariantCulture, $"{prefix}0x{code:x2}");

        Dictionary<string, string> aliases = new(StringComparer.Ordinal)
        {
            ["qpcext_0x0"] = Name("qpcext_", 0),
        };
        foreach (string prefix in (ReadOnlySpan<string>)["plog_", "qplog_"])
        {
            for (int code = 0; code < 256; code++)
            {
                string name = Name(prefix, code);
                aliases[string.Create(CultureInfo.InvariantCulture, $"{prefix}{code}")] = name;
                aliases[string.Create(CultureInfo.InvariantCulture, $"{prefix}0x{code:x}")] = name;
            }
            foreach ((string word, int code) in Words)
            {
                aliases[prefix + word] = Name(prefix, code);
            }
        }
        return aliases;
    }

    private static int CodeOf(int opcode, int high) => (opcode << 9) | (high + 1);

    private void Index(Entry entry)
    {
        for (int index = 0; index < entry.Extensions.Length; index++)
        {
            Extension extension = entry.Extensions[index];
            if (entry.Extensions.IndexOf(extension) != index)
            {
                continue;
            }
            int high = extension.Kind switch
            {
                ExtensionKind.None => -1,
                ExtensionKind.Whole => extension.Value >> 8,
                _ => extension.Value,
            };
            int code = CodeOf(entry.Opcode, high);
            if (!_byCode.TryGetValue(code, out List<Entry>? alike))
            {
                _byCode.Add(code, alike = []);
            }
            int place = alike.FindIndex(other => FixedFields(other) < FixedFields(entry));
            alike.Insert(place < 0 ? alike.Count : place, entry);
        }
    }

    private static int FixedFields(Entry entry) =>
        (entry.Source1 is null ? 0 : 4)
        + (entry.Destination is null ? 0 : 2)
        + (entry.Extensions.Any(one => one.Kind == ExtensionKind.Whole) ? 1 : 0);
}
