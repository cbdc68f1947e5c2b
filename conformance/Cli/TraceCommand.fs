/// `replay-trace`: a recorded trace of an old QEMU against a legacy profile.
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

let private toJson (report: Traces.Report) =
    Value.Dict [
        score "outcomes" report.Outcomes
        score "ro" report.Ro
        score "descriptors" report.Descriptors
        score "texts" report.Texts
        "mismatches", Value.List(report.Mismatches |> List.map mismatch)
    ]
    |> Json.render

/// The exit code: 0 when all but texts agree.
let run (path: string) (parsed: ParseResult) : int =
    let profile = profileOf parsed
    let target = Outputs.fileOf parsed json

    let result =
        try
            let path = inputOf path
            Plan.onThread (fun () -> Traces.replayFile profile path)
        with
        | :? IOException as error -> misuse error.Message
        | :? UnauthorizedAccessException as error -> misuse error.Message

    match result with
    | Error message -> misuse $"{path}:{message}"
    | Ok report ->
        for m in List.truncate shownMax report.Mismatches do
            Console.WriteLine $"{path}:{m.Line}: {m.What} differs after {m.Command}"
            Console.WriteLine $"  recorded:  {m.Recorded}"
            Console.WriteLine $"  predicted: {m.Predicted}"

        Outputs.write target (fun () -> toJson report + "\n")
        Console.WriteLine(Traces.summary report)
        if Traces.agrees report then 0 else 1
