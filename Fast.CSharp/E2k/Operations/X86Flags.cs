// A flags register as x86 has it: what operations leave in it, and conditions on it.
// Spec: spec/e2k/semantics.md, E2K-INT-030, E2K-INT-031.
using System.Numerics;

namespace Ashlar.E2k.Operations;

/// <summary>Flags after an operation of a width, and tests of flags.</summary>
internal static class X86Flags
{
    private const ulong Carry = 0x001;
    private const ulong Parity = 0x004;
    private const ulong Auxiliary = 0x010;
    private const ulong Zero = 0x040;
    private const ulong Sign = 0x080;
    private const ulong Overflow = 0x800;

    internal static ulong Add<W>(ulong a, ulong b, ulong old)
        where W : IWidth
    {
        a &= W.Mask;
        ulong sum = (a + b) & W.Mask;

        return OfResult<W>(sum)
            | If(sum < a, Carry)
            | ((a ^ b ^ sum) & Auxiliary)
            | If(
                W.Signed((a ^ sum) & (Planted.Is(Bug.OverflowOfEqualSigns) ? ~b ^ sum : b ^ sum))
                    < 0,
                Overflow
            );
    }

    internal static ulong Sub<W>(ulong a, ulong b, ulong old)
        where W : IWidth
    {
        a &= W.Mask;
        b &= W.Mask;
        ulong difference = (a - b) & W.Mask;

        return OfResult<W>(difference)
            | If(a < b, Carry)
            | ((a ^ b ^ difference) & Auxiliary)
            | If(W.Signed((a ^ b) & (a ^ difference)) < 0, Overflow);
    }

    internal static ulong Increment<W>(ulong a, ulong b, ulong old)
        where W : IWidth => (Add<W>(a, b, old) & ~Carry) | (old & Carry);

    internal static ulong Decrement<W>(ulong a, ulong b, ulong old)
        where W : IWidth => (Sub<W>(a, b, old) & ~Carry) | (old & Carry);

    internal static ulong And<W>(ulong a, ulong b, ulong old)
        where W : IWidth => OfResult<W>(a & b & W.Mask);

    internal static ulong AndNot<W>(ulong a, ulong b, ulong old)
        where W : IWidth => OfResult<W>(a & ~b & W.Mask);

    internal static ulong Or<W>(ulong a, ulong b, ulong old)
        where W : IWidth => OfResult<W>((a | b) & W.Mask);

    internal static ulong OrNot<W>(ulong a, ulong b, ulong old)
        where W : IWidth => OfResult<W>((a | ~b) & W.Mask);

    internal static ulong Xor<W>(ulong a, ulong b, ulong old)
        where W : IWidth => OfResult<W>((a ^ b) & W.Mask);

    internal static ulong XorNot<W>(ulong a, ulong b, ulong old)
        where W : IWidth => OfResult<W>((a ^ ~b) & W.Mask);

    internal static ulong MulSigned<W>(ulong a, ulong b, ulong old)
        where W : IWidth
    {
        long product = W.Signed(a) * W.Signed(b);
        return OfResult<W>((ulong)product & W.Mask)
            | If(W.Signed((ulong)product) != product, Carry | Overflow);
    }

    internal static ulong MulUnsigned<W>(ulong a, ulong b, ulong old)
        where W : IWidth
    {
        ulong product = (a & W.Mask) * (b & W.Mask);
        return OfResult<W>(product & W.Mask) | If(product > W.Mask, Carry | Overflow);
    }

    internal static ulong ShiftLeft<W>(ulong a, ulong b, ulong old)
        where W : IWidth
    {
        int count = Count<W>(b);
        a &= W.Mask;
        ulong result = count < W.Bits ? (a << count) & W.Mask : 0;
        return count == 0 ? (uint)old : OfShift<W>(a, result, BitAt<W>(a, W.Bits - count));
    }

    internal static ulong ShiftRight<W>(ulong a, ulong b, ulong old)
        where W : IWidth
    {
        int count = Count<W>(b);
        a &= W.Mask;
        ulong result = count < W.Bits ? a >> count : 0;
        return count == 0 ? (uint)old : OfShift<W>(a, result, BitAt<W>(a, count - 1));
    }

    internal static ulong ShiftArithmetic<W>(ulong a, ulong b, ulong old)
        where W : IWidth
    {
        if (Count<W>(b) == 0)
        {
            return (uint)old;
        }

        int count = int.Min(Count<W>(b), W.Bits - 1);
        a &= W.Mask;
        ulong result = (ulong)(W.Signed(a) >> count) & W.Mask;
        return OfShift<W>(a, result, BitAt<W>(a, count - 1));
    }

    internal static ulong TurnLeft<W>(ulong a, ulong b, ulong old)
        where W : IWidth
    {
        ulong result = Scalar.TurnLeft<W>.Apply(a, (ulong)Count<W>(b));
        return Count<W>(b) == 0 ? (uint)old : OfTurn<W>(a, result, result & 1, old);
    }

    internal static ulong TurnRight<W>(ulong a, ulong b, ulong old)
        where W : IWidth
    {
        ulong result = Scalar.TurnRight<W>.Apply(a, (ulong)Count<W>(b));
        return Count<W>(b) == 0
            ? (uint)old
            : OfTurn<W>(a, result, BitAt<W>(result, W.Bits - 1), old);
    }

    // Conditions: the register is the second source.

    internal static ulong HasOverflow(ulong a, ulong b) => Has(b, Overflow);

    internal static ulong HasCarry(ulong a, ulong b) => Has(b, Carry);

    internal static ulong HasZero(ulong a, ulong b) => Has(b, Zero);

    internal static ulong HasCarryOrZero(ulong a, ulong b) => Has(b, Carry | Zero);

    internal static ulong HasSign(ulong a, ulong b) => Has(b, Sign);

    internal static ulong HasParity(ulong a, ulong b) => Has(b, Parity);

    internal static ulong IsLess(ulong a, ulong b) => Has(b, Sign) ^ Has(b, Overflow);

    internal static ulong IsLessOrEqual(ulong a, ulong b) => IsLess(a, b) | Has(b, Zero);

    private static ulong Has(ulong flags, ulong wanted) => Comparisons.Bit((flags & wanted) != 0);

    private static ulong If(bool isSet, ulong flag) => isSet ? flag : 0;

    private static ulong OfResult<W>(ulong result)
        where W : IWidth =>
        If((BitOperations.PopCount((byte)result) & 1) == 0, Parity)
        | If(result == 0, Zero)
        | If(W.Signed(result) < 0, Sign);

    /// <summary>Counts are taken modulo 64 for 64 bits and modulo 32 for all others.</summary>
    private static int Count<W>(ulong b)
        where W : IWidth => (int)b & (W.Bits == 64 ? 63 : 31);

    private static ulong BitAt<W>(ulong a, int place)
        where W : IWidth => place >= 0 && place < W.Bits ? (a >> place) & 1 : 0;

    private static ulong Moved<W>(ulong a, ulong result, ulong last)
        where W : IWidth => If(last != 0, Carry) | If(W.Signed(a ^ result) < 0, Overflow);

    private static ulong OfShift<W>(ulong a, ulong result, ulong last)
        where W : IWidth => OfResult<W>(result) | Moved<W>(a, result, last);

    private static ulong OfTurn<W>(ulong a, ulong result, ulong last, ulong old)
        where W : IWidth => ((uint)old & ~(Carry | Overflow)) | Moved<W>(a, result, last);
}
