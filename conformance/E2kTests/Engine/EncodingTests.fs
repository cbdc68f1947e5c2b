/// The engine's assembler and disassembler of wide instructions: the rows of the vectors, and the
/// reference on rows that were mangled. Requirements: spec/e2k/encoding.md, literals.md,
/// predicates.md, operands.md and operations.md.
module Ashlar.Conformance.Tests.E2k.Engine.EncodingTests

open System
open Expecto
open Ashlar.Conformance.E2k
open Ashlar.Conformance.E2k.EncodingVectors
open Ashlar.Conformance.Tests.Generators
open Ashlar.Conformance.Tests.E2k

let private rows = lazy (Array.ofList EncodingTests.rows.Value)

let private failureOf (failure: Failure) =
    $"{failure.Row.Source}: {failure.Direction}: {failure.Found}"

/// A seed for each test, so that one can be run again alone.
let private randomFor (name: string) =
    let mix = (Replay.seed, name) ||> Seq.fold (fun sum letter -> sum * 31UL + uint64 letter)
    Random(int (mix &&& 0x7fffffffUL))

let private oneOf (random: Random) (all: 'a[]) = all[random.Next all.Length]

/// What a hand might have put in the place of a part of a text.
let private parts = [|
    ""
    " "
    ","
    ";"
    "?"
    "~"
    "%"
    "%pred0"
    "~%pred31"
    "%pcnt7"
    "%r0"
    "%r64"
    "%b[127]"
    "%b[128]"
    "%b[0x10 - 1]"
    "%qr2"
    "%dg31"
    "%g32"
    "%0xd5"
    "%empty"
    "%ctpr3"
    "%aad31"
    "[ %aasti15 ]"
    "[ 7 + %r1 ]"
    "[ %r1 + label ]"
    "label"
    ".+0x40"
    "0"
    "15"
    "16"
    "31"
    "32"
    "-1"
    "(1 << 37) | 3"
    "2 * (3 + ~4)"
    "1 / 0"
    "0xffffffffffffffff"
    "_f16s 0x8000"
    "_f16s,_lts1hi 0x12345"
    "_f32s 0x12345678"
    "_f32s,_lts3 label"
    "_f64 0x123456789abcdef0"
    "_f64,_lts3 1"
    "mas = 0x3f"
    "wbs = 5"
    "be=1"
    "ind = label"
    "? %pred3"
    "? %pred3, ~%pcnt4"
    "? %pred3 && %NOT_LOOP_END"
    "? %MLOCK || %dt_al0"
    "nop 9"
    "; nop 3"
    "; ipd 0"
    "; flushts"
    "; ct %ctpr1"
    "; ibranch .+8 ? %pred1"
    "; incr,2 %aaincr3"
    "; setwd wsz = 8"
    "; wait sal = 1"
    "; pass %pred1, @p0"
    "; landp @p0, ~@p1, @p4"
    "; pass @p4, %pred9"
    "; movaq,0 area = 3, %qr4"
|]

/// Where a text can be cut: at a blank, comma or semicolon.
let private cuts (text: string) = [|
    0
    for index in 1 .. text.Length - 1 do
        if " ,;".Contains text[index] then
            index
    text.Length
|]

/// A text with a part of it changed, left out, said twice, or another's added.
let private mangle (random: Random) (text: string) =
    let places = cuts text
    let first, second = oneOf random places, oneOf random places
    let start, finish = min first second, max first second
    let before, inside, behind = text[.. start - 1], text[start .. finish - 1], text[finish..]

    match random.Next 10 with
    | 0 -> before + behind
    | 1 -> before + inside + inside + behind
    | 2 -> before + " " + oneOf random parts + behind
    | 3 -> before + oneOf random parts + inside + behind
    | 4 -> text + " ; " + (oneOf random rows.Value).Source
    | 5 ->
        let other = (oneOf random rows.Value).Source
        let cut = oneOf random (cuts other)
        before + other[cut..]
    | 6 when text <> "" ->
        let index = random.Next text.Length
        let one = "abdfghqrs%~@[]"[random.Next 14]
        text[.. index - 1] + string one + text[index + 1 ..]
    | _ ->
        // Another digit is more often another register, channel or number than nonsense.
        let digits = [|
            for index in 0 .. text.Length - 1 do
                if Char.IsAsciiDigit text[index] then
                    index
        |]

        if digits.Length = 0 then
            text
        else
            let index = oneOf random digits
            text[.. index - 1] + string (random.Next 10) + text[index + 1 ..]

/// Words with some bits changed, a word of another row, or one left out.
let private mangleWords (random: Random) (words: uint32[]) =
    let words = Array.copy words
    let index = random.Next words.Length

    match random.Next 5 with
    | 0 -> words[index] <- words[index] ^^^ (1u <<< random.Next 32)
    | 1 ->
        for _ in 0 .. random.Next 4 do
            let index = random.Next words.Length
            words[index] <- words[index] ^^^ (1u <<< random.Next 32)
    | 2 -> words[index] <- oneOf random (oneOf random rows.Value).Words
    | 3 -> words[index] <- uint32 (random.NextInt64())
    | _ -> words[words.Length - 1] <- uint32 (random.NextInt64())

    if random.Next 10 = 0 then words[.. index - 1] else words

let private versionFor (random: Random) (row: Row) =
    if random.Next 4 = 0 then random.Next(2, 8) else row.Version

/// How many of the draws were not refused, and the first differences.
let private compare name draws (one: Random -> Row -> string option * bool) =
    let random = randomFor name
    let results = [ for _ in 1..draws -> one random (oneOf random rows.Value) ]
    let differences = results |> List.choose fst

    if not differences.IsEmpty then
        let some = differences |> List.truncate 20 |> String.concat "\n"
        failtest $"{differences.Length} of {draws} differ\n{some}\n{Replay.line name}"

    let accepted = results |> List.filter snd |> List.length
    // Draws of which none is taken, or all are, say nothing of the other half.
    Expect.isGreaterThan accepted (draws / 10) "many are taken"
    Expect.isLessThan accepted (draws * 9 / 10) "many are refused"

let private draws = 20_000

let private rule (rule: string) (text: string) =
    test $"{rule} refuses {text}" {
        match EngineEncodings.assemble 6 false text with
        | Ok words -> failtest $"assembled to {words.Length} words"
        | Error refusal -> Expect.equal refusal.Rule rule "the rule"

        Expect.equal (EngineEncodings.textDifference 6 text) None "as the reference"
    }

let tests =
    testList "engine's encodings" [
        test "rows agree both ways" {
            let failures =
                rows.Value |> Seq.collect EngineEncodings.check |> Seq.map failureOf |> List.ofSeq

            Expect.isGreaterThan rows.Value.Length 2000 "the embedded vectors"
            Expect.isEmpty failures "E2K-TXT-001, E2K-ENC-001, E2K-OPS-002, E2K-LIT-004"
        }

        let texts = "mangled texts give what the reference gives"

        test texts {
            compare texts draws (fun random row ->
                let mutable text = row.Source

                for _ in 0 .. random.Next 2 do
                    text <- mangle random text

                let version = versionFor random row

                EngineEncodings.textDifference version text,
                (EngineEncodings.assemble version false text).IsOk)
        }

        let words = "mangled words give what the reference gives"

        test words {
            compare words draws (fun random row ->
                let words = mangleWords random row.Words
                let version = versionFor random row

                EngineEncodings.wordsDifference version words,
                (EngineEncodings.disassemble version false words).IsOk)
        }

        let settled = "what is assembled is taken apart to the same words"

        test settled {
            let random = randomFor settled

            let failures = [
                for _ in 1..draws do
                    let row = oneOf random rows.Value
                    let text = mangle random row.Source
                    let version = row.Version

                    match EngineEncodings.assemble version false text with
                    | Error _ -> ()
                    | Ok words ->
                        let again =
                            EngineEncodings.disassemble version false words
                            |> Result.map (fun text -> if text = "(empty)" then "" else text)
                            |> Result.bind (EngineEncodings.assemble version false)

                        if again <> Ok words then
                            let hex (words: uint32[]) =
                                words |> Array.map (fun word -> $"{word:x8}") |> String.concat " "

                            let found =
                                match again with
                                | Ok again -> hex again
                                | Error refusal -> $"refused by {refusal.Rule}"

                            $"version {version}: {text}: {found}, not {hex words}"
            ]

            if not failures.IsEmpty then
                let some = failures |> List.truncate 20 |> String.concat "\n"
                failtest $"E2K-TXT-001: {failures.Length}\n{some}\n{Replay.line settled}"
        }

        rule "E2K-ENC-001" "nop 8"
        rule "E2K-SS-003" "flushts ; alc alcf=1, alct=0"
        rule "E2K-SS-005" "ct %ctpr1 ; ibranch . ? %pred1"
        rule "E2K-SS-005" "ct %ctpr1 ; ibranchd,0 %dr19, %dr35"
        rule "E2K-CS-001" "hcall wbs = 0x3c"
        rule "E2K-CS-002" "setei label"
        rule "E2K-TXT-003" "setwd wsz = label"
        rule "E2K-TXT-004" "addd,0 ~%r1, %r2, %r3"
        rule "E2K-TXT-004" "addd,0 %b[128], %r2, %r3"
        rule "E2K-TXT-006" "addd,0 %r1, 1 / 0, %r3"
        rule "E2K-REG-009" "addd,2 %r1, %r2, %r3 ; incr,2 %aaincr3"
        rule "E2K-OPS-005" "movtrq,0 %qr0, %qg31"
        rule "E2K-PLS-001" "pass %pred1, @p0 ; pass %pred2, @p0"
        rule "E2K-AAS-001" "movab,1 area = 1, %r1 ; movab,1 area = 2, %r2"
        rule "E2K-OPS-001" "icalld wbs = 0x2a, %dg29, %dg27"
        rule "E2K-LIT-001" "addd,0 %r1, _f16s,_lts4 1, %r3"
        rule "E2K-LIT-004" "addd,0 %r1, _f64 1, %r3 ; addd,1 %r1, _f64 2, %r3 ; addd,3 %r1, 99, %r4"
    ]
