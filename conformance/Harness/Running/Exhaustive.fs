/// The exhaustive lane: every graph of up to three bricks, every script of up to three letters,
/// each checked once. A script's prefix is checked where it is a script of its own, so only the
/// last step of each is compared; the engine is brought to the prefix by doing it again.
module Ashlar.Conformance.Exhaustive

open System
open System.Diagnostics
open System.Threading
open Ashlar.Reference.Block

/// Counts of what was enumerated.
type Counts = { Graphs: int64; Letters: int; Scripts: int64 }

/// Disagreements of one graph after which its walk ends.
let private troublesMax = 3

/// One worker's walk through the scripts of a graph.
type private Walk
    (
        graph: ExhaustiveGraph,
        part: Part,
        commandsMax: int,
        maker: SubjectMaker,
        coverage: Coverage,
        report
    ) =
    let building = ExhaustiveGraphs.commands graph
    let touched = Array.zeroCreate<uint64> Rule.subjects.Length
    let mutable scripts = 0L
    let mutable troubles = 0

    let letters =
        if graph.Nodes.IsEmpty then
            []
        else
            Alphabet.letters |> List.map (fun letter -> letter.Make graph.Nodes)

    let fresh (prefix: Command list) =
        let subject = maker.Start graph.World

        for command in building @ prefix do
            subject.Act command |> ignore

        subject

    let disagree (prefix: Command list) command world state allowed (subject: Subject) answer =
        troubles <- troubles + 1
        let steps = building @ prefix @ [ command ] |> List.map Script.step
        let actual = subject.Observe answer

        report {
            Lane = part.Lane
            Number = int64 graph.Number
            RunSeed = part.Seed
            Profile = graph.Profile
            Sut = part.Sut
            Script = { graph.World with Steps = steps }
            Disagreement =
                Checking.disagreement
                    (steps.Length - 1)
                    command
                    world
                    state
                    allowed
                    actual
                    (Checking.nearest ComparisonMode.full actual allowed)
        }

    /// Checks every script of the prefix and one of the commands. Scripts that it begins are
    /// checked by `further`.
    member private _.Each
        (commands: Command list, prefix: Command list, world: World, state: State, further)
        : unit =
        // Stands at the prefix, or is yet to be brought there.
        let mutable subject: Subject | null = null

        for command in commands do
            if troubles < troublesMax then
                let ready =
                    match subject with
                    | null -> fresh prefix
                    | ready -> ready

                subject <- ready
                scripts <- scripts + 1L

                let allowed = Oracle.stepTouching touched graph.Profile world state command

                let answer = ready.Act command

                match Checking.agreed ComparisonMode.full ready answer allowed with
                | ValueNone ->
                    disagree prefix command world state allowed ready answer
                    // Nobody knows where it stands now.
                    ready.Dispose()
                    subject <- null
                | ValueSome outcome ->
                    coverage.Count(command, outcome.Result)
                    coverage.CountTouched touched

                    match Invariant.check graph.Profile outcome.World outcome.State with
                    | [] -> ()
                    | _ -> disagree prefix command world state allowed ready answer

                    // A refused command left everything as it was, as was just compared: the next
                    // one goes on from here.
                    if
                        not (obj.ReferenceEquals(outcome.State, state))
                        || not (obj.ReferenceEquals(outcome.World, world))
                    then
                        ready.Dispose()
                        subject <- null

                    further command outcome

        match subject with
        | null -> ()
        | last -> last.Dispose()

    /// How many scripts extend one of that length.
    member private _.Below(length: int) : int64 =
        Seq.init (commandsMax - length) (fun i -> pown (int64 letters.Length) (i + 1)) |> Seq.sum

    /// Checks every script that extends the prefix.
    member private this.From(prefix: Command list, world: World, state: State) : unit =
        this.Each(
            letters,
            prefix,
            world,
            state,
            fun command outcome ->
                let length = prefix.Length + 1

                if Result.isError outcome.Result then
                    // A refused letter leads back to the prefix itself, whose scripts are all
                    // checked; they count as the scripts they are.
                    scripts <- scripts + this.Below length
                elif length < commandsMax then
                    this.From(prefix @ [ command ], outcome.World, outcome.State)
        )

    /// Checks each way to add a node to the graph, then every script; how many scripts that were.
    member this.All() : int64 =
        let adds = ExhaustiveGraphs.nextNodes graph |> List.map ExhaustiveGraphs.add
        this.Each(adds, [], graph.At, graph.State, (fun _ _ -> ()))
        this.From([], graph.At, graph.State)
        scripts

/// Runs the lane.
let run (progress: Progress) (part: Part) : PartResult * Counts =
    let clock = Stopwatch.StartNew()

    let graphs =
        ExhaustiveGraphs.all ()
        |> Array.filter (fun graph ->
            part.Only |> Option.forall (fun number -> number = int64 graph.Number))

    let commandsMax =
        match part.Sut with
        | Sut.Model -> Alphabet.modelCommandsMax
        | _ -> Alphabet.commandsMax

    let gate = obj ()
    let coverage = Coverage()
    let found = Catch progress
    let mutable next = -1
    let mutable scripts = 0L
    let mutable fault: exn option = None
    let mutable system = ""
    progress.Part <- part.Lane

    let body (index: int) () =
        try
            use maker = part.Maker $"exhaustive-{index}"
            lock gate (fun () -> system <- maker.Name)
            let mine = Coverage()
            let mutable number = Interlocked.Increment &next

            while number < graphs.Length && not progress.Stop do
                let before = mine.Transitions
                let walked = Walk(graphs[number], part, commandsMax, maker, mine, found.Add).All()
                Interlocked.Add(&scripts, walked) |> ignore
                progress.Count(mine.Transitions - before)
                number <- Interlocked.Increment &next

            lock gate (fun () -> coverage.Add mine)
        with error ->
            lock gate (fun () -> fault <- Some error)
            progress.Stop <- true

    let threads = [
        for i in 0 .. part.Workers - 1 ->
            let thread = Thread(body i, 64 * 1024 * 1024)
            thread.IsBackground <- true
            thread.Start()
            thread
    ]

    for thread in threads do
        thread.Join()

    match fault with
    | Some error when found.Total = 0 -> raise error
    | _ -> ()

    {
        Part = part
        Scripts = scripts
        Elapsed = clock.Elapsed
        Coverage = coverage
        Disagreements = found.Total
        Deaths = found.Deaths
        System = system
        Lacks = []
        DeathCauses = found.DeathCauses
        Found = found.Kept
    },
    {
        Graphs = int64 graphs.Length
        Letters = Alphabet.letters.Length
        Scripts = scripts
    }
