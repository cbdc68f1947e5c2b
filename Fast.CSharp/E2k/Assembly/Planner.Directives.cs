// What directives do. Spec: spec/e2k/assembly.md, E2K-ASM-010 to E2K-ASM-018.
using System.Collections.Generic;
using System.Linq;

namespace Ashlar.E2k.Assembly;

internal sealed partial class Planner
{
    private const int BoundaryMax = 4096;
    private const int PowerMax = 12;
    private const int WidthMax = 8;

    private void TakeDirective(Segment name, Segment rest)
    {
        List<Segment> given = rest.Arguments();
        switch (name.Text)
        {
            case ".text" or ".data" or ".rodata" or ".bss" when given.Count == 0:
                _current = Sections.Named(name.Text)!.Value;
                break;
            case ".section" when given is [var section, ..]:
                _current =
                    Sections.Named(section.Text)
                    ?? throw section.Problem(
                        0,
                        "E2K-ASM-010",
                        $"there is no section {section.Text}"
                    );
                break;
            case ".align" or ".balign" when given.Count is 1 or 2:
                long boundary = ConstantOf(given[0]);
                Align(rest, boundary, given.Count == 2 ? ConstantOf(given[1]) : 0);
                break;
            case ".p2align" when given is [var power]:
                long shift = ConstantOf(power);
                Align(rest, shift is < 0 or > PowerMax ? 0 : 1L << (int)shift, 0);
                break;
            case ".align" or ".balign" or ".p2align":
                throw Wants(name, rest, "E2K-ASM-011", "a boundary");
            case ".ascii" or ".asciz" or ".string":
                Texts(name, rest, given);
                break;
            case ".space" or ".skip" or ".zero" or ".fill":
                Repeats(name, rest, given);
                break;
            case ".equ" or ".set" when given is [var defined, var value]:
                Position place = PlaceOf(value);
                Define(defined, place, mayChange: name.Text == ".set");
                break;
            case ".equ" or ".set":
                throw Wants(name, rest, "E2K-ASM-015", "a name and a number");
            case ".global" or ".globl" or ".type" or ".size":
                Describes(name, rest, given);
                break;
            default:
                Numbers(name, given);
                break;
        }
    }

    private static SourceException Wants(Segment name, Segment rest, string rule, string what) =>
        rest.Problem(0, rule, $"{name.Text} wants {what}");

    /// <summary>Fills up to a multiple of a power of two (E2K-ASM-011).</summary>
    private void Align(Segment segment, long boundary, long fill)
    {
        if (boundary is <= 0 or > BoundaryMax || (boundary & (boundary - 1)) != 0)
        {
            throw segment.Problem(0, "E2K-ASM-011", "a power of two up to 4096 is wanted");
        }
        _plan.AlignTo(_current, boundary);
        long missing = -_plan.SizeOf(_current) & (boundary - 1);
        if (missing > 0)
        {
            Put(segment, missing, new Content.Repeated(missing, 1, fill));
        }
    }

    private void Texts(Segment name, Segment rest, List<Segment> given)
    {
        if (given.Count == 0)
        {
            throw Wants(name, rest, "E2K-ASM-013", "a text in quotes");
        }
        foreach (Segment text in given)
        {
            byte[] bytes = QuotedText.BytesOf(text);
            if (name.Text != ".ascii")
            {
                bytes = [.. bytes, 0];
            }
            Put(text, bytes.Length, new Content.Bytes(bytes));
        }
    }

    /// <summary>The same number many times (E2K-ASM-014).</summary>
    private void Repeats(Segment name, Segment rest, List<Segment> given)
    {
        bool isFill = name.Text == ".fill";
        int most =
            isFill ? 3
            : name.Text == ".zero" ? 1
            : 2;
        if (given.Count == 0 || given.Count > most)
        {
            throw Wants(name, rest, "E2K-ASM-014", "a count");
        }
        long count = ConstantOf(given[0]);
        long width = isFill && given.Count > 1 ? ConstantOf(given[1]) : 1;
        int place = isFill ? 2 : 1;
        long value = given.Count > place ? ConstantOf(given[place]) : 0;
        if (count < 0 || width is < 0 or > WidthMax)
        {
            throw name.Problem(
                0,
                "E2K-ASM-014",
                "a count from 0 and a size from 0 to 8 are wanted"
            );
        }
        if (count > SourceLimits.ReservedBytes)
        {
            throw name.Problem(0, "E2K-ASM-030", "the section has too many bytes");
        }
        Put(name, count * width, new Content.Repeated(count, (int)width, value));
    }

    /// <summary>What is said of names beside their places (E2K-ASM-015).</summary>
    private void Describes(Segment name, Segment rest, List<Segment> given)
    {
        switch (name.Text)
        {
            case ".global" or ".globl" when given.Count > 0:
                _plan.Global.UnionWith(given.Select(one => one.Text));
                break;
            case ".type" when given is [var typed, var kind]:
                switch (kind.Text.TrimStart('#', '@', '%'))
                {
                    case "function":
                        _plan.Functions.Add(typed.Text);
                        break;
                    case "object":
                        break;
                    default:
                        throw kind.Problem(0, "E2K-ASM-015", "a type is #function or #object");
                }
                break;
            case ".size" when given is [var sized, var extent]:
                _plan.Extents[sized.Text] = (extent, Standing);
                break;
            default:
                throw Wants(name, rest, "E2K-ASM-015", "a name");
        }
    }

    /// <summary>Numbers; they wait for addresses (E2K-ASM-012).</summary>
    private void Numbers(Segment name, List<Segment> given)
    {
        int width = name.Text switch
        {
            ".byte" => 1,
            ".hword" or ".short" or ".2byte" => 2,
            ".word" or ".long" or ".int" or ".4byte" => 4,
            ".dword" or ".quad" or ".8byte" => 8,
            _ => throw name.Problem(0, "E2K-ASM-018", $"{name.Text} is no directive here"),
        };
        foreach (Segment number in given)
        {
            if (number.Text.Length == 0)
            {
                throw number.Problem(0, "E2K-ASM-012", "a number is wanted");
            }
        }
        if (given.Count == 0)
        {
            throw name.Problem(0, "E2K-ASM-012", "a number is wanted");
        }
        Put(name, (long)width * given.Count, new Content.Numbers(width, [.. given]));
    }
}
