/// Operations to words: which syllable each goes to, where literals and guards are put.
/// Requirements: spec/e2k/encoding.md, spec/e2k/operations.md.
module Ashlar.Reference.E2k.Encoder

open Ashlar.Reference.E2k.Operands
open Ashlar.Reference.E2k.Drafts
open Ashlar.Reference.E2k.ControlWords

/// What the encoder knows beside the operations.
type Setting = ControlWords.Setting

/// E2K-OPS-005: whether the second channel of a pair would go on in another file of registers.
let private isSplit (draft: Draft) =
    let isLast code = List.contains code [ 0x7f; 0xbf; 0xff ]
    let step1, step2 = draft.Steps

    draft.Channels.Length = 2
    && (isLast draft.Destination
        || (step1 = 1 && isLast draft.Source1)
        || (step2 = 1 && List.exists (fun code -> draft.Source2 = Known code) [ 0x7f; 0xbf; 0xff ]))

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

    let complete operation draft =
        let draft = narrow operation draft

        if isSplit draft then
            illegal "E2K-OPS-005" $"{operation.Name} takes the last register of a file and no next"
        else
            Ok draft

    (Ok [], operations)
    ||> List.fold (fun sofar operation ->
        match
            sofar,
            draft setting.Table setting.Version setting.Resolve operation
            |> Result.bind (complete operation)
        with
        | Ok sofar, Ok draft -> Ok(sofar @ [ draft ])
        | Error wrong, _
        | _, Error wrong -> Error wrong)

/// E2K-REG-009: increments of accesses through a descriptor by channel; a pair increments in both.
let private increments (drafts: Draft list) (operations: Operation list) =
    let isAccess (operation: Operation) (draft: Draft) =
        (draft.Entry.Form = ArrayLoad || draft.Entry.Form = ArrayStore)
        && operation.Channel |> Option.exists (fun channel -> List.contains channel draft.Channels)

    let numberOf (operation: Operation) =
        match operation.Arguments with
        | [ Named(false, name) ] ->
            numberOf "aaincr" name |> Option.filter (fun number -> number < 8)
        | _ -> None

    (Ok Map.empty, operations |> List.filter (fun operation -> operation.Name = "incr"))
    ||> List.fold (fun sofar operation ->
        match sofar, List.tryFind (isAccess operation) drafts, numberOf operation with
        | Error wrong, _, _ -> Error wrong
        | Ok sofar, Some draft, Some number ->
            (sofar, draft.Channels)
            ||> List.fold (fun all channel -> Map.add channel (number, operation.Guard) all)
            |> Ok
        | _ ->
            illegal
                "E2K-REG-009"
                "an increment is one of %aaincr0 to %aaincr7, of an access through a descriptor")

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

/// The syllables of the channels: ALS and ALES with places for literals chosen, one for each draft
/// that wants one.
let private fill (drafts: Draft list) (literals: (Literals.Request * Place) list) increments =
    let rec walk (drafts: Draft list) literals sofar =
        match drafts with
        | [] -> sofar
        | draft :: rest ->
            let second, left =
                match draft.Source2, literals with
                | Known code, left -> code, left
                | Wanted _, ((request: Literals.Request), place) :: left ->
                    literalCode request.Size place, left
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

    walk drafts literals []

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

/// E2K-ENC-001: how long a bundle waits: what is written first.
let private waits (operations: Operation list) =
    let written = operations |> List.tryFind (fun operation -> operation.Name = "nop")

    match written |> Option.map _.Arguments with
    | Some(Number { Symbol = None; Offset = number } :: _) when number < 0L || number > 7L ->
        illegal "E2K-ENC-001" $"nop waits 0 to 7, not {number}"
    | _ -> Ok(written |> Option.bind firstNumber |> Option.defaultValue 0)

/// The syllables of operations as written.
let syllablesOf (setting: Setting) (operations: Operation list) : Result<Syllables, Illegal> =
    let find name = operations |> List.tryFind (fun operation -> operation.Name = name)
    let moves = operations |> List.filter (fun operation -> Arrays.isMove operation.Name)
    let controls0 = operations |> List.filter (fun operation -> isControl0 operation.Name)

    let calls =
        operations
        |> List.tryPick (fun operation ->
            match operation.Name, firstNumber operation with
            | "icall", Some number -> Some(Ok(uint32 number &&& 0x0fffffffu))
            | "hcall", Some number -> Some(Ok((uint32 number <<< 1) &&& 0x0fffffffu))
            | ("icall" | "hcall"), None ->
                Some(illegal "E2K-CS-001" $"{operation.Name} wants a number")
            | _ -> None)

    let control0 =
        match controls0, calls with
        | [], None -> Ok None
        | [], Some word -> word |> Result.map Some
        | [ one ], None -> control0 setting one |> Result.map Some
        | _, Some(Error wrong) -> Error wrong
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

        if (List.distinct channels).Length <> channels.Length then
            illegal "E2K-ENC-004" "two operations want one channel"
        else

        increments drafts operations
        |> Result.bind (fun increments ->
            waits operations |> Result.map (fun nop -> increments, nop))
        |> Result.bind (fun (increments, nop) ->

            match
                Arrays.encode moves,
                control0,
                control1 operations (specifiers drafts),
                Predicates.encode (
                    operations |> List.filter (fun one -> Predicates.isOne one.Name)
                ),
                Guards.write (guardsOf drafts increments operations)
            with
            | Ok(arrays, mask), Ok control0, Ok(control1, sizes), Ok predicates, Ok conditions ->
                let requests = drafts |> List.choose requestOf

                match
                    Literals.fit (if sizes.IsSome then 3 else 0) requests, stub operations mask
                with
                | None, _ -> illegal "E2K-LIT-004" "there is no room for the literals"
                | _, Error wrong -> Error wrong
                | Some literals, Ok stub ->
                    let filled = fill drafts literals increments

                    let ales =
                        Map.ofList [
                            for channel, (_, half) in filled do
                                match half with
                                | Some half -> channel, half
                                | None -> ()
                        ]

                    Ok {
                        Nop = nop
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
                                Literals.write sizes literals
                        Predicates = predicates
                        Conditions = conditions
                    }
            | Error wrong, _, _, _, _
            | _, Error wrong, _, _, _
            | _, _, Error wrong, _, _
            | _, _, _, Error wrong, _
            | _, _, _, _, Error wrong -> Error wrong))

let private known =
    set (
        [ "set_mark"; "loop_mode"; "nop"; "ipd"; "flushts"; "incr"; "wait"; "setei"; "setsft" ]
        @ List.except [ "ibranchd"; "icalld" ] transfers
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

let rec private hasLabel (argument: Argument) =
    match argument with
    | Number value
    | Literal(_, _, value) -> value.Symbol.IsSome
    | Address(first, second) -> hasLabel first || Option.exists hasLabel second
    | Register _
    | Named _ -> false

/// A label is a target or what a channel takes; anywhere else it would be lost (E2K-CS-002,
/// E2K-TXT-003).
let private labelled (operation: Operation) : Illegal option =
    let isTarget =
        isChannel operation
        || List.contains operation.Name [ "disp"; "ldisp"; "sdisp"; "ibranch"; "rbranch" ]

    if not isTarget && List.exists hasLabel operation.Arguments then
        Some { Rule = "E2K-CS-002"; Reason = $"{operation.Name} takes no label" }
    elif operation.Settings |> List.exists (fun (_, value) -> value.Symbol.IsSome) then
        Some { Rule = "E2K-TXT-003"; Reason = "a setting is a number, not a label" }
    else
        None

/// The words of a bundle of operations as written.
let encode (setting: Setting) (operations: Operation list) : Result<uint32[], Illegal> =
    match stranger operations, List.tryPick labelled operations with
    | Some operation, _ when setting.Table.ByName.ContainsKey operation.Name ->
        illegal "E2K-OPS-001" $"{operation.Name} needs a channel"
    | Some operation, _ -> illegal "E2K-OPS-001" $"there is no operation {operation.Name}"
    | None, Some wrong -> Error wrong
    | None, None -> syllablesOf setting operations |> Result.bind Syllables.pack
