/// JSON as values and back, and what is said of what is none (BLK-QMP-003).
module Ashlar.Conformance.Tests.Qmp.JsonTests

open System
open System.Buffers
open System.Text
open System.Text.Json
open Expecto
open FsCheck
open FsCheck.FSharp
open Ashlar.Block
open Ashlar.Conformance.Tests
open Ashlar.Qmp

let private textOf (value: OptionValue) =
    let buffer = ArrayBufferWriter<byte>()
    use writer = new Utf8JsonWriter(buffer)
    JsonCodec.Write(writer, value)
    writer.Flush()
    buffer.WrittenSpan.ToArray()

let private parse (text: byte[]) : Result<OptionValue, string> =
    let mutable value: OptionValue | null = null
    let reason: string | null = JsonCodec.TryParse(ReadOnlySpan text, &value)

    match reason with
    | null ->
        match value with
        | null -> Error "neither value nor reason"
        | read -> Ok read
    | reason -> Error reason

/// Any value that JSON can say. A string is any sequence of characters, not of half ones.
let private values =
    let strings =
        Gen.elements [ 'a'; '"'; '\\'; '\n'; '\u0000'; '\u007f'; 'ä'; '\u2028'; '<'; '\'' ]
        |> Gen.listOf
        |> Gen.map (fun chars -> String(Array.ofList chars) + "\U0001F600")

    let scalars =
        Gen.oneof [
            Gen.constant OptionValue.Null
            Gen.map (fun (b: bool) -> OptionValue.Of b) (Gen.elements [ true; false ])
            Gen.map
                (fun (n: int64) -> OptionValue.Of n)
                (Gen.oneof [
                    Gen.elements [ Int64.MinValue; -1L; 0L; Int64.MaxValue ]
                    ArbMap.defaults |> ArbMap.generate<int64>
                ])
            Gen.map
                (fun (n: uint64) -> OptionValue.Of n)
                (Gen.elements [ 9223372036854775808UL; UInt64.MaxValue ])
            Gen.map (fun (n: float) -> OptionValue.Of n) (Gen.elements [ 0.5; -1e-300; 1.7e308 ])
            Gen.map (fun (s: string) -> OptionValue.Of s) strings
        ]

    let rec tree depth =
        if depth = 0 then
            scalars
        else
            Gen.frequency [
                3, scalars
                1, Gen.map (fun items -> OptionValue.List items) (Gen.arrayOf (tree (depth - 1)))
                1,
                Gen.map
                    (fun (pairs: (string * OptionValue) list) ->
                        let distinct = List.distinctBy fst pairs

                        OptionValue.Dictionary(
                            [| for key, _ in distinct -> key |],
                            [| for _, value in distinct -> value |]
                        ))
                    (Gen.listOf (Gen.zip strings (tree (depth - 1))))
            ]

    Gen.resize 8 (tree 3)

/// Texts that are no JSON, with QEMU's reason.
let private faults = [
    """{"a":}""", "expecting value"
    """{"a" 5}""", "missing : in object pair"
    """{"a"}""", "missing : in object pair"
    "xyz", "invalid keyword 'xyz'"
    "tru ", "invalid keyword 'tru'"
    """{"id":truefalse}""", "invalid keyword 'truefalse'"
    "[1,]", "expecting value"
    "[1 2]", "expected separator in list"
    """{"a":1,}""", "expecting value"
    """{"a":1 "b":2}""", "expected separator in dict"
    """{"a":1,"a":2}""", "duplicate key"
    "{5:1}", "key is not a string in object"
    "{,}", "expecting value"
    "}", "expecting value"
    "]", "expecting value"
    ",", "expecting value"
    """{"id":01}""", "stray '01'"
    """{"id":-}""", "stray '-}'"
    """{"id":1.}""", "stray '1.}'"
    """{"id":1e}""", "stray '1e}'"
    """{"id":%d}""", "stray '%'"
    """{"x":"\q"}""", "invalid escape sequence in string"
    """{"x":"\u12"}""", "\\u12\" is not a valid Unicode character"
    """{"x":"\ud800"}""", "\\ud800 is not a valid Unicode character"
    "{\"id\":\"\t\"}", "stray '\"\t'"
    "\u0000", "stray ''"
]

let private shown (text: string) = text.Replace("\u0000", "NUL").Replace("\t", "TAB")

/// The first thing a server says of a text.
let private firstRefusal (text: string) =
    let lines = SessionTests.negotiated (text + "\n")
    RealDaemon.repliesOf lines |> List.head |> RealDaemon.refusal

let tests =
    testList "json" [
        testProperty "a value written and read is the value (BLK-QMP-003)"
        <| Prop.forAll (Arb.fromGen values) (fun value ->
            match parse (textOf value) with
            | Ok read -> value.Equals read
            | Error _ -> false)

        test "numbers keep their kind (BLK-QMP-003)" {
            for text, kind in
                [
                    "9223372036854775807", OptionKind.Integer
                    "-9223372036854775808", OptionKind.Integer
                    "-0", OptionKind.Integer
                    "9223372036854775808", OptionKind.Unsigned
                    "18446744073709551616", OptionKind.Number
                    "1.5", OptionKind.Number
                    "1e3", OptionKind.Number
                ] do
                match parse (Encoding.UTF8.GetBytes text) with
                | Ok value -> Expect.equal value.Kind kind text
                | Error reason -> failtest $"{text}: {reason}"
        }

        for text, reason in faults do
            test $"no JSON: {shown text} (BLK-QMP-003)" {
                Expect.equal
                    (firstRefusal text)
                    $"GenericError: JSON parse error, {reason}"
                    "the first refusal"
            }

        for text, _ in faults do
            test $"QEMU says the same of {shown text} (BLK-QMP-003)" {
                let replies =
                    RealDaemon.replies (IO.Path.GetTempPath()) (Encoding.UTF8.GetBytes text)

                Expect.equal
                    (firstRefusal text)
                    (RealDaemon.refusal (List.head replies))
                    "the first refusal"
            }
    ]
