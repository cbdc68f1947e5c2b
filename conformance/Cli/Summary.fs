/// The report at the end of a run, for a terminal and for a file alike.
module Ashlar.Conformance.Cli.Summary

open System
open System.Globalization
open Spectre.Console
open Ashlar.Conformance

let private thousands (n: int64) = n.ToString("N0", CultureInfo.InvariantCulture)

/// Wide enough for every table of the report.
let private fileColumns = 140

let private table (columns: (string * bool) list) =
    let table = Table().Border(TableBorder.Simple)

    for name, isNumber in columns do
        let column = TableColumn(Markup.Escape name)

        if isNumber then
            column.RightAligned() |> ignore

        table.AddColumn column |> ignore

    table

let private row (table: Table) (cells: string list) =
    table.AddRow(cells |> List.map Markup.Escape |> Array.ofList) |> ignore

let private lanes (report: RunReport) =
    let table =
        table [
            "lane", false
            "profile", false
            "seed", true
            "transitions", true
            "per second", true
            "accepted", true
            "refused", true
            "disagreements", true
        ]

    for result in report.Results do
        row table [
            result.Part.Lane
            result.Part.Profile.Name
            string result.Part.Seed
            thousands result.Coverage.Transitions
            thousands (RunReport.rate result)
            thousands result.Coverage.Accepted
            thousands result.Coverage.Refused
            string result.Disagreements
        ]

    table

let private commands (coverage: Coverage) =
    let table = table [ "command", false; "accepted", true; "refused", true; "accepted %", true ]

    for i in 0 .. CommandKind.names.Length - 1 do
        let tally = coverage.Commands[i]

        if tally.Total > 0L then
            row table [
                CommandKind.names[i]
                thousands tally.Accepted
                thousands tally.Refused
                string (100L * tally.Accepted / tally.Total)
            ]

    table

/// Every requirement with its counts, and what was never met.
let requirements (coverage: Coverage) : unit =
    let met = coverage.Requirements
    let table = table [ "requirement", false; "", false; "accepted", true; "refused", true ]

    for r in Requirements.all.Value do
        let accepted, refused =
            match met.TryGetValue r.Id with
            | true, t -> thousands t.Accepted, thousands t.Refused
            | _ -> "-", "-"

        row table [ r.Id; r.Title; accepted; refused ]

    AnsiConsole.Write table

let private never (report: RunReport) =
    let met = (RunReport.coverage report).Requirements

    RunReport.applicable report
    |> List.filter (fun r -> not (met.ContainsKey r.Id))
    |> List.map _.Id

/// A finding in full.
let finding (width: int) (f: ReportedFinding) : unit =
    let profile = Script.profile f.Shrunk.Header |> Option.defaultValue f.Found.Profile

    Console.WriteLine()

    let kind =
        if (Disagreement.broken f.ShrunkDisagreement).IsSome then
            "DEATH: "
        else
            "DISAGREEMENT: "

    Console.WriteLine(kind + Disagreement.sentence f.ShrunkDisagreement)
    Console.WriteLine("replay: " + Runner.replayLine f.Found)

    match f.Path, RunReport.replayScript f with
    | Some path, Some line ->
        Console.WriteLine("script: " + path)
        Console.WriteLine("or:     " + line)
    | _ -> ()

    for line in Findings.describe profile width f.ShrunkDisagreement do
        Console.WriteLine line

/// Declared differences: how many steps each was used for, and which were never used.
let declared (used: (Declaration * int64) list) (endedScripts: int64) : unit =
    let count = used |> List.sumBy snd

    if not used.IsEmpty then
        Console.WriteLine $"declared differences: {thousands count} accepted"

        for d, count in used do
            let times =
                if count = 0L then
                    "never used"
                else
                    $"{thousands count} steps"

            Console.WriteLine $"  {d.Id} ({d.Requirement}): {times}"

        if endedScripts > 0L then
            Console.WriteLine $"  {thousands endedScripts} scripts went no further than one"

/// The whole report.
let print (report: RunReport) : unit =
    // A file has no width; a terminal keeps its own.
    if Console.IsOutputRedirected then
        AnsiConsole.Profile.Width <- fileColumns

    let coverage = RunReport.coverage report
    let struct (total, exercised, both) = RunReport.requirements report

    for result in report.Results do
        if Lane.isServer result.Part.Sut then
            Console.WriteLine $"system: {result.System}"

            for lack in result.Lacks do
                Console.WriteLine $"not compared: {lack}"

            for entry in result.Coverage.Noticed do
                Console.WriteLine $"noticed: {thousands entry.Value} {entry.Key}"

    AnsiConsole.Write(lanes report)
    AnsiConsole.Write(commands coverage)

    Console.WriteLine
        $"requirements: {exercised} of {total} that apply exercised, {both} accepted and refused"

    match never report with
    | [] -> ()
    | missing -> Console.WriteLine("not exercised: " + String.Join(" ", missing))

    let planted = report.Planted
    Console.WriteLine $"planted bugs: {planted.Killed} of {planted.Total} killed ({planted.From})"

    for f in report.Findings do
        finding 72 f

    Console.WriteLine()
    declared (RunReport.declared report) coverage.EndedDeclared

    match RunReport.disagreements report, report.MustFail with
    | 0, false -> Console.WriteLine "no disagreement"
    | 0, true ->
        Console.WriteLine "no disagreement, but this lane must have one: the bench is blind"
    | n, true -> Console.WriteLine $"{n} disagreements, as this lane must have"
    | n, false -> Console.WriteLine $"{n} disagreements"

    match RunReport.deaths report with
    | 0 -> ()
    | n ->
        Console.WriteLine $"{n} scripts ended the system under test: findings, no verdicts"

        for cause, count in RunReport.deathCauses report do
            Console.WriteLine $"  {count} x {cause}"

/// The line that repeats a lane of the run.
let again (wish: Plan.Wish) : unit =
    let part =
        match wish.PartName with
        | Some name -> "/" + name
        | None -> ""

    let extent =
        match wish.Only, wish.Budget with
        | Some number, _ -> $" --script {number}"
        | None, Budget.Steps n when n <= Limits.stepsMax -> $" --steps {n}"
        | None, Budget.Steps _ -> ""
        | None, Budget.Seconds s -> $" --seconds {s}"

    let system =
        match wish.Sut with
        | Sut.Server kind when wish.Sut <> wish.Lane.Sut ->
            $" --sut {Quoting.shell (ServerKind.word kind)}"
        | _ -> ""

    Console.WriteLine(
        $"replay the run: ashlar-conform run --lane {wish.Lane.Name}{part}{system} --profile "
        + $"{wish.Profile.Name} --seed {wish.Seed}{extent}"
    )
