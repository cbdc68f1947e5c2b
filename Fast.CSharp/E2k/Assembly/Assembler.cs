// Sources to programs: addresses for what is planned, and the bytes. Spec: spec/e2k/assembly.md,
// E2K-ASM-020 to E2K-ASM-022.
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;

namespace Ashlar.E2k.Assembly;

/// <summary>Assembles sources.</summary>
public static class Assembler
{
    /// <summary>The address of a program's headers, before its code (E2K-ASM-020).</summary>
    public const long FirstAddress = 0x10000;

    /// <summary>The program of a source; null where there is one, else what is wrong.</summary>
    /// <param name="version">Of the instruction set, 2 to 7.</param>
    /// <param name="read">Reads the source and what it includes.</param>
    /// <param name="defined">
    /// Names with the texts they stand for, as if the source defined them.
    /// </param>
    /// <param name="name">Of the source.</param>
    public static SourceProblem? TryAssemble(
        int version,
        SourceReader read,
        IReadOnlyDictionary<string, string> defined,
        string name,
        out ProgramImage? image
    )
    {
        image = null;
        try
        {
            List<SourceLine> lines = Preprocessor.Lines(read, defined, name);
            CodeWriter writer = new(version);
            Plan plan = Planner.Of(StatementReader.Of(lines), writer);
            if (plan.SizeOf(SectionKind.Text) == 0)
            {
                return new(new(name, 1), 1, new("E2K-ASM-021", "there is no code in .text"));
            }
            image = Link(version, plan, writer);
            return null;
        }
        catch (SourceException wrong)
        {
            return wrong.Problem;
        }
    }

    /// <summary>Whether a text can be a defined name (E2K-ASM-003).</summary>
    public static bool IsName(string text) =>
        text.Length > 0 && Words.IsNameStart(text[0]) && text.All(Words.IsNamePart);

    /// <summary>The file of a program that was assembled.</summary>
    public static byte[] FileOf(ProgramImage image) =>
        ProgramWriter.Write((ulong)FirstAddress, image);

    /// <summary>The program of a plan; it begins where E2K-ASM-021 says.</summary>
    private static ProgramImage Link(int version, Plan plan, CodeWriter writer)
    {
        Placement placement = new(plan);
        ContentWriter content = new(plan, placement, writer);
        Dictionary<SectionKind, byte[]> bytes = content.Write();
        ImmutableArray<SectionKind> present =
        [
            .. Sections.All.Where(section => plan.SizeOf(section) > 0),
        ];
        long entry = plan.Names.Symbols.TryGetValue("_start", out Position start)
            ? start.NumberAt(placement.AddressOf)
            : placement.AddressOf(SectionKind.Text);
        return new(
            version,
            (ulong)entry,
            [
                .. present.Select(section => new ProgramSection(
                    Sections.NameOf(section),
                    (ulong)placement.AddressOf(section),
                    bytes.GetValueOrDefault(section, []),
                    (ulong)plan.SizeOf(section)
                )
                {
                    IsExecutable = section == SectionKind.Text,
                    IsWritable = section is SectionKind.Data or SectionKind.Reserved,
                }),
            ],
            [.. SymbolsOf(plan, placement, present)]
        );
    }

    private static IEnumerable<ProgramSymbol> SymbolsOf(
        Plan plan,
        Placement placement,
        ImmutableArray<SectionKind> present
    )
    {
        foreach ((string name, Position place) in plan.Names.Symbols)
        {
            int index = place.Section is { } section ? present.IndexOf(section) : -1;
            yield return new(
                name,
                (ulong)place.NumberAt(placement.AddressOf),
                ExtentOf(name, plan, placement),
                index < 0 ? null : index
            )
            {
                IsGlobal = plan.Global.Contains(name),
                IsFunction = plan.Functions.Contains(name),
            };
        }
    }

    /// <summary>What <c>.size</c> gives; 0 where that is no number.</summary>
    private static ulong ExtentOf(string name, Plan plan, Placement placement)
    {
        if (!plan.Extents.TryGetValue(name, out (Segment Extent, Standing Standing) said))
        {
            return 0;
        }
        try
        {
            return (ulong)
                Expressions.Number(placement.AddressOf, plan.Names, said.Standing, said.Extent);
        }
        catch (SourceException)
        {
            return 0;
        }
    }
}
