/// Runs over seeds, each failure with the line that shows it again.
module internal Ashlar.Conformance.Tests.Qcow2.Seeds

open System
open Expecto
open Ashlar.Conformance.Tests.Generators

/// Runs a scenario for each of that many seeds; the first is the run's own.
let forSeeds name count scenario =
    for seed in Replay.seed .. Replay.seed + uint64 count - 1UL do
        try
            scenario (Random(int (seed &&& 0x7fffffffUL)))
        with error ->
            let line = (Replay.line name).Replace($"={Replay.seed} ", $"={seed} ")
            failtest $"seed {seed}: {error.Message}\n{line}"
