// Widths of one number as types, so that a function is written once and the JIT sees constants.
using System.Numerics;

namespace Ashlar.E2k.Operations;

/// <summary>A width of whole numbers; patterns are kept in the low bits of 64.</summary>
internal interface IWidth
{
    static abstract int Bits { get; }
    static abstract ulong Mask { get; }

    /// <summary>The pattern as a number with a sign; bits above the width do not matter.</summary>
    static abstract long Signed(ulong a);

    /// <summary>Turned right by a count below the width; bits above the width are zero.</summary>
    static abstract ulong TurnRight(ulong a, int count);
}

internal readonly struct W8 : IWidth
{
    public static int Bits => 8;
    public static ulong Mask => 0xff;

    public static long Signed(ulong a) => (sbyte)a;

    public static ulong TurnRight(ulong a, int count) => (byte)((a >> count) | (a << (8 - count)));
}

internal readonly struct W16 : IWidth
{
    public static int Bits => 16;
    public static ulong Mask => 0xffff;

    public static long Signed(ulong a) => (short)a;

    public static ulong TurnRight(ulong a, int count) =>
        (ushort)((a >> count) | (a << (16 - count)));
}

internal readonly struct W32 : IWidth
{
    public static int Bits => 32;
    public static ulong Mask => 0xffffffff;

    public static long Signed(ulong a) => (int)a;

    public static ulong TurnRight(ulong a, int count) => BitOperations.RotateRight((uint)a, count);
}

internal readonly struct W64 : IWidth
{
    public static int Bits => 64;
    public static ulong Mask => ulong.MaxValue;

    public static long Signed(ulong a) => (long)a;

    public static ulong TurnRight(ulong a, int count) => BitOperations.RotateRight(a, count);
}
