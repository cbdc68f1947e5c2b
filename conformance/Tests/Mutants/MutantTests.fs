/// The bench tests itself: every bug planted in the engine is noticed within its budget, and the
/// lane that must fail does.
module Ashlar.Conformance.Tests.Mutants.MutantTests

open System.IO
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests.Tidy
open Ashlar.Reference.Block

/// The parts that a lane consists of, with its own seed.
let private partsOf (lane: Lane) =
    Plan.parts None {
        Lane = lane
        Sut = lane.Sut
        PartName = None
        Seed = Option.defaultValue 1UL lane.Seed
        Budget = lane.Budget
        Profile = Profile.ashlar
        Workers = 1
        Only = None
    }

/// What the memory lane does not meet, somebody has written down.
let private corpus =
    lazy (Mutants.corpus (Path.Combine(Repository.root, "conformance", "corpus")))

let private hunt (bug: PlantedBug) =
    test $"{bug.Name} is noticed" {
        match Mutants.kill PlantedBugs.seed PlantedBugs.stepsMax corpus.Value bug with
        | Kill.Survived ->
            failtest
                $"{bug.Meaning} Not noticed in {PlantedBugs.stepsMax} steps, nor by the corpus."
        | Kill.InSteps _
        | Kill.ByScript _ -> ()
    }

/// For a Planted build: the bugs share one switch, so that they are hunted one after the other.
let planted = testSequenced (testList "planted bugs" (PlantedBugs.all |> List.map hunt))

/// For every build.
let tests =
    testList "the bench itself" [
        test "at least thirty bugs are planted, each with a meaning" {
            Expect.isGreaterThanOrEqual PlantedBugs.all.Length 30 "bugs"
            Expect.isEmpty (PlantedBugs.all |> List.filter (fun b -> b.Meaning = "")) "no meaning"
        }
        test "the table of kills is read as it was written" {
            let ways = [ Kill.InSteps 17L; Kill.ByScript "612-a"; Kill.Survived ]
            let kills = List.zip (List.truncate 3 PlantedBugs.all) ways
            let rows = PlantedBugs.parse (PlantedBugs.table 1UL 400L kills)
            Expect.equal rows (kills |> List.map (fun (bug, kill) -> bug.Name, kill)) "rows"
            let count = PlantedBugs.count "here" rows
            Expect.equal count.Total PlantedBugs.all.Length "every bug counts"
            Expect.equal count.Killed 2 "neither survivors nor bugs without a row were killed"
        }
        test "a row of a bug that is gone kills nothing" {
            Expect.equal (PlantedBugs.count "" [ "Gone", Kill.InSteps 1L ]).Killed 0 "killed"
        }
        test "a report says what the committed table says" {
            let report = {
                Profile = "ashlar"
                Build = Build.kind
                Workers = 1
                Results = []
                Findings = []
                Planted = PlantedBugs.committed.Value
                MustFail = false
            }

            let rows = File.ReadAllText(Path.Combine(Repository.root, PlantedBugs.tablePath))
            let count = PlantedBugs.count PlantedBugs.tablePath (PlantedBugs.parse rows)
            Expect.equal report.Planted count "the table of this build is the one in the tree"

            let wanted =
                $"\"plantedBugs\": {{\"total\": {count.Total}, \"killed\": {count.Killed}, "
                + $"\"from\": \"{PlantedBugs.tablePath}\"}}"

            Expect.stringContains (RunReport.toJson report) wanted "the member of the JSON"
        }
        test "the canary lane fails" {
            let results = partsOf Lane.canary |> List.map (Runner.run (Progress()))
            Expect.exists results (fun result -> not result.Found.IsEmpty) "found nothing"
        }
    ]
