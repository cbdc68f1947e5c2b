/// The proved model beside the oracle: every script and every graph of the exhaustive lane.
/// That the comparison can fail is shown by profiles that the model is not a model of.
module Ashlar.Conformance.Tests.Proofs.ModelTests

open System.IO
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests.Tidy
open Ashlar.Reference.Block

let private corpus = Path.Combine(Repository.root, "conformance", "corpus")

let private scripts =
    lazy
        (Directory.GetFiles(corpus, "*.script")
         |> Array.sort
         |> List.ofArray
         |> List.choose (fun path ->
             match ScriptParser.parse (File.ReadAllText path) with
             | Ok script -> Some(string (Path.GetFileNameWithoutExtension path), script)
             | Error _ -> None))

let private runOn (profile: Profile) (script: Script) =
    let options = {
        Profile = profile
        Mode = ComparisonMode.full
        InvariantEvery = 1
        Accept = Acceptance.None
    }

    use maker = new ModelMaker(profile)

    // what the script expects is the corpus tests' to say
    let bare = {
        script with
            Steps = script.Steps |> List.map (fun step -> { step with Expect = None; Observe = [] })
    }

    match Checking.script options (Coverage()) maker bare with
    | Verdict.Agreed _ -> None
    | Verdict.Disagreed wrong -> Some $"step {wrong.Step + 1}: {Disagreement.sentence wrong}"

let private ofProfiles (profiles: Profile list) =
    scripts.Value
    |> List.choose (fun (name, script) ->
        match Script.profile script.Header with
        | Some profile when profiles |> List.exists (fun p -> p.Name = profile.Name) ->
            Some(name, profile, script)
        | _ -> None)

let private everyScript () =
    let mine = ofProfiles [ Profile.ashlar; Profile.ashlarStatic ]
    Expect.isGreaterThan mine.Length 200 "scripts of both policies"

    let wrong =
        mine
        |> List.choose (fun (name, profile, script) ->
            runOn profile script |> Option.map (fun why -> $"{name}: {why}"))

    Expect.isEmpty wrong "the model and the oracle agree on every script"

/// What QEMU does otherwise in the graph, by the number that its script begins with.
let private differences = [ "037"; "038"; "303"; "335" ]

let private everyGraph () =
    let part =
        Plan.parts None {
            Lane = Lane.exhaustive
            Sut = Sut.Model
            PartName = None
            Seed = 0UL
            Budget = Lane.exhaustive.Budget
            Profile = Profile.ashlar
            Workers = 2
            Only = None
        }
        |> List.head

    let result, counts = Exhaustive.run (Progress()) part
    Expect.isEmpty result.Found "disagreements"
    Expect.equal counts.Graphs (int64 (ExhaustiveGraphs.all ()).Length) "every graph"
    Expect.isGreaterThan result.Coverage.Transitions counts.Graphs "and what comes next on each"

let tests =
    testList "model" [
        test "every script of the corpus agrees" { everyScript () }
        test "every graph of the exhaustive lane agrees" { everyGraph () }
        for number in differences do
            test $"script {number} of QEMU 7.2 does not agree" {
                let _, _, script =
                    ofProfiles [ Profile.qemu72 ]
                    |> List.find (fun (name, _, _) -> name.StartsWith number)

                Expect.isSome (runOn Profile.qemu72 script) "a declared difference is noticed"
            }
    ]
