// What lines say, macros put in place. Spec: spec/e2k/assembly.md, E2K-ASM-004 to E2K-ASM-006.
using System.Collections.Immutable;

namespace Ashlar.E2k.Assembly;

/// <summary>A statement of a source.</summary>
internal abstract record Statement
{
    private Statement() { }

    internal sealed record Label(Segment Name) : Statement;

    /// <summary>A directive's name and what stands behind it.</summary>
    internal sealed record Directive(Segment Name, Segment Rest) : Statement;

    /// <summary><c>name = expression</c>.</summary>
    internal sealed record Definition(Segment Name, Segment Value) : Statement;

    /// <summary>The opening brace, and each operation.</summary>
    internal sealed record Bundle(Segment Brace, ImmutableArray<Segment> Operations) : Statement;
}
