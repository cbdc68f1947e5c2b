// The array unit in a trace: where elements are, as locals. Spec: spec/e2k/step.md, E2K-ARR.
using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection.Emit;

namespace Ashlar.E2k;

internal sealed partial class TraceEmitter
{
    /// <summary>A number of the array unit that lives in a local while the trace runs.</summary>
    /// <param name="Reference">Where it belongs.</param>
    /// <param name="Value">What it is now.</param>
    private sealed record Slot(LocalBuilder Reference, LocalBuilder Value);

    /// <summary>
    /// A fetch instruction: how far it is, where it began, by how much it advances.
    /// </summary>
    private sealed record Fetching(Slot Position, LocalBuilder Base, LocalBuilder Step);

    private readonly Dictionary<FetchKey, Fetching> _fetches = [];
    private readonly Dictionary<int, Slot> _storeIndices = [];
    private readonly Dictionary<int, LocalBuilder> _descriptors = [];
    private readonly Dictionary<int, LocalBuilder> _increments = [];

    private IEnumerable<Slot> AllSlots =>
        _fetches.Values.Select(one => one.Position).Concat(_storeIndices.Values);

    /// <summary>Loads all of it; an instruction that is not there is for the interpreter.</summary>
    private void EmitSlots(Label declines)
    {
        foreach ((FetchKey key, int format) in _plan.Fetches)
        {
            LocalBuilder index = _il.DeclareLocal(typeof(int));
            _il.Emit(OpCodes.Ldarg_1);
            EmitFetch(key);
            _il.Emit(OpCodes.Ldc_I4, format);
            Call(nameof(TraceSupport.FindFetch));
            _il.Emit(OpCodes.Dup);
            _il.Emit(OpCodes.Stloc, index);
            _il.Emit(OpCodes.Ldc_I4_0);
            _il.Emit(OpCodes.Blt, declines);
            _fetches.Add(
                key,
                new(
                    NewSlot(() =>
                    {
                        _il.Emit(OpCodes.Ldarg_1);
                        _il.Emit(key.IsLeft ? OpCodes.Ldc_I4_1 : OpCodes.Ldc_I4_0);
                        _il.Emit(OpCodes.Ldloc, index);
                        Call(nameof(TraceSupport.Position));
                    }),
                    Number(key, index, nameof(TraceSupport.FetchBase)),
                    Number(key, index, nameof(TraceSupport.FetchStep))
                )
            );
        }
        foreach (int number in _plan.StoreIndices)
        {
            _storeIndices.Add(
                number,
                NewSlot(() =>
                {
                    _il.Emit(OpCodes.Ldarg_0);
                    _il.Emit(OpCodes.Ldc_I4, number);
                    Call(nameof(TraceSupport.StoreIndex));
                })
            );
        }
        foreach (int number in _plan.Descriptors)
        {
            _descriptors.Add(number, Number(number, nameof(TraceSupport.Descriptor)));
        }
        foreach (int number in _plan.Increments)
        {
            _increments.Add(number, Number(number, nameof(TraceSupport.Increment)));
        }
    }

    private Slot NewSlot(Action emitReference)
    {
        Slot slot = new(
            _il.DeclareLocal(typeof(ulong).MakeByRefType()),
            _il.DeclareLocal(typeof(ulong))
        );
        emitReference();
        _il.Emit(OpCodes.Dup);
        _il.Emit(OpCodes.Stloc, slot.Reference);
        _il.Emit(OpCodes.Ldind_I8);
        _il.Emit(OpCodes.Stloc, slot.Value);
        return slot;
    }

    private void EmitFetch(FetchKey key)
    {
        _il.Emit(key.IsLeft ? OpCodes.Ldc_I4_1 : OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Ldc_I4, key.Area);
    }

    private LocalBuilder Number(FetchKey key, LocalBuilder index, string name)
    {
        LocalBuilder local = _il.DeclareLocal(typeof(ulong));
        _il.Emit(OpCodes.Ldarg_0);
        _il.Emit(key.IsLeft ? OpCodes.Ldc_I4_1 : OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Ldloc, index);
        Call(name);
        _il.Emit(OpCodes.Stloc, local);
        return local;
    }

    private LocalBuilder Number(int number, string name)
    {
        LocalBuilder local = _il.DeclareLocal(typeof(ulong));
        _il.Emit(OpCodes.Ldarg_0);
        _il.Emit(OpCodes.Ldc_I4, number);
        Call(name);
        _il.Emit(OpCodes.Stloc, local);
        return local;
    }

    /// <summary>The element of a move; one that cannot be had is for the interpreter.</summary>
    private LocalBuilder EmitMove(ArrayMove move, int index, Label fails)
    {
        Fetching fetch = _fetches[new(move.IsLeft, move.Area)];
        LocalBuilder address = Temporary(typeof(ulong));
        LocalBuilder value = Temporary(typeof(ulong));
        int bytes = 1 << (move.Format - 1);
        _il.Emit(OpCodes.Ldloc, fetch.Base);
        _il.Emit(OpCodes.Ldloc, fetch.Position.Value);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Ldc_I8, (long)move.Offset);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, address);
        bool isLookedAt = IsLookedAt(move);
        if (_plan.Version < LoopFolding.AnyAddressSince && bytes > 1 && !isLookedAt)
        {
            _il.Emit(OpCodes.Ldloc, address);
            _il.Emit(OpCodes.Ldc_I8, (long)(bytes - 1));
            _il.Emit(OpCodes.And);
            _il.Emit(OpCodes.Brtrue, Used(fails));
        }
        if (!isLookedAt)
        {
            EmitCheck(address, bytes, GuestMemory.MayRead, fails);
        }
        EmitLoad(address, bytes);
        _il.Emit(OpCodes.Stloc, value);
        return value;
    }

    private void EmitAdvance(ArrayMove move)
    {
        Fetching fetch = _fetches[new(move.IsLeft, move.Area)];
        _il.Emit(OpCodes.Ldloc, fetch.Position.Value);
        _il.Emit(OpCodes.Ldloc, fetch.Step);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, fetch.Position.Value);
        _changedSlots.Add(fetch.Position);
    }
}
