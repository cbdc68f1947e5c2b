// One bundle of a trace: what it asks of the state before it, what may fail, what it computes, and
// only then what it changes. Spec: spec/e2k/step.md, E2K-STEP-004 and E2K-STEP-005.
using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Reflection.Emit;

namespace Ashlar.E2k;

internal sealed partial class TraceEmitter
{
    /// <summary>A predicate that the step writes, and what.</summary>
    private sealed record PutPredicate(int Place, LocalBuilder Value);

    /// <summary>An operation of the bundle in hand, with its guard and what came of it.</summary>
    private sealed class Pending
    {
        internal required Job Job { get; init; }

        /// <summary>Whether it is carried out; null where it always is.</summary>
        internal LocalBuilder? Guard { get; set; }

        internal LocalBuilder? Address { get; set; }

        internal LocalBuilder? Result { get; set; }

        /// <summary>The second register's, of a pair.</summary>
        internal LocalBuilder? Next { get; set; }
    }

    private readonly Dictionary<Type, List<LocalBuilder>> _temporaries = [];
    private readonly Dictionary<Type, int> _taken = [];
    private TraceStep _step = null!;
    private int _size;

    /// <summary>A local for the bundle in hand.</summary>
    private LocalBuilder Temporary(Type type)
    {
        if (!_temporaries.TryGetValue(type, out List<LocalBuilder>? locals))
        {
            _temporaries.Add(type, locals = []);
        }
        int taken = _taken.GetValueOrDefault(type);
        if (taken == locals.Count)
        {
            locals.Add(_il.DeclareLocal(type));
        }
        _taken[type] = taken + 1;
        return locals[taken];
    }

    private void EmitStep(int index)
    {
        _step = _plan.Steps[index];
        _shape = _step.Before;
        _size = TracePlan.SizeIn(_step);
        _taken.Clear();
        Bundle bundle = _step.Bundle;
        Label fails = ExitAt(_step.Ip, index, isForInterpreter: true);

        LocalBuilder? isTaken = EmitDecision(bundle);
        List<Pending> jobs = EmitGuards(bundle);
        if (_size > _step.Before.Size)
        {
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldc_I4, _size);
            Call(nameof(TraceSupport.FitsStack));
            _il.Emit(OpCodes.Brfalse, Used(fails));
        }
        EmitTransferChecks(bundle, fails);
        foreach (Pending job in jobs)
        {
            EmitGuarded(job.Guard, () => EmitFirst(job, fails));
        }
        LocalBuilder[] moved = new LocalBuilder[bundle.Moves.Length];
        for (int move = 0; move < moved.Length; move++)
        {
            moved[move] = EmitMove(bundle.Moves[move], move, fails);
        }
        foreach (Pending job in jobs)
        {
            EmitGuarded(job.Guard, () => EmitSecond(job));
        }
        List<PutPredicate> logic = EmitLogic(bundle.Logic);

        // From here on nothing fails.
        foreach (Pending job in jobs)
        {
            EmitGuarded(job.Guard, () => EmitStore(job));
        }
        if (_hasTags && _size > _step.Before.Size)
        {
            _il.Emit(OpCodes.Ldarg_0);
            _il.Emit(OpCodes.Ldc_I4, _step.Before.Size);
            _il.Emit(OpCodes.Ldc_I4, _size);
            Call(nameof(TraceSupport.Invalidate));
        }
        foreach (Pending job in jobs)
        {
            EmitGuarded(job.Guard, () => EmitResult(job));
        }
        for (int move = 0; move < moved.Length; move++)
        {
            _il.Emit(OpCodes.Ldloc, moved[move]);
            Assign(bundle.Moves[move].Target, typeof(ulong));
            if (bundle.Moves[move].Advances)
            {
                EmitAdvance(bundle.Moves[move]);
            }
        }
        foreach ((int place, LocalBuilder value) in logic)
        {
            _il.Emit(OpCodes.Ldloc, value);
            _il.Emit(OpCodes.Stloc, Predicate(place));
            _changedPredicates.Add(place);
        }
        foreach (Setting setting in bundle.Settings)
        {
            if (TracePlan.Prepares(_step, setting) is { } transfer)
            {
                _prepared[setting.Number] = new(setting.Number, transfer);
            }
        }
        EmitLeave(index, isTaken);
    }

    private void EmitGuarded(LocalBuilder? guard, Action emit)
    {
        if (guard is null)
        {
            emit();
            return;
        }
        Label behind = _il.DefineLabel();
        _il.Emit(OpCodes.Ldloc, guard);
        _il.Emit(OpCodes.Brfalse, behind);
        emit();
        _il.MarkLabel(behind);
    }

    private void EmitDecider(Decider decider)
    {
        switch (decider.Kind)
        {
            case DeciderKind.LoopEnd or DeciderKind.Counter when _folding is not null:
                _il.Emit(LoopFolding.Known(decider) == true ? OpCodes.Ldc_I4_1 : OpCodes.Ldc_I4_0);
                return;
            case DeciderKind.Predicate:
                int place = _step.Before.PredicatePlace(decider.Number);
                _il.Emit(OpCodes.Ldloc, Predicate(place));
                break;
            case DeciderKind.Counter:
                _il.Emit(OpCodes.Ldarg_1);
                _il.Emit(OpCodes.Ldc_I4, decider.Number);
                Call(nameof(TraceSupport.IsAtMost));
                break;
            case DeciderKind.LoopEnd:
                _il.Emit(OpCodes.Ldarg_1);
                Call(nameof(TraceSupport.IsLoopEnd), nameof(TraceSupport.IsLoopEndSeldom));
                break;
            default:
                _il.Emit(OpCodes.Ldc_I4_0);
                return;
        }
        if (decider.IsNegated)
        {
            EmitNot();
        }
    }

    private void EmitNot()
    {
        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Ceq);
    }

    /// <summary>What is known of a condition when the code is made.</summary>
    private bool? Known(Decider decider) =>
        decider.Kind == DeciderKind.Never ? false
        : _folding is null ? null
        : LoopFolding.Known(decider);

    private void EmitDeciders(ImmutableArray<Decider> deciders, bool isAny)
    {
        bool isFirst = true;
        foreach (Decider decider in deciders)
        {
            EmitDecider(decider);
            if (!isFirst)
            {
                _il.Emit(isAny ? OpCodes.Or : OpCodes.And);
            }
            isFirst = false;
        }
    }

    /// <summary>
    /// Whether the transfer is taken; null where it is known to go as it did before.
    /// </summary>
    private LocalBuilder? EmitDecision(Bundle bundle)
    {
        if (bundle.Leave == LeaveKind.Onward)
        {
            return null;
        }
        (bool? known, ImmutableArray<Decider> rest) = Deciding.Fold(
            bundle.Decision,
            bundle.IsAny,
            Known
        );
        if (known is not null)
        {
            return null;
        }
        LocalBuilder local = Temporary(typeof(bool));
        EmitDeciders(rest, bundle.IsAny);
        _il.Emit(OpCodes.Stloc, local);
        return local;
    }

    /// <summary>The operations that may be carried out, with what decides about them.</summary>
    private List<Pending> EmitGuards(Bundle bundle)
    {
        List<Pending> jobs = [];
        LocalBuilder? isStored = null;
        foreach (Job job in bundle.Jobs)
        {
            bool isStore = job.Kind is JobKind.Store or JobKind.ArrayStore;
            if (isStore && bundle.LoopMode && isStored is null && _folding is null)
            {
                isStored = Temporary(typeof(bool));
                _il.Emit(OpCodes.Ldarg_1);
                Call(
                    nameof(TraceSupport.IsStoreLeftOut),
                    nameof(TraceSupport.IsStoreLeftOutSeldom)
                );
                EmitNot();
                _il.Emit(OpCodes.Stloc, isStored);
            }
            LocalBuilder? also = isStore ? isStored : null;
            (bool? known, ImmutableArray<Decider> rest) = Deciding.Fold(
                job.Deciders,
                isAny: false,
                Known
            );
            if (known == false)
            {
                continue;
            }
            Pending pending = new() { Job = job, Guard = also };
            if (known is null)
            {
                pending.Guard = Temporary(typeof(bool));
                EmitDeciders(rest, isAny: false);
                if (also is not null)
                {
                    _il.Emit(OpCodes.Ldloc, also);
                    _il.Emit(OpCodes.And);
                }
                _il.Emit(OpCodes.Stloc, pending.Guard);
            }
            jobs.Add(pending);
        }
        return jobs;
    }

    private List<PutPredicate> EmitLogic(ImmutableArray<LogicStep> steps)
    {
        LocalBuilder?[] locals = new LocalBuilder?[8];
        List<PutPredicate> put = [];
        foreach (LogicStep step in steps)
        {
            if (step.Kind == LogicKind.Put)
            {
                put.Add(new(_step.Before.PredicatePlace(step.Predicate), locals[step.Local]!));
                continue;
            }
            if (step.Kind == LogicKind.Take)
            {
                EmitDecider(step.Source!);
            }
            else
            {
                EmitLocal(locals[step.Left]!, step.IsLeftNegated);
                EmitLocal(locals[step.Right]!, step.IsRightNegated);
                _il.Emit(OpCodes.And);
            }
            LocalBuilder local = Temporary(typeof(bool));
            _il.Emit(OpCodes.Stloc, local);
            locals[step.Local] = local;
        }
        return put;
    }

    private void EmitLocal(LocalBuilder local, bool isNegated)
    {
        _il.Emit(OpCodes.Ldloc, local);
        if (isNegated)
        {
            EmitNot();
        }
    }

    /// <summary>A call or return for which there is no room is for the interpreter.</summary>
    private void EmitTransferChecks(Bundle bundle, Label fails)
    {
        Transfer? prepared = Prepared(bundle);
        if (bundle.Leave == LeaveKind.Call)
        {
            _il.Emit(OpCodes.Ldarg_1);
            Call(nameof(TraceSupport.MayEnter));
            _il.Emit(OpCodes.Brfalse, Used(fails));
        }
        else if (prepared is { Kind: TransferKind.Return })
        {
            _il.Emit(OpCodes.Ldarg_1);
            Call(nameof(TraceSupport.MayLeave));
            _il.Emit(OpCodes.Brfalse, Used(fails));
        }
    }

    /// <summary>What the transfer register of a jump or call holds in this trace.</summary>
    private Transfer? Prepared(Bundle bundle) =>
        bundle.Leave is LeaveKind.Jump or LeaveKind.Call ? _plan.PreparedAt(_step) : null;

    private void EmitLeave(int index, LocalBuilder? isTaken)
    {
        Bundle bundle = _step.Bundle;
        ulong onward = _step.Ip + (ulong)bundle.Bytes;
        bool expected = _step.IsTaken;
        if (isTaken is not null)
        {
            Label other = EmitWay(index, !expected, onward);
            _il.Emit(OpCodes.Ldloc, isTaken);
            _il.Emit(expected ? OpCodes.Brfalse : OpCodes.Brtrue, Used(other));
        }
        bool isLast = index == _plan.Steps.Count - 1;
        if (isLast && !_plan.IsLoop)
        {
            _il.Emit(OpCodes.Br, Used(EmitWay(index, expected, onward)));
            return;
        }
        if (bundle.Advance.For(expected))
        {
            EmitAdvance();
        }
    }

    /// <summary>The exit behind this bundle, where its transfer is taken or not.</summary>
    private Label EmitWay(int index, bool isTaken, ulong onward)
    {
        Bundle bundle = _step.Bundle;
        _shape = TracePlan.After(_step, isTaken);
        bool advances = bundle.Advance.For(isTaken);
        if (!isTaken)
        {
            return ExitAt(onward, index + 1, false, advances: advances);
        }
        Transfer? prepared = Prepared(bundle);
        ulong address =
            (
                bundle.Leave == LeaveKind.Branch
                    ? _step.Ip + (ulong)bundle.Distance
                    : prepared!.Value.Value
            ) & ~7UL;
        return (bundle.Leave, prepared?.Kind) switch
        {
            (LeaveKind.Call, _) => ExitAt(
                address,
                index + 1,
                false,
                Ending.Call,
                bundle.Shift,
                onward,
                advances
            ),
            (_, TransferKind.Return) => ExitAt(
                0,
                index + 1,
                false,
                Ending.Return,
                advances: advances
            ),
            _ => ExitAt(address, index + 1, false, advances: advances),
        };
    }
}
