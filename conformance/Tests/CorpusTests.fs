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
    ExplainEvery = 1
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

/// Whether an outcome can be the expected one: where the model lost sight of bytes it allows any
/// data, and any text of a refusal.
let private canMeet expect (outcome: Outcome) =
    match expect, outcome.Result with
    | Some(Expectation.Error(Some _)), Error { Text = "*" }
    | Some(Expectation.Data _), Ok AnyData -> true
    | _ -> (Checking.unexpected expect outcome.Result).IsNone

/// What is wrong with a script by the oracle alone. Of several allowed outcomes the one that was
/// expected is taken.
let private wrongWithOracle (script: Script) =
    let profile = (optionsOf script).Profile

    let rec follow number world state (steps: (Command * Expectation option) list) =
        match steps with
        | [] -> None
        | (command, expect) :: rest ->
            let at = $"step {number}: {ScriptPrinter.command command}"
            let outcomes = Oracle.step profile world state command

            match List.tryFind (canMeet expect) outcomes, outcomes with
            | Some outcome, _ ->
                match Invariant.check profile outcome.World outcome.State with
                | [] -> follow (number + 1) outcome.World outcome.State rest
                | broken -> Some $"{at} breaks %A{broken}"
            | None, outcome :: _ ->
                let wanted = Checking.unexpected expect outcome.Result
                Some $"{at}: {Option.get wanted}, but it was {found outcome.Result}"
            | None, [] -> Some $"{at} has no outcome"

    script.Steps
    |> List.choose (fun step ->
        match step.Act with
        | Act.Do command -> Some(command, step.Expect)
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

/// Scripts by name that do not hold, each with what is wrong.
let private broken (wrongIn: Script -> string option) scripts =
    scripts
    |> List.choose (fun (name, script) ->
        wrongIn (strict script) |> Option.map (fun wrong -> $"{name}: {wrong}"))

let private expectNone (wrong: string list) =
    let shown = wrong |> List.truncate 20 |> String.concat "\n  "
    Expect.isEmpty wrong $"{wrong.Length} scripts do not hold:\n  {shown}"

/// The profile that engines implement, under either policy.
let private ofEngine () =
    readable.Value
    |> List.filter (fun (_, script) -> script.Header.Profile = Profile.ashlar.Name)

/// File modes count for one thread only, so the files have one of their own.
let private onItsOwnThread (work: unit -> 'a) : 'a =
    let mutable result = Unchecked.defaultof<'a>
    let thread = Thread(fun () -> result <- work ())
    thread.Start()
    thread.Join()
    result

/// Paths of the corpus that a page of spec/ names.
let private namedInSpec =
    Regex(@"conformance/corpus/[A-Za-z0-9._/-]*[A-Za-z0-9]", RegexOptions.Compiled)

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

        test "the oracle keeps every script's expectations" {
            readable.Value
            |> broken (fun script ->
                refusedByQmp script |> Option.orElseWith (fun () -> wrongWithOracle script))
            |> expectNone
        }

    ]

/// The same scripts on the engine; every observation of every step is compared.
let onEngine =
    testList "corpus on the engine" [
        test "the engine in memory agrees with the oracle on every script" {
            use maker = new EngineMaker("memory", new MemoryWorldMaker())
            ofEngine () |> broken (wrongWith maker) |> expectNone
        }

        test "the engine on real files agrees with the oracle on every script" {
            onItsOwnThread (fun () ->
                use scratch = Scratch.Open()
                use maker = new EngineMaker("files", new FilesWorldMaker(scratch.Directory))
                ofEngine () |> broken (wrongWith maker))
            |> expectNone
        }
    ]
