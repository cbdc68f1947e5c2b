/// What a person sees while a lane runs: one line that moves on a terminal, plain lines elsewhere.
module Ashlar.Conformance.Cli.Display

open System
open System.Diagnostics
open System.Globalization
open System.Threading
open Spectre.Console
open Ashlar.Conformance

let private thousands (n: int64) = n.ToString("N0", CultureInfo.InvariantCulture)

/// The time between two looks at the counters, and between two plain lines.
let private lookMilliseconds = 200
let private plainLineSeconds = 10.0

let private line (progress: Progress) (elapsed: TimeSpan) (rate: float) =
    let found =
        match progress.Found with
        | 0 -> "no disagreement"
        | 1 -> "1 disagreement"
        | n -> $"{n} disagreements"

    let seconds = elapsed.TotalSeconds.ToString("0", CultureInfo.InvariantCulture)

    $"{progress.Part}: {thousands progress.Transitions} transitions, {thousands (int64 rate)}/s, "
    + $"{found}, {seconds} s"

/// Runs `work` on another thread and shows the counters until it is done.
let watch (progress: Progress) (work: unit -> 'a) : 'a =
    let clock = Stopwatch.StartNew()
    let mutable result: Result<'a, exn> voption = ValueNone
    use isDone = new ManualResetEventSlim(false)

    let body () =
        result <-
            ValueSome(
                try
                    Ok(work ())
                with error ->
                    Error error
            )

        isDone.Set()

    let thread = Thread(body, 16 * 1024 * 1024)
    thread.IsBackground <- true
    thread.Start()
    let mutable seen = 0L
    let mutable at = 0.0

    /// Transitions a second since the last look, so that a stall shows.
    let rate () =
        let now = clock.Elapsed.TotalSeconds
        let rate = float (progress.Transitions - seen) / max 0.001 (now - at)
        seen <- progress.Transitions
        at <- now
        rate

    if AnsiConsole.Profile.Capabilities.Interactive && not Console.IsOutputRedirected then
        AnsiConsole
            .Status()
            .Spinner(Spinner.Known.Dots)
            .Start(
                "starting",
                fun (context: StatusContext) ->
                    while not (isDone.Wait lookMilliseconds) do
                        context.Status <- Markup.Escape(line progress clock.Elapsed (rate ()))
            )
    else
        let mutable spoken = 0.0

        while not (isDone.Wait lookMilliseconds) do
            if clock.Elapsed.TotalSeconds - spoken >= plainLineSeconds then
                spoken <- clock.Elapsed.TotalSeconds
                Console.WriteLine(line progress clock.Elapsed (rate ()))

    thread.Join()

    match result with
    | ValueSome(Ok value) -> value
    | ValueSome(Error error) -> raise error
    | ValueNone -> invalidOp "the work ended without a result"
