// The predicate logic as operations: up to three syllables that make local predicates @p0 to @p6,
// both ways. What they compute is said by Decoding/PredicateDecoder. Spec:
// spec/e2k/predicates.md, E2K-PLS.
using System;
using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace Ashlar.E2k.Symbolic;

/// <summary>Predicate syllables, read and written.</summary>
internal static class LogicText
{
    /// <summary>Syllables of the logic; the first two have sources.</summary>
    private const int SyllablesMax = 3;
    private const int SyllablesWithSources = 2;

    /// <summary>Local predicates that take a predicate; the others are computed.</summary>
    private const int Sources = 4;
    private const int Locals = 7;

    /// <summary>Bits of the low half of a syllable.</summary>
    private const int NegatesLeft = 0x2000;
    private const int NegatesRight = 0x200;
    private const int Writes = 0x20;

    /// <summary>Bits that a mask of spred has.</summary>
    private const int MaskBits = 6;

    /// <summary>Bits of a syllable, and what they make.</summary>
    private readonly record struct Piece(int Index, uint Bits, string Made);

    private static readonly string?[] Names = ["andp", "landp", null, "movep"];

    /// <summary>
    /// The operations, the last syllable first; what nobody uses is written only where its bits are
    /// not zero (E2K-PLS-004).
    /// </summary>
    /// <param name="words">PLS0 first.</param>
    /// <param name="operations">Where they are added.</param>
    internal static void Read(ReadOnlySpan<uint> words, ICollection<Operation> operations)
    {
        int used = UsedBy(words);
        for (int index = words.Length - 1; index >= 0; index--)
        {
            uint word = words[index];
            int own = index < SyllablesWithSources ? 3 << (2 * index) : 0;
            int computed = Sources + index;
            if (word == 0 && index == words.Length - 1 && (used & (own | (1 << computed))) == 0)
            {
                operations.Add(Nothing(index));
            }
            else if (index < SyllablesWithSources)
            {
                ReadSource(2 * index, Syllables.Field(word, 24, 7), used, operations);
                ReadSource((2 * index) + 1, Syllables.Field(word, 16, 7), used, operations);
            }
            ReadLogic(computed, (int)(word & 0xffff), used, operations);
        }
    }

    /// <summary>The syllables of operations, PLS0 first.</summary>
    internal static uint[] Write(IEnumerable<Operation> operations)
    {
        uint[] words = new uint[SyllablesMax];
        int count = 0;
        HashSet<string> said = [];
        foreach (Operation operation in operations)
        {
            Piece piece = PieceOf(operation);
            if (!said.Add(piece.Made))
            {
                throw new IllegalBundleException(
                    "E2K-PLS-001",
                    $"two operations make {piece.Made}"
                );
            }
            words[piece.Index] |= piece.Bits;
            count = Math.Max(count, piece.Index + 1);
        }
        return words[..count];
    }

    private static Argument Local(int index, bool isNegated = false) =>
        new Argument.Name($"@p{index}", isNegated);

    private static int Left(int half) => (half >> 10) & 7;

    private static int Right(int half) => (half >> 6) & 7;

    /// <summary>The local predicates that a logic operation or a write uses, as a mask.</summary>
    private static int UsedBy(ReadOnlySpan<uint> words)
    {
        int used = 0;
        for (int index = words.Length - 1; index >= 0; index--)
        {
            int half = (int)(words[index] & 0xffff);
            if ((half & Writes) != 0 || (used >> (Sources + index) & 1) != 0)
            {
                used |= (1 << Left(half)) | (1 << Right(half));
            }
        }
        return used;
    }

    /// <summary>A syllable of nothing, which would be forgotten if it were not written.</summary>
    private static Operation Nothing(int index) =>
        index < SyllablesWithSources
            ? new("pass") { Arguments = [new Argument.Name("lcntex"), Local(2 * index)] }
            : new("andp") { Arguments = [Local(0), Local(0), Local(Sources + index)] };

    private static void ReadSource(int local, int code, int used, ICollection<Operation> operations)
    {
        if (code != 0 || (used >> local & 1) != 0)
        {
            operations.Add(
                new("pass") { Arguments = [new Argument.Name(SourceName(code)), Local(local)] }
            );
        }
    }

    private static void ReadLogic(int local, int half, int used, ICollection<Operation> operations)
    {
        string name =
            Names[half >> 14]
            ?? throw new IllegalBundleException(
                "E2K-PLS-003",
                $"the logic operation {half:x4} is none"
            );
        if (half == 0 && (used >> local & 1) == 0)
        {
            return;
        }
        operations.Add(
            new(name)
            {
                Arguments =
                [
                    Local(Left(half), (half & NegatesLeft) != 0),
                    Local(Right(half), (half & NegatesRight) != 0),
                    Local(local),
                ],
            }
        );
        if ((half & Writes) != 0)
        {
            operations.Add(
                new("pass") { Arguments = [Local(local), new Argument.Name($"pred{half & 31}")] }
            );
        }
    }

    /// <summary>What @p0 to @p3 take, of seven bits (E2K-PLS-002).</summary>
    private static string SourceName(int code)
    {
        switch (code >> 5)
        {
            case 3:
                return $"pred{code & 31}";
            case 2:
                return $"rndpred{code & 31}";
            default:
                if (code == 0)
                {
                    return "lcntex";
                }
                StringBuilder name = new("spred");
                for (int bit = 0; bit < MaskBits; bit++)
                {
                    if ((code >> bit & 1) != 0)
                    {
                        name.Append(CultureInfo.InvariantCulture, $"{bit}");
                    }
                }
                return name.ToString();
        }
    }

    private static int SourceCode(string name)
    {
        if (name == "lcntex")
        {
            return 0;
        }
        if (NumberedName.NumberOf("pred", name, 32) is { } predicate)
        {
            return 0x60 | predicate;
        }
        if (NumberedName.NumberOf("rndpred", name, 32) is { } rotated)
        {
            return 0x40 | rotated;
        }
        ReadOnlySpan<char> bits = name.AsSpan();
        if (
            !bits.StartsWith("spred", StringComparison.Ordinal)
            || bits.Length == 5
            || bits[5..].ContainsAnyExceptInRange('0', '5')
        )
        {
            throw new IllegalBundleException(
                "E2K-PLS-002",
                $"%{name} is no source of a local predicate"
            );
        }
        int mask = 0;
        foreach (char bit in bits[5..])
        {
            mask |= 1 << (bit - '0');
        }
        return mask;
    }

    /// <summary>A local predicate as written (E2K-PLS-001).</summary>
    private static (int Index, bool IsNegated) LocalOf(Argument argument)
    {
        if (argument is not Argument.Name { Text: ['@', 'p', var digit] } name)
        {
            throw new IllegalBundleException("E2K-PLS-001", "a local predicate is wanted");
        }
        return IsLocal(argument)
            ? (digit - '0', name.IsNegated)
            : throw new IllegalBundleException(
                "E2K-PLS-001",
                $"{name.Text} is none of @p0 to @p{Locals - 1}"
            );
    }

    private static bool IsLocal(Argument argument) =>
        argument is Argument.Name { Text: ['@', 'p', >= '0' and < (char)('0' + Locals)] };

    /// <summary>What an operation says in a syllable.</summary>
    private static Piece PieceOf(Operation operation) =>
        (operation.Name, operation.Arguments) switch
        {
            ("pass", [Argument.Name { IsNegated: false } from, var to]) when !IsLocal(from) => Take(
                from.Text,
                to
            ),
            ("pass", [var from, Argument.Name { IsNegated: false } to]) => Give(from, to.Text),
            (_, [var left, var right, var target]) => Compute(operation.Name, left, right, target),
            _ => throw Unsuited(operation.Name),
        };

    private static IllegalBundleException Unsuited(string name) =>
        new("E2K-PLS-003", $"{name} does not take these operands");

    /// <summary>A predicate to one of @p0 to @p3.</summary>
    private static Piece Take(string from, Argument to)
    {
        uint code = (uint)SourceCode(from);
        (int local, bool isNegated) = LocalOf(to);
        return !isNegated && local < Sources
            ? new(local / 2, code << ((local & 1) == 0 ? 24 : 16), $"@p{local}")
            : throw new IllegalBundleException("E2K-PLS-002", "only @p0 to @p3 take a predicate");
    }

    /// <summary>One of @p4 to @p6 to a predicate.</summary>
    private static Piece Give(Argument from, string to)
    {
        (int local, bool isNegated) = LocalOf(from);
        return
            !isNegated && local >= Sources && NumberedName.NumberOf("pred", to, 32) is { } predicate
            ? new(local - Sources, (uint)(Writes | predicate), $"the predicate of @p{local}")
            : throw new IllegalBundleException(
                "E2K-PLS-003",
                "only @p4 to @p6 are written to a predicate"
            );
    }

    private static Piece Compute(string name, Argument left, Argument right, Argument target)
    {
        (int first, bool isNotFirst) = LocalOf(left);
        (int second, bool isNotSecond) = LocalOf(right);
        (int local, bool isNegated) = LocalOf(target);
        int code = Array.IndexOf(Names, name);
        if (code < 0 || isNegated || local < Sources)
        {
            throw new IllegalBundleException("E2K-PLS-003", "only @p4 to @p6 are computed");
        }
        int half =
            (code << 14)
            | (isNotFirst ? NegatesLeft : 0)
            | (first << 10)
            | (isNotSecond ? NegatesRight : 0)
            | (second << 6);
        return new(local - Sources, (uint)half, $"@p{local}");
    }
}
