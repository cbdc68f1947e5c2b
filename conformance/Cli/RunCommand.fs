/// `run`: lanes, their report, and what becomes of a disagreement.
module Ashlar.Conformance.Cli.RunCommand

open System
open System.CommandLine
open System.IO
open System.Runtime.InteropServices
open Ashlar.Conformance
open Ashlar.Reference.Block
open Ashlar.Conformance.Cli.Arguments

/// Where found scripts go when nobody says.
let private defaultOut () =
    let corpus = Path.Combine("conformance", "corpus")

    if Directory.Exists corpus then
        Path.Combine(corpus, "found")
    else
        "found"

let private writeScript (directory: string) (found: Found) (script: Script) : string =
    Directory.CreateDirectory directory |> ignore
    let lane = found.Lane.Replace('/', '-')
    let path = Path.Combine(directory, $"{lane}-{found.RunSeed}-{found.Number}.script")
    File.WriteAllText(path, ScriptPrinter.print script)
    path

/// Shrinks a finding on a system of its own and writes it down.
let private settle (scratch: Scratch option) (out: string) (index: int) (found: Found) =
    let work () =
        use maker = Lane.maker found.Sut found.Profile scratch $"shrink-{index}"
        Plan.shrink maker found.Script

    // The canary's trouble lies in its view, so its script shows nothing on an honest system.
    let small, disagreement =
        if found.Lane = Lane.canary.Name then
            found.Script, None
        else
            Plan.onThread work

    let final = Option.defaultValue found.Disagreement disagreement
    let script = Findings.annotated small (Seed.split found.RunSeed found.Number) final

    {
        Found = found
        Shrunk = script
        ShrunkDisagreement = final
        Path =
            if found.Lane = Lane.canary.Name then
                None
            else
                Some(writeScript out found script)
    }

/// Parts of one run often find the same; one of each kind is shrunk and shown.
let private distinct (found: Found list) =
    found |> List.distinctBy (fun f -> Disagreement.signature f.Disagreement)

let private wishes (parsed: ParseResult) : Plan.Wish list = [
    for lane, part in lanesOf parsed ->
        {
            Lane = lane
            PartName = part
            Seed = seedOf parsed lane
            Budget = budgetOf parsed lane
            Profile = profileFor parsed lane
            Workers = workersOf parsed
            Only = onlyOf parsed
        }
]

let private runPart (progress: Progress) (part: Part) : PartResult =
    if part.Lane = Lane.exhaustive.Name then
        let result, counts = Display.watch progress (fun () -> Exhaustive.run progress part)

        Console.WriteLine(
            $"exhaustive: {counts.Graphs} graphs, {counts.Letters} letters, \
              {counts.Scripts} scripts"
        )

        result
    else
        Display.watch progress (fun () -> Runner.run progress part)

/// The first signal ends the run in good order, with its report; the second ends the program.
let private stopOnSignal (progress: Progress) =
    let handle (context: PosixSignalContext) =
        if not progress.Stop then
            context.Cancel <- true
            progress.Stop <- true

    [
        PosixSignalRegistration.Create(PosixSignal.SIGINT, handle)
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, handle)
    ]

/// The parts of a lane; a name that none of them has is a mistake, not an empty run.
let private partsOf (scratch: Scratch option) (wish: Plan.Wish) =
    match Plan.parts scratch wish, wish.PartName with
    | [], Some name -> misuse $"the lane {wish.Lane.Name} has no part '{name}'"
    | parts, _ -> parts

/// Runs the lanes asked for and returns what they came to.
let execute (parsed: ParseResult) : RunReport =
    let wishes = wishes parsed
    let out = Outputs.directoryOf parsed Arguments.out |> Option.defaultWith defaultOut
    let needsFiles = wishes |> List.exists (fun w -> Plan.needsFiles w.Lane)

    use scratch =
        if needsFiles then
            Scratch.Open()
        else
            Unchecked.defaultof<Scratch>

    let scratchOption = if needsFiles then Some scratch else None
    let progress = Progress()
    let signals = stopOnSignal progress

    let results = [
        for wish in wishes do
            for part in partsOf scratchOption wish do
                if not progress.Stop || progress.Transitions = 0L then
                    runPart progress part
    ]

    let findings =
        results |> List.collect _.Found |> distinct |> List.mapi (settle scratchOption out)

    for signal in signals do
        signal.Dispose()

    {
        Profile = (List.head wishes).Profile.Name
        Build = Build.kind
        Workers = workersOf parsed
        Results = results
        Findings = findings
        Planted = PlantedBugs.committed.Value
        MustFail = wishes |> List.exists _.Lane.MustFail
    }

/// Runs, shows, writes; the exit code.
let private reported (parsed: ParseResult) (show: RunReport -> unit) : int =
    let struct (json, html) = Outputs.reportsOf parsed
    let report = execute parsed
    show report
    Outputs.write json (fun () -> RunReport.toJson report + "\n")
    Outputs.write html (fun () -> Html.page report)
    if RunReport.disagreements report = 0 then 0 else 1

/// `run`: lanes and their report.
let run (parsed: ParseResult) : int = reported parsed Summary.print

/// `coverage`: a run whose report is every requirement with its counts.
let coverage (parsed: ParseResult) : int =
    reported parsed (fun report ->
        let struct (total, exercised, both) = RunReport.requirements report
        Summary.requirements (RunReport.coverage report)

        Console.WriteLine
            $"{exercised} of {total} that apply exercised, {both} accepted and refused")
