// A decoded wide instruction, ready for stepping: operands, guards and actions instead of bits. It
// depends on words and version only. Spec: spec/e2k/step.md, E2K-STEP-001.
using System.Collections.Immutable;
using Ashlar.E2k.Operations;

namespace Ashlar.E2k;

/// <summary>What decides whether something is done.</summary>
public enum DeciderKind : byte
{
    /// <summary>A predicate by number.</summary>
    Predicate,

    /// <summary>The prologue counter is at most a number.</summary>
    Counter,

    /// <summary>The loop is in its last turn.</summary>
    LoopEnd,

    /// <summary>A load of the bundle found its lock gone (E2K-DAM-003).</summary>
    LostLock,

    /// <summary>It is not done.</summary>
    Never,
}

/// <summary>One condition.</summary>
public sealed record Decider(DeciderKind Kind, bool IsNegated, int Number);

/// <summary>What an operation of a channel does.</summary>
public enum JobKind : byte
{
    /// <summary>A function of up to three sources.</summary>
    Compute,
    Load,
    Store,

    /// <summary>A store through a descriptor and an index of the array unit.</summary>
    ArrayStore,
    ArrayWrite,
    ArrayRead,
    StateRead,
    StateWrite,

    /// <summary>A copy with its tag.</summary>
    Move,
    GetTag,
    PutTag,
    GetStack,
}

/// <summary>What a load does with locks (E2K-DAM-001, E2K-DAM-003).</summary>
public enum Locking : byte
{
    None,
    Lock,
    Check,
}

/// <summary>Registers of the array unit that programs write.</summary>
public enum ArrayRegister : byte
{
    /// <summary>One without a meaning here: nothing is kept.</summary>
    Other,
    Descriptor,
    Index,
    Increment,
    StoreIndex,
}

/// <summary>An operation of a channel.</summary>
public sealed record Job
{
    public required Entry Entry { get; init; }

    public required int Channel { get; init; }

    public required JobKind Kind { get; init; }

    public bool IsSpeculative { get; init; }

    public ImmutableArray<Decider> Deciders { get; init; } = [];

    /// <summary>The function of <see cref="JobKind.Compute"/>.</summary>
    public Meaning? Meaning { get; init; }

    /// <summary>First and second source, or the parts of an address.</summary>
    public Operand First { get; init; } = Operand.Zero;

    public Operand Second { get; init; } = Operand.Zero;

    /// <summary>The third source, or what is stored.</summary>
    public Operand Third { get; init; } = Operand.Zero;

    /// <summary>The byte in the half-syllable.</summary>
    public int Byte { get; init; }

    /// <summary>Which source a merge takes, or null where it is none.</summary>
    public Decider? Merge { get; init; }

    public Operand Target { get; init; } = new(Place.Nowhere, Width.Double, 0, 0);

    /// <summary>Bytes of an access.</summary>
    public int Bytes { get; init; }

    /// <summary>Whether two registers share them.</summary>
    public bool IsPair { get; init; }

    /// <summary>The state register that an access or a move names; -1 for none.</summary>
    public int StateCode { get; init; } = -1;

    public Locking Locking { get; init; }

    /// <summary>The array unit's descriptor and store index.</summary>
    public int Descriptor { get; init; }

    public int StoreIndex { get; init; }

    /// <summary>The increment of the store index, -1 for none, and its guards.</summary>
    public int Increment { get; init; } = -1;

    public ImmutableArray<Decider> IncrementDeciders { get; init; } = [];

    public ArrayRegister ArrayRegister { get; init; }

    public int ArrayNumber { get; init; }
}

/// <summary>What a step of the predicate logic does.</summary>
public enum LogicKind : byte
{
    /// <summary>A local takes what decides.</summary>
    Take,

    /// <summary>A local is computed from two.</summary>
    And,

    /// <summary>The right operand counts only where the left holds.</summary>
    AndThen,
    Move,

    /// <summary>A local is put into a predicate.</summary>
    Put,
}

/// <summary>A step of the predicate logic; locals are @p0 to @p6.</summary>
/// <param name="Source">What is taken; else null.</param>
public sealed record LogicStep(
    LogicKind Kind,
    Decider? Source,
    int Left,
    bool IsLeftNegated,
    int Right,
    bool IsRightNegated,
    int Local,
    int Predicate
);

/// <summary>A move out of the prefetch buffer (E2K-AAS-001).</summary>
/// <param name="Format">log2 of the element's bytes, more one.</param>
public sealed record ArrayMove(
    bool IsLeft,
    int Area,
    int Format,
    int Offset,
    bool Advances,
    Operand Target
);

/// <summary>What control syllables ask for.</summary>
public enum SettingKind : byte
{
    Window,
    Based,
    Turning,
    Displacement,
    PrefetchDisplacement,
    SystemEntry,
    Return,
}

/// <summary>
/// One of them: a size or transfer register, an area, a distance from the bundle.
/// </summary>
public sealed record Setting(SettingKind Kind, int Number, Rotation Area, long Distance);

/// <summary>How a bundle ends.</summary>
public enum LeaveKind : byte
{
    Onward,
    Jump,
    Call,
    Branch,
}

/// <summary>What happens when the transfer is taken and when it is not.</summary>
public readonly record struct WhenTaken(bool IsNot, bool Is)
{
    /// <summary>Whether it is wanted.</summary>
    public bool For(bool isTaken) => isTaken ? Is : IsNot;
}

/// <summary>A decoded wide instruction.</summary>
public sealed class Bundle
{
    public required int Bytes { get; init; }

    public bool LoopMode { get; init; }

    public ImmutableArray<Job> Jobs { get; init; } = [];

    public ImmutableArray<LogicStep> Logic { get; init; } = [];

    public ImmutableArray<ArrayMove> Moves { get; init; } = [];

    public ImmutableArray<Setting> Settings { get; init; } = [];

    public LeaveKind Leave { get; init; }

    /// <summary>The transfer register of a jump or call.</summary>
    public int Transfer { get; init; }

    /// <summary>Of a call: where the callee's window begins.</summary>
    public int Shift { get; init; }

    /// <summary>Of a branch, from the bundle.</summary>
    public long Distance { get; init; }

    /// <summary>When the transfer is taken: any of these, or all.</summary>
    public bool IsAny { get; init; }

    public ImmutableArray<Decider> Decision { get; init; } = [];

    /// <summary>Rotation of %b, of predicates, and the loop's advance.</summary>
    public WhenTaken TurnBased { get; init; }

    public WhenTaken TurnPredicates { get; init; }

    public WhenTaken Advance { get; init; }

    public bool StartsArrays { get; init; }

    public bool StopsArrays { get; init; }
}
