/// The oracle alone: steps of the generator's scripts and nothing else, so that its speed shows.
namespace Ashlar.Conformance.Benchmarks

open BenchmarkDotNet.Attributes
open Ashlar.Conformance
open Ashlar.Reference.Block

/// How much is recorded.
module Recorded =
    /// Steps of all scripts together: enough that rare commands are among them.
    [<Literal>]
    let StepCount = 5_000

/// Recorded scripts of the memory lane, run through the oracle again.
[<MemoryDiagnoser>]
type Steps() =
    let surroundings = {
        RealFiles = false
        OverQmp = false
        LiveServers = true
        ForeignOwners = false
        Legacy = false
        StaticPercent = 0
    }

    let mutable recorded: struct (World * Command[])[] = [||]

    /// The commands of the script of that number, at most so many.
    let record (number: int) (most: int) =
        let generator = Generator(Seed.split 1UL (int64 number), Profile.ashlar, surroundings)
        let start = Script.world generator.Script

        let rec go world state commands count =
            match (generator :> Source).Next(world, state) with
            | ValueSome command when count < most ->
                let outcome = (Oracle.step Profile.ashlar world state command).Head
                go outcome.World outcome.State (command :: commands) (count + 1)
            | _ -> List.rev commands

        struct (start, go start Graph.empty [] 0 |> Array.ofList)

    [<GlobalSetup>]
    member _.Setup() =
        let scripts = ResizeArray()
        let mutable left = Recorded.StepCount

        while left > 0 do
            let struct (start, commands) = record scripts.Count left
            scripts.Add(struct (start, commands))
            left <- left - commands.Length

        recorded <- scripts.ToArray()

    /// One operation is one step.
    [<Benchmark(OperationsPerInvoke = Recorded.StepCount)>]
    member _.Reference() =
        for struct (start, commands) in recorded do
            let mutable world = start
            let mutable state = Graph.empty

            for command in commands do
                let outcome = (Oracle.step Profile.ashlar world state command).Head
                world <- outcome.World
                state <- outcome.State
