/// What `explain` and a finding show of the oracle's reasons can be read: the deciding refusal is
/// marked, lines fit a terminal, lock bytes have numbers, and what is left open is no difference.
module Ashlar.Conformance.Tests.DerivationTests

open System.IO
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests.Tidy
open Ashlar.Reference.Block

let private script (path: string) =
    match ScriptParser.parse (File.ReadAllText path) with
    | Ok script -> script
    | Error wrong -> failtest (TextError.render path wrong)

/// The commands of a script with the state and the world each of them meets, and its profile.
let private steps (script: Script) =
    let profile = Script.profile script.Header |> Option.defaultValue Profile.ashlar

    let act (world, state, seen) (step: ScriptStep) =
        match step.Act with
        | Act.Refused _ -> world, state, seen
        | Act.Do command ->
            let seen = (profile, world, state, command) :: seen

            match Oracle.step profile world state command with
            | [] -> world, state, seen
            | outcome :: _ -> outcome.World, outcome.State, seen

    let _, _, seen = List.fold act (Script.world script, Graph.empty, []) script.Steps
    List.rev seen

let private corpusSteps =
    lazy
        (Directory.GetFiles(Path.Combine(Repository.root, "conformance", "corpus"), "*.script")
         |> Array.sort
         |> List.ofArray
         |> List.collect (script >> steps))

let private isMark (line: string) = line.StartsWith "> "

/// A word that is longer than a line cannot be broken without harm to who copies it.
let private isTooLong (line: string) =
    line.Length > Derivation.columns
    && line.Trim().Split ' ' |> Array.forall (fun word -> word.Length < Derivation.columns / 2)

let private refusals =
    test "a refusal is marked where it was decided, and only a refusal" {
        for profile, world, state, command in corpusSteps.Value do
            let lines = Derivation.lines profile world state command

            let refusedBy =
                Oracle.step profile world state command
                |> List.choose (fun outcome ->
                    match outcome.Result with
                    | Ok _ -> None
                    | Error why -> Some why.Requirement)

            let marked = List.filter isMark lines
            let what = ScriptPrinter.command command

            for id in refusedBy do
                Expect.exists marked (fun line -> line.StartsWith("> " + id)) what

                // the last lines say what the requirement demands, and where it stands
                Expect.exists lines (fun line -> line.Contains "MUST") what
                Expect.exists lines (fun line -> line.Contains "(spec/block/") what

            if refusedBy.IsEmpty then
                Expect.isEmpty marked what
    }

let private width =
    test "lines fit a terminal of 100 columns" {
        for profile, world, state, command in corpusSteps.Value do
            let long = Derivation.lines profile world state command |> List.filter isTooLong
            Expect.isEmpty long (ScriptPrinter.command command)
    }

let private locks =
    test "BLK-FILE-010 lock bytes are shown by number and meaning" {
        let path = Path.Combine(Repository.root, "conformance", "corpus", "701-stale-lock.script")

        let lines =
            match steps (script path) with
            | (profile, world, state, command) :: _ -> Derivation.lines profile world state command
            | [] -> []

        let text = lines |> List.map _.Trim() |> String.concat " "

        Expect.stringContains
            text
            ("held by others = 100 (consistent read), 101 (write), 103 (resize), "
             + "201 (nobody else may write), 203 (nobody else may resize)")
            "all bytes that the script's world says"

        Expect.stringContains text "lock = 201 (nobody else may write)" "the one that decides"
    }

let private observation (lengthBytes: int64) (answer: Answer) = {
    Answer = answer
    Nodes = [
        {
            Name = "q"
            Driver = "qcow2"
            ReadOnly = false
            LengthBytes = lengthBytes
            Children = []
            Parents = []
        }
    ]
    Backends = []
    Exports = []
    Files = []
}

let private leftOpen =
    test "what the oracle leaves open is shown and not marked as different" {
        let oracle = observation -1L Answer.AnyData
        let seen = observation 512L (Answer.Data [])
        let compared = Observation.lines (Comparison.asAllowed oracle seen)

        let rows =
            List.zip compared (Observation.lines seen)
            |> Findings.sideBySide 30 (Observation.lines oracle)

        Expect.equal
            rows
            [
                "answer ok, any data            | answer ok, all zeroes"
                "node q (qcow2) rw ? bytes      | node q (qcow2) rw 512 bytes"
            ]
            "both lines stand side by side"
    }

let private different =
    test "what is not left open is marked as different" {
        let oracle = observation 1024L Answer.Done
        let seen = observation 512L Answer.Done
        let compared = Observation.lines (Comparison.asAllowed oracle seen)

        let rows =
            List.zip compared (Observation.lines seen)
            |> Findings.sideBySide 30 (Observation.lines oracle)

        Expect.equal
            rows
            [
                "answer ok                      | answer ok"
                "node q (qcow2) rw 1024 bytes   ≠ node q (qcow2) rw 512 bytes"
            ]
            "the length differs"
    }

let tests = testList "derivations" [ refusals; width; locks; leftOpen; different ]
