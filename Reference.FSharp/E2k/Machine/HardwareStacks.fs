/// The procedure stack and the chain stack as a program may read and write them, though they are in
/// no memory of its own. Requirements: spec/e2k/linux.md, E2K-SYS-026.
module Ashlar.Reference.E2k.HardwareStacks

let private noProcess = -3L
let private noMemory = -12L
let private badAddress = -14L
let private badArgument = -22L
let private noSuchCall = -38L

/// Bytes of a register and of a frame of the chain.
let private registerBytes = 16UL
let private chainBytes = 32UL

/// A register's place, and whether a word is its upper half; from version 5 on the halves stand
/// side by side.
let private placeOf (state: State) (word: int) =
    if state.Version >= 5 then
        word / 2, word % 2 = 1
    else
        word / 4 * 2 + word % 2, word % 4 >= 2

let private read (registers: RegisterFile) state word =
    let place, isHigh = placeOf state word
    let bits = (registers.Read place).Bits
    if isHigh then bits.High else bits.Low

/// What is written is a number.
let private write (registers: RegisterFile) state word value =
    let place, isHigh = placeOf state word
    let old = (registers.Read place).Bits

    let bits =
        if isHigh then
            { old with High = value }
        else
            { old with Low = value }

    registers.Write place (State.valid bits)

/// Frames of open calls, the outermost first, and that of this call.
let private chain (state: State) (place: int) : uint64[] =
    let own: Frame = {
        ReturnTo = state.Ip
        KeptWindow = state.Window
        KeptRotation = state.Based
        KeptPredicates = state.Predicates
        KeptTurn = state.Turning
    }

    let frames = List.rev (own :: state.Chain)
    let above = (frames |> List.tail |> List.map _.KeptWindow.Base) @ [ place ]

    List.zip frames above
    |> List.collect (fun (frame, above) -> [
        SignalFrame.packed frame.KeptPredicates
        frame.ReturnTo
        (uint64 (frame.KeptWindow.Parameters / 2) <<< 26)
        ||| (uint64 ((above - frame.KeptWindow.Base) / 2) <<< 33)
        SignalFrame.turned frame.KeptRotation frame.KeptTurn
    ])
    |> Array.ofList

let private give (memory: Memory) address value =
    if memory.MayWrite address 8 then
        memory.Write address 8 value
        0L
    else
        badAddress

/// Words between a place of a stack and memory, where all of them are in both.
let private part (at: uint64) (bytes: uint64) (size: uint64) isThere move =
    if at > size || bytes > size - at then
        badAddress
    elif at % 8UL <> 0UL || bytes % 8UL <> 0UL then
        badArgument
    elif bytes > 0UL && not (Seq.forall isThere (seq { 0UL .. bytes - 1UL })) then
        badAddress
    else
        for index in 0 .. int (bytes / 8UL) - 1 do
            move index (int (at / 8UL) + index)

        0L

/// The call by its arguments; below the place are the registers of open calls.
let call (memory: Memory) (registers: RegisterFile) (state: State) place (arguments: uint64[]) =
    let buffer, bytes, size = arguments[2], arguments[3], arguments[4]
    let procedure = uint64 (place: int) * registerBytes
    let open' = uint64 state.Depth * chainBytes

    let readChain at bytes limit =
        let words = lazy (chain state place)

        part at bytes limit (fun index -> memory.MayWrite (buffer + index) 1) (fun index word ->
            memory.Write (buffer + uint64 (8 * index)) 8 words.Value[word])

    let readProcedure at bytes limit =
        part at bytes limit (fun index -> memory.MayWrite (buffer + index) 1) (fun index word ->
            memory.Write (buffer + uint64 (8 * index)) 8 (read registers state word))

    let writeProcedure at bytes limit =
        let isThere index = (memory.TryRead (buffer + index) 1).IsSome

        part at bytes limit isThere (fun index word ->
            memory.TryRead (buffer + uint64 (8 * index)) 8
            |> ValueOption.iter (write registers state word))

    /// From the stack's beginning up to a place in it.
    let whole limit move at =
        if at > limit then
            badArgument
        else
            match (if size = 0UL then 0L else give memory size at) with
            | 0L when at > bytes -> noMemory
            | 0L -> move 0UL at at
            | wrong -> wrong

    match arguments[0], lazy (memory.TryRead arguments[1] 8) with
    | 5UL, _ -> give memory size procedure
    | 4UL, _ -> give memory size (open' + chainBytes)
    | mode, _ when mode > 8UL -> noSuchCall
    | mode, at ->
        match at.Value, mode with
        | ValueNone, _ -> badAddress
        | ValueSome at, 3UL when at >= uint64 State.depthMax * chainBytes -> noProcess
        | ValueSome at, 3UL -> give memory size at
        | ValueSome at, 0UL -> whole open' readChain at
        | ValueSome at, 1UL -> whole procedure readProcedure at
        | ValueSome at, 2UL -> whole procedure writeProcedure at
        | ValueSome at, 6UL -> readChain at bytes (open' + chainBytes)
        | ValueSome at, 7UL -> readProcedure at bytes procedure
        | ValueSome at, _ -> writeProcedure at bytes procedure
