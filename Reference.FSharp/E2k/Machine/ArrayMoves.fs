/// The array unit in a step: starting a prefetch program, stopping it, and moves out of the buffer.
/// The buffer itself is not modelled: a move reads memory where the prefetch would have.
/// Requirements: spec/e2k/step.md, E2K-ARR.
module Ashlar.Reference.E2k.ArrayMoves

/// E2K-ARR-001: pairs of fetch instructions that a program may have.
let private pairsMax = 32

let private field low width (word: uint64) = int (word >>> low) &&& ((1 <<< width) - 1)

/// E2K-APB-002: one instruction of two words, or nothing where all of it is zero.
let private fetchOf (word: uint64) : Fetch option =
    if word = 0UL then
        None
    else
        Some {
            Descriptor = field 15 5 word
            Format = field 25 3 word
            Increment = field 12 3 word
            Index = field 8 4 word
            Area = field 0 5 word
            Displacement = int64 (int32 (word >>> 32))
            Position = 0UL
        }

/// E2K-ARR-001: the program that begins at an address, up to the pair that ends it.
let start (change: Change) =
    match change.Before.Ctpr2 with
    | Prefetch address ->
        let rec pairs index left right =
            let place = address + uint64 (16 * index)

            match change.ReadMemory place 8, change.ReadMemory (place + 8UL) 8 with
            | ValueSome first, ValueSome second ->
                let left, right = fetchOf first :: left, fetchOf second :: right
                let isLast = (first >>> 31) &&& 1UL = 1UL

                if isLast || index + 1 = pairsMax then
                    List.choose id (List.rev left), List.choose id (List.rev right)
                else
                    pairs (index + 1) left right
            | _ ->
                change.Fail(PageFault place)
                [], []

        let left, right = pairs 0 [] []
        let after = change.After

        change.After <- { after with Arrays = { after.Arrays with Left = left; Right = right } }
    | _ ->
        change.Fail(
            IllegalOperation { Rule = "E2K-ARR-001"; Reason = "no prefetch program is prepared" }
        )

/// E2K-ARR-005: what was fetched is gone.
let stop (change: Change) =
    let after = change.After

    change.After <- { after with Arrays = { after.Arrays with Left = []; Right = [] } }

let private number (key: int) (numbers: Map<int, uint64>) =
    numbers |> Map.tryFind key |> Option.defaultValue 0UL

/// E2K-ARR-003: where the next element of an instruction is.
let private addressOf (arrays: ArrayUnit) (fetch: Fetch) =
    number fetch.Descriptor arrays.Descriptors
    + (if fetch.Index = 0 then
           0UL
       else
           number fetch.Index arrays.Indices)
    + uint64 fetch.Displacement
    + fetch.Position

let private advanced (arrays: ArrayUnit) (fetch: Fetch) =
    let elements =
        if fetch.Increment = 0 then
            1UL
        else
            number fetch.Increment arrays.Increments

    let bytes = if fetch.Format = 0 then 0UL else 1UL <<< (fetch.Format - 1)

    { fetch with Position = fetch.Position + elements * bytes }

/// E2K-ARR-002: a move, and how far its instruction then is.
let move (change: Change) (window: WindowPart) (one: ArrayMove) =
    let arrays = change.Before.Arrays
    let half = if one.IsLeft then arrays.Left else arrays.Right

    let found =
        half
        |> List.tryFind (fun fetch -> fetch.Area = one.Area)
        |> Option.bind (fun fetch ->
            if fetch.Format >= one.Format then
                let address = addressOf arrays fetch + uint64 one.Offset

                let bytes = 1 <<< (one.Format - 1)
                // Before version 5 elements are aligned.
                let isAligned = address % uint64 bytes = 0UL || change.Before.Version >= 5

                match change.ReadMemory address bytes with
                | ValueSome value when isAligned -> Some value
                | _ -> None
            else
                None)

    match one.Destination with
    | ToPlace(_, file, number) ->
        let register =
            match found with
            | Some value -> State.valid (Bits.low value)
            | None -> State.nothing

        change.WritePlace (change.PlaceIn window file number) register
    | _ -> ()

    if one.Advances then
        let advance (fetches: Fetch list) =
            fetches
            |> List.map (fun fetch ->
                if fetch.Area = one.Area then
                    advanced arrays fetch
                else
                    fetch)

        let after = change.After

        change.After <- {
            after with
                Arrays =
                    if one.IsLeft then
                        { after.Arrays with Left = advance after.Arrays.Left }
                    else
                        { after.Arrays with Right = advance after.Arrays.Right }
        }
