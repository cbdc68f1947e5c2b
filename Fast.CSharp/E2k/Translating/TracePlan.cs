// What a trace touches: which registers it reads before it writes them, which it keeps as 128 bits,
// which predicates and parts of the array unit it needs. Spec: spec/e2k/step.md, E2K-RUN-004.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using System.Reflection;
using System.Runtime.Intrinsics;

namespace Ashlar.E2k;

/// <summary>A fetch instruction that a trace's moves take from.</summary>
internal sealed record FetchKey(bool IsLeft, int Area);

/// <summary>
/// The part of a recorded path that can be translated, and what it touches. In a trace all values
/// are valid: what could be invalid is left to the interpreter.
/// </summary>
internal sealed class TracePlan
{
    private readonly bool _hasTags;
    private readonly List<TraceStep> _steps = [];
    private readonly HashSet<int> _certain = [];
    private readonly HashSet<int> _invalid = [];
    private readonly HashSet<int> _perhaps = [];
    private readonly Reliance?[] _known = new Reliance?[Reliance.Registers];
    private readonly List<Reliance> _relies = [];
    private readonly Dictionary<TraceStep, Reliance> _transfers = new(
        ReferenceEqualityComparer.Instance
    );
    private uint _certainPredicates;

    internal TracePlan(
        IReadOnlyList<TraceStep> path,
        bool closes,
        bool hasTags,
        int version,
        bool isSeldom = false
    )
    {
        _hasTags = hasTags;
        IsSeldom = isSeldom;
        Version = version;
        foreach (TraceStep step in path)
        {
            // A part of a step that is refused leaves marks, which are only too careful.
            if (!Add(step))
            {
                break;
            }
            _steps.Add(step);
        }
        IsLoop = closes && _steps.Count == path.Count && _steps.Count > 0 && !Grows && CanRepeat();
    }

    internal int Version { get; }

    internal IReadOnlyList<TraceStep> Steps => _steps;

    /// <summary>Whether its end is its beginning.</summary>
    internal bool IsLoop { get; }

    /// <summary>Whether it is for the rare passes of a loop: small code, not fast code.</summary>
    internal bool IsSeldom { get; }

    /// <summary>
    /// Whether all that is written anywhere is loaded first and written back at every exit.
    /// </summary>
    internal bool WritesAllBack => IsLoop || IsSeldom;

    /// <summary>Places that are kept as 128 bits.</summary>
    internal HashSet<int> Vectors { get; } = [];

    /// <summary>Places that are read before they are certainly written.</summary>
    internal HashSet<int> LiveIn { get; } = [];

    internal HashSet<int> Written { get; } = [];

    /// <summary>
    /// Places whose extension has to be 0 when the trace begins: they may be written back as 64
    /// bits although nothing was written to them.
    /// </summary>
    internal IEnumerable<int> Narrow =>
        (WritesAllBack ? Written : _perhaps).Where(place => !Vectors.Contains(place)).Order();

    internal uint PredicatesIn { get; private set; }

    internal uint PredicatesWritten { get; private set; }

    internal bool Stores { get; private set; }

    /// <summary>Whether a window grows, which brings invalid registers into sight.</summary>
    internal bool Grows { get; private set; }

    internal ImmutableArray<Reliance> Relies => [.. _relies];

    /// <summary>Instructions with the largest format that is moved.</summary>
    internal Dictionary<FetchKey, int> Fetches { get; } = [];

    internal HashSet<int> Descriptors { get; } = [];

    internal HashSet<int> StoreIndices { get; } = [];

    internal HashSet<int> Increments { get; } = [];

    /// <summary>Places that have a value when the trace begins.</summary>
    internal IEnumerable<int> Loaded =>
        WritesAllBack ? new HashSet<int>([.. LiveIn, .. Written]).Order() : LiveIn.Order();

    internal uint PredicatesLoaded =>
        WritesAllBack ? PredicatesIn | PredicatesWritten : PredicatesIn;

    /// <summary>The shape behind a step, where the transfer is taken or not.</summary>
    internal static Shape After(TraceStep step, bool isTaken)
    {
        Shape shape = step.Before with { Size = SizeIn(step) };
        foreach (Setting setting in step.Bundle.Settings)
        {
            shape = setting.Kind switch
            {
                SettingKind.Based => shape with { Based = setting.Area },
                SettingKind.Turning => shape with { Turning = new(0, setting.Number, 0) },
                _ => shape,
            };
        }
        if (step.Bundle.TurnBased.For(isTaken))
        {
            shape = shape with { Based = shape.Based.TurnedBack() };
        }
        return step.Bundle.TurnPredicates.For(isTaken)
            ? shape with
            {
                Turning = shape.Turning.TurnedBack(),
            }
            : shape;
    }

    /// <summary>The window's size beside a step's operations.</summary>
    internal static int SizeIn(TraceStep step)
    {
        int size = step.Before.Size;
        foreach (Setting setting in step.Bundle.Settings)
        {
            size = setting.Kind == SettingKind.Window ? setting.Number : size;
        }
        return size;
    }

    /// <summary>What a transfer register holds after settings, where that is fixed.</summary>
    internal static Transfer? Prepares(TraceStep step, Setting setting) =>
        setting.Kind switch
        {
            SettingKind.Displacement => new(TransferKind.Direct, step.Ip + (ulong)setting.Distance),
            SettingKind.PrefetchDisplacement => new(
                TransferKind.Prefetch,
                step.Ip + (ulong)setting.Distance
            ),
            SettingKind.SystemEntry => new(TransferKind.SystemEntry, (ulong)setting.Distance),
            SettingKind.Return => new(TransferKind.Return, 0),
            _ => null,
        };

    /// <summary>What the transfer register of a step's jump or call holds.</summary>
    internal Transfer PreparedAt(TraceStep step) => _transfers[step].Transfer;

    /// <summary>What was relied on at the beginning still holds at the end.</summary>
    private bool CanRepeat() =>
        _relies.TrueForAll(one => _known[one.Number] is not { } now || now == one);

    private bool Add(TraceStep step)
    {
        Bundle bundle = step.Bundle;
        if (bundle.StartsArrays || bundle.StopsArrays || !AddSettings(step))
        {
            return false;
        }
        bool reads =
            bundle.Jobs.All(job => ReadsOf(step, job))
            && bundle.Logic.All(logic => logic.Kind != LogicKind.Take || Reads(step, logic.Source!))
            && bundle.Moves.All(move => ReadsOf(step, move))
            && bundle.Decision.All(decider => Reads(step, decider));
        if (!reads || !AddLeave(step))
        {
            return false;
        }
        bool writes =
            bundle.Jobs.All(job => WritesOf(step, job))
            && bundle.Moves.All(move => Writes(step, move.Target, isCertain: true));
        foreach (LogicStep logic in bundle.Logic)
        {
            if (logic.Kind == LogicKind.Put)
            {
                WritesPredicate(step, logic.Predicate, isCertain: true);
            }
        }
        return writes && LogicIsWhole(bundle);
    }

    /// <summary>
    /// Locals that nothing was put into are invalid, which is for the interpreter.
    /// </summary>
    private static bool LogicIsWhole(Bundle bundle)
    {
        int whole = 0;
        foreach (LogicStep logic in bundle.Logic)
        {
            bool isThere = logic.Kind switch
            {
                LogicKind.Take => true,
                LogicKind.Put => (whole >> logic.Local & 1) != 0,
                _ => (whole >> logic.Left & 1) != 0 && (whole >> logic.Right & 1) != 0,
            };
            if (!isThere)
            {
                return false;
            }
            whole |= 1 << logic.Local;
        }
        return true;
    }

    private bool AddSettings(TraceStep step)
    {
        int size = SizeIn(step);
        if (size != step.Before.Size)
        {
            if (size < step.Before.Parameters)
            {
                return false;
            }
            for (int place = step.Before.Size; _hasTags && place < size; place++)
            {
                if (LiveIn.Contains(place) || Written.Contains(place))
                {
                    return false;
                }
                _invalid.Add(place);
                Grows = true;
            }
        }
        foreach (Setting setting in step.Bundle.Settings)
        {
            bool leaves = setting.Kind switch
            {
                // What leaves an area becomes invalid.
                SettingKind.Based => _hasTags
                    && step.Before.Based.Pairs > 0
                    && (
                        step.Before.Based.First < setting.Area.First
                        || step.Before.Based.First + (2 * step.Before.Based.Pairs)
                            > setting.Area.First + (2 * setting.Area.Pairs)
                    ),
                SettingKind.Turning => step.Before.Turning.Pairs > setting.Number,
                _ => false,
            };
            if (leaves)
            {
                return false;
            }
        }
        return true;
    }

    private bool AddLeave(TraceStep step)
    {
        Bundle bundle = step.Bundle;
        if (bundle.Leave is LeaveKind.Jump or LeaveKind.Call)
        {
            if (_known[bundle.Transfer] is not { } prepared)
            {
                prepared = new(bundle.Transfer, step.Prepared);
                _known[bundle.Transfer] = prepared;
                _relies.Add(prepared);
            }
            _transfers[step] = prepared;
            bool isFit = (bundle.Leave, prepared.Transfer.Kind) switch
            {
                (_, TransferKind.Direct) => true,
                (LeaveKind.Jump, TransferKind.Return) => bundle.Transfer == 3,
                _ => false,
            };
            if (!isFit || (bundle.Leave == LeaveKind.Call && bundle.Shift > SizeIn(step)))
            {
                return false;
            }
        }
        foreach (Setting setting in bundle.Settings)
        {
            if (Prepares(step, setting) is { } transfer)
            {
                _known[setting.Number] = new(setting.Number, transfer);
            }
        }
        return true;
    }

    private bool ReadsOf(TraceStep step, Job job)
    {
        if (!job.Deciders.All(decider => Reads(step, decider)))
        {
            return false;
        }
        switch (job.Kind)
        {
            case JobKind.Compute:
                return job.Meaning!.Direct is { } direct
                    && (job.Merge is not { } merge || Reads(step, merge))
                    && ReadsArguments(step, job, direct);
            case JobKind.Load:
            case JobKind.Store:
                Stores |= job.Kind == JobKind.Store;
                return job.Locking == Locking.None
                    && job.StateCode < 0
                    && Reads(step, job.First, false)
                    && Reads(step, job.Second, false)
                    && Reads(step, job.Third, job.Bytes > 8 && !job.IsPair)
                    && (
                        job.Kind == JobKind.Load
                        || !job.IsPair
                        || Reads(step, job.Third.Next, false)
                    );
            case JobKind.ArrayStore:
                Stores = true;
                Descriptors.Add(job.Descriptor);
                StoreIndices.Add(job.StoreIndex);
                if (job.Increment >= 0)
                {
                    Increments.Add(job.Increment);
                }
                return job.Bytes <= 8
                    && Reads(step, job.Third, false)
                    && job.IncrementDeciders.All(decider => Reads(step, decider));
            case JobKind.Move:
                return Reads(step, job.Second, job.Target.Width != Width.Single);
            case JobKind.GetTag:
                return Reads(step, job.Second, false);
            default:
                return false;
        }
    }

    private bool ReadsArguments(TraceStep step, Job job, MethodInfo direct)
    {
        Operand[] sources = [job.First, job.Second, job.Third];
        int taken = 0;
        foreach (ParameterInfo parameter in direct.GetParameters())
        {
            bool isVector = parameter.ParameterType == typeof(Vector128<ulong>);
            if (isVector || parameter.ParameterType == typeof(ulong))
            {
                if (!Reads(step, sources[taken++], isVector))
                {
                    return false;
                }
            }
        }
        // A source that the function does not look at must be valid all the same.
        for (; taken < sources.Length; taken++)
        {
            if (!Reads(step, sources[taken], false))
            {
                return false;
            }
        }
        return true;
    }

    private bool ReadsOf(TraceStep step, ArrayMove move)
    {
        FetchKey key = new(move.IsLeft, move.Area);
        Fetches[key] = Math.Max(Fetches.GetValueOrDefault(key), move.Format);
        return move.Target.Place != Place.Transfer;
    }

    private bool Reads(TraceStep step, Decider decider)
    {
        if (decider.Kind == DeciderKind.Predicate)
        {
            uint bit = 1u << step.Before.PredicatePlace(decider.Number);
            PredicatesIn |= bit & ~_certainPredicates;
        }
        return decider.Kind != DeciderKind.LostLock;
    }

    private bool Reads(TraceStep step, Operand operand, bool isVector)
    {
        if (!operand.IsRegister)
        {
            return true;
        }
        int place = step.Before.PlaceOf(operand, SizeIn(step));
        if (place == Shape.Nowhere || _invalid.Contains(place))
        {
            return false;
        }
        if (!_certain.Contains(place))
        {
            LiveIn.Add(place);
        }
        if (isVector)
        {
            Vectors.Add(place);
        }
        return true;
    }

    private bool WritesOf(TraceStep step, Job job)
    {
        bool isCertain = job.Deciders.IsEmpty;
        bool isVector = job.Kind switch
        {
            JobKind.Compute => job.Meaning!.Direct!.ReturnType == typeof(Vector128<ulong>),
            JobKind.Load => job.Bytes > 8 && !job.IsPair,
            JobKind.Move => true,
            _ => false,
        };
        if (isVector && job.Target.IsRegister && job.Target.Width != Width.Single)
        {
            Vectors.Add(step.Before.PlaceOf(job.Target, SizeIn(step)));
        }
        return Writes(step, job.Target, isCertain)
            && (
                job.Kind != JobKind.Load || !job.IsPair || Writes(step, job.Target.Next, isCertain)
            );
    }

    private bool Writes(TraceStep step, Operand target, bool isCertain)
    {
        switch (target.Place)
        {
            case Place.Nowhere:
                return true;
            case Place.Predicate:
                WritesPredicate(step, target.Number, isCertain);
                return true;
            case Place.Transfer:
                return false;
        }
        int place = step.Before.PlaceOf(target, SizeIn(step));
        if (place == Shape.Nowhere || (!isCertain && _invalid.Contains(place)))
        {
            return false;
        }
        if (isCertain)
        {
            _certain.Add(place);
            _invalid.Remove(place);
        }
        else if (!_certain.Contains(place))
        {
            LiveIn.Add(place);
            _perhaps.Add(place);
        }
        Written.Add(place);
        return true;
    }

    private void WritesPredicate(TraceStep step, int number, bool isCertain)
    {
        uint bit = 1u << step.Before.PredicatePlace(number);
        if (isCertain)
        {
            _certainPredicates |= bit;
        }
        else
        {
            PredicatesIn |= bit & ~_certainPredicates;
        }
        PredicatesWritten |= bit;
    }
}
