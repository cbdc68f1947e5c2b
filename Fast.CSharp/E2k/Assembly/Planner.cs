// Statements to sections: each thing with its size and place, and names with what they stand for.
// Numbers that depend on addresses stay expressions. Spec: spec/e2k/assembly.md, E2K-ASM-010 to
// E2K-ASM-018.
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using Ashlar.E2k.Symbolic;

namespace Ashlar.E2k.Assembly;

/// <summary>Makes a plan.</summary>
internal sealed partial class Planner
{
    private readonly Plan _plan = new();
    private readonly CodeWriter _writer;
    private SectionKind _current = SectionKind.Text;
    private int _order;

    private Planner(CodeWriter writer) => _writer = writer;

    private Standing Standing => new(_order, new(_current, _plan.SizeOf(_current)));

    /// <summary>The plan of statements.</summary>
    internal static Plan Of(List<Statement> statements, CodeWriter writer)
    {
        Planner planner = new(writer);
        foreach (Statement statement in statements)
        {
            planner._order++;
            planner.Take(statement);
        }
        return planner._plan;
    }

    private void Take(Statement statement)
    {
        switch (statement)
        {
            case Statement.Label label:
                TakeLabel(label.Name);
                break;
            case Statement.Directive directive:
                TakeDirective(directive.Name, directive.Rest);
                break;
            case Statement.Definition definition:
                Position place = PlaceOf(definition.Value);
                Define(definition.Name, place, mayChange: true);
                break;
            case Statement.Bundle bundle:
                TakeBundle(bundle.Brace, bundle.Operations);
                break;
        }
    }

    private Position PlaceOf(Segment segment) => Expressions.Place(_plan.Names, Standing, segment);

    private long ConstantOf(Segment segment) =>
        Expressions.Constant(_plan.Names, Standing, segment);

    private void Put(Segment segment, long size, Content content) =>
        _plan.Put(_current, _order, segment, size, content);

    private void TakeLabel(Segment name)
    {
        if (name.Text.All(char.IsAsciiDigit))
        {
            _plan.Names.AddLocal(name.Text, Standing);
        }
        else
        {
            Define(name, Standing.Here, mayChange: false);
        }
    }

    /// <summary>A name gets its meaning once (E2K-ASM-015).</summary>
    private void Define(Segment name, Position place, bool mayChange)
    {
        string text = name.Text;
        bool isName =
            text.Length > 0 && text != "." && text.All(Words.IsWord) && !char.IsAsciiDigit(text[0]);
        if (!isName)
        {
            throw name.Problem(0, "E2K-ASM-015", "this is no name");
        }
        if (
            _plan.Names.Symbols.TryGetValue(text, out Position known)
            && (known.Section is not null || !mayChange)
        )
        {
            throw name.Problem(0, "E2K-ASM-015", $"{text} is defined twice");
        }
        _plan.Names.Symbols[text] = place;
    }

    private void TakeBundle(Segment brace, ImmutableArray<Segment> segments)
    {
        // Only what does not depend on addresses is a number now; the rest is resolved later.
        long? Known(string name) =>
            _plan.Names.Find(Standing, name) is { Section: null, Offset: var number }
                ? number
                : null;

        List<Operation> operations = [];
        foreach (Segment segment in segments)
        {
            if (
                OperationParser.TryParse(segment.Text, Known, out Operation? operation) is { } fault
            )
            {
                throw segment.Problem(fault);
            }
            operations.Add(operation!);
        }
        if (_writer.TrySize(operations, out uint[] words) is { } wrong)
        {
            throw Blamed(brace, segments, operations, wrong);
        }
        if (_current != SectionKind.Text)
        {
            throw brace.Problem(0, "E2K-ASM-010", "bundles stand in .text");
        }
        if (_plan.SizeOf(SectionKind.Text) % Plan.Syllable != 0)
        {
            throw brace.Problem(0, "E2K-ASM-011", "a bundle begins at a multiple of 8");
        }
        Put(brace, sizeof(uint) * (long)words.Length, new Content.Code(brace, [.. operations]));
    }

    /// <summary>
    /// Of a bundle that is illegal the operation that is so by itself, if one is (E2K-ASM-031).
    /// </summary>
    private SourceException Blamed(
        Segment brace,
        ImmutableArray<Segment> segments,
        List<Operation> operations,
        Illegal wrong
    )
    {
        for (int index = 0; index < operations.Count; index++)
        {
            if (_writer.TrySize([operations[index]], out _) is { } own)
            {
                return segments[index].Problem(0, own.Rule, own.Reason);
            }
        }
        return brace.Problem(0, wrong.Rule, wrong.Reason);
    }
}
