/// The legacy profiles predict what old QEMUs really did (BLK-PERM-060, BLK-REOPEN-030 and
/// their kin).
module Ashlar.Conformance.Tests.TracesTests

open System.IO
open Expecto
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Tidy

let private trace name = Path.Combine(Repository.root, "conformance", "corpus", "traces", name)

/// Every outcome, ro flag and descriptor of the trace, and at least so many texts.
let private predicts (profile: Profile) name steps textsMin =
    test $"{profile.Name} predicts {name}" {
        match Traces.replayFile profile (trace name) with
        | Error wrong -> failtest wrong
        | Ok report ->
            let first = report.Mismatches |> List.truncate 3
            Expect.isTrue (Traces.agrees report) $"{Traces.summary report}, first: %A{first}"
            Expect.equal report.Outcomes.Compared steps "Steps in the trace"
            Expect.isGreaterThanOrEqual report.Texts.Agreed textsMin $"Texts, first: %A{first}"
    }

let tests =
    testList "traces" [
        predicts Profile.qemu31 "qemu-3.1.0.jsonl" 4800 2134
        predicts Profile.qemuSeed "qemu-e35bdc123a.jsonl" 1800 830
    ]
