/// `mutants`: switches each planted bug on and hunts it, in the build that has them.
module Ashlar.Conformance.Cli.MutantsCommand

open System
open System.CommandLine
open System.IO
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Cli.Arguments

/// --corpus
let corpus: Option<string> =
    Option<string>(
        "--corpus",
        Description =
            "scripts for what random ones miss; default: conformance/corpus, if it is here"
    )

/// --table
let table: Option<string> =
    Option<string>("--table", Description = "write the table of kills to this file, as Markdown")

let private scriptsOf (parsed: ParseResult) =
    let usual = Path.Combine("conformance", "corpus")

    match textOf parsed corpus with
    | Some directory when Directory.Exists directory -> Mutants.corpus directory
    | Some directory -> misuse $"--corpus {directory}: there is no such directory"
    | None when Directory.Exists usual -> Mutants.corpus usual
    | None -> []

let private words (kill: Kill) =
    match kill with
    | Kill.InSteps steps -> $"noticed in {steps:N0} transitions"
    | Kill.ByScript name -> $"noticed by {name}"
    | Kill.Survived -> "NOT NOTICED"

let private toJson seed (stepsMax: int64) (count: PlantedCount) (kills: (PlantedBug * Kill) list) =
    let bug (bug: PlantedBug, kill: Kill) =
        Value.Dict [
            "bug", Value.Str bug.Name
            "meaning", Value.Str bug.Meaning
            "steps",
            (match kill with
             | Kill.InSteps steps -> Value.Int steps
             | _ -> Value.Null)
            "script",
            (match kill with
             | Kill.ByScript name -> Value.Str name
             | _ -> Value.Null)
        ]

    Value.Dict [
        "build", Value.Str Build.kind
        // A seed uses all 64 bits; the signed number has the same bits.
        "seed", Value.Int(int64<uint64> seed)
        "stepsMax", Value.Int stepsMax
        "plantedBugs", RunReport.plantedBugs count
        "bugs", Value.List(kills |> List.map bug)
    ]
    |> Json.render

/// The exit code: 0 when every bug was noticed, 1 when one was not.
let run (parsed: ParseResult) : int =
    if not Ashlar.Block.PlantedBuild.IsPresent then
        misuse
            "this build has no bugs to switch on; `dotnet fsi build.fsx mutants` builds one that \
             has, and hunts them"

    let seed = seedOr PlantedBugs.seed parsed
    let stepsMax = stepsOf parsed |> Option.defaultValue PlantedBugs.stepsMax
    let scripts = scriptsOf parsed
    let json, table = Outputs.fileOf parsed json, Outputs.fileOf parsed table

    let widest = PlantedBugs.all |> List.map _.Name.Length |> List.fold max 0

    let kills = [
        for bug in PlantedBugs.all do
            let kill = Plan.onThread (fun () -> Mutants.kill seed stepsMax scripts bug)
            Console.WriteLine $"  {bug.Name.PadRight widest}  {words kill}"
            bug, kill
    ]

    let count = kills |> List.map (fun (bug, kill) -> bug.Name, kill) |> PlantedBugs.count "hunt"

    Outputs.write json (fun () -> toJson seed stepsMax count kills + "\n")
    Outputs.write table (fun () -> PlantedBugs.table seed stepsMax kills)
    Console.WriteLine $"planted bugs: {count.Killed} of {count.Total} killed"
    if count.Killed = count.Total then 0 else 1
