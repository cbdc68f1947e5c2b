/// `replay`, `explain` and `shrink`: what is done with one script file.
module Ashlar.Conformance.Cli.ScriptCommands

open System
open System.CommandLine
open System.IO
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Cli.Arguments

let private textAt (path: string) : string =
    try
        match Inputs.text (inputOf path) Limits.scriptCharacters with
        | Some text -> text
        | None -> misuse $"{path}: a script has at most {Limits.scriptCharacters} characters"
    with
    | :? IOException as error -> misuse error.Message
    | :? UnauthorizedAccessException as error -> misuse error.Message

let private parsedFrom (path: string) (text: string) : Script =
    match ScriptParser.parse text with
    | Ok script -> script
    | Error wrong -> misuse (TextError.render path wrong)

/// Reads a script or says where it is wrong.
let private load (path: string) : Script = parsedFrom path (textAt path)

/// The script, to be judged by the profile asked for, if one is.
let private judged (parsed: ParseResult) (script: Script) : Script =
    match textOf parsed profile with
    | None -> script
    | Some _ ->
        let header = { script.Header with Profile = (Arguments.profileOf parsed).Name }
        { script with Header = header }

let private profileOf (script: Script) =
    Script.profile script.Header |> Option.defaultValue Profile.ashlar

/// Refuses a system that cannot be given the script.
let private systemFor (parsed: ParseResult) (script: Script) : Sut =
    let sut = sutOf parsed

    match QmpScripts.obstacle script with
    | Some why when Lane.isServer sut -> misuse $"the script cannot run on a QMP server: {why}"
    | _ -> sut

/// Runs something with workers whose systems are for the script's profile.
let private withCrew (parsed: ParseResult) (script: Script) (wanted: int) (work: Crew -> 'a) =
    let sut = systemFor parsed script
    let onDisk = not (Lane.isInMemory sut)

    use scratch =
        if onDisk then
            Scratch.Open()
        else
            Unchecked.defaultof<Scratch>

    let directory = if onDisk then Some scratch else None
    let make number = Lane.maker sut (profileOf script) directory $"script-{number}"
    use crew = new Crew(Lane.workersOf sut wanted, make)
    work crew

let private show (writer: TextWriter) (script: Script) (d: Disagreement) =
    for line in Findings.describe (profileOf script) 72 d do
        writer.WriteLine line

/// `replay FILE...`: every script through its systems; the exit code.
let replay (files: string[]) (parsed: ParseResult) : int =
    let accept = acceptOf parsed
    let coverage = Coverage()

    let oneScript (path: string) (text: string) =
        let script = judged parsed (parsedFrom path text)
        let check maker = Plan.checkAccepting accept coverage maker script

        match withCrew parsed script 1 (fun crew -> crew.One check) with
        | None ->
            Console.WriteLine $"{path}: {script.Steps.Length} steps, no disagreement"
            true
        | Some d ->
            Console.WriteLine $"{path}: DISAGREEMENT at {Disagreement.signature d}"
            show Console.Out script d
            false

    let one (path: string) =
        let text = textAt path

        if Crash.WorkloadText.isWorkload text then
            CrashCommand.replay path text
        else
            oneScript path text

    let results = files |> Array.map one
    let bad = results |> Array.filter not |> Array.length

    Summary.declared (coverage.UsesOf accept.Declarations) coverage.EndedDeclared

    if files.Length > 1 then
        Console.WriteLine $"{files.Length - bad} of {files.Length} scripts agree"

    if bad = 0 then 0 else 1

let private explainStep index (line: string) (derivation: string list) =
    for line in Derivation.heading index line @ derivation do
        Console.WriteLine line

/// `explain FILE [--step N]`: the oracle's derivation of one step, or of each.
let explain (path: string) (wanted: int64 option) : int =
    let script = load path
    let profile = profileOf script
    let count = script.Steps.Length

    match wanted with
    | Some n when n < 1L || n > int64 count -> misuse $"{path} has the steps 1 to {count}, not {n}"
    | _ -> ()

    let walk () =
        ((Script.world script, Graph.empty), List.indexed script.Steps)
        ||> List.fold (fun (world, state) (index, step) ->
            let isWanted = wanted |> Option.forall (fun n -> n = int64 index + 1L)

            match step.Act with
            | Act.Refused(execute, arguments, refusal) ->
                if isWanted then
                    explainStep
                        index
                        (ScriptPrinter.qmp execute arguments)
                        (Derivation.ofRefusal refusal)

                world, state
            | Act.Do command ->
                if isWanted then
                    Derivation.lines profile world state command
                    |> explainStep index (ScriptPrinter.command command)

                match Oracle.step profile world state command with
                | [] -> world, state
                | outcome :: _ -> outcome.World, outcome.State)
        |> ignore

    Plan.onThread walk
    0

/// `shrink FILE`: the shortest script with the same disagreement.
let shrink (path: string) (parsed: ParseResult) : int =
    let script = judged parsed (load path)
    let target = Outputs.fileOf parsed scriptOut

    match withCrew parsed script (workersOf parsed) (fun crew -> Plan.shrink crew script) with
    | _, None ->
        Console.WriteLine $"{path}: no disagreement, so there is nothing to shrink"
        0
    | small, Some d ->
        let small = Findings.annotated small (Option.defaultValue 0UL script.Header.Seed) d

        let text =
            ScriptPrinter.print {
                small with
                    Header = { small.Header with Seed = script.Header.Seed }
            }

        Outputs.write target (fun () -> text)
        Console.Error.WriteLine $"{script.Steps.Length} steps became {small.Steps.Length}"

        // A script on standard output stands there alone, to be kept by a redirection.
        match textOf parsed scriptOut with
        | None ->
            Console.Write text
            show Console.Error small d
        | Some written ->
            Console.WriteLine("replay: " + RunReport.replayLine (sutOf parsed) written)
            show Console.Out small d

        1
