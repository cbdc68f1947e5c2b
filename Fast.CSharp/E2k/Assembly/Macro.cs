// Macros: lines with parameters. Spec: spec/e2k/assembly.md, E2K-ASM-006.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Text;

namespace Ashlar.E2k.Assembly;

/// <summary>A parameter, with what stands for it where nothing is given.</summary>
internal sealed record MacroParameter(string Name, string Otherwise);

/// <summary>A macro.</summary>
internal sealed record Macro(
    string Name,
    ImmutableArray<MacroParameter> Parameters,
    ImmutableArray<SourceLine> Body
)
{
    private const string Rule = "E2K-ASM-006";

    /// <summary>The macro of a heading and its lines.</summary>
    internal static Macro Of(Segment heading, IEnumerable<SourceLine> body)
    {
        int finish = Words.Behind(Words.IsWord, heading.Text, 0);
        if (finish == 0)
        {
            throw heading.Problem(0, Rule, "a macro needs a name");
        }
        List<MacroParameter> parameters = [];
        string rest = heading.Text[finish..].Trim().TrimStart(',');
        foreach (string text in rest.Split(',', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] halves = text.Split('=', 2);
            string name = halves[0].Trim();
            if (Words.Behind(Words.IsNamePart, name, 0) != name.Length)
            {
                throw heading.Problem(finish, Rule, "a macro's parameters are names");
            }
            parameters.Add(new(name, halves.Length > 1 ? halves[1].Trim() : ""));
        }
        return new(heading.Text[..finish], [.. parameters], [.. body]);
    }

    /// <summary>What the parameters stand for where the macro is used.</summary>
    internal ImmutableArray<string> ValuesFor(Segment use, List<Segment> given)
    {
        if (given.Count > Parameters.Length)
        {
            throw given[Parameters.Length]
                .Problem(0, Rule, $"{use.Text} takes {Parameters.Length} arguments");
        }
        string[] values = new string[Parameters.Length];
        for (int index = 0; index < values.Length; index++)
        {
            bool isGiven = index < given.Count && given[index].Text.Length > 0;
            values[index] = isGiven ? given[index].Text : Parameters[index].Otherwise;
        }
        return [.. values];
    }

    /// <summary>A line of it with <c>\name</c> replaced by what was given.</summary>
    internal SourceLine Substituted(
        SourceLine line,
        ImmutableArray<string> values,
        SourcePlace usedAt
    )
    {
        StringBuilder text = new();
        List<int> columns = [];
        int index = 0;
        while (index < line.Text.Length)
        {
            string added = line.Text.Substring(index, 1);
            int finish = index + 1;
            if (added == "\\")
            {
                int behind = Words.Behind(Words.IsNamePart, line.Text, index + 1);
                string name = line.Text[(index + 1)..behind];
                for (int place = 0; place < Parameters.Length; place++)
                {
                    if (Parameters[place].Name == name)
                    {
                        added = values[place];
                        finish = behind;
                        break;
                    }
                }
            }
            text.Append(added);
            for (int count = 0; count < added.Length; count++)
            {
                columns.Add(line.ColumnOf(index));
            }
            if (text.Length > SourceLimits.LineLength)
            {
                throw line.Problem(
                    0,
                    "E2K-ASM-030",
                    $"a line of more than {SourceLimits.LineLength}"
                );
            }
            index = finish;
        }
        return new(line.Place with { UsedAt = usedAt }, text.ToString(), [.. columns]);
    }
}
