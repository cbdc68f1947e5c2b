// Operands as written. Spec: spec/e2k/operands.md, E2K-TXT-004; addresses E2K-REG-006, places of
// literals E2K-LIT-001.
using System;
using System.Collections.Immutable;
using System.Globalization;

namespace Ashlar.E2k.Symbolic;

/// <summary>Reads operands.</summary>
internal sealed class OperandReader(Scanner scanner, ExpressionReader expressions)
{
    /// <summary>A name as long as this is no register's.</summary>
    private const int TooLong = 7;

    /// <summary>Registers of the rotating file.</summary>
    private const int Based = 128;

    private static readonly ImmutableArray<(string Text, LiteralSize Size)> Kinds =
    [
        ("_f16s", LiteralSize.Bits16),
        ("_f32s", LiteralSize.Bits32),
        ("_f64", LiteralSize.Bits64),
    ];

    /// <summary>Reads an operand.</summary>
    internal Argument Read() => Read(isInner: false);

    private Argument Read(bool isInner)
    {
        scanner.SkipBlanks();
        foreach ((string text, LiteralSize size) in Kinds)
        {
            if (scanner.Accepts(text))
            {
                Slot? slot = ReadSlot();
                return new Argument.Literal(size, slot, expressions.Read());
            }
        }
        if (ReadMark(out bool isNegated) is { } mark)
        {
            return mark == '@'
                ? new Argument.Name("@" + scanner.Word(), isNegated)
                : ReadNamed(isNegated);
        }
        return !isInner && scanner.Accepts("[")
            ? ReadAddress()
            : new Argument.Number(expressions.Read());
    }

    /// <summary>
    /// Reads the mark of a name and the tilde before it; any other tilde belongs to a number.
    /// </summary>
    private char? ReadMark(out bool isNegated)
    {
        int start = scanner.At;
        isNegated = scanner.Accepts("~");
        if (scanner.Accepts("%"))
        {
            return '%';
        }
        if (scanner.Accepts("@"))
        {
            return '@';
        }
        scanner.At = start;
        return null;
    }

    /// <summary>What stands in brackets.</summary>
    private Argument.Address ReadAddress()
    {
        Argument first = Read(isInner: true);
        Argument? second = scanner.Accepts("+") ? Read(isInner: true) : null;
        return scanner.Accepts("]")
            ? new(first, second)
            : throw scanner.Fault("E2K-REG-006", "a closing bracket is missing");
    }

    /// <summary>The place behind the kind of a literal, as in _f32s,_lts2.</summary>
    private Slot? ReadSlot()
    {
        if (!scanner.Accepts(",_lts"))
        {
            return null;
        }
        int start = scanner.At;
        string word = scanner.Word();
        return word switch
        {
            [>= '0' and <= '3'] => new Slot(word[0] - '0', false),
            ['0' or '1', 'l', 'o'] => new Slot(word[0] - '0', false),
            ['0' or '1', 'h', 'i'] => new Slot(word[0] - '0', true),
            _ => throw new FaultException(
                start,
                "E2K-LIT-001",
                $"there is no literal syllable {word}"
            ),
        };
    }

    /// <summary>What stands behind a percent sign.</summary>
    private Argument ReadNamed(bool isNegated)
    {
        int start = scanner.At;
        string word = scanner.Word();
        Argument argument;
        if (word.EndsWith('b') && scanner.Peeks("["))
        {
            argument = ReadBased(word, start);
        }
        else
        {
            if (word.Length == 0)
            {
                throw scanner.Fault("E2K-TXT-004", "a name is wanted behind the percent sign");
            }
            argument = RegisterOf(word) ?? new Argument.Name(word, isNegated);
        }
        return isNegated && argument is Argument.Register
            ? throw new FaultException(start, "E2K-TXT-004", "a register is not negated")
            : argument;
    }

    private Argument ReadBased(string word, int start)
    {
        _ = scanner.Accepts("[");
        Quantity number = expressions.Read();
        if (!scanner.Accepts("]"))
        {
            throw scanner.Fault("E2K-TXT-004", "a closing bracket is missing");
        }
        if (number is not { Label: null, Offset: >= 0 and < Based })
        {
            throw new FaultException(
                start,
                "E2K-TXT-004",
                $"%b has the registers 0 to {Based - 1}"
            );
        }
        return RegisterOf(word, (int)number.Offset)
            ?? throw new FaultException(start, "E2K-TXT-004", $"%{word} is no register file");
    }

    /// <summary>The register that a word with a number at its end is, or null.</summary>
    private static Argument? RegisterOf(string word)
    {
        int stem = NumberedName.StemLength(word);
        return
            stem > 0
            && stem < word.Length
            && word.Length < TooLong
            && word[stem - 1] != 'b'
            && int.TryParse(
                word.AsSpan(stem),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out int number
            )
            ? RegisterOf(word.AsSpan(0, stem), number)
            : null;
    }

    private static Argument? RegisterOf(ReadOnlySpan<char> letters, int number)
    {
        Bank? bank = letters[^1] switch
        {
            'r' => Bank.Window,
            'b' => Bank.Based,
            'g' => Bank.Global,
            _ => null,
        };
        Width width = letters[..^1] switch
        {
            "" => Width.Single,
            "d" => Width.Double,
            "q" => Width.Quad,
            "qp" => Width.Packed,
            _ => Width.None,
        };
        return bank is { } found && width != Width.None
            ? new Argument.Register(width, found, number)
            : null;
    }
}
