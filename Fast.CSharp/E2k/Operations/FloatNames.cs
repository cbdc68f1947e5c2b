// The names of the functions of packed and scalar floating-point numbers, which PFPFR governs.
// Spec: spec/e2k/floating.md, E2K-FP; spec/e2k/semantics.md, E2K-SEM-003.
using static Ashlar.E2k.Operations.Arithmetic;
using static Ashlar.E2k.Operations.MeaningKind;

namespace Ashlar.E2k.Operations;

/// <summary>Functions of numbers of 32 and 64 bits.</summary>
internal static class FloatNames
{
    internal static void AddTo(Meanings names)
    {
        Every<Add>(names, "add");
        Every<Sub>(names, "sub");
        Every<ReverseSub>(names, "rsub");
        Every<Mul>(names, "mul");
        Every<AddSub>(names, "addsub");
        Narrow<Singles<Div, OneSingle>>(names, "div.f32");
        Narrow<Doubles<Div, OneDouble>>(names, "div.f64");
        Narrow<Singles<Sqrt, OneSingle>>(names, "sqrt.f32");
        Narrow<Singles<Sqrt, TwoSingles>>(names, "sqrt.f32x2");
        Narrow<Doubles<SqrtFinal, OneDouble>>(names, "sqrtfinal.f64");
        Narrow<Singles<Reciprocal, OneSingle>>(names, "rcp.f32");
        Narrow<ReciprocalRoot>(names, "rsqrt.f32");
        Narrow<NeighboursOfTwo<Add>>(names, "hadd.f32x2");
        Narrow<NeighboursOfTwo<Sub>>(names, "hsub.f32x2");
        Wide<NeighboursOfFour<Add>>(names, "hadd.f32x4");
        Wide<NeighboursOfFour<Sub>>(names, "hsub.f32x4");
        Fused<Plus>(names, "madd");
        Fused<Minus>(names, "msub");
        Fused<NegatedPlus>(names, "nmadd");
        Fused<NegatedMinus>(names, "nmsub");
        FusedWide<PlusMinus>(names, "maddsub");
        FusedWide<MinusPlus>(names, "msubadd");
        Extreme<Minimum>(names, "min");
        Extreme<Maximum>(names, "max");
        Compare<Relation.Equal>(names, "eq");
        Compare<Relation.Not<Relation.Equal>>(names, "neq");
        Compare<Relation.Less>(names, "lt");
        Compare<Relation.Not<Relation.Less>>(names, "nlt");
        Compare<Relation.LessOrEqual>(names, "le");
        Compare<Relation.Not<Relation.LessOrEqual>>(names, "nle");
        Compare<Relation.Ordered>(names, "od");
        Compare<Relation.Not<Relation.Ordered>>(names, "uod");
        names.Float("flags.f32.f32", ByPfpfr, RelationFlags.OfSingles);
        names.Float("flags.f64.f64", ByPfpfr, RelationFlags.OfDoubles);
        Narrow<IntegralSingles<OneSingle>>(names, "integral.f32");
        Narrow<IntegralSingles<TwoSingles>>(names, "integral.f32x2");
        Wide<IntegralSingles<FourSingles>>(names, "integral.f32x4");
        Narrow<IntegralDoubles<OneDouble>>(names, "integral.f64");
        Wide<IntegralDoubles<TwoDoubles>>(names, "integral.f64x2");
        AddFormats(names);
        ToIntegers<InForce>(names, "toint");
        ToIntegers<TowardsZero>(names, "truncint");
        AddOfIntegers(names);
    }

    private static void Narrow<F>(Meanings names, string name)
        where F : IFloatStage
    {
        names.Float(name, ByPfpfr, Staged<F>.Narrow);
        names.Stage(name, typeof(F));
    }

    private static void Wide<F>(Meanings names, string name)
        where F : IFloatStage
    {
        names.FloatVector(name, ByPfpfr, Staged<F>.Wide);
        names.Stage(name, typeof(F));
    }

    private static void Every<F>(Meanings names, string stem)
        where F : IArithmetic
    {
        Narrow<Singles<F, OneSingle>>(names, $"{stem}.f32");
        Narrow<Singles<F, TwoSingles>>(names, $"{stem}.f32x2");
        Wide<Singles<F, FourSingles>>(names, $"{stem}.f32x4");
        Narrow<Doubles<F, OneDouble>>(names, $"{stem}.f64");
        Wide<Doubles<F, TwoDoubles>>(names, $"{stem}.f64x2");
    }

    private static void Fused<K>(Meanings names, string stem)
        where K : ITurns
    {
        names.Float3($"{stem}.f32", ByPfpfr, FusedSingles<K, OneSingle>.Narrow);
        names.Float3($"{stem}.f64", ByPfpfr, FusedDoubles<K, OneDouble>.Narrow);
        FusedWide<K>(names, stem);
    }

    private static void FusedWide<K>(Meanings names, string stem)
        where K : ITurns
    {
        names.FloatVector3($"{stem}.f32x4", ByPfpfr, FusedSingles<K, FourSingles>.Wide);
        names.FloatVector3($"{stem}.f64x2", ByPfpfr, FusedDoubles<K, TwoDoubles>.Wide);
    }

    private static void Extreme<M>(Meanings names, string stem)
        where M : IMaximum
    {
        Narrow<ExtremeSingles<OneSingle, M>>(names, $"{stem}.f32");
        Narrow<ExtremeSingles<TwoSingles, M>>(names, $"{stem}.f32x2");
        Wide<ExtremeSingles<FourSingles, M>>(names, $"{stem}.f32x4");
        Narrow<ExtremeDoubles<OneDouble, M>>(names, $"{stem}.f64");
        Wide<ExtremeDoubles<TwoDoubles, M>>(names, $"{stem}.f64x2");
    }

    private static void Compare<R>(Meanings names, string letters)
        where R : IRelation
    {
        Narrow<ComparedSingles<R, OneSingle>>(names, $"cmp{letters}.f32");
        Narrow<ComparedSingles<R, TwoSingles>>(names, $"cmp{letters}.f32x2");
        Wide<ComparedSingles<R, FourSingles>>(names, $"cmp{letters}.f32x4");
        Narrow<ComparedDoubles<R, OneDouble>>(names, $"cmp{letters}.f64");
        Wide<ComparedDoubles<R, TwoDoubles>>(names, $"cmp{letters}.f64x2");
        names.Float(
            $"is{letters}.f32.f32",
            ByPfpfr,
            RelationFlags.Truth<ComparedSingles<R, OneSingle>>
        );
        names.Float(
            $"is{letters}.f64.f64",
            ByPfpfr,
            RelationFlags.Truth<ComparedDoubles<R, OneDouble>>
        );
    }

    private static void AddFormats(Meanings names)
    {
        names.Float("convert.f32.f64", ByPfpfr, Conversions.SingleToDouble);
        names.Float("convert.f64.f32", ByPfpfr, Conversions.DoubleToSingle);
        names.FloatSpread("convert.f32x2.f64", ByPfpfr, Conversions.SinglesToDoubles);
        names.FloatGather("convert.f64x2.f32", ByPfpfr, Conversions.DoublesToSingles);
        names.Float("scale.f32.i32", ByPfpfr, Conversions.ScaleSingle);
        names.Float("scale.f64.i32", ByPfpfr, Conversions.ScaleDouble);
    }

    private static void ToIntegers<K>(Meanings names, string stem)
        where K : IDirected
    {
        names.Float($"{stem}.f32.i32", ByPfpfr, Conversions.SingleToInt32<K>);
        names.Float($"{stem}.f32.i64", ByPfpfr, Conversions.SingleToInt64<K>);
        names.Float($"{stem}.f64.i32", ByPfpfr, Conversions.DoubleToInt32<K>);
        names.Float($"{stem}.f64.i64", ByPfpfr, Conversions.DoubleToInt64<K>);
        names.Float($"{stem}.f32x2.i32", ByPfpfr, Conversions.SinglesToInts32<K>);
        names.FloatSpread($"{stem}.f32x2.i64", ByPfpfr, Conversions.SinglesToInts64<K>);
        names.FloatVector($"{stem}.f32x4.i32", ByPfpfr, Conversions.FourToInts32<K>);
        names.FloatGather($"{stem}.f64x2.i32", ByPfpfr, Conversions.DoublesToInts32<K>);
        names.FloatVector($"{stem}.f64x2.i64", ByPfpfr, Conversions.DoublesToInts64<K>);
    }

    private static void AddOfIntegers(Meanings names)
    {
        names.Float("ofint.i32.f32", ByPfpfr, Conversions.Int32ToSingle);
        names.Float("ofint.i64.f32", ByPfpfr, Conversions.Int64ToSingle);
        names.Float("ofint.i32.f64", ByPfpfr, Conversions.Int32ToDouble);
        names.Float("ofint.i64.f64", ByPfpfr, Conversions.Int64ToDouble);
        names.Float("ofint.i32x2.f32", ByPfpfr, Conversions.Ints32ToSingles);
        names.FloatSpread("ofint.i32x2.f64", ByPfpfr, Conversions.Ints32ToDoubles);
        names.FloatVector("ofint.i32x4.f32", ByPfpfr, Conversions.FourInts32ToSingles);
        names.FloatGather("ofint.i64x2.f32", ByPfpfr, Conversions.Ints64ToSingles);
        names.FloatVector("ofint.i64x2.f64", ByPfpfr, Conversions.Ints64ToDoubles);
    }
}
