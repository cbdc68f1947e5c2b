// Pairs of fetch instructions of a prefetch program, both ways. Spec: spec/e2k/predicates.md,
// E2K-APB.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;

namespace Ashlar.E2k.Symbolic;

/// <summary>Fetch instructions, two in four words (E2K-APB-001).</summary>
public static class FetchPairs
{
    /// <summary>Words of a pair.</summary>
    public const int Words = 4;

    /// <summary>The name of a fetch instruction.</summary>
    public const string Name = "fapb";

    /// <summary>The setting that is the second word, and may be a label.</summary>
    private const string Displacement = "disp";

    /// <summary>A field of the first word of an instruction (E2K-APB-002).</summary>
    private readonly record struct Field(string Name, int Position, int Width);

    private static readonly Field Stride = new("si", 30, 1);

    private static readonly ImmutableArray<Field> Before =
    [
        new("dcd", 28, 2),
        new("fmt", 25, 3),
        new("mrng", 20, 5),
        new("d", 15, 5),
    ];

    private static readonly ImmutableArray<Field> Plain = [new("incr", 12, 3), new("ind", 8, 4)];

    private static readonly ImmutableArray<Field> Strided =
    [
        new("be", 14, 1),
        new("am", 13, 1),
        new("area", 8, 5),
    ];

    private static readonly ImmutableArray<Field> Behind = [new("asz", 5, 3), new("abs", 0, 5)];

    /// <summary>The instructions of four words; one of zeros is not written.</summary>
    /// <param name="words">Four, or more behind them.</param>
    public static ImmutableArray<Operation> Decode(ReadOnlySpan<uint> words)
    {
        List<Operation> operations = [];
        for (int index = 0; index < Words; index += 2)
        {
            uint word = words[index];
            if (word == 0 && words[index + 1] == 0)
            {
                continue;
            }
            List<Assignment> settings = [new(index == 0 ? "ct" : "dpl", word >> 31)];
            foreach (Field field in FieldsOf(Syllables.Bit(word, Stride.Position)))
            {
                settings.Add(new(field.Name, Syllables.Field(word, field.Position, field.Width)));
            }
            settings.Add(new(Displacement, words[index + 1]));
            operations.Add(new(Name) { Settings = [.. settings] });
        }
        return [.. operations];
    }

    /// <summary>
    /// The four words of one instruction or two, or why there are none: dpl is a field of the
    /// second alone.
    /// </summary>
    /// <param name="resolve">The number of a displacement that is a label's.</param>
    public static Illegal? TryEncode(
        IReadOnlyList<Operation> operations,
        Resolver resolve,
        out uint[] words
    )
    {
        try
        {
            words = Encode(operations, resolve);
            return null;
        }
        catch (IllegalBundleException wrong)
        {
            words = [];
            return wrong.Illegal;
        }
    }

    private static uint[] Encode(IReadOnlyList<Operation> operations, Resolver resolve)
    {
        bool IsSecond(Operation one) => one.Setting("dpl") is not null;

        foreach (Operation one in operations)
        {
            if (one.Name != Name)
            {
                throw new IllegalBundleException(
                    "E2K-APB-001",
                    $"{one.Name} cannot stand beside fetch instructions"
                );
            }
            if (one.Settings.Any(set => set is { Name: not Displacement, Value.Label: not null }))
            {
                throw new IllegalBundleException(
                    "E2K-TXT-003",
                    "a setting is a number, not a label"
                );
            }
        }
        uint[] words = new uint[Words];
        switch (operations)
        {
            case [var one]:
                Put(one, IsSecond(one), resolve, words);
                break;
            case [var first, var second] when !IsSecond(first):
                Put(first, false, resolve, words);
                Put(second, true, resolve, words);
                break;
            default:
                throw new IllegalBundleException(
                    "E2K-APB-001",
                    "a pair is one fetch instruction or two, the one with dpl second"
                );
        }
        return words;
    }

    private static ImmutableArray<Field> FieldsOf(bool isStrided) =>
        isStrided ? [Stride, .. Before, .. Strided, .. Behind] : [.. Before, .. Plain, .. Behind];

    private static void Put(Operation operation, bool isSecond, Resolver resolve, uint[] words)
    {
        uint word = operation.Field(isSecond ? "dpl" : "ct", 1) << 31;
        foreach (Field field in FieldsOf(operation.Field(Stride.Name, 1) == 1))
        {
            word |= operation.Field(field.Name, field.Width) << field.Position;
        }
        int at = isSecond ? 2 : 0;
        words[at] = word;
        words[at + 1] = operation.Setting(Displacement) is { } value ? (uint)resolve(value) : 0;
    }
}
