/// Where the randomness of the property tests comes from: one number, the same on every run unless
/// the caller names another. Fresh seeds are the work of the soak lane, not of a build.
module Ashlar.Conformance.Tests.Generators.Replay

open System
open System.Reflection
open Expecto

/// The variable that names another seed.
let private variable = "ASHLAR_SEED"

/// The seed of every property in this run.
let seed: uint64 =
    match Environment.GetEnvironmentVariable variable with
    | null
    | "" -> 20_181_105UL
    | text -> UInt64.Parse text

/// What was built: version and commit.
let private build =
    match
        Assembly.GetExecutingAssembly().GetCustomAttribute<AssemblyInformationalVersionAttribute>()
    with
    | null -> "unknown"
    | attribute -> attribute.InformationalVersion

/// The line that runs a property again exactly as it ran.
let line (name: string) =
    $"Replay: {variable}={seed} dotnet fsi build.fsx test --filter-test-case \"{name}\"  ({build})"

/// A Hedgehog law: so many draws, and on failure the shrunk values and the line that replays them.
let law (draws: int<Hedgehog.tests>) (name: string) (property: Hedgehog.Property<unit>) : Test =
    test name {
        let config =
            Hedgehog.PropertyConfig.defaults
            |> Hedgehog.PropertyConfig.withTests draws
            |> Hedgehog.PropertyConfig.withSeed { Value = seed; Gamma = 0x9E3779B97F4A7C15UL }

        let report = Hedgehog.FSharp.Property.reportWith config property

        match report.Status with
        | Hedgehog.Status.OK -> ()
        | _ -> failtest (Hedgehog.Report.render report + "\n" + line name)
    }
