/// Runs a lane: worker threads take scripts by number, each number is a seed of its own, so that
/// one script replays alone and the same run checks the same scripts on any number of workers.
namespace Ashlar.Conformance

open System
open System.Collections.Generic
open System.Diagnostics
open System.Threading
open Ashlar.Reference.Block

/// One part of a run: a kind of files, a profile, a budget.
type Part = {
    Lane: string
    Seed: uint64
    Profile: Profile
    Sut: Sut
    Budget: Budget
    InvariantEvery: int
    /// Declared differences.
    Accept: Acceptance
    Workers: int
    /// Only this script, for a replay.
    Only: int64 option
    /// Makes a worker's system, on its thread.
    Maker: string -> SubjectMaker
}

/// A disagreement with the script that shows it.
type Found = {
    Lane: string
    Number: int64
    /// The seed of the run, as in the replay line.
    RunSeed: uint64
    Profile: Profile
    Sut: Sut
    Script: Script
    Disagreement: Disagreement
}

/// What a part of a run came to.
type PartResult = {
    Part: Part
    Scripts: int64
    Elapsed: TimeSpan
    Coverage: Coverage
    /// How many scripts disagreed.
    Disagreements: int
    /// How many scripts ended the server under test: no verdict, but a finding.
    Deaths: int
    /// What was checked: its name, its version if it told one, what it lacks.
    System: string
    Lacks: string list
    /// The same by the command and the last words, the most frequent first.
    DeathCauses: (string * int) list
    /// One for each kind of disagreement, the script of the lowest number.
    Found: Found list
}

/// Counters that a display reads while workers write.
[<Sealed>]
type Progress() =
    let mutable transitions = 0L
    let mutable scripts = 0L
    let mutable found = 0
    /// The part that runs now.
    member val Part = "" with get, set
    member _.Transitions = Volatile.Read &transitions
    member _.Scripts = Volatile.Read &scripts
    member _.Found = Volatile.Read &found

    member _.Count(steps: int64) =
        Interlocked.Add(&transitions, steps) |> ignore
        Interlocked.Increment &scripts |> ignore

    member _.CountFound() = Interlocked.Increment &found |> ignore

    /// Stops the run as soon as the scripts under way are done.
    member val Stop = false with get, set

/// Gathers the disagreements of a part: one of each kind is kept, the others are counted, and a run
/// that finds too many stops.
[<Sealed>]
type Catch(progress: Progress) =
    let kinds = Dictionary<string, Found>()
    let causes = Dictionary<string, int>()
    let mutable total = 0
    let mutable deaths = 0

    /// A process of its own that ended gives no verdict; an engine that throws does.
    let isDeath (item: Found) =
        Lane.isServer item.Sut && (Disagreement.broken item.Disagreement).IsSome

    /// Keeps or counts a disagreement, or a death.
    member _.Add(item: Found) =
        lock kinds (fun () ->
            if isDeath item then
                deaths <- deaths + 1
                let cause = Disagreement.signature item.Disagreement

                causes[cause] <-
                    match causes.TryGetValue cause with
                    | true, before -> before + 1
                    | _ -> 1
            else
                total <- total + 1

            progress.CountFound()
            let kind = Disagreement.signature item.Disagreement

            match kinds.TryGetValue kind with
            | true, earlier when earlier.Number <= item.Number -> ()
            | _ -> kinds[kind] <- item

            if kinds.Count >= Limits.disagreementKinds || total >= Limits.disagreements then
                progress.Stop <- true)

    member _.Total = total
    member _.Deaths = deaths

    member _.DeathCauses =
        causes |> Seq.map (|KeyValue|) |> Seq.sortBy (fun (_, n) -> -n) |> List.ofSeq

    member _.Kept = kinds.Values |> Seq.sortBy _.Number |> List.ofSeq

/// Running.
module Runner =
    /// The generator of a script of a run.
    let generator (part: Part) (number: int64) : Generator =
        let seed = Seed.split (Seed.ofName part.Seed part.Lane) number
        Generator(seed, part.Profile, Lane.surroundings part.Sut part.Profile)

    /// The checks of a script: the policy of its header selects the oracle's profile.
    let checkOptions (part: Part) (mode: ComparisonMode) (script: Script) : CheckOptions = {
        Profile = Script.profile script.Header |> Option.defaultValue part.Profile
        Mode = mode
        InvariantEvery = part.InvariantEvery
        Accept = part.Accept
    }

    /// One script of a run, and what disagreed in it.
    let private one (part: Part) (maker: SubjectMaker) (coverage: Coverage) (number: int64) =
        let source = generator part number
        let script = source.Script
        use subject = maker.Start script
        let told = ResizeArray<Command>()
        let before = coverage.Transitions

        let verdict =
            Checking.run
                (checkOptions part maker.Mode script)
                coverage
                (Script.world script)
                subject
                source
                told.Add

        let steps = coverage.Transitions - before

        match verdict with
        | Verdict.Agreed _ -> struct (steps, None)
        | Verdict.Disagreed disagreement ->
            let steps' = told |> Seq.map Script.step |> List.ofSeq

            struct (steps,
                    Some {
                        Lane = part.Lane
                        Number = number
                        RunSeed = part.Seed
                        Profile = part.Profile
                        Sut = part.Sut
                        Script = { script with Steps = steps' }
                        Disagreement = disagreement
                    })

    /// The transitions of scripts so far decide how many more scripts a budget of steps needs.
    let private scriptsFor (left: int64) (transitions: int64) (scripts: int64) : int64 =
        let perScript = if scripts = 0L then 36L else max 1L (transitions / scripts)
        max 1L ((left + perScript - 1L) / perScript)

    /// Runs the part. The display reads `progress` meanwhile.
    let run (progress: Progress) (part: Part) : PartResult =
        let clock = Stopwatch.StartNew()
        let gate = obj ()
        let found = Catch progress
        let coverage = Coverage()
        let mutable fault: exn option = None
        let mutable nextNumber = part.Only |> Option.defaultValue 0L
        let mutable lastNumber = 0L
        let mutable done' = 0L
        let mutable system = ""
        let mutable lacks: string list = []
        progress.Part <- part.Lane

        let timeIsOver () =
            match part.Budget with
            | Budget.Seconds s -> clock.Elapsed.TotalSeconds >= float s
            | Budget.Steps _ -> false

        let take () =
            let number = Interlocked.Increment &nextNumber - 1L

            if number >= Volatile.Read &lastNumber || progress.Stop || timeIsOver () then
                -1L
            else
                number

        let work (maker: SubjectMaker) =
            let mine = Coverage()
            let mutable number = take ()
            let mutable count = 0L

            while number >= 0L do
                let struct (steps, trouble) = one part maker mine number
                progress.Count steps
                count <- count + 1L
                trouble |> Option.iter found.Add
                number <- take ()

            lock gate (fun () ->
                system <- (maker.Name + " " + maker.Version).Trim()
                lacks <- maker.Lacks
                coverage.Add mine
                done' <- done' + count)

        let workers =
            if part.Only.IsSome then
                1
            else
                Lane.workersOf part.Sut part.Workers

        use start = new Barrier(workers + 1)

        // Workers live through all blocks, since a files worker's thread is special.
        let mutable over = false

        let body (index: int) () =
            try
                use maker = part.Maker $"{part.Lane}-{index}"
                let mutable alive = true

                while alive do
                    start.SignalAndWait()

                    if over then
                        alive <- false
                    else
                        try
                            work maker
                        with error ->
                            lock gate (fun () -> fault <- Some error)
                            progress.Stop <- true

                        start.SignalAndWait()

                lock gate (fun () ->
                    for what, count in maker.Noticed do
                        coverage.Notice(what, count))
            with error ->
                lock gate (fun () -> fault <- Some error)
                progress.Stop <- true
                start.RemoveParticipant()

        let threads = [
            for i in 0 .. workers - 1 ->
                // Options and graphs may nest deeply, so the stack is larger than usual.
                let thread = Thread(body i, 64 * 1024 * 1024)
                thread.IsBackground <- true
                thread.Start()
                thread
        ]

        let block (scripts: int64) =
            Volatile.Write(&lastNumber, Volatile.Read &nextNumber + scripts)
            start.SignalAndWait()
            start.SignalAndWait()
            // Refused tickets counted on; the next block goes on where the last one ended.
            Volatile.Write(&nextNumber, Volatile.Read &lastNumber)

        match part.Only, part.Budget with
        | Some _, _ -> block 1L
        | None, Budget.Seconds _ -> block (Int64.MaxValue / 2L)
        | None, Budget.Steps wanted ->
            let mutable left = wanted

            while left > 0L && not progress.Stop do
                block (scriptsFor left coverage.Transitions done')
                left <- wanted - coverage.Transitions

        over <- true
        start.SignalAndWait()

        for thread in threads do
            thread.Join()

        match fault with
        | Some error when found.Total = 0 -> raise error
        | _ -> ()

        {
            Part = part
            Scripts = done'
            Elapsed = clock.Elapsed
            Coverage = coverage
            Disagreements = found.Total
            Deaths = found.Deaths
            System = system
            Lacks = lacks
            DeathCauses = found.DeathCauses
            Found = found.Kept
        }

    /// The line that runs the script again.
    let replayLine (found: Found) : string =
        // The number of a graph of the exhaustive lane fixes its policy, too.
        let profile =
            if found.Lane = Lane.exhaustive.Name then
                ""
            else
                $"--profile {found.Profile.Name} "

        let system =
            match found.Sut with
            | Sut.Server ServerKind.Qemu
            | Sut.EngineInMemory
            | Sut.EngineOnFiles -> ""
            | Sut.Model when found.Lane = Lane.model.Name -> ""
            | Sut.Model -> "--sut model "
            | Sut.Server kind -> $"--sut {Quoting.shell (ServerKind.word kind)} "

        $"ashlar-conform run --lane {found.Lane} {system}{profile}"
        + $"--seed {found.RunSeed} --script {found.Number}"
