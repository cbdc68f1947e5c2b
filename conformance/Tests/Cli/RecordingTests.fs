/// Recordings of a server: what is committed agrees with its profile, what was tampered with does
/// not, and what is recorded replays.
module Ashlar.Conformance.Tests.Cli.RecordingTests

open System.IO
open System.Text
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests
open Ashlar.Conformance.Tests.Cli.Driving
open Ashlar.Conformance.Tests.Tidy

let private committed =
    Path.Combine(Repository.root, "conformance", "corpus", "traces", "qemu-7.2.22.jsonl")

/// The first recordings: enough to have seen everything a step can hold.
let private some = lazy (File.ReadLines committed |> Seq.truncate 400 |> List.ofSeq)

/// The recordings with the first such text replaced by another.
let private tampered (from: string) (target: string) =
    let at = some.Value |> List.findIndex _.Contains(from)

    some.Value
    |> List.mapi (fun i line -> if i = at then line.Replace(from, target) else line)

/// Declares the text that `tampered` writes below.
let private declared =
    AcceptanceParser.magic
    + "\naccept T-1\n  requirement BLK-OPEN-001\n  reason It is so.\n  command any\n"
    + "  differs text\n  expected *\n  actual * a node *\n"

let private tampers = [
    "a mode of a node", "\"file\", \"rw\"", "\"file\", \"ro\""
    "an edge's permissions", "\"CR,W,RZ\", \"CR,WU\"", "\"CR\", \"CR,WU\""
    "an outcome",
    "\"reply\": {\"return\": {}}, \"nodes+\"",
    "\"reply\": {\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}, \"nodes+\""
    "a text", "Failed to find node with", "Failed to find a node with"
]

let tests =
    testList "recordings" [
        test "the committed recordings of QEMU 7.2 are as its profile says" {
            match Plan.onThread (fun () -> Replaying.replayFile None Acceptance.None committed) with
            | Error wrong -> failtest wrong
            | Ok report ->
                Expect.isEmpty report.Mismatches (Replaying.summary report)
                Expect.equal report.Episodes 400 "episodes"
                Expect.isGreaterThan report.Steps 10_000 "steps"
        }

        for what, from, target in tampers do
            test $"recordings in which somebody changed {what} disagree" {
                let touched = tampered from target

                match Plan.onThread (fun () -> Replaying.replay None Acceptance.None touched) with
                | Ok report -> Expect.isNonEmpty report.Mismatches "touched"
                // A later step takes away what was there before somebody changed it.
                | Error wrong -> Expect.stringContains wrong "has what was not there" "touched"
            }

        test "recordings without their first line are refused with line and column" {
            match Replaying.replay None Acceptance.None (List.tail some.Value) with
            | Ok _ -> failtest "they are recordings"
            | Error wrong -> Expect.stringStarts wrong "1:1: a recording begins" "where"
        }

        test "a difference that is declared is counted, and the episode goes on behind it" {
            let trace = String.concat "\n" (tampered "Failed to find node" "Failed to find a node")

            let files = [
                "t.jsonl", Encoding.UTF8.GetBytes trace
                "a", Encoding.UTF8.GetBytes declared
            ]

            let plain = runWith files [ "replay-trace"; "t.jsonl" ]
            Expect.equal plain.Code 1 plain.Errors

            let accepted =
                runWith files [
                    "replay-trace"
                    "t.jsonl"
                    "--accept"
                    "a"
                    "--json"
                    "/dev/stdout"
                ]

            Expect.equal accepted.Code 0 (accepted.Out + accepted.Errors)
            Expect.stringContains accepted.Out ", 1 differ as declared" "the summary"
            Expect.stringContains accepted.Out "T-1 (BLK-OPEN-001): 1 steps" "the declaration"
            Expect.stringContains accepted.Out "\"scriptsEndedByDeclared\": 0" "the JSON"
            let steps (ended: Ended) = (lineAfter "steps " ended).Split([| '/'; ' ' |])[1] |> int
            Expect.isGreaterThan (steps accepted) (steps plain) "steps compared"
        }

        test "an outcome that is declared ends its episode" {
            let refusal = "\"reply\": {\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}}"
            let touched = tampered "\"reply\": {\"return\": {}}" refusal

            let list =
                declared.Replace("differs text", "differs outcome").Replace("* a node *", "*: no")

            let accept =
                match AcceptanceParser.parse [] (fun _ -> true) list with
                | Ok accept -> accept
                | Error(line, why) -> failtest $"{line}: {why}"

            match Plan.onThread (fun () -> Replaying.replay None accept touched) with
            | Error wrong -> failtest wrong
            | Ok report ->
                Expect.isEmpty report.Mismatches (Replaying.summary report)
                Expect.equal report.Coverage.EndedDeclared 1L "episodes that ended"
        }

        test "what is recorded replays" {
            Needs.program ServerKind.qemuProgram "qemu-system-common"
            Needs.program "setpriv" "util-linux"

            Temporary.withDirectory "record" (fun directory ->
                let line = [ "run"; "--lane"; "qemu"; "--seed"; "2"; "--script"; "1" ]
                let ended = run directory (line @ [ "--record"; "traces" ])
                Expect.equal ended.Code 0 (ended.Out + ended.Errors)
                let replayed = run directory [ "replay-trace"; "traces/qemu-2.jsonl" ]
                Expect.equal replayed.Code 0 (replayed.Out + replayed.Errors)
                Expect.stringContains replayed.Out " in 1 episodes" "the summary")
        }

        test "only servers are recorded" {
            runWith [] [ "run"; "--lane"; "memory"; "--record"; "." ]
            |> refused "--record keeps what QMP servers do"
        }
    ]
