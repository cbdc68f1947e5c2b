// A path through a program that was taken often, and the code made of it. Spec:
// spec/e2k/step.md, E2K-RUN-004.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;

namespace Ashlar.E2k;

/// <summary>
/// Carries out a trace. Pointers to low halves, extensions and tags are of the window's first
/// register. Gives twice the bundles that were carried out, and one more where the next one is
/// for the interpreter.
/// </summary>
internal delegate long TraceBody(
    Machine machine,
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

/// <summary>A transfer register that a trace relies on.</summary>
internal readonly record struct Reliance(int Number, Transfer Transfer);

/// <summary>Translated code, and the states that it is for.</summary>
internal sealed class Trace(
    Shape shape,
    ImmutableArray<Reliance> relies,
    bool stores,
    int length,
    TraceBody body
)
{
    private readonly Reliance[] _relies = [.. relies];

    /// <summary>Bundles of one pass.</summary>
    internal int Length { get; } = length;

    internal TraceBody Body { get; } = body;

    /// <summary>Whether it is for this state.</summary>
    internal bool Fits(in Control now)
    {
        // Stores end locks, which traces do not look at.
        if (!shape.Fits(now) || (stores && !now.Locks.IsEmpty))
        {
            return false;
        }
        foreach (ref readonly Reliance reliance in _relies.AsSpan())
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
    internal Trace? Find(in Control now)
    {
        foreach (Trace trace in Traces)
        {
            if (trace.Fits(now))
            {
                return trace;
            }
        }
        return null;
    }
}
