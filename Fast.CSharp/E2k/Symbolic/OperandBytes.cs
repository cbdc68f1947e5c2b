// Operand bytes and the operands that they are, both ways. Spec: spec/e2k/operands.md, E2K-REG.
using System.Collections.Frozen;
using System.Collections.Generic;

namespace Ashlar.E2k.Symbolic;

/// <summary>Operand bytes, read and written.</summary>
internal static class OperandBytes
{
    /// <summary>The first byte that is a number, and the first behind those of src1.</summary>
    internal const int FirstConstant = 0xc0;
    private const int FirstGlobal = 0xe0;
    private const int FirstInWindow = 0x80;

    /// <summary>Numbers that a byte of src1 has room for, and one of src2.</summary>
    internal const int Constants1 = 32;
    internal const int Constants2 = 16;

    /// <summary>Destinations that are no registers (E2K-REG-005).</summary>
    private static readonly FrozenDictionary<string, int> Specials = new Dictionary<string, int>
    {
        ["tst"] = 0xcd,
        ["tc"] = 0xce,
        ["tcd"] = 0xcf,
        ["ctpr1"] = 0xd1,
        ["ctpr2"] = 0xd2,
        ["ctpr3"] = 0xd3,
        ["empty"] = 0xdf,
    }.ToFrozenDictionary();

    private static readonly FrozenDictionary<int, string> SpecialNames =
        Specials.ToFrozenDictionary(one => one.Value, one => one.Key);

    internal static bool IsRegister(int code) => code is < FirstConstant or >= FirstGlobal;

    /// <summary>Whether a byte is the last register of its file.</summary>
    internal static bool IsLast(int code) =>
        code is FirstInWindow - 1 or FirstConstant - 1 or byte.MaxValue;

    /// <summary>The register that a byte names, or null (E2K-REG-001).</summary>
    internal static Argument? Register(Width width, int code) =>
        code switch
        {
            < FirstInWindow => new Argument.Register(width, Bank.Based, code),
            < FirstConstant => new Argument.Register(width, Bank.Window, code - FirstInWindow),
            >= FirstGlobal => new Argument.Register(width, Bank.Global, code - FirstGlobal),
            _ => null,
        };

    /// <summary>The byte of a register.</summary>
    internal static int CodeOf(Argument.Register register)
    {
        (int first, int end) = register.Bank switch
        {
            Bank.Based => (0, FirstInWindow),
            Bank.Window => (FirstInWindow, FirstConstant),
            _ => (FirstGlobal, 256),
        };
        return register.Index >= 0 && register.Index < end - first
            ? first + register.Index
            : throw new IllegalBundleException(
                "E2K-REG-001",
                $"there is no register {register.Index} in this file"
            );
    }

    internal static Argument Source1(Width width, int code) =>
        Register(width, code) ?? new Argument.Number(code - FirstConstant);

    internal static int Source1Code(Argument argument) =>
        argument switch
        {
            Argument.Register register => CodeOf(register),
            Argument.Number { Value: { Label: null, Offset: >= 0 and < Constants1 } value } =>
                FirstConstant + (int)value.Offset,
            _ => throw new IllegalBundleException(
                "E2K-REG-002",
                "the first operand is a register or a number from 0 to 31"
            ),
        };

    /// <summary>A third source or the value of a store.</summary>
    internal static Argument Source3(Width width, int code) =>
        Register(width, code) ?? Unnamed(code);

    internal static int Source3Code(Argument argument) =>
        argument switch
        {
            Argument.Register register => CodeOf(register),
            Argument.Name { IsNegated: false } name
                when NumberedName.ByteOf(name.Text) is { } code => code,
            _ => throw new IllegalBundleException("E2K-REG-003", "a register is wanted here"),
        };

    internal static Argument Destination(Width width, int code) =>
        Register(width, code)
        ?? (
            SpecialNames.TryGetValue(code, out string? name)
                ? new Argument.Name(name)
                : Unnamed(code)
        );

    internal static int DestinationCode(Argument argument)
    {
        switch (argument)
        {
            case Argument.Register register:
                return CodeOf(register);
            case Argument.Name { IsNegated: false } name:
                return Specials.TryGetValue(name.Text, out int special)
                    ? special
                    : NumberedName.ByteOf(name.Text)
                        ?? throw new IllegalBundleException(
                            "E2K-REG-005",
                            $"%{name.Text} is no destination"
                        );
            default:
                throw new IllegalBundleException(
                    "E2K-REG-005",
                    "a register is wanted as destination"
                );
        }
    }

    /// <summary>The literal that a byte of src2 selects, or null (E2K-LIT-002).</summary>
    internal static (LiteralSize Size, Slot Slot)? LiteralOf(int code) =>
        code switch
        {
            0xd0 or 0xd1 => (LiteralSize.Bits16, new(code - 0xd0, false)),
            0xd4 or 0xd5 => (LiteralSize.Bits16, new(code - 0xd4, true)),
            >= 0xd8 and < 0xdc => (LiteralSize.Bits32, new(code - 0xd8, false)),
            >= 0xdc and < 0xdf => (LiteralSize.Bits64, new(code - 0xdc, false)),
            _ => null,
        };

    /// <summary>The byte of src2 that selects a literal.</summary>
    internal static int LiteralCode(LiteralSize size, Slot slot) =>
        slot.Index
        + size switch
        {
            LiteralSize.Bits16 => slot.IsHigh ? 0xd4 : 0xd0,
            LiteralSize.Bits32 => 0xd8,
            _ => 0xdc,
        };

    /// <summary>A byte without a name is written as a name all the same.</summary>
    private static Argument.Name Unnamed(int code) => new($"0x{code:x2}");
}
