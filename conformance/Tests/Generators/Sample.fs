/// Scripts of the harness's generator, run through the oracle to their end: what the generator's
/// own tests look at.
module Ashlar.Conformance.Tests.Generators.Sample

open Ashlar.Conformance
open Ashlar.Reference.Block

/// A whole script, and how each of its steps ended.
type Drawn = { Script: Script; Steps: (Command * Result<Reply, Refusal>) list }

/// The script of a seed, drawn as a lane would.
let draw (profile: Profile) (seed: uint64) : Drawn =
    let generator = Generator(seed, profile, Lane.surroundings Sut.EngineInMemory profile)
    let script = generator.Script
    let profile = Script.profile script.Header |> Option.defaultValue profile

    let rec go world state steps =
        match (generator :> Source).Next(world, state) with
        | ValueNone -> List.rev steps
        | ValueSome command ->
            match Oracle.step profile world state command with
            | outcome :: _ -> go outcome.World outcome.State ((command, outcome.Result) :: steps)
            | [] -> failwith $"no outcome of {ScriptPrinter.command command}"

    let steps = go (Script.world script) Graph.empty []

    {
        Script = { script with Steps = steps |> List.map (fst >> Script.step) }
        Steps = steps
    }

/// So many scripts from the seed of this run.
let many (profile: Profile) (scripts: int) : Drawn list =
    List.init scripts (fun number -> draw profile (Seed.split Replay.seed (int64 number)))
