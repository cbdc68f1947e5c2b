// The names of the functions of many lanes. Spec: spec/e2k/packed.md, E2K-PACK;
// spec/e2k/semantics.md, E2K-SEM-002, E2K-SEM-003.
using System;
using static Ashlar.E2k.Operations.Lanes;
using static Ashlar.E2k.Operations.PackedShifts;

namespace Ashlar.E2k.Operations;

/// <summary>Functions of lanes of 64 and 128 bits.</summary>
internal static class PackedNames
{
    internal static void AddTo(Meanings names)
    {
        Lanes<Add<byte>>(names, "add", "i8");
        Lanes<Add<ushort>>(names, "add", "i16");
        Lanes<Add<uint>>(names, "add", "i32");
        names.Vector("add.i64x2", Add<ulong>.Apply);
        Lanes<Sub<byte>>(names, "sub", "i8");
        Lanes<Sub<ushort>>(names, "sub", "i16");
        Lanes<Sub<uint>>(names, "sub", "i32");
        names.Vector("sub.i64x2", Sub<ulong>.Apply);
        Lanes<Mul<ushort>>(names, "mul", "i16");
        Lanes<Mul<uint>>(names, "mul", "i32");
        names.Vector("and.i64x2", And.Apply);
        names.Vector("andn.i64x2", AndNot.Apply);
        names.Vector("or.i64x2", Or.Apply);
        names.Vector("xor.i64x2", Xor.Apply);
        Lanes<AddSaturated<sbyte>>(names, "adds", "s8");
        Lanes<AddSaturated<short>>(names, "adds", "s16");
        Lanes<AddSaturated<byte>>(names, "adds", "u8");
        Lanes<AddSaturated<ushort>>(names, "adds", "u16");
        Lanes<SubSaturated<sbyte>>(names, "subs", "s8");
        Lanes<SubSaturated<short>>(names, "subs", "s16");
        Lanes<SubSaturated<byte>>(names, "subs", "u8");
        Lanes<SubSaturated<ushort>>(names, "subs", "u16");
        Lanes<AverageBytes>(names, "avg", "u8");
        Lanes<AverageHalves>(names, "avg", "u16");
        AddExtremes(names);
        AddMasks(names);
        Lanes<Sign<sbyte>>(names, "sign", "i8");
        Lanes<Sign<short>>(names, "sign", "i16");
        Lanes<Sign<int>>(names, "sign", "i32");
        Lanes<MulHighSigned>(names, "mulh", "s16");
        Lanes<MulHighUnsigned>(names, "mulh", "u16");
        Lanes<MulHighRounded>(names, "mulhr", "i16");
        Lanes<MulBytesByHalves>(names, "mulbh", "i16");
        Lanes<MulAddHalves>(names, "madd", "i32");
        Lanes<MulAddBytes>(names, "maddb", "i16");
        AddShifts(names);
        AddAcross(names);
        AddShuffles(names);
    }

    /// <summary>The types behind the dot: as many lanes as fit in 64 and in 128 bits.</summary>
    private static (string Narrow, string Wide) Types(string lane)
    {
        int width = int.Parse(lane.AsSpan(1), System.Globalization.CultureInfo.InvariantCulture);
        return (width == 64 ? lane : $"{lane}x{64 / width}", $"{lane}x{128 / width}");
    }

    private static void Lanes<F>(Meanings names, string stem, string lane)
        where F : ILanes
    {
        (string narrow, string wide) = Types(lane);
        names.Scalar($"{stem}.{narrow}", Sized<F>.Narrow);
        names.Vector($"{stem}.{wide}", F.Apply);
    }

    private static void Mask<F>(Meanings names, string stem, string lane)
        where F : ILanes
    {
        Lanes<F>(names, stem, lane);
        (string narrow, string wide) = Types(lane);
        names.Scalar($"{stem}all.{narrow}", Sized<F>.AllNarrow);
        names.Scalar($"{stem}any.{narrow}", Sized<F>.AnyNarrow);
        names.Gather($"{stem}all.{wide}", Sized<F>.AllWide);
        names.Gather($"{stem}any.{wide}", Sized<F>.AnyWide);
    }

    private static void Shift<F>(Meanings names, string stem, string lane)
        where F : IShift
    {
        (string narrow, string wide) = Types(lane);
        names.Scalar($"{stem}.{narrow}", Shifted<F>.Narrow);
        names.ByScalar($"{stem}.{wide}", F.Apply);
    }

    private static void AddExtremes(Meanings names)
    {
        Lanes<Min<sbyte>>(names, "min", "s8");
        Lanes<Min<short>>(names, "min", "s16");
        Lanes<Min<int>>(names, "min", "s32");
        Lanes<Min<byte>>(names, "min", "u8");
        Lanes<Min<ushort>>(names, "min", "u16");
        Lanes<Min<uint>>(names, "min", "u32");
        Lanes<Max<sbyte>>(names, "max", "s8");
        Lanes<Max<short>>(names, "max", "s16");
        Lanes<Max<int>>(names, "max", "s32");
        Lanes<Max<byte>>(names, "max", "u8");
        Lanes<Max<ushort>>(names, "max", "u16");
        Lanes<Max<uint>>(names, "max", "u32");
    }

    private static void AddMasks(Meanings names)
    {
        Mask<Equal<byte>>(names, "eq", "i8");
        Mask<Equal<ushort>>(names, "eq", "i16");
        Mask<Equal<uint>>(names, "eq", "i32");
        Mask<Equal<ulong>>(names, "eq", "i64");
        Mask<Greater<sbyte>>(names, "gt", "i8");
        Mask<Greater<short>>(names, "gt", "i16");
        Mask<Greater<int>>(names, "gt", "i32");
        Mask<Greater<long>>(names, "gt", "i64");
    }

    private static void AddShifts(Meanings names)
    {
        Shift<LeftHalves>(names, "psll", "i16");
        Shift<LeftWords>(names, "psll", "i32");
        Shift<LeftLongs>(names, "psll", "i64");
        Shift<RightHalves>(names, "psrl", "i16");
        Shift<RightWords>(names, "psrl", "i32");
        Shift<RightLongs>(names, "psrl", "i64");
        Shift<ArithmeticHalves>(names, "psra", "i16");
        Shift<ArithmeticWords>(names, "psra", "i32");
        Shift<ArithmeticLongs>(names, "psra", "i64");
        Shift<TurnWords>(names, "psrc", "i32");
        Shift<TurnLongs>(names, "psrc", "i64");
    }

    private static void AddAcross(Meanings names)
    {
        names.Scalar("hadd.i16x4", Across.PairHalvesNarrow<Add<ushort>>);
        names.Vector("hadd.i16x8", Across.PairHalves<Add<ushort>>);
        names.Scalar("hadd.i32x2", Across.PairWordsNarrow<Add<uint>>);
        names.Vector("hadd.i32x4", Across.PairWords<Add<uint>>);
        names.Scalar("hsub.i16x4", Across.PairHalvesNarrow<Sub<ushort>>);
        names.Vector("hsub.i16x8", Across.PairHalves<Sub<ushort>>);
        names.Scalar("hsub.i32x2", Across.PairWordsNarrow<Sub<uint>>);
        names.Vector("hsub.i32x4", Across.PairWords<Sub<uint>>);
        names.Scalar("hadds.s16x4", Across.PairHalvesNarrow<AddSaturated<short>>);
        names.Vector("hadds.s16x8", Across.PairHalves<AddSaturated<short>>);
        names.Scalar("hsubs.s16x4", Across.PairHalvesNarrow<SubSaturated<short>>);
        names.Vector("hsubs.s16x8", Across.PairHalves<SubSaturated<short>>);
        names.Scalar("packs.i16x4", Across.PackHalvesSignedNarrow);
        names.Vector("packs.i16x8", Across.PackHalvesSigned);
        names.Scalar("packs.i32x2", Across.PackWordsSignedNarrow);
        names.Vector("packs.i32x4", Across.PackWordsSigned);
        names.Scalar("packu.i16x4", Across.PackHalvesUnsignedNarrow);
        names.Vector("packu.i16x8", Across.PackHalvesUnsigned);
        names.Scalar("packu.i32x2", Across.PackWordsUnsignedNarrow);
        names.Vector("packu.i32x4", Across.PackWordsUnsigned);
        names.Scalar("unpacklow.i8x8", Across.LowBytes);
        names.Scalar("unpackhigh.i8x8", Across.HighBytes);
        names.Scalar("unpacklow.i16x4", Across.LowHalves);
        names.Scalar("unpackhigh.i16x4", Across.HighHalves);
        names.Scalar("unpacklow.i32x2", Across.LowWords);
        names.Scalar("unpackhigh.i32x2", Across.HighWords);
        names.Scalar("sad.i64", Across.Distances);
        names.Vector("sad.i64x2", Across.Distances);
        names.Scalar("msad.i16x4", Across.SlidingDistances);
        names.Vector("msad.i16x8", Across.SlidingDistances);
        names.Scalar("minpos.i16x4", Across.Smallest);
        names.Gather("minpos.i16x8", Across.Smallest);
        names.Gather("signs.i8x16", Across.Signs);
        names.Scalar("signs2.i8x8", Across.SignsOfBytes);
        names.Scalar("signs2.i32x2", Across.SignsOfWords);
        names.Scalar("signs2.i64", Across.SignsOfLongs);
        names.ByScalar("setsigns.i8x16", Across.SetSigns);
        names.Scalar3("blend.i8x8", Across.Blend);
        names.Vector3("blend.i8x16", Across.Blend);
    }

    private static void AddShuffles(Meanings names)
    {
        names.Scalar3("shuffle8", Shuffles.Shuffle8);
        names.Vector3("shuffle16", Shuffles.Shuffle16);
        names.Vector3("permute", Shuffles.Permute);
        names.ByByte("select.i16x4", Shuffles.SelectHalves);
        names.ByByte("select2.i32x2", Shuffles.SelectWords);
        names.ByByte("bytesleft.high", Shuffles.BytesLeftHigh);
        names.ByByte("bytesleft.low", Shuffles.BytesLeftLow);
        names.ByByte("bytesright.high", Shuffles.BytesRightHigh);
        names.ByByte("bytesright.low", Shuffles.BytesRightLow);
        names.ByByte("inserthalf", Shuffles.InsertHalf);
        names.ByByte("extracthalf", Shuffles.ExtractHalf);
        names.Spread("join", Shuffles.Join);
        names.Vector("switch.i32x4", Shuffles.SwitchWords);
        names.Vector("switch.i64x2", Shuffles.SwitchLongs);
        names.Gather("exponent", Shuffles.Exponent);
        names.Spread("setexponent", Shuffles.SetExponent);
        names.Vector("movex", Shuffles.MoveExtended);
        names.Vector("absx", Shuffles.AbsoluteExtended);
        names.Vector("negx", Shuffles.NegatedExtended);
    }
}
