// Deciders, the predicate logic, and writing predicates. Spec: spec/e2k/step.md, E2K-PRED.
using System;
using System.Collections.Immutable;

namespace Ashlar.E2k;

/// <summary>What a decider says.</summary>
internal enum Verdict : byte
{
    HoldsNot,
    Holds,

    /// <summary>The predicate is invalid.</summary>
    Unknown,
}

/// <summary>Predicates in a step.</summary>
internal static class Predicates
{
    private const int Locals = 8;

    /// <summary>What decides, in the state before the bundle (E2K-PRED-001).</summary>
    internal static Verdict Decide(in Control before, Decider decider) =>
        decider.Kind switch
        {
            DeciderKind.Predicate => NegatedIf(decider.IsNegated, Read(before, decider.Number)),
            DeciderKind.Counter => Of(before.Loop.Prologue <= decider.Number != decider.IsNegated),
            DeciderKind.LoopEnd => Of(before.Loop.IsEnd != decider.IsNegated),
            _ => Verdict.HoldsNot,
        };

    /// <summary>Several together: one that does not hold is enough (E2K-PRED-002).</summary>
    internal static Verdict All(in Control before, ImmutableArray<Decider> deciders)
    {
        Verdict all = Verdict.Holds;
        foreach (Decider decider in deciders)
        {
            Verdict one = Decide(before, decider);
            if (one == Verdict.HoldsNot)
            {
                return one;
            }
            all = one == Verdict.Unknown ? one : all;
        }
        return all;
    }

    /// <summary>A transfer's decision; an invalid predicate decides nothing (E2K-BR-001).</summary>
    internal static Verdict OfTransfer(in Control before, Bundle bundle, bool isLockLost)
    {
        bool any = false;
        bool all = true;
        foreach (Decider decider in bundle.Decision)
        {
            Verdict one =
                decider.Kind == DeciderKind.LostLock ? Of(isLockLost) : Decide(before, decider);
            if (one == Verdict.Unknown)
            {
                return one;
            }
            any |= one == Verdict.Holds;
            all &= one == Verdict.Holds;
        }
        return Of(bundle.IsAny ? any : all);
    }

    /// <summary>
    /// A predicate file with a predicate in it, by the rotation before the bundle.
    /// </summary>
    internal static PredicateFile Write(
        in Control before,
        bool hasTags,
        int number,
        Verdict verdict,
        PredicateFile file
    )
    {
        uint bit = 1u << before.PredicatePlace(number);
        if (verdict == Verdict.Unknown && hasTags)
        {
            return file with { Invalid = file.Invalid | bit };
        }
        uint values = verdict == Verdict.Holds ? file.Values | bit : file.Values & ~bit;
        return new(values, file.Invalid & ~bit);
    }

    /// <summary>The logic of a bundle: locals, then what they are put in (E2K-PRED-004).</summary>
    internal static PredicateFile Logic(
        in Control before,
        bool hasTags,
        ImmutableArray<LogicStep> steps,
        PredicateFile file
    )
    {
        Span<Verdict> locals = stackalloc Verdict[Locals];
        locals.Fill(Verdict.Unknown);
        foreach (LogicStep step in steps)
        {
            switch (step.Kind)
            {
                case LogicKind.Take:
                    locals[step.Local] = Decide(before, step.Source!);
                    break;
                case LogicKind.Put:
                    file = Write(before, hasTags, step.Predicate, locals[step.Local], file);
                    break;
                default:
                    locals[step.Local] = Combine(
                        step.Kind,
                        NegatedIf(step.IsLeftNegated, locals[step.Left]),
                        NegatedIf(step.IsRightNegated, locals[step.Right])
                    );
                    break;
            }
        }
        return file;
    }

    private static Verdict Of(bool holds) => holds ? Verdict.Holds : Verdict.HoldsNot;

    private static Verdict NegatedIf(bool isNegated, Verdict verdict) =>
        !isNegated || verdict == Verdict.Unknown ? verdict : Of(verdict == Verdict.HoldsNot);

    private static Verdict Read(in Control before, int number)
    {
        int place = before.PredicatePlace(number);
        return (before.Predicates.Invalid >> place & 1) != 0
            ? Verdict.Unknown
            : Of((before.Predicates.Values >> place & 1) != 0);
    }

    /// <summary>
    /// andp needs both, landp the right one only where the left holds (E2K-PRED-003).
    /// </summary>
    private static Verdict Combine(LogicKind kind, Verdict left, Verdict right)
    {
        if (
            kind is LogicKind.AndThen or LogicKind.Move
            && left == Verdict.HoldsNot
            && !Planted.Is(Bug.LandpNeedsBoth)
        )
        {
            return Verdict.HoldsNot;
        }
        return left == Verdict.Unknown || right == Verdict.Unknown
            ? Verdict.Unknown
            : Of(left == Verdict.Holds && right == Verdict.Holds);
    }
}
