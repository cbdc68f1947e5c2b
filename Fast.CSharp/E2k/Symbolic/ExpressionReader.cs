// Numbers as written: sums, products and bit operations of numbers and at most one label. Spec:
// spec/e2k/operands.md, E2K-TXT-006.
using System;
using System.Globalization;

namespace Ashlar.E2k.Symbolic;

/// <summary>Reads expressions.</summary>
/// <param name="scanner">Where they stand.</param>
/// <param name="known">The numbers of names that are no labels.</param>
internal sealed class ExpressionReader(Scanner scanner, Known known)
{
    private const string Rule = "E2K-TXT-006";

    /// <summary>How deep an expression may nest; what a person writes is far below.</summary>
    private const int DepthMax = 64;

    /// <summary>Operators by how strongly they bind, the weakest first.</summary>
    private static readonly string[][] Levels =
    [
        ["|", "^"],
        ["&"],
        ["<<", ">>"],
        ["+", "-"],
        ["*", "/", "%"],
    ];

    /// <summary>Reads an expression.</summary>
    internal Quantity Read() => Read(0, 0);

    /// <summary>What an operator makes, or null where it cannot be computed.</summary>
    private static Quantity? Compute(string sign, Quantity left, Quantity right) =>
        (sign, left.Label, right.Label) switch
        {
            ("+", _, null) => left with { Offset = left.Offset + right.Offset },
            ("+", null, _) => right with { Offset = left.Offset + right.Offset },
            ("-", _, null) => left with { Offset = left.Offset - right.Offset },
            ("-", { } one, { } other) when one == other => left.Offset - right.Offset,
            (_, null, null) => Compute(sign, left.Offset, right.Offset),
            _ => null,
        };

    private static Quantity? Compute(string sign, long left, long right) =>
        (sign, right) switch
        {
            ("|", _) => left | right,
            ("^", _) => left ^ right,
            ("&", _) => left & right,
            ("<<" or ">>", < 0 or > 63) => null,
            ("<<", _) => left << (int)right,
            (">>", _) => left >>> (int)right,
            ("*", _) => left * right,
            (_, 0) => null,
            ("/", -1) => left == long.MinValue ? null : -left,
            ("%", -1) => 0,
            ("/", _) => left / right,
            _ => left % right,
        };

    private Quantity Read(int depth, int level)
    {
        if (depth > DepthMax)
        {
            throw TooDeep();
        }
        if (level == Levels.Length)
        {
            return Unary(depth);
        }
        Quantity left = Read(depth, level + 1);
        while (OperatorOf(level, out int at) is { } found)
        {
            Quantity right = Read(depth + 1, level + 1);
            left =
                Compute(found, left, right)
                ?? throw new FaultException(
                    at,
                    Rule,
                    right.Label is not null || left.Label is not null
                        ? "labels can only be moved by a number"
                        : $"{left.Offset} {found} {right.Offset} is no number of 64 bits"
                );
        }
        return left;
    }

    /// <summary>Reads an operator of a level, where one comes next.</summary>
    private string? OperatorOf(int level, out int at)
    {
        int start = scanner.At;
        scanner.SkipBlanks();
        at = scanner.At;
        if (!scanner.Peeks("||") && !scanner.Peeks("&&"))
        {
            foreach (string one in Levels[level])
            {
                if (scanner.Accepts(one))
                {
                    if (IsBeforeNumber())
                    {
                        return one;
                    }
                    scanner.At = at;
                }
            }
        }
        scanner.At = start;
        return null;
    }

    /// <summary>
    /// A sign before a register or a literal belongs to an address, and is no operator.
    /// </summary>
    private bool IsBeforeNumber()
    {
        int start = scanner.At;
        scanner.SkipBlanks();
        bool isOther = scanner.Peeks("%") || scanner.Peeks("_f");
        scanner.At = start;
        return !isOther;
    }

    private Quantity Unary(int depth)
    {
        scanner.SkipBlanks();
        if (depth > DepthMax)
        {
            throw TooDeep();
        }
        if (scanner.Accepts("-"))
        {
            return Changed(depth, number => -number);
        }
        if (scanner.Accepts("~"))
        {
            return Changed(depth, number => ~number);
        }
        if (!scanner.Accepts("("))
        {
            return Single();
        }
        Quantity inner = Read(depth + 1, 0);
        return scanner.Accepts(")")
            ? inner
            : throw scanner.Fault(Rule, "a closing parenthesis is missing");
    }

    private Quantity Changed(int depth, Func<long, long> change)
    {
        int sign = scanner.At - 1;
        Quantity value = Unary(depth + 1);
        return value.Label is null
            ? change(value.Offset)
            : throw new FaultException(sign, Rule, "labels can only be moved by a number");
    }

    /// <summary>A number, a known name or a label.</summary>
    private Quantity Single()
    {
        int start = scanner.At;
        string word = scanner.Word();
        if (word.Length == 0)
        {
            throw scanner.Fault(Rule, "a number or a label is wanted");
        }
        if (char.IsAsciiDigit(word[0]))
        {
            if (NumberOf(word) is { } number)
            {
                return number;
            }
            if (!IsLocalLabel(word))
            {
                throw new FaultException(start, Rule, $"{word} is no number");
            }
        }
        return known(word) is { } value ? value : new Quantity(word, 0);
    }

    private static long? NumberOf(string word)
    {
        bool isHexadecimal = word.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        return ulong.TryParse(
            isHexadecimal ? word.AsSpan(2) : word,
            isHexadecimal ? NumberStyles.AllowHexSpecifier : NumberStyles.None,
            CultureInfo.InvariantCulture,
            out ulong number
        )
            ? (long)number
            : null;
    }

    /// <summary>
    /// A number with the direction in which its label stands, such as 1f (E2K-ASM-016).
    /// </summary>
    private static bool IsLocalLabel(string word) =>
        word.Length > 1
        && word[^1] is 'f' or 'b'
        && !word.AsSpan(0, word.Length - 1).ContainsAnyExceptInRange('0', '9');

    private FaultException TooDeep() => scanner.Fault(Rule, "the expression nests too deeply");
}
