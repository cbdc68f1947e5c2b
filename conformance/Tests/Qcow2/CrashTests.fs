/// The lane crash in small: a loss of power leaves leaks at most, and what was flushed
/// (BLK-DATA-013, BLK-DATA-022).
module internal Ashlar.Conformance.Tests.Qcow2.CrashTests

open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Crash
open Ashlar.Conformance.Tests.Generators

let private judged = 3_000L
let private workers = 2

let private lane =
    test "a crash at any moment leaves a sound image and all that was flushed (BLK-DATA-022)" {
        let budget = Budget.Steps judged
        let tally, found, _ = Crashes.run (Progress()) Replay.seed None budget workers
        Expect.isGreaterThanOrEqual tally.Crashes judged "crashes"
        Expect.isGreaterThan tally.Flushes 0L "flushes"

        match found with
        | [] -> ()
        | first :: _ ->
            let line = $"run --lane crash --seed {Replay.seed} --script {first.Number}"
            failtest (String.concat "\n" (first.Finding.Lines @ [ line ]))
    }

/// A disk that says that it flushed, and did not, damages images; a bench that does not see it
/// sees nothing.
let private liar =
    test "a disk whose flushes cover nothing is found out (BLK-DATA-022)" {
        let kinds =
            seq { 0L .. 30L }
            |> Seq.choose (fun number ->
                let struct (_, finding) = Crashes.check false (Crashes.numbered 1UL number)
                finding |> Option.map _.Kind)
            |> Seq.distinct
            |> Seq.truncate 2
            |> List.ofSeq

        Expect.hasLength kinds 2 "kinds of damage"
    }

let private text =
    test "a workload is what its text says" {
        for number in 0L .. 50L do
            let workload = Crashes.numbered 7UL number
            let text = WorkloadText.print [ "a remark" ] workload
            Expect.isTrue (WorkloadText.isWorkload text) "the title"
            Expect.equal (WorkloadText.parse text) (Ok workload) "the workload"

        let wrong = WorkloadText.print [] (Crashes.numbered 7UL 0L) + "frob 1 2\n"
        Expect.isError (WorkloadText.parse wrong) "a line that is no step"
    }

let tests = testList "crashes" [ lane; liar; text ]
