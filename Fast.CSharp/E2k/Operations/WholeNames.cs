// The names of the functions of whole numbers and bits: what stands in the column `semantics` of
// spec/e2k/operations/channel.tsv. Spec: spec/e2k/semantics.md, E2K-SEM-002, E2K-SEM-003.
using static Ashlar.E2k.Operations.Scalar;

namespace Ashlar.E2k.Operations;

/// <summary>Functions of one number from each source, and of patterns.</summary>
internal static class WholeNames
{
    internal static void AddTo(Meanings names)
    {
        Both<Add<W32>, Add<W64>>(names, "add");
        Both<Sub<W32>, Sub<W64>>(names, "sub");
        Both<ReverseSub<W32>, ReverseSub<W64>>(names, "rsub");
        Both<Mul<W32>, Mul<W64>>(names, "mul");
        Both<And<W32>, And<W64>>(names, "and");
        Both<AndNot<W32>, AndNot<W64>>(names, "andn");
        Both<Or<W32>, Or<W64>>(names, "or");
        Both<OrNot<W32>, OrNot<W64>>(names, "orn");
        Both<Xor<W32>, Xor<W64>>(names, "xor");
        Both<XorNot<W32>, XorNot<W64>>(names, "xorn");
        Both<ShiftLeft<W32>, ShiftLeft<W64>>(names, "shl");
        Both<ShiftRight<W32>, ShiftRight<W64>>(names, "shr");
        Both<ShiftArithmetic<W32>, ShiftArithmetic<W64>>(names, "sar");
        Both<TurnLeft<W32>, TurnLeft<W64>>(names, "scl");
        Both<TurnRight<W32>, TurnRight<W64>>(names, "scr");
        Both<GetField<W32>, GetField<W64>>(names, "getf");
        Both<GetFieldCleared<W32>, GetFieldCleared<W64>>(names, "getfz");
        Both<ReverseBits<W32>, ReverseBits<W64>>(names, "bitrev");
        Both<LeadingZeros<W32>, LeadingZeros<W64>>(names, "lzcnt");
        Both<Ones<W32>, Ones<W64>>(names, "popcnt");
        Both<Move<W32>, Move<W64>>(names, "move");
        names.Scalar("pass.i64", Move<W64>.Apply);
        names.Scalar3("insf.i32", InsertField<W32>);
        names.Scalar3("insf.i64", InsertField<W64>);
        AddOneWidth(names);
        AddComparisons(names);
        AddFlags<W8>(names, "i8");
        AddFlags<W16>(names, "i16");
        AddFlags<W32>(names, "i32");
        AddFlags<W64>(names, "i64");
        AddConditions(names);
        AddMoving(names);
    }

    private static void Both<F, G>(Meanings names, string stem)
        where F : IScalar
        where G : IScalar
    {
        names.Scalar($"{stem}.i32", F.Apply);
        names.Scalar($"{stem}.i64", G.Apply);
        names.Stage($"{stem}.i32", typeof(F));
        names.Stage($"{stem}.i64", typeof(G));
    }

    private static void AddOneWidth(Meanings names)
    {
        names.Scalar("mulx.u32", Wholes.MulUnsigned);
        names.Scalar("mulx.s32", Wholes.MulSigned);
        names.Scalar("mulhigh.u64", Wholes.MulHighUnsigned);
        names.Scalar("mulhigh.s64", Wholes.MulHighSigned);
        names.Scalar("clmullow.i64", Wholes.CarrylessLow);
        names.Scalar("clmulhigh.i64", Wholes.CarrylessHigh);
        names.Scalar3("addc", Wholes.AddCarried);
        names.Scalar3("addcarry", Wholes.Carry);
        names.Scalar3("subc", Wholes.SubBorrowed);
        names.Scalar3("subborrow", Wholes.Borrow);
        names.Scalar("sxt", Wholes.Extend);
        names.Divide("div.s32", Wholes.DivideSigned32);
        names.Divide("div.s64", Wholes.DivideSigned64);
        names.Divide("div.u32", Wholes.DivideUnsigned32);
        names.Divide("div.u64", Wholes.DivideUnsigned64);
        names.Divide("divx.u64", Wholes.DivideLongUnsigned);
        names.Divide("divx.s64", Wholes.DivideLongSigned);
        names.Divide("modx.u64", Wholes.RemainderUnsigned);
        names.Divide("modx.s64", Wholes.RemainderSigned);
    }

    private static void AddComparisons(Meanings names)
    {
        names.Scalar("cmpo.i32", Comparisons.Overflow<W32>);
        names.Scalar("cmpo.i64", Comparisons.Overflow<W64>);
        names.Scalar("cmpb.i32", Comparisons.Below<W32>);
        names.Scalar("cmpb.i64", Comparisons.Below<W64>);
        names.Scalar("cmpe.i32", Comparisons.Equal<W32>);
        names.Scalar("cmpe.i64", Comparisons.Equal<W64>);
        names.Scalar("cmpbe.i32", Comparisons.BelowOrEqual<W32>);
        names.Scalar("cmpbe.i64", Comparisons.BelowOrEqual<W64>);
        names.Scalar("cmps.i32", Comparisons.Sign<W32>);
        names.Scalar("cmps.i64", Comparisons.Sign<W64>);
        names.Scalar("cmpp.i32", Comparisons.Parity);
        names.Scalar("cmpp.i64", Comparisons.Parity);
        names.Scalar("cmpl.i32", Comparisons.Less<W32>);
        names.Scalar("cmpl.i64", Comparisons.Less<W64>);
        names.Scalar("cmple.i32", Comparisons.LessOrEqual<W32>);
        names.Scalar("cmple.i64", Comparisons.LessOrEqual<W64>);
        names.Scalar("cmpande.i32", Comparisons.BothZero<W32>);
        names.Scalar("cmpande.i64", Comparisons.BothZero<W64>);
        names.Scalar("cmpands.i32", Comparisons.BothSign<W32>);
        names.Scalar("cmpands.i64", Comparisons.BothSign<W64>);
        names.Scalar("cmpandp.i32", Comparisons.BothParity);
        names.Scalar("cmpandp.i64", Comparisons.BothParity);
        names.Scalar("cmpandle.i32", Comparisons.BothLessOrEqual<W32>);
        names.Scalar("cmpandle.i64", Comparisons.BothLessOrEqual<W64>);
    }

    private static void AddFlags<W>(Meanings names, string type)
        where W : IWidth
    {
        names.Scalar3($"flagsadd.{type}", X86Flags.Add<W>);
        names.Scalar3($"flagssub.{type}", X86Flags.Sub<W>);
        names.Scalar3($"flagsinc.{type}", X86Flags.Increment<W>);
        names.Scalar3($"flagsdec.{type}", X86Flags.Decrement<W>);
        names.Scalar3($"flagsand.{type}", X86Flags.And<W>);
        names.Scalar3($"flagsandn.{type}", X86Flags.AndNot<W>);
        names.Scalar3($"flagsor.{type}", X86Flags.Or<W>);
        names.Scalar3($"flagsorn.{type}", X86Flags.OrNot<W>);
        names.Scalar3($"flagsxor.{type}", X86Flags.Xor<W>);
        names.Scalar3($"flagsxorn.{type}", X86Flags.XorNot<W>);
        names.Scalar3($"flagsshl.{type}", X86Flags.ShiftLeft<W>);
        names.Scalar3($"flagsshr.{type}", X86Flags.ShiftRight<W>);
        names.Scalar3($"flagssar.{type}", X86Flags.ShiftArithmetic<W>);
        names.Scalar3($"flagsscl.{type}", X86Flags.TurnLeft<W>);
        names.Scalar3($"flagsscr.{type}", X86Flags.TurnRight<W>);

        // A product of 64 bits has no such operation.
        if (W.Bits < 64)
        {
            names.Scalar3($"flagssmulx.{type}", X86Flags.MulSigned<W>);
            names.Scalar3($"flagsumulx.{type}", X86Flags.MulUnsigned<W>);
        }
    }

    private static void AddConditions(Meanings names)
    {
        names.Scalar("haso.i32", X86Flags.HasOverflow);
        names.Scalar("hasb.i32", X86Flags.HasCarry);
        names.Scalar("hase.i32", X86Flags.HasZero);
        names.Scalar("hasbe.i32", X86Flags.HasCarryOrZero);
        names.Scalar("hass.i32", X86Flags.HasSign);
        names.Scalar("hasp.i32", X86Flags.HasParity);
        names.Scalar("hasl.i32", X86Flags.IsLess);
        names.Scalar("hasle.i32", X86Flags.IsLessOrEqual);
    }

    /// <summary>Whole registers chosen, and tags as numbers.</summary>
    private static void AddMoving(Meanings names)
    {
        names.Moving("merge.i32", (in s) => s.Chosen ? s.Second : s.First);
        names.Moving("merge.i64", (in s) => s.Chosen ? s.Second : s.First);
        names.Moving("merge.i64x2", (in s) => s.Chosen ? s.Second : s.First);
        names.Moving("gettag.i32", (in s) => new((uint)s.Tag & 3, 0));
        names.Moving("gettag.i64", (in s) => new((uint)s.Tag & 15, 0));
    }
}
