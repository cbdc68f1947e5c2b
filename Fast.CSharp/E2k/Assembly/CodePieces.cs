// Code as what it is written as: bundles, fetch instructions, and numbers where neither would come
// back. Spec: spec/e2k/assembly.md, E2K-DIS-002 and E2K-DIS-004.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using Ashlar.E2k.Symbolic;

namespace Ashlar.E2k.Assembly;

/// <summary>What stands at an address of code.</summary>
/// <param name="Address">Of its first word.</param>
/// <param name="Words">Its words, in order of memory.</param>
/// <param name="Operations">What they are, or null where they are only numbers.</param>
public sealed record CodePiece(ulong Address, uint[] Words, ImmutableArray<Operation>? Operations);

/// <summary>Takes code apart.</summary>
/// <param name="version">Of the instruction set, from 2 to 7.</param>
/// <param name="start">The address of the first word.</param>
/// <param name="words">All words of the code.</param>
public sealed class CodePieces(int version, ulong start, uint[] words)
{
    /// <summary>Pairs of a prefetch program: as many as the unit has room for.</summary>
    private const int FetchPairsMax = 32;

    /// <summary>Words that are no bundle are written two at a time.</summary>
    private const int NumbersMax = 2;

    private readonly BundleEncoder _encoder = new(version);
    private readonly SymbolicDecoder _decoder = new(version);

    /// <summary>The pieces in order. Where prefetch programs begin is found first.</summary>
    public IReadOnlyList<CodePiece> Read()
    {
        List<CodePiece> plain = Sweep([]);
        HashSet<ulong> fetches = Targets(plain, "ldisp");
        return fetches.Count == 0 ? plain : Sweep(fetches);
    }

    /// <summary>Where operations of some names in pieces go to.</summary>
    internal static HashSet<ulong> Targets(
        IEnumerable<CodePiece> pieces,
        params ReadOnlySpan<string> names
    )
    {
        HashSet<ulong> targets = [];
        foreach (CodePiece piece in pieces)
        {
            foreach (Operation operation in piece.Operations ?? [])
            {
                if (!names.Contains(operation.Name))
                {
                    continue;
                }
                foreach (Argument argument in operation.Arguments)
                {
                    if (TargetOf(piece.Address, argument) is { } target)
                    {
                        targets.Add(target);
                    }
                }
            }
        }
        return targets;
    }

    /// <summary>The address that an operand of a bundle is a distance to, or null.</summary>
    internal static ulong? TargetOf(ulong address, Argument argument) =>
        argument is Argument.Number { Value: { Label: ".", Offset: var offset } }
            ? address + (ulong)offset
            : null;

    /// <param name="fetches">The addresses at which prefetch programs begin.</param>
    private List<CodePiece> Sweep(HashSet<ulong> fetches)
    {
        List<CodePiece> pieces = [];
        int pairs = 0;
        int index = 0;
        while (index < words.Length)
        {
            ulong address = start + (4 * (ulong)index);
            if (fetches.Contains(address))
            {
                pairs = FetchPairsMax;
            }
            CodePiece piece;
            if (pairs > 0 && FetchAt(address, index) is { } fetch)
            {
                // The last pair of a program says so.
                pairs = fetch.Words[0] >> 31 == 1 ? 0 : pairs - 1;
                piece = fetch;
            }
            else
            {
                pairs = 0;
                piece = BundleAt(address, index) ?? NumbersAt(address, index);
            }
            pieces.Add(piece);
            index += piece.Words.Length;
        }
        return pieces;
    }

    /// <summary>
    /// The bundle that words begin with, where its text gives the words back (E2K-DIS-002).
    /// </summary>
    private CodePiece? BundleAt(ulong address, int index)
    {
        int length = Syllables.LengthOf(words[index]);
        if (length > words.Length - index)
        {
            return null;
        }
        uint[] own = words[index..(index + length)];
        return
            _decoder.TryDecode(own, out ImmutableArray<Operation> operations) is null
            && Again(operations) is { } written
            && _encoder.TryEncode(written, ResolveHere, 0, out uint[] again) is null
            && again.AsSpan().SequenceEqual(own)
            ? new(address, own, operations)
            : null;
    }

    private CodePiece? FetchAt(ulong address, int index)
    {
        if (words.Length - index < FetchPairs.Words)
        {
            return null;
        }
        uint[] own = words[index..(index + FetchPairs.Words)];
        ImmutableArray<Operation> operations = FetchPairs.Decode(own);
        return
            !operations.IsEmpty
            && Again(operations) is { } written
            && FetchPairs.TryEncode(written, ResolveHere, out uint[] again) is null
            && again.AsSpan().SequenceEqual(own)
            ? new(address, own, operations)
            : null;
    }

    private CodePiece NumbersAt(ulong address, int index) =>
        new(address, words[index..Math.Min(index + NumbersMax, words.Length)], null);

    /// <summary>Distances are counted from the bundle, which is at 0.</summary>
    private static long ResolveHere(Quantity value) => value.Offset;

    /// <summary>Operations as the text of others says them, or null where it does not.</summary>
    private static ImmutableArray<Operation>? Again(ImmutableArray<Operation> operations) =>
        OperationParser.TryParseBundle(
            Printer.Print(operations),
            _ => null,
            out ImmutableArray<Operation> again
        )
            is null
            ? again
            : null;
}
