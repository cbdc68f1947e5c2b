// Where operands come from and results go. Spec: spec/e2k/operands.md, E2K-REG.

namespace Ashlar.E2k;

/// <summary>Where a register lives, or what stands instead of one.</summary>
public enum Place : byte
{
    /// <summary>A number.</summary>
    Constant,

    /// <summary>%r, in the window.</summary>
    Window,

    /// <summary>%b, in the rotating part of the window.</summary>
    Based,

    /// <summary>%g.</summary>
    Global,

    /// <summary>A predicate, as a destination.</summary>
    Predicate,

    /// <summary>A transfer register, as a destination.</summary>
    Transfer,

    /// <summary>A result that is thrown away.</summary>
    Nowhere,
}

/// <summary>An operand: a register by number, or a constant.</summary>
/// <param name="Place">Where it is.</param>
/// <param name="Width">How much of the register it means.</param>
/// <param name="Number">Of the register, predicate or transfer register.</param>
/// <param name="Value">Of a constant.</param>
public readonly record struct Operand(Place Place, Width Width, int Number, ulong Value)
{
    /// <summary>No source: zero.</summary>
    public static Operand Zero => Constant(0);

    public bool IsRegister => Place is Place.Window or Place.Based or Place.Global;

    /// <summary>The register behind it, of a pair (E2K-OPS-005).</summary>
    public Operand Next => IsRegister ? this with { Number = Number + 1 } : this;

    public static Operand Constant(ulong value) => new(Place.Constant, Width.Double, 0, value);

    /// <summary>The register that an operand byte names, or null (E2K-REG-001).</summary>
    internal static Operand? Register(Width width, int code) =>
        code switch
        {
            < 0x80 => new(Place.Based, width, code, 0),
            < 0xc0 => new(Place.Window, width, code - 0x80, 0),
            >= 0xe0 => new(Place.Global, width, code - 0xe0, 0),
            _ => null,
        };

    /// <summary>src1: a register or a number from 0 to 31 (E2K-REG-002).</summary>
    internal static Operand Source1(Width width, int code) =>
        Register(width, code) ?? Constant((ulong)(code - 0xc0));

    /// <summary>
    /// src2: a register, a number from 0 to 15 or a literal, which its sign extends (E2K-REG-004,
    /// E2K-LIT-003).
    /// </summary>
    internal static Operand Source2(Width width, int code, Syllables syllables)
    {
        if (Register(width, code) is { } register)
        {
            return register;
        }
        return code switch
        {
            < 0xd0 => Constant((ulong)(code - 0xc0)),
            0xd0 or 0xd1 => Constant((ulong)(short)Literal(syllables, code - 0xd0)),
            0xd4 or 0xd5 => Constant((ulong)((int)Literal(syllables, code - 0xd4) >> 16)),
            >= 0xd8 and < 0xdc => Constant((ulong)(int)Literal(syllables, code - 0xd8)),
            >= 0xdc and < 0xdf => Constant(
                Literal(syllables, code - 0xdc) | ((ulong)Literal(syllables, code - 0xdc + 1) << 32)
            ),
            _ => throw new IllegalBundleException(
                "E2K-REG-004",
                $"the second operand byte {code:x2} selects nothing"
            ),
        };
    }

    /// <summary>A third source or the value of a store: a register (E2K-REG-003).</summary>
    internal static Operand Source3(Width width, int code) =>
        Register(width, code)
        ?? throw new IllegalBundleException("E2K-STEP-002", "a register is wanted as a source");

    /// <summary>A destination (E2K-REG-005).</summary>
    internal static Operand Target(Width width, int code) =>
        Register(width, code)
        ?? code switch
        {
            0xcd or 0xce or 0xcf or 0xdf => new(Place.Nowhere, width, 0, 0),
            0xd1 or 0xd2 or 0xd3 => new(Place.Transfer, Width.Double, code - 0xd0, 0),
            _ => throw new IllegalBundleException(
                "E2K-STEP-002",
                $"the destination byte {code:x2} has no meaning here"
            ),
        };

    private static uint Literal(Syllables syllables, int index) =>
        syllables.Literal(index)
        ?? throw new IllegalBundleException(
            "E2K-LIT-002",
            $"literal syllable {index} is not there"
        );
}
