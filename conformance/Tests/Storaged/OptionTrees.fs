/// Random trees of options, and the small words the tests of options are written with.
module Ashlar.Conformance.Tests.Storaged.OptionTrees

open Expecto
open FsCheck
open FsCheck.FSharp
open Ashlar.Block
open Ashlar.Conformance.Tests.Generators

let private gamma = 0x9E3779B97F4A7C15UL

/// A property of so many draws, the same ones on every run.
let property (draws: int) (name: string) (gen: Gen<'a>) (holds: 'a -> unit) : Test =
    let config = {
        FsCheckConfig.defaultConfig with
            maxTest = draws
            replay = Some(Replay.seed, gamma, None)
    }

    testPropertyWithConfig config name (Prop.forAll (Arb.fromGen gen) holds)

let str (text: string) : OptionValue = OptionValue.Of text
let num (number: int) : OptionValue = OptionValue.Of(int64 number)
let list (items: OptionValue list) : OptionValue = OptionValue.List(Array.ofList items)

let dict (pairs: (string * OptionValue) list) : OptionValue =
    OptionValue.Dictionary(Array.ofList (List.map fst pairs), Array.ofList (List.map snd pairs))

/// A value as text, for messages and for comparing.
let rec show (value: OptionValue) : string =
    let items shown = Seq.init value.Count shown |> String.concat ", "

    match value.Kind with
    | OptionKind.List -> "[" + items (fun index -> show value[index]) + "]"
    | OptionKind.Dictionary ->
        "{" + items (fun index -> $"{value.KeyAt index}: {show value[index]}") + "}"
    | OptionKind.String -> $"\"{value.AsString}\""
    | OptionKind.Integer -> string value.AsInteger
    | OptionKind.Boolean -> string value.AsBoolean
    | _ -> "null"

let private scalar =
    Gen.oneof [
        Gen.elements [ OptionValue.True; OptionValue.False; OptionValue.Null ]
        Gen.choose (-3, 3) |> Gen.map num
        Gen.elements [ ""; "on"; "a,b"; "4096" ] |> Gen.map str
    ]

/// Keys a tree may have so that flattening loses nothing: no points, no numbers, not empty.
let private names = [ "driver"; "file"; "cache"; "a"; "b-c"; "d_e"; "0x" ]

let rec private tree depth =
    if depth = 0 then
        scalar
    else
        Gen.frequency [
            3, scalar
            2, dictionary depth
            1, Gen.resize 3 (Gen.listOf (tree (depth - 1))) |> Gen.map list
        ]

and private dictionary depth =
    gen {
        let! keys = Gen.subListOf names
        let! values = Gen.listOfLength keys.Length (tree (depth - 1))
        return dict (List.zip keys values)
    }

/// Trees that flatten and crumple back.
let trees: Gen<OptionValue> = dictionary 4

/// Flat dictionaries of keys that may contradict each other in any way.
let flats: Gen<OptionValue> =
    let fragment = Gen.elements [ "a"; "b"; "0"; "1"; "+1"; "01"; "-1"; "2"; "" ]

    let key =
        Gen.choose (1, 3)
        |> Gen.bind (fun count -> Gen.listOfLength count fragment)
        |> Gen.map (String.concat ".")

    gen {
        let! keys = Gen.resize 6 (Gen.listOf key)
        let keys = List.distinct keys
        let! values = Gen.listOfLength keys.Length scalar
        return dict (List.zip keys values)
    }

/// Texts made of what the parser looks at.
let keyvalTexts: Gen<string> =
    let piece =
        Gen.elements [ "a"; "b"; "="; ","; "."; "0"; "1"; "9999999999"; "_"; "__x_"; "?"; "help" ]

    Gen.resize 14 (Gen.listOf piece) |> Gen.map (String.concat "")
