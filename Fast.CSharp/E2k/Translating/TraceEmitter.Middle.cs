// The middle of a loop: what is looked at once a pass. Spec: spec/e2k/step.md, E2K-RUN-004.
using System.Linq;
using System.Reflection.Emit;

namespace Ashlar.E2k;

internal sealed partial class TraceEmitter
{
    // Turns since the pass began, which are not counted in the state yet.
    private int _advances;

    private bool IsLookedAt(ArrayMove move)
    {
        FetchKey key = new(move.IsLeft, move.Area);
        return _folding is { } folding && folding.Streams.Any(stream => stream.Fetch == key);
    }

    private bool IsLookedAt(Job store) =>
        _folding is { } folding
        && folding.Streams.Any(stream =>
            stream.Fetch is null
            && stream.Descriptor == store.Descriptor
            && stream.StoreIndex == store.StoreIndex
        );

    /// <summary>Whether a pass is in the middle, at its beginning.</summary>
    private void EmitMiddleChecks(Label otherwise)
    {
        if (_folding is not { } folding)
        {
            return;
        }
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldc_I4, folding.Advances);
        Call(nameof(TraceSupport.IsInMiddle));
        _il.Emit(OpCodes.Brfalse, otherwise);
        foreach (ArrayStream stream in folding.Streams)
        {
            _il.Emit(OpCodes.Ldarg_S, PagesArgument);
            EmitPlace(stream);
            _il.Emit(OpCodes.Ldc_I4, stream.Times);
            _il.Emit(OpCodes.Ldc_I4, stream.First);
            _il.Emit(OpCodes.Ldc_I4, stream.Last);
            _il.Emit(OpCodes.Ldc_I4, stream.Alignment);
            int wanted = stream.Fetch is null ? GuestMemory.MayWriteFast : GuestMemory.MayRead;
            _il.Emit(OpCodes.Ldc_I4, wanted);
            Call(nameof(TraceSupport.StaysOnPage));
            _il.Emit(OpCodes.Brfalse, otherwise);
        }
    }

    /// <summary>Where a stream is, and by how much it advances.</summary>
    private void EmitPlace(ArrayStream stream)
    {
        if (stream.Fetch is { } key)
        {
            Fetching fetch = _fetches[key];
            _il.Emit(OpCodes.Ldloc, fetch.Base);
            _il.Emit(OpCodes.Ldloc, fetch.Position.Value);
            _il.Emit(OpCodes.Add);
            _il.Emit(OpCodes.Ldloc, fetch.Step);
            return;
        }
        _il.Emit(OpCodes.Ldloc, _descriptors[stream.Descriptor]);
        _il.Emit(OpCodes.Ldloc, _storeIndices[stream.StoreIndex].Value);
        _il.Emit(OpCodes.Add);
        if (stream.Increment < 0)
        {
            _il.Emit(OpCodes.Ldc_I8, 0L);
            return;
        }
        _il.Emit(OpCodes.Ldloc, _increments[stream.Increment]);
        _il.Emit(OpCodes.Ldc_I8, (long)stream.Scale);
        _il.Emit(OpCodes.Mul);
    }

    /// <summary>One turn of the loop; in its middle it is only noted.</summary>
    private void EmitAdvance()
    {
        if (_folding is not null)
        {
            _advances++;
            return;
        }
        _il.Emit(OpCodes.Ldarg_1);
        Call(nameof(TraceSupport.Advance), nameof(TraceSupport.AdvanceSeldom));
    }

    /// <summary>Counts the turns that were noted.</summary>
    private void EmitAdvances(int turns)
    {
        if (turns == 0)
        {
            return;
        }
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldc_I4, turns);
        Call(nameof(TraceSupport.Count));
    }
}
