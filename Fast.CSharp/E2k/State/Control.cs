// What a program sees of the machine beside registers and memory. A bundle works on a copy, which
// becomes the state when all of it succeeds. Spec: spec/e2k/state.md, E2K-ST.
using System;
using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using Ashlar.E2k.Operations;

namespace Ashlar.E2k;

/// <summary>
/// The part of the register stack that a procedure sees, in registers (E2K-ST-004).
/// </summary>
/// <param name="Base">Of all registers of the stack.</param>
/// <param name="Size">Of the window.</param>
/// <param name="Parameters">Registers that the caller handed over.</param>
public readonly record struct WindowPart(int Base, int Size, int Parameters);

/// <summary>
/// An area that turns: its first register, its pairs, and by how many pairs it is turned
/// (E2K-ST-006); of predicates only the last two count (E2K-ST-009).
/// </summary>
public readonly record struct Rotation(int First, int Pairs, int Turn)
{
    /// <summary>One step back, which is what a rotation is (E2K-BR-005).</summary>
    public Rotation TurnedBack() =>
        Pairs == 0
            ? this
            : this with
            {
                Turn = (Turn + (Planted.Is(Bug.RotationForward) ? 1 : Pairs - 1)) % Pairs,
            };
}

/// <summary>Predicates as bits, and which of them are invalid (E2K-ST-008).</summary>
public readonly record struct PredicateFile(uint Values, uint Invalid);

/// <summary>What a transfer register was prepared for.</summary>
public enum TransferKind : byte
{
    Unprepared,

    /// <summary>An address.</summary>
    Direct,

    /// <summary>The address of a prefetch program.</summary>
    Prefetch,

    /// <summary>An entry of the system.</summary>
    SystemEntry,

    /// <summary>The caller.</summary>
    Return,
}

/// <summary>What a transfer register holds (E2K-ST-010).</summary>
public readonly record struct Transfer(TransferKind Kind, ulong Value);

/// <summary>The loop status register by its fields (E2K-ST-012).</summary>
public record struct LoopStatus
{
    private const ulong RestMask = 0xf000ffc000000000;

    /// <summary>lcnt: turns that are left.</summary>
    public uint Count { get; set; }

    /// <summary>ecnt.</summary>
    public int Epilogue { get; set; }

    /// <summary>vlc: whether the counter counts.</summary>
    public bool IsValid { get; set; }

    /// <summary>pcnt.</summary>
    public int Prologue { get; set; }

    /// <summary>strmd.</summary>
    public int StoreMode { get; set; }

    /// <summary>Bits without a meaning here, kept for reading.</summary>
    public ulong Rest { get; set; }

    /// <summary>Whether the loop is in its last turn (E2K-LOOP-002).</summary>
    public readonly bool IsEnd => IsValid && Epilogue == 0 && Count < 2;

    /// <summary>The register.</summary>
    public ulong Bits
    {
        readonly get =>
            Count
            | ((ulong)Epilogue << 32)
            | (IsValid ? 1UL << 37 : 0)
            | ((ulong)Prologue << 48)
            | ((ulong)StoreMode << 53)
            | Rest;
        set
        {
            Count = (uint)value;
            Epilogue = (int)(value >> 32) & 31;
            IsValid = (value >> 37 & 1) != 0;
            Prologue = (int)(value >> 48) & 31;
            StoreMode = (int)(value >> 53) & 127;
            Rest = value & RestMask;
        }
    }

    /// <summary>One turn further (E2K-LOOP-001).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Advance()
    {
        Prologue = Math.Max(0, Prologue - 1);
        Count = Count > 0 ? Count - 1 : 0;
        if (Count == 0 && IsValid && !Planted.Is(Bug.AdvanceForgetsEpilogue))
        {
            Epilogue = Math.Max(0, Epilogue - 1);
        }
    }
}

/// <summary>What a call keeps for the return (E2K-ST-005).</summary>
public readonly record struct Frame(
    ulong ReturnTo,
    WindowPart Window,
    Rotation Based,
    Rotation Turning,
    PredicateFile Predicates
);

/// <summary>
/// All that is not in the register stack, the globals, memory and the array unit.
/// </summary>
public struct Control
{
    /// <summary>Locks of loads that are kept; the oldest gives way (E2K-DAM-001).</summary>
    private const int LocksMax = 32;

    public ulong Ip;
    public WindowPart Window;
    public Rotation Based;
    public Rotation Turning;
    public PredicateFile Predicates;
    public Transfer Ctpr1;
    public Transfer Ctpr2;
    public Transfer Ctpr3;
    public LoopStatus Loop;
    public FloatControl Float;

    /// <summary>Calls that are open.</summary>
    public int Depth;

    /// <summary>Where the user stack has grown to (E2K-ST-015).</summary>
    public ulong StackTop;

    /// <summary>Addresses and bytes that loads have locked, the newest first.</summary>
    public ImmutableArray<(ulong Address, int Bytes)> Locks;

    /// <summary>The prefetch programs of both halves; null while none runs (E2K-ST-014).</summary>
    public FetchProgram? Left;
    public FetchProgram? Right;

    /// <summary>A transfer register by its number from 1 to 3.</summary>
    public readonly Transfer TransferOf(int number) =>
        number switch
        {
            1 => Ctpr1,
            2 => Ctpr2,
            _ => Ctpr3,
        };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Prepare(int number, Transfer transfer)
    {
        switch (number)
        {
            case 1:
                Ctpr1 = transfer;
                break;
            case 2:
                Ctpr2 = transfer;
                break;
            default:
                Ctpr3 = transfer;
                break;
        }
    }

    /// <summary>Calls and returns forget what was prepared (E2K-ST-011).</summary>
    public void ForgetTransfers()
    {
        Ctpr1 = default;
        Ctpr2 = default;
        Ctpr3 = default;
    }

    internal void Lock(ulong address, int bytes)
    {
        Locks = Locks.Insert(0, (address, bytes));
        if (Locks.Length > LocksMax)
        {
            Locks = Locks.RemoveAt(LocksMax);
        }
    }

    /// <summary>A store ends the locks that it meets (E2K-DAM-002).</summary>
    internal void AfterStore(ulong address, int bytes)
    {
        if (!Locks.IsEmpty)
        {
            Locks = Locks.RemoveAll(one =>
                one.Address < address + (ulong)bytes && address < one.Address + (ulong)one.Bytes
            );
        }
    }

    /// <summary>Where a predicate is in the file, with the rotation (E2K-ST-009).</summary>
    internal readonly int PredicatePlace(int number) =>
        number < Turning.Pairs ? (number + Turning.Turn) % Turning.Pairs : number;
}
