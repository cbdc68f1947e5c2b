/// One bundle: all sources are read from the state before it, and what it does is a value, or a
/// trap and nothing. Requirements: spec/e2k/step.md, E2K-STEP, E2K-BR.
module Ashlar.Reference.E2k.Step

let private illegal rule reason = IllegalOperation { Rule = rule; Reason = reason }

/// E2K-ST-004: the window as setwd leaves it; registers that come into sight are invalid.
let private setWindow (change: Change) (size: int) (window: WindowPart) : WindowPart =
    if size < window.Parameters then
        change.Fail(illegal "E2K-ST-004" "a window smaller than its parameters")
    elif window.Base + size > RegisterFile.DepthMax then
        change.Fail StackBounds
    else
        for number in window.Size .. (if change.Before.Tags then size - 1 else -1) do
            change.WritePlace (window.Base + number) State.nothing

    { window with Size = size }

/// E2K-ST-006: registers that leave the rotating area become invalid.
let private setBased (change: Change) (window: WindowPart) (area: Rotation) =
    let old = change.Before.Based
    let isInside number = number >= area.First && number < area.First + 2 * area.Pairs

    for number in old.First .. old.First + 2 * old.Pairs - 1 do
        if change.Before.Tags && not (isInside number) && number < window.Size then
            change.WritePlace (window.Base + number) State.nothing

    change.After <- { change.After with Based = area }

/// E2K-ST-009: predicates that leave the area that turns become invalid.
let private setTurning (change: Change) (size: int) =
    let after = change.After

    let predicates =
        (after.Predicates, seq { size .. change.Before.Turning.Pairs - 1 })
        ||> Seq.fold (fun file number ->
            Predicate.write change.Before number Predicate.Unknown file)

    change.After <- {
        after with
            Predicates = predicates
            Turning = { First = 0; Pairs = size; Turn = 0 }
    }

let private set (change: Change) (window: WindowPart) (setting: Setting) =
    match setting with
    | SetWindow _ -> ()
    | SetBased area -> setBased change window area
    | SetTurning size -> setTurning change size
    | Prepare(number, transfer) -> change.After <- State.withTransfer number transfer change.After
    | PrepareNear(number, distance, isPrefetch) ->
        let address = change.Before.Ip + uint64 distance
        let transfer = if isPrefetch then Prefetch address else Direct address
        change.After <- State.withTransfer number transfer change.After

let private turnBack (area: Rotation) =
    if area.Pairs = 0 then
        area
    else
        { area with Turn = (area.Turn + area.Pairs - 1) % area.Pairs }

/// E2K-BR-005: rotation and the loop's counters, as the transfer is taken or not.
let private turn (change: Change) (plan: Plan) isTaken =
    let isWanted (whenNot, whenTaken) = if isTaken then whenTaken else whenNot

    if isWanted plan.TurnBased then
        let after = change.After
        change.After <- { after with Based = turnBack after.Based }

    if isWanted plan.TurnPredicates then
        let after = change.After
        change.After <- { after with Turning = turnBack after.Turning }

    if isWanted plan.Advance then
        let after = change.After
        change.After <- { after with Loop = State.advance after.Loop }

/// E2K-BR-003: a procedure sees the caller's registers from the window's base on.
let private enter (change: Change) (window: WindowPart) (shift: int) (address: uint64) onward =
    let after = change.After

    if shift > window.Size then
        change.Fail WindowBounds
    elif after.Depth >= State.depthMax then
        change.Fail StackBounds
    else
        let handed = window.Size - shift

        let frame = {
            ReturnTo = onward
            KeptWindow = window
            KeptRotation = after.Based
            KeptPredicates = after.Predicates
            KeptTurn = after.Turning
        }

        change.After <-
            State.forgetTransfers {
                after with
                    Ip = address
                    Window = { Base = window.Base + shift; Size = handed; Parameters = handed }
                    Based = State.noRotation
                    Turning = State.noRotation
                    Predicates = State.unwritten after.Tags
                    Chain = frame :: after.Chain
                    Depth = after.Depth + 1
            }

/// E2K-BR-004: the caller's window, rotation and predicates as they were.
let private leave (change: Change) =
    let after = change.After

    match after.Chain with
    | [] -> change.Fail StackBounds
    | frame :: rest ->
        change.After <-
            State.forgetTransfers {
                after with
                    Ip = frame.ReturnTo
                    Window = frame.KeptWindow
                    Based = frame.KeptRotation
                    Turning = frame.KeptTurn
                    Predicates = frame.KeptPredicates
                    Chain = rest
                    Depth = after.Depth - 1
            }

let private go (change: Change) (address: uint64) =
    change.After <- { change.After with Ip = address &&& ~~~7UL }

/// E2K-BR-002: a transfer by a register that was not prepared for it is illegal.
let private transfer (change: Change) (plan: Plan) (window: WindowPart) =
    let onward = change.Before.Ip + uint64 plan.Bytes

    match plan.Leave with
    | Onward -> ()
    | Branch(distance, _) -> go change (change.Before.Ip + uint64 distance)
    | Jump(number, _) ->
        match State.transfer change.Before number with
        | Direct address -> go change address
        | Return when number = 3 -> leave change
        | _ -> change.Fail(illegal "E2K-BR-002" $"%%ctpr{number} is not prepared for a jump")
    | Call(number, shift, _) ->
        match State.transfer change.Before number with
        | Direct address -> enter change window shift (address &&& ~~~7UL) onward
        | SystemEntry entry ->
            change.After <- State.forgetTransfers change.After

            // E2K-SYS-002: without a window there is nothing to read and nothing happens.
            if shift < window.Size then
                change.SystemCall <- Some(entry, window.Base + shift)
        | _ -> change.Fail(illegal "E2K-BR-002" $"%%ctpr{number} is not prepared for a call")

let private decisionOf (leave: Leave) =
    match leave with
    | Onward -> { IsAny = false; Of = [ Never ] }
    | Jump(_, decision)
    | Call(_, _, decision)
    | Branch(_, decision) -> decision

/// E2K-STEP-004: what a bundle does in a state, or the trap; nothing has happened yet.
let step
    (registers: RegisterFile)
    (memory: Memory)
    (state: State)
    (plan: Plan)
    : Result<Change, Trap> =
    let change = Change(registers, memory, state)

    change.After <- { state with Ip = state.Ip + uint64 plan.Bytes }

    // A new window holds for the operations beside it (E2K-STEP-006).
    let window =
        (state.Window, plan.Settings)
        ||> List.fold (fun window setting ->
            match setting with
            | SetWindow size -> setWindow change size window
            | _ -> window)

    change.After <- { change.After with Window = window }

    for job in plan.Jobs do
        Jobs.carryOut change plan window job

    for one in plan.Moves do
        ArrayMoves.move change window one

    if not plan.Logic.IsEmpty then
        let after = change.After

        change.After <- {
            after with
                Predicates = Predicate.logic state plan.Logic after.Predicates
        }

    for setting in plan.Settings do
        set change window setting

    if plan.StopArrays then
        ArrayMoves.stop change

    if plan.StartArrays then
        ArrayMoves.start change

    match Predicate.decision state change.IsLockLost (decisionOf plan.Leave) with
    | Predicate.Holds ->
        turn change plan true
        transfer change plan window
    | Predicate.HoldsNot -> turn change plan false
    | Predicate.Unknown -> change.Fail InvalidOperand

    match change.Trap with
    | Some trap -> Error trap
    | None -> Ok change
