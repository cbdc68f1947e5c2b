/// Spoiling options: one thing wrong somewhere in a tree, of the kinds that people and attackers
/// produce (BLK-OPEN-001, BLK-OPEN-018).
module Ashlar.Conformance.Spoil

open Ashlar.Reference.Block

let private wrongValues = [|
    Value.Null
    Value.Bool true
    Value.Int 7L
    Value.Int -1L
    Value.Int System.Int64.MaxValue
    Value.Str ""
    Value.Str "on"
    Value.Str "no such thing"
    Value.List []
    Value.List [ Value.Int 1L ]
    Value.Dict []
    Value.Dict [ "driver", Value.Str "null-co" ]
|]

let private unknownKeys = [| "foo"; "Read-Only"; "file"; "backing"; "size"; "offset"; "x-nothing" |]

let private replace index item list = List.mapi (fun i x -> if i = index then item else x) list

/// Options nested deeper than any block layer should follow.
let rec private nest (levels: int) (inner: Value) : Value =
    if levels = 0 then
        inner
    else
        nest (levels - 1) (Value.Dict [ "driver", Value.Str "raw"; "file", inner ])

/// How deep options nest that a profile without a limit is asked about.
let private claimedLevels = 40

/// What direct I/O needs, and refuses, is the host's file system's to say.
let private isClaimedCache (cache: Value) =
    cache <> Value.Dict []
    && Value.find "direct" (Value.members cache) <> ValueSome(Value.Bool true)

/// Whether the profiles of QEMU claim anything about the options: nothing about an empty cache
/// object, about direct I/O, about names with a NUL, and about options that nest too deeply.
let isClaimed (options: Value) : bool =
    let rec walk level value =
        match value with
        | Value.Str text -> not (text.Contains '\000')
        | Value.List items -> List.forall (walk level) items
        | Value.Dict members ->
            level < claimedLevels
            && members
               |> List.forall (fun (key, item) ->
                   (key <> "cache" || isClaimedCache item) && walk (level + 1) item)
        | _ -> true

    walk 0 options

/// The same options with one thing wrong.
let rec options (dice: Dice) (members: (string * Value) list) : (string * Value) list =
    let index = dice.Below members.Length

    match members with
    | [] -> [ "foo", Value.Int 1L ]
    | _ ->
        match dice.Below 8 with
        | 0 -> List.removeAt index members
        | 1
        | 2 -> replace index (fst members[index], dice.Pick wrongValues) members
        | 3 ->
            let key = dice.Pick unknownKeys

            if members |> List.exists (fun (k, _) -> k = key) then
                members
            else
                members @ [ key, dice.Pick wrongValues ]
        | 4 -> members |> List.rev
        | 5 when dice.Percent 10 ->
            // A little below and above the limit of 64 levels.
            let levels = dice.Between(60, 66)
            let deep = nest levels (Value.Dict [ "driver", Value.Str "null-co" ])

            [ "driver", Value.Str "raw"; "node-name", Value.Str "n0"; "file", deep ]
        | _ ->
            // Most often the trouble is further down.
            match
                List.tryFindIndex
                    (fun (_, v) ->
                        match v with
                        | Value.Dict _ -> true
                        | _ -> false)
                    members
            with
            | Some inner ->
                let key, value = members[inner]
                replace inner (key, Value.Dict(options dice (Value.members value))) members
            | None -> replace index (fst members[index], dice.Pick wrongValues) members
