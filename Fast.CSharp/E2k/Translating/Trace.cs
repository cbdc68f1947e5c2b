// A path through a program that was taken often, and the code made of it. Spec:
// spec/e2k/step.md, E2K-RUN-004.
using System;
using System.Collections.Generic;

namespace Ashlar.E2k;

/// <summary>
/// Carries out a trace of the machine that it was made for. Pointers to low halves, extensions and
/// tags are of the window's first register. Gives twice the bundles that were carried out, and one
/// more where the next one is for the interpreter.
/// </summary>
internal delegate long TraceBody(
    ref Control now,
    nint low,
    nint high,
    nint tags,
    nint memory,
    nint pages,
    long budget
);

/// <summary>A bundle of a trace, as it was met when the trace was recorded.</summary>
/// <param name="Index">In the path.</param>
/// <param name="Ip">Its address.</param>
/// <param name="Bundle">What it does.</param>
/// <param name="IsTaken">Whether its transfer was taken.</param>
/// <param name="Before">The shape before it.</param>
/// <param name="Prepared">What its transfer register held, if it has one.</param>
internal sealed record TraceStep(
    int Index,
    ulong Ip,
    Bundle Bundle,
    bool IsTaken,
    Shape Before,
    Transfer Prepared
);

/// <summary>What a transfer register holds, where a trace relies on it or knows it.</summary>
internal sealed record Reliance(int Number, Transfer Transfer)
{
    /// <summary>%ctpr1 to %ctpr3, by their numbers.</summary>
    internal const int Registers = 4;
}

/// <summary>Translated code, and the states that it is for.</summary>
internal sealed class Trace
{
    private readonly ulong _ip;
    private readonly Shape _shape;
    private readonly bool _stores;
    private readonly Reliance[] _relies;
    private readonly Lazy<Trace?> _fallback;

    internal Trace(TracePlan plan, TraceBody body, Func<Trace?> makeFallback)
    {
        _ip = plan.Steps[0].Ip;
        _shape = plan.Steps[0].Before;
        _stores = plan.Stores;
        _relies = [.. plan.Relies];
        Length = plan.Steps.Count;
        Body = body;
        _fallback = new(makeFallback);
    }

    /// <summary>Bundles of one pass.</summary>
    internal int Length { get; }

    internal TraceBody Body { get; }

    /// <summary>What to carry out where this one declines; made when it is asked for.</summary>
    internal Trace? Fallback => _fallback.Value;

    /// <summary>The trace that was carried out behind this one the last time.</summary>
    internal Trace? Next { get; set; }

    /// <summary>Whether it is for this state.</summary>
    internal bool Fits(ref readonly Control now)
    {
        // Stores end locks, which traces do not look at.
        if (now.Ip != _ip || !_shape.Fits(in now) || (_stores && !now.Locks.IsEmpty))
        {
            return false;
        }
        foreach (Reliance reliance in _relies)
        {
            Transfer prepared = now.TransferOf(reliance.Number);
            if (
                prepared.Value != reliance.Transfer.Value
                || prepared.Kind != reliance.Transfer.Kind
            )
            {
                return false;
            }
        }
        return true;
    }
}

/// <summary>An address at which traces may begin.</summary>
internal sealed class TraceHead
{
    /// <summary>Traces of one address, at most: for more shapes the interpreter does.</summary>
    internal const int TracesMax = 16;

    /// <summary>Times it was reached without a trace.</summary>
    internal int Visits { get; set; }

    internal List<Trace> Traces { get; } = [];

    /// <summary>The first of them that is for a state.</summary>
    internal Trace? Find(ref readonly Control now)
    {
        foreach (Trace trace in Traces)
        {
            if (trace.Fits(in now))
            {
                return trace;
            }
        }
        return null;
    }
}
