/// Every script of the corpus does what it says: its expectations hold for the oracle under the
/// script's profile and, under `ashlar`, for the engine in memory and on real files, where every
/// other observation is compared too. The examples of spec/ are these scripts.
module Ashlar.Conformance.Tests.CorpusTests

open System.IO
open System.Text.RegularExpressions
open System.Threading
open Expecto
open Ashlar.Conformance
open Ashlar.Conformance.Tests.Tidy
open Ashlar.Reference.Block

let private directory = Path.Combine(Repository.root, "conformance", "corpus")

/// The scripts by name, in order. One that cannot be read fails the test that lists them.
let private corpus =
    lazy
        (Directory.GetFiles(directory, "*.script")
         |> Array.sortWith (fun a b -> System.String.CompareOrdinal(a, b))
         |> List.ofArray
         |> List.map (fun path ->
             string (Path.GetFileNameWithoutExtension path),
             ScriptParser.parse (File.ReadAllText path)
             |> Result.mapError (TextError.render (string (Path.GetFileName path)))))

let private readable =
    lazy
        (corpus.Value
         |> List.choose (fun (name, parsed) ->
             match parsed with
             | Ok script -> Some(name, script)
             | Error _ -> None))

let private optionsOf script = {
    Profile = Script.profile script.Header |> Option.defaultValue Profile.ashlar
    Mode = ComparisonMode.full
    InvariantEvery = 1
    Accept = Acceptance.None
}

/// A step that expects nothing is set-up, and set-up must succeed.
let private strict (script: Script) = {
    script with
        Steps =
            script.Steps
            |> List.map (fun step -> {
                step with
                    Expect = step.Expect |> Option.orElse (Some Expectation.Ok)
            })
}

/// A refusal that QMP gives before any block layer is asked is part of the script too.
let private refusedByQmp (script: Script) =
    script.Steps
    |> List.tryPick (fun step ->
        match step.Act with
        | Act.Refused(_, _, refusal) ->
            Checking.unexpected step.Expect (Error refusal)
            |> Option.map (fun wanted -> $"{ScriptPrinter.act step.Act}: {wanted}")
        | Act.Do _ -> None)

let private found (result: Result<Reply, Refusal>) =
    Observation.answerText (OracleView.answer result)

/// What is wrong with a script by the oracle alone. Of several allowed outcomes the one that was
/// expected is taken.
let private wrongWithOracle (script: Script) =
    let profile = (optionsOf script).Profile

    let wrongAfter (step: ScriptStep) (outcome: Outcome) =
        match Invariant.check profile outcome.World outcome.State with
        | [] ->
            OracleView.observe outcome.World outcome.State Answer.Done
            |> Observation.missing step.Observe
        | broken -> Some $"it breaks %A{broken}"

    let rec follow number world state steps =
        match steps with
        | [] -> None
        | (command, step: ScriptStep) :: rest ->
            let at = $"step {number}: {ScriptPrinter.command command}"
            let outcomes = Oracle.step profile world state command
            let meets outcome = (Checking.unexpected step.Expect outcome.Result).IsNone

            match List.tryFind meets outcomes, outcomes with
            | Some outcome, _ ->
                match wrongAfter step outcome with
                | None -> follow (number + 1) outcome.World outcome.State rest
                | Some wrong -> Some $"{at}: {wrong}"
            | None, outcome :: _ ->
                let wanted = Checking.unexpected step.Expect outcome.Result
                Some $"{at}: {Option.get wanted}, but it was {found outcome.Result}"
            | None, [] -> Some $"{at} has no outcome"

    script.Steps
    |> List.choose (fun step ->
        match step.Act with
        | Act.Do command -> Some(command, step)
        | Act.Refused _ -> None)
    |> follow 1 (Script.world script) Graph.empty

let private explained (wrong: Disagreement) =
    let act = ScriptPrinter.command wrong.Command
    let answer = Observation.answerText wrong.Actual.Answer

    match wrong.Expectation, wrong.Violations with
    | Some wanted, _ -> $"step {wrong.Step + 1}: {act}: {wanted}, but it was {answer}"
    | None, [] -> $"step {wrong.Step + 1}: {act}: {answer}, differing in %A{wrong.Differences}"
    | None, broken -> $"step {wrong.Step + 1}: {act} breaks %A{broken}"

/// What is wrong with a script on a system under test, compared with the oracle.
let private wrongWith (maker: SubjectMaker) (script: Script) =
    match Checking.script (optionsOf script) (Coverage()) maker script with
    | Verdict.Agreed _ -> None
    | Verdict.Disagreed wrong -> Some(explained wrong)

let private expectNone (wrong: string list) =
    let shown = wrong |> List.truncate 20 |> String.concat "\n  "
    Expect.isEmpty wrong $"{wrong.Length} faults:\n  {shown}"

/// One test for each script, named by what it shows.
let private each (wrongIn: Script -> string option) scripts = [
    for name, script: Script in scripts do
        let shows = Option.defaultValue "" script.Header.Shows

        test $"{name}: {shows}" { wrongIn (strict script) |> Option.toList |> expectNone }
]

/// The profile that engines implement, under either policy.
let private ofEngine () =
    readable.Value
    |> List.filter (fun (_, script) -> script.Header.Profile = Profile.ashlar.Name)

/// File modes count for one thread only, so the files have one of their own. What it throws is
/// thrown on the caller's thread.
let private onItsOwnThread (work: unit -> 'a) : 'a =
    let mutable result = Error(exn "the thread did not end")

    let guarded () =
        result <-
            try
                Ok(work ())
            with wrong ->
                Error wrong

    let thread = Thread guarded
    thread.Start()
    thread.Join()

    match result with
    | Ok result -> result
    | Error wrong -> raise wrong

/// Paths of the corpus that a page of spec/ names.
let private namedInSpec =
    Regex(@"conformance/corpus/[a-z0-9][A-Za-z0-9._/-]*[A-Za-z0-9]", RegexOptions.Compiled)

let private missingExamples () =
    Repository.select [ "spec/" ] [ ".md" ]
    |> List.collect (fun source -> [
        for line in source.Lines do
            for found in namedInSpec.Matches line do
                let path = Path.Combine(Repository.root, found.Value)

                if not (File.Exists path || Directory.Exists path) then
                    $"{source.Path} names {found.Value}, which is not there"
    ])

/// Fewer would mean that scripts got lost.
let private scriptsMin = 100

let tests =
    testList "corpus" [
        test "every script can be read, shows something and names its requirements" {
            let wrong =
                corpus.Value
                |> List.choose (fun (name, parsed) ->
                    match parsed with
                    | Error wrong -> Some wrong
                    | Ok { Header = { Requires = [] } } -> Some $"{name} requires nothing"
                    | Ok { Header = { Shows = None } } -> Some $"{name} shows nothing"
                    | Ok _ -> None)

            expectNone wrong
            Expect.isGreaterThanOrEqual corpus.Value.Length scriptsMin "Scripts"
        }

        test "every script that spec/ names is there" { missingExamples () |> expectNone }

        test "printing a script and reading it again gives the same script" {
            readable.Value
            |> List.choose (fun (name, script) ->
                match ScriptParser.parse (ScriptPrinter.print script) with
                | Ok again when again = script -> None
                | _ -> Some name)
            |> expectNone
        }

        testList
            "oracle"
            (readable.Value
             |> each (fun script ->
                 refusedByQmp script |> Option.orElseWith (fun () -> wrongWithOracle script)))
    ]

let private inMemory script =
    use maker = new EngineMaker("memory", new MemoryWorldMaker())
    wrongWith maker script

let private onFiles script =
    onItsOwnThread (fun () ->
        use scratch = Scratch.Open()
        use maker = new EngineMaker("files", new FilesWorldMaker(scratch.Directory))
        wrongWith maker script)

/// The same scripts on the engine; every observation of every step is compared.
let onEngine =
    testList "corpus on the engine" [
        testList "memory" (ofEngine () |> each inMemory)
        // one after the other: descriptors and locks belong to the whole process
        testSequenced (testList "files" (ofEngine () |> each onFiles))
    ]
