// One number from each source: arithmetic, logic, shifts, fields, counts. Sources may have bits
// above the width; results have none. Spec: spec/e2k/semantics.md, E2K-INT.
using System.Numerics;

namespace Ashlar.E2k.Operations;

/// <summary>A function of the low bits of two sources.</summary>
internal interface IScalar
{
    static abstract ulong Apply(ulong a, ulong b);
}

/// <summary>The functions, by width.</summary>
internal static class Scalar
{
    /// <summary>E2K-INT-001.</summary>
    internal readonly struct Add<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => (a + b) & W.Mask;
    }

    /// <summary>E2K-INT-001.</summary>
    internal readonly struct Sub<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => (a - b) & W.Mask;
    }

    /// <summary>E2K-SEM-010: the difference the other way round.</summary>
    internal readonly struct ReverseSub<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => (b - a) & W.Mask;
    }

    /// <summary>E2K-INT-001.</summary>
    internal readonly struct Mul<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => (a * b) & W.Mask;
    }

    /// <summary>E2K-INT-002.</summary>
    internal readonly struct And<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => a & b & W.Mask;
    }

    /// <summary>E2K-INT-002.</summary>
    internal readonly struct AndNot<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => a & ~b & W.Mask;
    }

    /// <summary>E2K-INT-002.</summary>
    internal readonly struct Or<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => (a | b) & W.Mask;
    }

    /// <summary>E2K-INT-002.</summary>
    internal readonly struct OrNot<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => (a | ~b) & W.Mask;
    }

    /// <summary>E2K-INT-002.</summary>
    internal readonly struct Xor<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => (a ^ b) & W.Mask;
    }

    /// <summary>E2K-INT-002.</summary>
    internal readonly struct XorNot<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => (a ^ ~b) & W.Mask;
    }

    /// <summary>E2K-INT-003.</summary>
    internal readonly struct ShiftLeft<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => (a << Modulo<W>(b)) & W.Mask;
    }

    /// <summary>E2K-INT-003.</summary>
    internal readonly struct ShiftRight<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => (a & W.Mask) >> Modulo<W>(b);
    }

    /// <summary>E2K-INT-003.</summary>
    internal readonly struct ShiftArithmetic<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) =>
            Planted.Is(Bug.ArithmeticShiftForgetsSign) && W.Bits == 32
                ? ShiftRight<W>.Apply(a, b)
                : (ulong)(W.Signed(a) >> Modulo<W>(b)) & W.Mask;
    }

    /// <summary>E2K-INT-003.</summary>
    internal readonly struct TurnRight<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => W.TurnRight(a & W.Mask, Modulo<W>(b));
    }

    /// <summary>E2K-INT-003.</summary>
    internal readonly struct TurnLeft<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) =>
            W.TurnRight(a & W.Mask, (W.Bits - Modulo<W>(b)) & (W.Bits - 1));
    }

    /// <summary>E2K-INT-004.</summary>
    internal readonly struct GetField<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b)
        {
            // The byte that the sign is in, and its place there, which is that of the highest bit.
            int highest = (int)b + (int)(b >> 6) - 1;
            int place = (((int)(b >> 13) & (W.Bits / 8 - 1)) * 8) + (highest & 7);
            place = Planted.Is(Bug.FieldSignAnywhere) ? highest & (W.Bits - 1) : place;
            ulong above = ulong.MaxValue << Modulo<W>(b >> 6);
            ulong sign = ((a & W.Mask) >> place) & (b >> 12) & 1;
            return (W.TurnRight(a & W.Mask, Modulo<W>(b)) & ~above) | ((0 - sign) & above & W.Mask);
        }
    }

    /// <summary>E2K-INT-005.</summary>
    internal readonly struct GetFieldCleared<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b)
        {
            ulong turned = W.TurnRight(a & W.Mask, Modulo<W>(b));
            ulong above = ulong.MaxValue << Modulo<W>(b >> 6);
            // The highest bit kept, if there is one and bit 12 asks for it.
            ulong sign = turned & ~above & ((~above >> 1) + 1) & (0 - ((b >> 12) & 1));
            ulong field = (turned & ~above) | (sign == 0 ? 0 : above & W.Mask);
            return field & (ulong.MaxValue << ((int)(b >> 13) & 7));
        }
    }

    /// <summary>E2K-INT-007.</summary>
    internal readonly struct ReverseBits<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b)
        {
            b = ((b >> 1) & 0x5555555555555555) | ((b & 0x5555555555555555) << 1);
            b = ((b >> 2) & 0x3333333333333333) | ((b & 0x3333333333333333) << 2);
            b = ((b >> 4) & 0x0f0f0f0f0f0f0f0f) | ((b & 0x0f0f0f0f0f0f0f0f) << 4);
            return System.Buffers.Binary.BinaryPrimitives.ReverseEndianness(b) >> (64 - W.Bits);
        }
    }

    /// <summary>E2K-INT-007.</summary>
    internal readonly struct LeadingZeros<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) =>
            (ulong)(BitOperations.LeadingZeroCount(b & W.Mask) - (64 - W.Bits));
    }

    /// <summary>E2K-INT-007.</summary>
    internal readonly struct Ones<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => (ulong)BitOperations.PopCount(b & W.Mask);
    }

    /// <summary>The second source as it is.</summary>
    internal readonly struct Move<W> : IScalar
        where W : IWidth
    {
        public static ulong Apply(ulong a, ulong b) => b & W.Mask;
    }

    /// <summary>E2K-INT-006: the third source's low bits put into the turned first.</summary>
    internal static ulong InsertField<W>(ulong a, ulong b, ulong c)
        where W : IWidth
    {
        ulong mask = (1UL << Modulo<W>(b >> 6)) - 1;
        mask = Planted.Is(Bug.InsertedFieldTooLong) ? (mask << 1) | 1 : mask;
        ulong turned = W.TurnRight(a & W.Mask, Modulo<W>(b));
        return (turned & ~mask) | (c & mask);
    }

    private static int Modulo<W>(ulong count)
        where W : IWidth => (int)count & (Planted.Is(Bug.ShiftCountBeyondWidth) ? 63 : W.Bits - 1);
}
