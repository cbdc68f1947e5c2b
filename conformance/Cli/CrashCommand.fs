/// The lane crash on the command line: its run, its report, and what is kept of what it finds.
module Ashlar.Conformance.Cli.CrashCommand

open System
open System.CommandLine
open System.Globalization
open System.IO
open Ashlar.Conformance
open Ashlar.Conformance.Crash
open Ashlar.Conformance.Cli.Arguments

let private thousands (n: int64) = n.ToString("N0", CultureInfo.InvariantCulture)

/// Options of other lanes, which say nothing here.
let private refuseOthers (parsed: ParseResult) =
    for option in [ sut; profile; accept; json; html; record ] do
        if (textOf parsed option).IsSome then
            misuse $"the lane {Lane.crash.Name} takes no {option.Name}"

let private tellTally (tally: Crashes.Tally) (elapsed: TimeSpan) =
    let seconds = max 0.001 elapsed.TotalSeconds

    Console.WriteLine(
        $"crash: {thousands tally.Workloads} workloads, {thousands tally.Requests} requests, "
        + $"{thousands tally.Flushes} flushes, {thousands tally.Changes} changes of the file"
    )

    Console.WriteLine(
        $"{thousands tally.Crashes} crashes judged in {seconds:F0} s, "
        + $"{thousands (int64 (float tally.Crashes / seconds))} per second"
    )

let private replayLine seed (found: Crashes.Found) =
    $"ashlar-conform run --lane {Lane.crash.Name} --seed {seed} --script {found.Number}"

/// Makes a finding short, keeps it, and tells it.
let private settle (out: string) (seed: uint64) (found: Crashes.Found) =
    let small, finding = Crashes.shrink found.Workload found.Finding
    let line = replayLine seed found
    let text = WorkloadText.print (line :: finding.Lines) small
    let path = Path.Combine(out, $"{Lane.crash.Name}-{seed}-{found.Number}.script")
    Console.WriteLine()

    for line in finding.Lines do
        Console.WriteLine line

    Console.WriteLine $"replay: {line}"

    try
        Directory.CreateDirectory out |> ignore
        File.WriteAllText(path, text)

        Console.WriteLine
            $"script: {path}, {small.Steps.Length} of {found.Workload.Steps.Length} steps"

        Console.WriteLine $"or:     ashlar-conform replay {Quoting.shell path}"
    with
    | :? IOException as error -> Console.Error.WriteLine $"no script: {error.Message}"
    | :? UnauthorizedAccessException as error ->
        Console.Error.WriteLine $"no script: {error.Message}"

/// `run --lane crash`; the exit code. Findings are kept in the directory.
let run (parsed: ParseResult) (progress: Progress) (out: string) : int =
    refuseOthers parsed
    let seed = seedOf parsed Lane.crash
    let budget = budgetOf parsed Lane.crash
    let only = onlyOf parsed Lane.crash

    let tally, found, elapsed =
        Display.watch progress (fun () -> Crashes.run progress seed only budget (workersOf parsed))

    tellTally tally elapsed

    for finding in found do
        settle out seed finding

    if found.IsEmpty then
        Console.WriteLine "nothing lost, nothing damaged"

    Console.WriteLine $"replay the run: ashlar-conform run --lane {Lane.crash.Name} --seed {seed}"
    if found.IsEmpty then 0 else 1

/// `replay FILE` of a kept workload; whether nothing was found.
let replay (path: string) (text: string) : bool =
    match WorkloadText.parse text with
    | Error wrong -> misuse $"{path}: {wrong}"
    | Ok workload ->
        match Crashes.check true workload with
        | struct (tally, None) ->
            Console.WriteLine
                $"{path}: {tally.Requests} requests, {tally.Crashes} crashes, nothing lost"

            true
        | struct (_, Some finding) ->
            Console.WriteLine $"{path}:"

            for line in finding.Lines do
                Console.WriteLine("  " + line)

            false
