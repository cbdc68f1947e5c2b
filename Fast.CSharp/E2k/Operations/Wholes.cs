// Products of twice the width, carries, divisions and extensions of one number.
// Spec: spec/e2k/semantics.md, E2K-INT-008 to E2K-INT-015.
using System;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Ashlar.E2k.Operations;

/// <summary>Functions of one number from each source that have one width each.</summary>
internal static class Wholes
{
    /// <summary>E2K-INT-001: a product of twice the width.</summary>
    internal static ulong MulUnsigned(ulong a, ulong b) => (ulong)(uint)a * (uint)b;

    /// <summary>E2K-INT-001.</summary>
    internal static ulong MulSigned(ulong a, ulong b) => (ulong)((long)(int)a * (int)b);

    /// <summary>E2K-INT-008.</summary>
    internal static ulong MulHighUnsigned(ulong a, ulong b) => Math.BigMul(a, b, out _);

    /// <summary>E2K-INT-008.</summary>
    internal static ulong MulHighSigned(ulong a, ulong b) =>
        Planted.Is(Bug.HighProductWithoutSign)
            ? MulHighUnsigned(a, b)
            : (ulong)Math.BigMul((long)a, (long)b, out _);

    /// <summary>E2K-INT-009.</summary>
    internal static ulong CarrylessLow(ulong a, ulong b) => Carryless(a, b).GetElement(0);

    /// <summary>E2K-INT-009.</summary>
    internal static ulong CarrylessHigh(ulong a, ulong b) => Carryless(a, b).GetElement(1);

    /// <summary>E2K-INT-010.</summary>
    internal static ulong AddCarried(ulong a, ulong b, ulong c) => a + b + (c & 1);

    /// <summary>E2K-INT-010.</summary>
    internal static ulong Carry(ulong a, ulong b, ulong c)
    {
        c = Planted.Is(Bug.CarryForgotten) ? 0 : c;
        ulong sum = a + b;
        return sum < a || sum + (c & 1) < sum ? 1UL : 0;
    }

    /// <summary>E2K-INT-011.</summary>
    internal static ulong SubBorrowed(ulong a, ulong b, ulong c) => a - b - (c & 1);

    /// <summary>E2K-INT-011.</summary>
    internal static ulong Borrow(ulong a, ulong b, ulong c) => a < b || a - b < (c & 1) ? 1UL : 0;

    /// <summary>E2K-INT-015.</summary>
    internal static ulong Extend(ulong a, ulong b) =>
        ((int)a & (Planted.Is(Bug.ExtensionKeepsSign) ? 3 : 7)) switch
        {
            0 => (ulong)(sbyte)b,
            1 => (ulong)(short)b,
            2 or 3 => (ulong)(int)b,
            4 => (byte)b,
            5 => (ushort)b,
            _ => (uint)b,
        };

    /// <summary>E2K-INT-012; false where it traps.</summary>
    internal static bool DivideSigned32(ulong a, ulong b, out ulong result)
    {
        int divisor = (int)b;
        // In 64 bits the smallest number by -1 does not overflow.
        result = divisor == 0 ? 0 : (uint)((int)a / (long)divisor);
        return divisor != 0;
    }

    /// <summary>E2K-INT-012; false where it traps.</summary>
    internal static bool DivideSigned64(ulong a, ulong b, out ulong result)
    {
        result = (long)b switch
        {
            0 => 0,
            -1 => 0 - a,
            _ => (ulong)((long)a / (long)b),
        };
        return b != 0;
    }

    /// <summary>E2K-INT-012; false where it traps.</summary>
    internal static bool DivideUnsigned32(ulong a, ulong b, out ulong result)
    {
        uint divisor = (uint)b;
        result = divisor == 0 ? 0 : (uint)a / divisor;
        return divisor != 0;
    }

    /// <summary>E2K-INT-012; false where it traps.</summary>
    internal static bool DivideUnsigned64(ulong a, ulong b, out ulong result)
    {
        result = b == 0 ? 0 : a / b;
        return b != 0;
    }

    /// <summary>E2K-INT-013; false where it traps.</summary>
    internal static bool DivideLongUnsigned(ulong a, ulong b, out ulong result)
    {
        uint divisor = (uint)b;
        result = divisor == 0 ? ulong.MaxValue : a / divisor;
        return result <= uint.MaxValue;
    }

    /// <summary>E2K-INT-013: the divisor has no sign; false where it traps.</summary>
    internal static bool DivideLongSigned(ulong a, ulong b, out ulong result)
    {
        uint divisor = (uint)b;
        long quotient = divisor == 0 ? long.MaxValue : (long)a / divisor;
        result = (uint)quotient;
        return quotient == (int)quotient || (Planted.Is(Bug.LongQuotientTruncated) && divisor != 0);
    }

    /// <summary>E2K-INT-014; false where it traps.</summary>
    internal static bool RemainderUnsigned(ulong a, ulong b, out ulong result)
    {
        uint divisor = (uint)b;
        result = divisor == 0 ? 0 : a % divisor;
        return divisor != 0;
    }

    /// <summary>E2K-INT-014; false where it traps.</summary>
    internal static bool RemainderSigned(ulong a, ulong b, out ulong result)
    {
        uint divisor = (uint)b;
        result = divisor == 0 ? 0 : (uint)((long)a % divisor);
        return divisor != 0;
    }

    private static Vector128<ulong> Carryless(ulong a, ulong b)
    {
        if (Pclmulqdq.IsSupported)
        {
            return Pclmulqdq.CarrylessMultiply(
                Vector128.CreateScalar(a),
                Vector128.CreateScalar(b),
                0
            );
        }

        ulong low = 0;
        ulong high = 0;

        for (int place = 0; place < 64; place++)
        {
            ulong chosen = 0 - ((b >> place) & 1);
            low ^= (a << place) & chosen;
            // Two shifts, because one by 64 does nothing.
            high ^= (a >> 1 >> (63 - place)) & chosen;
        }

        return Vector128.Create(low, high);
    }
}
