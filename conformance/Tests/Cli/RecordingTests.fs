/// Recordings of a server: what is committed agrees with its profile, what was tampered with does
/// not, and what is recorded replays.
module Ashlar.Conformance.Tests.Cli.RecordingTests

open System.IO
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
            match Plan.onThread (fun () -> Replaying.replayFile None committed) with
            | Error wrong -> failtest wrong
            | Ok report ->
                Expect.isEmpty report.Mismatches (Replaying.summary report)
                Expect.equal report.Episodes 400 "episodes"
                Expect.isGreaterThan report.Steps 10_000 "steps"
        }

        for what, from, target in tampers do
            test $"recordings in which somebody changed {what} disagree" {
                let touched = tampered from target

                match Plan.onThread (fun () -> Replaying.replay None touched) with
                | Ok report -> Expect.isNonEmpty report.Mismatches "touched"
                // A later step takes away what was there before somebody changed it.
                | Error wrong -> Expect.stringContains wrong "has what was not there" "touched"
            }

        test "recordings without their first line are refused with line and column" {
            match Replaying.replay None (List.tail some.Value) with
            | Ok _ -> failtest "they are recordings"
            | Error wrong -> Expect.stringStarts wrong "1:1: a recording begins" "where"
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
