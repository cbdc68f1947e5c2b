// The operations of a bundle in a trace. Spec: spec/e2k/step.md, E2K-STEP-004.
using System;
using System.Collections.Immutable;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Intrinsics;
using Ashlar.E2k.Operations;

namespace Ashlar.E2k;

internal sealed partial class TraceEmitter
{
    private const int WordBytes = 8;

    private static readonly FieldInfo Float = typeof(Control).GetField(nameof(Control.Float))!;

    /// <summary>What may fail: accesses and divisions.</summary>
    private void EmitFirst(Pending pending, Label fails)
    {
        Job job = pending.Job;
        switch (job.Kind)
        {
            case JobKind.Load:
                EmitAccess(pending, GuestMemory.MayRead, fails);
                EmitLoads(pending);
                break;
            case JobKind.Store:
                EmitAccess(pending, GuestMemory.MayWriteFast, fails);
                break;
            case JobKind.ArrayStore:
                pending.Address = Temporary(typeof(ulong));
                _il.Emit(OpCodes.Ldloc, _descriptors[job.Descriptor]);
                _il.Emit(OpCodes.Ldloc, _storeIndices[job.StoreIndex].Value);
                _il.Emit(OpCodes.Add);
                _il.Emit(OpCodes.Stloc, pending.Address);
                if (!IsLookedAt(job))
                {
                    EmitCheck(pending.Address, job.Bytes, GuestMemory.MayWriteFast, fails);
                }
                break;
            case JobKind.Compute when job.Meaning!.Kind == MeaningKind.Dividing:
                pending.Result = Temporary(typeof(ulong));
                EmitCall(job, pending.Result);
                _il.Emit(OpCodes.Brfalse, Used(fails));
                break;
        }
    }

    /// <summary>What cannot fail.</summary>
    private void EmitSecond(Pending pending)
    {
        Job job = pending.Job;
        switch (job.Kind)
        {
            case JobKind.Compute when job.Meaning!.Kind != MeaningKind.Dividing:
                pending.Result = Temporary(job.Meaning!.Direct!.ReturnType);
                EmitCall(job, null);
                _il.Emit(OpCodes.Stloc, pending.Result);
                break;
            case JobKind.Move:
                bool isNarrow = job.Target.Width == Width.Single;
                Type type = isNarrow ? typeof(ulong) : typeof(Vector128<ulong>);
                pending.Result = Temporary(type);
                EmitSource(job.Second, type);
                _il.Emit(OpCodes.Stloc, pending.Result);
                break;
            case JobKind.GetTag:
                // Here everything is valid.
                pending.Result = Temporary(typeof(ulong));
                _il.Emit(OpCodes.Ldc_I8, 0L);
                _il.Emit(OpCodes.Stloc, pending.Result);
                break;
        }
    }

    private void EmitResult(Pending pending)
    {
        if (pending.Result is not { } result)
        {
            return;
        }
        _il.Emit(OpCodes.Ldloc, result);
        Assign(pending.Job.Target, result.LocalType);
        if (pending.Next is { } next)
        {
            _il.Emit(OpCodes.Ldloc, next);
            Assign(pending.Job.Target.Next, next.LocalType);
        }
    }

    private void EmitStore(Pending pending)
    {
        Job job = pending.Job;
        if (job.Kind is not (JobKind.Store or JobKind.ArrayStore))
        {
            return;
        }
        int bytes = Math.Min(job.Bytes, WordBytes);
        EmitPut(
            pending.Address!,
            0,
            bytes,
            () =>
            {
                EmitSource(job.Third, typeof(ulong));
            }
        );
        if (job.Bytes > WordBytes)
        {
            EmitPut(
                pending.Address!,
                WordBytes,
                WordBytes,
                () =>
                {
                    if (job.IsPair)
                    {
                        EmitSource(job.Third.Next, typeof(ulong));
                    }
                    else
                    {
                        EmitSource(job.Third, typeof(Vector128<ulong>));
                        Call(nameof(TraceSupport.High));
                    }
                }
            );
        }
        if (job.Kind == JobKind.ArrayStore && job.Increment >= 0)
        {
            EmitIncrement(job);
        }
    }

    private void EmitIncrement(Job job)
    {
        Slot slot = _storeIndices[job.StoreIndex];
        _changedSlots.Add(slot);
        LocalBuilder? guard = null;
        (bool? known, ImmutableArray<Decider> rest) = Deciding.Fold(
            job.IncrementDeciders,
            isAny: false,
            Known
        );
        if (known == false)
        {
            return;
        }
        if (known is null)
        {
            guard = Temporary(typeof(bool));
            EmitDeciders(rest, isAny: false);
            _il.Emit(OpCodes.Stloc, guard);
        }
        EmitGuarded(
            guard,
            () =>
            {
                _il.Emit(OpCodes.Ldloc, slot.Value);
                _il.Emit(OpCodes.Ldloc, _increments[job.Increment]);
                _il.Emit(OpCodes.Ldc_I8, (long)job.Bytes);
                _il.Emit(OpCodes.Mul);
                _il.Emit(OpCodes.Add);
                _il.Emit(OpCodes.Stloc, slot.Value);
            }
        );
    }

    /// <summary>The address of an access, checked.</summary>
    private void EmitAccess(Pending pending, int wanted, Label fails)
    {
        Job job = pending.Job;
        pending.Address = Temporary(typeof(ulong));
        EmitSource(job.First, typeof(ulong));
        EmitSource(job.Second, typeof(ulong));
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Stloc, pending.Address);
        EmitCheck(pending.Address, job.Bytes, wanted, fails);
    }

    private void EmitCheck(LocalBuilder address, int bytes, int wanted, Label fails)
    {
        _il.Emit(OpCodes.Ldarg_S, PagesArgument);
        _il.Emit(OpCodes.Ldloc, address);
        _il.Emit(OpCodes.Ldc_I4, bytes);
        _il.Emit(OpCodes.Ldc_I4, wanted);
        Call(nameof(TraceSupport.Allows), nameof(TraceSupport.AllowsSeldom));
        _il.Emit(OpCodes.Brfalse, Used(fails));
    }

    private void EmitLoads(Pending pending)
    {
        Job job = pending.Job;
        if (job.Bytes <= WordBytes)
        {
            pending.Result = Temporary(typeof(ulong));
            EmitLoad(pending.Address!, job.Bytes);
            _il.Emit(OpCodes.Stloc, pending.Result);
            return;
        }
        EmitLoad(pending.Address!, WordBytes);
        if (job.IsPair)
        {
            pending.Result = Temporary(typeof(ulong));
            _il.Emit(OpCodes.Stloc, pending.Result);
            EmitLoad(pending.Address!, WordBytes, WordBytes);
            pending.Next = Temporary(typeof(ulong));
            _il.Emit(OpCodes.Stloc, pending.Next);
        }
        else
        {
            EmitLoad(pending.Address!, job.Bytes - WordBytes, WordBytes);
            Call(nameof(TraceSupport.Both));
            pending.Result = Temporary(typeof(Vector128<ulong>));
            _il.Emit(OpCodes.Stloc, pending.Result);
        }
    }

    private void EmitHost(LocalBuilder address, int offset)
    {
        _il.Emit(OpCodes.Ldarg_S, MemoryArgument);
        _il.Emit(OpCodes.Ldloc, address);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Add);
        if (offset != 0)
        {
            _il.Emit(OpCodes.Ldc_I4, offset);
            _il.Emit(OpCodes.Conv_I);
            _il.Emit(OpCodes.Add);
        }
        _il.Emit(OpCodes.Unaligned, (byte)1);
    }

    private void EmitLoad(LocalBuilder address, int bytes, int offset = 0)
    {
        EmitHost(address, offset);
        switch (bytes)
        {
            case 1:
                _il.Emit(OpCodes.Ldind_U1);
                _il.Emit(OpCodes.Conv_U8);
                break;
            case 2:
                _il.Emit(OpCodes.Ldind_U2);
                _il.Emit(OpCodes.Conv_U8);
                break;
            case 4:
                _il.Emit(OpCodes.Ldind_U4);
                _il.Emit(OpCodes.Conv_U8);
                break;
            default:
                _il.Emit(OpCodes.Ldind_I8);
                break;
        }
    }

    private void EmitPut(LocalBuilder address, int offset, int bytes, Action emitValue)
    {
        // The prefix has to stand right before the store.
        _il.Emit(OpCodes.Ldarg_S, MemoryArgument);
        _il.Emit(OpCodes.Ldloc, address);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Add);
        if (offset != 0)
        {
            _il.Emit(OpCodes.Ldc_I4, offset);
            _il.Emit(OpCodes.Conv_I);
            _il.Emit(OpCodes.Add);
        }
        emitValue();
        _il.Emit(OpCodes.Unaligned, (byte)1);
        _il.Emit(
            bytes switch
            {
                1 => OpCodes.Stind_I1,
                2 => OpCodes.Stind_I2,
                4 => OpCodes.Stind_I4,
                _ => OpCodes.Stind_I8,
            }
        );
    }

    /// <summary>The function of an operation; what it gives is left on the stack.</summary>
    private void EmitCall(Job job, LocalBuilder? result)
    {
        Meaning meaning = job.Meaning!;
        MethodInfo direct = meaning.Direct!;
        Operand[] sources = [job.First, job.Second, job.Third];
        int taken = 0;
        foreach (ParameterInfo parameter in direct.GetParameters())
        {
            Type type = parameter.ParameterType;
            if (type == typeof(ulong) || type == typeof(Vector128<ulong>))
            {
                EmitSource(sources[taken++], type);
            }
            else if (type == typeof(int))
            {
                _il.Emit(OpCodes.Ldc_I4, meaning.Constant ?? job.Byte);
            }
            else if (type == typeof(bool))
            {
                EmitDecider(job.Merge!);
            }
            else if (parameter.IsOut)
            {
                _il.Emit(OpCodes.Ldloca, result!);
            }
            else
            {
                _il.Emit(OpCodes.Ldarg_1);
                _il.Emit(OpCodes.Ldflda, Float);
            }
        }
        _il.Emit(OpCodes.Call, direct);
    }

    /// <summary>A source, as 64 bits or as all of a register.</summary>
    private void EmitSource(Operand operand, Type type)
    {
        bool isVector = type == typeof(Vector128<ulong>);
        if (!operand.IsRegister)
        {
            _il.Emit(OpCodes.Ldc_I8, (long)operand.Value);
            if (isVector)
            {
                EmitSpread();
            }
            return;
        }
        int place = _step.Before.PlaceOf(operand, _size);
        _il.Emit(OpCodes.Ldloc, Register(place));
        if (isVector && IsVector(place) && operand.Width != Width.Single)
        {
            return;
        }
        if (IsVector(place))
        {
            Call(nameof(TraceSupport.Low));
        }
        if (operand.Width == Width.Single)
        {
            EmitNarrow();
        }
        if (isVector)
        {
            EmitSpread();
        }
    }

    private void EmitNarrow()
    {
        _il.Emit(OpCodes.Conv_U4);
        _il.Emit(OpCodes.Conv_U8);
    }

    private void EmitSpread()
    {
        _il.Emit(OpCodes.Ldc_I8, 0L);
        Call(nameof(TraceSupport.Both));
    }

    /// <summary>What is on the stack into its place.</summary>
    private void Assign(Operand target, Type type)
    {
        bool isVector = type == typeof(Vector128<ulong>);
        if (target.Place == Place.Nowhere)
        {
            _il.Emit(OpCodes.Pop);
            return;
        }
        if (target.Place == Place.Predicate)
        {
            if (isVector)
            {
                Call(nameof(TraceSupport.Low));
            }
            _il.Emit(OpCodes.Conv_I4);
            _il.Emit(OpCodes.Ldc_I4_1);
            _il.Emit(OpCodes.And);
            int predicate = _step.Before.PredicatePlace(target.Number);
            _il.Emit(OpCodes.Stloc, Predicate(predicate));
            _changedPredicates.Add(predicate);
            return;
        }
        int place = _step.Before.PlaceOf(target, _size);
        if (isVector && (target.Width == Width.Single || !IsVector(place)))
        {
            Call(nameof(TraceSupport.Low));
            isVector = false;
        }
        if (target.Width == Width.Single)
        {
            EmitNarrow();
        }
        if (!isVector && IsVector(place))
        {
            EmitSpread();
        }
        _il.Emit(OpCodes.Stloc, Register(place));
        _changed.Add(place);
    }
}
