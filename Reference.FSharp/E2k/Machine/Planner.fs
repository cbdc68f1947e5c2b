/// From decoded operations to a plan. What the specification gives no meaning is refused here, so
/// that a step knows no names. Requirements: spec/e2k/step.md, E2K-STEP.
module Ashlar.Reference.E2k.Planner

open Ashlar.Reference.E2k.Operands

let private refuse (name: string) : Result<'a, Illegal> =
    illegal "E2K-STEP-002" $"{name} has no meaning here"

/// E2K-LIT-003: a literal with its sign.
let private literal size (bits: int64) =
    match size with
    | Bits16 -> int64 (int16 bits)
    | Bits32 -> int64 (int32 bits)
    | Bits64 -> bits

let private sourceOf (argument: Argument) : Result<Source, Illegal> =
    match argument with
    | Register(width, file, number) -> Ok(FromPlace(width, file, number))
    | Number value -> Ok(Source.Constant(Bits.low (uint64 value.Offset)))
    | Literal(size, _, value) -> Ok(Source.Constant(Bits.low (uint64 (literal size value.Offset))))
    | Named _
    | Address _ -> refuse "an operand"

let private targetOf (argument: Argument) : Result<Target, Illegal> =
    match argument with
    | Register(width, file, number) -> Ok(ToPlace(width, file, number))
    | Named(_, name) ->
        match numbered name with
        | Some("ctpr", number) -> Ok(ToTransfer number)
        | Some("pred", number) -> Ok(ToPredicate number)
        | _ when name = "empty" || name = "tst" || name = "tc" || name = "tcd" -> Ok Nowhere
        | _ -> refuse name
    | _ -> refuse "a destination"

let private deciderOf negated (name: string) : Result<Decider, Illegal> =
    match numbered name with
    | Some("pred", number) -> Ok(ByPredicate(negated, number))
    | Some("pcnt", number) -> Ok(ByCounter(negated, number))
    | _ ->
        match name with
        | "LOOP_END" -> Ok(ByLoopEnd negated)
        | "NOT_LOOP_END" -> Ok(ByLoopEnd(not negated))
        | "never" -> Ok Never
        | "MLOCK" -> Ok ByLostLock
        // Nothing overtakes anything here.
        | "dt_al0"
        | "dt_al1"
        | "dt_al3"
        | "dt_al4" -> Ok Never
        | _ -> refuse name

/// All of a list, or the first refusal.
let private all (results: Result<'a, Illegal> list) : Result<'a list, Illegal> =
    List.foldBack
        (fun one rest ->
            match one, rest with
            | Ok one, Ok rest -> Ok(one :: rest)
            | Error wrong, _
            | _, Error wrong -> Error wrong)
        results
        (Ok [])

let private decidersOf (conditions: Condition list) =
    conditions |> List.map (fun one -> deciderOf one.Negated one.Name) |> all

let private decisionOf (conditions: Condition list) : Result<Decision, Illegal> =
    decidersOf conditions
    |> Result.map (fun deciders -> {
        IsAny = conditions |> List.exists (fun one -> one.Name = "LOOP_END" || one.Name = "MLOCK")
        Of = deciders
    })

let private settingOf name operation =
    Operation.setting name operation |> Option.defaultValue 0L |> int

/// Sources in the order first, second, third, the byte, the target and a merge's decider.
let private computation (entry: Entry) meaning (operation: Operation) =
    let job sources byte target (merge: Decider option) =
        match all (List.map sourceOf sources), targetOf target with
        | Ok sources, Ok target ->
            let source index =
                sources |> List.tryItem index |> Option.defaultValue (Source.Constant Bits.zero)

            Ok(Compute(meaning, source 0, source 1, source 2, byte, merge), target)
        | Error wrong, _
        | _, Error wrong -> Error wrong

    let none = Number(Operation.constant 0L)

    let byteOf argument =
        match argument with
        | Number value -> int value.Offset
        | _ -> 0

    match entry.Form, operation.Arguments with
    | (TwoSources | Comparison), [ a; b; target ] -> job [ a; b ] 0 target None
    | (OneSource | Test), [ b; target ] -> job [ none; b ] 0 target None
    | ThreeSources, [ a; b; c; target ] -> job [ a; b; c ] 0 target None
    | TwoAndByte, [ a; b; byte; target ] -> job [ a; b ] (byteOf byte) target None
    | OneAndByte, [ b; byte; target ] -> job [ none; b ] (byteOf byte) target None
    | Merge, [ a; b; target; Named(negated, name) ] ->
        deciderOf negated name |> Result.bind (fun merge -> job [ a; b ] 0 target (Some merge))
    | MergeAndThen, [ a; b; c; target; Named(negated, name) ] ->
        deciderOf negated name |> Result.bind (fun merge -> job [ a; b; c ] 0 target (Some merge))
    | _ -> refuse operation.Name

let private bytesOf (cell: string) = int ((cell.Split '.')[1]) / 8

/// E2K-MEM-003: behind the bits of an access may stand the segment it goes through; its specifier
/// says what it does with locks, other specifiers say nothing here (E2K-MEM-006).
let private accessOf (cell: string) isPair operation : Access = {
    AccessBytes = bytesOf cell
    IsPair = isPair
    Segment = cell.Split '.' |> Array.tryItem 2 |> Option.map (fun name -> name + ".lo")
    Locking =
        match settingOf "mas" operation with
        | 4 -> Locking
        | 3 -> Checking
        | _ -> Unlocked
}

let private numberIn (name: string) = numbered name |> Option.map snd |> Option.defaultValue 0

let private stemOf (name: string) = numbered name |> Option.map fst |> Option.defaultValue name

/// The increment of an array operation's index, which is written behind it.
let private incrementOf channel (operations: Operation list) =
    operations
    |> List.tryFind (fun one -> one.Name = "incr" && one.Channel = channel)
    |> Option.map (fun one ->
        match one.Arguments with
        | [ Named(_, name) ] ->
            decidersOf one.Guard |> Result.map (fun guards -> Some(numberIn name, guards))
        | _ -> refuse "incr")
    |> Option.defaultValue (Ok None)

/// The specifier that makes a store through the array unit a write of one of its registers.
let private arrayUnit = 0x3f

/// E2K-STEP-007: what is written like a store but means a register: the bits of both are the same.
let private registerMeant (operation: Operation) descriptor index increment =
    if settingOf "mas" operation <> arrayUnit then
        None
    else
        let bits =
            match increment with
            | Some(number, _) -> 4 ||| (number <<< 4)
            | None -> 0

        arrayRegisterOf ((descriptor <<< 11) ||| (index <<< 7) ||| bits)

let private actionOf (entry: Entry) (operations: Operation list) (operation: Operation) =
    let withSources sources target make =
        match all (List.map sourceOf sources), targetOf target with
        | Ok sources, Ok target -> Ok(make sources, target)
        | Error wrong, _
        | _, Error wrong -> Error wrong

    let nowhere = Named(false, "empty")
    let cell = entry.Semantics

    match (cell.Split '.')[0], entry.Form, operation.Arguments with
    | ("load" | "loadpair" as kind), Form.Load, [ a; b; target ] ->
        withSources [ a; b ] target (fun sources ->
            Action.Load(accessOf cell (kind = "loadpair") operation, sources[0], sources[1]))
    | ("store" | "storepair" as kind), Form.Store, [ a; b; value ] ->
        withSources [ a; b; value ] nowhere (fun sources ->
            let access = accessOf cell (kind = "storepair") operation
            Action.Store(access, sources[0], sources[1], sources[2]))
    | "arraystore", Form.ArrayStore, [ value; Named(_, name); Address(Named(_, index), None) ] ->
        incrementOf operation.Channel operations
        |> Result.bind (fun increment ->
            withSources [ value ] nowhere (fun sources ->
                let descriptor, index = numberIn name, numberIn index

                match registerMeant operation descriptor index increment with
                | Some name -> Action.ArrayWrite(sources[0], stemOf name, numberIn name)
                | None ->
                    Action.ArrayStore(bytesOf cell, sources[0], descriptor, index, increment)))
    | "arraywrite", Form.ArrayWrite, [ value; Named(_, name) ] ->
        withSources [ value ] nowhere (fun sources ->
            Action.ArrayWrite(sources[0], stemOf name, numberIn name))
    | "arrayread", Form.ArrayRead, [ Named(_, name); target ] ->
        withSources [] target (fun _ -> Action.ArrayRead(stemOf name, numberIn name))
    | "stateread", Form.StateRead, [ Named(_, name); target ] ->
        withSources [] target (fun _ -> Action.StateRead name)
    | "statewrite", Form.StateWrite, [ value; Named(_, name) ] ->
        withSources [ value ] nowhere (fun sources -> Action.StateWrite(sources[0], name))
    | "move", OneSource, [ value; target ] ->
        withSources [ value ] target (fun sources -> Move sources[0])
    | "gettag", OneSource, [ value; target ] ->
        withSources [ value ] target (fun sources -> GetTag sources[0])
    | "puttag", _, [ value; tag; target ] ->
        withSources [ value; tag ] target (fun sources -> PutTag(sources[0], sources[1]))
    | "getstack", OneSource, [ value; target ] ->
        withSources [ value ] target (fun sources -> GetStack sources[0])
    | _ ->
        match Semantics.parse cell with
        | Some meaning -> computation entry meaning operation
        | None -> refuse operation.Name

let private jobOf (table: Table) operations (operation: Operation) : Result<Job, Illegal> =
    match table.ByName |> Map.tryFind operation.Name with
    | None -> refuse operation.Name
    | Some entry ->
        match actionOf entry operations operation, decidersOf operation.Guard with
        | Ok(action, target), Ok deciders ->
            Ok {
                Action = action
                Target = target
                Speculative = operation.Speculative
                Deciders = deciders
            }
        | Error wrong, _
        | _, Error wrong -> Error wrong

let private logicOf (operation: Operation) : Result<Logic, Illegal> =
    let localOf (name: string) = int name[2] - int '0'

    let isStranger argument =
        match argument with
        | Named(_, name) -> name = "@p7"
        | _ -> false

    match operation.Name, operation.Arguments with
    | name, arguments when List.exists isStranger arguments ->
        illegal "E2K-PLS-001" $"{name} of @p7, which there is not"
    | "pass", [ Named(_, from); Named(_, into) ] when from.StartsWith "@p" ->
        Ok(Put(localOf from, numberIn into))
    | "pass", [ Named(_, "lcntex"); Named(_, into) ] -> Ok(Take(ByLoopEnd false, localOf into))
    | "pass", [ Named(_, from); Named(_, into) ] ->
        match stemOf from with
        | "pred" -> Ok(Take(ByPredicate(false, numberIn from), localOf into))
        | _ -> refuse from
    | name, [ Named(notLeft, left); Named(notRight, right); Named(_, into) ] ->
        Ok(Combine(name, (notLeft, localOf left), (notRight, localOf right), localOf into))
    | name, _ -> refuse name

let private moveOf (operation: Operation) : Result<ArrayMove, Illegal> =
    let formats = [ "movab", 1; "movah", 2; "movaw", 3; "movad", 4 ]

    match List.tryFind (fun (name, _) -> name = operation.Name) formats, operation.Arguments with
    | Some(_, format), [ target ] ->
        targetOf target
        |> Result.map (fun target -> {
            IsLeft = Option.defaultValue 0 operation.Channel < 2
            Area = settingOf "area" operation
            Format = format
            Offset = settingOf "ind" operation
            Advances = settingOf "am" operation = 1
            Destination = target
        })
    | _ -> refuse operation.Name

let private settingsOf (operation: Operation) : Result<Setting, Illegal> =
    let transfer name = numberIn name

    match operation.Name, operation.Arguments with
    | "setwd", _ -> Ok(SetWindow(2 * settingOf "wsz" operation))
    | "setbn", _ ->
        Ok(
            SetBased {
                First = 2 * settingOf "rbs" operation
                Pairs = settingOf "rsz" operation + 1
                Turn = settingOf "rcur" operation
            }
        )
    | "setbp", _ -> Ok(SetTurning(settingOf "psz" operation + 1))
    | "disp", [ Named(_, name); Number value ] ->
        Ok(PrepareNear(transfer name, value.Offset, false))
    | "ldisp", [ Named(_, name); Number value ] ->
        Ok(PrepareNear(transfer name, value.Offset, true))
    | "sdisp", [ Named(_, name); Number value ] ->
        Ok(Prepare(transfer name, SystemEntry(int value.Offset)))
    | "return", [ Named(_, name) ] -> Ok(Prepare(transfer name, Return))
    | name, _ -> refuse name

let private leaveOf (operation: Operation) : Result<Leave, Illegal> =
    match operation.Name, operation.Arguments with
    | "ct", [ Named(_, name) ] ->
        decisionOf operation.Guard |> Result.map (fun decision -> Jump(numberIn name, decision))
    | "call", [ Named(_, name) ] ->
        decisionOf operation.Guard
        |> Result.map (fun decision -> Call(numberIn name, 2 * settingOf "wbs" operation, decision))
    | "ibranch", [ Number value ] ->
        decisionOf operation.Guard |> Result.map (fun decision -> Branch(value.Offset, decision))
    | name, _ -> refuse name

/// E2K-STEP-003: operations that have no effect here: waiting, hints, marks.
let private isIdle (name: string) =
    match name with
    | "nop"
    | "ipd"
    | "wait"
    | "pref"
    | "set_mark"
    | "incr"
    | "setei"
    | "settr"
    | "vfrpsz"
    | "flushts"
    | "vfdi" -> true
    | _ -> false

let private empty = {
    Bytes = 8
    LoopMode = false
    Jobs = []
    Logic = []
    Moves = []
    Settings = []
    Leave = Onward
    TurnBased = (false, false)
    TurnPredicates = (false, false)
    Advance = (false, false)
    StartArrays = false
    StopArrays = false
}

let private pairOf first second operation =
    settingOf first operation = 1, settingOf second operation = 1

let private add table operations (plan: Plan) (operation: Operation) : Result<Plan, Illegal> =
    match operation.Name with
    | name when isIdle name -> Ok plan
    | "loop_mode" -> Ok { plan with LoopMode = true }
    | "bap" -> Ok { plan with StartArrays = true }
    | "eap" -> Ok { plan with StopArrays = true }
    | "abn" -> Ok { plan with TurnBased = pairOf "abnf" "abnt" operation }
    | "abp" -> Ok { plan with TurnPredicates = pairOf "abpf" "abpt" operation }
    | "alc" -> Ok { plan with Advance = pairOf "alcf" "alct" operation }
    | "ct"
    | "call"
    | "ibranch" -> leaveOf operation |> Result.map (fun leave -> { plan with Leave = leave })
    | "setwd"
    | "setbn"
    | "setbp"
    | "disp"
    | "ldisp"
    | "sdisp"
    | "return" ->
        settingsOf operation
        |> Result.map (fun setting -> { plan with Settings = plan.Settings @ [ setting ] })
    | name when Predicates.isOne name ->
        logicOf operation
        |> Result.map (fun logic -> { plan with Logic = plan.Logic @ [ logic ] })
    | name when Arrays.isMove name ->
        moveOf operation |> Result.map (fun move -> { plan with Moves = plan.Moves @ [ move ] })
    | _ ->
        jobOf table operations operation
        |> Result.map (fun job -> { plan with Jobs = plan.Jobs @ [ job ] })

/// Locals are computed in the order in which they can be: those taken from predicates, then @p4 to
/// @p6, then what is put into predicates.
let private ordered (logic: Logic list) =
    let rank one =
        match one with
        | Take _ -> 0
        | Combine(_, _, _, index) -> index
        | Put _ -> 7

    List.sortBy rank logic

/// E2K-STEP-001: the plan of the bundle that begins with these words.
let plan (table: Table) (version: int) (words: uint32[]) : Result<Plan, Illegal> =
    Decoder.decode table version words
    |> Result.bind (fun operations ->
        (Ok { empty with Bytes = 4 * words.Length }, operations)
        ||> List.fold (fun sofar operation ->
            sofar |> Result.bind (fun plan -> add table operations plan operation)))
    |> Result.map (fun plan -> { plan with Logic = ordered plan.Logic })
