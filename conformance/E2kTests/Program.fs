/// The test executable of the e2k machine: each list is named here, once.
module Ashlar.Conformance.Tests.E2k.Program

open Expecto
open Ashlar.Conformance.Tests

/// The tests of a Release build.
let clean = [
    EncodingTests.tests
    OperationTests.tests
    SoftFloatTests.tests
    AssemblyTests.tests
    MachineTests.tests
    Engine.OperationTests.tests
    Engine.EncodingTests.tests
    Engine.DisassemblyTests.tests
    Engine.AssemblerTests.tests
    Engine.CommandTests.tests
    EngineProgramTests.tests
    Engine.SystemCallTests.tests
    Engine.SystemFactTests.tests
    Engine.SignalTests.tests
    Engine.HostileTests.tests
    Engine.LockstepTests.tests
    Engine.StreamTests.tests
    Engine.PlantedTests.tests
]

/// The tests of a Planted build: only those that switch a planted bug on.
let planted = [ Engine.PlantedTests.planted ]

let all = testList "ashlar.e2k" (if Ashlar.E2k.PlantedBuild.IsPresent then planted else clean)

[<EntryPoint>]
let main arguments = TestSummary.run arguments all
