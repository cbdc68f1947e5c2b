/// Words to operations. The order is the customary one: header and stub, channels, control, array
/// moves, predicate logic. Requirements: spec/e2k/encoding.md, spec/e2k/operations.md.
module Ashlar.Reference.E2k.Decoder

open Ashlar.Reference.E2k.Operands

let private entryIn table version (syllables: Syllables) channel (als: uint32) =
    let half = syllables.Ales |> Map.tryFind channel

    Channels.entryOf
        table
        version
        channel
        als
        half
        (Channels.specifierOf syllables.Control1 channel)

/// E2K-OPS-005: whether a syllable is what the pair's second channel has of an operation.
let private isSecondOf (entry: Entry) (first: uint32) (second: uint32) =
    let field low word = Syllables.field low 8 word
    let isRegister code = code < 0xc0 || code >= 0xe0
    let isQuad index = List.tryItem index entry.Widths |> Option.flatten = Some Quad
    let step is code = if is && isRegister code then 1 else 0

    let step1, step2 =
        match entry.Form with
        | TwoSources -> step (isQuad 0) (field 16 first), step (isQuad 1) (field 8 first)
        | OneSource -> 0, step (isQuad 0) (field 8 first)
        | _ -> 0, 0

    first >>> 24 = (second >>> 24)
    && field 16 second = field 16 first + step1
    && field 8 second = field 8 first + step2
    && field 0 second = field 0 first + 1

/// Channels whose syllable only continues that of the pair's first channel.
let private continued table version (syllables: Syllables) guards =
    set [
        for KeyValue(channel, als) in syllables.Als do
            match entryIn table version syllables channel als with
            | Some entry ->
                for first, second in entry.Pairs do
                    if first = channel then
                        match syllables.Als |> Map.tryFind second with
                        | Some other when
                            isSecondOf entry als other
                            && entryIn table version syllables second other = Some entry
                            && Channels.guardsOf guards (Guards.OfChannel first) =
                                Channels.guardsOf guards (Guards.OfChannel second)
                            ->
                            second
                        | _ -> ()
            | None -> ()
    ]

let private usesSecond (entry: Entry) =
    match entry.Form with
    | ArrayLoad
    | ArrayStore
    | ArrayRead
    | ArrayWrite
    | StateRead -> false
    | _ -> true

/// E2K-LIT-005: whether the literals stand where an assembler would place them.
let private placed table version (syllables: Syllables) (skipped: Set<int>) =
    let selected = [
        for KeyValue(channel, als) in syllables.Als do
            if not (Set.contains channel skipped) then
                match entryIn table version syllables channel als with
                | Some entry when usesSecond entry ->
                    match source2Of (Syllables.field 8 8 als) with
                    | Ok(FromLiteral(size, place)) -> size, place
                    | _ -> ()
                | _ -> ()
    ]

    let taken =
        match syllables.Control1 with
        | Some word when word >>> 28 <= 1u -> 3
        | _ -> 0

    let requests =
        selected
        |> List.map (fun (size, place) ->
            Literals.read syllables.Free size place
            |> Option.defaultValue 0UL
            |> Literals.known size)

    let isDefault = Literals.place taken requests = Some(List.map snd selected)
    selected |> List.map (fun literal -> literal, isDefault) |> Map.ofList

let private join (parts: Result<Operation list, Illegal> list) : Result<Operation list, Illegal> =
    (Ok [], parts)
    ||> List.fold (fun sofar part ->
        match sofar, part with
        | Ok sofar, Ok part -> Ok(sofar @ part)
        | Error wrong, _
        | _, Error wrong -> Error wrong)

/// E2K-SS-005: a jump or call of a computed address takes the stub's condition.
let private guardJump (syllables: Syllables) (entry: Entry) (operations: Operation list) =
    match entry.Form, syllables.Stub, operations with
    | (Jump | JumpCall), Some stub, [ one ] ->
        Control.conditionOf (Syllables.field 0 9 stub)
        |> Result.map (fun guard -> [ { one with Guard = guard } ])
    | _ -> Ok operations

/// The second channel that an operation takes beside its own, if it does.
let private secondOf skipped (entry: Entry) channel =
    entry.Pairs
    |> List.tryPick (fun (first, second) ->
        if first = channel && Set.contains second skipped then
            Some second
        else
            None)

/// E2K-CDS-006: an operation in the second channel of its pair, where the guard of one between the
/// two comes first.
let private writtenChannel (guards: Guards.Guard list) second (operation: Operation) =
    let firstEntry channels =
        guards
        |> List.filter (fun guard ->
            channels |> List.exists (fun one -> guard.Target = Guards.OfChannel one))
        |> List.map _.Entry
        |> List.tryHead

    match operation.Channel, second with
    | Some first, Some second ->
        match firstEntry [ first + 1 .. second - 1 ], firstEntry [ first ] with
        | Some between, Some own when between < own -> { operation with Channel = Some second }
        | _ -> operation
    | _ -> operation

/// The operations of a bundle's syllables in a version from 2 to 7.
let decodeSyllables
    (table: Table)
    (version: int)
    (syllables: Syllables)
    : Result<Operation list, Illegal> =
    let guards = Guards.read syllables.Conditions
    let skipped = continued table version syllables guards

    let around: Channels.Surroundings = {
        Table = table
        Version = version
        Free = syllables.Free
        Control1 = syllables.Control1
        Placed = placed table version syllables skipped
        Guards = guards
    }

    let channels = [
        for KeyValue(channel, als) in syllables.Als do
            if not (Set.contains channel skipped) then
                Channels.decode around channel als (Map.tryFind channel syllables.Ales)
                |> Result.bind (fun (entry, operations) ->
                    operations
                    |> List.map (writtenChannel guards (secondOf skipped entry channel))
                    |> guardJump syllables entry)
    ]

    let jumps =
        syllables.Als
        |> Map.exists (fun channel als ->
            match entryIn table version syllables channel als with
            | Some entry -> entry.Form = Jump || entry.Form = JumpCall
            | None -> false)

    join (
        Control.decodeStub syllables guards (Control.isCall syllables.Control1 || jumps)
        :: channels
        @ [
            Control.decodeControls version syllables
            Arrays.decode syllables.Arrays
            Predicates.decode syllables.Predicates
        ]
    )

/// The operations of the bundle that begins with these words.
let decode (table: Table) (version: int) (words: uint32[]) : Result<Operation list, Illegal> =
    Syllables.unpack words |> Result.bind (decodeSyllables table version)
