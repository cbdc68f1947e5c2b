// The names of the functions with an f80, which FPCR governs. Spec: spec/e2k/floating.md, E2K-F80;
// spec/e2k/semantics.md, E2K-SEM-003.
using static Ashlar.E2k.Operations.Arithmetic;
using static Ashlar.E2k.Operations.MeaningKind;

namespace Ashlar.E2k.Operations;

/// <summary>Functions with numbers of 80 bits.</summary>
internal static class ExtendedNames
{
    internal static void AddTo(Meanings names)
    {
        Every<Add>(names, "add");
        Every<Sub>(names, "sub");
        Every<Mul>(names, "mul");
        Every<Div>(names, "div");
        Shorter<ReverseSub, F32>(names, "rsub", "f32");
        Shorter<ReverseSub, F64>(names, "rsub", "f64");
        Final<F32>(names, "f32");
        Final<F64>(names, "f64");
        Root<F32>(names, "f32");
        Root<F64>(names, "f64");
        Root<F80>(names, "f80");
        Compare<F32>(names, "f32");
        Compare<F64>(names, "f64");
        Compare<F80>(names, "f80");
        Convert<F32>(names, "f32");
        Convert<F64>(names, "f64");
        names.FloatGather("toint.f80.i32", ByFpcr, ExtendedSteps.ToInt32);
        names.FloatGather("toint.f80.i64", ByFpcr, ExtendedSteps.ToInt64);
        names.FloatGather("truncint.f80.i32", ByFpcr, ExtendedSteps.TruncateToInt32);
        names.FloatGather("truncint.f80.i64", ByFpcr, ExtendedSteps.TruncateToInt64);
        names.FloatSpread("ofint.i32.f80", ByFpcr, ExtendedSteps.OfInt32);
        names.FloatSpread("ofint.i64.f80", ByFpcr, ExtendedSteps.OfInt64);
        names.FloatVector("scale.f80.i32", ByFpcr, ExtendedSteps.Scale);
    }

    private static void Every<F>(Meanings names, string stem)
        where F : IArithmetic
    {
        Shorter<F, F32>(names, stem, "f32");
        Shorter<F, F64>(names, stem, "f64");
        names.FloatVector($"{stem}.f80.f80.f32", ByFpcr, Extended<F, F80, F80, F32>.Apply);
        names.FloatVector($"{stem}.f80.f80.f64", ByFpcr, Extended<F, F80, F80, F64>.Apply);
        names.FloatVector($"{stem}.f80.f80.f80", ByFpcr, Extended<F, F80, F80, F80>.Apply);
    }

    /// <summary>With a second source of a shorter type.</summary>
    private static void Shorter<F, B>(Meanings names, string stem, string type)
        where F : IArithmetic
        where B : IFormat
    {
        names.FloatVector($"{stem}.f80.{type}.{type}", ByFpcr, Extended<F, F80, B, B>.Apply);
        names.FloatVector($"{stem}.f80.{type}.f80", ByFpcr, Extended<F, F80, B, F80>.Apply);
    }

    private static void Final<A>(Meanings names, string type)
        where A : IFormat
    {
        names.FloatVector(
            $"divfinal.{type}.f80.{type}",
            ByFpcr,
            Extended<Div, A, F80, A>.ApplyFinal
        );
        names.FloatVector(
            $"divfinal.{type}.f80.f80",
            ByFpcr,
            Extended<Div, A, F80, F80>.ApplyFinal
        );
    }

    private static void Root<A>(Meanings names, string type)
        where A : IFormat =>
        names.FloatVector($"sqrtfinal.{type}.f80", ByFpcr, ExtendedSteps.Root<A>);

    private static void Convert<A>(Meanings names, string type)
        where A : IFormat
    {
        names.FloatVector($"convert.{type}.f80", ByFpcr, ExtendedSteps.Convert<A, F80>);
        names.FloatVector($"convert.f80.{type}", ByFpcr, ExtendedSteps.Convert<F80, A>);
        names.FloatVector($"estimate.{type}.f80", ByFpcr, ExtendedSteps.Estimate<A>);
    }

    private static void Compare<B>(Meanings names, string type)
        where B : IFormat
    {
        names.FloatGather($"flags.f80.{type}", ByFpcr, ExtendedSteps.Flags<B>);
        Compare<Relation.Equal, B>(names, "eq", type);
        Compare<Relation.Not<Relation.Equal>, B>(names, "neq", type);
        Compare<Relation.Less, B>(names, "lt", type);
        Compare<Relation.Not<Relation.Less>, B>(names, "nlt", type);
        Compare<Relation.LessOrEqual, B>(names, "le", type);
        Compare<Relation.Not<Relation.LessOrEqual>, B>(names, "nle", type);
        Compare<Relation.Ordered, B>(names, "od", type);
        Compare<Relation.Not<Relation.Ordered>, B>(names, "uod", type);
    }

    private static void Compare<R, B>(Meanings names, string letters, string type)
        where R : IRelation
        where B : IFormat =>
        names.FloatGather($"is{letters}.f80.{type}", ByFpcr, ExtendedRelation<R, B>.Truth);
}
