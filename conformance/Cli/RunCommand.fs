/// `run`: lanes, their report, and what becomes of a disagreement.
module Ashlar.Conformance.Cli.RunCommand

open System
open System.CommandLine
open System.IO
open System.Runtime.InteropServices
open System.Threading
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

/// As `writeScript`; a script that cannot be written is no reason to lose the report that has it.
let private tryWriteScript (directory: string) (found: Found) (script: Script) : string option =
    let lost (why: string) =
        Console.Error.WriteLine $"ashlar-conform: no script in {directory}: {why}; --out says where"
        None

    try
        Some(writeScript directory found script)
    with
    | :? IOException as error -> lost error.Message
    | :? UnauthorizedAccessException as error -> lost error.Message

/// Shrinks a finding on systems of its own and writes it down.
let private settle accept workers (scratch: Scratch option) (out: string) index (found: Found) =
    let shrink () =
        let make number = Lane.maker found.Sut found.Profile scratch $"shrink-{index}-{number}"
        use crew = new Crew(Lane.workersOf found.Sut workers, make)
        Plan.shrinkAccepting accept crew found.Script

    // The canary's trouble lies in its view, so its script shows nothing on an honest system.
    let small, disagreement =
        if found.Lane = Lane.canary.Name then
            found.Script, None
        else
            shrink ()

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
                tryWriteScript out found script
    }

/// Parts of one run often find the same; one of each kind is shrunk and shown.
let private distinct (found: Found list) =
    found |> List.distinctBy (fun f -> Disagreement.signature f.Disagreement)

let private wishes (parsed: ParseResult) : Plan.Wish list = [
    for lane, part in lanesOf parsed do
        refuseParts parsed lane

        if lane.Name = Lane.crash.Name then
            misuse $"the lane {lane.Name} has no parts, and counts no requirements"

        if lane.Name = Lane.exhaustive.Name && (textOf parsed Arguments.accept).IsSome then
            misuse "the lane exhaustive checks the engine alone and takes no --accept"

        {
            Lane = lane
            Sut = sutFor parsed lane
            PartName = part
            Seed = seedOf parsed lane
            Budget = budgetOf parsed lane
            Profile = profileFor parsed lane
            Workers = workersOf parsed
            Only = onlyOf parsed lane
        }
]

let private runPart (progress: Progress) (part: Part) : PartResult =
    if part.Lane = Lane.exhaustive.Name then
        let result, counts = Display.watch progress (fun () -> Exhaustive.run progress part)

        match part.Only with
        | Some number when counts.Graphs = 0L -> misuse $"there is no graph {number}"
        | _ -> ()

        Console.WriteLine(
            $"exhaustive: {counts.Graphs} graphs, {counts.Letters} letters, \
              {counts.Scripts} scripts"
        )

        result
    else
        Display.watch progress (fun () -> Runner.run progress part)

/// The first signal ends the run in good order, with its report; the second ends the program. A
/// run that stopped by itself, having found enough, still gets to its report.
let private stopOnSignal (progress: Progress) =
    let mutable signals = 0

    let handle (context: PosixSignalContext) =
        if Interlocked.Increment &signals = 1 then
            context.Cancel <- true
            progress.Stop <- true
            Console.Error.WriteLine "ashlar-conform: stopping; the report so far follows"

    [ PosixSignal.SIGINT; PosixSignal.SIGTERM; PosixSignal.SIGHUP ]
    |> List.map (fun signal -> PosixSignalRegistration.Create(signal, handle))

/// The parts of a lane; a name that none of them has is a mistake, not an empty run.
let private partsOf (scratch: Scratch option) (wish: Plan.Wish) =
    match Plan.parts scratch wish, wish.PartName with
    | [], Some name -> misuse $"the lane {wish.Lane.Name} has no part '{name}'"
    | parts, _ -> parts

/// Runs a part, and keeps what its server does if that is wanted.
let private recorded (directory: string option) (progress: Progress) (part: Part) : PartResult =
    match directory with
    | Some directory ->
        Directory.CreateDirectory directory |> ignore
        let name = part.Lane.Replace('/', '-')
        let path = Path.Combine(directory, $"{name}-{part.Seed}.jsonl")
        use recorder = new Recorder(path)
        let make worker = new RecordingMaker(part.Maker worker, recorder) :> SubjectMaker
        let result = runPart progress { part with Maker = make }
        Console.WriteLine $"recorded: {recorder.Episodes} scripts in {path}"
        result
    | None -> runPart progress part

/// Runs the lanes asked for and returns what they came to.
let private execute (parsed: ParseResult) (wishes: Plan.Wish list) : RunReport =
    let out = Outputs.directoryOf parsed Arguments.out |> Option.defaultWith defaultOut
    let traces = Outputs.directoryOf parsed Arguments.record

    if traces.IsSome && wishes |> List.exists (fun w -> not (Lane.isServer w.Sut)) then
        misuse "--record keeps what QMP servers do; --lane qemu or --sut names one"

    let needsFiles = wishes |> List.exists Plan.needsFiles
    let accept = acceptOf parsed

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
                    recorded traces progress { part with Accept = accept }
    ]

    let findings =
        results
        |> List.collect _.Found
        |> distinct
        |> List.mapi (settle accept (workersOf parsed) scratchOption out)

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
    let wishes = wishes parsed
    let report = execute parsed wishes
    show report
    wishes |> List.iter Summary.again

    match textOf parsed Arguments.accept with
    | Some path -> Console.WriteLine $"(each of these lines with --accept {Quoting.shell path})"
    | None -> ()

    Outputs.write json (fun () -> RunReport.toJson report + "\n")
    Outputs.write html (fun () -> Html.page report)
    if RunReport.disagreements report = 0 then 0 else 1

let private crash (parsed: ParseResult) : int =
    let progress = Progress()
    let signals = stopOnSignal progress
    let out = Outputs.directoryOf parsed Arguments.out |> Option.defaultWith defaultOut
    let code = CrashCommand.run parsed progress out

    for signal in signals do
        signal.Dispose()

    code

/// `run`: lanes and their report.
let run (parsed: ParseResult) : int =
    match lanesOf parsed with
    | [ lane, None ] when lane.Name = Lane.crash.Name -> crash parsed
    | _ -> reported parsed Summary.print

/// `coverage`: a run whose report is every requirement with its counts.
let coverage (parsed: ParseResult) : int =
    reported parsed (fun report ->
        let struct (total, exercised, both) = RunReport.requirements report
        Summary.requirements (RunReport.coverage report)

        Console.WriteLine
            $"{exercised} of {total} that apply exercised, {both} accepted and refused")
