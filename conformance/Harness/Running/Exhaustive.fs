/// The exhaustive lane: every graph of up to three bricks, every script of up to three letters,
/// each checked once. A script's prefix is checked where it is a script of its own, so only the
/// last step of each is compared; the engine is brought to the prefix by doing it again.
module Ashlar.Conformance.Exhaustive

open System
open System.Diagnostics
open System.Threading
open Ashlar.Reference.Block

/// A graph to start from: its commands, and where the oracle is after them.
type private Graph = {
    Number: int
    Names: string list
    /// The options of each node, for reopens.
    Options: Value list
    World: World
    State: State
}

/// Counts of what was enumerated.
type Counts = { Graphs: int64; Letters: int; Scripts: int64 }

let private profile = Profile.ashlar

let private names = [| "n0"; "n1"; "n2" |]

/// Every graph that the oracle accepts, smallest first.
let private graphs () : Graph list =
    let start = {
        Number = 0
        Names = []
        Options = []
        World = Script.world Alphabet.world
        State = Graph.empty
    }

    let grow (graph: Graph) = [
        for brick in Alphabet.bricks do
            let children = if brick.OverChild then graph.Names else [ "" ]

            for child in children do
                let name = names[graph.Names.Length]
                let options = Alphabet.options brick name child

                for outcome in
                    Oracle.step profile graph.World graph.State (BlockdevAdd options)
                    |> List.truncate 1 do
                    if Result.isOk outcome.Result then
                        {
                            graph with
                                Names = graph.Names @ [ name ]
                                Options = graph.Options @ [ options ]
                                World = outcome.World
                                State = outcome.State
                        }
    ]

    let rec levels graphs depth =
        if depth = 0 then
            []
        else
            let next = List.collect grow graphs
            next @ levels next (depth - 1)

    levels [ start ] Alphabet.nodesMax
    |> List.mapi (fun number graph -> { graph with Number = number })

/// The options of the newest node, as they are or with read-only toggled.
let private reopenTop (graph: Graph) (_: string list) (toggle: bool) : Value list =
    let members = Value.members (List.last graph.Options)

    if not toggle then
        [ Value.Dict members ]
    else
        let others = members |> List.filter (fun (key, _) -> key <> "read-only")

        if others.Length < members.Length then
            [ Value.Dict others ]
        else
            [ Value.Dict(members @ [ "read-only", Value.Bool true ]) ]

/// One worker's walk through the scripts of a graph.
type private Walk(graph: Graph, maker: SubjectMaker, coverage: Coverage, report: Found -> unit) =
    let letters = Alphabet.letters (reopenTop graph) |> List.map (fun l -> l.Make graph.Names)
    let adds = graph.Options |> List.map BlockdevAdd
    let mutable scripts = 0L
    let mutable troubles = 0

    let scriptOf (commands: Command list) = {
        Alphabet.world with
            Steps = adds @ commands |> List.map Script.step
    }

    let fresh (prefix: Command list) =
        let subject = maker.Start Alphabet.world

        for command in adds do
            subject.Act command |> ignore

        for command in prefix do
            subject.Act command |> ignore

        subject

    let disagree (prefix: Command list) command world state allowed (subject: Subject) answer =
        troubles <- troubles + 1
        let script = scriptOf (prefix @ [ command ])
        let actual = subject.Observe answer

        report {
            Lane = "exhaustive"
            Number = int64 graph.Number
            RunSeed = 0UL
            Profile = profile
            RealFiles = false
            Script = script
            Disagreement =
                Checking.disagreement
                    (script.Steps.Length - 1)
                    command
                    world
                    state
                    allowed
                    actual
                    (Checking.nearest ComparisonMode.full actual allowed)
        }

    /// Checks every script that extends the prefix. The subject stands at the prefix or is null.
    member this.From(prefix: Command list, world: World, state: State) : unit =
        let mutable subject: Subject | null = null

        for command in letters do
            if troubles < 3 then
                let ready =
                    match subject with
                    | null -> fresh prefix
                    | ready -> ready

                subject <- ready
                scripts <- scripts + 1L
                let allowed = Oracle.step profile world state command
                let answer = ready.Act command

                match Checking.agreed ComparisonMode.full ready answer allowed with
                | ValueNone -> disagree prefix command world state allowed ready answer
                | ValueSome outcome ->
                    coverage.Count(command, outcome.Result)

                    match Invariant.check profile outcome.World outcome.State with
                    | [] -> ()
                    | _ -> disagree prefix command world state allowed ready answer

                    // A refused command left everything as it was, as was just compared: the next
                    // letter goes on from here.
                    if
                        not (obj.ReferenceEquals(outcome.State, state))
                        || not (obj.ReferenceEquals(outcome.World, world))
                    then
                        ready.Dispose()
                        subject <- null

                    if Result.isOk outcome.Result && prefix.Length + 1 < Alphabet.commandsMax then
                        this.From(prefix @ [ command ], outcome.World, outcome.State)
                    elif prefix.Length + 1 < Alphabet.commandsMax then
                        // A refused letter leads back to the prefix itself, whose scripts are all
                        // checked; they count as the scripts they are.
                        scripts <- scripts + this.Below(prefix.Length + 1)

        match subject with
        | null -> ()
        | last -> last.Dispose()

    /// How many scripts extend one of that length.
    member _.Below(length: int) : int64 =
        let n = int64 letters.Length

        match Alphabet.commandsMax - length with
        | 1 -> n
        | 2 -> n + n * n
        | _ -> 0L

    member this.All() : int64 =
        this.From([], graph.World, graph.State)
        scripts

/// Runs the lane.
let run (progress: Progress) (part: Part) : PartResult * Counts =
    let clock = Stopwatch.StartNew()
    let graphs = graphs () |> Array.ofList
    let gate = obj ()
    let coverage = Coverage()
    let found = Catch progress
    let mutable next = -1
    let mutable scripts = 0L
    let mutable fault: exn option = None
    progress.Part <- part.Lane

    let body (index: int) () =
        try
            use maker = part.Maker $"exhaustive-{index}"
            let mine = Coverage()
            let mutable number = Interlocked.Increment &next

            while number < graphs.Length && not progress.Stop do
                let before = mine.Transitions
                let walked = Walk(graphs[number], maker, mine, found.Add).All()
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
        Found = found.Kept
    },
    {
        Graphs = int64 graphs.Length
        Letters = (Alphabet.letters (fun _ _ -> [])).Length
        Scripts = scripts
    }
