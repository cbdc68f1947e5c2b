/// The engine beside the reference: where their states differ, in words. Requirements:
/// spec/e2k/state.md; spec/e2k/step.md, E2K-STEP.
module Ashlar.Conformance.E2k.Engine

open System
open Ashlar.Reference.E2k

type private Fast = Ashlar.E2k.GuestProcess

/// E2K-ST-003: a place of the reference as one of the engine, which has the globals first.
let private placeOf (place: int) =
    if place < 0 then
        -1 - place
    else
        Ashlar.E2k.RegisterFile.Globals + place

let private nameOf (window: WindowPart) (place: int) =
    if place < 0 then $"%%g{-1 - place}"
    elif place >= window.Base then $"%%r{place - window.Base}"
    else $"register {place}"

let private showRegister (bits: Bits) tag = $"{bits.High:x16}:{bits.Low:x16} tag {tag:x}"

let private transferOf (transfer: Ashlar.E2k.Transfer) : Transfer =
    match transfer.Kind with
    | Ashlar.E2k.TransferKind.Direct -> Direct transfer.Value
    | Ashlar.E2k.TransferKind.Prefetch -> Prefetch transfer.Value
    | Ashlar.E2k.TransferKind.SystemEntry -> SystemEntry(int transfer.Value)
    | Ashlar.E2k.TransferKind.Return -> Return
    | _ -> Unprepared

let private isSameArea (area: Rotation) (other: Ashlar.E2k.Rotation) =
    area.First = other.First && area.Pairs = other.Pairs && area.Turn = other.Turn

let private isSameTransfer (transfer: Transfer) (other: Ashlar.E2k.Transfer) =
    match transfer, other.Kind with
    | Unprepared, Ashlar.E2k.TransferKind.Unprepared
    | Return, Ashlar.E2k.TransferKind.Return -> true
    | Direct address, Ashlar.E2k.TransferKind.Direct
    | Prefetch address, Ashlar.E2k.TransferKind.Prefetch -> address = other.Value
    | SystemEntry entry, Ashlar.E2k.TransferKind.SystemEntry -> uint64 entry = other.Value
    | _ -> false

/// What is neither in registers nor in memory.
let controlDifference (wanted: State) (machine: Ashlar.E2k.Machine) : string option =
    let found = machine.State
    let window, other = wanted.Window, found.Window
    let float, otherFloat = wanted.Float, found.Float

    if wanted.Ip <> found.Ip then
        Some $"continues at {found.Ip:x}, not {wanted.Ip:x}"
    elif
        window.Base <> other.Base
        || window.Size <> other.Size
        || window.Parameters <> other.Parameters
    then
        Some $"window {other}, not {window}"
    elif not (isSameArea wanted.Based found.Based) then
        Some $"%%b area {found.Based}, not {wanted.Based}"
    elif
        wanted.Turning.Pairs <> found.Turning.Pairs || wanted.Turning.Turn <> found.Turning.Turn
    then
        Some $"predicates turn by {found.Turning}, not {wanted.Turning}"
    elif
        wanted.Predicates.Invalid <> found.Predicates.Invalid
        || (wanted.Predicates.Values ^^^ found.Predicates.Values) &&& ~~~wanted.Predicates.Invalid
           <> 0u
    then
        let show values invalid = $"{values:x8} invalid {invalid:x8}"

        Some
            $"predicates {show found.Predicates.Values found.Predicates.Invalid}, \
not {show wanted.Predicates.Values wanted.Predicates.Invalid}"
    elif not (isSameTransfer wanted.Ctpr1 found.Ctpr1) then
        Some $"%%ctpr1 {transferOf found.Ctpr1}, not {wanted.Ctpr1}"
    elif not (isSameTransfer wanted.Ctpr2 found.Ctpr2) then
        Some $"%%ctpr2 {transferOf found.Ctpr2}, not {wanted.Ctpr2}"
    elif not (isSameTransfer wanted.Ctpr3 found.Ctpr3) then
        Some $"%%ctpr3 {transferOf found.Ctpr3}, not {wanted.Ctpr3}"
    elif State.loopBits wanted.Loop <> found.Loop.Bits then
        Some $"%%lsr {found.Loop.Bits:x}, not {State.loopBits wanted.Loop:x}"
    elif float.Pfpfr <> otherFloat.Pfpfr then
        Some $"%%pfpfr {otherFloat.Pfpfr:x}, not {float.Pfpfr:x}"
    elif float.Fpcr <> otherFloat.Fpcr then
        Some $"%%fpcr {otherFloat.Fpcr:x}, not {float.Fpcr:x}"
    elif float.Fpsr <> otherFloat.Fpsr then
        Some $"%%fpsr {otherFloat.Fpsr:x}, not {float.Fpsr:x}"
    elif wanted.Depth <> found.Depth then
        Some $"{found.Depth} open calls, not {wanted.Depth}"
    elif wanted.StackTop <> found.StackTop then
        Some $"stack at {found.StackTop:x}, not {wanted.StackTop:x}"
    else
        None

let private arraysDifference (wanted: ArrayUnit) (found: Ashlar.E2k.ArrayUnit) =
    let differs name (numbers: Map<int, uint64>) (others: uint64[]) =
        others
        |> Array.indexed
        |> Array.tryPick (fun (index, other) ->
            let number = numbers |> Map.tryFind index |> Option.defaultValue 0UL

            if number = other then
                None
            else
                Some $"%%{name}{index} {other:x}, not {number:x}")

    [
        differs "aad" wanted.Descriptors found.Descriptors
        differs "aaind" wanted.Indices found.Indices
        differs "aaincr" wanted.Increments found.Increments
        differs "aasti" wanted.StoreIndices found.StoreIndices
    ]
    |> List.tryPick id

/// One register, as it should be and as it is.
let private registerDifference window (wanted: Register) place (engine: Fast) =
    let registers = engine.Machine.Registers
    let found = registers.Read(placeOf place)
    let tag = registers.TagOf(placeOf place)

    if found.Low = wanted.Bits.Low && found.High = wanted.Bits.High && tag = wanted.Tag then
        None
    else
        let found: Bits = { Low = found.Low; High = found.High }

        Some
            $"{nameOf window place} {showRegister found tag}, \
not {showRegister wanted.Bits wanted.Tag}"

/// Globals, the registers in sight and below, and the array unit.
let registersDifference (state: State) (registers: RegisterFile) (engine: Fast) : string option =
    let last = state.Window.Base + state.Window.Size - 1

    seq {
        yield! seq { -RegisterFile.Globals .. -1 }
        yield! seq { 0..last }
    }
    |> Seq.tryPick (fun place ->
        registerDifference state.Window (registers.Read place) place engine)
    |> Option.orElseWith (fun () -> arraysDifference state.Arrays engine.Machine.Arrays)

/// Bytes of a range, in eights.
let memoryDifference (first: uint64) (bytes: int) (memory: Memory) (engine: Fast) =
    seq { first .. 8UL .. first + uint64 bytes - 8UL }
    |> Seq.tryPick (fun address ->
        let mutable found = 0UL
        let isThere = engine.Machine.Memory.TryRead(address, 8, &found)

        match memory.TryRead address 8 with
        | ValueSome wanted when isThere && wanted = found -> None
        | ValueNone when not isThere -> None
        | ValueSome wanted -> Some $"memory at {address:x} {found:x}, not {wanted:x}"
        | ValueNone -> Some $"memory at {address:x} can be read")

/// What a bundle has written, where the engine wrote something else.
let writesDifference (change: Change) (engine: Fast) : string option =
    let mutable difference = None
    let registers = engine.Interpreter.Registers
    let writes = change.Writes

    if registers.Length <> writes.Length then
        difference <- Some $"writes {registers.Length} registers, not {writes.Length}"
    else
        let mutable index = 0

        for place, register in writes do
            let found = registers[index]
            index <- index + 1

            if
                difference.IsNone
                && (found.Place <> placeOf place
                    || found.Bits.Low <> register.Bits.Low
                    || found.Bits.High <> register.Bits.High
                    || found.Tag <> register.Tag)
            then
                let bits: Bits = { Low = found.Bits.Low; High = found.Bits.High }

                difference <-
                    Some
                        $"writes {showRegister bits found.Tag} to place {found.Place}, \
not {showRegister register.Bits register.Tag} to {placeOf place}"

    let bytes = engine.Interpreter.Bytes
    let stores = change.Stores

    if difference.IsNone && bytes.Length <> stores.Length then
        difference <- Some $"stores {bytes.Length} times, not {stores.Length}"
    elif difference.IsNone then
        let mutable index = 0

        for address, count, value in stores do
            let found = bytes[index]
            index <- index + 1

            if
                difference.IsNone
                && (found.Address <> address
                    || found.Bytes <> count
                    || Bits.truncate (8 * count) found.Value <> Bits.truncate (8 * count) value)
            then
                difference <-
                    Some
                        $"stores {found.Bytes} bytes {found.Value:x} at {found.Address:x}, \
not {count} bytes {value:x} at {address:x}"

    difference

let private kindOf (trap: Trap) =
    match trap with
    | IllegalOperation _ -> Ashlar.E2k.TrapKind.IllegalOperation, 0UL
    | InvalidOperand -> Ashlar.E2k.TrapKind.InvalidOperand, 0UL
    | WindowBounds -> Ashlar.E2k.TrapKind.WindowBounds, 0UL
    | StackBounds -> Ashlar.E2k.TrapKind.StackBounds, 0UL
    | PageFault address -> Ashlar.E2k.TrapKind.PageFault, address
    | DivisionByZero -> Ashlar.E2k.TrapKind.DivisionByZero, 0UL

let private showEnding (ending: Ashlar.E2k.Ending) =
    match ending.Kind with
    | Ashlar.E2k.EndingKind.Exited -> $"exits with {ending.Status}"
    | Ashlar.E2k.EndingKind.Killed when ending.Trap.Kind = Ashlar.E2k.TrapKind.None ->
        $"is killed by signal {ending.Status}"
    | Ashlar.E2k.EndingKind.Killed -> $"traps: {ending.Trap.Kind} at {ending.Trap.Address:x}"
    | _ -> "goes on"

/// How two runs ended.
let endingDifference (wanted: Ending) (found: Ashlar.E2k.Ending) : string option =
    let isSame =
        match wanted, found.Kind with
        | Exited code, Ashlar.E2k.EndingKind.Exited -> code = found.Status
        | Killed(signal, trap), Ashlar.E2k.EndingKind.Killed ->
            let kind, address = kindOf trap

            kind = found.Trap.Kind
            && address = found.Trap.Address
            && signal = Ashlar.E2k.SignalNumbers.NameOf found.Status
        | Signalled signal, Ashlar.E2k.EndingKind.Killed ->
            found.Trap.Kind = Ashlar.E2k.TrapKind.None && signal = found.Status
        | Stopped, Ashlar.E2k.EndingKind.Stopped -> true
        | _ -> false

    if isSame then
        None
    else
        Some $"{showEnding found}, the reference: {wanted}"

/// A program in the engine that may have so many pages.
let startWithin
    (pages: int)
    version
    tags
    (host: Ashlar.E2k.IHost)
    files
    (file: byte[])
    arguments
    environment
    =
    let options =
        Ashlar.E2k.GuestOptions(
            PagesMax = int64 pages,
            Version = Option.toNullable version,
            HasTags = tags,
            Files = files,
            Arguments = List.toArray arguments,
            Environment = List.toArray environment
        )

    try
        Ok(Fast.Start(ReadOnlySpan file, options, host))
    with :? Ashlar.E2k.ElfRefusalException as refusal ->
        Error refusal.Message

/// A program in the engine.
let start version tags host files file arguments environment =
    startWithin Process.pagesMax version tags host files file arguments environment
