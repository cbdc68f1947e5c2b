// Which paths are worth translating, and recording them. Spec: spec/e2k/step.md, E2K-RUN-004.
using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;

namespace Ashlar.E2k;

/// <summary>The traces of a program.</summary>
internal sealed class Translator(Machine machine)
{
    /// <summary>Visits that make an address worth a recording.</summary>
    internal const int Hot = 40;

    /// <summary>Bundles of a path, at most.</summary>
    internal const int StepsMax = 96;

    /// <summary>Traces that are kept; with more of them all are forgotten.</summary>
    private const int TracesMax = 4096;

    /// <summary>What a trace gives that did nothing: the next bundle is not for it.</summary>
    private const long Declined = 1;

    private const int Never = int.MinValue;
    private const int CacheSize = 1024;

    private readonly Dictionary<ulong, TraceHead> _heads = [];
    private readonly (ulong Ip, TraceHead? Head)[] _cache = new (ulong, TraceHead?)[CacheSize];
    private readonly List<TraceStep> _path = [];
    private TraceHead? _recording;
    private ulong _start;
    private Shape _shape;

    /// <summary>Traces that there are.</summary>
    internal int Count { get; private set; }

    /// <summary>Whether a path is being recorded.</summary>
    internal bool IsRecording => _recording is not null;

    /// <summary>The head at an address.</summary>
    internal TraceHead At(ulong ip)
    {
        ref (ulong Ip, TraceHead? Head) cached = ref _cache[(ip >> 3) % CacheSize];
        if (cached.Ip == ip && cached.Head is { } known)
        {
            return known;
        }
        if (!_heads.TryGetValue(ip, out TraceHead? head))
        {
            _heads.Add(ip, head = new());
        }
        cached = (ip, head);
        return head;
    }

    /// <summary>Forgets all traces: code may have changed.</summary>
    internal void Clear()
    {
        _heads.Clear();
        Array.Clear(_cache);
        _recording = null;
        Count = 0;
    }

    /// <summary>
    /// Carries out traces, one behind the other, until the next bundle is for the interpreter or
    /// the budget has no room for a pass. Gives the bundles that were carried out. No trace writes
    /// where code is, so that none of them is outdated by another.
    /// </summary>
    /// <remarks>This is the loop that all hot code returns to.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal long Run(long budget)
    {
        ref Control now = ref machine.Now;
        nint low = machine.Registers.LowAddress + (RegisterFile.Globals * sizeof(ulong));
        nint high = machine.Registers.HighAddress + (RegisterFile.Globals * sizeof(ulong));
        nint tags = machine.Registers.TagAddress + RegisterFile.Globals;
        nint memory = machine.Memory.Address;
        nint pages = machine.Memory.PagesAddress;
        long done = 0;
        Trace? before = null;
        while (true)
        {
            Trace? trace = before?.Next;
            if (trace is null || !trace.Fits(ref now))
            {
                trace = Find();
                if (trace is null)
                {
                    return done;
                }
                before?.Next = trace;
            }
            long outcome;
            while (true)
            {
                if (trace.Length > budget - done)
                {
                    return done;
                }
                nint first = now.Window.Base;
                outcome = trace.Body(
                    ref now,
                    low + (first * sizeof(ulong)),
                    high + (first * sizeof(ulong)),
                    tags + first,
                    memory,
                    pages,
                    budget - done
                );
                before = trace;
                if (outcome != Declined || trace.Fallback is not { } fallback)
                {
                    break;
                }
                trace = fallback;
            }
            done += outcome >> 1;
            if ((outcome & Declined) != 0)
            {
                return done;
            }
        }
    }

    /// <summary>The trace for the state; none starts to count.</summary>
    private Trace? Find()
    {
        TraceHead head = At(machine.Now.Ip);
        Trace? trace = head.Find(ref machine.Now);
        if (trace is null)
        {
            Visit(head);
        }
        return trace;
    }

    /// <summary>Counts a visit without a trace; true when recording begins.</summary>
    private bool Visit(TraceHead head)
    {
        // A loop that turns comes round to the shapes that it has traces for, so that another one
        // must be worth more.
        if (head.Visits == Never || ++head.Visits < Hot << (4 * Math.Min(head.Traces.Count, 4)))
        {
            return false;
        }
        head.Visits = 0;
        _recording = head;
        _path.Clear();
        _start = machine.Now.Ip;
        _shape = Shape.Of(machine.Now);
        return true;
    }

    /// <summary>The bundle that is carried out next belongs to the path.</summary>
    internal void Before(Bundle bundle)
    {
        ref readonly Control now = ref machine.State;
        Transfer prepared = bundle.Leave is LeaveKind.Jump or LeaveKind.Call
            ? now.TransferOf(bundle.Transfer)
            : default;
        _path.Add(new(_path.Count, now.Ip, bundle, false, Shape.Of(now), prepared));
    }

    /// <summary>The bundle has been carried out; translates where the path ends.</summary>
    internal void After(bool isTaken)
    {
        TraceStep step = _path[^1] with { IsTaken = isTaken };
        _path[^1] = step;
        bool leaves =
            isTaken
            && (step.Bundle.Leave == LeaveKind.Call || step.Prepared.Kind == TransferKind.Return);
        bool closes = !leaves && machine.Now.Ip == _start && Shape.Of(machine.Now) == _shape;
        bool meets =
            machine.Now.Ip != _start
            && _heads.TryGetValue(machine.Now.Ip, out TraceHead? other)
            && other.Traces.Count > 0;
        if (leaves || closes || meets || _path.Count == StepsMax)
        {
            Translate(closes);
        }
    }

    /// <summary>
    /// A counted loop is translated for its middle first, and pass by pass for the rest of it.
    /// </summary>
    private Trace MakeTrace(TracePlan plan)
    {
        if (LoopFolding.Of(plan) is not { } folding)
        {
            return new(plan, TraceEmitter.Emit(machine, plan, null), () => null);
        }
        TraceStep[] path = [.. plan.Steps];
        return new(
            plan,
            TraceEmitter.Emit(machine, plan, folding),
            () => MakeTrace(new(path, false, machine.HasTags, machine.Version, isSeldom: true))
        );
    }

    private void Translate(bool closes)
    {
        TraceHead head = _recording!;
        _recording = null;
        TracePlan plan = new(_path, closes, machine.HasTags, machine.Version);
        if (plan.Steps.Count == 0 || head.Traces.Count == TraceHead.TracesMax)
        {
            head.Visits = Never;
            return;
        }
        head.Traces.Add(MakeTrace(plan));
        if (++Count > TracesMax)
        {
            Clear();
        }
    }
}
