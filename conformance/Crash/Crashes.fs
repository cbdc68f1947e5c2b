/// The lane crash: workloads by number, each run once and then judged after every crash that is
/// tried; what fails is made short.
module Ashlar.Conformance.Crash.Crashes

open System
open System.Threading
open Ashlar.Conformance

/// What was done.
[<Struct>]
type Tally = {
    Workloads: int64
    Requests: int64
    Changes: int64
    Flushes: int64
    Crashes: int64
}

module Tally =
    let zero = { Workloads = 0L; Requests = 0L; Changes = 0L; Flushes = 0L; Crashes = 0L }

    let add (a: Tally) (b: Tally) = {
        Workloads = a.Workloads + b.Workloads
        Requests = a.Requests + b.Requests
        Changes = a.Changes + b.Changes
        Flushes = a.Flushes + b.Flushes
        Crashes = a.Crashes + b.Crashes
    }

/// A fault and the crash that shows it.
type Finding = { Kind: string; Lines: string list }

/// A finding of a run.
type Found = { Number: int64; Workload: Workload; Finding: Finding }

let private describe (run: Run) (state: State) (fault: Judging.Flaw) =
    let during =
        run.Marks
        |> Array.tryFindBack (fun mark -> mark.Began < state.Length)
        |> Option.bind _.Step
        |> Option.map (fun step -> $"%A{step}")
        |> Option.defaultValue "nothing"

    {
        Kind = fault.Kind
        Lines = [
            $"{fault.Kind}: {fault.Text}"
            $"crash after {state.Length} of {run.Log.Length} changes, the last of {during}"
            $"kept: {state.Kept}"
        ]
    }

/// Runs a workload and judges its crashes. `honoursFlush` is as in `States.all`.
let check (honoursFlush: bool) (workload: Workload) : struct (Tally * Finding option) =
    try
        let run = Running.run workload
        let mutable crashes = 0L
        let mutable finding = None

        use states =
            (States.all honoursFlush (Dice workload.Seed) run.Start run.Log).GetEnumerator()

        while finding.IsNone && states.MoveNext() do
            let state = states.Current
            crashes <- crashes + 1L

            finding <-
                Judging.judge run.Backing (Judging.candidates run state.Length) state.Bytes
                |> Option.map (describe run state)

        let flushes =
            run.Marks |> Seq.filter (fun mark -> mark.Step = Some Step.Flush) |> Seq.length

        struct ({
                    Workloads = 1L
                    Requests = int64 (run.Marks.Length - 1)
                    Changes = run.Log.LongLength
                    Flushes = int64 flushes
                    Crashes = crashes
                },
                finding)
    with error ->
        // The engine refuses what it must do, or breaks: that is a finding, too.
        let name = error.GetType().Name

        struct ({ Tally.zero with Workloads = 1L },
                Some { Kind = $"run {name}"; Lines = [ $"without a crash: {error.Message}" ] })

/// The workload of a run's seed and a number.
let numbered (seed: uint64) (number: int64) : Workload =
    Drawing.workload (Seed.split (Seed.ofName seed "crash") number)

/// How often a workload is run at most while it is made short.
let private shrinkRuns = 300

/// The shortest workload found that fails in the same way, and how it fails.
let shrink (workload: Workload) (finding: Finding) : Workload * Finding =
    let mutable runs = 0
    let mutable best = workload
    let mutable last = finding

    let tries (candidate: Workload) =
        runs <- runs + 1

        match check true candidate with
        | struct (_, Some found) when found.Kind = finding.Kind ->
            best <- candidate
            last <- found
            true
        | _ -> false

    let without start count =
        let steps =
            best.Steps
            |> List.indexed
            |> List.filter (fun (index, _) -> index < start || index >= start + count)
            |> List.map snd

        { best with Steps = steps }

    let mutable chunk = max 1 (best.Steps.Length / 2)

    while chunk > 0 && runs < shrinkRuns do
        let mutable start = 0

        while start < best.Steps.Length && runs < shrinkRuns do
            if not (tries (without start chunk)) then
                start <- start + chunk

        chunk <- chunk / 2

    if best.Making.BackingBytes.IsSome then
        let making = { best.Making with BackingBytes = None }
        tries { best with Making = making } |> ignore

    best, last

/// Workloads that are taken before anybody looks whether the budget is spent: the same for any
/// number of workers.
let private blockWorkloads = 16L

/// Runs workloads until the budget is spent, which counts crashes; or the one of that number.
/// Of findings of one kind the first is kept.
let run (progress: Progress) seed only (budget: Budget) workers : Tally * Found list * TimeSpan =
    let clock = Diagnostics.Stopwatch.StartNew()
    let gate = obj ()
    let mutable tally = Tally.zero
    let mutable found: Found list = []
    progress.Part <- "crash"

    let one (number: int64) =
        let workload = numbered seed number
        let struct (counts, finding) = check true workload
        progress.Count counts.Crashes

        lock gate (fun () ->
            tally <- Tally.add tally counts

            match finding with
            | Some finding ->
                progress.CountFound()

                found <- { Number = number; Workload = workload; Finding = finding } :: found
            | None -> ())

    let isTimeOver () =
        match budget with
        | Budget.Seconds seconds -> clock.Elapsed.TotalSeconds >= float seconds
        | Budget.Steps _ -> false

    let block (from: int64) =
        let mutable next = from - 1L

        let work () =
            let mutable number = Interlocked.Increment &next

            while number < from + blockWorkloads && not progress.Stop && not (isTimeOver ()) do
                one number
                number <- Interlocked.Increment &next

        let threads = [
            for _ in 1..workers ->
                let thread = Thread(work, 16 * 1024 * 1024)
                thread.IsBackground <- true
                thread.Start()
                thread
        ]

        for thread in threads do
            thread.Join()

    let isOver () =
        progress.Stop
        || found.Length >= Limits.disagreementKinds
        || isTimeOver ()
        || (match budget with
            | Budget.Steps steps -> tally.Crashes >= steps
            | Budget.Seconds _ -> false)

    match only with
    | Some number -> one number
    | None ->
        let mutable from = 0L

        while not (isOver ()) do
            block from
            from <- from + blockWorkloads

    let first = found |> List.sortBy _.Number |> List.distinctBy _.Finding.Kind
    tally, first, clock.Elapsed
