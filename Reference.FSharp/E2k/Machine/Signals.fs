/// Signals: what a program asks of them, entering handlers, and coming back. Requirements:
/// spec/e2k/traps.md, E2K-SIG.
module Ashlar.Reference.E2k.Signals

open System

/// What a program wants of a signal, as it says it to the system.
type Action = { Handler: uint64; Flags: uint64; Restorer: uint64; Mask: uint64 }

/// What comes back when a handler is done: the state, the globals that are a handler's own, and
/// where its frame is.
type Interrupted = { State: State; Globals: Register list; Frame: uint64 }

/// The signals of a program.
type Table = {
    Actions: Map<int, Action>
    Blocked: uint64
    /// Signals that wait, with code and value.
    Pending: Map<int, int * uint64>
    /// The alternate stack: address and bytes; none of 0 bytes.
    Alternate: uint64 * uint64
    Interrupted: Interrupted list
}

/// Of a program that begins.
let none: Table = {
    Actions = Map.empty
    Blocked = 0UL
    Pending = Map.empty
    Alternate = 0UL, 0UL
    Interrupted = []
}

/// E2K-SIG-002: where a handler returns to, which is no address of a program.
let returnAddress = 0xe20000000000UL

/// E2K-SIG-005: handlers that may be interrupted at once.
let private nestedMax = 64

let private handlerWindow = 8
let private addressEnd = 0x40000000000UL
let private last = 64
let private segment = 11

let private bitOf (signal: int) = 1UL <<< (signal - 1)

/// E2K-SIG-006: SIGKILL and SIGSTOP.
let private unstoppable = bitOf 9 ||| bitOf 19

let private initial = { Handler = 0UL; Flags = 0UL; Restorer = 0UL; Mask = 0UL }

let private actionOf (table: Table) signal =
    table.Actions |> Map.tryFind signal |> Option.defaultValue initial

/// E2K-SIG-003: without a handler these do nothing; those that stop or go on, too.
let private isIgnored signal =
    signal = 17 || signal = 18 || (signal >= 19 && signal <= 23) || signal = 28

/// Whether the user stack is the alternate one.
let isOnAlternate (table: Table) (top: uint64) =
    let address, bytes = table.Alternate
    top > address && top - address <= bytes

/// E2K-SIG-007: the alternate stack as a program sees it.
let stackWords (table: Table) (top: uint64) =
    let address, bytes = table.Alternate

    let flags =
        if bytes = 0UL then 2UL
        elif isOnAlternate table top then 1UL
        else 0UL

    [ address; flags; bytes ]

let private mayWrite (memory: Memory) (address: uint64) (bytes: uint64) =
    address <= addressEnd
    && Seq.forall (fun index -> memory.MayWrite (address + index) 1) (seq { 0UL .. bytes - 1UL })

/// E2K-TRAP-003: the signal of a trap, and its code and value.
let private ofTrap (memory: Memory) (ip: uint64) (trap: Trap) =
    match trap with
    | IllegalOperation _ -> 4, (1, ip)
    | InvalidOperand -> 4, (2, ip)
    | WindowBounds
    | StackBounds -> 11, (3, ip)
    | PageFault address ->
        11,
        ((if memory.IsMapped(address / uint64 Memory.PageBytes) then
              2
          else
              1),
         address)
    | DivisionByZero -> 8, (1, ip)

/// E2K-SIG-001: a procedure that nobody called, above all that is in use; none where there is no
/// room for it.
let private enter (memory: Memory) (registers: RegisterFile) (state: State) table signal info =
    let action = actionOf table signal
    let first = state.Window.Base + state.Window.Size
    let address, bytes = table.Alternate

    let moves =
        action.Flags &&& 0x08000000UL <> 0UL
        && bytes <> 0UL
        && not (isOnAlternate table state.StackTop)

    let top, limit =
        if moves then
            address + bytes, address
        else
            state.StackTop, state.StackLimit

    let frame = (top - SignalFrame.bytes) &&& ~~~15UL

    if
        action.Handler >= addressEnd
        || table.Interrupted.Length >= nestedMax
        || first + handlerWindow > RegisterFile.DepthMax
        || state.Depth >= State.depthMax
        || top < SignalFrame.bytes
        || frame < limit
        || not (mayWrite memory frame SignalFrame.bytes)
    then
        None
    else
        SignalFrame.build state signal info table.Blocked (stackWords table state.StackTop)
        |> Array.iteri (fun index word -> memory.Write (frame + uint64 (8 * index)) 8 word)

        let values = [ uint64 signal; frame; frame + SignalFrame.contextAt ]

        // Globals have negative places; from the sixteenth on they are a handler's own.
        let globals = [
            for number in 16 .. RegisterFile.Globals - 1 -> registers.Read(-1 - number)
        ]

        for index in 0 .. handlerWindow - 1 do
            registers.Write
                (first + index)
                (match List.tryItem index values with
                 | Some value -> State.valid (Bits.low value)
                 | None when state.Tags -> State.nothing
                 | None -> State.valid Bits.zero)

        let kept: Frame = {
            ReturnTo = returnAddress
            KeptWindow = state.Window
            KeptRotation = state.Based
            KeptPredicates = state.Predicates
            KeptTurn = state.Turning
        }

        let entered =
            {
                state with
                    Ip = action.Handler &&& ~~~7UL
                    Window = { Base = first; Size = handlerWindow; Parameters = handlerWindow }
                    Based = State.noRotation
                    Turning = State.noRotation
                    Predicates = State.unwritten state.Tags
                    Locked = []
                    Arrays = { state.Arrays with Left = []; Right = [] }
                    Chain = kept :: state.Chain
                    Depth = state.Depth + 1
                    StackTop = frame
                    StackLimit = limit
            }
            |> State.forgetTransfers

        let own =
            if action.Flags &&& 0x40000000UL = 0UL then
                bitOf signal
            else
                0UL

        let actions =
            if action.Flags &&& 0x80000000UL <> 0UL then
                table.Actions |> Map.add signal { action with Handler = 0UL }
            else
                table.Actions

        Some(
            entered,
            {
                table with
                    Actions = actions
                    Blocked = table.Blocked ||| (action.Mask &&& ~~~unstoppable) ||| own
                    Interrupted =
                        { State = state; Globals = globals; Frame = frame } :: table.Interrupted
            }
        )

/// After a call: signals that wait and are not blocked; the number of one that kills is an error.
let deliver memory registers (state: State) (table: Table) : Result<State * Table, int> =
    let next sofar signal =
        sofar
        |> Result.bind (fun (state, table: Table) ->
            match table.Pending |> Map.tryFind signal with
            | Some info when table.Blocked &&& bitOf signal = 0UL ->
                let table = { table with Pending = table.Pending |> Map.remove signal }

                match (actionOf table signal).Handler with
                | 1UL -> Ok(state, table)
                | 0UL when isIgnored signal -> Ok(state, table)
                | 0UL -> Error signal
                | _ ->
                    match enter memory registers state table signal info with
                    | Some entered -> Ok entered
                    | None -> Error segment
            | _ -> Ok(state, table))

    (Ok(state, table), [ 1..last ]) ||> List.fold next

/// E2K-SIG-004: what was interrupted goes on, where the frame says.
let back (memory: Memory) (registers: RegisterFile) (state: State) table =
    match table.Interrupted with
    | [] -> Error segment
    | before :: others ->
        match
            memory.TryRead (before.Frame + SignalFrame.ipAt) 8,
            memory.TryRead (before.Frame + SignalFrame.maskAt) 8
        with
        | ValueSome ip, ValueSome mask ->
            before.Globals
            |> List.iteri (fun index register -> registers.Write (-17 - index) register)

            let state = {
                before.State with
                    Float = state.Float
                    Other = state.Other
                    Locked = []
                    Ip = if ip < addressEnd then ip &&& ~~~7UL else before.State.Ip
            }

            deliver memory registers state {
                table with
                    Blocked = mask &&& ~~~unstoppable
                    Interrupted = others
            }
        | _ -> Error segment

/// After a trap: the state that the program goes on from, or the signal that kills.
let trapped memory registers (state: State) (table: Table) (trap: Trap) =
    match trap with
    | PageFault address when
        address = returnAddress && state.Ip = returnAddress && not table.Interrupted.IsEmpty
        ->
        back memory registers state table
    | _ ->
        let signal, info = ofTrap memory state.Ip trap

        if table.Blocked &&& bitOf signal <> 0UL || (actionOf table signal).Handler <= 1UL then
            Error signal
        else
            match enter memory registers state table signal info with
            | Some entered -> Ok entered
            | None -> Error segment
