/// Flat and nested options (BLK-SD-020 to BLK-SD-024): what flattens crumples back, and what
/// contradicts itself is refused with QEMU's texts.
module Ashlar.Conformance.Tests.Storaged.FlatOptionsTests

open Expecto
open FsCheck.FSharp
open Ashlar.Block
open Ashlar.Conformance.Tests.Storaged.OptionTrees

let private crumple (flat: OptionValue) : Result<OptionValue, string> =
    let mutable nested: OptionValue | null = null

    match FlatOptions.Crumple(flat, &nested) with
    | null -> Ok(nonNull nested)
    | error -> Error error.Text

/// Nothing in a flat dictionary has members.
let private isFlat (value: OptionValue) =
    Seq.init value.Count (fun index -> value[index].Count) |> Seq.forall ((=) 0)

let private refusals = [
    [ "a", dict [ "b", num 1 ] ], "Value a is not flat"
    [ "a.b", list [ num 1 ] ], "Value a.b is not flat"
    [ "a", num 1; "a.b", num 2 ], "Cannot mix scalar and non-scalar keys"
    [ "a.b", num 1; "a", num 2 ], "Cannot mix scalar and non-scalar keys"
    [ "a", dict []; "a.b", num 2 ], "Cannot mix scalar and non-scalar keys"
    [ "a.0", num 1; "a.b", num 2 ], "Cannot mix list and non-list keys"
    [ "a.0", num 1; "a.2", num 2 ],
    "List indices are not contiguous, saw 2 elements but 2 largest index"
    [ "a.-1", num 1 ], "List indices are not contiguous, saw 1 elements but -1 largest index"
    [ "a.9223372036854775807", num 1 ],
    "List indices are not contiguous, saw 1 elements but 9223372036854775807 largest index"
    [ "a.+0", num 1 ], "Missing list index 0"
    [ "a.0", num 1; "a.01", num 1 ], "Missing list index 1"
    [ String.replicate 1024 "a." + "a", num 1 ], "Options are nested deeper than 1024 levels"
]

let private crumpled = [
    [], dict []
    [ "a.0", num 1; "a.1", num 2 ], dict [ "a", list [ num 1; num 2 ] ]
    [ "a.1", num 1; "a.0", num 2 ], dict [ "a", list [ num 2; num 1 ] ]
    [ "0", num 1 ], list [ num 1 ]
    [ "a..b", num 1 ], dict [ "a.b", num 1 ]
    [ "a..0.b", num 1 ], dict [ "a.0", dict [ "b", num 1 ] ]
    [ "a.", num 1 ], dict [ "a", dict [ "", num 1 ] ]
    [ "a", list [] ], dict [ "a", list [] ]
    [ "a.9223372036854775808", num 1 ], dict [ "a", dict [ "9223372036854775808", num 1 ] ]
    [ String.replicate 1023 "0." + "0", num 1 ],
    List.fold (fun inner _ -> list [ inner ]) (num 1) [ 1..1024 ]
]

let private rename (options: OptionValue) (pairs: (string * string) list) =
    let mutable renamed: OptionValue = OptionValue.Null
    let pairs = pairs |> List.map (fun (a, b) -> struct (a, b)) |> Array.ofList

    match FlatOptions.Rename(options, pairs, &renamed) with
    | null -> Ok renamed
    | error -> Error error.Text

let private join target source overwrite =
    let mutable rest: OptionValue = OptionValue.Null
    let joined = FlatOptions.Join(target, source, overwrite, &rest)
    show joined, show rest

let tests =
    testList "flat options" [
        property 500 "BLK-SD-021 what flattens crumples back" trees (fun tree ->
            let flat = FlatOptions.Flatten tree
            Expect.isTrue (isFlat flat) (show flat)
            Expect.equal (crumple flat |> Result.map show) (Ok(show tree)) (show flat))

        property 500 "BLK-SD-020 flattening a flat dictionary changes nothing" flats (fun flat ->
            Expect.equal (show (FlatOptions.Flatten flat)) (show flat) "flattened")

        property 2_000 "BLK-SD-021 whatever crumples flattens to as many values" flats (fun flat ->
            match crumple flat with
            | Ok nested when nested.Kind = OptionKind.Dictionary ->
                Expect.equal (FlatOptions.Flatten(nested).Count) flat.Count (show nested)
            | Ok nested -> Expect.equal nested.Kind OptionKind.List (show nested)
            | Error text -> Expect.isNotEmpty text (show flat))

        test "BLK-SD-020 flattening leaves empty dictionaries and lists" {
            let tree = dict [ "file", dict [ "cache", dict []; "aio", list [ str "a"; list [] ] ] ]

            Expect.equal
                (show (FlatOptions.Flatten tree))
                "{file.cache: {}, file.aio.0: \"a\", file.aio.1: []}"
                "flat"
        }

        for number, (flat, text) in List.indexed refusals do
            test $"BLK-SD-021 refusal {number}: {text}" {
                Expect.equal (crumple (dict flat) |> Result.map show) (Error text) "refused"
            }

        for flat, nested in crumpled do
            test $"BLK-SD-021 crumpled to {(show nested).[..60]}" {
                Expect.equal (crumple (dict flat) |> Result.map show) (Ok(show nested)) "nested"
            }

        test "BLK-SD-022 items are split off until a number is missing or ambiguous" {
            let flat =
                dict [
                    "0.b", num 23
                    "2", num 66
                    "1.x", num 0
                    "4.y", num 1
                    "0.a", num 42
                    "o.o", num 7
                ]

            let mutable rest: OptionValue = OptionValue.Null
            let items = FlatOptions.SplitArray(flat, &rest)
            Expect.equal (show items) "[{b: 23, a: 42}, {x: 0}, 66]" "items"
            Expect.equal (show rest) "{4.y: 1, o.o: 7}" "rest"

            let both = dict [ "0", num 1; "1", num 2; "1.x", num 3 ]
            Expect.equal (show (FlatOptions.SplitArray(both, &rest))) "[1]" "items"
            Expect.equal (show rest) "{1: 2, 1.x: 3}" "rest"

            let padded = dict [ "00", num 1; "+0", num 2 ]
            Expect.equal (show (FlatOptions.SplitArray(padded, &rest))) "[]" "items"
        }

        test "BLK-SD-022 an array with something left over is none" {
            let count (flat: (string * OptionValue) list) =
                FlatOptions.CountArray(dict flat, "c.") |> Option.ofNullable

            Expect.equal (count [ "c.0", num 1; "c.1.x", num 2; "d", num 3 ]) (Some 2) "both"
            Expect.equal (count [ "c.0", num 1; "c.2", num 2 ]) None "a gap"
            Expect.equal (count [ "c.0", num 1; "c.x", num 2 ]) None "a name"
            Expect.equal (count [ "c.0", num 1; "c.0.x", num 2 ]) None "both forms"
            Expect.equal (count []) (Some 0) "nothing"
        }

        test "BLK-SD-023 renames go one after the other" {
            let options = dict [ "x", num 1; "z", num 2 ]

            Expect.equal
                (rename options [ "x", "y"; "y", "w" ] |> Result.map show)
                (Ok "{w: 1, z: 2}")
                "twice"

            Expect.equal
                (rename options [ "x", "z" ] |> Result.map show)
                (Error "'z' and its alias 'x' can't be used at the same time")
                "a clash"
        }

        test "BLK-SD-024 a join takes what is free, or everything" {
            let target = dict [ "a", num 1 ]
            let source = dict [ "a", num 2; "b", num 3 ]
            Expect.equal (join target source false) ("{a: 1, b: 3}", "{a: 2}") "free"
            Expect.equal (join target source true) ("{a: 2, b: 3}", "{}") "all"
        }

        test "BLK-SD-024 a default fills a free key only" {
            let target = dict [ "a", num 1 ]
            Expect.equal (show (FlatOptions.WithDefault(target, "a", num 2))) "{a: 1}" "taken"
            Expect.equal (show (FlatOptions.WithDefault(target, "b", num 2))) "{a: 1, b: 2}" "free"
            Expect.equal (show (FlatOptions.WithDefault(target, "b", null))) "{a: 1}" "no value"
        }
    ]
