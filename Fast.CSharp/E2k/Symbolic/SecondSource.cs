// Second sources and addresses as written: which bytes they are, or which literal they want. Spec:
// spec/e2k/operands.md, E2K-REG-004 and E2K-REG-006; sizes spec/e2k/literals.md, E2K-LIT-006.
namespace Ashlar.E2k.Symbolic;

/// <summary>A byte of src2, or the literal whose place will be it.</summary>
internal readonly record struct SecondSource(int Code, LiteralRequest? Literal)
{
    /// <summary>The byte where there is no operand: the number 0.</summary>
    internal static readonly SecondSource Zero = Known(OperandBytes.FirstConstant);

    internal static SecondSource Known(int code) => new(code, null);

    /// <summary>The second source that an operand is (E2K-REG-004).</summary>
    /// <param name="isNarrow">Whether a number of no written size has 32 bits at most.</param>
    internal static SecondSource Of(Argument argument, bool isNarrow, Resolver resolve)
    {
        SecondSource Wanted(LiteralSize size, Slot? slot, Quantity said, bool isBare) =>
            new(0, new(size, slot, isBare, (ulong)resolve(said), said));

        return argument switch
        {
            Argument.Register register => Known(OperandBytes.CodeOf(register)),
            Argument.Number
            {
                Value: { Label: null, Offset: >= 0 and < OperandBytes.Constants2 } small
            } => Known(OperandBytes.FirstConstant + (int)small.Offset),
            Argument.Number number => Wanted(
                SizeOf(number.Value, isNarrow),
                null,
                number.Value,
                isBare: true
            ),
            Argument.Literal literal => Wanted(
                literal.Size,
                literal.Slot,
                literal.Value,
                isBare: false
            ),
            _ => throw new IllegalBundleException(
                "E2K-REG-004",
                "the second operand is a register or a number"
            ),
        };
    }

    /// <summary>The bytes of an address in brackets (E2K-REG-006).</summary>
    internal static (int First, SecondSource Second) OfAddress(
        Argument argument,
        Entry entry,
        Resolver resolve
    )
    {
        if (argument is not Argument.Address address)
        {
            throw new IllegalBundleException("E2K-REG-006", "an address in brackets is wanted");
        }
        Argument zero = new Argument.Number(0);
        bool isFixed =
            !entry.IsQuad(0)
            && address.Base
                is Argument.Number
                {
                    Value: { Label: null, Offset: >= 0 and < OperandBytes.Constants1 }
                };
        (Argument first, Argument second) = address switch
        {
            { Base: Argument.Register, Index: var index } => (address.Base, index ?? zero),
            { Index: null } => (zero, address.Base),
            { Index: { } register } when isFixed => (address.Base, register),
            { Index: { } register } => (register, address.Base),
        };
        return (OperandBytes.Source1Code(first), Of(second, isNarrow: false, resolve));
    }

    /// <summary>
    /// The smallest size that a number's sign extends to; of a label the most (E2K-LIT-006).
    /// </summary>
    private static LiteralSize SizeOf(Quantity value, bool isNarrow)
    {
        if (value.Label is not null)
        {
            return isNarrow ? LiteralSize.Bits32 : LiteralSize.Bits64;
        }
        return value.Offset switch
        {
            >= short.MinValue and <= short.MaxValue => LiteralSize.Bits16,
            >= int.MinValue and <= int.MaxValue => LiteralSize.Bits32,
            _ => isNarrow ? LiteralSize.Bits32 : LiteralSize.Bits64,
        };
    }
}
