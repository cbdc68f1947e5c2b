/// `--accept FILE`: what is declared is counted and told, what is not stays a disagreement.
module Ashlar.Conformance.Tests.Cli.AcceptTests

open System.IO
open System.Text
open System.Text.Json
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests.Cli.Driving
open Ashlar.Conformance.Tests.Tidy

let private utf8 (text: string) = Encoding.UTF8.GetBytes text

let private parse (text: string) =
    AcceptanceParser.parse
        (List.ofArray CommandKind.names)
        (fun id -> (Requirements.find id).IsSome)
        text

let private entry (id: string) (differs: string) (expected: string) (actual: string) =
    $"accept {id}\n  requirement BLK-OPEN-001\n  reason It is so.\n  command blockdev-add\n"
    + $"  differs {differs}\n  expected {expected}\n  actual {actual}\n"

let private list (entries: string list) =
    AcceptanceParser.magic + "\n\n# reviewed\n" + String.concat "\n" entries

let private full = entry "A-1" "text" "GenericError: a*" "GenericError: b*"

let private malformed = [
    "no first line", full, 1, "begins with the line"
    "nothing declared", list [], 1, "declares nothing"
    "an id twice", list [ full; full ], 12, "'A-1' is declared twice"
    "no id", list [ "accept" ], 4, "accept ID"
    "a field before any entry", list [ "reason x" ], 4, "stands before"
    "a field twice", list [ full + "  differs text\n" ], 11, "stands twice"
    "a field that says nothing", list [ full.Replace("It is so.", "") ], 6, "says nothing"
    "an unknown field", list [ full + "  because x\n" ], 11, "'because' is none of"
    "a missing field", list [ full.Replace("  reason It is so.\n", "") ], 4, "lacks 'reason'"
    "no requirement", list [ full.Replace("BLK-OPEN-001", "NOTHING-1") ], 5, "NOTHING-1"
    "no command", list [ full.Replace("blockdev-add", "blockdev-ad") ], 7, "is no command"
    "a death", list [ entry "A" "broken" "*" "x" ], 8, "'broken' cannot be declared"
    "everything", list [ entry "A" "text" "*" "*" ], 10, "anything would be accepted"
]

let private acceptance (text: string) =
    match parse text with
    | Ok list -> list
    | Error(line, why) -> failtest $"{line}: {why}"

let private difference aspect expected actual = {
    Aspect = aspect
    Expected = expected
    Actual = actual
}

let private lists =
    testList "lists" [
        for name, text, line, says in malformed do
            test $"{name} is refused with its line" {
                match parse text with
                | Ok _ -> failtest "it is taken"
                | Error(at, why) ->
                    Expect.equal at line $"the line of '{why}'"
                    Expect.stringContains why says "the reason"
            }

        test "a declaration covers what fits it and nothing else" {
            let accept = acceptance (list [ full; entry "A-2" "outcome" "ok" "GenericError: *" ])
            let fits = difference Aspect.Text "GenericError: a1" "GenericError: b1"
            let other = difference Aspect.Text "GenericError: a1" "GenericError: c1"
            let edges = difference Aspect.Edges "x" "y"
            let outcome = difference Aspect.Outcome "ok" "GenericError: no"
            let judge command differences = accept.Judge(command, differences)
            Expect.equal (judge "blockdev-add" [ fits ]) (Some [ "A-1" ]) "what fits"
            Expect.equal (judge "blockdev-del" [ fits ]) None "another command"
            Expect.equal (judge "blockdev-add" [ other ]) None "another text"
            Expect.equal (judge "blockdev-add" [ fits; edges ]) None "more than was declared"
            Expect.equal (judge "blockdev-add" []) None "nothing to be seen"
            let follows = judge "blockdev-add" [ edges; outcome ]
            Expect.equal follows (Some [ "A-2" ]) "what follows from the outcome"
        }
    ]

/// A trace of which one text was changed.
let private tampered =
    lazy
        (let root = Repository.root
         let path = Path.Combine(root, "conformance", "corpus", "traces", "qemu-3.1.0.jsonl")
         let text = "Could not open"
         let lines = File.ReadLines path |> Seq.truncate 400 |> Array.ofSeq
         let at = lines |> Array.findIndex (fun line -> line.Contains text)
         lines[at] <- lines[at].Replace("\"desc\": \"", "\"desc\": \"Alas: ")
         at + 1, String.concat "\n" lines)

let private replayTrace (accept: string option) =
    let files = [ "t.jsonl", utf8 (snd tampered.Value) ]
    let arguments = [ "replay-trace"; "t.jsonl"; "--profile"; "qemu-3.1" ]

    match accept with
    | None -> runWith files arguments
    | Some text -> runWith (("a", utf8 text) :: files) (arguments @ [ "--accept"; "a" ])

let private programs =
    testList "program" [
        test "a malformed list is misuse" {
            let files = [ "a", utf8 (list [ full.Replace("text", "tekst") ]); "s", utf8 "" ]

            let commands = [ [ "replay"; "s" ]; [ "run"; "--steps"; "1" ]; [ "replay-trace"; "s" ] ]

            for command in commands do
                runWith files (command @ [ "--accept"; "a" ])
                |> refused "--accept a:8: 'tekst' cannot be declared"
        }

        test "a run tells a declaration that it never used, in every report" {
            Ashlar.Conformance.Tests.Temporary.withDirectory "accept" (fun directory ->
                let at name = Path.Combine(directory, name)
                File.WriteAllText(at "a", list [ full ])

                let ended =
                    run directory [
                        "run"
                        "--lane"
                        "memory"
                        "--seed"
                        "1"
                        "--steps"
                        "200"
                        "--accept"
                        "a"
                        "--json"
                        "j"
                        "--html"
                        "h"
                    ]

                Expect.equal ended.Code 0 $"the exit code; it said: {ended.Errors}"
                Expect.stringContains ended.Out "A-1 (BLK-OPEN-001): never used" "the terminal"
                use json = JsonDocument.Parse(File.ReadAllText(at "j"))
                let told = json.RootElement.GetProperty("declaredDifferences")[0]
                Expect.equal (told.GetProperty("steps").GetInt64()) 0L "the JSON"
                Expect.stringContains (File.ReadAllText(at "h")) "never used" "the page")
        }

        test "a text of a trace that was changed is told, or counted where it is declared" {
            let line = fst tampered.Value
            let plain = replayTrace None
            let says = $"t.jsonl:{line}: text differs"
            Expect.stringContains plain.Out says "the step and the field"

            let declared =
                list [ (entry "T-1" "text" "*" "Alas: *").Replace("blockdev-add", "any") ]

            let accepted = replayTrace (Some declared)
            Expect.isFalse (accepted.Out.Contains says) "declared"
            Expect.stringContains accepted.Out "T-1 (BLK-OPEN-001): 1 steps" "counted"
            Expect.equal accepted.Code 0 "the exit code"
        }
    ]

let tests = testList "accept" [ lists; programs ]
