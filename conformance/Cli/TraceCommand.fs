/// `replay-trace`: a recorded trace of a QEMU against a profile.
module Ashlar.Conformance.Cli.TraceCommand

open System
open System.CommandLine
open System.IO
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Cli.Arguments

/// Mismatches that are printed; the JSON has them all.
let private shownMax = 20

let private score (name: string) (s: Traces.Score) =
    name,
    Value.Dict [ "agreed", Value.Int(int64 s.Agreed); "compared", Value.Int(int64 s.Compared) ]

let private mismatch (m: Traces.Mismatch) =
    Value.Dict [
        "line", Value.Int(int64 m.Line)
        "what", Value.Str m.What
        "command", Value.Str m.Command
        "recorded", Value.Str m.Recorded
        "predicted", Value.Str m.Predicted
    ]

let private toJson (report: Traces.Report) (left: Traces.Mismatch list) used =
    Value.Dict [
        score "outcomes" report.Outcomes
        score "ro" report.Ro
        score "descriptors" report.Descriptors
        score "texts" report.Texts
        "mismatches", Value.List(left |> List.map mismatch)
        "declaredDifferences", RunReport.declaredDifferences used
    ]
    |> Json.render

/// What a list of declared differences calls it.
let private aspectOf (what: string) : Aspect =
    match what with
    | "outcome" -> Aspect.Outcome
    | "text" -> Aspect.Text
    | "ro" -> Aspect.Nodes
    | "descriptors" -> Aspect.Descriptors
    | "edges" -> Aspect.Edges
    | "locks" -> Aspect.Locks
    | _ -> Aspect.Broken

let private commandOf (line: string) : string =
    match Json.parse 1 line with
    | Ok(Value.Dict members) ->
        match Value.find "execute" members with
        | ValueSome(Value.Str name) -> name
        | _ -> ""
    | _ -> ""

/// An empty answer is success.
let private answer (text: string) = if text = "" then "ok" else text

let private difference (m: Traces.Mismatch) : Difference = {
    Aspect = aspectOf m.What
    Expected = answer m.Predicted
    Actual = answer m.Recorded
}

/// The mismatches that are not declared, and how many steps each declaration was used for.
let private judged (accept: Acceptance) (mismatches: Traces.Mismatch list) =
    let steps = mismatches |> List.groupBy _.Line |> List.map snd

    let verdicts =
        steps
        |> List.map (fun step ->
            let command = commandOf (List.head step).Command
            step, accept.Judge(command, List.map difference step))

    let left = verdicts |> List.filter (snd >> Option.isNone) |> List.collect fst
    let used = verdicts |> List.collect (snd >> Option.defaultValue [])

    left,
    accept.Declarations
    |> List.map (fun d -> d, used |> List.filter ((=) d.Id) |> List.length |> int64)

let private recordingJson (report: Replaying.Report) used =
    let difference (line: int, _, d: Disagreement) =
        Value.Dict [
            "line", Value.Int(int64 line)
            "step", Value.Int(int64 d.Step + 1L)
            "command", Value.Str(ScriptPrinter.command d.Command)
            "signature", Value.Str(Disagreement.signature d)
        ]

    Value.Dict [
        "episodes", Value.Int(int64 report.Episodes)
        "deaths", Value.Int(int64 report.Deaths)
        score "steps" { Agreed = report.Agreed; Compared = report.Steps }
        "mismatches", Value.List(report.Mismatches |> List.map difference)
        "declaredDifferences", RunReport.declaredDifferences used
        "scriptsEndedByDeclared", Value.Int report.Coverage.EndedDeclared
    ]
    |> Json.render

/// A recording with edges: the profile is its own unless one is asked for.
let private runRecording (path: string) (parsed: ParseResult) : int =
    let wanted = textOf parsed profile |> Option.map (fun _ -> profileOf parsed)
    let target = Outputs.fileOf parsed json
    let accept = acceptOf parsed

    match Plan.onThread (fun () -> Replaying.replayFile wanted accept path) with
    | Error message -> misuse $"{path}:{message}"
    | Ok report ->
        let used = report.Coverage.UsesOf accept.Declarations

        for line, profile, d in List.truncate shownMax report.Mismatches do
            Console.WriteLine $"{path}:{line}: DISAGREEMENT at {Disagreement.signature d}"

            for text in Findings.describe profile 72 d do
                Console.WriteLine text

        Outputs.write target (fun () -> recordingJson report used + "\n")
        Console.WriteLine(Replaying.summary report)
        Summary.declared used report.Coverage.EndedDeclared
        if report.Mismatches.IsEmpty then 0 else 1

/// A trace of the older form: 0 when all but texts agree.
let private runTrace (path: string) (parsed: ParseResult) : int =
    let profile = profileOf parsed
    let target = Outputs.fileOf parsed json
    let accept = acceptOf parsed

    let result = Plan.onThread (fun () -> Traces.replayFile profile path)

    match result with
    | Error message -> misuse $"{path}:{message}"
    | Ok report ->
        let left, used = judged accept report.Mismatches

        for m in List.truncate shownMax left do
            Console.WriteLine $"{path}:{m.Line}: {m.What} differs after {m.Command}"
            Console.WriteLine $"  recorded:  {m.Recorded}"
            Console.WriteLine $"  predicted: {m.Predicted}"

        Outputs.write target (fun () -> toJson report left used + "\n")
        Console.WriteLine(Traces.summary report)
        Summary.declared used 0L

        if left |> List.exists (fun m -> m.What <> "text") then
            1
        else
            0

/// The exit code: 0 in agreement.
let run (path: string) (parsed: ParseResult) : int =
    try
        let path = inputOf path

        if Recordings.isOne path then
            runRecording path parsed
        else
            runTrace path parsed
    with
    | :? IOException as error -> misuse error.Message
    | :? UnauthorizedAccessException as error -> misuse error.Message
