/// The predicate logic: up to three syllables that make local predicates @p0 to @p6.
/// Requirements: spec/e2k/predicates.md (E2K-PLS).
module Ashlar.Reference.E2k.Predicates

open Ashlar.Reference.E2k.Operands

let private operations = [ 0, "andp"; 1, "landp"; 3, "movep" ]

/// E2K-PLS-002: the seven bits of what @p0 to @p3 take.
let private elementOf (code: int) =
    let bits = [
        for bit in 0..5 do
            if code >>> bit &&& 1 = 1 then
                string bit
    ]

    match code >>> 5 with
    | 3 -> $"pred{code &&& 31}"
    | 2 -> $"rndpred{code &&& 31}"
    | _ when code = 0 -> "lcntex"
    | _ -> "spred" + String.concat "" bits

let private elementCode (name: string) =
    match numbered name with
    | Some("pred", number) when number < 32 -> Ok(0x60 ||| number)
    | Some("rndpred", number) when number < 32 -> Ok(0x40 ||| number)
    | _ when name = "lcntex" -> Ok 0
    | _ when
        name.StartsWith "spred"
        && name.Length > 5
        && Seq.forall (fun one -> one >= '0' && one <= '5') name[5..]
        ->
        Ok(name[5..] |> Seq.fold (fun mask one -> mask ||| (1 <<< (int one - int '0'))) 0)
    | _ -> illegal "E2K-PLS-002" $"%%{name} is no source of a local predicate"

let private local negated (index: int) = Named(negated, $"@p{index}")

/// A logic operation of a syllable's low half.
let private logicOf (word: uint32) =
    let half = Syllables.field 0 16 word
    let left, right = half >>> 10 &&& 7, half >>> 6 &&& 7
    half, left, right

/// Which local predicates are used, by a logic operation or by a write; from the last to the first.
let private used (words: uint32 list) =
    (Set.empty, List.rev (List.indexed words))
    ||> List.fold (fun used (index, word) ->
        let half, left, right = logicOf word

        if half &&& 32 <> 0 || Set.contains (4 + index) used then
            used |> Set.add left |> Set.add right
        else
            used)

/// E2K-PLS-004: the operations, the last syllable first; what nobody uses is written only where
/// its bits are not zero.
let decode (words: uint32 list) : Result<Operation list, Illegal> =
    let used = used words

    let element index (code: int) = [
        if code <> 0 || Set.contains index used then
            {
                Operation.named "pass" with
                    Arguments = [ Named(false, elementOf code); local false index ]
            }
    ]

    let logic index word =
        let half, left, right = logicOf word

        match operations |> List.tryFind (fun (code, _) -> code = (half >>> 14)) with
        | None -> illegal "E2K-PLS-003" $"the logic operation {half:x4} is none"
        | Some(_, name) when half <> 0 || Set.contains (4 + index) used ->
            Ok [
                {
                    Operation.named name with
                        Arguments = [
                            local (half &&& 0x2000 <> 0) left
                            local (half &&& 0x200 <> 0) right
                            local false (4 + index)
                        ]
                }
                if half &&& 32 <> 0 then
                    {
                        Operation.named "pass" with
                            Arguments = [
                                local false (4 + index)
                                Named(false, $"pred{half &&& 31}")
                            ]
                    }
            ]
        | Some _ -> Ok []

    let isUnused index =
        let sources = if index < 2 then [ 2 * index; 2 * index + 1 ] else []
        Set.isEmpty (Set.intersect used (set (4 + index :: sources)))

    let empty index = [
        if index < 2 then
            {
                Operation.named "pass" with
                    Arguments = [ Named(false, elementOf 0); local false (2 * index) ]
            }
        else
            {
                Operation.named "andp" with
                    Arguments = [ local false 0; local false 0; local false 6 ]
            }
    ]

    let syllable (index, word: uint32) =
        let elements =
            if word = 0u && index = words.Length - 1 && isUnused index then
                // A syllable of nothing is written as its first source, or it would be forgotten.
                empty index
            elif index < 2 then
                element (2 * index) (Syllables.field 24 7 word)
                @ element (2 * index + 1) (Syllables.field 16 7 word)
            else
                []

        logic index word |> Result.map (fun operations -> elements @ operations)

    (Ok [], List.rev (List.indexed words))
    ||> List.fold (fun sofar word ->
        match sofar, syllable word with
        | Ok sofar, Ok more -> Ok(sofar @ more)
        | Error wrong, _
        | _, Error wrong -> Error wrong)

let private localIndex (argument: Argument) =
    match argument with
    | Named(negated, name) when name.StartsWith "@p" && name.Length = 3 ->
        let index = int name[2] - int '0'

        if index >= 0 && index < 7 then
            Ok(negated, index)
        else
            illegal "E2K-PLS-001" $"{name} is none of @p0 to @p6"
    | _ -> illegal "E2K-PLS-001" "a local predicate is wanted"

/// The syllables by number, and what is already said in them.
type private Made = { Words: Map<int, uint32>; Said: Set<string> }

/// The syllables with one more operation in them; nothing is said twice.
let private add (made: Made) (operation: Operation) : Result<Made, Illegal> =
    let put what index (bits: uint32) =
        if Set.contains what made.Said then
            illegal "E2K-PLS-001" $"two operations make {what}"
        else
            let known = made.Words |> Map.tryFind index |> Option.defaultValue 0u

            Ok {
                Words = made.Words |> Map.add index (known ||| bits)
                Said = made.Said.Add what
            }

    let isLocal argument = (localIndex argument |> Result.isOk)

    match operation.Name, operation.Arguments with
    | "pass", [ Named(false, source) as from; target ] when not (isLocal from) ->
        match elementCode source, localIndex target with
        | Ok code, Ok(false, index) when index < 4 ->
            put $"@p{index}" (index / 2) (uint32 code <<< (if index % 2 = 0 then 24 else 16))
        | Error wrong, _
        | _, Error wrong -> Error wrong
        | _ -> illegal "E2K-PLS-002" "only @p0 to @p3 take a predicate"
    | "pass", [ from; Named(false, target) ] ->
        match localIndex from, numberOf "pred" target with
        | Ok(false, index), Some number when index >= 4 && number < 32 ->
            put $"the predicate of @p{index}" (index - 4) (32u ||| uint32 number)
        | Error wrong, _ -> Error wrong
        | _ -> illegal "E2K-PLS-003" "only @p4 to @p6 are written to a predicate"
    | name, [ left; right; target ] ->
        match
            operations |> List.tryFind (fun (_, known) -> known = name),
            localIndex left,
            localIndex right,
            localIndex target
        with
        | Some(code, _), Ok(notLeft, left), Ok(notRight, right), Ok(false, index) when index >= 4 ->
            put
                $"@p{index}"
                (index - 4)
                (uint32 code <<< 14
                 ||| (if notLeft then 0x2000u else 0u)
                 ||| (uint32 left <<< 10)
                 ||| (if notRight then 0x200u else 0u)
                 ||| (uint32 right <<< 6))
        | _, Error wrong, _, _
        | _, _, Error wrong, _
        | _, _, _, Error wrong -> Error wrong
        | _ -> illegal "E2K-PLS-003" "only @p4 to @p6 are computed"
    | name, _ -> illegal "E2K-PLS-003" $"{name} does not take these operands"

/// The predicate syllables of a bundle's operations, PLS0 first.
let encode (written: Operation list) : Result<uint32 list, Illegal> =
    (Ok { Words = Map.empty; Said = Set.empty }, written)
    ||> List.fold (fun sofar operation -> sofar |> Result.bind (fun made -> add made operation))
    |> Result.map (fun made ->
        match Seq.toList made.Words.Keys with
        | [] -> []
        | keys -> [
            for index in 0 .. List.max keys ->
                made.Words |> Map.tryFind index |> Option.defaultValue 0u
          ])

/// Whether a name is an operation of the predicate logic.
let isOne (name: string) =
    name = "pass" || operations |> List.exists (fun (_, known) -> known = name)
