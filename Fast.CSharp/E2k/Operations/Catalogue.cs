// From the cells of the table's column `semantics` to functions. Spec: spec/e2k/semantics.md,
// E2K-SEM-003, E2K-SEM-010.
using System;
using System.Globalization;
using System.Reflection;

namespace Ashlar.E2k.Operations;

/// <summary>The functions of operations by name.</summary>
public static class Catalogue
{
    private static readonly Meanings Names = Fill();

    /// <summary>The function that a cell names, or null where it names none.</summary>
    public static Meaning? Find(string cell)
    {
        ArgumentNullException.ThrowIfNull(cell);
        return cell.Split(' ') switch
        {
            [string one] => Names.Find(one) ?? Numbered(one),
            [string first, string second] => Compose(cell, first, second),
            _ => null,
        };
    }

    private static Meanings Fill()
    {
        Meanings names = new();
        WholeNames.AddTo(names);
        PackedNames.AddTo(names);
        FloatNames.AddTo(names);
        ExtendedNames.AddTo(names);
        return names;
    }

    /// <summary>Names with a number in two hexadecimal digits, such as `ofthree-96.i64`.</summary>
    private static Meaning? Numbered(string name)
    {
        int dash = name.IndexOf('-', StringComparison.Ordinal);
        int dot = name.IndexOf('.', StringComparison.Ordinal);

        if (
            dash < 0
            || dot < dash
            || !int.TryParse(
                name.AsSpan(dash + 1, dot - dash - 1),
                NumberStyles.HexNumber,
                CultureInfo.InvariantCulture,
                out int number
            )
        )
        {
            return null;
        }

        return (name[..dash], name[(dot + 1)..]) switch
        {
            ("ofthree", "i64") => Meanings.Of(name, (ScalarByNumber3)Shuffles.OfThree, number),
            ("ofthree", "i64x2") => Meanings.Of(name, (VectorByNumber3)Shuffles.OfThree, number),
            ("fill", "i64") => Meanings.Of(name, Shuffles.Fill, number),
            _ => null,
        };
    }

    /// <summary>E2K-SEM-010: the two stages as one generic method of both.</summary>
    private static Meaning? Compose(string cell, string first, string second)
    {
        Type? g = Names.FindStage(second);

        if (g is not null && first is "merge.i32" or "merge.i64")
        {
            return Meanings.Of(cell, Method<Choosing3>(typeof(Merged<>), "Apply", g));
        }

        return (Names.FindStage(first), g) switch
        {
            ({ } f, { } then) when Is(typeof(IScalar), f, then) => Meanings.Of(
                cell,
                Method<Scalar3>(typeof(Two<,>), "Apply", f, then)
            ),
            ({ } f, { } then) when Is(typeof(IFloatStage), f, then) => IsWide(first)
                ? Meanings.OfFloat(
                    cell,
                    MeaningKind.ByPfpfr,
                    Method<FloatVector3>(typeof(TwoStages<,>), "Wide", f, then)
                )
                : Meanings.OfFloat(
                    cell,
                    MeaningKind.ByPfpfr,
                    Method<FloatScalar3>(typeof(TwoStages<,>), "Narrow", f, then)
                ),
            _ => null,
        };
    }

    private static bool Is(Type wanted, Type first, Type second) =>
        wanted.IsAssignableFrom(first) && wanted.IsAssignableFrom(second);

    private static bool IsWide(string name) =>
        name.EndsWith("f32x4", StringComparison.Ordinal)
        || name.EndsWith("f64x2", StringComparison.Ordinal);

    private static TDelegate Method<TDelegate>(Type generic, string name, params Type[] stages)
        where TDelegate : Delegate =>
        generic
            .MakeGenericType(stages)
            .GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!
            .CreateDelegate<TDelegate>();
}
