// A loop in its middle: no prologue, no last turn, and every stream of the array unit stays on one
// page for a pass, so that all of it is looked at once a pass. Spec: spec/e2k/step.md, E2K-RUN-004.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;

namespace Ashlar.E2k;

/// <summary>
/// Places that an array move or store of a loop goes to, one after the other. They lie on one page
/// when the first and the last of a pass do.
/// </summary>
/// <param name="Fetch">The fetch instruction of a move; null of a store.</param>
/// <param name="Descriptor">Of a store.</param>
/// <param name="StoreIndex">Of a store.</param>
/// <param name="Increment">Of a store; -1 where its index stays.</param>
/// <param name="Scale">Increments are times this many bytes; of a move 1.</param>
/// <param name="Times">Advances of a pass.</param>
/// <param name="First">The lowest byte, from where the stream is.</param>
/// <param name="Last">The highest byte.</param>
/// <param name="Alignment">Bits that must be 0 in all addresses.</param>
internal sealed record ArrayStream(
    FetchKey? Fetch,
    int Descriptor,
    int StoreIndex,
    int Increment,
    int Scale,
    int Times,
    int First,
    int Last,
    int Alignment
);

/// <summary>What holds through a pass in the middle of a loop.</summary>
internal sealed class LoopFolding
{
    /// <summary>Before this version elements are aligned (E2K-ARR).</summary>
    internal const int AnyAddressSince = 5;

    private LoopFolding(TracePlan plan)
    {
        Advances = plan.Steps.Count(step => step.Bundle.Advance.For(step.IsTaken));
        Streams = [.. StreamsOf(plan)];
    }

    /// <summary>Turns of the loop counter in a pass.</summary>
    internal int Advances { get; }

    internal ImmutableArray<ArrayStream> Streams { get; }

    /// <summary>
    /// The folding of a loop; null where it has no counter or stream, or where it was not met in
    /// its middle.
    /// </summary>
    internal static LoopFolding? Of(TracePlan plan)
    {
        if (!plan.IsLoop || !plan.Steps.All(IsAsMet))
        {
            return null;
        }
        LoopFolding folding = new(plan);
        return folding.Advances > 0 ? folding : null;
    }

    /// <summary>What a decider gives in the middle of a loop; null for a predicate.</summary>
    internal static bool? Known(Decider decider) =>
        decider.Kind switch
        {
            DeciderKind.LoopEnd => decider.IsNegated,
            DeciderKind.Counter => !decider.IsNegated,
            _ => null,
        };

    private static bool IsAsMet(TraceStep step)
    {
        Bundle bundle = step.Bundle;
        bool isConditional = bundle.Leave != LeaveKind.Onward && !bundle.Decision.IsEmpty;
        return !isConditional
            || Deciding.Fold(bundle.Decision, bundle.IsAny, Known).Known is not { } known
            || known == step.IsTaken;
    }

    private static IEnumerable<ArrayStream> StreamsOf(TracePlan plan)
    {
        ArrayMove[] moves = [.. plan.Steps.SelectMany(step => step.Bundle.Moves)];
        foreach (FetchKey key in plan.Fetches.Keys)
        {
            ArrayMove[] own = [.. moves.Where(move => key == new FetchKey(move.IsLeft, move.Area))];
            int alignment = plan.Version < AnyAddressSince ? own.Max(move => BytesOf(move) - 1) : 0;
            if (own.All(move => (move.Offset & alignment) == 0))
            {
                int times = own.Count(move => move.Advances);
                int first = own.Min(move => move.Offset);
                int last = own.Max(move => move.Offset + BytesOf(move) - 1);
                yield return new(key, -1, -1, -1, 1, times, first, last, alignment);
            }
        }
        Job[] stores =
        [
            .. plan
                .Steps.SelectMany(step => step.Bundle.Jobs)
                .Where(job => job.Kind == JobKind.ArrayStore),
        ];
        foreach (IGrouping<int, Job> shared in stores.GroupBy(job => job.StoreIndex))
        {
            Job[] steps = [.. shared.Where(job => job.Increment >= 0)];
            Job? step = steps.FirstOrDefault();
            bool isOfOneKind = steps.All(job =>
                job.Increment == step!.Increment && job.Bytes == step.Bytes
            );
            if (!isOfOneKind)
            {
                continue;
            }
            foreach (IGrouping<int, Job> own in shared.GroupBy(job => job.Descriptor))
            {
                int last = own.Max(job => job.Bytes) - 1;
                yield return new(
                    null,
                    own.Key,
                    shared.Key,
                    step?.Increment ?? -1,
                    step?.Bytes ?? 1,
                    steps.Length,
                    0,
                    last,
                    0
                );
            }
        }
    }

    private static int BytesOf(ArrayMove move) => 1 << (move.Format - 1);
}
