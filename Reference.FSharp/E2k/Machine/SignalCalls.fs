/// What a program asks of its signals. Requirements: spec/e2k/traps.md, E2K-SIG-006 and
/// E2K-SIG-007.
module Ashlar.Reference.E2k.SignalCalls

open Ashlar.Reference.E2k.Signals

let private notAllowed = -1L
let private noProcess = -3L
let private noMemory = -12L
let private badAddress = -14L
let private badArgument = -22L

let private maskBytes = 8UL
let private lastSignal = 64UL
let private unstoppable = (1UL <<< 8) ||| (1UL <<< 18)

/// Words from memory, as far as all of them can be read.
let private take (memory: Memory) (address: uint64) (count: int) : uint64 list option =
    let words = [ for index in 0 .. count - 1 -> memory.TryRead (address + uint64 (8 * index)) 8 ]

    if words |> List.forall _.IsSome then
        Some(words |> List.map _.Value)
    else
        None

/// Words to memory; EFAULT where they may not be written.
let private give (memory: Memory) (address: uint64) (words: uint64 list) : int64 =
    let places = [ for index in 0 .. 8 * words.Length - 1 -> address + uint64 index ]

    if places |> List.forall (fun place -> memory.MayWrite place 1) then
        words |> List.iteri (fun index word -> memory.Write (address + uint64 (8 * index)) 8 word)

        0L
    else
        badAddress

/// What is wanted is read first and kept last, what was is told between; 0 names nothing.
let private exchange memory (wanted: uint64) count (old: uint64) (was: uint64 list) table keep =
    let words = if wanted = 0UL then Some [] else take memory wanted count

    match words with
    | None -> badAddress, table
    | Some words ->
        match (if wanted = 0UL then Ok table else keep words) with
        | Error wrong -> wrong, table
        | Ok kept ->
            let told = if old = 0UL then 0L else give memory old was
            told, (if told = 0L then kept else table)

let private setAction memory (table: Table) (arguments: uint64[]) =
    let signal, wanted, old = arguments[0], arguments[1], arguments[2]

    let isFixed =
        signal > 0UL && signal <= lastSignal && (unstoppable >>> (int signal - 1)) &&& 1UL = 1UL

    if
        arguments[3] <> maskBytes
        || signal = 0UL
        || signal > lastSignal
        || (isFixed && wanted <> 0UL)
    then
        badArgument, table
    else
        let was =
            match table.Actions |> Map.tryFind (int signal) with
            | Some one -> [ one.Handler; one.Flags; one.Restorer; one.Mask ]
            | None -> [ 0UL; 0UL; 0UL; 0UL ]

        exchange memory wanted 4 old was table (fun words ->
            let action = {
                Handler = words[0]
                Flags = words[1]
                Restorer = words[2]
                Mask = words[3]
            }

            Ok { table with Actions = table.Actions |> Map.add (int signal) action })

let private setMask memory (table: Table) (arguments: uint64[]) =
    let how, wanted, old = arguments[0], arguments[1], arguments[2]

    if arguments[3] <> maskBytes || (wanted <> 0UL && how > 2UL) then
        badArgument, table
    else
        exchange memory wanted 1 old [ table.Blocked ] table (fun words ->
            let mask =
                match how with
                | 0UL -> table.Blocked ||| words[0]
                | 1UL -> table.Blocked &&& ~~~words[0]
                | _ -> words[0]

            Ok { table with Blocked = mask &&& ~~~unstoppable })

let private setStack memory (state: State) (table: Table) (arguments: uint64[]) =
    let wanted, old = arguments[0], arguments[1]
    let isInUse = snd table.Alternate <> 0UL && isOnAlternate table state.StackTop

    exchange memory wanted 3 old (stackWords table state.StackTop) table (fun words ->
        let address, flags, bytes = words[0], uint32 words[1], words[2]

        if isInUse then
            Error notAllowed
        elif flags > 2u then
            Error badArgument
        elif flags = 2u then
            Ok { table with Alternate = 0UL, 0UL }
        elif bytes < 4096UL then
            Error noMemory
        elif address > System.UInt64.MaxValue - bytes then
            Error badArgument
        else
            Ok { table with Alternate = address, bytes })

let private send (table: Table) (signal: uint64) (code: int) =
    if signal > lastSignal then
        badArgument, table
    elif signal = 0UL then
        0L, table
    else
        0L, { table with Pending = table.Pending |> Map.add (int signal) (code, 1UL) }

/// E2K-SIG-008: SIGPIPE, of the system's own.
let brokenPipe (table: Table) : Table = send table 13UL 0 |> snd

/// E2K-SIG-007: signals that wait because they are blocked.
let private waiting (table: Table) =
    table.Pending
    |> Map.toList
    |> List.sumBy (fun (signal, _) -> 1UL <<< (signal - 1))
    |> (&&&) table.Blocked

/// E2K-SYS-002: the fast entry's call for the mask.
let tellMask memory (table: Table) (arguments: uint64[]) =
    if arguments[1] <> maskBytes then
        badArgument
    else
        give memory arguments[0] [ table.Blocked ]

/// A call about signals, or none.
let call
    memory
    (state: State)
    (table: Table)
    number
    (arguments: uint64[])
    : (int64 * Table) option =
    match number with
    | 174UL -> Some(setAction memory table arguments)
    | 175UL -> Some(setMask memory table arguments)
    | 176UL when arguments[1] <> maskBytes -> Some(badArgument, table)
    | 176UL -> Some(give memory arguments[0] [ waiting table ], table)
    | 186UL -> Some(setStack memory state table arguments)
    | 37UL ->
        match int32 (uint32 arguments[0]) with
        | 0
        | 1
        | -1 -> Some(send table arguments[1] 0)
        | _ -> Some(noProcess, table)
    | 246UL when arguments[0] <> 1UL -> Some(noProcess, table)
    | 246UL -> Some(send table arguments[1] -6)
    | 308UL when arguments[0] <> 1UL || arguments[1] <> 1UL -> Some(noProcess, table)
    | 308UL -> Some(send table arguments[2] -6)
    | _ -> None
