/// A decoded bundle made ready for stepping: operands, guards and actions as types instead of
/// names. It depends on words and version only, so it is made once for each address. Requirements:
/// spec/e2k/step.md, E2K-STEP.
namespace Ashlar.Reference.E2k

open System

/// Where an operand comes from.
type Source =
    | FromPlace of Width * File * int
    | Constant of Bits

/// Where a result goes.
type Target =
    | ToPlace of Width * File * int
    | ToTransfer of int
    | ToPredicate of int
    /// Results that are thrown away.
    | Nowhere

/// What decides whether something is done.
type Decider =
    | ByPredicate of negated: bool * number: int
    /// The prologue counter is at most a number.
    | ByCounter of negated: bool * number: int
    | ByLoopEnd of negated: bool
    /// A load of the bundle found its lock gone (E2K-DAM-003).
    | ByLostLock
    | Never

/// What a load does with locks (E2K-DAM-001, E2K-DAM-003).
type Locking =
    | Unlocked
    | Locking
    | Checking

/// An access at the sum of two sources: its bytes, whether two registers share them, and the state
/// register that holds a segment's base, where there is one.
type Access = { AccessBytes: int; IsPair: bool; Segment: string option; Locking: Locking }

/// What an operation does.
type Action =
    /// Three sources, the byte, and for a merge what decides.
    | Compute of Meaning * Source * Source * Source * int * Decider option
    | Load of Access * Source * Source
    /// The value last.
    | Store of Access * Source * Source * Source
    /// The value, descriptor, store index, and the increment with its guards.
    | ArrayStore of bytes: int * Source * int * int * (int * Decider list) option
    | ArrayWrite of Source * string * int
    | ArrayRead of string * int
    | StateRead of string
    | StateWrite of Source * string
    /// A copy with its tag.
    | Move of Source
    | GetTag of Source
    /// A value and the tag it gets.
    | PutTag of Source * Source
    | GetStack of Source

/// An operation of a channel.
type Job = { Action: Action; Target: Target; Speculative: bool; Deciders: Decider list }

/// A step of the predicate logic: sources are predicates by number or locals.
type Logic =
    | Take of source: Decider * index: int
    | Combine of name: string * (bool * int) * (bool * int) * index: int
    | Put of index: int * number: int

/// A move out of the prefetch buffer.
type ArrayMove = {
    IsLeft: bool
    Area: int
    /// log2 of the element's bytes, more one.
    Format: int
    Offset: int
    Advances: bool
    Destination: Target
}

/// When a transfer is taken: all of its deciders hold, or any of them.
type Decision = { IsAny: bool; Of: Decider list }

/// How a bundle ends.
type Leave =
    | Onward
    | Jump of transfer: int * Decision
    | Call of transfer: int * window: int * Decision
    | Branch of distance: int64 * Decision

/// What control syllables ask for, in the order in which it is done.
type Setting =
    | SetWindow of size: int
    | SetBased of Rotation
    | SetTurning of size: int
    | Prepare of transfer: int * Transfer
    /// Relative to the bundle.
    | PrepareNear of transfer: int * distance: int64 * isPrefetch: bool

/// A bundle.
type Plan = {
    Bytes: int
    LoopMode: bool
    Jobs: Job list
    Logic: Logic list
    Moves: ArrayMove list
    Settings: Setting list
    Leave: Leave
    /// Rotation of %b and of predicates and the loop's advance: when a transfer is not taken, and
    /// when it is.
    TurnBased: bool * bool
    TurnPredicates: bool * bool
    Advance: bool * bool
    StartArrays: bool
    StopArrays: bool
}
