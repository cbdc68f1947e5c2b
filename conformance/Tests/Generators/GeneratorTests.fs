/// The generator's own tests: what it draws, how often, and that all of it is a script.
module Ashlar.Conformance.Tests.Generators.GeneratorTests

open Expecto
open Hedgehog.FSharp
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Generators.Replay

/// Enough that a share is known to a few percent, for every kind of command.
let private scripts = 1_500

let private sample = lazy (Sample.many Profile.ashlar scripts)

let private tallies =
    lazy
        (let coverage = Coverage()

         for drawn in sample.Value do
             for command, result in drawn.Steps do
                 coverage.Count(command, result)

         coverage)

let private percent part whole = if whole = 0L then 0.0 else 100.0 * float part / float whole

let private expectWithin (low: float) (high: float) (actual: float) what =
    if actual < low || actual > high then
        failtest $"{what}: {actual:F1} %%, outside {low:F1} to {high:F1} %%\n{line what}"

/// How many of a kind are accepted, in percent, and how many of all commands it is at least. Wide
/// enough for a change of taste, tight enough that a kind cannot become all refusals.
let private bands = [
    "blockdev-add", 20.0, (45.0, 70.0)
    "blockdev-del", 3.0, (50.0, 80.0)
    "blockdev-reopen", 5.0, (45.0, 75.0)
    "blockdev-snapshot", 1.5, (55.0, 85.0)
    "block_resize", 2.0, (40.0, 70.0)
    "nbd-server-start", 0.5, (80.0, 99.5)
    "block-export-add", 1.0, (50.0, 80.0)
    "block-export-del", 0.2, (45.0, 90.0)
    "backend attach", 10.0, (60.0, 85.0)
    "backend set", 2.0, (65.0, 92.0)
    "backend detach", 3.0, (85.0, 99.5)
    "read", 7.0, (85.0, 98.5)
    "write", 2.5, (70.0, 95.0)
    "write-zeroes", 0.8, (65.0, 95.0)
    "flush", 0.4, (60.0, 95.0)
    "move", 3.0, (99.9, 100.0)
    "nbd-server-stop", 0.1, (30.0, 99.0)
    "nbd-server-add", 0.1, (30.0, 90.0)
    "nbd-server-remove", 0.1, (3.0, 70.0)
    "object-add", 0.1, (60.0, 98.0)
    "object-del", 0.1, (30.0, 90.0)
    "qemu-io reopen", 0.02, (0.0, 0.0)
]

let private distribution =
    testList "distribution" [
        for kind, leastShare, (low, high) in bands do
            test $"{kind} is at least {leastShare} %% of the commands" {
                let tally = tallies.Value.Commands[System.Array.IndexOf(CommandKind.names, kind)]
                let share = percent tally.Total tallies.Value.Transitions
                expectWithin leastShare 60.0 share kind
            }

            test $"{kind} is accepted in {low} to {high} %%" {
                let tally = tallies.Value.Commands[System.Array.IndexOf(CommandKind.names, kind)]
                expectWithin low high (percent tally.Accepted tally.Total) kind
            }

        test "every kind of command of the profile has a band" {
            let named = bands |> List.map (fun (kind, _, _) -> kind)

            let drawn =
                CommandKind.names
                |> Array.indexed
                |> Array.filter (fun (i, _) -> tallies.Value.Commands[i].Total > 0L)
                |> Array.map snd

            Expect.isEmpty (drawn |> Array.except named) "drawn, but without a band"
        }

        test "between a fifth and two fifths of all commands are refused" {
            let all = tallies.Value
            expectWithin 20.0 40.0 (percent all.Refused all.Transitions) "refused"
        }
    ]

let rec private driversOf (value: Value) : string list =
    match value with
    | Value.Dict members ->
        members
        |> List.collect (fun (name, value) ->
            match name, value with
            | "driver", Value.Str driver -> [ driver ]
            | _ -> driversOf value)
    | Value.List items -> List.collect driversOf items
    | _ -> []

let private added =
    lazy
        (sample.Value
         |> List.collect _.Steps
         |> List.choose (fun (command, result) ->
             match command, result with
             | BlockdevAdd options, Ok _ -> Some options
             | _ -> None))

let private variety =
    testList "variety" [
        for driver in Swarm.drivers do
            test $"nodes of {driver} are opened, at least one in a hundred" {
                let having =
                    added.Value |> List.filter (driversOf >> List.contains driver) |> List.length

                expectWithin 1.0 100.0 (percent having added.Value.Length) driver
            }

        test "both policies are drawn" {
            let isStatic (drawn: Sample.Drawn) = drawn.Script.Header.Policy = Policy.Static
            let some = sample.Value |> List.filter isStatic |> List.length
            expectWithin 10.0 30.0 (percent some scripts) "static"
        }

        test "files are read-only, unreadable, locked and chained, each in some world" {
            let has (which: WorldFile -> bool) =
                sample.Value |> List.exists (fun drawn -> List.exists which drawn.Script.Files)

            Expect.isTrue (has (fun f -> f.Mode = 0o444)) "read-only"
            Expect.isTrue (has (fun f -> f.Mode = 0o000)) "unreadable"
            Expect.isTrue (has (fun f -> not f.Locks.IsEmpty)) "locked"

            Expect.isTrue
                (has (fun f ->
                    match f.Format with
                    | Format.Qcow2 header -> header.BackingFile.IsSome
                    | _ -> false))
                "chained"
        }

        test "refusals come from many requirements, none of them from most" {
            let refused =
                tallies.Value.Requirements
                |> Seq.filter (fun entry -> entry.Value.Refused > 0L)
                |> List.ofSeq

            Expect.isGreaterThan refused.Length 45 "requirements that refused something"

            for entry in refused do
                expectWithin 0.0 33.3 (percent entry.Value.Refused tallies.Value.Refused) entry.Key
        }
    ]

/// Any seed: Hedgehog draws it, the generator does the rest.
let private seeds = Gen.uint64 (Range.constantBounded ()) |> Gen.noShrink

let private parsed (script: Script) =
    match ScriptParser.parse (ScriptPrinter.print script) with
    | Ok script -> Some script
    | Error _ -> None

let private profiles = [ Profile.ashlar; Profile.ashlarStatic; Profile.qemu72; Profile.qemu31 ]

let private validity =
    testList "validity" [
        for profile in profiles do
            law
                120<Hedgehog.tests>
                $"every script is parsed back from its printed form ({profile.Name})"
                (property {
                    let! seed = seeds
                    let script = (Sample.draw profile seed).Script
                    return parsed script = Some script
                 }
                 |> Property.falseToFailure)
        law
            60<Hedgehog.tests>
            "the same seed draws the same script"
            (property {
                let! seed = seeds
                return Sample.draw Profile.ashlar seed = Sample.draw Profile.ashlar seed
             }
             |> Property.falseToFailure)
        law
            60<Hedgehog.tests>
            "scripts of neighbouring seeds differ"
            (property {
                let! seed = seeds
                let one = (Sample.draw Profile.ashlar seed).Script.Steps
                return one <> (Sample.draw Profile.ashlar (seed + 1UL)).Script.Steps
             }
             |> Property.falseToFailure)
        law
            60<Hedgehog.tests>
            "printing twice prints the same, and says the seed"
            (property {
                let! seed = seeds
                let script = (Sample.draw Profile.ashlar seed).Script
                let text = ScriptPrinter.print script

                return
                    text.Contains $"#seed {seed}\n"
                    && Some text = Option.map ScriptPrinter.print (parsed script)
             }
             |> Property.falseToFailure)
    ]

let tests = testList "generator" [ distribution; variety; validity ]
