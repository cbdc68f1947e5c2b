// The operations of the channels: sources with their tags, results, functions. Spec:
// spec/e2k/step.md, E2K-STEP and E2K-SPEC.
using Ashlar.E2k.Operations;

namespace Ashlar.E2k;

public sealed partial class Interpreter
{
    /// <summary>What marks a result whose guard was invalid (E2K-SPEC-003).</summary>
    private const ulong Poison = 0x4000000040000000;

    // Whether the guard of the operation in hand was invalid.
    private bool _isPoisoned;

    /// <summary>A source as read, of the width it is read with.</summary>
    private readonly record struct Value(Bits Bits, int Tag)
    {
        internal bool IsValid => Tag == 0;
    }

    /// <summary>One operation, where its guards let it (E2K-STEP-004).</summary>
    private void CarryOut(Job job)
    {
        Verdict verdict = Predicates.All(Before, job.Deciders);
        if (verdict == Verdict.HoldsNot)
        {
            return;
        }
        if (verdict == Verdict.Unknown && !job.IsSpeculative)
        {
            Fail(TrapKind.InvalidOperand);
            return;
        }
        _isPoisoned = verdict == Verdict.Unknown;
        switch (job.Kind)
        {
            case JobKind.Compute:
                Compute(job);
                break;
            case JobKind.Load:
                Load(job);
                break;
            case JobKind.Store:
                if (!IsSkipped)
                {
                    Store(job);
                }
                break;
            case JobKind.ArrayStore:
                if (!IsSkipped)
                {
                    ArrayStore(job);
                }
                break;
            case JobKind.ArrayWrite:
            case JobKind.StateWrite:
                WriteNumber(job);
                break;
            case JobKind.ArrayRead:
                ulong[]? registers = _machine.Arrays.Registers(job.ArrayRegister);
                Finish(job, new(registers?[job.ArrayNumber] ?? 0, 0));
                break;
            case JobKind.StateRead:
                Finish(job, new(_machine.ReadState(Before, job.StateCode), 0));
                break;
            case JobKind.Move:
                Value moved = Read(job.Second);
                Write(job.Target, moved.Bits, moved.Tag);
                break;
            case JobKind.GetTag:
                Finish(job, new((ulong)Read(job.Second).Tag, 0));
                break;
            case JobKind.PutTag:
                PutTag(job);
                break;
            default:
                GetStack(job);
                break;
        }
    }

    /// <summary>Whether stores of a bundle in loop mode are left out (E2K-LOOP-003).</summary>
    private bool IsSkipped =>
        _bundle.LoopMode
        && (Before.Loop.Prologue != 0 || (Before.Loop.IsEnd && Before.Loop.StoreMode == 0));

    /// <summary>
    /// Where an operand's register is (E2K-ST-004, E2K-ST-007); -1, with a trap, where there is
    /// none.
    /// </summary>
    private int PlaceOf(Operand operand)
    {
        int number = operand.Number;
        if (operand.Place == Place.Global)
        {
            if (number < RegisterFile.Globals)
            {
                return number;
            }
            Fail(TrapKind.WindowBounds);
            return -1;
        }
        if (operand.Place == Place.Based)
        {
            Rotation area = Before.Based;
            number =
                area.Pairs == 0
                    ? _window.Size
                    : area.First + ((number + (2 * area.Turn)) % (2 * area.Pairs));
        }
        if (number >= _window.Size)
        {
            Fail(TrapKind.WindowBounds);
            return -1;
        }
        return RegisterFile.Globals + _window.Base + number;
    }

    private Value Read(Operand operand)
    {
        if (operand.Place == Place.Constant)
        {
            return new(new(operand.Value, 0), 0);
        }
        int place = PlaceOf(operand);
        if (place < 0)
        {
            return default;
        }
        Bits bits = _machine.Registers.Read(place);
        int tag = Tags.Of(operand.Width, _machine.Registers.TagOf(place));
        return new(operand.Width == Width.Single ? new((uint)bits.Low, 0) : bits, tag);
    }

    /// <summary>A result into its place, with a tag.</summary>
    private void Write(Operand target, Bits bits, int tag)
    {
        switch (target.Place)
        {
            case Place.Nowhere:
                break;
            case Place.Predicate:
                Verdict verdict =
                    tag != 0 && _machine.HasTags ? Verdict.Unknown
                    : (bits.Low & 1) != 0 ? Verdict.Holds
                    : Verdict.HoldsNot;
                _after.Predicates = Predicates.Write(
                    Before,
                    _machine.HasTags,
                    target.Number,
                    verdict,
                    _after.Predicates
                );
                break;
            case Place.Transfer:
                // An invalid address prepares nothing (E2K-ST-010).
                bool isValid = tag == 0 || !_machine.HasTags;
                _after.Prepare(
                    target.Number,
                    isValid ? new(TransferKind.Direct, bits.Low) : default
                );
                break;
            default:
                int place = PlaceOf(target);
                if (place >= 0)
                {
                    Bits kept = target.Width == Width.Single ? new((uint)bits.Low, 0) : bits;
                    int keptTag = _machine.HasTags ? Tags.Of(target.Width, tag) : 0;
                    _pending.Register(place, kept, keptTag);
                }
                break;
        }
    }

    private static Width WidthOf(Operand target) => target.IsRegister ? target.Width : Width.Double;

    /// <summary>The result of valid sources (E2K-SPEC-001).</summary>
    private void Finish(Job job, Bits bits, bool isValid = true) =>
        Finish(job, job.Target, bits, isValid);

    private void Finish(Job job, Operand target, Bits bits, bool isValid)
    {
        if (_isPoisoned && !Planted.Is(Bug.PoisonForgotten))
        {
            Write(target, bits with { Low = bits.Low | Poison }, Tags.Invalid(WidthOf(target)));
        }
        else if (isValid)
        {
            Write(target, bits, 0);
        }
        else if (job.IsSpeculative)
        {
            Write(target, bits, Tags.Invalid(WidthOf(target)));
        }
        else
        {
            Fail(TrapKind.InvalidOperand);
        }
    }

    /// <summary>
    /// An invalid result of a speculative operation, else the trap (E2K-SPEC-002).
    /// </summary>
    private void Failed(Job job, Operand target, TrapKind trap, ulong address = 0)
    {
        if (job.IsSpeculative)
        {
            Write(target, default, Tags.Invalid(WidthOf(target)));
        }
        else
        {
            Fail(trap, address);
        }
    }

    private void Compute(Job job)
    {
        Value first = Read(job.First);
        Value second = Read(job.Second);
        Value third = Read(job.Third);
        Verdict verdict = job.Merge is { } merge
            ? Predicates.Decide(Before, merge)
            : Verdict.HoldsNot;
        // Of a merge the source that it takes must be valid (E2K-SPEC-004).
        bool isValid =
            third.IsValid
            && (
                job.Merge is null
                    ? first.IsValid && second.IsValid
                    : verdict switch
                    {
                        Verdict.Holds => second.IsValid,
                        Verdict.HoldsNot => first.IsValid,
                        _ => false,
                    }
            );
        if (!isValid && !job.IsSpeculative)
        {
            Fail(TrapKind.InvalidOperand);
            return;
        }

        Sources sources = new()
        {
            First = first.Bits,
            Second = second.Bits,
            Third = third.Bits,
            Byte = job.Byte,
            Tag = second.Tag,
            Chosen = verdict == Verdict.Holds,
        };
        FloatControl control = _after.Float;
        if (!job.Meaning!.Apply(in sources, ref control, out Bits result))
        {
            Failed(job, job.Target, TrapKind.DivisionByZero);
            return;
        }
        if (isValid)
        {
            _after.Float = control;
        }
        Finish(job, result, isValid);
    }

    private void WriteNumber(Job job)
    {
        bool isState = job.Kind == JobKind.StateWrite;
        Value value = Read(isState ? job.Second : job.Third);
        if (!value.IsValid)
        {
            if (!job.IsSpeculative)
            {
                Fail(TrapKind.InvalidOperand);
            }
        }
        else if (!isState)
        {
            if (_machine.Arrays.Registers(job.ArrayRegister) is { } registers)
            {
                _pending.Number(registers, job.ArrayNumber, value.Bits.Low);
            }
        }
        else if (!Machine.TryWriteState(ref _after, job.StateCode, value.Bits.Low))
        {
            _pending.Number(_machine.Other, job.StateCode, value.Bits.Low);
        }
    }

    private void PutTag(Job job)
    {
        Value value = Read(job.First);
        Value tag = Read(job.Second);
        if (tag.IsValid)
        {
            Write(job.Target, value.Bits, (int)tag.Bits.Low & 15);
        }
        else
        {
            Failed(job, job.Target, TrapKind.InvalidOperand);
        }
    }

    /// <summary>The user stack grows down in steps of 16 bytes (E2K-ST-015).</summary>
    private void GetStack(Job job)
    {
        Value amount = Read(job.Second);
        ulong before = Before.StackTop;
        ulong top = (before + amount.Bits.Low) & ~15UL;
        bool isDown = (long)amount.Bits.Low < 0;
        if (!amount.IsValid)
        {
            Failed(job, job.Target, TrapKind.InvalidOperand);
        }
        else if (top < _machine.StackLimit || (isDown && top > before))
        {
            Fail(TrapKind.StackBounds);
        }
        else
        {
            _after.StackTop = top;
            Write(job.Target, new(top, 0), 0);
        }
    }
}
