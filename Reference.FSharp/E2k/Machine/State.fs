/// What a program sees of the machine: registers with tags, windows, predicates, prepared
/// transfers, the loop, the array unit. Registers and memory live beside the record in places that
/// only a finished step writes (Change.fs). Requirements: spec/e2k/state.md, E2K-ST.
namespace Ashlar.Reference.E2k

/// A register's content and its tag: four bits for each 64 bits, two for each 32. Zero is a number.
[<Struct>]
type Register = { Bits: Bits; Tag: int }

/// E2K-ST-004: the part of the register stack that a procedure sees, in registers.
type WindowPart = {
    Base: int
    Size: int
    /// Registers that the caller handed over.
    Parameters: int
}

/// E2K-ST-006: the area of %b: its first register, its pairs, and by how many pairs it is turned.
type Rotation = { First: int; Pairs: int; Turn: int }

/// E2K-ST-008: predicates as bits, and which of them are invalid.
[<Struct>]
type PredicateFile = { Values: uint32; Invalid: uint32 }

/// E2K-ST-010: what a transfer register holds.
type Transfer =
    | Unprepared
    /// An address, by disp or by a move.
    | Direct of uint64
    /// The address of a prefetch program.
    | Prefetch of uint64
    /// An entry of the system.
    | SystemEntry of int
    /// The caller.
    | Return

/// E2K-ST-012: the loop status register by its fields.
type Loop = {
    Count: uint64
    Epilogue: int
    Valid: bool
    Prologue: int
    StoreMode: int
    /// Bits without a meaning here, kept for reading.
    Rest: uint64
}

/// E2K-ST-014: a fetch instruction of the array unit, and how far it has got.
type Fetch = {
    Descriptor: int
    /// log2 of the element's bytes, more one; 0 is none.
    Format: int
    Increment: int
    Index: int
    /// Where the instruction's elements begin in the buffer; moves name it.
    Area: int
    Displacement: int64
    Position: uint64
}

/// E2K-ST-014: the array unit: descriptors, indices, increments, store indices, and the fetch
/// instructions of both halves while prefetch runs.
type ArrayUnit = {
    Descriptors: Map<int, uint64>
    Indices: Map<int, uint64>
    Increments: Map<int, uint64>
    StoreIndices: Map<int, uint64>
    Left: Fetch list
    Right: Fetch list
}

/// E2K-ST-005: what a call keeps for the return.
type Frame = {
    ReturnTo: uint64
    KeptWindow: WindowPart
    KeptRotation: Rotation
    KeptPredicates: PredicateFile
    KeptTurn: Rotation
}

/// E2K-TRAP-001: why a bundle was not carried out.
type Trap =
    | IllegalOperation of Illegal
    /// An invalid value where a number is wanted.
    | InvalidOperand
    | WindowBounds
    | StackBounds
    | PageFault of uint64
    | DivisionByZero

/// All that is not in the register stack, the globals and memory.
type State = {
    Version: int
    /// Whether invalid values are told from numbers (E2K-ST-016).
    Tags: bool
    Ip: uint64
    Window: WindowPart
    Based: Rotation
    /// %pred0 and up that turn: the size is in `Pairs`.
    Turning: Rotation
    Predicates: PredicateFile
    Ctpr1: Transfer
    Ctpr2: Transfer
    Ctpr3: Transfer
    Loop: Loop
    /// Addresses and bytes that loads have locked, the newest first (E2K-DAM-001).
    Locked: (uint64 * int) list
    Arrays: ArrayUnit
    Float: FloatControl
    /// State registers that only keep what was written.
    Other: Map<string, uint64>
    Chain: Frame list
    Depth: int
    /// The user stack: its lowest address, and where it has grown to.
    StackLimit: uint64
    StackTop: uint64
}

/// Values, tags and fields.
module State =
    /// E2K-ST-002: the tag of an invalid value of 64 and of 32 bits.
    let invalid64 = 5
    let invalid32 = 1

    let valid (bits: Bits) = { Bits = bits; Tag = 0 }
    let nothing = { Bits = Bits.zero; Tag = invalid64 }

    /// E2K-ST-008: before anything is written all predicates are invalid, or false without tags.
    let unwritten (tags: bool) : PredicateFile = {
        Values = 0u
        Invalid = if tags then 0xffffffffu else 0u
    }

    let noRotation = { First = 0; Pairs = 0; Turn = 0 }

    /// E2K-ST-012: fields of the loop status register.
    let loopOf (bits: uint64) : Loop = {
        Count = bits &&& 0xffffffffUL
        Epilogue = int (bits >>> 32) &&& 31
        Valid = (bits >>> 37) &&& 1UL = 1UL
        Prologue = int (bits >>> 48) &&& 31
        StoreMode = int (bits >>> 53) &&& 127
        Rest = bits &&& 0xf000ffc000000000UL
    }

    let loopBits (loop: Loop) =
        loop.Count
        ||| (uint64 loop.Epilogue <<< 32)
        ||| ((if loop.Valid then 1UL else 0UL) <<< 37)
        ||| (uint64 loop.Prologue <<< 48)
        ||| (uint64 loop.StoreMode <<< 53)
        ||| loop.Rest

    /// E2K-LOOP-002: whether the loop is in its last turn.
    let isLoopEnd (loop: Loop) = loop.Valid && loop.Epilogue = 0 && loop.Count < 2UL

    /// E2K-LOOP-001: one turn further.
    let advance (loop: Loop) : Loop =
        let count = if loop.Count > 0UL then loop.Count - 1UL else 0UL

        {
            loop with
                Prologue = max 0 (loop.Prologue - 1)
                Count = count
                Epilogue =
                    if count = 0UL && loop.Valid then
                        max 0 (loop.Epilogue - 1)
                    else
                        loop.Epilogue
        }

    /// E2K-ST-007: the number that a place of a rotating area of `size` places now has.
    let turned (size: int) (turn: int) (number: int) = (number + turn) % size

    let transfer (state: State) (index: int) =
        match index with
        | 1 -> state.Ctpr1
        | 2 -> state.Ctpr2
        | _ -> state.Ctpr3

    let withTransfer (index: int) (transfer: Transfer) (state: State) =
        match index with
        | 1 -> { state with Ctpr1 = transfer }
        | 2 -> { state with Ctpr2 = transfer }
        | _ -> { state with Ctpr3 = transfer }

    /// E2K-ST-011: calls and returns forget what was prepared.
    let forgetTransfers (state: State) = {
        state with
            Ctpr1 = Unprepared
            Ctpr2 = Unprepared
            Ctpr3 = Unprepared
    }

    /// E2K-DAM-001: locks that are kept; the oldest gives way.
    let locksMax = 32

    let withLock (address: uint64) (bytes: int) (state: State) = {
        state with
            Locked = List.truncate locksMax ((address, bytes) :: state.Locked)
    }

    let private meets (a: uint64, aBytes: int) (b: uint64, bBytes: int) =
        a < b + uint64 bBytes && b < a + uint64 aBytes

    /// E2K-DAM-002: a store ends the locks that it meets.
    let afterStore (address: uint64) (bytes: int) (state: State) =
        if state.Locked.IsEmpty then
            state
        else
            {
                state with
                    Locked = state.Locked |> List.filter (meets (address, bytes) >> not)
            }

    let private noArrays = {
        Descriptors = Map.empty
        Indices = Map.empty
        Increments = Map.empty
        StoreIndices = Map.empty
        Left = []
        Right = []
    }

    /// E2K-ST-005: calls that may be open at once; more is a stack overflow.
    let depthMax = 1 <<< 18

    /// E2K-ST-001: registers that a program finds in its window, all 0.
    let firstWindow = 32

    /// E2K-ST-001: a program's first state.
    let start version tags ip stackLimit stackTop : State = {
        Version = version
        Tags = tags
        Ip = ip
        Window = { Base = 0; Size = firstWindow; Parameters = 0 }
        Based = noRotation
        Turning = noRotation
        Predicates = unwritten tags
        Ctpr1 = Unprepared
        Ctpr2 = Unprepared
        Ctpr3 = Unprepared
        Loop = loopOf 0UL
        Locked = []
        Arrays = noArrays
        Float = FloatControl.initial
        Other = Map.empty
        Chain = []
        Depth = 0
        StackLimit = stackLimit
        StackTop = stackTop
    }
