// Comparisons of two numbers and tests of their conjunction, as predicates.
// Spec: spec/e2k/semantics.md, E2K-INT-020, E2K-INT-021.
using System.Numerics;

namespace Ashlar.E2k.Operations;

/// <summary>The twelve tests; each gives 1 or 0.</summary>
internal static class Comparisons
{
    internal static ulong Overflow<W>(ulong a, ulong b)
        where W : IWidth => Bit(W.Signed(a) < W.Signed(b) != W.Signed(a - b) < 0);

    internal static ulong Below<W>(ulong a, ulong b)
        where W : IWidth => Bit((a & W.Mask) < (b & W.Mask));

    internal static ulong Equal<W>(ulong a, ulong b)
        where W : IWidth => Bit((a & W.Mask) == (b & W.Mask));

    internal static ulong BelowOrEqual<W>(ulong a, ulong b)
        where W : IWidth => Bit((a & W.Mask) <= (b & W.Mask));

    internal static ulong Sign<W>(ulong a, ulong b)
        where W : IWidth => Bit(W.Signed(a - b) < 0);

    internal static ulong Parity(ulong a, ulong b) => EvenParity(a - b);

    internal static ulong Less<W>(ulong a, ulong b)
        where W : IWidth => Bit(W.Signed(a) < W.Signed(b));

    internal static ulong LessOrEqual<W>(ulong a, ulong b)
        where W : IWidth => Bit(W.Signed(a) <= W.Signed(b));

    internal static ulong BothZero<W>(ulong a, ulong b)
        where W : IWidth => Bit((a & b & W.Mask) == 0);

    internal static ulong BothSign<W>(ulong a, ulong b)
        where W : IWidth => Bit(W.Signed(a & b) < 0);

    internal static ulong BothParity(ulong a, ulong b) => EvenParity(a & b);

    internal static ulong BothLessOrEqual<W>(ulong a, ulong b)
        where W : IWidth => Bit(W.Signed(a & b) <= 0);

    internal static ulong Bit(bool isTrue) => isTrue ? 1UL : 0;

    private static ulong EvenParity(ulong a)
    {
        ulong byteOf = Planted.Is(Bug.ParityOfWholeNumber) ? a : (byte)a;
        return (ulong)(~BitOperations.PopCount(byteOf) & 1);
    }
}
