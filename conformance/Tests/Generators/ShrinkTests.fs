/// The shrinker's own tests: what it makes of a script is a script, it keeps what it was asked to
/// keep, and it leaves nothing that one more notch would take away.
module Ashlar.Conformance.Tests.Generators.ShrinkTests

open Expecto
open Hedgehog.FSharp
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Tests.Generators.Replay

let private seeds = Gen.uint64 (Range.constantBounded ()) |> Gen.noShrink

let private isParsedBack (script: Script) =
    match ScriptParser.parse (ScriptPrinter.print script) with
    | Ok same -> same = script
    | Error _ -> false

/// Every how many of a script's candidates are looked at: a long script has thousands.
let private stride = 41

/// How the oracle ends a script: the results of its commands.
let private results (script: Script) =
    ((Script.world script, Graph.empty, []), Script.commands script)
    ||> List.fold (fun (world, state, results) command ->
        match Oracle.step Profile.ashlar world state command with
        | outcome :: _ -> outcome.World, outcome.State, (command, outcome.Result) :: results
        | [] -> failwith $"no outcome of {ScriptPrinter.command command}")
    |> fun (_, _, results) -> results

/// Something worth keeping: a reopen refused for a conflict of permissions or a read-only node.
let private isRefusedReopen (script: Script) =
    results script
    |> List.exists (fun (command, result) ->
        match command, result with
        | BlockdevReopen _, Error refusal -> refusal.Requirement = "BLK-PERM-006"
        | _ -> false)

let private interesting =
    lazy
        (Seq.initInfinite (fun number ->
            (Sample.draw Profile.ashlar (Seed.split Replay.seed (int64 number))).Script)
         |> Seq.truncate 3_000
         |> Seq.filter isRefusedReopen
         |> Seq.truncate 6
         |> List.ofSeq)

let tests =
    testList "shrinking" [
        law
            60<Hedgehog.tests>
            "whatever is left out, the rest is a script"
            (property {
                let! seed = seeds
                let script = (Sample.draw Profile.ashlar seed).Script

                return
                    Shrinking.candidates script
                    |> Seq.indexed
                    |> Seq.filter (fun (index, _) -> index % stride = 0)
                    |> Seq.forall (fun (_, candidate) ->
                        candidate <> script && isParsedBack candidate)
             }
             |> Property.falseToFailure)
        test "a shrunk script still fails, and no candidate of it does" {
            Expect.isNonEmpty interesting.Value "scripts to shrink"

            for script in interesting.Value do
                let small = Shrinking.shrink isRefusedReopen script
                Expect.isTrue (isRefusedReopen small) "still fails"

                Expect.isFalse
                    (Shrinking.candidates small |> Seq.exists isRefusedReopen)
                    (ScriptPrinter.print small)
        }
        test "a refused reopen shrinks to a node, what stands in its way, and the reopen" {
            for script in interesting.Value do
                let small = Shrinking.shrink isRefusedReopen script
                Expect.isLessThanOrEqual small.Steps.Length 6 (ScriptPrinter.print small)
        }
        test "what never fails stays as it is" {
            let script = interesting.Value.Head
            Expect.isTrue (Shrinking.shrink (fun _ -> false) script = script) "changed"
        }
        test "shrinking the same script twice gives the same" {
            let script = interesting.Value.Head
            let shrink () = Shrinking.shrink isRefusedReopen script
            Expect.isTrue (shrink () = shrink ()) "differs"
        }
    ]
