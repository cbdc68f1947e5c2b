// Sections with what is in them, before they have addresses. Spec: spec/e2k/assembly.md,
// E2K-ASM-010 to E2K-ASM-018.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using Ashlar.E2k.Symbolic;

namespace Ashlar.E2k.Assembly;

/// <summary>What stands at a place of a section.</summary>
internal abstract record Content
{
    private Content() { }

    /// <summary>A bundle or a pair of fetch instructions.</summary>
    internal sealed record Code(Segment Brace, ImmutableArray<Operation> Operations) : Content;

    /// <summary>Numbers of so many bytes each.</summary>
    internal sealed record Numbers(int Width, ImmutableArray<Segment> Values) : Content;

    internal sealed record Bytes(byte[] Values) : Content;

    /// <summary>So many times a number of so many bytes.</summary>
    internal sealed record Repeated(long Count, int Width, long Value) : Content;
}

/// <summary>A content and where it stands.</summary>
internal sealed record Item(SectionKind Section, long Offset, int Order, Content Content)
{
    internal Standing Standing => new(Order, new(Section, Offset));
}

/// <summary>What a source puts where.</summary>
internal sealed class Plan
{
    private readonly long[] _sizes = new long[Sections.All.Length];
    private readonly long[] _alignments = new long[Sections.All.Length];

    internal Plan()
    {
        Array.Fill(_alignments, 1);
        AlignTo(SectionKind.Text, Syllable);
    }

    /// <summary>What bundles begin at a multiple of.</summary>
    internal const int Syllable = 8;

    internal List<Item> Items { get; } = [];

    internal NameTable Names { get; } = new();

    internal HashSet<string> Global { get; } = new(StringComparer.Ordinal);

    internal HashSet<string> Functions { get; } = new(StringComparer.Ordinal);

    /// <summary>The sizes that <c>.size</c> gives.</summary>
    internal Dictionary<string, (Segment Extent, Standing Standing)> Extents { get; } =
        new(StringComparer.Ordinal);

    internal long SizeOf(SectionKind section) => _sizes[(int)section];

    /// <summary>What the address of a section is a multiple of.</summary>
    internal long AlignmentOf(SectionKind section) => _alignments[(int)section];

    internal void AlignTo(SectionKind section, long boundary) =>
        _alignments[(int)section] = Math.Max(_alignments[(int)section], boundary);

    /// <summary>A content of so many bytes at the end of a section.</summary>
    internal void Put(SectionKind section, int order, Segment segment, long size, Content content)
    {
        long offset = SizeOf(section);
        bool isReserved = section == SectionKind.Reserved;
        long most = isReserved ? SourceLimits.ReservedBytes : SourceLimits.SectionBytes;
        if (size < 0 || size > most - offset)
        {
            throw segment.Problem(
                0,
                "E2K-ASM-030",
                $"the section {Sections.NameOf(section)} has more than {most} bytes"
            );
        }
        if (isReserved && size > 0 && content is not Content.Repeated { Value: 0 })
        {
            throw segment.Problem(0, "E2K-ASM-010", ".bss holds nothing but zeros");
        }
        Items.Add(new(section, offset, order, content));
        _sizes[(int)section] = offset + size;
    }
}
