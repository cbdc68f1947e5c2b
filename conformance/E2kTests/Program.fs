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
    EngineProgramTests.tests
]

let all = testList "ashlar.e2k" clean

[<EntryPoint>]
let main arguments = TestSummary.run arguments all
