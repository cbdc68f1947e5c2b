// From a plan to code: registers become locals, which are loaded once and written back where the
// trace is left. Spec: spec/e2k/step.md, E2K-RUN-004.
using System;
using System.Collections.Generic;
using System.Numerics;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.Intrinsics;

namespace Ashlar.E2k;

/// <summary>Makes the code of one trace.</summary>
internal sealed partial class TraceEmitter
{
    // The arguments of a trace's code: the machine, and those of TraceBody.
    private const byte MachineArgument = 0;
    private const byte NowArgument = 1;
    private const byte LowArgument = 2;
    private const byte HighArgument = 3;
    private const byte TagsArgument = 4;
    private const byte MemoryArgument = 5;
    private const byte PagesArgument = 6;
    private const byte BudgetArgument = 7;

    private readonly TracePlan _plan;
    private readonly LoopFolding? _folding;
    private readonly bool _hasTags;
    private readonly DynamicMethod _method;
    private readonly ILGenerator _il;

    private readonly Dictionary<int, LocalBuilder> _registers = [];
    private readonly Dictionary<int, LocalBuilder> _predicates = [];
    private readonly LocalBuilder _count;

    private TraceEmitter(Machine machine, TracePlan plan, LoopFolding? folding)
    {
        _plan = plan;
        _folding = folding;
        _hasTags = machine.HasTags;
        MethodInfo invoke = typeof(TraceBody).GetMethod("Invoke")!;
        Type[] own = Array.ConvertAll(invoke.GetParameters(), one => one.ParameterType);
        _method = new(
            $"trace at {plan.Steps[0].Ip:x}",
            invoke.ReturnType,
            [typeof(Machine), .. own],
            typeof(TraceEmitter).Module,
            skipVisibility: true
        );
        _il = _method.GetILGenerator();
        _count = _il.DeclareLocal(typeof(long));
    }

    /// <summary>The code of a plan that has at least one step.</summary>
    internal static TraceBody Emit(Machine machine, TracePlan plan, LoopFolding? folding)
    {
        TraceEmitter emitter = new(machine, plan, folding);
        emitter.EmitAll();
        return emitter._method.CreateDelegate<TraceBody>(machine);
    }

    private void EmitAll()
    {
        Label declines = _il.DefineLabel();
        if (_hasTags)
        {
            EmitTagChecks(declines);
        }
        EmitExtensionChecks(declines);
        EmitSlots(declines);
        foreach (int place in _plan.Loaded)
        {
            LoadRegister(place);
        }
        for (uint left = _plan.PredicatesLoaded; left != 0; left &= left - 1)
        {
            int place = BitOperations.TrailingZeroCount(left);
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldc_I4, place);
            Call(nameof(TraceSupport.HoldsAt));
            _il.Emit(OpCodes.Stloc, Predicate(place));
        }
        EmitMiddleChecks(declines);
        Label top = _il.DefineLabel();
        _il.MarkLabel(top);
        int last = _plan.Steps.Count - 1;
        for (int index = 0; index <= last; index++)
        {
            EmitStep(index);
        }
        if (_plan.IsLoop)
        {
            EmitAgain(top);
        }
        EmitExits();
        _il.MarkLabel(declines);
        _il.Emit(OpCodes.Ldc_I8, 1L);
        _il.Emit(OpCodes.Ret);
    }

    /// <summary>Once more from the beginning, while the budget has room for a whole pass.</summary>
    private void EmitAgain(Label top)
    {
        // Where the next pass leaves the trace it knows nothing of what this one prepared.
        EmitPrepared();
        Array.Clear(_prepared);
        EmitAdvances(_advances);
        _advances = 0;
        _shape = _plan.Steps[0].Before;
        Label ends = Used(ExitAt(_plan.Steps[0].Ip, 0, isForInterpreter: false));
        int length = _plan.Steps.Count;
        _il.Emit(OpCodes.Ldloc, _count);
        _il.Emit(OpCodes.Ldc_I8, (long)length);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Dup);
        _il.Emit(OpCodes.Stloc, _count);
        _il.Emit(OpCodes.Ldc_I8, (long)length);
        _il.Emit(OpCodes.Add);
        _il.Emit(OpCodes.Ldarg_S, BudgetArgument);
        _il.Emit(OpCodes.Bgt, ends);
        EmitMiddleChecks(ends);
        _il.Emit(OpCodes.Br, top);
    }

    /// <summary>Everything that the trace reads must be valid.</summary>
    private void EmitTagChecks(Label declines)
    {
        bool isFirst = true;
        foreach (int place in _plan.Loaded)
        {
            EmitAddress(TagsArgument, place, 1);
            _il.Emit(OpCodes.Ldind_U1);
            if (!isFirst)
            {
                _il.Emit(OpCodes.Or);
            }
            isFirst = false;
        }
        if (!isFirst)
        {
            _il.Emit(OpCodes.Brtrue, declines);
        }
        if (_plan.PredicatesLoaded != 0)
        {
            _il.Emit(OpCodes.Ldarg_1);
            _il.Emit(OpCodes.Ldc_I4, (int)_plan.PredicatesLoaded);
            Call(nameof(TraceSupport.AreValid));
            _il.Emit(OpCodes.Brfalse, declines);
        }
    }

    /// <summary>What is kept as 64 bits, and perhaps written back so, must be no more.</summary>
    private void EmitExtensionChecks(Label declines)
    {
        bool isFirst = true;
        foreach (int place in _plan.Narrow)
        {
            EmitAddress(HighArgument, place, sizeof(ulong));
            _il.Emit(OpCodes.Ldind_I8);
            if (!isFirst)
            {
                _il.Emit(OpCodes.Or);
            }
            isFirst = false;
        }
        if (!isFirst)
        {
            _il.Emit(OpCodes.Brtrue, declines);
        }
    }

    /// <summary>The address of a register's low half, extension or tag.</summary>
    private void EmitAddress(byte argument, int place, int bytes)
    {
        if (place >= 0)
        {
            _il.Emit(OpCodes.Ldarg_S, argument);
            if (place > 0)
            {
                _il.Emit(OpCodes.Ldc_I4, place * bytes);
                _il.Emit(OpCodes.Conv_I);
                _il.Emit(OpCodes.Add);
            }
            return;
        }
        _il.Emit(OpCodes.Ldarg_0);
        Call(
            argument switch
            {
                LowArgument => nameof(TraceSupport.LowOfGlobals),
                HighArgument => nameof(TraceSupport.HighOfGlobals),
                _ => nameof(TraceSupport.TagsOfGlobals),
            }
        );
        _il.Emit(OpCodes.Ldc_I4, (-1 - place) * bytes);
        _il.Emit(OpCodes.Conv_I);
        _il.Emit(OpCodes.Add);
    }

    private bool IsVector(int place) => _plan.Vectors.Contains(place);

    private LocalBuilder Register(int place)
    {
        if (!_registers.TryGetValue(place, out LocalBuilder? local))
        {
            Type type = IsVector(place) ? typeof(Vector128<ulong>) : typeof(ulong);
            local = _il.DeclareLocal(type);
            _registers.Add(place, local);
        }
        return local;
    }

    private LocalBuilder Predicate(int place)
    {
        if (!_predicates.TryGetValue(place, out LocalBuilder? local))
        {
            local = _il.DeclareLocal(typeof(bool));
            _predicates.Add(place, local);
        }
        return local;
    }

    private void LoadRegister(int place)
    {
        EmitAddress(LowArgument, place, sizeof(ulong));
        _il.Emit(OpCodes.Ldind_I8);
        if (IsVector(place))
        {
            EmitAddress(HighArgument, place, sizeof(ulong));
            _il.Emit(OpCodes.Ldind_I8);
            Call(nameof(TraceSupport.Both));
        }
        _il.Emit(OpCodes.Stloc, Register(place));
    }

    private void StoreRegister(int place)
    {
        LocalBuilder local = Register(place);
        EmitAddress(LowArgument, place, sizeof(ulong));
        _il.Emit(OpCodes.Ldloc, local);
        if (IsVector(place))
        {
            Call(nameof(TraceSupport.Low));
        }
        _il.Emit(OpCodes.Stind_I8);
        EmitAddress(HighArgument, place, sizeof(ulong));
        if (IsVector(place))
        {
            _il.Emit(OpCodes.Ldloc, local);
            Call(nameof(TraceSupport.High));
        }
        else
        {
            _il.Emit(OpCodes.Ldc_I8, 0L);
        }
        _il.Emit(OpCodes.Stind_I8);
        if (_hasTags)
        {
            EmitAddress(TagsArgument, place, 1);
            _il.Emit(OpCodes.Ldc_I4_0);
            _il.Emit(OpCodes.Stind_I1);
        }
    }

    private void Call(string name) =>
        _il.Emit(
            OpCodes.Call,
            typeof(TraceSupport).GetMethod(name, BindingFlags.Static | BindingFlags.NonPublic)!
        );

    /// <summary>Calls what is put in place, unless small code is wanted.</summary>
    private void Call(string name, string seldom) => Call(_plan.IsSeldom ? seldom : name);
}
