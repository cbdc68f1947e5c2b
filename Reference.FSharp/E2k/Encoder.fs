/// Operations to words: which syllable each goes to, where literals and guards are put.
/// Requirements: spec/e2k/encoding.md, spec/e2k/operations.md.
module Ashlar.Reference.E2k.Encoder

open Ashlar.Reference.E2k.Operands
open Ashlar.Reference.E2k.Drafts

/// What the encoder knows beside the operations: tables, version, the numbers of labels, and the
/// bundle's own address in bytes.
type Setting = { Table: Table; Version: int; Resolve: Resolve; Here: int64 }

let private valueOf name operation =
    Operation.setting name operation |> Option.defaultValue 0L |> int

let private firstNumber (operation: Operation) =
    match operation.Arguments with
    | Number { Symbol = None; Offset = number } :: _ -> Some(int number)
    | _ -> None

let private ctprOf (operation: Operation) =
    match operation.Arguments with
    | Named(false, name) :: _ ->
        match numberOf "ctpr" name with
        | Some number when number >= 1 && number <= 3 -> Ok(uint32 number)
        | _ -> illegal "E2K-CS-001" $"%%{name} is no transfer register"
    | _ -> illegal "E2K-CS-001" $"{operation.Name} needs a transfer register"

/// E2K-CS-002: a number is the field itself, a label is counted in double words from here.
let private displacement (setting: Setting) (argument: Argument) =
    match argument with
    | Number { Symbol = None; Offset = number } -> Ok(uint32 number &&& 0x0fffffffu)
    | Number value ->
        let distance = setting.Resolve value - setting.Here

        if distance % 8L <> 0L || abs distance >= (1L <<< 30) then
            illegal "E2K-CS-002" $"the distance {distance} is no multiple of 8 below 2^30"
        else
            Ok(uint32 (distance / 8L) &&& 0x0fffffffu)
    | _ -> illegal "E2K-CS-002" "a label is wanted"

let private isControl0 name =
    List.contains name [
        "disp"
        "ldisp"
        "sdisp"
        "return"
        "gettsd"
        "ibranch"
        "rbranch"
        "pref"
        "done"
        "iret"
        "glaunch"
    ]

/// CS0 of an operation.
let private control0 setting (operation: Operation) : Result<uint32, Illegal> =
    let prepared (code: uint32) low =
        match ctprOf operation, low with
        | Ok target, Ok low -> Ok(target <<< 30 ||| (code <<< 28) ||| low)
        | Error wrong, _
        | _, Error wrong -> Error wrong

    let second () =
        match operation.Arguments with
        | [ _; target ] -> displacement setting target
        | _ -> illegal "E2K-CS-001" $"{operation.Name} needs a target"

    match operation.Name with
    | "disp" -> prepared 0u (second ())
    | "ldisp" -> prepared 1u (second ())
    | "sdisp" -> prepared 2u (second ())
    | "return" -> prepared 3u (Ok 0u)
    | "gettsd" -> prepared 3u (Ok 1u)
    | "done" -> Ok 0x30000000u
    | "iret" -> Ok 0x30000002u
    | "glaunch" -> Ok 0x30000004u
    | "pref" ->
        match operation.Arguments with
        | Named(false, name) :: target when (numberOf "ipr" name).IsSome ->
            let distance =
                match target with
                | [ Number { Symbol = None; Offset = number } ] -> uint32 number
                | _ -> uint32 (valueOf "disp" operation)

            Ok(
                0x10000000u
                ||| ((distance &&& 0xffffffu) <<< 4)
                ||| ((uint32 (valueOf "ipd" operation) &&& 1u) <<< 3)
                ||| (uint32 (numberOf "ipr" name).Value &&& 7u)
            )
        | _ -> illegal "E2K-CS-001" "pref needs a register %ipr0 to %ipr7"
    | _ ->
        match operation.Arguments with
        | [ target ] -> displacement setting target
        | _ -> illegal "E2K-CS-001" $"{operation.Name} needs a target"

let private isWindow name = List.contains name [ "setwd"; "setbn"; "setbp"; "settr"; "vfrpsz" ]

/// E2K-CS-004, E2K-CS-005: CS1 and LTS0 of window and rotation.
let private window (operations: Operation list) =
    let find name = operations |> List.tryFind (fun operation -> operation.Name = name)

    let field name key low width =
        match find name with
        | Some operation -> (uint32 (valueOf key operation) &&& ((1u <<< width) - 1u)) <<< low
        | None -> 0u

    let flag name bit = if (find name).IsSome then bit else 0u
    let sets = [ "setwd"; "settr"; "vfrpsz" ] |> List.exists (fun name -> (find name).IsSome)

    let control =
        (if not sets then 0x40000000u
         elif (find "vfrpsz").IsSome then 0x10000000u
         else 0u)
        ||| flag "setbn" 0x04000000u
        ||| flag "setbp" 0x08000000u
        ||| flag "settr" 0x02000000u
        ||| field "setbn" "rbs" 0 6
        ||| field "setbn" "rsz" 6 6
        ||| field "setbn" "rcur" 12 6
        ||| field "setbp" "psz" 18 5

    let partitions =
        match find "vfrpsz" with
        | Some operation -> (uint32 (valueOf "rpsz" operation - 1) &&& 31u) <<< 12
        | None -> 0u

    let sizes =
        field "setwd" "wsz" 5 7
        ||| field "setwd" "nfx" 4 1
        ||| field "setwd" "dbl" 3 1
        ||| field "settr" "type" 17 15
        ||| partitions

    control, (if sets then Some sizes else None)

let private isCall name = List.contains name [ "call"; "icall"; "hcall" ]

/// CS1, and what stands in LTS0 by itself.
let private control1 (operations: Operation list) (specifiers: uint32) =
    let windows = operations |> List.filter (fun operation -> isWindow operation.Name)
    let isCache name = Control.caches |> List.exists (fun (_, known) -> known = name)

    let others =
        operations
        |> List.filter (fun operation ->
            isCall operation.Name
            || isCache operation.Name
            || List.contains operation.Name [ "wait"; "setei"; "setsft" ])

    let call kind operation =
        Ok(0x50000000u ||| kind ||| (uint32 (valueOf "wbs" operation) &&& 127u))

    match windows, others, specifiers with
    | [], [], 0u -> Ok(None, None)
    | [], [], specifiers -> Ok(Some(0x60000000u ||| specifiers), None)
    | windows, [], 0u ->
        let word, sizes = window windows
        Ok(Some word, sizes)
    | [], others, 0u ->
        let word =
            match others with
            | [ one ] when one.Name = "call" -> call 0u one
            | [ one ] when one.Name = "icall" -> call 0x80u one
            | [ one ] when one.Name = "hcall" -> call 0x100u one
            | [ one ] when one.Name = "wait" ->
                let said =
                    (0x30000000u, Control.waits)
                    ||> List.fold (fun word (name, bit) ->
                        word ||| ((uint32 (valueOf name one) &&& 1u) <<< bit))

                // A refinement of waiting for loads or stores is such a waiting (E2K-CS-006).
                let loads = if said &&& 0x500u <> 0u then 8u else 0u
                let stores = if said &&& 0x280u <> 0u then 4u else 0u
                Ok(said ||| loads ||| stores)
            | [ one ] when one.Name = "setei" ->
                Ok(0x20000000u ||| (uint32 (Option.defaultValue 0 (firstNumber one)) &&& 255u))
            | [ one ] when one.Name = "setsft" -> Ok 0x28000000u
            | many when many |> List.forall (fun one -> isCache one.Name) ->
                Ok(
                    (0x70000000u, many)
                    ||> List.fold (fun word one ->
                        word
                        ||| uint32 (
                            Control.caches |> List.find (fun (_, name) -> name = one.Name) |> fst
                        ))
                )
            | _ -> illegal "E2K-CS-003" "two operations want CS1"

        word |> Result.map (fun word -> Some word, None)
    | _ -> illegal "E2K-CS-003" "two operations want CS1"

let private transfers = [
    "ct"
    "call"
    "icall"
    "hcall"
    "ibranch"
    "rbranch"
    "done"
    "iret"
    "glaunch"
    "ibranchd"
    "icalld"
]

/// The target and condition that the stub takes from a transfer.
let private transferBits (operation: Operation) =
    let guard =
        if operation.Name = "rbranch" then
            { Negated = false; Name = "MLOCK" } :: operation.Guard
        else
            operation.Guard

    let target =
        if operation.Name = "ct" || operation.Name = "call" then
            ctprOf operation
        else
            Ok 0u

    match Control.conditionCode guard, target with
    | Ok condition, Ok target -> Ok(uint32 condition ||| (target <<< 10))
    | Error wrong, _
    | _, Error wrong -> Error wrong

/// The wait for prefetch that is meant where a stub has none written (E2K-SS-001).
let private defaultWait = 3u

/// The stub, where anything asks for one.
let private stub (operations: Operation list) (arrayMask: uint32) : Result<uint32 option, Illegal> =
    let flag (operation: Operation) =
        Control.stubFlags
        |> List.tryFind (fun (name, _) -> name = operation.Name)
        |> Option.map snd

    let pair (operation: Operation) =
        Control.stubPairs
        |> List.tryFind (fun (name, _, _) -> name = operation.Name)
        |> Option.map (fun (_, (high, low), position) ->
            match firstNumber operation with
            | Some number -> (uint32 number &&& 3u) <<< position
            | None -> uint32 (valueOf high operation * 2 + valueOf low operation) <<< position)

    let bitsOf (operation: Operation) =
        match operation.Name, flag operation, pair operation with
        | "flushts", _, _ -> Ok(Some Control.flushTags)
        | "ipd", _, _ -> Ok(Some 0u)
        | _, Some bits, _
        | _, None, Some bits -> Ok(Some bits)
        | name, None, None when List.contains name transfers ->
            transferBits operation |> Result.map Some
        | _ -> Ok None

    let wait =
        operations
        |> List.tryFind (fun operation -> operation.Name = "ipd")
        |> Option.bind firstNumber
        |> Option.map uint32
        |> Option.defaultValue defaultWait

    (Ok None, operations)
    ||> List.fold (fun sofar operation ->
        match sofar, bitsOf operation with
        | Ok sofar, Ok None -> Ok sofar
        | Ok sofar, Ok(Some bits) -> Ok(Some(Option.defaultValue 0u sofar ||| bits))
        | Error wrong, _
        | _, Error wrong -> Error wrong)
    |> Result.map (fun bits ->
        match bits with
        | None when arrayMask = 0u -> None
        | bits -> Some(Option.defaultValue 0u bits ||| arrayMask ||| (wait <<< 30)))

/// Drafts; an operation of a pair whose second channel is written too takes only its own.
let private draftAll setting (operations: Operation list) =
    let written = operations |> List.map (fun operation -> operation.Name, operation.Channel)

    let narrow (operation: Operation) (draft: Draft) =
        let others =
            draft.Channels |> List.filter (fun channel -> Some channel <> operation.Channel)

        if
            others |> List.exists (fun other -> List.contains (operation.Name, Some other) written)
        then
            { draft with Channels = Option.toList operation.Channel; Steps = 0, 0 }
        else
            draft

    (Ok [], operations)
    ||> List.fold (fun sofar operation ->
        match sofar, draft setting.Table setting.Version setting.Resolve operation with
        | Ok sofar, Ok draft -> Ok(sofar @ [ narrow operation draft ])
        | Error wrong, _
        | _, Error wrong -> Error wrong)

/// E2K-REG-009: increments of array operations by channel; a pair increments in both.
let private increments (drafts: Draft list) (operations: Operation list) =
    operations
    |> List.choose (fun operation ->
        match operation.Name, operation.Channel, operation.Arguments with
        | "incr", Some channel, [ Named(false, name) ] ->
            numberOf "aaincr" name
            |> Option.map (fun number -> channel, (number &&& 7, operation.Guard))
        | _ -> None)
    |> List.collect (fun (channel, increment) ->
        drafts
        |> List.tryFind (fun draft -> List.contains channel draft.Channels)
        |> Option.map (fun draft -> draft.Channels |> List.map (fun one -> one, increment))
        |> Option.defaultValue [ channel, increment ])
    |> Map.ofList

let private isPredicate (condition: Condition) = condition.Name.StartsWith "pred"

/// E2K-CDS-004: guards as entries: of an operation predicates before counters, in each of them the
/// last written first; of a pair the first channel before the second.
let private guardsOf
    (drafts: Draft list)
    (increments: Map<int, int * Condition list>)
    (all: Operation list)
    =
    let ordered guard =
        guard |> List.sortBy (fun condition -> if isPredicate condition then 0 else 1)

    [
        for draft in drafts |> List.sortBy _.Written do
            let isJump = draft.Entry.Form = Jump || draft.Entry.Form = JumpCall

            for condition in Option.toList draft.MergeOn do
                Guards.OfMerge draft.Channels.Head, condition

            for condition in (if isJump then [] else ordered draft.Guard) do
                for channel in draft.Channels do
                    Guards.OfChannel channel, condition

            for channel in draft.Channels do
                match increments |> Map.tryFind channel with
                | Some(_, guard) ->
                    for condition in ordered guard do
                        Guards.OfIncrement channel, condition
                | None -> ()

        for operation in all do
            if List.contains operation.Name [ "srp"; "crp"; "slrp" ] then
                for condition in operation.Guard do
                    Guards.OfStub, condition
    ]

let private requestOf (draft: Draft) =
    match draft.Source2 with
    | Wanted request -> Some request
    | Known _ -> None

/// The syllables of the channels: ALS and ALES with places for literals chosen.
let private fill (drafts: Draft list) (places: Literals.Request list * Place list) increments =
    let rec walk (drafts: Draft list) places sofar =
        match drafts, places with
        | [], _ -> sofar
        | draft :: rest, places ->
            let second, left =
                match draft.Source2, places with
                | Known code, left -> code, left
                | Wanted request, place :: left -> literalCode request.Size place, left
                | Wanted _, [] -> 0xc0, []

            let filled =
                draft.Channels
                |> List.mapi (fun index channel ->
                    let bits =
                        match increments |> Map.tryFind channel with
                        | Some(number, _) -> second ||| 4 ||| (number <<< 4)
                        | None -> second

                    channel, syllablesOf draft bits index)

            walk rest left (sofar @ filled)

    walk drafts (snd places) []

/// E2K-ENC-012: the word of ALES2 and ALES5, only where one of the two is not the implicit one.
let private wideOf (isForced: bool) (ales: Map<int, uint16>) =
    let half channel =
        ales |> Map.tryFind channel |> Option.defaultValue Syllables.implicitExtension

    let isImplicit channel = half channel = Syllables.implicitExtension

    if isImplicit 2 && isImplicit 5 && not isForced then
        None
    else
        Some(uint32 (half 2) <<< 16 ||| uint32 (half 5))

/// E2K-ENC-012: in version 4 the word is written for what that version added to channels 2 and 5.
let private isNewInFour (draft: Draft) =
    draft.Channels
    |> List.exists (fun channel ->
        channel % 3 = 2
        && Table.isLegal 4 channel draft.Entry
        && not (Table.isLegal 3 channel draft.Entry))

let private isChannel (operation: Operation) =
    operation.Channel.IsSome && not (Arrays.isMove operation.Name) && operation.Name <> "incr"

/// The syllables of operations as written.
let syllablesOf (setting: Setting) (operations: Operation list) : Result<Syllables, Illegal> =
    let find name = operations |> List.tryFind (fun operation -> operation.Name = name)
    let moves = operations |> List.filter (fun operation -> Arrays.isMove operation.Name)
    let controls0 = operations |> List.filter (fun operation -> isControl0 operation.Name)

    let calls =
        operations
        |> List.tryPick (fun operation ->
            match operation.Name, firstNumber operation with
            | "icall", Some number -> Some(uint32 number)
            | "hcall", Some number -> Some(uint32 number <<< 1)
            | _ -> None)

    let control0 =
        match controls0, calls with
        | [], None -> Ok None
        | [], Some word -> Ok(Some word)
        | [ one ], None -> control0 setting one |> Result.map Some
        | _ -> illegal "E2K-CS-001" "two operations want CS0"

    let specifiers (drafts: Draft list) =
        [
            for draft in drafts do
                for channel in draft.Channels do
                    match Channels.specifierShift channel with
                    | Some shift -> uint32 draft.Specifier <<< shift
                    | None -> ()
        ]
        |> List.fold (|||) 0u

    draftAll setting (operations |> List.filter isChannel)
    |> Result.bind (fun drafts ->
        let channels = drafts |> List.collect _.Channels
        let increments = increments drafts operations

        if (List.distinct channels).Length <> channels.Length then
            illegal "E2K-ENC-004" "two operations want one channel"
        else

        match
            Arrays.encode moves,
            control0,
            control1 operations (specifiers drafts),
            Predicates.encode (operations |> List.filter (fun one -> Predicates.isOne one.Name)),
            Guards.write (guardsOf drafts increments operations)
        with
        | Ok(arrays, mask), Ok control0, Ok(control1, sizes), Ok predicates, Ok conditions ->
            let requests = drafts |> List.choose requestOf

            match
                Literals.place (if sizes.IsSome then 3 else 0) requests, stub operations mask
            with
            | None, _ -> illegal "E2K-LIT-004" "there is no room for the literals"
            | _, Error wrong -> Error wrong
            | Some places, Ok stub ->
                let filled = fill drafts (requests, places) increments

                let ales =
                    Map.ofList [
                        for channel, (_, half) in filled do
                            match half with
                            | Some half -> channel, half
                            | None -> ()
                    ]

                Ok {
                    Nop = find "nop" |> Option.bind firstNumber |> Option.defaultValue 0
                    LoopMode = (find "loop_mode").IsSome
                    SetMark = (find "set_mark").IsSome
                    Stub = stub
                    Als = Map.ofList [ for channel, (als, _) in filled -> channel, als ]
                    Ales = ales
                    Wide = wideOf (setting.Version = 4 && List.exists isNewInFour drafts) ales
                    Control0 = control0
                    Control1 = control1
                    Arrays = arrays
                    Free =
                        if requests.IsEmpty && sizes.IsNone then
                            []
                        else
                            Literals.write sizes (List.zip requests places)
                    Predicates = predicates
                    Conditions = conditions
                }
        | Error wrong, _, _, _, _
        | _, Error wrong, _, _, _
        | _, _, Error wrong, _, _
        | _, _, _, Error wrong, _
        | _, _, _, _, Error wrong -> Error wrong)

let private known =
    set (
        [ "set_mark"; "loop_mode"; "nop"; "ipd"; "flushts"; "incr"; "wait"; "setei"; "setsft" ]
        @ transfers
        @ List.map snd Control.caches
        @ List.map fst Control.stubFlags
        @ List.map (fun (name, _, _) -> name) Control.stubPairs
    )

/// E2K-OPS-001: an operation that belongs to no syllable is none.
let private stranger (operations: Operation list) =
    operations
    |> List.tryFind (fun operation ->
        let name = operation.Name

        not (
            isChannel operation
            || Arrays.isMove name
            || isControl0 name
            || isWindow name
            || Predicates.isOne name
            || Set.contains name known
        ))

/// The words of a bundle of operations as written.
let encode (setting: Setting) (operations: Operation list) : Result<uint32[], Illegal> =
    match stranger operations with
    | Some operation -> illegal "E2K-OPS-001" $"there is no operation {operation.Name}"
    | None -> syllablesOf setting operations |> Result.bind Syllables.pack
