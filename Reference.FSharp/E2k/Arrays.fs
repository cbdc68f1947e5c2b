/// The array prefetch: moves out of the buffer in a bundle, and the pairs of fetch instructions of
/// a prefetch program. Requirements: spec/e2k/predicates.md (E2K-AAS, E2K-APB).
module Ashlar.Reference.E2k.Arrays

open Ashlar.Reference.E2k.Operands

let private sizes = [ 1, "movab"; 2, "movah"; 3, "movaw"; 4, "movad"; 5, "movaq"; 7, "movaqp" ]
let private setting name (value: int) = name, Operation.constant (int64 value)

/// Whether a name is a move out of the prefetch buffer.
let isMove (name: string) = sizes |> List.exists (fun (_, known) -> known = name)

let private widthOf name = if name = "movaq" || name = "movaqp" then Quad else Double

/// E2K-AAS-001, E2K-AAS-002: the moves of a bundle, by array channel.
let decode (slots: Map<int, uint16>) : Result<Operation list, Illegal> =
    let move channel (half: uint16) =
        let word = uint32 half
        let field low width = Syllables.field low width word
        let destinations = slots |> Map.tryFind (channel / 2) |> Option.defaultValue 0us

        let destination = int (if channel % 2 = 0 then destinations >>> 8 else destinations) &&& 255

        match sizes |> List.tryFind (fun (code, _) -> code = field 12 3) with
        | None -> illegal "E2K-AAS-002" $"the array move {half:x4} has no size"
        | Some(_, name) ->
            Ok {
                Operation.named name with
                    Channel = Some channel
                    Arguments = [ destinationOf (widthOf name) destination ]
                    Settings = [
                        setting "area" (field 6 6)
                        setting "ind" (field 1 5)
                        setting "am" (field 0 1)
                        setting "be" (field 15 1)
                    ]
            }

    ([], [ 0..3 ])
    ||> List.fold (fun moves channel ->
        match slots |> Map.tryFind (channel + 2) with
        | Some half -> moves @ [ move channel half ]
        | None -> moves)
    |> List.fold
        (fun sofar one ->
            match sofar, one with
            | Ok sofar, Ok one -> Ok(sofar @ [ one ])
            | Error wrong, _
            | _, Error wrong -> Error wrong)
        (Ok [])

let private valueOf name operation =
    Operation.setting name operation |> Option.defaultValue 0L |> int

/// E2K-AAS-003: a move of 16 bytes alone stands for both channels of its half; the half of the
/// value that lies eight bytes further goes to the next register, or before it where be is set.
let private both (operation: Operation) channel =
    let further = {
        operation with
            Settings = setting "ind" (valueOf "ind" operation + 8) :: operation.Settings
    }

    let next (one: Operation) =
        let after argument =
            match argument with
            | Register(width, file, number) -> Register(width, file, number + 1)
            | other -> other

        {
            one with
                Channel = Some(channel + 1)
                Arguments = one.Arguments |> List.map after
        }

    if valueOf "be" operation &&& 1 = 1 then
        [ further; next operation ]
    else
        [ operation; next further ]

/// The slots of AAS for moves as written, and the mask of channels for the stub.
let encode (written: Operation list) : Result<Map<int, uint16> * uint32, Illegal> =
    let isAlone (operation: Operation) =
        operation.Name = "movaq"
        && written
           |> List.filter (fun other ->
               other.Name = "movaq"
               && Option.map (fun c -> c / 2) other.Channel =
                   Option.map (fun c -> c / 2) operation.Channel)
           |> List.length
            =
            1

    let moves =
        written
        |> List.collect (fun operation ->
            match operation.Channel with
            | Some channel when isAlone operation && channel % 2 = 0 -> both operation channel
            | _ -> [ operation ])

    let add (slots: Map<int, uint16>, mask: uint32) (operation: Operation) =
        match operation.Channel, operation.Arguments with
        | Some channel, [ _ ] when channel < 4 && Map.containsKey (channel + 2) slots ->
            illegal "E2K-AAS-001" $"two moves want the array channel {channel}"
        | Some channel, [ destination ] when channel < 4 ->
            destinationCode destination
            |> Result.map (fun code ->
                let size = sizes |> List.find (fun (_, name) -> name = operation.Name) |> fst

                let half =
                    ((valueOf "be" operation &&& 1) <<< 15)
                    ||| (size <<< 12)
                    ||| ((valueOf "area" operation &&& 63) <<< 6)
                    ||| ((valueOf "ind" operation &&& 31) <<< 1)
                    ||| (valueOf "am" operation &&& 1)

                let slot = channel / 2
                let other = slots |> Map.tryFind slot |> Option.defaultValue 0us
                let mine = uint16 (if channel % 2 = 0 then code <<< 8 else code)

                slots.Add(slot, other ||| mine).Add(channel + 2, uint16 half),
                mask ||| (1u <<< (12 + channel)))
        | _ ->
            illegal
                "E2K-AAS-001"
                $"{operation.Name} takes an array channel from 0 to 3 and a destination"

    (Ok(Map.empty, 0u), moves)
    ||> List.fold (fun sofar operation -> sofar |> Result.bind (fun state -> add state operation))

/// The fields of a fetch instruction's first word: name, position, width (E2K-APB-002).
let private fetchFields = [
    "si", 30, 1
    "dcd", 28, 2
    "fmt", 25, 3
    "mrng", 20, 5
    "d", 15, 5
    "incr", 12, 3
    "ind", 8, 4
    "asz", 5, 3
    "abs", 0, 5
]

/// In an instruction of the form `si`, increment and index give way to these.
let private strideFields = [ "be", 14, 1; "am", 13, 1; "area", 8, 5 ]

let private fieldsOf isStrided =
    if isStrided then
        fetchFields
        |> List.collect (fun (name, position, width) ->
            match name with
            | "incr" -> strideFields
            | "ind" -> []
            | _ -> [ name, position, width ])
    else
        fetchFields

/// E2K-APB-001: the two fetch instructions of four words; one of zeroes is not written.
let decodeFetch (words: uint32[]) : Result<Operation list, Illegal> =
    if words.Length < 4 then
        illegal "E2K-APB-001" "a pair of fetch instructions has four words"
    else

    let one lead first =
        let word, displacement = words[first], words[first + 1]

        if word = 0u && displacement = 0u then
            []
        else
            let isStrided = Syllables.bit 30 word

            [
                {
                    Operation.named "fapb" with
                        Settings =
                            [ setting lead (Syllables.field 31 1 word) ]
                            @ [
                                for name, position, width in fieldsOf isStrided do
                                    if name <> "si" || isStrided then
                                        setting name (Syllables.field position width word)
                            ]
                            @ [ "disp", Operation.constant (int64 displacement) ]
                }
            ]

    Ok(one "ct" 0 @ one "dpl" 2)

/// The four words of one or two fetch instructions: `dpl` is a field of the second alone.
let encodeFetch (resolve: Value -> int64) (written: Operation list) : Result<uint32[], Illegal> =
    let words = Array.zeroCreate<uint32> 4

    let put isSecond (operation: Operation) =
        let first = if isSecond then 2 else 0
        let isStrided = valueOf "si" operation = 1

        let bits =
            fieldsOf isStrided
            |> List.fold
                (fun bits (name, position, width) ->
                    bits
                    ||| ((uint32 (valueOf name operation) &&& ((1u <<< width) - 1u)) <<< position))
                (uint32 (valueOf (if isSecond then "dpl" else "ct") operation) <<< 31)

        let displacement =
            operation.Settings
            |> List.tryFind (fun (name, _) -> name = "disp")
            |> Option.map (snd >> resolve)
            |> Option.defaultValue 0L

        words[first] <- bits
        words[first + 1] <- uint32 displacement

    let isSecond (operation: Operation) = (Operation.setting "dpl" operation).IsSome

    let isLabelled (name, value: Value) = name <> "disp" && value.Symbol.IsSome

    match written with
    | _ when written |> List.exists (fun one -> List.exists isLabelled one.Settings) ->
        illegal "E2K-TXT-003" "a setting is a number, not a label"
    | [ one ] ->
        put (isSecond one) one
        Ok words
    | [ left; right ] when not (isSecond left) ->
        put false left
        put true right
        Ok words
    | _ ->
        illegal "E2K-APB-001" "one or two fetch instructions make a pair, the one with dpl second"
