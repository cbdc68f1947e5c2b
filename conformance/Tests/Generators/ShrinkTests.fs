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

let private scriptOf (lines: string list) =
    match ScriptParser.parse (String.concat "\n" ("# ashlar-script 1" :: lines)) with
    | Ok script -> script
    | Error wrong -> failtest (TextError.render "script" wrong)

/// A filter of one throttle group over a node that nobody named, which a raw node stands on later.
let private spokenOf =
    scriptOf [
        "#world a.raw raw 1048576"
        "#world-throttle tg0"
        """{"execute": "blockdev-add", "arguments": {"driver": "throttle", "node-name": "t","""
        + """ "throttle-group": "tg0", "file": {"driver": "file", "filename": "a.raw"}}}"""
        """{"execute": "blockdev-add", "arguments": {"driver": "raw", "node-name": "r","""
        + """ "file": "#block000"}}"""
    ]

/// Whether a raw node came to stand on another that was there before.
let private isRawOver (script: Script) =
    results script
    |> List.exists (fun (command, result) ->
        match command, result with
        | BlockdevAdd options, Ok _ ->
            let members = Value.members options

            List.contains ("driver", Value.Str "raw") members
            && members |> List.exists (fun (key, value) -> key = "file" && value.IsStr)
        | _ -> false)

let private expectFault (act: unit -> unit) (what: string) =
    Expect.throwsC act (fun error ->
        match error with
        | QmpFault _ -> ()
        | other -> failtest $"{what}: {other}")

/// Workers whose systems nobody uses.
let private crewOf (workers: int) = new Crew(workers, (fun _ -> new OracleMaker(Profile.ashlar)))

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
        test "who speaks of a node that nobody named goes on speaking of it" {
            let small = Shrinking.shrink isRawOver spokenOf
            Expect.isEmpty small.Files "files of the world"
            Expect.isEmpty small.ThrottleGroups "throttle groups of the world"

            match Script.commands small with
            | [ BlockdevAdd below; BlockdevAdd above ] ->
                let below, above = Value.members below, Value.members above
                Expect.contains below ("driver", Value.Str "null-co") "what is left below"
                Expect.contains above ("file", List.find (fst >> (=) "node-name") below |> snd) ""
            | _ -> failtest (ScriptPrinter.print small)
        }
        for workers in [ 1; 2; 5 ] do
            test $"{workers} workers shrink as one does, and find the first" {
                use crew = crewOf workers
                let script = interesting.Value.Head
                let fails (_: SubjectMaker) script = isRefusedReopen script
                let small = Shrinking.shrinkBy (crew.FirstOf fails) script
                let alone = Shrinking.shrink isRefusedReopen script
                Expect.equal (ScriptPrinter.print small) (ScriptPrinter.print alone) "the script"
                let isLate (_: SubjectMaker) number = number % 100 > 60
                Expect.equal (crew.FirstOf isLate (seq { 100..300 })) (Some(61, 161)) "the first"
                Expect.equal (crew.FirstOf isLate (seq { 0..9 })) None "none"
            }
        test "a worker's fault is the caller's" {
            use broken = new Crew(2, (fun _ -> raise (QmpFault "no server")))

            expectFault (fun () -> broken.One ignore) "no system"
            use crew = crewOf 2
            let fails (_: SubjectMaker) (_: int) : bool = raise (QmpFault "it is gone")
            expectFault (fun () -> crew.FirstOf fails [ 1; 2 ] |> ignore) "a try"
            Expect.equal (crew.One(fun maker -> maker.Name)) "oracle ashlar" "the worker goes on"
        }
    ]
