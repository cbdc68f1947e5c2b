// Loads, stores and the array unit in a step. Spec: spec/e2k/state.md, E2K-MEM and E2K-DAM;
// spec/e2k/step.md, E2K-ARR.
using System.Collections.Generic;
using Ashlar.E2k.Operations;

namespace Ashlar.E2k;

public sealed partial class Interpreter
{
    /// <summary>Pairs of fetch instructions that a program may have (E2K-ARR-001).</summary>
    internal const int FetchPairsMax = 32;

    private const ulong SegmentMask = 0xffffffffffff;
    private const int WordBytes = 8;

    /// <summary>The base of a segment, 0 until its register is written (E2K-MEM-003).</summary>
    private ulong BaseOf(Job job) =>
        job.StateCode < 0 ? 0 : _machine.Other[job.StateCode] & SegmentMask;

    private void Load(Job job)
    {
        Value first = Read(job.First);
        Value second = Read(job.Second);
        if (!first.IsValid || !second.IsValid)
        {
            FailedPair(job, TrapKind.InvalidOperand, 0);
            return;
        }
        ulong address = BaseOf(job) + first.Bits.Low + second.Bits.Low;
        ulong high = 0;
        bool isRead = _machine.Memory.TryRead(
            address,
            job.Bytes > WordBytes ? WordBytes : job.Bytes,
            out ulong low
        );
        if (job.Bytes > WordBytes)
        {
            isRead &= _machine.Memory.TryRead(address + WordBytes, WordBytes, out high);
        }
        Locks(job, address);
        if (!isRead)
        {
            Failed(job, job.Target, TrapKind.PageFault, address);
        }
        else if (job.IsPair)
        {
            Finish(job, job.Target, new(low, 0), true);
            Finish(job, job.Target.Next, new(high, 0), true);
        }
        else
        {
            Finish(job, new(low, high));
        }
    }

    private void FailedPair(Job job, TrapKind trap, ulong address)
    {
        Failed(job, job.Target, trap, address);
        if (job.IsPair)
        {
            Failed(job, job.Target.Next, trap, address);
        }
    }

    /// <summary>
    /// A load that locks, and one that asks for its lock (E2K-DAM-001, E2K-DAM-003,
    /// E2K-MEM-006).
    /// </summary>
    private void Locks(Job job, ulong address)
    {
        if (job.Locking == Locking.Lock)
        {
            _after.Lock(address, job.Bytes);
        }
        else if (job.Locking == Locking.Check)
        {
            if (!Before.Locks.Contains((address, job.Bytes)))
            {
                _isLockLost = true;
            }
            _after.Locks = _after.Locks.RemoveAll(one => one == (address, job.Bytes));
        }
    }

    private void Store(Job job)
    {
        Value first = Read(job.First);
        Value second = Read(job.Second);
        Value low = Read(job.Third);
        ulong address = BaseOf(job) + first.Bits.Low + second.Bits.Low;
        Value high = job.IsPair ? Read(job.Third.Next) : new(new(low.Bits.High, 0), low.Tag);
        if (first.IsValid && second.IsValid && low.IsValid && high.IsValid)
        {
            ulong bits = low.Bits.Low | (_isPoisoned ? Poison : 0);
            StoreBytes(address, job.Bytes, bits, high.Bits.Low);
        }
        else if (!job.IsSpeculative)
        {
            Fail(TrapKind.InvalidOperand);
        }
    }

    private void StoreBytes(ulong address, int bytes, ulong low, ulong high)
    {
        StoreWord(address, bytes > WordBytes ? WordBytes : bytes, low);
        if (bytes > WordBytes)
        {
            StoreWord(address + WordBytes, WordBytes, high);
        }
    }

    /// <summary>Bytes are written when all of the bundle succeeds (E2K-MEM-002).</summary>
    private void StoreWord(ulong address, int bytes, ulong value)
    {
        if (_machine.Memory.AllowsWrite(address, bytes))
        {
            _pending.Store(address, bytes, value);
            _after.AfterStore(address, bytes);
        }
        else
        {
            Fail(TrapKind.PageFault, address);
        }
    }

    private void ArrayStore(Job job)
    {
        ArrayUnit arrays = _machine.Arrays;
        Value value = Read(job.Third);
        ulong offset = arrays.StoreIndices[job.StoreIndex];
        if (!value.IsValid && !job.IsSpeculative)
        {
            Fail(TrapKind.InvalidOperand);
        }
        else if (value.IsValid)
        {
            ulong address = arrays.Descriptors[job.Descriptor] + offset;
            StoreBytes(address, job.Bytes, value.Bits.Low, value.Bits.High);
        }
        if (job.Increment >= 0 && Predicates.All(Before, job.IncrementDeciders) == Verdict.Holds)
        {
            ulong step = arrays.Increment(job.Increment) * (ulong)job.Bytes;
            _pending.Number(arrays.StoreIndices, job.StoreIndex, offset + step);
        }
    }

    /// <summary>A move, and how far its instruction then is (E2K-ARR-002).</summary>
    private void Move(ArrayMove move)
    {
        ArrayUnit arrays = _machine.Arrays;
        FetchProgram? half = move.IsLeft ? Before.Left : Before.Right;
        int index = half?.Find(move.Area) ?? -1;
        bool isFound = false;
        ulong value = 0;
        if (index >= 0 && half!.Fetches[index].Format >= move.Format)
        {
            ref readonly Fetch fetch = ref half.Fetches[index];
            ulong address = arrays.AddressOf(fetch, half.Positions[index]) + (ulong)move.Offset;
            int bytes = 1 << (move.Format - 1);
            // Before version 5 elements are aligned.
            isFound =
                (address % (ulong)bytes == 0 || _machine.Version >= 5)
                && _machine.Memory.TryRead(address, bytes, out value);
        }
        if (move.Target.IsRegister)
        {
            Bits bits = isFound ? new(value, 0) : default;
            int place = PlaceOf(move.Target);
            if (place >= 0)
            {
                bool isInvalid = !isFound && _machine.HasTags;
                _pending.Register(place, bits, isInvalid ? Tags.Invalid(Width.Double) : 0);
            }
        }
        if (move.Advances && half is not null)
        {
            Advance(half, move.Area);
        }
    }

    private void Advance(FetchProgram half, int area)
    {
        for (int index = 0; index < half.Fetches.Length; index++)
        {
            ref readonly Fetch fetch = ref half.Fetches[index];
            if (fetch.Area == area)
            {
                ulong bytes = fetch.Format == 0 ? 0 : 1UL << (fetch.Format - 1);
                ulong elements = _machine.Arrays.Increment(fetch.Increment);
                _pending.Advance(half.Positions, index, elements * bytes);
            }
        }
    }

    /// <summary>The program that begins where %ctpr2 says (E2K-ARR-001).</summary>
    private void StartArrays()
    {
        if (Before.Ctpr2.Kind != TransferKind.Prefetch)
        {
            Illegal("E2K-ARR-001", "no prefetch program is prepared");
            return;
        }
        List<Fetch> left = [];
        List<Fetch> right = [];
        for (int pair = 0; pair < FetchPairsMax; pair++)
        {
            ulong address = Before.Ctpr2.Value + (ulong)(2 * WordBytes * pair);
            if (
                !_machine.Memory.TryRead(address, WordBytes, out ulong first)
                || !_machine.Memory.TryRead(address + WordBytes, WordBytes, out ulong second)
            )
            {
                Fail(TrapKind.PageFault, address);
                return;
            }
            Add(left, first);
            Add(right, second);
            if ((first >> 31 & 1) != 0)
            {
                break;
            }
        }
        _after.Left = new([.. left]);
        _after.Right = new([.. right]);
    }

    /// <summary>One instruction of two words; all zero it is none (E2K-APB-002).</summary>
    private static void Add(List<Fetch> program, ulong word)
    {
        int Field(int low, int width) => (int)(word >> low) & ((1 << width) - 1);

        if (word != 0)
        {
            program.Add(
                new(
                    Field(15, 5),
                    Field(25, 3),
                    Field(12, 3),
                    Field(8, 4),
                    Field(0, 5),
                    (int)(word >> 32)
                )
            );
        }
    }
}
