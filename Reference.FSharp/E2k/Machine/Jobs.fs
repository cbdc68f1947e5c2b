/// The operations of the channels in a step: sources with their tags, results, loads and stores.
/// Requirements: spec/e2k/step.md, E2K-STEP, E2K-SPEC; spec/e2k/state.md, E2K-MEM.
module Ashlar.Reference.E2k.Jobs

open System

/// A source as read, of the width it is read with.
[<Struct>]
type private Operand = { Bits: Bits; IsValid: bool; Tag: int }

/// E2K-ST-002: the tag bits that a width has.
let private tagOf (width: Width) (tag: int) =
    match width with
    | Width.Single -> tag &&& 3
    | Width.Double
    | Width.Quad -> tag &&& 15
    | Width.Packed -> tag

let private invalidTag (width: Width) =
    match width with
    | Width.Single -> State.invalid32
    | Width.Double
    | Width.Quad -> State.invalid64
    | Width.Packed -> State.invalid64 ||| (State.invalid64 <<< 4)

let private read (change: Change) (window: WindowPart) (source: Source) : Operand =
    match source with
    | Constant bits -> { Bits = bits; IsValid = true; Tag = 0 }
    | FromPlace(width, file, number) ->
        let register = change.ReadPlace(change.PlaceIn window file number)
        let tag = tagOf width register.Tag

        {
            Bits =
                if width = Width.Single then
                    Bits.low (Bits.truncate 32 register.Bits.Low)
                else
                    register.Bits
            IsValid = (tag = 0)
            Tag = tag
        }

/// What a result of a width becomes in a register.
let private fitted (width: Width) (bits: Bits) =
    if width = Width.Single then
        Bits.low (Bits.truncate 32 bits.Low)
    else
        bits

/// E2K-SPEC-003: the pattern that marks a result whose guard was invalid.
let private poison (bits: Bits) = Bits.both (bits.Low ||| 0x4000000040000000UL) bits.High

/// A result into its place, with a tag.
let private write (change: Change) (window: WindowPart) (target: Target) (bits: Bits) tag =
    match target with
    | ToPlace(width, file, number) ->
        let register: Register = { Bits = fitted width bits; Tag = tagOf width tag }
        change.WritePlace (change.PlaceIn window file number) register
    | ToPredicate number ->
        let verdict =
            if tag <> 0 && change.Before.Tags then Predicate.Unknown
            elif bits.Low &&& 1UL = 1UL then Predicate.Holds
            else Predicate.HoldsNot

        let after = change.After

        change.After <- {
            after with
                Predicates = Predicate.write change.Before number verdict after.Predicates
        }
    | ToTransfer number ->
        // E2K-ST-010: an invalid address prepares nothing.
        let isValid = tag = 0 || not change.Before.Tags
        let transfer = if isValid then Direct bits.Low else Unprepared
        change.After <- State.withTransfer number transfer change.After
    | Nowhere -> ()

let private widthOf (target: Target) =
    match target with
    | ToPlace(width, _, _) -> width
    | _ -> Width.Double

/// A result that is valid or, of a speculative operation, may not be (E2K-SPEC-001).
let private finish (change: Change) window (job: Job) isValid isPoisoned (bits: Bits) =
    if isPoisoned then
        write change window job.Target (poison bits) (invalidTag (widthOf job.Target))
    elif isValid then
        write change window job.Target bits 0
    elif job.Speculative then
        write change window job.Target bits (invalidTag (widthOf job.Target))
    else
        change.Fail InvalidOperand

/// E2K-SPEC-002: where an operation fails: an invalid result if it is speculative, else the trap.
let private failed (change: Change) window (job: Job) trap =
    if job.Speculative then
        write change window job.Target Bits.zero (invalidTag (widthOf job.Target))
    else
        change.Fail trap

/// E2K-SPEC-004: which sources must be valid: of a merge the one that it takes.
let private areValid verdict isMerge (first: Operand) (second: Operand) (third: Operand) =
    third.IsValid
    && (if not isMerge then
            first.IsValid && second.IsValid
        else
            match verdict with
            | Predicate.Unknown -> false
            | Predicate.Holds -> second.IsValid
            | Predicate.HoldsNot -> first.IsValid)

let private evaluate (change: Change) window (job: Job) isValid isPoisoned meaning sources =
    match meaning with
    | Whole f -> finish change window job isValid isPoisoned (f sources)
    | _ ->
        match Meaning.apply meaning change.After.Float sources with
        | DivisionTrap -> failed change window job DivisionByZero
        | Result(bits, control) ->
            if isValid then
                change.After <- { change.After with Float = control }

            finish change window job isValid isPoisoned bits

let private compute (change: Change) window (job: Job) isPoisoned action =
    match action with
    | Compute(meaning, a, b, c, byte, merge) ->
        let first, second = read change window a, read change window b
        let third = read change window c

        let verdict =
            match merge with
            | Some decider -> Predicate.decide change.Before decider
            | None -> Predicate.HoldsNot

        let isValid = areValid verdict merge.IsSome first second third

        if not isValid && not job.Speculative then
            change.Fail InvalidOperand
        else
            evaluate change window job isValid isPoisoned meaning {
                First = first.Bits
                Second = second.Bits
                Third = third.Bits
                Byte = byte
                Tag = second.Tag
                Chosen = (verdict = Predicate.Holds)
            }
    | _ -> ()

/// The next register, of a pair (E2K-OPS-005).
let private next (target: Target) =
    match target with
    | ToPlace(width, file, number) -> ToPlace(width, file, number + 1)
    | other -> other

let private nextSource (source: Source) =
    match source with
    | FromPlace(width, file, number) -> FromPlace(width, file, number + 1)
    | other -> other

/// E2K-MEM-003: the base of a segment, which is 0 until its register is written.
let private baseOf (change: Change) (access: Access) =
    match access.Segment with
    | None -> 0UL
    | Some name ->
        (change.Before.Other |> Map.tryFind name |> Option.defaultValue 0UL) &&& 0xffffffffffffUL

/// E2K-DAM-001, E2K-DAM-003: a load that locks what it reads, and one that asks whether it is still
/// locked and ends the lock.
let private locks (change: Change) (access: Access) address =
    match access.Locking with
    | Unlocked -> ()
    | Locking -> change.After <- State.withLock address access.AccessBytes change.After
    | Checking ->
        let lock = address, access.AccessBytes
        let locked = change.Before.Locked

        if not (List.contains lock locked) then
            change.IsLockLost <- true

        change.After <- {
            change.After with
                Locked = change.After.Locked |> List.filter ((<>) lock)
        }

let private load (change: Change) window (job: Job) isPoisoned (access: Access) a b =
    let bytes, isPair = access.AccessBytes, access.IsPair
    let a, b = read change window a, read change window b
    let address = baseOf change access + a.Bits.Low + b.Bits.Low

    if not (a.IsValid && b.IsValid) then
        failed change window job InvalidOperand

        if isPair then
            failed change window { job with Target = next job.Target } InvalidOperand
    else

    let low = change.ReadMemory address (min bytes 8)

    let high =
        if bytes > 8 then
            change.ReadMemory (address + 8UL) 8
        else
            ValueSome 0UL

    locks change access address

    match low, high with
    | ValueSome low, ValueSome high when isPair ->
        finish change window job true isPoisoned (Bits.low low)
        let other = { job with Target = next job.Target }
        finish change window other true isPoisoned (Bits.low high)
    | ValueSome low, ValueSome high -> finish change window job true isPoisoned (Bits.both low high)
    | _ -> failed change window job (PageFault address)

/// E2K-LOOP-003: whether stores of a bundle in loop mode are left out.
let private isSkipped (plan: Plan) (loop: Loop) =
    plan.LoopMode && (loop.Prologue <> 0 || (State.isLoopEnd loop && loop.StoreMode = 0))

let private storeBytes (change: Change) (address: uint64) bytes (low: uint64) (high: uint64) =
    change.Store address (min bytes 8) low

    if bytes > 8 then
        change.Store (address + 8UL) 8 high

let private store (change: Change) window (job: Job) isPoisoned (access: Access) a b value =
    let bytes, isPair = access.AccessBytes, access.IsPair
    let a, b = read change window a, read change window b
    let low = read change window value
    let address = baseOf change access + a.Bits.Low + b.Bits.Low

    let high =
        if isPair then
            read change window (nextSource value)
        else
            { low with Bits = Bits.low low.Bits.High }

    if a.IsValid && b.IsValid && low.IsValid && high.IsValid then
        let bits = if isPoisoned then poison low.Bits else low.Bits
        storeBytes change address bytes bits.Low high.Bits.Low
    elif not job.Speculative then
        change.Fail InvalidOperand

let private array (change: Change) f =
    let after = change.After
    change.After <- { after with Arrays = f after.Arrays }

let private numbered (number: int) (numbers: Map<int, uint64>) =
    numbers |> Map.tryFind number |> Option.defaultValue 0UL

/// E2K-ARR-004: increment 0 is one element.
let private incrementOf (arrays: ArrayUnit) (number: int) =
    if number = 0 then
        1UL
    else
        numbered number arrays.Increments

let private arrayStore (change: Change) window job bytes value descriptor index increment =
    let arrays = change.Before.Arrays
    let value = read change window value
    let offset = numbered index arrays.StoreIndices

    if not value.IsValid && not job.Speculative then
        change.Fail InvalidOperand
    elif value.IsValid then
        let address = numbered descriptor arrays.Descriptors + offset
        storeBytes change address bytes value.Bits.Low value.Bits.High

    match increment with
    | Some(number, deciders) when Predicate.all change.Before deciders = Predicate.Holds ->
        let step = incrementOf arrays number * uint64 bytes

        array change (fun now -> {
            now with
                StoreIndices = now.StoreIndices.Add(index, offset + step)
        })
    | _ -> ()

let private arrayWrite (change: Change) (value: Bits) (name: string) number =
    array change (fun now ->
        match name with
        | "aad" -> { now with Descriptors = now.Descriptors.Add(number, value.Low) }
        | "aaind" -> { now with Indices = now.Indices.Add(number, value.Low) }
        | "aaincr" -> { now with Increments = now.Increments.Add(number, value.Low) }
        | "aasti" -> { now with StoreIndices = now.StoreIndices.Add(number, value.Low) }
        | _ -> now)

let private arrayRead (arrays: ArrayUnit) (name: string) number =
    match name with
    | "aad" -> numbered number arrays.Descriptors
    | "aaind" -> numbered number arrays.Indices
    | "aaincr" -> numbered number arrays.Increments
    | "aasti" -> numbered number arrays.StoreIndices
    | _ -> 0UL

/// E2K-ST-013: state registers with a meaning here; others keep what is written.
let private stateRead (state: State) (name: string) =
    match name with
    | "lsr" -> State.loopBits state.Loop
    | "0x84"
    | "pfpfr" -> uint64 state.Float.Pfpfr
    | "fpcr" -> uint64 state.Float.Fpcr
    | "fpsr" -> uint64 state.Float.Fpsr
    | _ -> state.Other |> Map.tryFind name |> Option.defaultValue 0UL

let private stateWrite (value: uint64) (name: string) (state: State) : State =
    let control = state.Float

    match name with
    | "lsr" -> { state with Loop = State.loopOf value }
    | "0x84"
    | "pfpfr" -> { state with Float = { control with Pfpfr = uint32 value } }
    | "fpcr" -> { state with Float = { control with Fpcr = uint32 value } }
    | "fpsr" -> { state with Float = { control with Fpsr = uint32 value } }
    | _ -> { state with Other = state.Other.Add(name, value) }

/// E2K-ST-015: the user stack grows down in steps of 16 bytes.
let private getStack (change: Change) window (job: Job) (amount: Operand) =
    let before = change.Before.StackTop
    let top = (before + amount.Bits.Low) &&& ~~~15UL
    let isDown = int64 amount.Bits.Low < 0L

    if not amount.IsValid then
        failed change window job InvalidOperand
    elif top < change.Before.StackLimit || (isDown && top > before) then
        change.Fail StackBounds
    else
        change.After <- { change.After with StackTop = top }
        write change window job.Target (Bits.low top) 0

let private act (change: Change) (plan: Plan) (window: WindowPart) (job: Job) isPoisoned =
    let value source = read change window source
    let skipped = isSkipped plan change.Before.Loop

    let whenValid source f =
        let operand = value source

        if operand.IsValid then
            f operand.Bits
        elif not job.Speculative then
            change.Fail InvalidOperand

    match job.Action with
    | Compute _ -> compute change window job isPoisoned job.Action
    | Load(access, a, b) -> load change window job isPoisoned access a b
    | Store(access, a, b, source) ->
        if not skipped then
            store change window job isPoisoned access a b source
    | ArrayStore(bytes, source, descriptor, index, increment) ->
        if not skipped then
            arrayStore change window job bytes source descriptor index increment
    | ArrayWrite(source, name, number) ->
        whenValid source (fun bits -> arrayWrite change bits name number)
    | ArrayRead(name, number) ->
        let found = arrayRead change.Before.Arrays name number
        finish change window job true isPoisoned (Bits.low found)
    | StateRead name ->
        let found = stateRead change.Before name
        finish change window job true isPoisoned (Bits.low found)
    | StateWrite(source, name) ->
        whenValid source (fun bits -> change.After <- stateWrite bits.Low name change.After)
    | Move source ->
        let operand = value source
        write change window job.Target operand.Bits operand.Tag
    | GetTag source ->
        finish change window job true isPoisoned (Bits.low (uint64 (value source).Tag))
    | PutTag(source, tag) ->
        let operand, tag = value source, value tag

        if tag.IsValid then
            write change window job.Target operand.Bits (int tag.Bits.Low &&& 15)
        else
            failed change window job InvalidOperand
    | GetStack source -> getStack change window job (value source)

/// E2K-STEP-004: one operation, where its guards let it.
let carryOut (change: Change) (plan: Plan) (window: WindowPart) (job: Job) =
    match Predicate.all change.Before job.Deciders with
    | Predicate.Holds -> act change plan window job false
    | Predicate.HoldsNot -> ()
    | Predicate.Unknown when job.Speculative -> act change plan window job true
    | Predicate.Unknown -> change.Fail InvalidOperand
