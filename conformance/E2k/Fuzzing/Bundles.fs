/// Random legal wide instructions: operations of any kind a version has, on registers that a
/// program of Programs.fs has made ready. Whether they trap is left to the run. Requirements:
/// spec/e2k/operations.md, E2K-OPS.
module Ashlar.Conformance.E2k.Fuzzing.Bundles

open System
open Ashlar.Reference.E2k

/// What a wide instruction may use: all of it comes from the program around it.
type Room = {
    Version: int
    /// Registers of the window.
    Window: int
    /// Registers of the area of %b, 0 where there is none.
    Based: int
    /// Whether values may be invalid, so that speculation has something to do.
    Tags: bool
}

/// %g0 and %g1 point into memory, %g2 counts turns: nothing else writes these.
let private firstFreeGlobal = 4

let private lastFreeGlobal = 23

/// %pred30 and %pred31 decide about turns.
let private predicatesMax = 30

/// A kind of operation, by what it reaches.
type private Kind =
    | Computing
    | Loading
    | Storing
    | Tagging
    | Knowing
    | Arraying

let private kindOf (entry: Entry) : Kind option =
    match (entry.Semantics.Split '.')[0], entry.Form with
    | _, (Jump | JumpCall | ArrayLoad) -> None
    | ("load" | "loadpair"), _ -> Some Loading
    | ("store" | "storepair"), _ -> Some Storing
    | ("gettag" | "puttag" | "move"), _ -> Some Tagging
    | ("stateread" | "statewrite"), _ -> Some Knowing
    | ("arraystore" | "arraywrite" | "arrayread"), _ -> Some Arraying
    | _ -> Semantics.parse entry.Semantics |> Option.map (fun _ -> Computing)

/// Of 512 functions of three bits a few are enough.
let private isCommon (entry: Entry) =
    not (entry.Mnemonic.Contains "plog_")
    || entry.Mnemonic.EndsWith "6"
    || entry.Mnemonic.EndsWith "80"

/// Operations by version, channel and kind.
let private offers =
    lazy
        (let entries =
            Table.specification.ByName.Values
            |> Seq.distinct
            |> Seq.filter isCommon
            |> Seq.choose (fun entry -> kindOf entry |> Option.map (fun kind -> entry, kind))
            |> Array.ofSeq

         Map.ofList [
             for version in 2..6 do
                 for channel in 0..5 do
                     for kind in [ Computing; Loading; Storing; Tagging; Knowing; Arraying ] do
                         (version, channel, kind),
                         entries
                         |> Array.filter (fun (entry, found) ->
                             found = kind && Table.isLegal version channel entry)
                         |> Array.map fst
         ])

let internal chance (random: Random) (percent: int) = random.Next 100 < percent
let internal pick (random: Random) (some: 'a[]) = some[random.Next some.Length]

let private kind (random: Random) =
    match random.Next 100 with
    | share when share < 72 -> Computing
    | share when share < 82 -> Loading
    | share when share < 91 -> Storing
    | share when share < 96 -> Tagging
    | share when share < 98 -> Knowing
    | _ -> Arraying

let private registerOf (random: Random) room width =
    let even number =
        if width = Quad || width = Packed then
            number &&& ~~~1
        else
            number

    match random.Next 10 with
    | 0
    | 1 ->
        let free = lastFreeGlobal - firstFreeGlobal + 1
        Register(width, Global, even (firstFreeGlobal + random.Next free))
    | 2
    | 3 when room.Based > 0 -> Register(width, Based, even (random.Next room.Based))
    | _ -> Register(width, Window, even (random.Next room.Window))

let private number (random: Random) : int64 =
    match random.Next 6 with
    | 0 -> int64 (random.Next 16)
    | 1 -> int64 (random.Next()) - 0x40000000L
    | 2 -> random.NextInt64()
    | 3 -> -1L
    | 4 -> 1L <<< random.Next 63
    | _ -> int64 (random.Next 256)

let private literal (random: Random) =
    let value = number random

    match random.Next 3 with
    | 0 -> Literal(Bits16, None, Operation.constant (value &&& 0xffffL))
    | 1 -> Literal(Bits32, None, Operation.constant (value &&& 0xffffffffL))
    | _ -> Literal(Bits64, None, Operation.constant value)

let private first (random: Random) room width =
    if chance random 12 && width <> Packed && width <> Quad then
        Number(Operation.constant (int64 (random.Next 32)))
    else
        registerOf random room width

let private second (random: Random) room width =
    match random.Next 10 with
    | 0 when width <> Packed && width <> Quad -> literal random
    | 1
    | 2 when width <> Packed && width <> Quad -> Number(Operation.constant (int64 (random.Next 16)))
    | _ -> registerOf random room width

let private predicate (random: Random) = Named(false, $"pred{random.Next predicatesMax}")

let internal condition (random: Random) : Condition =
    let negated = chance random 50

    if chance random 8 then
        { Negated = negated; Name = $"pcnt{random.Next 32}" }
    else
        { Negated = negated; Name = $"pred{random.Next predicatesMax}" }

/// Places around a pointer: %g0 into the middle of a page, %g1 to the end of the last one.
let private address (random: Random) =
    if chance random 85 then
        let offset = int64 (random.Next 256) - 128L
        let aligned = if chance random 75 then offset &&& ~~~15L else offset

        [
            Register(Double, Global, 0)
            Literal(Bits32, None, Operation.constant (aligned &&& 0xffffffffL))
        ]
    else
        let offset = -(int64 (random.Next 40))

        [
            Register(Double, Global, 1)
            Literal(Bits32, None, Operation.constant (offset &&& 0xffffffffL))
        ]

let private anyAddress (random: Random) room = [
    registerOf random room Double
    second random room Double
]

/// State registers that programs may read and write, but those with a meaning of their own.
let private stateNames = [| "pfpfr"; "fpcr"; "fpsr"; "lsr" |]

let private arguments (random: Random) room (entry: Entry) speculative : Argument list =
    let width index =
        List.tryItem index entry.Widths |> Option.flatten |> Option.defaultValue Single

    let byte () =
        Number(
            Operation.constant (
                int64 (if chance random 70 then random.Next 18 else random.Next 256)
            )
        )

    let target index = registerOf random room (width index)

    match entry.Form with
    | TwoSources -> [ first random room (width 0); second random room (width 1); target 2 ]
    | OneSource -> [ second random room (width 0); target 1 ]
    | ThreeSources -> [
        first random room (width 0)
        second random room (width 1)
        registerOf random room (width 2)
        target 3
      ]
    | TwoAndByte -> [ first random room (width 0); second random room (width 1); byte (); target 2 ]
    | OneAndByte -> [ second random room (width 0); byte (); target 1 ]
    | Comparison -> [ first random room (width 0); second random room (width 1); predicate random ]
    | Test -> [ second random room (width 0); predicate random ]
    | Merge -> [
        first random room (width 0)
        second random room (width 1)
        target 2
        predicate random
      ]
    | MergeAndThen -> [
        first random room (width 0)
        second random room (width 1)
        registerOf random room (width 2)
        target 3
        predicate random
      ]
    | Load when speculative && chance random 30 -> anyAddress random room @ [ target 2 ]
    | Load -> address random @ [ target 2 ]
    | Store -> address random @ [ registerOf random room (width 2) ]
    | ArrayStore -> [
        registerOf random room (width 0)
        Named(false, $"aad{random.Next 4}")
        Address(Named(false, $"aasti{random.Next 4}"), None)
      ]
    | ArrayRead -> [
        Named(false, pick random [| "aad1"; "aaind2"; "aaincr3"; "aasti1" |])
        target 1
      ]
    | ArrayWrite -> [
        registerOf random room (width 0)
        Named(false, pick random [| "aaind2"; "aaincr7"; "aasti9" |])
      ]
    | StateRead -> [ Named(false, pick random stateNames); target 1 ]
    | StateWrite -> [
        Number(Operation.constant (int64 (random.Next 16)))
        Named(false, pick random stateNames[1..2])
      ]
    | ArrayLoad
    | Jump
    | JumpCall -> []

/// One operation of a channel.
let private operation (random: Random) room channel : Operation option =
    let offered =
        match offers.Value[(room.Version, channel, kind random)] with
        | [||] -> offers.Value[(room.Version, channel, Computing)]
        | some -> some

    if offered.Length = 0 then
        None
    else
        let entry = pick random offered
        let isArray = kindOf entry = Some Arraying
        let speculative = not isArray && chance random (if room.Tags then 45 else 10)

        Some {
            Name = entry.Mnemonic
            Channel = Some channel
            Speculative = speculative
            Arguments = arguments random room entry speculative
            Settings =
                if (entry.Form = Load || entry.Form = Store) && chance random 3 then
                    [ "mas", Operation.constant (int64 (3 + random.Next 2)) ]
                else
                    []
            Guard =
                if chance random 25 && entry.Form <> Merge && entry.Form <> MergeAndThen then
                    [ condition random ]
                else
                    []
        }

let private local negated index = Named(negated, $"@p{index}")

/// Predicates combined and written.
let private logic (random: Random) : Operation list =
    let pass from into = { Operation.named "pass" with Arguments = [ from; into ] }

    let name = pick random [| "andp"; "landp"; "landp"; "andp" |]

    [
        pass (predicate random) (local false 0)
        pass (predicate random) (local false 1)
        {
            Operation.named name with
                Arguments = [
                    local (chance random 50) 0
                    local (chance random 50) 1
                    local false 4
                ]
        }
        pass (local false 4) (predicate random)
    ]

let private setting name (pairs: (string * int) list) = {
    Operation.named name with
        Settings = pairs |> List.map (fun (key, value) -> key, Operation.constant (int64 value))
}

/// Rotation, and the loop's counters.
let private turning (random: Random) : Operation list = [
    if chance random 60 then
        setting "abn" [ "abnf", random.Next 2; "abnt", random.Next 2 ]
    if chance random 40 then
        setting "abp" [ "abpf", random.Next 2; "abpt", random.Next 2 ]
    if chance random 30 then
        setting "alc" [ "alcf", random.Next 2; "alct", random.Next 2 ]
]

/// The words of operations, where they can stand together.
let encode version (operations: Operation list) : uint32[] option =
    let setting: ControlWords.Setting = {
        Table = Table.specification
        Version = version
        Resolve = fun value -> value.Offset
        Here = 0L
    }

    match Encoder.encode setting operations with
    | Ok words ->
        match Planner.plan Table.specification version words with
        | Ok _ -> Some words
        | Error _ -> None
    | Error _ -> None

/// The operations that fit beside those there are, one after the other.
let private fitting version (wanted: Operation list list) =
    ([], wanted)
    ||> List.fold (fun sofar more ->
        match encode version (sofar @ more) with
        | Some _ -> sofar @ more
        | None -> sofar)

/// A wide instruction around operations that must be in it.
let draw (random: Random) room (given: Operation list) : Operation list =
    let channels = [ 0..5 ] |> List.filter (fun _ -> chance random 55)

    let wanted = [
        yield given

        for channel in channels do
            yield operation random room channel |> Option.toList

        if chance random 12 then
            yield logic random

        if chance random 12 then
            yield turning random

        if chance random 5 then
            yield [ Operation.named "loop_mode" ]
    ]

    fitting room.Version wanted
