/// Every script of the corpus does what it says: its expectations hold for the oracle under the
/// script's profile and, under `ashlar`, for the engine in memory and on real files, where every
/// other observation is compared too. The examples of spec/ are these scripts.
module Ashlar.Conformance.Tests.CorpusTests

open System.IO
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

/// A refusal that QMP gives before any block layer is asked is part of the script too.
let private refusedByQmp (script: Script) =
    script.Steps
    |> List.tryPick (fun step ->
        match step.Act with
        | Act.Refused(_, _, refusal) ->
            Checking.unexpected step.Expect (Error refusal)
            |> Option.map (fun wanted -> $"{ScriptPrinter.act step.Act}: {wanted}")
        | Act.Do _ -> None)

let private explained (wrong: Disagreement) =
    let act = ScriptPrinter.command wrong.Command
    let found = Observation.answerText wrong.Actual.Answer

    match wrong.Expectation, wrong.Violations with
    | Some wanted, _ -> $"step {wrong.Step + 1}: {act}: {wanted}, but it was {found}"
    | None, [] -> $"step {wrong.Step + 1}: {act}: {found}, differing in %A{wrong.Differences}"
    | None, broken -> $"step {wrong.Step + 1}: {act} breaks %A{broken}"

/// What is wrong with a script on a system under test, if anything is.
let private wrongWith (maker: SubjectMaker) (script: Script) =
    match refusedByQmp script with
    | Some wanted -> Some wanted
    | None ->
        match Checking.script (optionsOf script) (Coverage()) maker script with
        | Verdict.Agreed _ -> None
        | Verdict.Disagreed wrong -> Some(explained wrong)

let private allKeep scripts makerOf =
    scripts
    |> List.choose (fun (name, script) ->
        use maker: SubjectMaker = makerOf script
        wrongWith maker script |> Option.map (fun wrong -> $"{name}: {wrong}"))

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

        test "printing a script and reading it again gives the same script" {
            readable.Value
            |> List.choose (fun (name, script) ->
                match ScriptParser.parse (ScriptPrinter.print script) with
                | Ok again when again = script -> None
                | _ -> Some name)
            |> expectNone
        }

        test "the oracle keeps every script's expectations" {
            allKeep readable.Value (fun script -> new OracleMaker((optionsOf script).Profile))
            |> expectNone
        }

        test "the engine in memory agrees with the oracle on every script" {
            allKeep (ofEngine ()) (fun _ -> new EngineMaker("memory", new MemoryWorldMaker()))
            |> expectNone
        }

        test "the engine on real files agrees with the oracle on every script" {
            onItsOwnThread (fun () ->
                use scratch = Scratch.Open()
                let files = new FilesWorldMaker(scratch.Directory)
                allKeep (ofEngine ()) (fun _ -> new EngineMaker("files", files)))
            |> expectNone
        }
    ]
