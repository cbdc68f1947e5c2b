// Leaving a trace: what it has changed is written back, as far as it has got. Spec:
// spec/e2k/step.md, E2K-RUN-004.
using System.Collections.Generic;
using System.Linq;
using System.Reflection.Emit;

namespace Ashlar.E2k;

internal sealed partial class TraceEmitter
{
    /// <summary>What is done behind everything else where a trace is left.</summary>
    private enum Ending : byte
    {
        None,
        Call,
        Return,
    }

    /// <summary>A place where the trace is left, with the state as it is there.</summary>
    private sealed record Exit(
        Label Label,
        int[] Registers,
        int[] Predicates,
        Reliance[] Prepared,
        Slot[] Slots,
        Shape Shape,
        ulong Ip,
        int Steps,
        bool IsForInterpreter,
        Ending Ending,
        int Shift,
        ulong ReturnTo,
        bool Advances,
        int AdvancesBefore
    );

    private readonly List<Exit> _exits = [];
    private readonly HashSet<int> _used = [];

    // What has been changed since the trace was entered and is not in the state yet.
    private readonly HashSet<int> _changed = [];
    private readonly HashSet<int> _changedPredicates = [];
    private readonly Reliance?[] _prepared = new Reliance?[Reliance.Registers];
    private readonly HashSet<Slot> _changedSlots = [];
    private Shape _shape;

    /// <summary>The label of an exit to an address behind so many steps of this pass.</summary>
    private Label ExitAt(
        ulong ip,
        int steps,
        bool isForInterpreter,
        Ending ending = Ending.None,
        int shift = 0,
        ulong returnTo = 0,
        bool advances = false
    )
    {
        Label label = _il.DefineLabel();
        IEnumerable<int> registers = (_plan.WritesAllBack ? _plan.Written : _changed).Order();
        IEnumerable<int> predicates = _plan.WritesAllBack
            ? Enumerable.Range(0, 32).Where(one => (_plan.PredicatesWritten >> one & 1) != 0)
            : _changedPredicates.Order();
        _exits.Add(
            new(
                label,
                [.. registers],
                [.. predicates],
                [.. _prepared.OfType<Reliance>()],
                _plan.WritesAllBack ? [.. AllSlots] : [.. _changedSlots],
                _shape,
                ip,
                steps,
                isForInterpreter,
                ending,
                shift,
                returnTo,
                advances,
                _advances
            )
        );
        return label;
    }

    /// <summary>
    /// All exits that something branches to. Where they write the same back it is done in one
    /// place.
    /// </summary>
    private void EmitExits()
    {
        Exit[] used = [.. _exits.Where(exit => _used.Contains(exit.Label.Id))];
        if (!_plan.WritesAllBack)
        {
            foreach (Exit exit in used)
            {
                _il.MarkLabel(exit.Label);
                EmitAdvanceOf(exit);
                EmitBack(exit);
                EmitEnd(exit);
            }
            return;
        }
        LocalBuilder number = _il.DeclareLocal(typeof(int));
        Label back = _il.DefineLabel();
        Label[] ends = new Label[used.Length];
        for (int index = 0; index < used.Length; index++)
        {
            ends[index] = _il.DefineLabel();
        }
        for (int index = 0; index < used.Length; index++)
        {
            _il.MarkLabel(used[index].Label);
            EmitAdvanceOf(used[index]);
            _il.Emit(OpCodes.Ldc_I4, index);
            _il.Emit(OpCodes.Stloc, number);
            _il.Emit(OpCodes.Br, back);
        }
        _il.MarkLabel(back);
        EmitBack(used[0]);
        _il.Emit(OpCodes.Ldloc, number);
        _il.Emit(OpCodes.Switch, ends);
        for (int index = 0; index < used.Length; index++)
        {
            _il.MarkLabel(ends[index]);
            EmitEnd(used[index]);
        }
    }

    /// <summary>The label, from here on one that is branched to.</summary>
    private Label Used(Label label)
    {
        _used.Add(label.Id);
        return label;
    }

    private void EmitAdvanceOf(Exit exit)
    {
        if (_folding is not null)
        {
            EmitAdvances(exit.AdvancesBefore + (exit.Advances ? 1 : 0));
        }
        else if (exit.Advances)
        {
            EmitAdvance();
        }
    }

    private void EmitBack(Exit exit)
    {
        foreach (int place in exit.Registers)
        {
            StoreRegister(place);
        }
        EmitPredicates(exit.Predicates);
        foreach (Slot slot in exit.Slots)
        {
            _il.Emit(OpCodes.Ldloc, slot.Reference);
            _il.Emit(OpCodes.Ldloc, slot.Value);
            _il.Emit(OpCodes.Stind_I8);
        }
    }

    private void EmitEnd(Exit exit)
    {
        foreach (Reliance known in exit.Prepared)
        {
            EmitPrepare(known.Number, known.Transfer);
        }
        if (exit.Shape != _plan.Steps[0].Before)
        {
            EmitShape(exit.Shape);
        }
        switch (exit.Ending)
        {
            case Ending.Call:
                _il.Emit(OpCodes.Ldarg_0);
                _il.Emit(OpCodes.Ldarg_1);
                _il.Emit(OpCodes.Ldc_I4, exit.Shift);
                _il.Emit(OpCodes.Ldc_I8, (long)exit.ReturnTo);
                _il.Emit(OpCodes.Ldc_I8, (long)exit.Ip);
                Call(nameof(TraceSupport.Enter));
                break;
            case Ending.Return:
                _il.Emit(OpCodes.Ldarg_0);
                _il.Emit(OpCodes.Ldarg_1);
                Call(nameof(TraceSupport.Leave));
                break;
            default:
                _il.Emit(OpCodes.Ldarg_1);
                _il.Emit(OpCodes.Ldc_I8, (long)exit.Ip);
                _il.Emit(OpCodes.Stfld, typeof(Control).GetField(nameof(Control.Ip))!);
                break;
        }
        _il.Emit(OpCodes.Ldloc, _count);
        _il.Emit(OpCodes.Ldc_I8, (long)exit.Steps);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Ldc_I4_1);
        _il.Emit(OpCodes.Shl);
        if (exit.IsForInterpreter)
        {
            _il.Emit(OpCodes.Ldc_I8, 1L);
            _il.Emit(OpCodes.Or);
        }
        _il.Emit(OpCodes.Ret);
    }

    private void EmitPredicates(int[] places)
    {
        if (places.Length == 0)
        {
            return;
        }
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldc_I4, places.Aggregate(0, (mask, place) => mask | (1 << place)));
        _il.Emit(OpCodes.Ldc_I4_0);
        foreach (int place in places)
        {
            _il.Emit(OpCodes.Ldloc, Predicate(place));
            _il.Emit(OpCodes.Ldc_I4, place);
            _il.Emit(OpCodes.Shl);
            _il.Emit(OpCodes.Or);
        }
        Call(nameof(TraceSupport.PutPredicates));
    }

    private void EmitPrepared()
    {
        foreach (Reliance known in _prepared.OfType<Reliance>())
        {
            EmitPrepare(known.Number, known.Transfer);
        }
    }

    private void EmitPrepare(int number, Transfer transfer)
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldc_I4, number);
        _il.Emit(OpCodes.Ldc_I4, (int)transfer.Kind);
        _il.Emit(OpCodes.Ldc_I8, (long)transfer.Value);
        Call(nameof(TraceSupport.Prepare));
    }

    private void EmitShape(Shape shape)
    {
        _il.Emit(OpCodes.Ldarg_1);
        _il.Emit(OpCodes.Ldc_I4, shape.Size);
        _il.Emit(OpCodes.Ldc_I4, shape.Based.First);
        _il.Emit(OpCodes.Ldc_I4, shape.Based.Pairs);
        _il.Emit(OpCodes.Ldc_I4, shape.Based.Turn);
        _il.Emit(OpCodes.Ldc_I4, shape.Turning.Pairs);
        _il.Emit(OpCodes.Ldc_I4, shape.Turning.Turn);
        Call(nameof(TraceSupport.PutShape));
    }
}
