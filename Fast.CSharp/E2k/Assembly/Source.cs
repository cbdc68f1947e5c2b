// What an assembly reads, and what it says of places in it. Spec: spec/e2k/assembly.md, E2K-ASM-001
// and E2K-ASM-031.
using System;
using System.Globalization;
using System.Text;

namespace Ashlar.E2k.Assembly;

/// <summary>
/// Reads the file of a name: why it cannot be read, or null with the name to show for it and its
/// text. The file that names it is null for the first.
/// </summary>
public delegate string? SourceReader(string? from, string name, out string path, out string text);

/// <summary>A line of a file, and of a macro's line the line that used the macro.</summary>
public sealed record SourcePlace(string File, int Line, SourcePlace? UsedAt = null);

/// <summary>Why a source is not assembled, and where.</summary>
/// <param name="Column">From 1.</param>
public sealed record SourceProblem(SourcePlace At, int Column, Illegal Wrong)
{
    /// <summary>Uses of macros that are shown of one problem, the innermost.</summary>
    private const int UsesShown = 8;

    /// <summary>
    /// As people read it: file, line, column, what is wrong, its requirement, and the lines that
    /// used the macro it stands in (E2K-ASM-031).
    /// </summary>
    public override string ToString()
    {
        CultureInfo plain = CultureInfo.InvariantCulture;
        StringBuilder text = new();
        text.Append(plain, $"{At.File}:{At.Line}:{Column}: {Wrong.Reason} ({Wrong.Rule})");
        int uses = 0;
        for (SourcePlace? use = At.UsedAt; use is not null; use = use.UsedAt)
        {
            if (uses++ < UsesShown)
            {
                text.Append(plain, $"\n  in a macro used at {use.File}:{use.Line}");
            }
        }
        if (uses > UsesShown)
        {
            text.Append(plain, $"\n  and {uses - UsesShown} uses more");
        }
        return text.ToString();
    }
}

/// <summary>
/// How much a source may ask for (E2K-ASM-030). What a person writes is far below.
/// </summary>
internal static class SourceLimits
{
    /// <summary>Files that include one another.</summary>
    internal const int IncludeDepth = 32;

    /// <summary>Conditional parts within one another.</summary>
    internal const int ConditionDepth = 64;

    /// <summary>Macros that use one another.</summary>
    internal const int MacroDepth = 64;

    /// <summary>Names that stand for one another.</summary>
    internal const int DefinitionDepth = 64;

    /// <summary>Names replaced in a line.</summary>
    internal const int Replacements = 65_536;

    /// <summary>Lines of all files and uses of macros together.</summary>
    internal const int Lines = 1_000_000;

    /// <summary>Characters of a line, names replaced.</summary>
    internal const int LineLength = 65_536;

    /// <summary>Characters of an operation or an expression.</summary>
    internal const int OperationLength = 2_048;

    /// <summary>Bytes of a section that the file holds.</summary>
    internal const long SectionBytes = 1L << 26;

    /// <summary>Bytes of the section that is only reserved.</summary>
    internal const long ReservedBytes = 1L << 30;
}

/// <summary>Ends an assembly; never leaves the assembler.</summary>
internal sealed class SourceException(SourceProblem problem) : Exception(problem.Wrong.Reason)
{
    internal SourceProblem Problem { get; } = problem;
}
