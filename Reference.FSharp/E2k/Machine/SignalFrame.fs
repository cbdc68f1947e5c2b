/// What a handler finds in memory about its signal and what it interrupted, as words of 64 bits, in
/// the layout of the system's headers. Requirements: spec/e2k/traps.md, E2K-SIG-002.
module Ashlar.Reference.E2k.SignalFrame

/// Words of a frame.
let words = 242

/// Bytes of a frame, a multiple of what the stack is aligned to.
let bytes = uint64 (8 * words)

/// The word where the context begins, behind the information.
let private context = 16

/// Where the context is, what is returned to, and the mask, in bytes.
let contextAt = uint64 (8 * context)
let ipAt = uint64 (8 * (context + 6))
let maskAt = uint64 (8 * (context + 202))

/// E2K-ELF-005: the end of the user stack.
let private stackEnd = 0x3ff00000000UL

/// Two bits for each predicate: its value, and whether it is invalid.
let packed (predicates: PredicateFile) : uint64 =
    [ 0..31 ]
    |> List.sumBy (fun number ->
        let invalid = (predicates.Invalid >>> number) &&& 1u
        let value = (predicates.Values >>> number) &&& 1u &&& ~~~invalid
        uint64 (value ||| (invalid <<< 1)) <<< (2 * number))

/// Areas that turn: of registers in pairs, and of predicates.
let turned (based: Rotation) (turning: Rotation) : uint64 =
    let registers =
        if based.Pairs = 0 then
            0UL
        else
            uint64 (based.First / 2)
            ||| (uint64 (based.Pairs - 1) <<< 6)
            ||| (uint64 based.Turn <<< 12)

    let predicates =
        if turning.Pairs = 0 then
            0UL
        else
            (uint64 (turning.Pairs - 1) <<< 18) ||| (uint64 turning.Turn <<< 23)

    registers ||| predicates

let private prepared (transfer: Transfer) : uint64 =
    match transfer with
    | Unprepared -> 0UL
    | Direct address -> (1UL <<< 48) ||| (address &&& 0xffffffffffffUL)
    | Prefetch address -> (2UL <<< 48) ||| (address &&& 0xffffffffffffUL)
    | SystemEntry entry -> (3UL <<< 48) ||| uint64 entry
    | Return -> 4UL <<< 48

/// A frame for a signal with its code and value, before the state, with mask and alternate stack.
let build (state: State) signal (code: int, value: uint64) (mask: uint64) stack : uint64[] =
    let frame = Array.zeroCreate<uint64> words
    let set word value = frame[context + word] <- value
    let stackBytes = state.StackTop - state.StackLimit
    frame[0] <- uint64 (signal: int)
    frame[1] <- uint64 (uint32 code)
    // Who sent it is user 1000.
    frame[2] <- if code > 0 then value else value ||| (1000UL <<< 32)
    frame[240] <- mask
    stack |> List.iteri (fun index word -> set (2 + index) word)
    set 5 (packed state.Predicates)
    set 6 state.Ip

    set
        7
        ((uint64 (state.Window.Parameters / 2) <<< 26) ||| (uint64 (state.Window.Size / 2) <<< 33))

    set 8 (turned state.Based state.Turning ||| ((stackBytes >>> 4) <<< 36))
    set 9 stackEnd
    set 10 state.StackTop
    set 11 (stackBytes <<< 32)
    set 13 (uint64 state.Window.Base * 16UL)
    set 15 (uint64 state.Depth * 32UL)
    state.Locked |> List.iteri (fun index (address, _) -> set (89 + index) address)
    set 202 mask
    set 218 (44UL ||| (0xffffffffUL <<< 32))
    set 219 (uint64 state.Float.Fpcr <<< 32)
    set 220 (uint64 state.Float.Fpsr ||| (uint64 state.Float.Pfpfr <<< 32))
    set 221 (prepared state.Ctpr1)
    set 222 (prepared state.Ctpr2)
    set 223 (prepared state.Ctpr3)
    frame
